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

/* Three masters; m1 was the first to be patched. */

static void hear(Lab *lab, const char *who, uint64_t connected, uint64_t away) {
        const Sample sample = { .check = "mesos-master",
                                .verdict = VERDICT_PASS,
                                .numbers = { { "elected", 1 },
                                             { "frameworks", connected },
                                             { "frameworks_away", away } },
                                .number_count = 3 };

        lab_sample(lab, who, &sample);
}

static void patch(Lab *lab, size_t master, StepState to, usec_t at, uint64_t away) {
        Step *step = &lab->state->nodes[master].step;

        (void) text_copy(step->id, sizeof(step->id), "r1-1a2b3c4d-m1-1");
        step->state = to;
        step->slot = to == STEP_VERIFYING;
        step->slotted_at = at;
        step->frameworks_before = 3;
        step->frameworks_away_before = away;
}

/* Before m1's step one was away, before m3's all were. */
static Lab *lab_after_the_last(StepState last) {
        Lab *lab = lab_new();

        lab_join_masters(lab, 3);
        patch(lab, 0, STEP_DONE, 100, 1);
        patch(lab, 1, STEP_DONE, 200, 2);
        patch(lab, 2, last, 300, 3);
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

        lab->state->nodes[0].step.frameworks_before = 0;
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

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_no_more_frameworks_are_away_than_before_the_first_master),
                cmocka_unit_test(test_between_masters_frameworks_may_be_away),
                cmocka_unit_test(test_a_leader_that_does_not_say_proves_nothing),
                cmocka_unit_test(test_what_was_not_known_before_is_not_compared),
                cmocka_unit_test(test_what_is_before_a_step_is_noted),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
