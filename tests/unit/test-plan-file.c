/* SPDX-License-Identifier: Apache-2.0 */

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/text.h"
#include "coordinator/plan-file.h"

#define SHA256 "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03"
#define HEAD                                      \
        "cluster: demo\nfrom: 2.1.0\nto: 2.1.1\n" \
        "script: { url: 'http://10.0.0.1/u.sh', sha256: " SHA256 ", size: 16K }\n"

typedef struct Plan {
        PlanFile *file;
        ConfigErrors *errors;
} Plan;

static int set_up(void **state) {
        Plan *plan = calloc(1, sizeof(*plan));

        assert_non_null(plan);
        plan->file = calloc(1, sizeof(*plan->file));
        plan->errors = calloc(1, sizeof(*plan->errors));
        assert_non_null(plan->file);
        assert_non_null(plan->errors);
        *state = plan;
        return 0;
}

static int tear_down(void **state) {
        Plan *plan = *state;

        free(plan->file);
        free(plan->errors);
        free(plan);
        return 0;
}

static int load(Plan *plan, const char *text) {
        char path[] = "/tmp/rollpatch-test-plan-XXXXXX";
        int fd = mkstemp(path);
        int r;

        assert_true(fd >= 0);
        assert_int_equal(write(fd, text, strlen(text)), strlen(text));
        r = plan_file_load(path, plan->file, plan->errors);
        (void) close(fd);
        (void) unlink(path);
        return r;
}

static void assert_mistake(const Plan *plan, const char *text) {
        if (!strstr(plan->errors->text, text))
                fail_msg("'%s' is not in:\n%s", text, plan->errors->text);
}

static void test_a_short_plan_has_the_documented_defaults(void **state) {
        Plan *plan = *state;
        const PlanFile *file = plan->file;

        assert_int_equal(
                        load(plan, HEAD "masters: [m1, m2, m3]\nagents: [a1]\npublic_agents: []\n"),
                        0);
        assert_int_equal(plan->errors->count, 0);
        assert_string_equal(file->cluster, "demo");
        assert_string_equal(file->from, "2.1.0");
        assert_string_equal(file->to, "2.1.1");
        assert_string_equal(file->url, "http://10.0.0.1/u.sh");
        assert_string_equal(file->sha256, SHA256);
        assert_int_equal(file->size, 16384);
        assert_int_equal(file->master_count, 3);
        assert_string_equal(file->masters[2], "m3");
        assert_int_equal(file->agent_count, 1);
        assert_int_equal(file->public_agent_count, 0);
        assert_int_equal(file->batch_percent, 10);
        assert_int_equal(file->batch_max, 50);
        assert_int_equal(file->canary, 1);
        assert_int_equal(file->budget, 2);
        assert_int_equal(file->timeout_script, 30 * USEC_PER_MINUTE);
        assert_int_equal(file->timeout_master, 20 * USEC_PER_MINUTE);
        assert_int_equal(file->timeout_agent, 5 * USEC_PER_MINUTE);
        assert_int_equal(file->dwell_master, 60 * USEC_PER_SEC);
        assert_int_equal(file->dwell_agent, 30 * USEC_PER_SEC);
        assert_int_equal(file->dwell_batch, 15 * USEC_PER_SEC);
        assert_false(file->hold_after_masters);
        assert_false(file->hold_after_canary);
}

static void test_every_number_can_be_set(void **state) {
        Plan *plan = *state;
        const PlanFile *file = plan->file;

        assert_int_equal(
                        load(plan, HEAD "masters: []\nagents: [a1]\npublic_agents: [p1]\n"
                                        "batch: { percent: 20, max: 7 }\ncanary: 0\nbudget: 0\n"
                                        "timeouts: { script: 1min, master: 2min, agent: 3min }\n"
                                        "dwell: { master: 4s, agent: 5s, batch: 6s }\n"
                                        "holds: { after_masters: true, after_canary: yes }\n"),
                        0);
        assert_int_equal(file->master_count, 0);
        assert_int_equal(file->batch_percent, 20);
        assert_int_equal(file->batch_max, 7);
        assert_int_equal(file->canary, 0);
        assert_int_equal(file->budget, 0);
        assert_int_equal(file->timeout_script, 1 * USEC_PER_MINUTE);
        assert_int_equal(file->timeout_master, 2 * USEC_PER_MINUTE);
        assert_int_equal(file->timeout_agent, 3 * USEC_PER_MINUTE);
        assert_int_equal(file->dwell_master, 4 * USEC_PER_SEC);
        assert_int_equal(file->dwell_agent, 5 * USEC_PER_SEC);
        assert_int_equal(file->dwell_batch, 6 * USEC_PER_SEC);
        assert_true(file->hold_after_masters);
        assert_true(file->hold_after_canary);
}

static void test_all_mistakes_are_reported_in_one_go(void **state) {
        Plan *plan = *state;

        assert_int_equal(
                        load(plan, "clutser: demo\n"
                                   "from: 2.1.0\n"
                                   "script: { url: ftp://x, sha256: 12, size: 0 }\n"
                                   "masters: [m1, M2]\n"
                                   "agents: a1\n"
                                   "batch: { percent: 101 }\n"
                                   "dwell: { master: soon }\n"
                                   "holds: { after_masters: perhaps }\n"),
                        -EINVAL);
        assert_mistake(plan, ":1:1: unknown key 'clutser', did you mean 'cluster'?");
        assert_mistake(plan, "'cluster' is missing");
        assert_mistake(plan, "'to' is missing");
        assert_mistake(plan, "'public_agents' is missing");
        assert_mistake(plan, "script.url");
        assert_mistake(plan, "script.sha256");
        assert_mistake(plan, "script.size");
        assert_mistake(plan, "M2");
        assert_mistake(plan, "'agents' is a value");
        assert_mistake(plan, "batch.percent");
        assert_mistake(plan, "dwell.master");
        assert_mistake(plan, "holds.after_masters");
        assert_int_equal(plan->errors->count, 12);
        assert_string_equal(plan->file->from, "");
}

static void test_a_node_has_one_role(void **state) {
        Plan *plan = *state;

        assert_int_equal(
                        load(plan, HEAD
                             "masters: [x, y, z]\nagents: [x, a, y]\npublic_agents: [x, b, a]\n"),
                        -EINVAL);
        assert_mistake(plan, "'x' is in more than one list");
        assert_mistake(plan, "'y' is in more than one list");
        assert_mistake(plan, "'a' is in more than one list");
        assert_int_equal(plan->errors->count, 3);
        assert_int_equal(plan->file->master_count, 0);
}

static void test_a_cluster_has_an_odd_number_of_masters(void **state) {
        static const char *const names[] = { "m1", "m2", "m3", "m4", "m5", "m6", "m7", "m8", "m9" };
        Plan *plan = *state;

        for (size_t n = 0; n <= ELEMENTSOF(names); n++) {
                char text[1024] = HEAD "agents: [a1]\npublic_agents: []\nmasters: [";
                size_t used = strlen(text);

                for (size_t i = 0; i < n; i++) {
                        assert_true(text_format(text + used, sizeof(text) - used, "%s,", names[i]));
                        used = strlen(text);
                }
                assert_true(text_copy(text + used, sizeof(text) - used, "]\n"));
                assert_int_equal(load(plan, text), n == 0 || n % 2 == 1 ? 0 : -EINVAL);
        }
}

static void test_a_plan_without_nodes_is_a_mistake(void **state) {
        Plan *plan = *state;

        assert_int_equal(load(plan, HEAD "masters: []\nagents: []\npublic_agents: []\n"), -EINVAL);
        assert_mistake(plan, "no nodes");
        assert_int_equal(plan->errors->count, 1);
}

static void test_a_plan_of_ten_thousand_nodes_is_read(void **state) {
        Plan *plan = *state;
        const size_t size = 400000;
        auto_free char *text = calloc(1, size);
        size_t used;

        assert_non_null(text);
        (void) text_copy(text, size, HEAD "masters: []\npublic_agents: []\nagents:\n");
        used = strlen(text);
        for (size_t i = 0; i < PLAN_NODES_MAX; i++) {
                assert_true(text_format(text + used, size - used, "  - agent-%010zu\n", i));
                used += strlen(text + used);
        }

        assert_int_equal(load(plan, text), 0);
        assert_int_equal(plan->file->agent_count, PLAN_NODES_MAX);
        assert_string_equal(plan->file->agents[PLAN_NODES_MAX - 1], "agent-0000009999");
}

static void test_a_file_that_is_not_there_is_one_mistake(void **state) {
        Plan *plan = *state;

        assert_int_equal(plan_file_load("/nowhere/plan.yaml", plan->file, plan->errors), -EINVAL);
        assert_int_equal(plan->errors->count, 1);
        assert_mistake(plan, "/nowhere/plan.yaml");
}

static void test_the_json_has_every_member(void **state) {
        Plan *plan = *state;
        AUTO(Json) *json = NULL;
        auto_free char *text = NULL;

        assert_int_equal(
                        load(plan, HEAD "masters: [m1]\nagents: [a1, a2]\npublic_agents: []\n"), 0);
        json = plan_file_to_json(plan->file);
        text = json_print(json);
        assert_string_equal(
                        text,
                        "{\"cluster\":\"demo\",\"from\":\"2.1.0\",\"to\":\"2.1.1\","
                        "\"script\":{\"url\":\"http://10.0.0.1/u.sh\",\"sha256\":\"" SHA256 "\","
                        "\"size\":16384},"
                        "\"masters\":[\"m1\"],\"agents\":[\"a1\",\"a2\"],\"public_agents\":[],"
                        "\"numbers\":{\"batch_percent\":10,\"batch_max\":50,\"canary\":1,\"budget\":2,"
                        "\"timeout_script\":1800000000,\"timeout_master\":1200000000,"
                        "\"timeout_agent\":300000000,\"dwell_master\":60000000,"
                        "\"dwell_agent\":30000000,\"dwell_batch\":15000000,"
                        "\"hold_after_masters\":false,\"hold_after_canary\":false}}");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(
                                test_a_short_plan_has_the_documented_defaults, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_every_number_can_be_set, set_up, tear_down),
                cmocka_unit_test_setup_teardown(
                                test_all_mistakes_are_reported_in_one_go, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_a_node_has_one_role, set_up, tear_down),
                cmocka_unit_test_setup_teardown(
                                test_a_cluster_has_an_odd_number_of_masters, set_up, tear_down),
                cmocka_unit_test_setup_teardown(
                                test_a_plan_without_nodes_is_a_mistake, set_up, tear_down),
                cmocka_unit_test_setup_teardown(
                                test_a_plan_of_ten_thousand_nodes_is_read, set_up, tear_down),
                cmocka_unit_test_setup_teardown(
                                test_a_file_that_is_not_there_is_one_mistake, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_the_json_has_every_member, set_up, tear_down),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
