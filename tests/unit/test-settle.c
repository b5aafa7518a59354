/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/settle.h"

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
#include "coordinator/retry.h"
#include "tests/unit/core-lab.h"

/* What a person may settle, and what is looked at before anything is done to a node. */

static const char *const three[] = { "m1", "m2", "m3" };

static const Step *step_of(const Lab *lab, const char *name) {
        return &lab_node(lab, name)->step;
}

static size_t place_of(const Lab *lab, const char *name) {
        return (size_t) (lab_node(lab, name) - lab->state->nodes);
}

static void expect(const char *text, const char *part) {
        if (!strstr(text, part))
                fail_msg("'%s', want '%s'", text, part);
}

static Lab *lab_with_one(StepState to) {
        Lab *lab = lab_new();

        lab_join_masters(lab, 1);
        lab_run(lab, three, 1, true);
        lab_lead(lab, "m1", to);
        return lab;
}

/* Three masters in a run, all staged but m1, which has come so far. */
static Lab *lab_with_three(StepState to) {
        Lab *lab = lab_new();

        lab_join_masters(lab, 3);
        lab_healthy(lab, true);
        lab_run(lab, three, 3, false);
        lab_lead(lab, "m2", STEP_STAGED);
        lab_lead(lab, "m3", STEP_STAGED);
        lab_lead(lab, "m1", to);
        return lab;
}

static Hello hello_with(const Lab *lab, const char *name, const char *version) {
        Hello hello = lab_hello_of(name, ROLE_MASTER, 3);

        hello.epoch = lab->state->epoch;
        assert_true(text_copy(hello.dcos_version, sizeof(hello.dcos_version), version));
        return hello;
}

/* --- look first --- */

/* As after a run that was aborted: its script must not be run on top of what it has done. */
static void test_a_node_that_is_patched_already_is_only_judged(void **state) {
        AUTO(Lab) *lab = lab_new();
        Message watch = {};

        lab_join_masters(lab, 3);
        lab_healthy(lab, true);
        for (size_t i = 0; i < 3; i++) {
                Hello hello = hello_with(lab, three[i], i == 0 ? LAB_TO : LAB_FROM);

                lab_hello(lab, &hello);
        }
        lab_run(lab, three, 3, false);
        lab->blind = true; /* its gate does not hold yet */
        lab_facts(lab, "m1")->proven = false;
        for (size_t i = 0; i < 3; i++)
                lab_lead(lab, three[i], STEP_STAGED);

        assert_int_equal(step_of(lab, "m1")->state, STEP_VERIFYING);
        assert_true(step_of(lab, "m1")->slot);
        expect(lab_last(lab, EVENT_STEP)->step.reason, "has what the run wants already");
        assert_int_equal(step_of(lab, "m2")->state, STEP_STAGED);

        checks_watch(lab->state, &lab->facts, place_of(lab, "m1"), lab->now, &watch.watch);
        assert_string_equal(watch.watch.step, step_of(lab, "m1")->id);
        assert_string_equal(watch.watch.version, LAB_TO);

        lab_facts(lab, "m1")->proven = true;
        (void) lab_turn(lab);
        assert_int_equal(step_of(lab, "m1")->state, STEP_DONE);
        assert_int_equal(lab_count_step(lab, "m1", STEP_EVENT_SLOTTED), 0);
        assert_int_equal(step_of(lab, "m2")->state, STEP_SLOTTED);
}

static void test_a_node_whose_gate_does_not_hold_has_failed_as_it_was_found(void **state) {
        AUTO(Lab) *lab = lab_new();
        Hello hello = lab_hello_of("m1", ROLE_MASTER, 1);

        lab_join_masters(lab, 1);
        hello.epoch = 1;
        (void) text_copy(hello.dcos_version, sizeof(hello.dcos_version), LAB_TO);
        lab_hello(lab, &hello);
        lab_run(lab, three, 1, true);
        lab->blind = true;
        lab_facts(lab, "m1")->proven = false;
        lab_lead(lab, "m1", STEP_STAGED);
        lab_pass(lab, 21 * USEC_PER_MINUTE);
        (void) lab_turn(lab);
        assert_int_equal(step_of(lab, "m1")->state, STEP_FAILED);
        assert_int_equal(lab->state->run.state, RUN_HALTED);
}

/* What is to be done to m1 by what it says, and that nothing is done before that is known. */
static void expect_waits(Lab *lab, const char *part) {
        Why why = {};

        lab_facts(lab, "m1")->choice = turn_choose(lab->state, &lab->facts, 0, lab->now, &why);
        (void) lab_turn(lab);
        assert_int_equal(step_of(lab, "m1")->state, STEP_STAGED);
        assert_int_equal(lab->state->run.state, RUN_RUNNING);
        expect(lab->why.text, part);
        assert_string_not_equal(lab->why.advice, "");
}

static void test_nothing_is_started_on_a_node_of_which_nobody_knows_what_it_has(void **state) {
        AUTO(Lab) *lab = lab_new();
        Sample halfway = { .check = "version",
                           .numbers = { { "install_progress", 1 } },
                           .number_count = 1 };
        Why why = {};

        lab_join_masters(lab, 1);
        lab_run(lab, three, 1, true);
        lab->blind = true;
        lab_facts(lab, "m1")->choice = RETRY_BLOCKED;
        (void) lab_report(lab, "m1", NODE_STEP_STAGED, 0, 0);
        expect_waits(lab, "m1: version has not been answered since it is staged");
        lab_sample(lab, "m1", &halfway);
        expect_waits(lab, "m1: /opt/mesosphere/install_progress is there");
        lab_look(lab, "m1", "1.13.0", VERDICT_NOT_APPLICABLE);
        expect_waits(lab, "m1 has DC/OS 1.13.0, neither");
        lab_look(lab, "m1", LAB_FROM, VERDICT_NOT_APPLICABLE);
        lab_facts(lab, "m1")->choice = turn_choose(lab->state, &lab->facts, 0, lab->now, &why);
        (void) lab_turn(lab);
        assert_int_equal(step_of(lab, "m1")->state, STEP_SLOTTED);
}

/* The same version with another configuration: before its turn only the packages tell whether a
 * node has it, and these are compared with what its own script activates. */
static void test_where_the_version_stays_a_staged_node_is_asked_for_its_packages(void **state) {
        for (unsigned same = 0; same < 2; same++) {
                AUTO(Lab) *lab = lab_new();
                Event made = lab_run_made(1);
                Watch watch;

                if (same)
                        (void) text_copy(made.run_made.to, sizeof(made.run_made.to), LAB_FROM);
                lab_join_masters(lab, 1);
                lab_run_as(lab, &made, three, 1);
                lab_operate(lab, RUN_EVENT_PAUSED);
                lab_lead(lab, "m1", STEP_STAGED);
                checks_watch(lab->state, &lab->facts, 0, lab->now, &watch);
                assert_string_equal(watch.step, same ? step_of(lab, "m1")->id : "");
                assert_string_equal(watch.version, "");
        }
}

/* --- release --- */

static bool may_release(const Lab *lab, const char *name, const char *part) {
        Why why = {};
        bool may = release_is_safe(lab->state, &lab->facts, place_of(lab, name), lab->now, &why);

        expect(why.text, may ? "" : part);
        return may;
}

static void test_no_slot_is_taken_from_a_node_that_is_heard_and_at_it(void **state) {
        AUTO(Lab) *started = lab_with_one(STEP_STARTED);
        AUTO(Lab) *slotted = lab_with_one(STEP_SLOTTED);

        assert_false(may_release(started, "m1", "is at it"));
        lab_pass_silent(started, 4 * USEC_PER_SEC);
        assert_true(may_release(started, "m1", "")); /* somebody may know that its host is gone */

        assert_true(may_release(slotted, "m1", ""));
        lab_ready(slotted, "m1", '1');
        assert_false(may_release(slotted, "m1", "just been told to start"));
        lab_pass(slotted, START_ORDER_LIFE + 2 * USEC_PER_SEC);
        (void) lab_turn(slotted);
        assert_true(may_release(slotted, "m1", ""));
}

/* Its script may be running all the same: then it is down, and nobody else may go. */
static void test_after_a_release_nobody_goes_down_before_the_node_has_accounted_for_its_step(
                void **state) {
        AUTO(Lab) *lab = lab_with_three(STEP_STARTED);
        Hello hello = hello_with(lab, "m1", LAB_FROM);

        lab_pass_silent(lab, 4 * USEC_PER_SEC);
        lab_step(lab, "m1", STEP_EVENT_RELEASED);
        for (size_t i = 1; i < 3; i++)
                (void) lab_heartbeat(lab, three[i]);
        expect(lab->why.text, "m1 was released, and has not said since");

        lab_hello(lab, &hello);
        lab_healthy(lab, true);
        (void) lab_turn(lab);
        assert_int_equal(step_of(lab, "m2")->state, STEP_STAGED);
        expect(lab->why.text, "m1 was released, and has not said since");

        (void) lab_report(lab, "m1", NODE_STEP_INTERRUPTED, 1, 0);
        assert_int_equal(step_of(lab, "m1")->state, STEP_INTERRUPTED);
        lab_step(lab, "m1", STEP_EVENT_RELEASED);
        lab_operate(lab, RUN_EVENT_RESUMED);
        assert_int_equal(step_of(lab, "m2")->state, STEP_SLOTTED);
}

/* Otherwise its next report would take the slot again, and the person's word were worth nothing. */
static void test_the_slot_of_a_patched_node_stays_released(void **state) {
        AUTO(Lab) *lab = lab_with_three(STEP_VERIFYING);

        lab_step(lab, "m1", STEP_EVENT_RELEASED);
        (void) lab_report(lab, "m1", NODE_STEP_ENDED, 1, 0);
        assert_int_equal(step_of(lab, "m1")->state, STEP_FAILED);
        assert_false(step_of(lab, "m1")->slot);
        assert_true(step_of(lab, "m1")->released);
        assert_int_equal(step_of(lab, "m2")->state, STEP_SLOTTED);
}

static void test_a_released_master_that_is_ill_lets_nobody_else_go_down(void **state) {
        AUTO(Lab) *lab = lab_with_three(STEP_STARTED);

        (void) lab_report(lab, "m1", NODE_STEP_ENDED, 1, 1);
        lab_facts(lab, "m1")->healthy = false;
        lab_step(lab, "m1", STEP_EVENT_RELEASED);
        lab_operate(lab, RUN_EVENT_RESUMED);
        assert_int_equal(lab->state->run.state, RUN_RUNNING);
        assert_int_equal(step_of(lab, "m2")->state, STEP_STAGED);
        expect(lab->why.text, "master m1 is not proven healthy");
        lab_healthy(lab, true);
        (void) lab_turn(lab);
        assert_int_equal(step_of(lab, "m2")->state, STEP_SLOTTED);
}

/* Exhibitor counts all masters, so all of them see it; only one has to be mended. */
static void test_the_master_that_is_ill_is_named_before_those_that_only_see_it(void **state) {
        AUTO(Lab) *lab = lab_with_three(STEP_STARTED);

        (void) lab_report(lab, "m1", NODE_STEP_ENDED, 1, 1);
        lab_step(lab, "m1", STEP_EVENT_RELEASED);
        lab->blind = true;
        for (size_t i = 0; i < 3; i++) {
                NodeFacts *facts = lab_facts(lab, three[i]);

                facts->healthy = false;
                facts->unwell = (Why) {};
                why_setf(&facts->unwell, "look", "%s: exhibitor: m3 is down", three[i]);
        }
        lab_facts(lab, "m1")->healthy_but_one = true;
        lab_facts(lab, "m3")->healthy_but_one = false;
        lab_operate(lab, RUN_EVENT_RESUMED);
        assert_string_equal(
                        lab->why.text, "master m3 is not proven healthy: exhibitor: m3 is down");
}

/* Its own illness may be why nobody knows the leaders; it is what there is to mend. */
static void test_while_the_leaders_are_unknown_the_master_that_is_ill_is_named(void **state) {
        AUTO(Lab) *lab = lab_with_three(STEP_STARTED);

        (void) lab_report(lab, "m1", NODE_STEP_ENDED, 1, 1);
        lab_step(lab, "m1", STEP_EVENT_RELEASED);
        lab->blind = true;
        lab->facts.elected = SIZE_MAX;
        for (size_t i = 0; i < 3; i++)
                lab_facts(lab, three[i])->unwell = (Why) {};
        lab_operate(lab, RUN_EVENT_RESUMED);
        assert_string_equal(lab->why.text, "it is not known which master leads Mesos");
        lab_facts(lab, "m1")->healthy = false;
        why_setf(&lab_facts(lab, "m1")->unwell, "journalctl -u dcos-exhibitor",
                 "exhibitor is down");
        (void) lab_turn(lab);
        assert_string_equal(
                        lab->why.text,
                        "it is not known which master leads Mesos; master m1 is not proven healthy: "
                        "exhibitor is down");
        assert_string_equal(lab->why.advice, "journalctl -u dcos-exhibitor");
}

/* --- retry --- */

/* m2 failed and is ill; the leaders have moved, and m1 would be next by its rank. */
static void test_a_master_that_was_put_back_and_is_ill_goes_before_those_that_wait_for_it(
                void **state) {
        static const char *const order[] = { "m2", "m1", "m3" };
        AUTO(Lab) *lab = lab_new();

        lab_join_masters(lab, 3);
        lab_healthy(lab, true);
        lab_run(lab, order, 3, false);
        lab_lead(lab, "m1", STEP_STAGED);
        lab_lead(lab, "m3", STEP_STAGED);
        lab_lead(lab, "m2", STEP_STARTED);
        (void) lab_report(lab, "m2", NODE_STEP_ENDED, 1, 1);
        lab_retry(lab, "m2");
        lab->blind = true;
        lab_facts(lab, "m2")->healthy = false;
        lab->facts.elected = place_of(lab, "m2");
        for (size_t i = 0; i < 3; i++)
                lab_facts(lab, three[i])->healthy_but_one = true;
        lab_operate(lab, RUN_EVENT_RESUMED);
        (void) lab_report(lab, "m2", NODE_STEP_STAGED, 0, 0);
        assert_int_equal(step_of(lab, "m2")->state, STEP_SLOTTED);
}

/* Four public agents, two at once. */
static Lab *lab_with_public_agents(void) {
        static const char *const names[] = { "p1", "p2", "p3", "p4" };
        Lab *lab = lab_new();
        Event made = lab_run_made(1);

        made.run_made.numbers.dwell_batch = 0;
        made.run_made.numbers.canary = 0;
        made.run_made.numbers.batch_percent = 100;
        made.run_made.numbers.batch_max = 2;
        lab_join_masters(lab, 1);
        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                lab_join(lab, names[i], ROLE_PUBLIC_AGENT, 0);
        lab_healthy(lab, true);
        lab_run_as(lab, &made, names, ELEMENTSOF(names));
        return lab;
}

/* The same with p1 and p2 in quarantine: p3 and p4 are a batch. */
static Lab *lab_with_two_aside(void) {
        Lab *lab = lab_with_public_agents();

        lab_step(lab, "p1", STEP_EVENT_QUARANTINED);
        lab_step(lab, "p2", STEP_EVENT_QUARANTINED);
        return lab;
}

/* The script has broken it; another attempt is what may mend it. */
static void test_an_agent_that_was_put_back_need_not_be_active(void **state) {
        AUTO(Lab) *lab = lab_with_public_agents();

        lab_lead(lab, "p1", STEP_STARTED);
        (void) lab_report(lab, "p1", NODE_STEP_ENDED, 1, 1);
        lab_retry(lab, "p1");
        lab->blind = true;
        lab_facts(lab, "p1")->member = false;
        (void) lab_report(lab, "p1", NODE_STEP_STAGED, 0, 0);
        assert_int_equal(step_of(lab, "p1")->state, STEP_SLOTTED);
}

/* --- quarantine --- */

static void test_one_public_agent_keeps_serving_whoever_is_set_aside(void **state) {
        AUTO(Lab) *lab = lab_with_two_aside();

        lab_lead(lab, "p3", STEP_STARTED);
        lab_lead(lab, "p4", STEP_STAGED);
        assert_int_equal(step_of(lab, "p4")->state, STEP_STAGED);
        expect(lab->why.text, "p4 is the only public agent that serves now");
        (void) lab_report(lab, "p3", NODE_STEP_ENDED, step_of(lab, "p3")->fence, 0);
        (void) lab_version(lab, "p3", LAB_TO);
        assert_int_equal(step_of(lab, "p3")->state, STEP_DONE);
        assert_int_equal(step_of(lab, "p4")->state, STEP_SLOTTED);
}

static void test_the_last_public_agent_that_serves_is_not_patched_while_the_others_are_broken(
                void **state) {
        AUTO(Lab) *lab = lab_with_two_aside();

        lab_lead(lab, "p3", STEP_STARTED);
        (void) lab_report(lab, "p3", NODE_STEP_ENDED, step_of(lab, "p3")->fence, 1);
        assert_int_equal(lab->state->run.state, RUN_RUNNING); /* the budget has room */
        (void) lab_report(lab, "p4", NODE_STEP_STAGED, 0, 0);
        assert_int_equal(step_of(lab, "p4")->state, STEP_STAGED);
        assert_int_equal(lab->state->run.state, RUN_HALTED);
        expect(lab->why.text, "p4 is the only public agent that still serves: p3 is failed");
        expect(lab->why.advice, "rollpatch retry p3 --reason TEXT, or rollpatch quarantine p3");

        /* Whoever sets it aside as well says that p4 is like a single one. */
        lab_step(lab, "p3", STEP_EVENT_QUARANTINED);
        lab_operate(lab, RUN_EVENT_RESUMED);
        assert_int_equal(step_of(lab, "p4")->state, STEP_SLOTTED);
}

static void test_a_public_agent_that_was_put_back_is_patched_before_the_others(void **state) {
        AUTO(Lab) *lab = lab_with_public_agents();

        lab_step(lab, "p1", STEP_EVENT_QUARANTINED);
        lab_step(lab, "p3", STEP_EVENT_QUARANTINED);
        lab_lead(lab, "p4", STEP_STARTED);
        (void) lab_report(lab, "p4", NODE_STEP_ENDED, step_of(lab, "p4")->fence, 1);
        (void) lab_report(lab, "p2", NODE_STEP_STAGED, 0, 0);
        assert_int_equal(lab->state->run.state, RUN_HALTED);
        lab_retry(lab, "p4");
        lab_operate(lab, RUN_EVENT_RESUMED);
        expect(lab->why.text, "p2 is the only public agent that serves now");
        (void) lab_report(lab, "p4", NODE_STEP_STAGED, 0, 0);
        assert_int_equal(step_of(lab, "p4")->state, STEP_SLOTTED);
        assert_int_equal(step_of(lab, "p2")->state, STEP_STAGED);
}

/* --- after an abort --- */

static void test_what_goes_on_after_an_abort_is_looked_at_as_in_a_run(void **state) {
        AUTO(Lab) *lab = lab_new();
        Message watch = {};
        char text[REASON_MAX];
        bool asked = false;

        lab_join_masters(lab, 1);
        lab_join(lab, "a1", ROLE_AGENT, 0);
        lab_healthy(lab, true);
        lab_run(lab, (const char *const[]) { "a1" }, 1, true);
        lab_lead(lab, "a1", STEP_STARTED);
        lab_operate(lab, RUN_EVENT_ABORTED);
        under_way_describe(lab->state, text, sizeof(text));
        assert_string_equal(text, "goes on to its end: a1 (started)");
        assert_true(state_is_at_work(lab->state));
        checks_watch(lab->state, &lab->facts, place_of(lab, "a1"), lab->now, &watch.watch);
        for (size_t i = 0; i < watch.watch.item_count; i++)
                asked |= strcmp(watch.watch.items[i].check, "mesos-agent") == 0;
        assert_true(asked);

        (void) lab_report(lab, "a1", NODE_STEP_ENDED, 1, 0);
        (void) lab_version(lab, "a1", LAB_TO);
        assert_int_equal(step_of(lab, "a1")->state, STEP_DONE);
        assert_false(state_is_at_work(lab->state));
        under_way_describe(lab->state, text, sizeof(text));
        assert_string_equal(text, "");
}

static void expect_open(const Lab *lab, const char *text, const char *advice) {
        char said[REASON_MAX];

        settle_describe(lab->state, lab_node(lab, "m1"), said);
        assert_string_equal(said, text);
        settle_advise(lab->state, lab_node(lab, "m1"), said);
        assert_string_equal(said, advice);
}

static void test_what_is_left_open_is_said_with_what_to_type(void **state) {
        AUTO(Lab) *lab = lab_with_one(STEP_STARTED);

        expect_open(lab, "its step of run 1 is started, and goes on to its end",
                    "rollpatch status m1");
        (void) lab_report(lab, "m1", NODE_STEP_ENDED, 1, 1);
        expect_open(lab, "its step of run 1 is failed: script ended with status 1",
                    "rollpatch report; then rollpatch retry m1 --reason TEXT");
        lab_operate(lab, RUN_EVENT_ABORTED);
        expect_open(lab, "its step of run 1 is failed: script ended with status 1",
                    "rollpatch status m1; then rollpatch release m1 --reason TEXT");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_a_node_that_is_patched_already_is_only_judged),
                cmocka_unit_test(test_a_node_whose_gate_does_not_hold_has_failed_as_it_was_found),
                cmocka_unit_test(
                                test_nothing_is_started_on_a_node_of_which_nobody_knows_what_it_has),
                cmocka_unit_test(
                                test_where_the_version_stays_a_staged_node_is_asked_for_its_packages),
                cmocka_unit_test(test_no_slot_is_taken_from_a_node_that_is_heard_and_at_it),
                cmocka_unit_test(
                                test_after_a_release_nobody_goes_down_before_the_node_has_accounted_for_its_step),
                cmocka_unit_test(test_the_slot_of_a_patched_node_stays_released),
                cmocka_unit_test(test_a_released_master_that_is_ill_lets_nobody_else_go_down),
                cmocka_unit_test(
                                test_the_master_that_is_ill_is_named_before_those_that_only_see_it),
                cmocka_unit_test(
                                test_while_the_leaders_are_unknown_the_master_that_is_ill_is_named),
                cmocka_unit_test(
                                test_a_master_that_was_put_back_and_is_ill_goes_before_those_that_wait_for_it),
                cmocka_unit_test(test_an_agent_that_was_put_back_need_not_be_active),
                cmocka_unit_test(test_one_public_agent_keeps_serving_whoever_is_set_aside),
                cmocka_unit_test(
                                test_the_last_public_agent_that_serves_is_not_patched_while_the_others_are_broken),
                cmocka_unit_test(
                                test_a_public_agent_that_was_put_back_is_patched_before_the_others),
                cmocka_unit_test(test_what_goes_on_after_an_abort_is_looked_at_as_in_a_run),
                cmocka_unit_test(test_what_is_left_open_is_said_with_what_to_type),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
