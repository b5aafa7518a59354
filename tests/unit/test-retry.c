/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/retry.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <string.h>

#include "common/text.h"
#include "coordinator/checks.h"
#include "tests/unit/core-lab.h"

static Lab *lab_with_failed(const char *to, const char *name) {
        Lab *lab = lab_new();
        Event made = lab_run_made(1);

        lab_join_masters(lab, 1);
        lab_join(lab, "a1", ROLE_AGENT, 0);
        lab_healthy(lab, true);
        made.run_made.accept_downtime = true;
        (void) text_copy(made.run_made.to, sizeof(made.run_made.to), to);
        lab_run_as(lab, &made, &name, 1);
        lab_lead(lab, name, STEP_STARTED);
        (void) lab_report(lab, name, NODE_STEP_ENDED, lab_node(lab, name)->step.fence, 3);
        assert_int_equal(lab_node(lab, name)->step.state, STEP_FAILED);
        return lab;
}

static const char *name_of(RetryChoice choice) {
        // clang-format off
        static const char *const names[] = {
                [RETRY_BLOCKED] = "blocked",
                [RETRY_UNSAFE]  = "unsafe",
                [RETRY_ANEW]    = "anew",
                [RETRY_JUDGE]   = "judge",
        };
        // clang-format on

        return names[choice];
}

static void expect(Lab *lab, const char *name, const char *wanted, const char *part) {
        size_t place = (size_t) (lab_node(lab, name) - lab->state->nodes);
        Why why = {};
        RetryChoice choice = retry_choose(lab->state, &lab->facts, place, lab->now, &why);

        if (strcmp(name_of(choice), wanted) != 0 || !strstr(why.text, part))
                fail_msg("%s '%s', want %s '%s'", name_of(choice), why.text, wanted, part);
        if (choice == RETRY_BLOCKED || choice == RETRY_UNSAFE) {
                assert_string_not_equal(why.text, "");
                assert_string_not_equal(why.advice, "");
        }
}

static void test_a_new_version_is_there_when_version_and_packages_say_so(void **state) {
        AUTO(Lab) *lab = lab_with_failed(LAB_TO, "m1");

        lab_look(lab, "m1", LAB_TO, VERDICT_PASS);
        expect(lab, "m1", "judge", "");

        /* Nothing else to go by: the gate shows it as not checked. */
        lab_look(lab, "m1", LAB_TO, VERDICT_NOT_APPLICABLE);
        expect(lab, "m1", "judge", "");

        /* Another attempt would end at once: the script wants the old version. */
        lab_look(lab, "m1", LAB_TO, VERDICT_FAIL);
        expect(lab, "m1", "unsafe",
               "m1 has DC/OS 2.1.1 already, so the script would refuse to run, but so the node says");

        lab_look(lab, "m1", LAB_TO, VERDICT_UNKNOWN);
        expect(lab, "m1", "blocked", "m1: packages is unknown: so the node says");
}

static void test_a_node_of_the_old_version_is_patched_whatever_its_packages_are(void **state) {
        AUTO(Lab) *lab = lab_with_failed(LAB_TO, "m1");

        for (Verdict packages = 0; packages < VERDICT_COUNT; packages++) {
                lab_look(lab, "m1", LAB_FROM, packages);
                expect(lab, "m1", "anew", "");
        }
}

/* The version is the wanted one before and after: only the packages tell. */
static void test_a_changed_configuration_is_there_when_the_packages_say_so(void **state) {
        AUTO(Lab) *lab = lab_with_failed(LAB_FROM, "m1");

        lab_look(lab, "m1", LAB_FROM, VERDICT_PASS);
        expect(lab, "m1", "judge", "");
        lab_look(lab, "m1", LAB_FROM, VERDICT_FAIL);
        expect(lab, "m1", "anew", "");
        lab_look(lab, "m1", LAB_FROM, VERDICT_NOT_APPLICABLE);
        expect(lab, "m1", "anew", "");
        lab_look(lab, "m1", LAB_FROM, VERDICT_UNKNOWN);
        expect(lab, "m1", "blocked", "m1: packages is unknown");
        lab_look(lab, "m1", LAB_TO, VERDICT_PASS);
        expect(lab, "m1", "unsafe", "neither 2.1.0 nor 2.1.0");
}

static void test_half_an_activation_needs_a_person_whatever_else_is_there(void **state) {
        static const char *const targets[] = { LAB_FROM, LAB_TO };

        for (size_t i = 0; i < ELEMENTSOF(targets); i++) {
                AUTO(Lab) *lab = lab_with_failed(targets[i], "m1");
                Sample version = {
                        .check = "version",
                        .numbers = { { "install_progress", 1 } },
                        .number_count = 1,
                };

                lab_look(lab, "m1", targets[i], VERDICT_PASS);
                lab_sample(lab, "m1", &version);
                expect(lab, "m1", "unsafe", "m1: /opt/mesosphere/install_progress is there");

                version.texts[0] = (SampleText) { "version", LAB_FROM };
                version.text_count = 1;
                lab_sample(lab, "m1", &version);
                expect(lab, "m1", "unsafe", "m1: /opt/mesosphere/install_progress is there");

                version.numbers[0].value = 0;
                lab_sample(lab, "m1", &version);
                lab_look(lab, "m1", "", VERDICT_PASS);
                expect(lab, "m1", "blocked", "m1: version is unknown: the version of DC/OS cannot");
        }
}

static void test_what_was_answered_before_the_step_ended_or_long_ago_does_not_count(void **state) {
        static const char unanswered[] = "m1: version has not been answered since it is failed";
        AUTO(Lab) *lab = lab_with_failed(LAB_FROM, "m1");
        Sample packages = { .check = "packages", .verdict = VERDICT_PASS };

        expect(lab, "m1", "blocked", unanswered);
        lab_pass(lab, 100 * USEC_PER_MSEC);
        lab_look(lab, "m1", LAB_FROM, VERDICT_PASS);
        expect(lab, "m1", "judge", "");

        /* It took so long on its way that it was true before the end. */
        packages.age = USEC_PER_SEC;
        lab_sample(lab, "m1", &packages);
        expect(lab, "m1", "blocked", "m1: packages has not been answered since it is failed");

        lab_look(lab, "m1", LAB_FROM, VERDICT_PASS);
        lab_pass(lab, 3 * USEC_PER_SEC);
        expect(lab, "m1", "blocked", unanswered);
        lab_look(lab, "m1", LAB_FROM, VERDICT_PASS);
        expect(lab, "m1", "judge", "");
        lab_restart(lab);
        lab_claim(lab, "m1", NULL, 0);
        expect(lab, "m1", "blocked", "");
}

static void test_a_node_that_is_not_heard_is_left_alone_whatever_it_said(void **state) {
        AUTO(Lab) *lab = lab_with_failed(LAB_TO, "m1");

        lab_look(lab, "m1", LAB_FROM, VERDICT_FAIL);
        lab_facts(lab, "m1")->heard = 0;
        expect(lab, "m1", "blocked", "m1 is not heard now");
}

/* --- what is asked for it --- */

static Watch watch_of(const Lab *lab, const char *name) {
        Watch watch;

        checks_watch(lab->state, &lab->facts, (size_t) (lab_node(lab, name) - lab->state->nodes),
                     lab->now, &watch);
        return watch;
}

static bool asks(const Watch *watch, const char *check) {
        for (size_t i = 0; i < watch->item_count; i++) {
                if (strcmp(watch->items[i].check, check) == 0)
                        return true;
        }

        return false;
}

static void test_a_node_whose_step_went_wrong_is_asked_what_it_has_also_when_it_is_released(
                void **state) {
        static const char *const names[] = { "m1", "a1" };

        for (size_t i = 0; i < ELEMENTSOF(names); i++) {
                AUTO(Lab) *lab = lab_with_failed(LAB_TO, names[i]);

                for (unsigned released = 0; released < 2; released++) {
                        Watch watch = watch_of(lab, names[i]);

                        assert_true(asks(&watch, "version") && asks(&watch, "packages"));
                        assert_string_equal(watch.step, lab_node(lab, names[i])->step.id);
                        assert_string_equal(watch.version, LAB_TO);
                        if (!released)
                                lab_step(lab, names[i], STEP_EVENT_RELEASED);
                }
        }
}

static void test_before_its_step_a_node_has_nothing_to_be_compared_with(void **state) {
        AUTO(Lab) *lab = lab_new();
        const char *name = "m1";
        Watch watch;

        lab_join_masters(lab, 1);
        lab_healthy(lab, true);
        lab_run(lab, &name, 1, true);
        lab_lead(lab, name, STEP_SLOTTED);
        watch = watch_of(lab, name);
        assert_true(asks(&watch, "version") && asks(&watch, "packages"));
        assert_string_equal(watch.step, "");
        assert_string_equal(watch.version, "");
}

/* On its way while the node reported that its script is there: it was compared with no step, or the
 * run before. Taken for an answer to this run's question, it had a script executed a second time.
 */
static void test_before_a_turn_only_what_was_compared_with_this_runs_script_counts(void **state) {
        static const char *const others[] = { "", "r9-0a0b0c0d-m1-1" };
        AUTO(Lab) *lab = lab_new();
        Event made = lab_run_made(2);
        const char *name = "m1";
        Sample packages = { .check = "packages", .verdict = VERDICT_NOT_APPLICABLE };
        Why why = {};

        lab_join_masters(lab, 3);
        lab_healthy(lab, false); /* so it has no turn yet */
        (void) text_copy(made.run_made.to, sizeof(made.run_made.to), LAB_FROM);
        lab_run_as(lab, &made, &name, 1);
        lab_lead(lab, name, STEP_STAGED);
        lab_pass(lab, USEC_PER_MSEC);
        lab_look(lab, name, LAB_FROM, VERDICT_UNKNOWN);
        for (size_t i = 0; i < ELEMENTSOF(others); i++) {
                lab_sample_of(lab, name, others[i], &packages);
                assert_int_equal(
                                turn_choose(lab->state, &lab->facts, 0, lab->now, &why),
                                RETRY_BLOCKED);
                assert_non_null(strstr(why.text, "packages is unknown"));
        }

        lab_look(lab, name, LAB_FROM, VERDICT_PASS);
        assert_int_equal(turn_choose(lab->state, &lab->facts, 0, lab->now, &why), RETRY_JUDGE);
        lab_look(lab, name, LAB_FROM, VERDICT_FAIL);
        assert_int_equal(turn_choose(lab->state, &lab->facts, 0, lab->now, &why), RETRY_ANEW);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_a_new_version_is_there_when_version_and_packages_say_so),
                cmocka_unit_test(
                                test_a_node_of_the_old_version_is_patched_whatever_its_packages_are),
                cmocka_unit_test(test_a_changed_configuration_is_there_when_the_packages_say_so),
                cmocka_unit_test(test_half_an_activation_needs_a_person_whatever_else_is_there),
                cmocka_unit_test(
                                test_what_was_answered_before_the_step_ended_or_long_ago_does_not_count),
                cmocka_unit_test(test_a_node_that_is_not_heard_is_left_alone_whatever_it_said),
                cmocka_unit_test(
                                test_a_node_whose_step_went_wrong_is_asked_what_it_has_also_when_it_is_released),
                cmocka_unit_test(test_before_its_step_a_node_has_nothing_to_be_compared_with),
                cmocka_unit_test(
                                test_before_a_turn_only_what_was_compared_with_this_runs_script_counts),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
