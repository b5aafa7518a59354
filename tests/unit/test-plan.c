/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/plan.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <string.h>

#include "common/text.h"
#include "tests/unit/core-lab.h"

#define SCRIPT                                                                             \
        "{\"url\":\"http://10.0.0.9/dcos_node_upgrade.sh\","                               \
        "\"sha256\":\"cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc\"," \
        "\"size\":4711}"
#define NUMBERS                                                                           \
        "{\"batch_percent\":10,\"batch_max\":50,\"canary\":1,\"budget\":2,"               \
        "\"timeout_script\":1800000000,\"timeout_master\":1200000000,"                    \
        "\"timeout_agent\":300000000,\"dwell_master\":60000000,\"dwell_agent\":30000000," \
        "\"dwell_batch\":15000000,\"hold_after_masters\":true,\"hold_after_canary\":false}"

/* What is put in place of one member; NULL: the member is left out; key "+": one more member. */
typedef struct Change {
        const char *key;
        const char *value;
} Change;

static const Change standard[] = {
        { "cluster", "\"prod\"" }, { "from", "\"2.1.0\"" },   { "to", "\"2.1.1\"" },
        { "script", SCRIPT },      { "masters", "[\"m1\"]" }, { "agents", "[\"a1\",\"a2\"]" },
        { "public_agents", "[]" }, { "numbers", NUMBERS },
};

static Json *make_json(const Change *change) {
        char text[4096] = "{";
        Error error = {};
        Json *json = NULL;

        for (size_t i = 0; i < ELEMENTSOF(standard); i++) {
                const char *value = standard[i].value;
                size_t used = strlen(text);

                if (change && strcmp(change->key, standard[i].key) == 0)
                        value = change->value;
                if (value) {
                        assert_true(
                                        text_format(text + used, sizeof(text) - used, "%s\"%s\":%s",
                                                    used > 1 ? "," : "", standard[i].key, value));
                }
        }
        if (change && change->key[0] == '+') {
                (void) text_format(
                                text + strlen(text), sizeof(text) - strlen(text), ",%s",
                                change->value);
        }

        (void) text_format(text + strlen(text), sizeof(text) - strlen(text), "}");
        if (json_parse(text, strlen(text), &json, &error) < 0)
                fail_msg("%s: %s", text, error.text);

        return json;
}

static int decode(const Change *change, Plan **ret, Error *error) {
        AUTO(Json) *json = make_json(change);

        return plan_decode(json, ret, error);
}

static Plan *decode_well(const Change *change) {
        Plan *plan = NULL;
        Error error = {};

        if (decode(change, &plan, &error) < 0)
                fail_msg("%s", error.text);

        return plan;
}

/* --- decoding --- */

static void test_a_plan_is_taken_as_it_is_sent(void **state) {
        AUTO(Plan) *plan = decode_well(NULL);

        assert_string_equal(plan->cluster, "prod");
        assert_string_equal(plan->made.from, "2.1.0");
        assert_string_equal(plan->made.to, "2.1.1");
        assert_string_equal(plan->made.url, "http://10.0.0.9/dcos_node_upgrade.sh");
        assert_int_equal(plan->made.sha256[63], 'c');
        assert_int_equal(plan->made.size, 4711);
        assert_int_equal(plan->made.numbers.batch_percent, 10);
        assert_int_equal(plan->made.numbers.timeout_script, 30 * USEC_PER_MINUTE);
        assert_true(plan->made.numbers.hold_after_masters);
        assert_false(plan->made.numbers.hold_after_canary);
        assert_int_equal(plan->node_count, 3);
        assert_string_equal(plan->nodes[0].name, "m1");
        assert_int_equal(plan->nodes[0].role, ROLE_MASTER);
        assert_string_equal(plan->nodes[2].name, "a2");
        assert_int_equal(plan->nodes[2].role, ROLE_AGENT);
}

static void test_each_role_has_its_list(void **state) {
        AUTO(Plan) *plan = decode_well(&(Change) { "public_agents", "[\"p1\"]" });

        assert_int_equal(plan->node_count, 4);
        assert_string_equal(plan->nodes[3].name, "p1");
        assert_int_equal(plan->nodes[3].role, ROLE_PUBLIC_AGENT);
}

static void test_every_member_must_be_there(void **state) {
        for (size_t i = 0; i < ELEMENTSOF(standard); i++) {
                Plan *plan = NULL;
                Error error = {};

                assert_true(decode(&(Change) { standard[i].key, NULL }, &plan, &error) < 0);
                assert_null(plan);
                assert_non_null(strstr(error.text, standard[i].key));
                assert_int_equal(strncmp(error.text, "plan: ", 6), 0);
        }
}

static void test_what_is_not_a_plan_is_refused_with_its_place(void **state) {
        static const struct {
                Change change;
                const char *says;
        } rows[] = {
                { { "+", "\"speed\":1" }, "speed" },
                { { "cluster", "\"\"" }, "cluster" },
                { { "cluster", "7" }, "cluster" },
                { { "from", "\"\"" }, "from" },
                { { "to", "\"\"" }, "to" },
                { { "to", "null" }, "to" },
                { { "script", "[]" }, "script" },
                { { "script", "{\"url\":\"x\",\"size\":1}" }, "sha256" },
                { { "script",
                    "{\"url\":\"\",\"sha256\":\"cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc\",\"size\":1}" },
                  "url" },
                { { "script",
                    "{\"url\":\"x\",\"sha256\":\"CCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCC\",\"size\":1}" },
                  "sha256" },
                { { "script",
                    "{\"url\":\"x\",\"sha256\":\"cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc\",\"size\":0}" },
                  "size" },
                { { "script",
                    "{\"url\":\"x\",\"sha256\":\"cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc\",\"size\":1,\"args\":\"-f\"}" },
                  "args" },
                { { "masters", "\"m1\"" }, "masters" },
                { { "masters", "[1]" }, "masters" },
                { { "masters", "[\"M1\"]" }, "masters" },
                { { "agents", "[\"a1\",null]" }, "agents" },
                { { "agents", "[\"../etc\"]" }, "agents" },
                { { "numbers", "{}" }, "numbers" },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                Plan *plan = NULL;
                Error error = {};

                if (decode(&rows[i].change, &plan, &error) >= 0)
                        fail_msg("taken: %s %s", rows[i].change.key, rows[i].change.value);
                if (!strstr(error.text, rows[i].says))
                        fail_msg("'%s', want '%s'", error.text, rows[i].says);
                assert_null(plan);
        }
}

static void test_a_number_that_a_node_would_refuse_is_refused_here(void **state) {
        static const char *const changes[][2] = {
                { "\"timeout_script\":1800000000", "\"timeout_script\":0" },
                { "\"timeout_script\":1800000000", "\"timeout_script\":700000000000" },
                { "\"batch_percent\":10", "\"batch_percent\":0" },
                { "\"batch_percent\":10", "\"batch_percent\":101" },
                { "\"batch_max\":50", "\"batch_max\":0" },
                { "\"canary\":1", "\"canary\":-1" },
        };

        for (size_t i = 0; i < ELEMENTSOF(changes); i++) {
                const char *at = strstr(NUMBERS, changes[i][0]);
                char numbers[1024];
                Plan *plan = NULL;

                (void) text_format(
                                numbers, sizeof(numbers), "%.*s%s%s", (int) (at - NUMBERS), NUMBERS,
                                changes[i][1], at + strlen(changes[i][0]));
                assert_true(decode(&(Change) { "numbers", numbers }, &plan, NULL) < 0);
        }
}

/* It would get two steps, and no replay would get past the second. */
static void test_a_node_that_stands_twice_is_refused_wherever_it_stands(void **state) {
        static const Change changes[] = {
                { "masters", "[\"m1\",\"m2\",\"m1\"]" },
                { "agents", "[\"m1\"]" },
                { "public_agents", "[\"a2\"]" },
        };

        for (size_t i = 0; i < ELEMENTSOF(changes); i++) {
                Plan *plan = NULL;
                Error error = {};

                assert_true(decode(&changes[i], &plan, &error) < 0);
                assert_int_equal(error.code, ERROR_INVALID);
                assert_non_null(strstr(error.text, "named twice"));
        }
}

static void test_more_nodes_than_a_cluster_may_have_are_refused(void **state) {
        AUTO(Json) *json = make_json(&(Change) { "agents", NULL });
        Json *names = json_new_array();
        Plan *plan = NULL;
        Error error = {};
        char name[32];

        for (unsigned i = 0; i < 10009; i++) {
                (void) text_format(name, sizeof(name), "a%u", i);
                assert_true(json_append(names, json_new_string(name)));
        }
        assert_true(json_add(json, "agents", names));
        assert_true(plan_decode(json, &plan, &error) < 0);
        assert_int_equal(error.code, ERROR_TOO_BIG);
}

static void test_what_is_no_object_is_no_plan(void **state) {
        static const char *const texts[] = { "[]", "7", "\"plan\"", "null", "true" };

        for (size_t i = 0; i < ELEMENTSOF(texts); i++) {
                AUTO(Json) *json = NULL;
                Plan *plan = NULL;

                assert_int_equal(json_parse(texts[i], strlen(texts[i]), &json, NULL), 0);
                assert_true(plan_decode(json, &plan, NULL) < 0);
                assert_null(plan);
        }
}

/* --- findings --- */

static Lab *lab_of(uint64_t masters) {
        Lab *lab = lab_new();

        lab_join_masters(lab, masters);
        lab_join(lab, "a1", ROLE_AGENT, 0);
        lab_join(lab, "a2", ROLE_AGENT, 0);
        return lab;
}

/* Exactly one finding, with this id. */
static void expect_finding(
                const Lab *lab, const Plan *plan, bool accept, const char *id, ErrorCode code) {
        Finding findings[FINDINGS_MAX];
        size_t count = plan_check(plan, lab->state, "prod", &lab->facts.rules, accept, findings);

        for (size_t i = 0; i < count; i++)
                print_message("# %s: %s\n", findings[i].id, findings[i].text);

        assert_int_equal(count, id != NULL);
        if (!id)
                return;

        assert_string_equal(findings[0].id, id);
        assert_int_equal(findings[0].code, code);
        assert_true(findings[0].blocks);
        assert_int_not_equal(findings[0].text[0], '\0');
}

static void test_nothing_speaks_against_a_plan_that_fits(void **state) {
        AUTO(Lab) *lab = lab_of(1);
        AUTO(Plan) *plan = decode_well(NULL);

        expect_finding(lab, plan, true, NULL, ERROR_NONE);
}

static void test_masters_may_be_left_alone(void **state) {
        AUTO(Lab) *lab = lab_of(3);
        AUTO(Plan) *plan = decode_well(&(Change) { "masters", "[]" });

        expect_finding(lab, plan, false, NULL, ERROR_NONE);
}

static void test_a_single_master_needs_consent(void **state) {
        AUTO(Lab) *lab = lab_of(1);
        AUTO(Plan) *plan = decode_well(NULL);

        expect_finding(lab, plan, false, "masters.single", ERROR_UNSAFE);
}

static void test_the_masters_must_be_all_masters(void **state) {
        AUTO(Lab) *lab = lab_of(3);
        AUTO(Plan) *plan = decode_well(NULL);

        expect_finding(lab, plan, false, "masters.count", ERROR_UNSAFE);
}

static void test_the_number_of_masters_must_be_known(void **state) {
        AUTO(Lab) *lab = lab_of(0);
        AUTO(Plan) *plan = decode_well(&(Change) { "masters", "[]" });

        expect_finding(lab, plan, false, "masters.count", ERROR_BLOCKED);
}

static void test_a_plan_of_another_cluster_is_refused(void **state) {
        AUTO(Lab) *lab = lab_of(1);
        AUTO(Plan) *plan = decode_well(&(Change) { "cluster", "\"lab\"" });

        expect_finding(lab, plan, true, "cluster.name", ERROR_UNSAFE);
}

static void test_a_plan_without_nodes_is_refused(void **state) {
        AUTO(Lab) *lab = lab_of(1);
        AUTO(Plan) *plan = decode_well(NULL);

        plan->node_count = 0;
        expect_finding(lab, plan, true, "plan.empty", ERROR_INVALID);
}

static void test_a_node_nobody_has_heard_of_is_refused(void **state) {
        AUTO(Lab) *lab = lab_of(1);
        AUTO(Plan) *plan = decode_well(&(Change) { "agents", "[\"a1\",\"a9\"]" });

        expect_finding(lab, plan, true, "node.unknown", ERROR_NOT_FOUND);
}

static void test_a_node_in_the_wrong_list_is_refused(void **state) {
        AUTO(Lab) *lab = lab_of(1);
        AUTO(Plan) *plan = decode_well(&(Change) { "public_agents", "[\"a3\"]" });

        lab_join(lab, "a3", ROLE_AGENT, 0);
        expect_finding(lab, plan, true, "node.role", ERROR_UNSAFE);
}

/* Promise 1 holds across runs. */
static void test_what_is_left_from_before_must_be_settled_first(void **state) {
        AUTO(Lab) *lab = lab_of(1);
        AUTO(Plan) *plan = decode_well(NULL);

        lab_run(lab, (const char *const[]) { "m1" }, 1, true);
        lab_lead(lab, "m1", STEP_STARTED);
        lab_operate(lab, RUN_EVENT_ABORTED);
        expect_finding(lab, plan, true, "node.unresolved", ERROR_UNSAFE);
        (void) lab_report(lab, "m1", NODE_STEP_ENDED, 1, 1);
        expect_finding(lab, plan, true, "node.unresolved", ERROR_UNSAFE);
        lab_step(lab, "m1", STEP_EVENT_RELEASED);
        expect_finding(lab, plan, true, NULL, ERROR_NONE);
}

static void give_version(Lab *lab, const char *name, const char *version) {
        Event event;

        assert_true(intake_version(lab_node(lab, name), version, &event));
        lab_commit(lab, &event);
}

static void test_a_node_of_a_third_version_must_be_looked_at_first(void **state) {
        AUTO(Lab) *lab = lab_of(1);
        AUTO(Plan) *plan = decode_well(NULL);

        give_version(lab, "a1", "1.13.0");
        expect_finding(lab, plan, true, "node.version", ERROR_UNSAFE);
        give_version(lab, "a1", LAB_FROM);
        expect_finding(lab, plan, true, NULL, ERROR_NONE);
}

/* That is how a run goes on where one before it was aborted. */
static void test_nodes_that_are_patched_already_are_counted_and_speak_against_nothing(
                void **state) {
        AUTO(Lab) *lab = lab_of(1);
        AUTO(Plan) *plan = decode_well(NULL);
        Finding findings[FINDINGS_MAX];

        give_version(lab, "m1", LAB_TO);
        assert_int_equal(
                        plan_check(plan, lab->state, "prod", &lab->facts.rules, true, findings), 1);
        assert_string_equal(findings[0].id, "node.patched");
        assert_false(findings[0].blocks);
        assert_non_null(strstr(findings[0].text, "nodes (m1) have DC/OS 2.1.1 already"));
        give_version(lab, "a2", LAB_TO);
        assert_int_equal(
                        plan_check(plan, lab->state, "prod", &lab->facts.rules, true, findings), 1);
        assert_non_null(strstr(findings[0].text, "2 of "));
        assert_non_null(strstr(findings[0].text, "(m1, ...)"));
}

static void test_findings_stop_at_their_limit(void **state) {
        AUTO(Lab) *lab = lab_of(1);
        AUTO(Json) *json = make_json(&(Change) { "agents", NULL });
        AUTO(Plan) *plan = NULL;
        Json *names = json_new_array();
        Finding findings[FINDINGS_MAX];
        char name[32];

        for (unsigned i = 0; i < 3 * FINDINGS_MAX; i++) {
                (void) text_format(name, sizeof(name), "x%u", i);
                assert_true(json_append(names, json_new_string(name)));
        }
        assert_true(json_add(json, "agents", names));
        assert_int_equal(plan_decode(json, &plan, NULL), 0);
        assert_int_equal(
                        plan_check(plan, lab->state, "prod", &lab->facts.rules, true, findings),
                        FINDINGS_MAX);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_a_plan_is_taken_as_it_is_sent),
                cmocka_unit_test(test_each_role_has_its_list),
                cmocka_unit_test(test_every_member_must_be_there),
                cmocka_unit_test(test_what_is_not_a_plan_is_refused_with_its_place),
                cmocka_unit_test(test_a_number_that_a_node_would_refuse_is_refused_here),
                cmocka_unit_test(test_a_node_that_stands_twice_is_refused_wherever_it_stands),
                cmocka_unit_test(test_more_nodes_than_a_cluster_may_have_are_refused),
                cmocka_unit_test(test_what_is_no_object_is_no_plan),
                cmocka_unit_test(test_nothing_speaks_against_a_plan_that_fits),
                cmocka_unit_test(test_masters_may_be_left_alone),
                cmocka_unit_test(test_a_single_master_needs_consent),
                cmocka_unit_test(test_the_masters_must_be_all_masters),
                cmocka_unit_test(test_the_number_of_masters_must_be_known),
                cmocka_unit_test(test_a_plan_of_another_cluster_is_refused),
                cmocka_unit_test(test_a_plan_without_nodes_is_refused),
                cmocka_unit_test(test_a_node_nobody_has_heard_of_is_refused),
                cmocka_unit_test(test_a_node_in_the_wrong_list_is_refused),
                cmocka_unit_test(test_what_is_left_from_before_must_be_settled_first),
                cmocka_unit_test(test_a_node_of_a_third_version_must_be_looked_at_first),
                cmocka_unit_test(
                                test_nodes_that_are_patched_already_are_counted_and_speak_against_nothing),
                cmocka_unit_test(test_findings_stop_at_their_limit),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
