/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/excuse.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <string.h>

#include "common/text.h"
#include "coordinator/health.h"
#include "tests/unit/core-lab.h"

/* What the gate does not wait for, though it is bad. All other checks have nothing to say. */

static void hear(Lab *lab, const char *node, const char *check, const Sample *odd) {
        Sample sample = { .verdict = VERDICT_NOT_APPLICABLE };

        (void) text_copy(sample.check, sizeof(sample.check), check);
        lab_sample(lab, node, strcmp(check, odd->check) == 0 ? odd : &sample);
}

/* Whether the gate of the node names this check. */
static bool is_named(Lab *lab, size_t index, const Sample *odd) {
        const Node *node = &lab->state->nodes[index];
        Sample member = { .check = "mesos-leader", .verdict = VERDICT_NOT_APPLICABLE };
        Why why = {};

        for (size_t i = 0; i < CHECK_COUNT; i++) {
                if (check_rows[i].asker == ASKER_SELF && (check_rows[i].roles & IN(node->role)))
                        hear(lab, node->name, check_rows[i].name, odd);
        }
        if (node->role != ROLE_MASTER) {
                (void) text_copy(member.subject, sizeof(member.subject), node->address);
                lab_sample(lab, "m1", &member);
        }

        assert_false(gate_holds(lab->state, &lab->facts, index, lab->now, &why));
        return strstr(why.text, odd->check) != NULL;
}

/* --- Docker --- */

static const Sample leading_master = { .check = "mesos-master",
                                       .verdict = VERDICT_PASS,
                                       .numbers = { { "elected", 1 } },
                                       .number_count = 1,
                                       .texts = { { "leader", "10.0.0.1:5050" } },
                                       .text_count = 1 };

/* m1 leads; a1 was patched. */
static Lab *lab_verifying(void) {
        static const char *const names[] = { "a1" };
        Lab *lab = lab_new();

        lab_join_masters(lab, 1);
        lab_join(lab, "a1", ROLE_AGENT, 0);
        (void) text_copy(lab->state->nodes[1].address, ADDRESS_TEXT_MAX, "10.0.1.1");
        lab_healthy(lab, true);
        lab_run(lab, names, 1, true);
        lab_lead(lab, "a1", STEP_VERIFYING);
        lab_pass(lab, 10 * USEC_PER_SEC);
        lab_sample(lab, "m1", &leading_master);
        lab->blind = true;
        return lab;
}

/* Since when it runs, ms of the node's boot. */
static Sample docker_started(uint64_t start, bool restarted) {
        return (Sample) { .check = "docker",
                          .verdict = VERDICT_FAIL,
                          .numbers = { { "start_ms", start }, { "restarted", restarted } },
                          .number_count = 2 };
}

/* Its time is over while it says this, and a person's retry accepts what its gate has failed by. */
static void judge_again(Lab *lab, const Sample *odd) {
        Event event;

        lab_pass(lab, lab->state->run.made.numbers.timeout_agent + 1);
        lab_sample(lab, "m1", &leading_master);
        (void) is_named(lab, 1, odd);
        health_judge(lab->state, &lab->facts, lab->now);
        (void) lab_turn(lab);
        assert_int_equal(lab_node(lab, "a1")->step.state, STEP_FAILED);

        event = lab_step_event(lab, "a1", STEP_EVENT_RECHECKED);
        event.step.docker_start = lab_node(lab, "a1")->step.docker_failed;
        lab_commit(lab, &event);
        if (lab->state->run.state == RUN_HALTED)
                lab_operate(lab, RUN_EVENT_RESUMED);
        lab_pass(lab, 5 * USEC_PER_SEC);
        lab_sample(lab, "m1", &leading_master);
}

static void test_a_restart_of_docker_fails_the_gate_until_a_person_accepts_it(void **state) {
        AUTO(Lab) *lab = lab_verifying();
        const Sample docker = docker_started(930000, true);

        assert_true(is_named(lab, 1, &docker));
        judge_again(lab, &docker);
        assert_false(is_named(lab, 1, &docker));
}

static void test_what_was_accepted_is_known_after_a_restart_of_rollpatchd(void **state) {
        AUTO(Lab) *lab = lab_verifying();
        const Sample docker = docker_started(930000, true);

        assert_true(is_named(lab, 1, &docker));
        judge_again(lab, &docker);
        lab_restart(lab);
        lab_join(lab, "m1", ROLE_MASTER, 1);
        lab_join(lab, "a1", ROLE_AGENT, 0);
        lab_sample(lab, "m1", &leading_master);
        assert_int_equal(lab->state->nodes[1].step.docker_accepted, 930000);
        assert_false(is_named(lab, 1, &docker));
}

static void test_another_restart_of_docker_fails_the_gate_again(void **state) {
        AUTO(Lab) *lab = lab_verifying();
        const Sample docker = docker_started(930000, true), again = docker_started(930001, true);

        assert_true(is_named(lab, 1, &docker));
        judge_again(lab, &docker);
        assert_true(is_named(lab, 1, &again));
        judge_again(lab, &again);
        assert_false(is_named(lab, 1, &again));
}

/* Nobody can accept what nobody was shown: what comes first in the table hides it. */
static void test_a_retry_after_another_failure_accepts_no_restart(void **state) {
        AUTO(Lab) *lab = lab_verifying();
        const Sample docker = docker_started(930000, true);
        const Sample version = { .check = "version", .verdict = VERDICT_FAIL };

        lab_sample(lab, "a1", &docker);
        judge_again(lab, &version);
        assert_true(is_named(lab, 1, &docker));
}

static void test_what_was_accepted_is_of_one_attempt(void **state) {
        AUTO(Lab) *lab = lab_verifying();
        const Sample docker = docker_started(930000, true);

        assert_true(is_named(lab, 1, &docker));
        judge_again(lab, &docker);
        lab_step(lab, "a1", STEP_EVENT_GAVE_UP);
        lab_retry(lab, "a1");
        assert_int_equal(lab->state->nodes[1].step.docker_accepted, 0);
}

static void test_nobody_accepts_a_docker_that_does_not_run(void **state) {
        AUTO(Lab) *lab = lab_verifying();
        const Sample docker = docker_started(930000, false);

        assert_true(is_named(lab, 1, &docker));
        judge_again(lab, &docker);
        assert_true(is_named(lab, 1, &docker));
}

/* --- between masters --- */

static void test_components_count_before_the_first_master_and_after_the_last(void **state) {
        static const struct {
                StepState steps[3];
                uint64_t only_components;
                bool counts;
        } cases[] = {
                { { STEP_VERIFYING, STEP_STAGED, STEP_STAGED }, 1, false },
                { { STEP_VERIFYING, STEP_STAGED, STEP_STAGED }, 0, true },
                { { STEP_VERIFYING, STEP_DONE, STEP_STAGED }, 1, false },
                { { STEP_VERIFYING, STEP_DONE, STEP_DONE }, 1, true },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                AUTO(Lab) *lab = lab_new();
                const Sample runner = { .check = "check-runner",
                                        .verdict = VERDICT_FAIL,
                                        .numbers = { { "only_components",
                                                       cases[i].only_components } },
                                        .number_count = 1 };

                lab_join_masters(lab, 3);
                for (size_t j = 0; j < 3; j++) {
                        Step *step = &lab->state->nodes[j].step;

                        (void) text_copy(step->id, sizeof(step->id), "r1-1a2b3c4d-m1-1");
                        step->state = cases[i].steps[j];
                        step->slot = step->state == STEP_VERIFYING;
                }

                if (is_named(lab, 0, &runner) != cases[i].counts)
                        fail_msg("case %zu", i);
        }
}

/* From the hello, or from an answer, which is newer. */
typedef struct Known {
        const char *hello, *answer;
} Known;

static void test_masters_of_two_versions_are_not_level_whatever_the_run_has_done(void **state) {
        static const struct {
                const char *from, *to;
                Known known[3];
                bool level;
        } cases[] = {
                { "2.1.1", "2.2.0", { { "2.1.1", NULL }, { "2.1.1", NULL }, { "", NULL } }, true },
                { "2.1.1", "2.2.0", { { "", NULL }, { "2.1.1", NULL }, { "2.2.0", NULL } }, false },
                { "2.1.1",
                  "2.2.0",
                  { { "2.1.1", "2.2.0" }, { "2.1.1", NULL }, { "2.1.1", NULL } },
                  false },
                { "2.1.1",
                  "2.2.0",
                  { { "2.1.1", "2.2.0" }, { "2.2.0", NULL }, { "2.1.1", "2.2.0" } },
                  true },
                { "2.2.0",
                  "2.2.0",
                  { { "2.2.0", NULL }, { "2.1.1", NULL }, { "2.2.0", NULL } },
                  true },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                AUTO(Lab) *lab = lab_new();

                lab_join_masters(lab, 3);
                (void) text_copy(lab->state->run.made.from, VERSION_MAX, cases[i].from);
                (void) text_copy(lab->state->run.made.to, VERSION_MAX, cases[i].to);
                for (size_t j = 0; j < 3; j++) {
                        Node *node = &lab->state->nodes[j];

                        (void) text_copy(node->dcos_version, VERSION_MAX, cases[i].known[j].hello);
                        node->step.state = STEP_STAGED;
                        (void) text_copy(node->step.id, STEP_ID_MAX, "r2-1a2b3c4d-m1-1");
                        if (cases[i].known[j].answer)
                                lab_look(lab, node->name, cases[i].known[j].answer, VERDICT_PASS);
                }

                if (masters_are_level(lab->state, &lab->facts, lab->now) != cases[i].level)
                        fail_msg("case %zu", i);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_a_restart_of_docker_fails_the_gate_until_a_person_accepts_it),
                cmocka_unit_test(test_what_was_accepted_is_known_after_a_restart_of_rollpatchd),
                cmocka_unit_test(test_another_restart_of_docker_fails_the_gate_again),
                cmocka_unit_test(test_a_retry_after_another_failure_accepts_no_restart),
                cmocka_unit_test(test_what_was_accepted_is_of_one_attempt),
                cmocka_unit_test(test_nobody_accepts_a_docker_that_does_not_run),
                cmocka_unit_test(test_components_count_before_the_first_master_and_after_the_last),
                cmocka_unit_test(
                                test_masters_of_two_versions_are_not_level_whatever_the_run_has_done),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
