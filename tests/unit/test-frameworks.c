/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/frameworks.h"

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

static void hear(Lab *lab, const char *who, uint64_t connected, uint64_t away) {
        const Sample sample = { .check = "mesos-master",
                                .verdict = VERDICT_PASS,
                                .numbers = { { "elected", 1 },
                                             { "frameworks", connected },
                                             { "frameworks_away", away } },
                                .number_count = 3 };

        lab_sample(lab, who, &sample);
}

static void patch(Lab *lab, size_t master, StepState to) {
        Step *step = &lab->state->nodes[master].step;

        (void) text_copy(step->id, sizeof(step->id), "r1-1a2b3c4d-m1-1");
        step->state = to;
        step->slot = to == STEP_VERIFYING;
}

/* Of three masters; before the first one's step one was away. */
static Lab *lab_after_the_last(StepState last) {
        Lab *lab = lab_new();

        lab_join_masters(lab, 3);
        patch(lab, 0, STEP_DONE);
        patch(lab, 1, STEP_DONE);
        patch(lab, 2, last);
        lab->state->run.frameworks_before = 3;
        lab->state->run.frameworks_away_before = 1;
        return lab;
}

static void expect(const Lab *lab, bool back, const char *part) {
        Why why = {};

        if (frameworks_are_back(lab->state, &lab->facts, lab->now, &why) != back ||
            !strstr(why.text, part))
                fail_msg("'%s', want '%s'", why.text, part);
}

static void test_no_more_frameworks_are_away_than_before_the_first_master(void **state) {
        AUTO(Lab) *lab = lab_after_the_last(STEP_VERIFYING);

        hear(lab, "m2", 3, 1);
        expect(lab, true, "");
        hear(lab, "m2", 1, 1); /* one has done its work */
        expect(lab, true, "");
        hear(lab, "m2", 2, 2);
        expect(lab, false,
               "2 frameworks are not connected to the leading master, before the first "
               "master's step it was 1");
}

/* For hours, or for a week by default: an owner may have stopped one in the meantime. */
static void test_whoever_waits_for_a_framework_is_told_how_to_go_on_without_it(void **state) {
        AUTO(Lab) *lab = lab_after_the_last(STEP_VERIFYING);
        Why why = {};

        hear(lab, "m2", 2, 2);
        assert_false(frameworks_are_back(lab->state, &lab->facts, lab->now, &why));
        assert_non_null(strstr(why.text, "one that its owner has stopped since counts"));
        assert_non_null(strstr(why.advice, "dcos service shutdown ID"));
        assert_non_null(strstr(why.advice, "rollpatch retry"));
}

static void test_between_masters_frameworks_may_be_away(void **state) {
        AUTO(Lab) *lab = lab_after_the_last(STEP_STAGED);

        hear(lab, "m2", 0, 3);
        expect(lab, true, "");
}

static void test_a_leader_that_does_not_say_proves_nothing(void **state) {
        AUTO(Lab) *lab = lab_after_the_last(STEP_VERIFYING);

        expect(lab, false, "has not said how many frameworks are connected");
}

static void test_what_was_not_known_before_is_not_compared(void **state) {
        AUTO(Lab) *lab = lab_after_the_last(STEP_VERIFYING);

        lab->state->run.frameworks_before = 0;
        hear(lab, "m2", 0, 9);
        expect(lab, true, "");
}

static void test_what_is_before_a_step_is_noted(void **state) {
        AUTO(Lab) *lab = lab_after_the_last(STEP_STAGED);
        EventStep step = {};

        hear(lab, "m2", 4, 2);
        frameworks_note_before(lab->state, &lab->facts, lab->now, &step);
        assert_int_equal(step.frameworks_before, 4);
        assert_int_equal(step.frameworks_away_before, 2);
}

/* Whoever was lost by the attempt that failed is not who was away before the run. */
static void test_a_retry_does_not_forget_what_was_before_the_run(void **state) {
        AUTO(Lab) *lab = lab_new();
        const char *name = "m1";

        lab_join_masters(lab, 1);
        lab_healthy(lab, true);
        hear(lab, name, 3, 1);
        lab_run(lab, &name, 1, true);
        lab_lead(lab, name, STEP_STARTED);
        (void) lab_report(lab, name, NODE_STEP_ENDED, lab_node(lab, name)->step.fence, 1);
        assert_int_equal(lab_node(lab, name)->step.state, STEP_FAILED);

        hear(lab, name, 2, 2);
        lab_step(lab, name, STEP_EVENT_RETRIED);
        lab_operate(lab, RUN_EVENT_RESUMED);
        lab_lead(lab, name, STEP_VERIFYING);
        assert_int_equal(lab_last(lab, EVENT_STEP)->step.event, STEP_EVENT_SUCCEEDED);
        assert_int_equal(lab->state->run.frameworks_before, 3);
        hear(lab, name, 2, 2);
        expect(lab, false, "before the first master's step it was 1");
        hear(lab, name, 3, 1);
        expect(lab, true, "");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_no_more_frameworks_are_away_than_before_the_first_master),
                cmocka_unit_test(
                                test_whoever_waits_for_a_framework_is_told_how_to_go_on_without_it),
                cmocka_unit_test(test_between_masters_frameworks_may_be_away),
                cmocka_unit_test(test_a_leader_that_does_not_say_proves_nothing),
                cmocka_unit_test(test_what_was_not_known_before_is_not_compared),
                cmocka_unit_test(test_what_is_before_a_step_is_noted),
                cmocka_unit_test(test_a_retry_does_not_forget_what_was_before_the_run),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
