/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/decide.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <string.h>

#include "common/text.h"
#include "coordinator/node-link.h"
#include "tests/unit/core-lab.h"

static const char *const three[] = { "m1", "m2", "m3" };

static const Step *step_of(const Lab *lab, const char *name) {
        return &lab_node(lab, name)->step;
}

static void expect_why(const Lab *lab, const char *part) {
        if (!strstr(lab->why.text, part))
                fail_msg("why is '%s', want '%s'", lab->why.text, part);
}

/* Three masters, all healthy, in a run; m1 staged and nobody with a slot. */
static Lab *lab_with_three(void) {
        Lab *lab = lab_new();

        lab_join_masters(lab, 3);
        lab_run(lab, three, 3, false);
        lab_operate(lab, RUN_EVENT_PAUSED);
        for (size_t i = 0; i < 3; i++)
                lab_lead(lab, three[i], STEP_STAGED);

        lab_healthy(lab, true);
        return lab;
}

static Lab *lab_with_one(StepState to) {
        Lab *lab = lab_new();

        lab_join_masters(lab, 1);
        lab_run(lab, three, 1, true);
        lab_lead(lab, "m1", to);
        return lab;
}

/* The gate is open again: what was closed was closed by nothing else. */
static void expect_open_at_last(Lab *lab) {
        (void) lab_turn(lab);
        assert_int_equal(step_of(lab, "m1")->state, STEP_SLOTTED);
}

/* --- a whole run --- */

static void test_a_single_master_goes_all_the_way_and_the_run_is_finished(void **state) {
        static const StepState way[] = { STEP_STAGING, STEP_STAGED,    STEP_SLOTTED,
                                         STEP_STARTED, STEP_VERIFYING, STEP_DONE };
        AUTO(Lab) *lab = lab_with_one(STEP_DONE);
        size_t at = 0;
        AUTO(State) *again = state_new();

        assert_int_equal(lab->state->run.state, RUN_FINISHED);
        assert_false(step_of(lab, "m1")->slot);
        assert_string_equal(lab->why.text, "");
        assert_int_equal(lab_count_step(lab, "m1", STEP_EVENT_SLOTTED), 1);
        assert_int_equal(lab_count(lab, EVENT_ORDERED), 1);

        for (size_t i = 0; i < lab->count; i++) {
                assert_int_equal(state_apply(again, &lab->log[i], NULL), 0);
                if (lab->log[i].kind == EVENT_STEP)
                        assert_int_equal(again->nodes[0].step.state, way[at++]);
        }
        assert_int_equal(at, ELEMENTSOF(way));
}

static void test_a_single_master_without_consent_waits_for_ever_and_says_why(void **state) {
        AUTO(Lab) *lab = lab_new();

        lab_join_masters(lab, 1);
        lab_run(lab, three, 1, false);
        lab_lead(lab, "m1", STEP_STAGED);
        lab_healthy(lab, true);
        for (unsigned i = 0; i < 100; i++) {
                lab_pass(lab, USEC_PER_HOUR);
                (void) lab_turn(lab);
                assert_int_equal(step_of(lab, "m1")->state, STEP_STAGED);
        }
        expect_why(lab, "single master");
        assert_string_equal(lab->why.advice, "rollpatch run PLAN --yes --accept-downtime");
}

static void test_nodes_go_in_the_order_of_the_plan_and_masters_first(void **state) {
        static const char *const plan[] = { "m3", "m1", "m2", "a2", "a1", "p1" };
        AUTO(Lab) *lab = lab_new();

        lab_join(lab, "p1", ROLE_PUBLIC_AGENT, 0);
        lab_join(lab, "a1", ROLE_AGENT, 0);
        lab_join(lab, "a2", ROLE_AGENT, 0);
        lab_join_masters(lab, 3);
        lab_healthy(lab, true);
        lab_run(lab, plan, 6, false);
        for (size_t i = 0; i < 6; i++) {
                if (step_of(lab, plan[i])->state == STEP_STAGING)
                        lab_lead(lab, plan[i], STEP_STAGED);
        }

        for (size_t i = 0; i < 6; i++) {
                lab_pass(lab, lab->state->run.made.numbers.dwell_batch);
                (void) lab_turn(lab);
                assert_int_equal(step_of(lab, plan[i])->state, STEP_SLOTTED);
                for (size_t later = i + 1; later < 6; later++)
                        assert_int_equal(step_of(lab, plan[later])->state, STEP_STAGED);
                lab_lead(lab, plan[i], STEP_DONE);
        }
        assert_int_equal(lab->state->run.state, RUN_FINISHED);
}

static void test_at_most_twenty_nodes_stage_at_once(void **state) {
        AUTO(Lab) *lab = lab_new();
        char names[30][NAME_TEXT_MAX];
        const char *plan[30];
        unsigned staging = 0;

        lab_join_masters(lab, 1);
        for (unsigned i = 0; i < 30; i++) {
                (void) text_format(names[i], NAME_TEXT_MAX, "a%u", i);
                lab_join(lab, names[i], ROLE_AGENT, 0);
                plan[i] = names[i];
        }
        lab_run(lab, plan, 30, false);
        for (unsigned i = 0; i < 30; i++)
                staging += step_of(lab, plan[i])->state == STEP_STAGING;
        assert_int_equal(staging, 20);
        (void) lab_report(lab, "a0", NODE_STEP_STAGED, 0, 0);
        assert_int_equal(step_of(lab, "a20")->state, STEP_STAGING);
        assert_int_equal(step_of(lab, "a21")->state, STEP_WAITING);
}

/* --- bad steps --- */

/* m1 has failed in the moment in which m2 could get its slot: the log must not say otherwise. */
static void test_a_bad_step_halts_the_run_before_anything_else_is_given(void **state) {
        static const StepEvent bad[] = { STEP_EVENT_SCRIPT_FAILED, STEP_EVENT_INTERRUPTED,
                                         STEP_EVENT_LOST };

        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                AUTO(Lab) *lab = lab_new();
                Event event;
                size_t before;

                lab_join_masters(lab, 1);
                lab_join(lab, "a1", ROLE_AGENT, 0);
                lab_join(lab, "a2", ROLE_AGENT, 0);
                lab_healthy(lab, true);
                event = lab_run_made(1);
                event.run_made.numbers.budget = 0;
                event.run_made.numbers.dwell_batch = 0;
                lab_run_as(lab, &event, (const char *const[]) { "a1", "a2" }, 2);
                lab_lead(lab, "a1", STEP_STARTED);
                lab_lead(lab, "a2", STEP_STAGED);

                /* As from a replayed log: the bad news and the free way are both there before we
                 * decide. */
                event = lab_step_event(lab, "a1", bad[i]);
                lab_commit(lab, &event);
                before = lab->count;
                assert_int_equal(lab_turn(lab), 1);
                assert_int_equal(lab->log[before].kind, EVENT_RUN);
                assert_int_equal(lab->log[before].run.event, RUN_EVENT_HALTED);
                assert_int_equal(step_of(lab, "a2")->state, STEP_STAGED);
                expect_why(lab, "halted: ");
        }
}

static void test_a_stage_that_failed_halts_the_run_before_a_slot_is_given(void **state) {
        AUTO(Lab) *lab = lab_with_three();
        Event event;

        lab_operate(lab, RUN_EVENT_ABORTED);
        lab_run(lab, three, 3, false);
        lab_healthy(lab, false);
        lab_lead(lab, "m1", STEP_STAGED);
        lab_healthy(lab, true);
        event = lab_step_event(lab, "m3", STEP_EVENT_STAGE_FAILED);
        lab_commit(lab, &event);
        (void) lab_turn(lab);
        assert_int_equal(lab->state->run.state, RUN_HALTED);
        assert_int_equal(lab_count_step(lab, "m1", STEP_EVENT_SLOTTED), 0);
}

static void test_a_halt_survives_a_crash_between_the_report_and_the_halt(void **state) {
        AUTO(Lab) *lab = lab_with_one(STEP_STARTED);
        Event event = lab_step_event(lab, "m1", STEP_EVENT_SCRIPT_FAILED);

        lab_commit(lab, &event);
        lab_restart(lab);
        assert_int_equal(lab->state->run.state, RUN_HALTED);
}

static void test_a_run_that_is_paused_is_halted_too(void **state) {
        AUTO(Lab) *lab = lab_with_one(STEP_STARTED);

        lab_operate(lab, RUN_EVENT_PAUSED);
        (void) lab_report(lab, "m1", NODE_STEP_ENDED, 1, 1);
        assert_int_equal(lab->state->run.state, RUN_HALTED);
}

static void test_a_released_step_does_not_halt_again_and_the_run_goes_on_without_it(void **state) {
        AUTO(Lab) *lab = lab_with_one(STEP_STARTED);

        (void) lab_report(lab, "m1", NODE_STEP_ENDED, 1, 1);
        assert_int_equal(lab->state->run.state, RUN_HALTED);
        lab_step(lab, "m1", STEP_EVENT_RELEASED);
        assert_int_equal(lab->state->run.state, RUN_HALTED);
        lab_operate(lab, RUN_EVENT_RESUMED);
        assert_int_equal(lab->state->run.state, RUN_FINISHED);
        assert_int_equal(step_of(lab, "m1")->state, STEP_FAILED);
}

static void test_a_node_with_the_slot_that_is_silent_for_three_minutes_is_unknown(void **state) {
        static const StepState ways[] = { STEP_SLOTTED, STEP_STARTED };

        for (size_t i = 0; i < ELEMENTSOF(ways); i++) {
                AUTO(Lab) *lab = lab_with_one(ways[i]);

                lab_pass_silent(lab, LINK_LOST);
                (void) lab_turn(lab);
                assert_int_equal(step_of(lab, "m1")->state, ways[i]);
                lab_pass_silent(lab, 1);
                (void) lab_turn(lab);
                assert_int_equal(step_of(lab, "m1")->state, STEP_UNKNOWN);
                assert_true(step_of(lab, "m1")->slot);
                assert_int_equal(lab->state->run.state, RUN_HALTED);

                /* It is back, and has gone on all the while. */
                (void) lab_report(lab, "m1", NODE_STEP_RUNNING, 1, 0);
                assert_int_equal(step_of(lab, "m1")->state, STEP_STARTED);
                assert_int_equal(lab->state->run.state, RUN_HALTED);
        }
}

/* A restart must not count the time in which nobody could be heard. */
static void test_a_restart_gives_silent_nodes_their_three_minutes_anew(void **state) {
        AUTO(Lab) *lab = lab_with_one(STEP_STARTED);

        lab_pass_silent(lab, 24 * USEC_PER_HOUR);
        lab_restart(lab);
        assert_int_equal(step_of(lab, "m1")->state, STEP_STARTED);
        lab_pass_silent(lab, LINK_LOST + 1);
        (void) lab_turn(lab);
        assert_int_equal(step_of(lab, "m1")->state, STEP_UNKNOWN);
}

static void test_a_node_without_the_slot_may_be_silent(void **state) {
        AUTO(Lab) *lab = lab_with_three();

        lab_pass_silent(lab, USEC_PER_HOUR);
        lab_operate(lab, RUN_EVENT_RESUMED);
        assert_int_equal(lab->state->run.state, RUN_RUNNING);
        assert_int_equal(step_of(lab, "m1")->state, STEP_STAGED);
}

/* One agent may go wrong; the others go on; in the end somebody is told. */
static void test_an_agent_that_failed_within_the_budget_does_not_keep_the_run_from_its_end(
                void **state) {
        AUTO(Lab) *lab = lab_new();
        Event made = lab_run_made(1);

        made.run_made.numbers.dwell_batch = 0;
        lab_join_masters(lab, 1);
        lab_join(lab, "a1", ROLE_AGENT, 0);
        lab_join(lab, "a2", ROLE_AGENT, 0);
        lab_healthy(lab, true);
        lab_run_as(lab, &made, (const char *const[]) { "a1", "a2" }, 2);
        lab_lead(lab, "a1", STEP_STARTED);
        (void) lab_report(lab, "a1", NODE_STEP_ENDED, 1, 1);
        assert_int_equal(lab->state->run.state, RUN_RUNNING);
        lab_lead(lab, "a2", STEP_DONE);
        assert_int_equal(lab->state->run.state, RUN_HALTED);
        expect_why(lab, "1 agent went wrong");
        lab_step(lab, "a1", STEP_EVENT_RELEASED);
        lab_operate(lab, RUN_EVENT_RESUMED);
        assert_int_equal(lab->state->run.state, RUN_FINISHED);
}

/* --- stopped runs --- */

static void test_a_run_that_is_stopped_gives_no_slot_and_no_start_order(void **state) {
        static const RunEvent stops[] = { RUN_EVENT_PAUSED, RUN_EVENT_HELD, RUN_EVENT_HALTED,
                                          RUN_EVENT_ABORTED };

        for (size_t i = 0; i < ELEMENTSOF(stops); i++) {
                AUTO(Lab) *staged = lab_with_three();
                AUTO(Lab) *slotted = lab_with_one(STEP_SLOTTED);
                Event stop = { .kind = EVENT_RUN,
                               .run = { .event = stops[i], .reason = "a test" } };
                Event go = { .kind = EVENT_RUN, .run = { .event = RUN_EVENT_RESUMED } };

                /* Both in one go: nothing may be decided in between. */
                lab_commit(staged, &go);
                lab_commit(staged, &stop);
                lab_commit(slotted, &stop);
                for (unsigned minute = 0; minute < 10; minute++) {
                        lab_pass(staged, USEC_PER_MINUTE);
                        lab_pass(slotted, USEC_PER_MINUTE);
                        (void) lab_turn(staged);
                        lab_ready(slotted, "m1", (char) ('0' + minute));
                        (void) lab_turn(slotted);
                }
                assert_int_equal(lab_count_step(staged, "m1", STEP_EVENT_SLOTTED), 0);
                assert_int_equal(lab_count(slotted, EVENT_ORDERED), 0);
                if (stops[i] != RUN_EVENT_ABORTED) {
                        expect_why(staged, "a test");
                        lab_operate(staged, RUN_EVENT_RESUMED);
                        expect_open_at_last(staged);
                }
        }
}

static void test_a_step_under_way_goes_on_to_its_end_in_a_run_that_is_stopped(void **state) {
        static const RunEvent stops[] = { RUN_EVENT_PAUSED, RUN_EVENT_HELD, RUN_EVENT_HALTED,
                                          RUN_EVENT_ABORTED };

        for (size_t i = 0; i < ELEMENTSOF(stops); i++) {
                AUTO(Lab) *lab = lab_with_one(STEP_STARTED);

                lab_operate(lab, stops[i]);
                (void) lab_report(lab, "m1", NODE_STEP_ENDED, 1, 0);
                (void) lab_version(lab, "m1", LAB_TO);
                assert_int_equal(step_of(lab, "m1")->state, STEP_DONE);
                assert_false(step_of(lab, "m1")->slot);
        }
}

static void test_a_pause_ends_by_itself_at_its_time(void **state) {
        AUTO(Lab) *lab = lab_with_three();
        Event pause = { .kind = EVENT_RUN, .run = { .event = RUN_EVENT_PAUSED } };

        pause.run.until = lab->wall + USEC_PER_HOUR;
        lab_commit(lab, &(Event) { .kind = EVENT_RUN, .run = { .event = RUN_EVENT_RESUMED } });
        lab_commit(lab, &pause);
        lab_pass(lab, USEC_PER_HOUR - 1);
        (void) lab_turn(lab);
        assert_int_equal(lab->state->run.state, RUN_PAUSED);
        lab_pass(lab, 1);
        expect_open_at_last(lab);
        assert_int_equal(lab->state->run.state, RUN_RUNNING);
}

static void test_a_pause_without_an_end_does_not_end(void **state) {
        AUTO(Lab) *lab = lab_with_three();

        lab_pass(lab, 1000 * USEC_PER_DAY);
        (void) lab_turn(lab);
        assert_int_equal(lab->state->run.state, RUN_PAUSED);
}

static void test_a_deposed_coordinator_decides_nothing_at_all(void **state) {
        AUTO(Lab) *lab = lab_with_one(STEP_STARTED);

        lab_commit(lab, &(Event) { .kind = EVENT_DEPOSED, .epoch = { 9, "m1", "x" } });
        lab_pass_silent(lab, USEC_PER_HOUR);
        assert_int_equal(lab_turn(lab), 0);
        expect_why(lab, "another coordinator");
        assert_string_equal(lab->why.advice, "systemctl restart rollpatchd");
}

/* --- the gate before a slot --- */

static void test_no_slot_before_every_master_has_acknowledged_the_claim(void **state) {
        AUTO(Lab) *lab = lab_with_three();

        lab_restart(lab);
        lab_operate(lab, RUN_EVENT_RESUMED);
        for (size_t i = 0; i < 3; i++) {
                const char *name = three[2 - i];
                StepBrief brief = { .state = NODE_STEP_STAGED };

                assert_int_equal(step_of(lab, "m1")->state, STEP_STAGED);
                lab_healthy(lab, true);
                (void) text_copy(brief.step, STEP_ID_MAX, step_of(lab, name)->id);
                lab_claim(lab, name, &brief, 1);
        }
        expect_open_at_last(lab);
}

static void test_no_slot_while_another_master_is_stale(void **state) {
        AUTO(Lab) *lab = lab_with_three();

        lab_pass(lab, USEC_PER_MINUTE);
        lab_facts(lab, "m3")->heard -= 4 * USEC_PER_SEC;
        lab_operate(lab, RUN_EVENT_RESUMED);
        assert_int_equal(step_of(lab, "m1")->state, STEP_STAGED);
        expect_why(lab, "m3 is not heard");
        (void) lab_heartbeat(lab, "m3");
        expect_open_at_last(lab);
}

static void test_no_slot_for_a_master_that_is_not_heard_itself(void **state) {
        AUTO(Lab) *lab = lab_with_three();

        lab_facts(lab, "m1")->heard -= 4 * USEC_PER_SEC;
        lab_operate(lab, RUN_EVENT_RESUMED);
        expect_why(lab, "m1 is not heard");
        (void) lab_heartbeat(lab, "m1");
        expect_open_at_last(lab);
}

static void test_no_slot_while_another_master_is_not_proven_healthy(void **state) {
        AUTO(Lab) *lab = lab_with_three();

        lab_facts(lab, "m2")->healthy = false;
        lab_operate(lab, RUN_EVENT_RESUMED);
        assert_int_equal(step_of(lab, "m1")->state, STEP_STAGED);
        expect_why(lab, "m2 is not proven healthy");
        lab_facts(lab, "m2")->healthy = true;
        expect_open_at_last(lab);
}

static void test_the_candidate_itself_may_be_ill(void **state) {
        AUTO(Lab) *lab = lab_with_three();

        lab_facts(lab, "m1")->healthy = false;
        lab_operate(lab, RUN_EVENT_RESUMED);
        expect_open_at_last(lab);
}

static void test_no_slot_while_a_journal_is_lost(void **state) {
        for (size_t i = 0; i < 2; i++) {
                AUTO(Lab) *lab = lab_with_three();
                const char *name = three[i];
                Hello hello = lab_hello_of(name, ROLE_MASTER, 3);

                memset(hello.journal_id, 'd', ID_TEXT_MAX - 1);
                lab_hello(lab, &hello);
                lab_claim_journal(lab, name, 'd', NULL, 0);
                lab_operate(lab, RUN_EVENT_RESUMED);
                lab_lead(lab, name, STEP_STAGED);
                assert_int_equal(step_of(lab, "m1")->state, STEP_STAGED);
                expect_why(lab, i == 0 ? "m1: its step journal was wiped"
                                       : "m2: its step journal was wiped");
                lab_commit(lab, &(Event) { .kind = EVENT_CLEARED, .cleared = { "m1", "looked" } });
                lab_commit(lab, &(Event) { .kind = EVENT_CLEARED, .cleared = { "m2", "looked" } });
                expect_open_at_last(lab);
        }
}

static void test_no_slot_while_a_foreign_step_is_unresolved(void **state) {
        for (size_t i = 0; i < 3; i++) {
                AUTO(Lab) *lab = lab_with_three();
                Message message = { .kind = MESSAGE_REPORT };

                message.report.state = NODE_STEP_RUNNING;
                (void) text_copy(message.report.step, STEP_ID_MAX, "r9-x-m1-1");
                (void) lab_hear(lab, three[i], &message);
                lab_operate(lab, RUN_EVENT_RESUMED);
                assert_int_equal(step_of(lab, "m1")->state, STEP_STAGED);
                expect_why(lab, three[i]);
                expect_why(lab, "r9-x-m1-1 (running), which is not its present one");
                message.report.state = NODE_STEP_ENDED;
                (void) lab_hear(lab, three[i], &message);
                expect_open_at_last(lab);
        }
}

static void hear_in_hand(Lab *lab, const char *name, const char *step) {
        Message message = { .kind = MESSAGE_HEARTBEAT };

        (void) text_copy(message.heartbeat.step, STEP_ID_MAX, step);
        message.heartbeat.state = step[0] ? NODE_STEP_RUNNING : NODE_STEP_ABSENT;
        (void) lab_hear(lab, name, &message);
}

/* A person may answer for what a step has done, not for that it does not run. */
static void test_no_slot_while_a_step_runs_that_a_person_has_answered_for(void **state) {
        for (size_t i = 0; i < 2; i++) {
                AUTO(Lab) *lab = lab_with_three();
                Event cleared = { .kind = EVENT_CLEARED, .cleared = { .reason = "looked" } };

                (void) text_copy(cleared.cleared.node, NAME_TEXT_MAX, three[i]);
                hear_in_hand(lab, three[i], "r9-x-m1-1");
                lab_commit(lab, &cleared);
                assert_false(node_is_unresolved(lab_node(lab, three[i])));
                lab_operate(lab, RUN_EVENT_RESUMED);
                assert_int_equal(step_of(lab, "m1")->state, STEP_STAGED);
                expect_why(lab, three[i]);
                expect_why(lab, "step r9-x-m1-1 may run on it");
                hear_in_hand(lab, three[i], "");
                expect_open_at_last(lab);
        }
}

static void test_why_a_master_does_not_acknowledge_the_claim_is_said(void **state) {
        AUTO(Lab) *lab = lab_with_three();
        Message refused = { .kind = MESSAGE_REFUSED,
                            .refused = { .order = "claim",
                                         .refusal = REFUSAL_FAILED,
                                         .reason = "unit rollpatch-step-x.service runs" } };

        lab_restart(lab);
        lab_operate(lab, RUN_EVENT_RESUMED);
        for (size_t i = 0; i < 3; i++)
                (void) lab_hear(lab, three[i], &refused);
        lab_healthy(lab, true);
        (void) lab_turn(lab);
        assert_int_equal(step_of(lab, "m1")->state, STEP_STAGED);
        expect_why(lab, "waiting for m1: refused claim: unit rollpatch-step-x.service runs");
}

static void test_no_slot_while_any_other_node_has_one(void **state) {
        AUTO(Lab) *lab = lab_with_three();

        /* A restored log hears of one it has not given. */
        (void) lab_report(lab, "m3", NODE_STEP_RUNNING, 5, 0);
        assert_true(step_of(lab, "m3")->slot);
        lab_operate(lab, RUN_EVENT_RESUMED);
        assert_int_equal(step_of(lab, "m1")->state, STEP_STAGED);
        expect_why(lab, "m3");
        (void) lab_report(lab, "m3", NODE_STEP_ENDED, 5, 0);
        (void) lab_version(lab, "m3", LAB_TO);
        expect_open_at_last(lab);
        assert_int_equal(step_of(lab, "m1")->fence, 6);
}

static void test_no_slot_while_nobody_could_look_at_a_master(void **state) {
        AUTO(Lab) *lab = lab_with_three();
        Hello hello = lab_hello_of("m2", ROLE_MASTER, 3);

        hello.epoch = 1;
        hello.address[0] = '\0';
        lab_hello(lab, &hello);
        lab_operate(lab, RUN_EVENT_RESUMED);
        assert_int_equal(step_of(lab, "m1")->state, STEP_STAGED);
        expect_why(lab, "the address of master m2 is not known");
        (void) text_copy(hello.address, ADDRESS_TEXT_MAX, "10.0.0.2");
        lab_hello(lab, &hello);
        expect_open_at_last(lab);
}

static void test_no_slot_when_the_number_of_masters_is_not_what_is_known(void **state) {
        static const uint64_t counts[] = { 1, 5, 7 };

        for (size_t i = 0; i < ELEMENTSOF(counts); i++) {
                AUTO(Lab) *lab = lab_with_three();

                for (size_t j = 0; j < 3; j++) {
                        Hello hello = lab_hello_of(three[j], ROLE_MASTER, counts[i]);

                        hello.epoch = 1;
                        lab_hello(lab, &hello);
                }
                lab_operate(lab, RUN_EVENT_RESUMED);
                assert_int_equal(step_of(lab, "m1")->state, STEP_STAGED);
                assert_int_not_equal(lab->why.text[0], '\0');
        }
}

static void test_a_new_fence_is_above_all_that_was_given_or_heard(void **state) {
        AUTO(Lab) *lab = lab_with_three();
        Hello hello = lab_hello_of("m2", ROLE_MASTER, 3);

        hello.epoch = 1;
        hello.fence = 77;
        lab_hello(lab, &hello);
        lab_operate(lab, RUN_EVENT_RESUMED);
        assert_int_equal(step_of(lab, "m1")->fence, 78);
}

static void test_a_node_that_has_declined_is_left_alone_for_a_while(void **state) {
        AUTO(Lab) *lab = lab_with_one(STEP_SLOTTED);

        (void) lab_report(lab, "m1", NODE_STEP_DECLINED, 1, 0);
        assert_int_equal(step_of(lab, "m1")->state, STEP_STAGED);
        expect_why(lab, "m1 has declined");
        for (unsigned i = 0; i < 9; i++) {
                lab_pass(lab, USEC_PER_SEC);
                (void) lab_turn(lab);
                assert_int_equal(step_of(lab, "m1")->state, STEP_STAGED);
        }
        lab_pass(lab, USEC_PER_SEC);
        expect_open_at_last(lab);
        assert_int_equal(step_of(lab, "m1")->fence, 2);
}

/* --- the gate before a start --- */

/* The gate was open when the slot was given and is not any more when the node is ready. */
static void test_a_start_order_needs_the_gate_to_be_open_at_that_moment(void **state) {
        static const unsigned ways = 6;

        for (unsigned way = 0; way < ways; way++) {
                AUTO(Lab) *lab = lab_with_three();
                Hello hello = lab_hello_of("m2", ROLE_MASTER, 3);
                Message message = { .kind = MESSAGE_REPORT };

                lab_operate(lab, RUN_EVENT_RESUMED);
                expect_open_at_last(lab);
                message.report.state = NODE_STEP_RUNNING;
                (void) text_copy(message.report.step, STEP_ID_MAX, "r9-x-m2-1");
                if (way == 0)
                        lab_facts(lab, "m2")->heard -= 4 * USEC_PER_SEC;
                if (way == 1)
                        lab_facts(lab, "m2")->healthy = false;
                if (way == 2)
                        lab_hello(lab, &hello); /* it has forgotten our epoch */
                if (way == 3)
                        (void) lab_hear(lab, "m2", &message);
                if (way == 4)
                        (void) lab_report(lab, "m2", NODE_STEP_INTENT, 0, 0);
                if (way == 5)
                        lab_restart(lab);
                lab_ready(lab, "m1", '7');
                assert_int_equal(lab_count(lab, EVENT_ORDERED), 0);
                assert_int_equal(step_of(lab, "m1")->state, STEP_SLOTTED);
                assert_true(step_of(lab, "m1")->slot);
        }
}

static void test_a_start_order_follows_when_the_gate_opens_in_time(void **state) {
        AUTO(Lab) *lab = lab_with_three();

        lab_operate(lab, RUN_EVENT_RESUMED);
        lab_facts(lab, "m2")->healthy = false;
        lab_ready(lab, "m1", '7');
        lab_pass(lab, 4 * USEC_PER_SEC);
        lab_facts(lab, "m2")->healthy = true;
        (void) lab_turn(lab);
        assert_int_equal(lab_count(lab, EVENT_ORDERED), 1);
}

static void test_a_nonce_that_is_too_old_is_not_ordered_but_asked_for_anew(void **state) {
        AUTO(Lab) *lab = lab_with_three();

        lab_operate(lab, RUN_EVENT_RESUMED);
        lab_facts(lab, "m2")->healthy = false;
        lab_ready(lab, "m1", '7');
        lab_pass(lab, START_ORDER_LIFE + 1);
        lab_facts(lab, "m2")->healthy = true;
        (void) lab_turn(lab);
        assert_int_equal(lab_count(lab, EVENT_ORDERED), 0);
        lab_pass(lab, USEC_PER_SEC);
        (void) lab_turn(lab);
        lab_expect_order(lab, "m1", MESSAGE_SLOT, NULL);
}

static void test_an_agent_goes_down_only_while_all_masters_are_good(void **state) {
        AUTO(Lab) *lab = lab_new();

        lab_join_masters(lab, 3);
        lab_join(lab, "a1", ROLE_AGENT, 0);
        lab_healthy(lab, true);
        lab_facts(lab, "m2")->healthy = false;
        lab_run(lab, (const char *const[]) { "a1" }, 1, false);
        lab_lead(lab, "a1", STEP_STAGED);
        assert_int_equal(step_of(lab, "a1")->state, STEP_STAGED);
        lab_facts(lab, "m2")->healthy = true;
        (void) lab_turn(lab);
        assert_int_equal(step_of(lab, "a1")->state, STEP_SLOTTED);
        lab_facts(lab, "m1")->healthy = false;
        lab_ready(lab, "a1", '7');
        assert_int_equal(lab_count(lab, EVENT_ORDERED), 0);
}

/* --- verifying --- */

static void test_a_patched_node_is_done_only_when_it_is_as_it_must_be(void **state) {
        AUTO(Lab) *lab = lab_with_one(STEP_VERIFYING);

        expect_why(lab, "verifying m1: m1 has DC/OS " LAB_FROM ", want " LAB_TO);
        lab_pass(lab, USEC_PER_MINUTE);
        (void) lab_turn(lab);
        assert_int_equal(step_of(lab, "m1")->state, STEP_VERIFYING);
        (void) lab_version(lab, "m1", LAB_TO);
        assert_int_equal(step_of(lab, "m1")->state, STEP_DONE);
}

/* What was said to the coordinator before the restart proves nothing. */
static void test_after_a_restart_a_node_is_verified_only_once_it_has_been_claimed(void **state) {
        AUTO(Lab) *lab = lab_with_one(STEP_VERIFYING);
        Hello hello = lab_hello_of("m1", ROLE_MASTER, 1);
        StepBrief brief = { "r1-1a2b3c4d-m1-1", NODE_STEP_ENDED, 1, 0, 0 };

        (void) text_copy(hello.dcos_version, VERSION_MAX, LAB_TO);
        hello.epoch = 1;
        lab_restart(lab);
        lab_hello(lab, &hello);
        assert_int_equal(step_of(lab, "m1")->state, STEP_VERIFYING);
        expect_why(lab, "has not acknowledged");
        lab_claim(lab, "m1", &brief, 1);
        assert_int_equal(step_of(lab, "m1")->state, STEP_DONE);
}

static void test_a_node_with_a_step_nobody_ordered_is_not_verified(void **state) {
        AUTO(Lab) *lab = lab_with_one(STEP_VERIFYING);
        Message message = { .kind = MESSAGE_REPORT };

        message.report.state = NODE_STEP_RUNNING;
        (void) text_copy(message.report.step, STEP_ID_MAX, "r9-x-m1-1");
        (void) lab_hear(lab, "m1", &message);
        (void) lab_version(lab, "m1", LAB_TO);
        assert_int_equal(step_of(lab, "m1")->state, STEP_VERIFYING);
        expect_why(lab, "r9-x-m1-1");
}

static void test_a_node_that_is_not_proven_in_time_has_failed_and_keeps_its_slot(void **state) {
        AUTO(Lab) *lab = lab_with_one(STEP_VERIFYING);

        lab_pass(lab, lab->state->run.made.numbers.timeout_master);
        (void) lab_turn(lab);
        assert_int_equal(step_of(lab, "m1")->state, STEP_VERIFYING);
        lab_pass(lab, 1);
        (void) lab_turn(lab);
        assert_int_equal(step_of(lab, "m1")->state, STEP_FAILED);
        assert_true(step_of(lab, "m1")->slot);
        assert_string_equal(
                        step_of(lab, "m1")->reason,
                        "not proven good within 20min: m1 has DC/OS " LAB_FROM ", want " LAB_TO);
        assert_int_equal(lab->state->run.state, RUN_HALTED);
}

static void test_a_restart_begins_the_time_to_verify_anew(void **state) {
        AUTO(Lab) *lab = lab_with_one(STEP_VERIFYING);

        lab_pass(lab, USEC_PER_DAY);
        lab_restart(lab);
        assert_int_equal(step_of(lab, "m1")->state, STEP_VERIFYING);
}

/* --- retry --- */

static bool retry_is(Lab *lab, bool safe, const char *part) {
        Why why = {};

        assert_int_equal(retry_is_safe(lab->state, &lab->facts, 0, lab->now, &why), safe);
        if (!safe && !strstr(why.text, part))
                fail_msg("'%s', want '%s'", why.text, part);

        return safe;
}

static void test_a_step_that_ended_badly_is_tried_again_as_another_attempt(void **state) {
        AUTO(Lab) *lab = lab_with_one(STEP_STARTED);

        (void) lab_report(lab, "m1", NODE_STEP_ENDED, 1, 1);
        assert_string_equal(
                        lab->why.advice, "rollpatch report; then rollpatch retry m1 --reason TEXT");
        (void) retry_is(lab, true, "");
        lab_retry(lab, "m1");
        assert_string_equal(lab->why.advice, "rollpatch resume");
        assert_int_equal(lab->state->run.state, RUN_HALTED);
        assert_int_equal(step_of(lab, "m1")->state, STEP_WAITING);
        lab_operate(lab, RUN_EVENT_RESUMED);
        lab_lead(lab, "m1", STEP_DONE);
        assert_string_equal(step_of(lab, "m1")->id, "r1-1a2b3c4d-m1-2");
        assert_int_equal(step_of(lab, "m1")->fence, 2);
        assert_int_equal(lab->state->run.state, RUN_FINISHED);
}

static void test_a_patched_node_is_only_judged_again(void **state) {
        AUTO(Lab) *lab = lab_with_one(STEP_STARTED);

        (void) lab_report(lab, "m1", NODE_STEP_INTERRUPTED, 1, 0);
        lab_step(lab, "m1", STEP_EVENT_RECHECKED);
        assert_int_equal(step_of(lab, "m1")->state, STEP_VERIFYING);
        assert_true(step_of(lab, "m1")->slot);
        assert_int_equal(step_of(lab, "m1")->attempt, 1);
        (void) lab_version(lab, "m1", LAB_TO);
        assert_int_equal(step_of(lab, "m1")->state, STEP_DONE);
        assert_non_null(strstr(lab_last(lab, EVENT_STEP)->step.reason, "exit status unknown"));
}

static void test_a_script_that_has_said_how_it_ended_is_not_called_unknown(void **state) {
        AUTO(Lab) *lab = lab_with_one(STEP_DONE);

        assert_string_equal(lab_last(lab, EVENT_STEP)->step.reason, "");
}

/* The person does not know more than the node: it may still be running. */
static void test_a_step_that_is_unknown_is_not_given_up_before_its_node_has_spoken(void **state) {
        AUTO(Lab) *lab = lab_with_one(STEP_STARTED);
        Hello hello = lab_hello_of("m1", ROLE_MASTER, 1);
        Message beat = { .kind = MESSAGE_HEARTBEAT };

        lab_pass_silent(lab, LINK_LOST + 1);
        (void) lab_turn(lab);
        assert_int_equal(step_of(lab, "m1")->state, STEP_UNKNOWN);
        (void) retry_is(lab, false, "not heard");
        hello.epoch = 1;
        lab_hello(lab, &hello);
        (void) retry_is(lab, false, "has not said yet");
        beat.heartbeat.state = NODE_STEP_RUNNING;
        (void) text_copy(beat.heartbeat.step, STEP_ID_MAX, step_of(lab, "m1")->id);
        (void) lab_hear(lab, "m1", &beat);
        (void) retry_is(lab, false, "under way");
        (void) lab_report(lab, "m1", NODE_STEP_RUNNING, 1, 0);
        assert_int_equal(step_of(lab, "m1")->state, STEP_STARTED);

        lab_pass_silent(lab, LINK_LOST + 1);
        (void) lab_turn(lab);
        lab_hello(lab, &hello);
        (void) lab_report(lab, "m1", NODE_STEP_ABSENT, 0, 0);
        assert_int_equal(step_of(lab, "m1")->state, STEP_UNKNOWN);
        (void) retry_is(lab, true, "");
}

/* It said that it had not begun; that was before it fell silent. */
static void test_what_a_node_said_before_it_was_lost_is_no_reason_to_try_again(void **state) {
        AUTO(Lab) *lab = lab_with_one(STEP_SLOTTED);
        Hello hello = lab_hello_of("m1", ROLE_MASTER, 1);

        (void) lab_report(lab, "m1", NODE_STEP_READY, 1, 0);
        lab_pass_silent(lab, LINK_LOST + 1);
        (void) lab_turn(lab);
        assert_int_equal(step_of(lab, "m1")->state, STEP_UNKNOWN);
        (void) lab_heartbeat(lab, "m1");
        (void) retry_is(lab, false, "has not said yet");
        hello.epoch = 1;
        lab_hello(lab, &hello);
        (void) retry_is(lab, false, "has not said yet");
        (void) lab_report(lab, "m1", NODE_STEP_STAGED, 1, 0);
        (void) retry_is(lab, true, "");
}

static void test_a_retry_waits_for_the_claim_and_for_a_journal_that_is_explained(void **state) {
        AUTO(Lab) *lab = lab_with_one(STEP_STARTED);
        Hello hello = lab_hello_of("m1", ROLE_MASTER, 1);

        (void) lab_report(lab, "m1", NODE_STEP_ENDED, 1, 1);
        lab_restart(lab);
        (void) retry_is(lab, false, "not heard");
        lab_hello(lab, &hello);
        (void) retry_is(lab, false, "not acknowledged");
        lab_claim_journal(lab, "m1", 'd', NULL, 0);
        (void) retry_is(lab, false, "wiped");
        lab_commit(lab, &(Event) { .kind = EVENT_CLEARED, .cleared = { "m1", "looked" } });
        (void) retry_is(lab, true, "");
}

/* m2's script could not be fetched while m1 was about to start: both must be able to go on. */
static void test_a_step_that_holds_nothing_can_be_tried_again_while_another_has_the_slot(
                void **state) {
        AUTO(Lab) *lab = lab_with_three();

        lab_operate(lab, RUN_EVENT_RESUMED);
        assert_int_equal(step_of(lab, "m1")->state, STEP_SLOTTED);
        lab_step(lab, "m2", STEP_EVENT_FORGOTTEN);
        (void) lab_report(lab, "m2", NODE_STEP_STAGE_FAILED, 0, 0);
        assert_int_equal(lab->state->run.state, RUN_HALTED);
        lab_retry(lab, "m2");
        lab_operate(lab, RUN_EVENT_RESUMED);
        lab_lead(lab, "m1", STEP_DONE);
        lab_lead(lab, "m2", STEP_DONE);
}

static void test_the_same_state_gives_the_same_answer(void **state) {
        AUTO(Lab) *lab = lab_with_three();
        Event event = { .kind = EVENT_RUN, .run = { .event = RUN_EVENT_RESUMED } };
        Event first;
        Event second;
        Why why;

        lab_commit(lab, &event);
        memset(&first, 0, sizeof(first));
        memset(&second, 0, sizeof(second));
        assert_int_equal(run_decide(lab->state, &lab->facts, lab->now, lab->wall, &first, &why), 1);
        assert_int_equal(
                        run_decide(lab->state, &lab->facts, lab->now, lab->wall, &second, &why), 1);
        assert_memory_equal(&first, &second, sizeof(first));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_a_single_master_goes_all_the_way_and_the_run_is_finished),
                cmocka_unit_test(test_a_single_master_without_consent_waits_for_ever_and_says_why),
                cmocka_unit_test(test_nodes_go_in_the_order_of_the_plan_and_masters_first),
                cmocka_unit_test(test_at_most_twenty_nodes_stage_at_once),
                cmocka_unit_test(test_a_bad_step_halts_the_run_before_anything_else_is_given),
                cmocka_unit_test(test_a_stage_that_failed_halts_the_run_before_a_slot_is_given),
                cmocka_unit_test(test_a_halt_survives_a_crash_between_the_report_and_the_halt),
                cmocka_unit_test(test_a_run_that_is_paused_is_halted_too),
                cmocka_unit_test(
                                test_a_released_step_does_not_halt_again_and_the_run_goes_on_without_it),
                cmocka_unit_test(
                                test_a_node_with_the_slot_that_is_silent_for_three_minutes_is_unknown),
                cmocka_unit_test(test_a_restart_gives_silent_nodes_their_three_minutes_anew),
                cmocka_unit_test(test_a_node_without_the_slot_may_be_silent),
                cmocka_unit_test(
                                test_an_agent_that_failed_within_the_budget_does_not_keep_the_run_from_its_end),
                cmocka_unit_test(test_a_run_that_is_stopped_gives_no_slot_and_no_start_order),
                cmocka_unit_test(test_a_step_under_way_goes_on_to_its_end_in_a_run_that_is_stopped),
                cmocka_unit_test(test_a_pause_ends_by_itself_at_its_time),
                cmocka_unit_test(test_a_pause_without_an_end_does_not_end),
                cmocka_unit_test(test_a_deposed_coordinator_decides_nothing_at_all),
                cmocka_unit_test(test_no_slot_before_every_master_has_acknowledged_the_claim),
                cmocka_unit_test(test_no_slot_while_another_master_is_stale),
                cmocka_unit_test(test_no_slot_for_a_master_that_is_not_heard_itself),
                cmocka_unit_test(test_no_slot_while_another_master_is_not_proven_healthy),
                cmocka_unit_test(test_the_candidate_itself_may_be_ill),
                cmocka_unit_test(test_no_slot_while_a_journal_is_lost),
                cmocka_unit_test(test_no_slot_while_a_foreign_step_is_unresolved),
                cmocka_unit_test(test_no_slot_while_a_step_runs_that_a_person_has_answered_for),
                cmocka_unit_test(test_why_a_master_does_not_acknowledge_the_claim_is_said),
                cmocka_unit_test(test_no_slot_while_any_other_node_has_one),
                cmocka_unit_test(test_no_slot_while_nobody_could_look_at_a_master),
                cmocka_unit_test(test_no_slot_when_the_number_of_masters_is_not_what_is_known),
                cmocka_unit_test(test_a_new_fence_is_above_all_that_was_given_or_heard),
                cmocka_unit_test(test_a_node_that_has_declined_is_left_alone_for_a_while),
                cmocka_unit_test(test_a_start_order_needs_the_gate_to_be_open_at_that_moment),
                cmocka_unit_test(test_a_start_order_follows_when_the_gate_opens_in_time),
                cmocka_unit_test(test_a_nonce_that_is_too_old_is_not_ordered_but_asked_for_anew),
                cmocka_unit_test(test_an_agent_goes_down_only_while_all_masters_are_good),
                cmocka_unit_test(test_a_patched_node_is_done_only_when_it_is_as_it_must_be),
                cmocka_unit_test(
                                test_after_a_restart_a_node_is_verified_only_once_it_has_been_claimed),
                cmocka_unit_test(test_a_node_with_a_step_nobody_ordered_is_not_verified),
                cmocka_unit_test(
                                test_a_node_that_is_not_proven_in_time_has_failed_and_keeps_its_slot),
                cmocka_unit_test(test_a_restart_begins_the_time_to_verify_anew),
                cmocka_unit_test(test_a_step_that_ended_badly_is_tried_again_as_another_attempt),
                cmocka_unit_test(test_a_patched_node_is_only_judged_again),
                cmocka_unit_test(test_a_script_that_has_said_how_it_ended_is_not_called_unknown),
                cmocka_unit_test(
                                test_a_step_that_is_unknown_is_not_given_up_before_its_node_has_spoken),
                cmocka_unit_test(
                                test_what_a_node_said_before_it_was_lost_is_no_reason_to_try_again),
                cmocka_unit_test(
                                test_a_retry_waits_for_the_claim_and_for_a_journal_that_is_explained),
                cmocka_unit_test(
                                test_a_step_that_holds_nothing_can_be_tried_again_while_another_has_the_slot),
                cmocka_unit_test(test_the_same_state_gives_the_same_answer),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
