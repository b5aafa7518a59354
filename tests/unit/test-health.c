/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/health.h"

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

/* The gate of m1, the only master of its cluster, after its step. */

#define WELL_CHECKS 9

static const Sample well[WELL_CHECKS] = {
        { .check = "version", .verdict = VERDICT_PASS },
        { .check = "packages", .verdict = VERDICT_PASS },
        { .check = "units", .verdict = VERDICT_PASS },
        { .check = "zookeeper",
          .verdict = VERDICT_PASS,
          .texts = { { "mode", "standalone" } },
          .text_count = 1 },
        { .check = "exhibitor", .verdict = VERDICT_PASS },
        { .check = "mesos-master",
          .verdict = VERDICT_PASS,
          .numbers = { { "elected", 1 } },
          .number_count = 1,
          .texts = { { "leader", "10.0.0.1:5050" } },
          .text_count = 1 },
        { .check = "mesos-leader",
          .verdict = VERDICT_PASS,
          .numbers = { { "health", 1 } },
          .number_count = 1 },
        { .check = "journal", .verdict = VERDICT_PASS },
        { .check = "check-runner", .verdict = VERDICT_PASS },
};

static Lab *lab_verifying(void) {
        Lab *lab = lab_new();
        const char *name = "m1";

        lab_join_masters(lab, 1);
        lab_healthy(lab, true);
        lab_run(lab, &name, 1, true);
        lab_lead(lab, name, STEP_VERIFYING);
        return lab;
}

/* For so long everything answers that it is well, but one check says something else. */
static void answer(Lab *lab, usec_t span, const char *odd, Verdict verdict) {
        for (usec_t end = lab->now + span; lab->now <= end; lab_pass(lab, USEC_PER_SEC)) {
                for (size_t i = 0; i < WELL_CHECKS; i++) {
                        Sample sample = well[i];

                        if (strcmp(sample.check, odd) == 0) {
                                sample.verdict = verdict;
                                (void) text_copy(sample.reason, sizeof(sample.reason), "odd");
                        }
                        lab_sample(lab, "m1", &sample);
                }
        }
}

static void expect(const Lab *lab, bool holds, const char *part) {
        Why why = {};
        bool held = gate_holds(lab->state, &lab->facts, 0, lab->now, &why);

        if (held != holds || !strstr(why.text, part))
                fail_msg("%s: '%s', want '%s'", held ? "holds" : "does not hold", why.text, part);
}

static void test_a_patched_master_is_proven_when_all_has_been_well_for_the_dwell(void **state) {
        AUTO(Lab) *lab = lab_verifying();

        answer(lab, 55 * USEC_PER_SEC, "", VERDICT_PASS);
        expect(lab, false, "has been good for 55s of 1min");
        answer(lab, 10 * USEC_PER_SEC, "", VERDICT_PASS);
        expect(lab, true, "");
}

static void test_no_check_may_fail_be_unknown_or_silent(void **state) {
        for (size_t i = 0; i < WELL_CHECKS; i++) {
                const char *check = well[i].check;
                AUTO(Lab) *lab = lab_verifying();

                if (strcmp(check, "mesos-leader") == 0)
                        continue; /* counts by what it says, see cluster_is_well() */

                answer(lab, 65 * USEC_PER_SEC, check, VERDICT_FAIL);
                expect(lab, false, check);
                answer(lab, USEC_PER_SEC, check, VERDICT_UNKNOWN);
                expect(lab, false, check);
                window_reset(&lab->facts.nodes[0].health->windows[check_find(&well[i])->id]);
                expect(lab, false, "has not been answered yet");
        }
}

/* Packages that are not those of the script: named, whatever the version says. */
static void test_the_right_version_with_other_packages_is_not_proven(void **state) {
        AUTO(Lab) *lab = lab_verifying();

        answer(lab, 65 * USEC_PER_SEC, "packages", VERDICT_FAIL);
        expect(lab, false, "m1: packages: odd");
}

static void test_what_has_nothing_to_be_compared_with_keeps_nobody_waiting(void **state) {
        AUTO(Lab) *lab = lab_verifying();

        answer(lab, 65 * USEC_PER_SEC, "packages", VERDICT_NOT_APPLICABLE);
        expect(lab, true, "");
}

/* A list from before its step wants no version and no packages: "nothing to compare with" is its
 * answer for ever. */
static void test_answers_to_a_list_from_before_the_step_prove_nothing(void **state) {
        AUTO(Lab) *lab = lab_verifying();
        Message heartbeat = { .kind = MESSAGE_HEARTBEAT, .heartbeat = { .watch = 6 } };

        lab_facts(lab, "m1")->watch = 7;
        answer(lab, 65 * USEC_PER_SEC, "packages", VERDICT_NOT_APPLICABLE);
        expect(lab, false, "m1: it has not taken over what it is asked since its step");
        (void) lab_hear(lab, "m1", &heartbeat);
        expect(lab, false, "m1: it has not taken over what it is asked since its step");

        heartbeat.heartbeat.watch = 7;
        lab->blind = true;
        (void) lab_hear(lab, "m1", &heartbeat);
        expect(lab, true, "");
}

/* Asked before the script was known to have ended: about processes that may be no more. */
static void test_an_answer_that_was_asked_for_before_the_script_ended_is_not_counted(void **state) {
        AUTO(Lab) *lab = lab_verifying();
        Sample sample = { .check = "check-runner", .verdict = VERDICT_PASS };
        Window *window;

        answer(lab, 65 * USEC_PER_SEC, "", VERDICT_PASS);
        window = &lab->facts.nodes[0].health->windows[CHECK_RUNNER];
        window_reset(window);
        sample.took = span_sub(lab->now, lab_facts(lab, "m1")->changed) + 1;
        lab_sample(lab, "m1", &sample);
        assert_int_equal(window->newest, 0);
        expect(lab, false, "m1: check-runner has not been answered yet");

        sample.took -= 2;
        lab_sample(lab, "m1", &sample);
        expect(lab, true, "");
}

static void test_everything_is_asked_anew_once_a_script_has_ended(void **state) {
        static const StepState states[] = { STEP_STARTED, STEP_VERIFYING };

        for (size_t i = 0; i < ELEMENTSOF(states); i++) {
                AUTO(Lab) *lab = lab_new();
                const char *name = "m1";
                Watch watch;

                lab_join_masters(lab, 1);
                lab_healthy(lab, true);
                lab_run(lab, &name, 1, true);
                lab_lead(lab, name, states[i]);
                checks_watch(lab->state, &lab->facts, 0, lab->now, &watch);
                assert_int_equal(watch.refresh != 0, states[i] == STEP_VERIFYING);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(
                                test_a_patched_master_is_proven_when_all_has_been_well_for_the_dwell),
                cmocka_unit_test(test_no_check_may_fail_be_unknown_or_silent),
                cmocka_unit_test(test_the_right_version_with_other_packages_is_not_proven),
                cmocka_unit_test(test_what_has_nothing_to_be_compared_with_keeps_nobody_waiting),
                cmocka_unit_test(
                                test_an_answer_that_was_asked_for_before_the_script_ended_is_not_counted),
                cmocka_unit_test(test_everything_is_asked_anew_once_a_script_has_ended),
                cmocka_unit_test(test_answers_to_a_list_from_before_the_step_prove_nothing),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
