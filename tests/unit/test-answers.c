/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/answers.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/file.h"
#include "common/text.h"
#include "coordinator/health.h"
#include "tests/unit/fake-coordinator.h"

/* What programs read: compared to the letter with tests/samples/answers/NAME.json. UPDATE=1 writes
 * these files anew; what has changed is then seen in the diff, and belongs into NEWS.md. */

static void compare(const char *name, Json *json) {
        const char *samples = getenv("SAMPLES");
        auto_free char *printed = json_print_pretty(json);
        auto_free char *wanted = NULL;
        auto_free char *seen = NULL;
        char path[512];
        Error error = {};

        json_free(json);
        assert_non_null(printed);
        assert_true(asprintf(&seen, "%s\n", printed) > 0);
        if (!samples) {
                print_message("# skipped: SAMPLES does not say where the samples are\n");
                skip();
        }

        assert_true(text_format(path, sizeof(path), "%s/answers/%s.json", samples, name));
        if (getenv("UPDATE") && file_replace(AT_FDCWD, path, seen, strlen(seen), 0644, &error) < 0)
                fail_msg("%s", error.text);
        if (file_read(AT_FDCWD, path, 1 << 20, &wanted, NULL, &error) < 0)
                fail_msg("%s", error.text);

        assert_string_equal(seen, wanted);
}

static void by_operator(Lab *lab, const char *verb, const char *node, const char *reason) {
        Event event = { .kind = EVENT_OPERATOR,
                        .operator= { .user = "alice", .uid = 1000, .terminal = "/dev/pts/3" } };

        (void) text_copy(event.operator.verb, VERB_MAX, verb);
        (void) text_copy(event.operator.node, NAME_TEXT_MAX, node);
        (void) text_copy(event.operator.reason, REASON_MAX, reason);
        (void) text_copy(event.operator.outcome, REASON_MAX, "done");
        lab_commit(lab, &event);
}

/* A single master that needs two attempts, an agent; then a second run that is under way. */
static Coordinator *coordinator_after_two_runs(void) {
        static const char *const nodes[] = { "m1", "a1" };
        Lab *lab = lab_new();
        Message ended = { .kind = MESSAGE_REPORT };

        lab_join_masters(lab, 1);
        lab_join(lab, "a1", ROLE_AGENT, 0);
        lab_healthy(lab, true);
        by_operator(lab, "run", "", "");
        lab_run(lab, nodes, 2, true);
        lab_lead(lab, "m1", STEP_STARTED);
        lab_pass(lab, 90 * USEC_PER_SEC);
        ended.report.state = NODE_STEP_ENDED;
        ended.report.fence = 1;
        ended.report.exit_status = 3;
        ended.report.started_at = lab->wall - 80 * USEC_PER_SEC;
        ended.report.ended_at = lab->wall - USEC_PER_SEC;
        (void) text_copy(ended.report.step, STEP_ID_MAX, "r1-1a2b3c4d-m1-1");
        (void) text_copy(ended.report.unit, UNIT_MAX, "rollpatch-step-r1-1a2b3c4d-m1-1.service");
        (void) text_copy(ended.report.tail, TAIL_MAX, "last line but one\nlast line");
        (void) lab_hear(lab, "m1", &ended);
        by_operator(lab, "retry", "m1", "disk was full");
        lab_retry(lab, "m1");
        lab_operate(lab, RUN_EVENT_RESUMED);
        lab_lead(lab, "m1", STEP_DONE);
        by_operator(lab, "abort", "", "window is over");
        lab_operate(lab, RUN_EVENT_ABORTED);

        lab_pass(lab, USEC_PER_HOUR);
        lab_run(lab, nodes, 2, true);
        lab_lead(lab, "m1", STEP_STAGED); /* patched by the first run: only judged */
        assert_int_equal(lab_node(lab, "m1")->step.state, STEP_DONE);
        lab_lead(lab, "a1", STEP_STARTED);
        return fake_coordinator_new(lab);
}

/* --- from memory --- */

static void test_status_without_a_run_says_so(void **state) {
        Lab *lab = lab_new();
        AUTO(Coordinator) *c = NULL;

        lab_join_masters(lab, 3);
        c = fake_coordinator_new(lab);
        c->link = (EndpointCounters) { 1000, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13 };
        compare("status-idle", answer_status(c, NULL, 0, DETAIL_ALL));
}

static void test_status_says_what_is_known_of_run_nodes_and_problems(void **state) {
        static const char *const plan[] = { "m3", "m1", "m2", "a1" };
        Lab *lab = lab_new();
        AUTO(Coordinator) *c = NULL;
        Message foreign = { .kind = MESSAGE_REPORT };

        lab_join(lab, "a1", ROLE_AGENT, 0);
        lab_join_masters(lab, 3);
        lab_healthy(lab, true);
        lab_run(lab, plan, 4, false);
        lab_lead(lab, "m1", STEP_STAGED);
        lab_lead(lab, "m2", STEP_STAGED);
        lab_lead(lab, "m3", STEP_STARTED);
        lab_pass(lab, 2 * USEC_PER_SEC);
        foreign.report.state = NODE_STEP_INTERRUPTED;
        (void) text_copy(foreign.report.step, STEP_ID_MAX, "r9-ffffffff-m1-1");
        (void) lab_hear(lab, "m1", &foreign);
        lab_pass(lab, 40 * USEC_PER_SEC);
        lab_facts(lab, "a1")->heard -= 35 * USEC_PER_SEC;
        (void) lab_turn(lab);
        c = fake_coordinator_new(lab);
        compare("status-running", answer_status(c, NULL, 0, DETAIL_ALL));
}

static void test_status_of_a_run_that_is_halted_says_why_and_what_to_type(void **state) {
        Lab *lab = lab_new();
        AUTO(Coordinator) *c = NULL;

        lab_join_masters(lab, 1);
        lab_run(lab, (const char *const[]) { "m1" }, 1, true);
        lab_lead(lab, "m1", STEP_STARTED);
        (void) lab_report(lab, "m1", NODE_STEP_INTERRUPTED, 1, 0);
        c = fake_coordinator_new(lab);
        c->log_problem = "log.db: appending: database or disk is full";
        compare("status-halted", answer_status(c, NULL, 0, DETAIL_ALL));
}

/* One, and this. */
static void expect_the_problem(const Json *status, const char *message, const char *try) {
        const Json *problems = json_find(status, "problems");
        const Json *problem = json_first(problems);

        assert_int_equal(json_size(problems), 1);
        assert_string_equal(json_string_value(json_find(problem, "message")), message);
        assert_string_equal(json_string_value(json_find(problem, "try")), try);
}

/* "Nothing is known to be wrong" would be a lie. */
static void test_a_master_that_is_ill_is_a_problem_with_what_to_type_and_where(void **state) {
        Sample sample = { .check = "exhibitor",
                          .verdict = VERDICT_FAIL,
                          .reason = "10.0.0.1 is 'down', want all serving" };
        Lab *lab = lab_new();
        AUTO(Coordinator) *c = NULL;
        AUTO(Json) *json = NULL;
        size_t subject;

        lab_join_masters(lab, 1);
        assert_true(health_hear(lab->state, &lab->facts, 0, &sample, lab->now, &subject));
        c = fake_coordinator_new(lab);
        json = answer_status(c, NULL, 0, DETAIL_ALL);
        expect_the_problem(
                        json, "m1: exhibitor: 10.0.0.1 is 'down', want all serving",
                        "journalctl -u dcos-exhibitor (on m1)");
}

static void revoke_node(Lab *lab, const char *name, const char *key, Role role) {
        Event event = { .kind = EVENT_KEY, .key = { .change = KEY_IMPORTED, .role = role } };

        (void) text_copy(event.key.node, sizeof(event.key.node), name);
        (void) text_copy(event.key.key, sizeof(event.key.key), key);
        lab_commit(lab, &event);
        event.key.change = KEY_REVOKED;
        lab_commit(lab, &event);
}

static void test_a_revoked_master_is_a_problem_and_a_revoked_agent_is_only_shown(void **state) {
        static const char *const names[] = { "a1" };
        Lab *lab = lab_new();
        AUTO(Coordinator) *c = NULL;
        AUTO(Json) *json = NULL;
        AUTO(Json) *agent = NULL;
        const Json *nodes;

        lab_join_masters(lab, 3);
        lab_join(lab, "a1", ROLE_AGENT, 0);
        revoke_node(lab, "m2", KEY(2), ROLE_MASTER);
        revoke_node(lab, "a1", KEY(a), ROLE_AGENT);
        c = fake_coordinator_new(lab);
        json = answer_status(c, NULL, 0, DETAIL_ALL);
        expect_the_problem(
                        json,
                        "m2's key was revoked; nothing it says counts until it has joined again",
                        "rollpatch token create --role master --name m2");

        agent = answer_status(c, names, 1, DETAIL_ALL);
        assert_int_equal(json_get_array(agent, "nodes", &nodes, NULL), 0);
        assert_string_equal(json_string_value(json_find(json_first(nodes), "link")), "lost");
        assert_string_equal(
                        json_string_value(json_find(json_first(nodes), "message")),
                        "its key was revoked");
}

static void test_status_can_be_asked_of_single_nodes(void **state) {
        static const char *const names[] = { "m2" };
        Lab *lab = lab_new();
        AUTO(Coordinator) *c = NULL;
        AUTO(Json) *json = NULL;
        const Json *nodes;

        lab_join_masters(lab, 3);
        c = fake_coordinator_new(lab);
        json = answer_status(c, names, 1, DETAIL_ALL);
        assert_int_equal(json_get_array(json, "nodes", &nodes, NULL), 0);
        assert_int_equal(json_size(nodes), 1);
        assert_string_equal(json_string_value(json_find(json_first(nodes), "name")), "m2");
}

/* As whoever has asked gets it. Of many nodes the answer cannot be looked into before. */
static Json *read_again(Json *answer) {
        AUTO(Json) *written = answer;
        auto_free char *text = json_print(written);
        Json *read;

        assert_non_null(text);
        assert_int_equal(json_parse(text, strlen(text), &read, NULL), 0);
        return read;
}

static const Json *node_called(const Json *status, const char *name) {
        const Json *nodes;

        assert_int_equal(json_get_array(status, "nodes", &nodes, NULL), 0);
        for (const Json *node = json_first(nodes); node; node = json_next(node)) {
                if (strcmp(json_string_value(json_find(node, "name")), name) == 0)
                        return node;
        }

        fail_msg("%s is not there", name);
        return NULL;
}

/* Each of them is counted, and only who is worth a row is told all of. */
static void test_of_many_nodes_a_brief_status_tells_the_ordinary_ones_in_few_words(void **state) {
        Lab *lab = lab_new();
        AUTO(Coordinator) *c = NULL;
        AUTO(Json) *brief = NULL;
        AUTO(Json) *all = NULL;
        const Json *nodes;
        char name[NAME_TEXT_MAX];

        lab_join_masters(lab, 1);
        for (size_t i = 0; i < BRIEF_FROM; i++) {
                (void) text_format(name, sizeof(name), "a%zu", i);
                lab_join(lab, name, ROLE_AGENT, 0);
        }

        lab_facts(lab, "a7")->heard = 0; /* is missing */
        c = fake_coordinator_new(lab);
        brief = read_again(answer_status(c, NULL, 0, DETAIL_BRIEF));
        all = read_again(answer_status(c, NULL, 0, DETAIL_ALL));
        assert_int_equal(json_get_array(brief, "nodes", &nodes, NULL), 0);
        assert_int_equal(json_size(nodes), BRIEF_FROM + 1);
        assert_non_null(json_find(node_called(brief, "m1"), "version"));
        assert_non_null(json_find(node_called(brief, "a7"), "version"));
        assert_null(json_find(node_called(brief, "a8"), "version"));
        assert_string_equal(
                        json_string_value(json_find(node_called(brief, "a8"), "assessment")),
                        "Idle");
        assert_non_null(json_find(node_called(all, "a8"), "version"));
}

static void test_nodes_lists_all_that_have_ever_reported(void **state) {
        Lab *lab = lab_new();
        AUTO(Coordinator) *c = NULL;

        lab_join(lab, "a1", ROLE_AGENT, 0);
        lab_join_masters(lab, 1);
        lab_restart(lab);
        c = fake_coordinator_new(lab);
        compare("nodes", answer_nodes(c, ""));
}

/* --- from the log --- */

static Json *report_of(const Coordinator *c, uint64_t number) {
        Json *json = NULL;
        Error error = {};

        if (answer_report(c, number, &json, &error) < 0)
                fail_msg("%s", error.text);

        return json;
}

static void test_a_report_tells_an_older_run_to_its_end_and_no_further(void **state) {
        AUTO(Coordinator) *c = coordinator_after_two_runs();

        compare("report-older", report_of(c, 1));
}

static void hear_check(Lab *lab, const char *node, const char *check, Verdict verdict) {
        Event event = { .kind = EVENT_CHECK, .check = { .verdict = verdict } };

        (void) text_copy(event.check.node, NAME_TEXT_MAX, node);
        (void) text_copy(event.check.check, CHECK_NAME_MAX, check);
        (void) text_copy(
                        event.check.reason, REASON_MAX,
                        verdict == VERDICT_NOT_APPLICABLE ? "no version is wanted" : "");
        lab_commit(lab, &event);
}

/* What was once not comparable and has been compared since is checked. */
static void test_a_report_lists_what_was_not_checked_at_the_end(void **state) {
        static const char *const wanted[] = {
                "check-runner on m1: no version is wanted",
                "m1: its gate has not held (verifying)",
                "a1: was not patched (staging)",
        };
        Lab *lab = lab_new();
        AUTO(Coordinator) *c = NULL;
        AUTO(Json) *json = NULL;
        const Json *list;

        lab_join_masters(lab, 1);
        lab_join(lab, "a1", ROLE_AGENT, 0);
        lab_run(lab, (const char *const[]) { "m1", "a1" }, 2, true);
        hear_check(lab, "m1", "version", VERDICT_NOT_APPLICABLE);
        hear_check(lab, "m1", "check-runner", VERDICT_PASS);
        lab_lead(lab, "m1", STEP_VERIFYING);
        hear_check(lab, "m1", "version", VERDICT_PASS);
        hear_check(lab, "m1", "check-runner", VERDICT_NOT_APPLICABLE);
        hear_check(lab, "a1", "units", VERDICT_NOT_APPLICABLE);
        c = fake_coordinator_new(lab);

        json = report_of(c, 1);
        list = json_find(json, "not_checked");
        assert_int_equal(json_size(list), ELEMENTSOF(wanted));
        list = json_first(list);
        for (size_t i = 0; i < ELEMENTSOF(wanted); i++, list = json_next(list))
                assert_string_equal(json_string_value(list), wanted[i]);
}

/* Between two masters it is no gate. What has become well since is no note. */
static void test_a_report_notes_what_only_counts_when_masters_are_level(void **state) {
        Lab *lab = lab_new();
        AUTO(Coordinator) *c = NULL;
        AUTO(Json) *json = NULL;
        const Json *list;

        lab_join_masters(lab, 3);
        lab_run(lab, (const char *const[]) { "m1", "m2", "m3" }, 3, true);
        hear_check(lab, "m1", "subscribers", VERDICT_FAIL);
        hear_check(lab, "m2", "subscribers", VERDICT_PASS);
        hear_check(lab, "m3", "subscribers", VERDICT_FAIL);
        hear_check(lab, "m3", "subscribers", VERDICT_PASS);
        hear_check(lab, "m2", "front", VERDICT_FAIL);
        hear_check(lab, "m2", "units", VERDICT_FAIL);
        c = fake_coordinator_new(lab);

        json = report_of(c, 1);
        list = json_find(json, "notes");
        assert_int_equal(json_size(list), 2);
        assert_string_equal(json_string_value(json_first(list)), "subscribers on m1: ");
        assert_string_equal(json_string_value(json_next(json_first(list))), "front on m2: ");
}

static void test_a_report_without_a_number_is_of_the_newest_run(void **state) {
        AUTO(Coordinator) *c = coordinator_after_two_runs();
        auto_free char *by_number = NULL;
        auto_free char *newest = NULL;
        Json *json = report_of(c, 2);

        by_number = json_print(json);
        json_free(json);
        json = report_of(c, 0);
        newest = json_print(json);
        json_free(json);
        assert_string_equal(by_number, newest);
        assert_non_null(strstr(newest, "\"number\":2"));
        assert_null(strstr(newest, "r1-1a2b3c4d"));
}

/* The host was rebooted mid-script; what it has is right. */
static void test_status_and_report_note_that_an_exit_status_is_unknown(void **state) {
        Lab *lab = lab_new();
        AUTO(Coordinator) *c = NULL;
        AUTO(Json) *status = NULL, *report = NULL;
        auto_free char *status_text = NULL, *report_text = NULL;

        lab_join_masters(lab, 1);
        lab_healthy(lab, true);
        lab_run(lab, (const char *const[]) { "m1" }, 1, true);
        lab_lead(lab, "m1", STEP_STARTED);
        (void) lab_report(lab, "m1", NODE_STEP_INTERRUPTED, 1, 0);
        lab_step(lab, "m1", STEP_EVENT_RECHECKED);
        (void) lab_version(lab, "m1", LAB_TO);
        assert_int_equal(lab_node(lab, "m1")->step.state, STEP_DONE);

        c = fake_coordinator_new(lab);
        status = answer_status(c, NULL, 0, DETAIL_ALL);
        report = report_of(c, 1);
        status_text = json_print(status);
        report_text = json_print(report);
        assert_non_null(strstr(status_text, "exit status unknown"));
        assert_non_null(strstr(report_text, "exit status unknown"));
        assert_non_null(strstr(report_text, "\"exit_unknown\":true"));
        assert_null(strstr(report_text, "\"exit_status\""));
}

static void test_a_report_of_a_run_that_never_was_is_not_found(void **state) {
        AUTO(Coordinator) *c = coordinator_after_two_runs();
        Json *json = NULL;
        Error error = {};

        assert_true(answer_report(c, 3, &json, &error) < 0);
        assert_int_equal(error.code, ERROR_NOT_FOUND);
        assert_null(json);
}

static void test_a_report_without_any_run_is_not_found(void **state) {
        AUTO(Coordinator) *c = fake_coordinator_new(lab_new());
        Json *json = NULL;

        assert_true(answer_report(c, 0, &json, NULL) < 0);
        assert_null(json);
}

static void test_runs_lists_them_all_with_how_they_ended(void **state) {
        AUTO(Coordinator) *c = coordinator_after_two_runs();
        Json *json = NULL;

        assert_int_equal(answer_runs(c, &json, NULL), 0);
        compare("runs", json);
}

static void test_audit_tells_who_did_what_when_and_why(void **state) {
        AUTO(Coordinator) *c = coordinator_after_two_runs();
        Json *json = NULL;

        assert_int_equal(answer_audit(c, 0, &json, NULL), 0);
        compare("audit", json);
}

static void test_audit_begins_where_it_is_asked_to(void **state) {
        AUTO(Coordinator) *c = coordinator_after_two_runs();
        AUTO(Json) *json = NULL;
        const Json *entries;

        assert_int_equal(answer_audit(c, c->lab->wall - USEC_PER_HOUR, &json, NULL), 0);
        assert_int_equal(json_get_array(json, "entries", &entries, NULL), 0);
        assert_int_equal(json_size(entries), 2); /* retry and abort, not run */
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_status_without_a_run_says_so),
                cmocka_unit_test(test_status_says_what_is_known_of_run_nodes_and_problems),
                cmocka_unit_test(test_status_of_a_run_that_is_halted_says_why_and_what_to_type),
                cmocka_unit_test(
                                test_a_master_that_is_ill_is_a_problem_with_what_to_type_and_where),
                cmocka_unit_test(
                                test_a_revoked_master_is_a_problem_and_a_revoked_agent_is_only_shown),
                cmocka_unit_test(test_status_can_be_asked_of_single_nodes),
                cmocka_unit_test(
                                test_of_many_nodes_a_brief_status_tells_the_ordinary_ones_in_few_words),
                cmocka_unit_test(test_nodes_lists_all_that_have_ever_reported),
                cmocka_unit_test(test_a_report_tells_an_older_run_to_its_end_and_no_further),
                cmocka_unit_test(test_a_report_lists_what_was_not_checked_at_the_end),
                cmocka_unit_test(test_a_report_notes_what_only_counts_when_masters_are_level),
                cmocka_unit_test(test_a_report_without_a_number_is_of_the_newest_run),
                cmocka_unit_test(test_status_and_report_note_that_an_exit_status_is_unknown),
                cmocka_unit_test(test_a_report_of_a_run_that_never_was_is_not_found),
                cmocka_unit_test(test_a_report_without_any_run_is_not_found),
                cmocka_unit_test(test_runs_lists_them_all_with_how_they_ended),
                cmocka_unit_test(test_audit_tells_who_did_what_when_and_why),
                cmocka_unit_test(test_audit_begins_where_it_is_asked_to),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
