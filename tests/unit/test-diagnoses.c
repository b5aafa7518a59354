/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/diagnoses.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <string.h>

#include "common/text.h"
#include "coordinator/answers.h"
#include "coordinator/later.h"
#include "proto/check-table.h"
#include "tests/unit/fake-coordinator.h"

/* Who goes wrong is looked at without anybody asking, once, and the cause stands where a person
 * looks first: in the reasons of the step and of the halt. */

static Coordinator *started(void) {
        Lab *lab = lab_new();
        const char *const names[] = { "m1", "m2", "m3" };

        lab_join_masters(lab, 3);
        lab_healthy(lab, true);
        lab_run(lab, names, 3, false);
        lab_lead(lab, "m2", STEP_STAGED);
        lab_lead(lab, "m3", STEP_STAGED);
        lab_lead(lab, "m1", STEP_STARTED);
        return fake_coordinator_new(lab);
}

static void turn(Coordinator *c) {
        fake_coordinator_store(c);
        (void) lab_turn(c->lab);
        later_turn(c, c->lab->now);
}

static size_t index_of(const Coordinator *c, const char *name) {
        return state_find_place(c->lab->state, name);
}

static void end_badly(Coordinator *c) {
        (void) lab_report(c->lab, "m1", NODE_STEP_ENDED, lab_node(c->lab, "m1")->step.fence, 1);
        turn(c);
}

static Diagnosis answer_of(const Coordinator *c) {
        Diagnosis diagnosis = {
                .request = c->sent.diagnose.request,
                .found = 2,
                .symptoms = { { .id = "repo-down",
                                .class = FAILURE_FATAL,
                                .where = "output",
                                .place = "/output",
                                .count = 1,
                                .evidence = "Unable to fetch package" },
                              { .id = "unit-failed",
                                .class = FAILURE_FATAL,
                                .where = "unit",
                                .place = "dcos-net.service",
                                .count = 1,
                                .evidence = "has failed" } },
                .symptom_count = 2,
        };

        return diagnosis;
}

static void hear(Coordinator *c, const char *name, const Diagnosis *diagnosis) {
        Message message = { .kind = MESSAGE_DIAGNOSIS };

        message.diagnosis = *diagnosis;
        later_hear(c, index_of(c, name), &message);
        fake_coordinator_store(c);
}

static void assert_asked(const Coordinator *c, const char *name, unsigned times) {
        assert_int_equal(c->sent_count, times);
        assert_int_equal(c->sent.kind, MESSAGE_DIAGNOSE);
        assert_int_equal(c->sent_to, index_of(c, name));
        assert_string_equal(c->sent.diagnose.step, lab_node(c->lab, name)->step.id);
        assert_int_equal(c->sent.diagnose.masters, 3);
}

static void test_a_node_that_fails_is_asked_and_the_cause_is_in_step_and_halt(void **state) {
        AUTO(Coordinator) *c = started();
        Diagnosis diagnosis;

        turn(c);
        assert_int_equal(c->sent_count, 0);
        end_badly(c);
        assert_int_equal(c->lab->state->run.state, RUN_HALTED);
        assert_asked(c, "m1", 1);

        diagnosis = answer_of(c);
        hear(c, "m1", &diagnosis);
        assert_string_equal(
                        lab_node(c->lab, "m1")->step.reason,
                        "script ended with status 1; cause: repo-down (/output): Unable to fetch package");
        assert_string_equal(
                        c->lab->state->run.reason,
                        "m1 is failed: script ended with status 1; cause: repo-down (/output): Unable to fetch package");
        assert_int_equal(lab_count(c->lab, EVENT_FOUND), 2);
        assert_int_equal(lab_count(c->lab, EVENT_DIAGNOSED), 1);
}

static void test_it_is_not_asked_again_when_it_has_answered(void **state) {
        AUTO(Coordinator) *c = started();
        Diagnosis diagnosis;

        end_badly(c);
        diagnosis = answer_of(c);
        hear(c, "m1", &diagnosis);
        for (int i = 0; i < 10; i++) {
                lab_pass(c->lab, USEC_PER_MINUTE);
                turn(c);
        }
        assert_int_equal(c->sent_count, 1);

        hear(c, "m1", &diagnosis); /* its twin */
        assert_int_equal(lab_count(c->lab, EVENT_DIAGNOSED), 1);
}

static void test_a_restart_forgets_nobody(void **state) {
        AUTO(Coordinator) *c = started();
        Diagnosis late;

        end_badly(c);
        late = answer_of(c);
        later_free(c->later);
        c->later = later_new();
        assert_non_null(c->later);
        hear(c, "m1", &late);
        assert_int_equal(lab_count(c->lab, EVENT_DIAGNOSED), 0);
        turn(c);
        assert_asked(c, "m1", 2);
}

static void test_a_node_that_is_not_heard_is_asked_once_it_is(void **state) {
        AUTO(Coordinator) *c = started();

        lab_pass_silent(c->lab, USEC_PER_HOUR);
        turn(c);
        assert_int_equal(lab_node(c->lab, "m1")->step.state, STEP_UNKNOWN);
        assert_int_equal(c->sent_count, 0);
        (void) lab_heartbeat(c->lab, "m1");
        turn(c);
        assert_asked(c, "m1", 1);
}

static void test_asked_nodes_that_fall_silent_keep_nobody_from_being_asked(void **state) {
        AUTO(Coordinator) *c = started();
        Diagnoses diagnoses = {};
        uint64_t requests = DIAGNOSES_AT_ONCE;
        Event halt = { .kind = EVENT_RUN,
                       .run = { .event = RUN_EVENT_HALTED,
                                .node = "m2",
                                .reason = "master m2 was rebooted while m1 had the slot" } };

        lab_commit(c->lab, &halt);
        lab_pass_silent(c->lab, USEC_PER_HOUR);
        turn(c);
        assert_int_equal(lab_node(c->lab, "m1")->step.state, STEP_UNKNOWN);
        for (size_t i = 0; i < DIAGNOSES_AT_ONCE; i++) {
                diagnoses.asked[i] = (DiagnosisAsked) {
                        .request = i + 1,
                        .node = index_of(c, "m1"),
                        .asked_at = c->lab->now,
                        .tries = 1,
                };
        }
        (void) lab_heartbeat(c->lab, "m2");
        diagnoses_turn(&diagnoses, c, c->lab->now, &requests);
        assert_asked(c, "m2", 1);
}

static void test_a_node_agent_that_never_answers_is_given_up_and_that_is_said(void **state) {
        AUTO(Coordinator) *c = started();

        end_badly(c);
        for (int i = 0; i < 10; i++) {
                lab_pass(c->lab, USEC_PER_MINUTE);
                turn(c);
        }
        assert_int_equal(lab_count(c->lab, EVENT_DIAGNOSED), 1);
        assert_string_equal(
                        lab_last(c->lab, EVENT_DIAGNOSED)->diagnosed.missing,
                        "asked 2 times, the node did not answer within 1min 10s; one possibility is "
                        "that its rollpatch-agent is older than this rollpatchd");
        assert_string_equal(lab_node(c->lab, "m1")->step.reason, "script ended with status 1");
}

static void test_a_node_has_time_for_a_check_runner_that_hangs(void **state) {
        AUTO(Coordinator) *c = started();
        Diagnosis diagnosis;

        end_badly(c);
        diagnosis = answer_of(c);
        assert_true(c->sent.diagnose.limit > CHECK_RUNNER_LIMIT);
        assert_true(c->sent.diagnose.limit <= DIAGNOSE_LIMIT_MAX);
        lab_pass(c->lab, c->sent.diagnose.limit);
        turn(c);
        assert_int_equal(c->sent.diagnose.request, diagnosis.request);
        hear(c, "m1", &diagnosis);
        assert_int_equal(lab_count(c->lab, EVENT_FOUND), 2);
}

static void test_an_order_that_got_lost_is_said_again(void **state) {
        AUTO(Coordinator) *c = started();
        uint64_t request;

        end_badly(c);
        request = c->sent.diagnose.request;
        turn(c);
        assert_asked(c, "m1", 1);
        lab_pass(c->lab, 11 * USEC_PER_SEC);
        turn(c);
        assert_asked(c, "m1", 2);
        assert_int_equal(c->sent.diagnose.request, request);
}

static void test_a_script_that_takes_too_long_is_looked_at_while_it_runs(void **state) {
        AUTO(Coordinator) *c = started();
        Diagnosis diagnosis;

        lab_pass(c->lab, c->lab->state->run.made.numbers.timeout_script - USEC_PER_SEC);
        turn(c);
        assert_int_equal(c->sent_count, 0);
        lab_pass(c->lab, USEC_PER_MINUTE);
        turn(c);
        assert_asked(c, "m1", 1);
        diagnosis = answer_of(c);
        hear(c, "m1", &diagnosis);
        assert_int_equal(lab_node(c->lab, "m1")->step.state, STEP_STARTED);
        assert_true(text_starts_with(lab_node(c->lab, "m1")->step.reason, "cause: repo-down"));

        end_badly(c); /* that is another question */
        assert_asked(c, "m1", 2);
}

static void test_another_node_that_halts_the_run_is_looked_at(void **state) {
        AUTO(Coordinator) *c = started();
        Event halt = { .kind = EVENT_RUN,
                       .run = { .event = RUN_EVENT_HALTED,
                                .node = "m2",
                                .reason = "master m2 was rebooted while m1 had the slot" } };
        Diagnosis diagnosis;

        lab_commit(c->lab, &halt);
        turn(c);
        assert_asked(c, "m2", 1);
        diagnosis = answer_of(c);
        hear(c, "m2", &diagnosis);
        assert_non_null(strstr(c->lab->state->run.reason, "had the slot; cause: repo-down"));
        turn(c);
        assert_int_equal(c->sent_count, 1);
}

static const char *cause_of(FailureClass class, char cause[static CAUSE_MAX]) {
        AUTO(Coordinator) *c = started();
        Diagnosis diagnosis;

        end_badly(c);
        diagnosis = answer_of(c);
        diagnosis.symptoms[0].class = class;
        hear(c, "m1", &diagnosis);
        (void) text_copy(cause, CAUSE_MAX, lab_last(c->lab, EVENT_DIAGNOSED)->diagnosed.cause);
        return cause;
}

static void test_a_note_is_no_cause_and_what_waits_is_called_so(void **state) {
        char cause[CAUSE_MAX];

        assert_string_equal(cause_of(FAILURE_NOTE, cause), "");
        assert_true(text_starts_with(
                        cause_of(FAILURE_WAITS, cause), "repo-down, which waits (/output)"));
}

static void test_a_long_reason_leaves_room_for_the_cause(void **state) {
        AUTO(Coordinator) *c = started();
        Event failed = lab_step_event(c->lab, "m1", STEP_EVENT_SCRIPT_FAILED);
        Diagnosis diagnosis;

        memset(failed.step.reason, 'x', sizeof(failed.step.reason) - 1);
        lab_commit(c->lab, &failed);
        turn(c);
        diagnosis = answer_of(c);
        memset(diagnosis.symptoms[0].evidence, 'y', sizeof(diagnosis.symptoms[0].evidence) - 1);
        hear(c, "m1", &diagnosis);
        assert_non_null(strstr(
                        lab_node(c->lab, "m1")->step.reason, "; cause: repo-down (/output): y"));
        assert_non_null(strstr(c->lab->state->run.reason, "; cause: repo-down (/output): y"));
}

static void test_the_report_has_every_finding_with_cause_and_advice(void **state) {
        AUTO(Coordinator) *c = started();
        const Json *finding = NULL;
        AUTO(Json) *report = NULL;
        Diagnosis diagnosis;

        end_badly(c);
        diagnosis = answer_of(c);
        hear(c, "m1", &diagnosis);
        assert_int_equal(answer_report(c, 0, &report, NULL), 0);
        for (const Json *event = json_first(json_find(report, "events")); event && !finding;
             event = json_next(event))
                finding = json_find(event, "finding");

        assert_non_null(finding);
        assert_string_equal(json_string_value(json_find(finding, "id")), "repo-down");
        assert_non_null(strstr(json_string_value(json_find(finding, "advice")), "bootstrap URL"));
}

static void test_an_operator_is_answered_with_what_the_node_says(void **state) {
        AUTO(Coordinator) *c = started();
        Error error = {};
        Diagnosis diagnosis;

        assert_int_equal(later_diagnose(c, 7, lab_node(c->lab, "m2"), 8 * USEC_PER_SEC, &error), 0);
        assert_int_equal(c->sent.kind, MESSAGE_DIAGNOSE);
        assert_int_equal(c->sent.diagnose.limit, 6 * USEC_PER_SEC);
        diagnosis = answer_of(c);
        hear(c, "m3", &diagnosis); /* another one */
        assert_int_equal(c->answered, 0);
        hear(c, "m2", &diagnosis);
        assert_int_equal(c->answered, 7);
        assert_int_equal(json_size(json_find(c->answer, "findings")), 2);
        assert_int_equal(lab_count(c->lab, EVENT_DIAGNOSED), 0);
}

static void test_an_operator_is_told_who_does_not_answer(void **state) {
        AUTO(Coordinator) *c = started();
        Error error = {};

        assert_int_equal(later_diagnose(c, 7, lab_node(c->lab, "m2"), 8 * USEC_PER_SEC, &error), 0);
        for (int i = 0; i < 9 && !c->answered; i++) {
                lab_pass(c->lab, USEC_PER_SEC);
                turn(c);
        }
        assert_int_equal(c->answered, 7);
        assert_string_equal(c->error.text, "m2: it does not answer");
        assert_true(c->sent_count > 2);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_a_node_that_fails_is_asked_and_the_cause_is_in_step_and_halt),
                cmocka_unit_test(test_it_is_not_asked_again_when_it_has_answered),
                cmocka_unit_test(test_a_restart_forgets_nobody),
                cmocka_unit_test(test_a_node_that_is_not_heard_is_asked_once_it_is),
                cmocka_unit_test(test_asked_nodes_that_fall_silent_keep_nobody_from_being_asked),
                cmocka_unit_test(test_a_node_agent_that_never_answers_is_given_up_and_that_is_said),
                cmocka_unit_test(test_a_node_has_time_for_a_check_runner_that_hangs),
                cmocka_unit_test(test_an_order_that_got_lost_is_said_again),
                cmocka_unit_test(test_a_script_that_takes_too_long_is_looked_at_while_it_runs),
                cmocka_unit_test(test_another_node_that_halts_the_run_is_looked_at),
                cmocka_unit_test(test_a_note_is_no_cause_and_what_waits_is_called_so),
                cmocka_unit_test(test_a_long_reason_leaves_room_for_the_cause),
                cmocka_unit_test(test_the_report_has_every_finding_with_cause_and_advice),
                cmocka_unit_test(test_an_operator_is_answered_with_what_the_node_says),
                cmocka_unit_test(test_an_operator_is_told_who_does_not_answer),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
