/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/intake.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <string.h>

#include "common/text.h"
#include "proto/codec.h"
#include "tests/unit/core-lab.h"
#include "tests/unit/filler.h"

#define STEP_ONE "r1-1a2b3c4d-m1-1"

static const char *const m1[] = { "m1" };

/* One master in a run that may take it down, in the state that is asked for; staged only in a run
 * that is paused, because it gets its slot at once otherwise. */
static Lab *lab_with_m1(StepState to) {
        Lab *lab = lab_new();

        lab_join_masters(lab, 1);
        lab_run(lab, m1, 1, true);
        if (to == STEP_STAGED)
                lab_operate(lab, RUN_EVENT_PAUSED);
        lab_lead(lab, "m1", to);
        return lab;
}

static const Step *step_of(const Lab *lab) {
        return &lab_node(lab, "m1")->step;
}

/* --- hello --- */

static void test_a_hello_that_says_nothing_new_is_no_event(void **state) {
        AUTO(Lab) *lab = lab_new();
        Hello hello = lab_hello_of("m1", ROLE_MASTER, 3);
        Event event;

        assert_int_equal(intake_hello(lab->state, &hello, &event), 1);
        lab_commit(lab, &event);
        for (unsigned i = 0; i < 3; i++)
                assert_int_equal(intake_hello(lab->state, &hello, &event), 0);
}

static void test_whatever_a_hello_says_anew_is_an_event(void **state) {
        AUTO(Lab) *lab = lab_new();
        Hello hello = lab_hello_of("m1", ROLE_MASTER, 3);
        char *const members[] = { hello.boot_id, hello.address, hello.dcos_version,
                                  hello.software };
        Event event;

        lab_hello(lab, &hello);
        for (size_t i = 0; i < ELEMENTSOF(members); i++) {
                members[i][0] = 'f';
                assert_int_equal(intake_hello(lab->state, &hello, &event), 1);
                lab_commit(lab, &event);
                assert_int_equal(intake_hello(lab->state, &hello, &event), 0);
        }
        hello.master_count = 5;
        assert_int_equal(intake_hello(lab->state, &hello, &event), 1);
        lab_commit(lab, &event);
        hello.role = ROLE_AGENT;
        assert_int_equal(intake_hello(lab->state, &hello, &event), 1);
        assert_int_equal(event.node.role, ROLE_AGENT);
        assert_false(event.node.unclaimed);
}

/* Promise 9: a node that has forgotten our epoch would obey any coordinator. */
static void test_a_node_that_has_forgotten_its_epoch_is_claimed_again(void **state) {
        AUTO(Lab) *lab = lab_new();
        Hello hello = lab_hello_of("m1", ROLE_MASTER, 1);

        lab_join_masters(lab, 1);
        hello.epoch = 1;
        lab_hello(lab, &hello);
        assert_true(state_claim_is_complete(lab->state, NULL));

        hello.epoch = 0; /* its disk was restored from a backup */
        lab_hello(lab, &hello);
        assert_int_equal(lab_node(lab, "m1")->epoch, 0);
        assert_false(state_claim_is_complete(lab->state, NULL));
        lab_expect_order(lab, "m1", MESSAGE_CLAIM, NULL);
        lab_claim(lab, "m1", NULL, 0);
        assert_true(state_claim_is_complete(lab->state, NULL));
        assert_false(lab_node(lab, "m1")->journal_lost);
}

static void test_a_journal_wiped_in_the_middle_of_a_step_halts_the_run(void **state) {
        AUTO(Lab) *lab = lab_with_m1(STEP_STARTED);
        Hello hello = lab_hello_of("m1", ROLE_MASTER, 1);

        memset(hello.journal_id, 'd', ID_TEXT_MAX - 1);
        hello.epoch = 1; /* this it still has */
        lab_hello(lab, &hello);
        lab_expect_order(lab, "m1", MESSAGE_CLAIM, NULL);
        lab_claim_journal(lab, "m1", 'd', NULL, 0);
        assert_int_equal(step_of(lab)->state, STEP_UNKNOWN);
        assert_non_null(strstr(step_of(lab)->reason, "wiped"));
        assert_true(step_of(lab)->slot);
        assert_true(lab_node(lab, "m1")->journal_lost);
        assert_int_equal(lab->state->run.state, RUN_HALTED);
}

/* --- epochs --- */

static void test_a_higher_epoch_is_topped_before_the_claim_is_complete_and_obeyed_after(
                void **state) {
        AUTO(Lab) *lab = lab_new();
        Hello hello = lab_hello_of("m1", ROLE_MASTER, 1);
        Event event;

        hello.epoch = 41;
        lab_hello(lab, &hello);
        assert_int_equal(lab->state->epoch, 42);
        assert_int_equal(lab->state->deposed_by, 0);
        assert_int_equal(lab_count(lab, EVENT_EPOCH), 1);
        assert_int_equal(intake_epoch(lab->state, "m1", 41, "x", &event), 0);
        assert_int_equal(intake_epoch(lab->state, "m1", 42, "x", &event), 0);

        lab_claim(lab, "m1", NULL, 0);
        assert_int_equal(intake_epoch(lab->state, "m1", 42, "x", &event), 0);
        assert_int_equal(intake_epoch(lab->state, "m1", 50, "x", &event), 1);
        assert_int_equal(event.kind, EVENT_DEPOSED);
        lab_commit(lab, &event);
        assert_int_equal(lab->state->epoch, 42);
        assert_int_equal(lab->state->deposed_by, 50);
        assert_int_equal(intake_epoch(lab->state, "m1", 50, "x", &event), 0);
        assert_int_equal(intake_epoch(lab->state, "m1", 51, "x", &event), 1);
        assert_int_equal(event.kind, EVENT_DEPOSED);
}

/* A wiped master must not turn "another has taken over" into "I am just starting". */
static void test_a_claim_that_was_complete_once_does_not_top_another_coordinator(void **state) {
        AUTO(Lab) *lab = lab_new();
        Hello hello = lab_hello_of("m2", ROLE_MASTER, 3);
        Event event;

        lab_join_masters(lab, 3);
        hello.epoch = 0;
        lab_hello(lab, &hello);
        assert_false(state_claim_is_complete(lab->state, NULL));
        assert_int_equal(intake_epoch(lab->state, "m1", 9, "x", &event), 1);
        assert_int_equal(event.kind, EVENT_DEPOSED);
}

/* Two coordinators on copies of one log count alike. Each master belongs to whoever claimed it
 * first; the other one hears of it when the master comes, so never do both have them all. */
static void test_an_epoch_that_another_coordinator_has_claimed_under_our_number_is_topped(
                void **state) {
        AUTO(Lab) *first = lab_new();
        AUTO(Lab) *second = lab_new();
        Hello hello = lab_hello_of("m1", ROLE_MASTER, 1);
        Event event;

        lab_hello(first, &hello);
        lab_claim(first, "m1", NULL, 0);
        assert_true(state_claim_is_complete(first->state, NULL));

        hello.epoch = 1;
        lab_hello(second, &hello);
        assert_int_equal(second->state->epoch, 2);
        assert_int_equal(lab_last(second, EVENT_EPOCH)->epoch.epoch, 2);
        assert_false(state_claim_is_complete(second->state, NULL));

        /* The first knows that the number is its own. */
        assert_int_equal(intake_hello_epoch(first->state, &hello, "x", &event), 0);
        lab_claim(second, "m1", NULL, 0);
        hello.epoch = 2;
        assert_int_equal(intake_hello_epoch(first->state, &hello, "x", &event), 1);
        assert_int_equal(event.kind, EVENT_DEPOSED);
}

/* Its answer was lost, or it comes late: no reason to stop. */
static void test_an_agent_that_holds_our_epoch_unheard_is_claimed_again_after_the_claim(
                void **state) {
        AUTO(Lab) *lab = lab_new();
        Hello hello = lab_hello_of("a1", ROLE_AGENT, 0);

        lab_join_masters(lab, 1);
        hello.epoch = 1;
        lab_hello(lab, &hello);
        assert_int_equal(lab->state->epoch, 1);
        assert_int_equal(lab->state->deposed_by, 0);
        lab_expect_order(lab, "a1", MESSAGE_CLAIM, NULL);
}

static void test_an_epoch_that_could_not_be_topped_is_ignored(void **state) {
        AUTO(Lab) *lab = lab_new();
        Event event;

        Hello hello = lab_hello_of("m1", ROLE_MASTER, 1);

        hello.epoch = EPOCH_MAX;
        assert_int_equal(intake_epoch(lab->state, "m1", EPOCH_MAX, "x", &event), 0);
        assert_int_equal(intake_hello_epoch(lab->state, &hello, "x", &event), 0);
}

/* Followed, it would leave no number to go on with: for us, and for all whom we then claimed. */
static void test_numbers_that_no_history_explains_are_not_plausible(void **state) {
        AUTO(Lab) *lab = lab_new();
        const uint64_t leap = NUMBER_LEAP;
        const char *what = "";
        Message hello = { .kind = MESSAGE_HELLO, .hello = lab_hello_of("m1", ROLE_MASTER, 1) };
        Message heartbeat = { .kind = MESSAGE_HEARTBEAT };
        Message report = { .kind = MESSAGE_REPORT };
        Message claimed = { .kind = MESSAGE_CLAIMED, .claimed = { .step_count = 2 } };
        Message ready = { .kind = MESSAGE_READY };
        Message refused = { .kind = MESSAGE_REFUSED };
        const struct {
                Message *message;
                uint64_t *number;
                uint64_t ours;
                const char *what;
        } rows[] = {
                { &hello, &hello.hello.epoch, lab->state->epoch, "epoch" },
                { &hello, &hello.hello.fence, lab->state->fence, "fence" },
                { &heartbeat, &heartbeat.heartbeat.epoch, lab->state->epoch, "epoch" },
                { &refused, &refused.refused.epoch, lab->state->epoch, "epoch" },
                { &refused, &refused.refused.fence, lab->state->fence, "fence" },
                { &claimed, &claimed.claimed.epoch, lab->state->epoch, "epoch" },
                { &claimed, &claimed.claimed.steps[1].fence, lab->state->fence, "fence" },
                { &ready, &ready.ready.fence, lab->state->fence, "fence" },
                { &report, &report.report.fence, lab->state->fence, "fence" },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                *rows[i].number = rows[i].ours + leap;
                assert_true(intake_is_plausible(lab->state, rows[i].message, &what));
                *rows[i].number = rows[i].ours + leap + 1;
                assert_false(intake_is_plausible(lab->state, rows[i].message, &what));
                assert_string_equal(what, rows[i].what);
                *rows[i].number = EPOCH_MAX;
                assert_false(intake_is_plausible(lab->state, rows[i].message, &what));
                *rows[i].number = 0;
        }
}

static void test_a_deposed_coordinator_that_is_started_again_claims_above_the_other(void **state) {
        AUTO(Lab) *lab = lab_new();
        Hello hello = lab_hello_of("a1", ROLE_AGENT, 0);

        lab_join_masters(lab, 1);
        hello.epoch = 30; /* an agent that comes late, from another coordinator's time */
        lab_hello(lab, &hello);
        assert_int_equal(lab->state->deposed_by, 30);
        lab_expect_no_order(lab, "m1");
        lab_restart(lab);
        assert_int_equal(lab->state->epoch, 31);
        assert_int_equal(lab->state->deposed_by, 0);
        lab_hello(lab, &hello);
        assert_int_equal(lab->state->deposed_by, 0);
}

/* --- reports --- */

static void test_a_report_that_is_repeated_changes_nothing(void **state) {
        static const StepState ways[] = { STEP_STAGED, STEP_SLOTTED, STEP_STARTED, STEP_VERIFYING,
                                          STEP_DONE };

        for (size_t way = 0; way < ELEMENTSOF(ways); way++) {
                for (unsigned said = 0; said < NODE_STEP_COUNT; said++) {
                        AUTO(Lab) *lab = lab_with_m1(ways[way]);
                        Step after;

                        if (lab->state->run.state == RUN_RUNNING)
                                lab_operate(lab, RUN_EVENT_PAUSED);
                        (void) lab_report(lab, "m1", (NodeStep) said, 1, 0);
                        after = *step_of(lab);
                        for (unsigned i = 0; i < 3; i++)
                                assert_int_equal(lab_report(lab, "m1", (NodeStep) said, 1, 0), 0);
                        assert_memory_equal(&after, step_of(lab), sizeof(after));
                }
        }
}

static void test_a_decline_frees_the_slot_it_was_asked_for_and_no_later_one(void **state) {
        AUTO(Lab) *lab = lab_with_m1(STEP_SLOTTED);

        assert_int_equal(lab_report(lab, "m1", NODE_STEP_DECLINED, 1, 0), 1);
        assert_int_equal(step_of(lab)->state, STEP_STAGED);
        assert_false(step_of(lab)->slot);
        assert_int_equal(step_of(lab)->declines, 1);

        lab_pass(lab, USEC_PER_MINUTE);
        (void) lab_turn(lab);
        assert_int_equal(step_of(lab)->state, STEP_SLOTTED);
        assert_int_equal(step_of(lab)->fence, 2);

        /* The old one, once more: it was not acknowledged in time. */
        assert_int_equal(lab_report(lab, "m1", NODE_STEP_DECLINED, 1, 0), 0);
        assert_int_equal(step_of(lab)->state, STEP_SLOTTED);
        assert_true(step_of(lab)->slot);
        assert_int_equal(lab_report(lab, "m1", NODE_STEP_DECLINED, 2, 0), 1);
        assert_false(step_of(lab)->slot);
}

static void test_a_decline_does_not_undo_a_start_under_the_same_slot_of_a_lower_fence(
                void **state) {
        AUTO(Lab) *lab = lab_with_m1(STEP_STARTED);

        lab_operate(lab, RUN_EVENT_PAUSED);
        assert_int_equal(lab_report(lab, "m1", NODE_STEP_DECLINED, 0, 0), 0);
        assert_true(step_of(lab)->slot);
}

/* The slot says it already, and it may still be declined. */
static void test_an_intent_under_a_slot_is_no_news(void **state) {
        AUTO(Lab) *lab = lab_with_m1(STEP_SLOTTED);

        assert_int_equal(lab_report(lab, "m1", NODE_STEP_INTENT, 1, 0), 0);
        assert_int_equal(step_of(lab)->state, STEP_SLOTTED);
        assert_int_equal(lab_report(lab, "m1", NODE_STEP_DECLINED, 1, 0), 1);
        assert_false(step_of(lab)->slot);
}

/* Promise 8: what has happened has happened, whatever fence it carries. */
static void test_an_ended_report_is_taken_with_any_fence(void **state) {
        for (uint64_t fence = 0; fence < 4; fence++) {
                AUTO(Lab) *lab = lab_with_m1(STEP_SLOTTED);

                assert_int_equal(lab_report(lab, "m1", NODE_STEP_ENDED, fence, 0), 1);
                assert_int_equal(step_of(lab)->state, STEP_VERIFYING);
                assert_true(step_of(lab)->slot);
        }
}

static void test_how_a_script_ended_decides_what_the_step_is(void **state) {
        static const struct {
                NodeStep said;
                uint64_t status;
                uint64_t signal;
                StepState then;
        } rows[] = {
                { NODE_STEP_ENDED, 0, 0, STEP_VERIFYING },
                { NODE_STEP_ENDED, 1, 0, STEP_FAILED },
                { NODE_STEP_ENDED, 0, 15, STEP_FAILED },
                { NODE_STEP_ENDED, 255, 127, STEP_FAILED },
                { NODE_STEP_INTERRUPTED, 0, 0, STEP_INTERRUPTED },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                AUTO(Lab) *lab = lab_with_m1(STEP_STARTED);
                Message message = { .kind = MESSAGE_REPORT };

                message.report.state = rows[i].said;
                message.report.fence = 1;
                message.report.exit_status = rows[i].status;
                message.report.exit_signal = rows[i].signal;
                (void) text_copy(message.report.step, STEP_ID_MAX, STEP_ONE);
                (void) text_copy(message.report.tail, TAIL_MAX, "last words");
                assert_int_equal(lab_hear(lab, "m1", &message), 1);
                assert_int_equal(step_of(lab)->state, rows[i].then);
                assert_true(step_of(lab)->slot);
                assert_int_equal(
                                step_of(lab)->exit_status,
                                rows[i].said == NODE_STEP_ENDED ? rows[i].status : 0);
        }
}

static void test_only_a_script_that_has_ended_tells_the_version(void **state) {
        for (unsigned said = 0; said < NODE_STEP_COUNT; said++) {
                AUTO(Lab) *lab = lab_with_m1(STEP_STARTED);
                Message message = { .kind = MESSAGE_REPORT };
                bool over = said == NODE_STEP_ENDED || said == NODE_STEP_INTERRUPTED;

                message.report.state = (NodeStep) said;
                message.report.fence = 1;
                (void) text_copy(message.report.step, STEP_ID_MAX, STEP_ONE);
                (void) text_copy(message.report.dcos_version, VERSION_MAX, LAB_TO);
                (void) lab_hear(lab, "m1", &message);
                assert_string_equal(lab_node(lab, "m1")->dcos_version, over ? LAB_TO : LAB_FROM);
                message.report.dcos_version[0] = '\0'; /* not readable now: no news */
                (void) lab_hear(lab, "m1", &message);
                assert_string_equal(lab_node(lab, "m1")->dcos_version, over ? LAB_TO : LAB_FROM);
        }
}

static void test_a_version_that_is_told_does_not_unclaim_the_node(void **state) {
        AUTO(Lab) *lab = lab_with_m1(STEP_VERIFYING);

        (void) lab_version(lab, "m1", LAB_TO);
        assert_int_equal(lab_node(lab, "m1")->epoch, lab->state->epoch);
        assert_int_equal(lab_node(lab, "m1")->master_count, 1);
}

static void test_an_unknown_node_is_not_listened_to(void **state) {
        AUTO(Lab) *lab = lab_new();
        Claimed claimed = { .epoch = 1 };
        Report report = { .state = NODE_STEP_RUNNING, .step = "r9-x-m1-1" };
        Heartbeat heartbeat = { .state = NODE_STEP_RUNNING, .step = "r9-x-m1-1" };
        Event events[INTAKE_CLAIM_MAX];

        assert_int_equal(intake_claimed(lab->state, "m1", &claimed, events), 0);
        assert_int_equal(intake_report(lab->state, "m1", &report, events), 0);
        assert_int_equal(intake_heartbeat(lab->state, "m1", &heartbeat, events), 0);
}

/* --- claims --- */

static void test_a_claim_is_acknowledged_once_and_only_the_present_one(void **state) {
        AUTO(Lab) *lab = lab_new();
        Claimed claimed = { .epoch = 1 };
        Event events[INTAKE_CLAIM_MAX];

        lab_join_masters(lab, 1);
        memset(claimed.journal_id, 'a', ID_TEXT_MAX - 1);
        assert_int_equal(intake_claimed(lab->state, "m1", &claimed, events), 0);
        lab_restart(lab);
        assert_int_equal(intake_claimed(lab->state, "m1", &claimed, events), 0);
        claimed.epoch = 3;
        assert_int_equal(intake_claimed(lab->state, "m1", &claimed, events), 0);
        claimed.epoch = 2;
        assert_int_equal(intake_claimed(lab->state, "m1", &claimed, events), 1);
        assert_int_equal(events[0].kind, EVENT_CLAIMED);
}

/* The log as it was after so many events, and a node that is much further. */
static void test_a_restored_log_learns_from_the_node_how_far_it_is(void **state) {
        static const struct {
                NodeStep said;
                uint64_t status;
                StepState then;
        } rows[] = {
                { NODE_STEP_INTENT, 0, STEP_STARTED },
                { NODE_STEP_RUNNING, 0, STEP_STARTED },
                { NODE_STEP_ENDED, 0, STEP_VERIFYING },
                { NODE_STEP_ENDED, 3, STEP_FAILED },
                { NODE_STEP_INTERRUPTED, 0, STEP_INTERRUPTED },
        };
        AUTO(Lab) *whole = lab_with_m1(STEP_STARTED);

        for (size_t keep = 0; keep < whole->count; keep++) {
                for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                        AUTO(Lab) *lab = lab_with_m1(STEP_STARTED);
                        StepBrief brief = { STEP_ONE, rows[i].said, 7, rows[i].status, 0 };
                        Hello hello = lab_hello_of("m1", ROLE_MASTER, 1);
                        const Node *node;

                        lab_restore(lab, keep);
                        hello.epoch = 1;
                        hello.fence = 7;
                        lab_hello(lab, &hello);
                        lab_claim(lab, "m1", &brief, 1);
                        node = lab_node(lab, "m1");
                        assert_int_equal(node->epoch, lab->state->epoch);
                        if (!node->step.id[0]) { /* the run itself is not known */
                                assert_int_equal(
                                                node->foreign_count,
                                                rows[i].said != NODE_STEP_ENDED);
                                continue;
                        }

                        assert_true(node->step.slot);
                        if (rows[i].said == NODE_STEP_INTENT && node->step.state == STEP_SLOTTED)
                                continue; /* a slot says already that it may have been started */

                        assert_int_equal(node->step.state, rows[i].then);
                        assert_int_equal(node->step.fence, 7);
                        assert_int_equal(node->foreign_count, 0);
                }
        }
}

static void test_an_intent_that_a_restored_log_has_no_slot_for_can_still_be_declined(void **state) {
        AUTO(Lab) *lab = lab_with_m1(STEP_STAGED);
        StepBrief brief = { STEP_ONE, NODE_STEP_INTENT, 7, 0, 0 };

        assert_int_equal(step_of(lab)->state, STEP_STAGED);
        lab_restart(lab);
        lab_claim(lab, "m1", &brief, 1);
        assert_int_equal(step_of(lab)->state, STEP_STARTED);
        assert_true(step_of(lab)->slot);
        assert_int_equal(lab_report(lab, "m1", NODE_STEP_DECLINED, 6, 0), 0);
        assert_int_equal(lab_report(lab, "m1", NODE_STEP_DECLINED, 7, 0), 1);
        assert_false(step_of(lab)->slot);
        assert_int_equal(step_of(lab)->state, STEP_STAGED);
}

/* The backup is of a moment after the first slot; then the node declined it, and was asked again.
 * It refuses the fence of the backup for ever. */
static void test_a_slot_of_a_restored_log_that_the_node_has_left_behind_is_given_anew(
                void **state) {
        AUTO(Lab) *lab = lab_with_m1(STEP_SLOTTED);
        StepBrief brief = { STEP_ONE, NODE_STEP_STAGED, step_of(lab)->fence, 0, 0 };

        lab_restart(lab);
        lab_claim(lab, "m1", &brief, 1);
        assert_int_equal(step_of(lab)->state, STEP_SLOTTED); /* under its own fence: it is asked */
        lab_restart(lab);
        brief.fence += 4;
        lab_claim(lab, "m1", &brief, 1);
        assert_int_equal(step_of(lab)->state, STEP_STAGED);
        assert_false(step_of(lab)->slot);
        assert_true(lab->state->fence >= brief.fence);
}

static void test_a_step_that_the_journal_does_not_know_is_staged_again(void **state) {
        AUTO(Lab) *lab = lab_with_m1(STEP_STAGED);

        lab_restart(lab);
        lab_claim(lab, "m1", NULL, 0);
        assert_int_equal(step_of(lab)->state, STEP_WAITING);
        assert_false(lab_node(lab, "m1")->journal_lost);
        lab_operate(lab, RUN_EVENT_RESUMED);
        assert_int_equal(step_of(lab)->state, STEP_STAGING);
}

static void test_a_step_with_the_slot_that_the_journal_does_not_know_is_unknown(void **state) {
        static const char *const reasons[] = { "does not know", "wiped" };

        for (unsigned wiped = 0; wiped < 2; wiped++) {
                AUTO(Lab) *lab = lab_with_m1(wiped ? STEP_STARTED : STEP_SLOTTED);

                lab_restart(lab);
                lab_claim_journal(lab, "m1", wiped ? 'd' : 'a', NULL, 0);
                assert_int_equal(step_of(lab)->state, STEP_UNKNOWN);
                assert_true(step_of(lab)->slot);
                assert_non_null(strstr(step_of(lab)->reason, reasons[wiped]));
                assert_int_equal(lab_node(lab, "m1")->journal_lost, wiped);
                assert_int_equal(lab->state->run.state, RUN_HALTED);
        }
}

static void test_a_step_that_is_verified_needs_no_journal_any_more_but_the_node_does(void **state) {
        AUTO(Lab) *lab = lab_with_m1(STEP_DONE);

        lab_restart(lab);
        lab_claim_journal(lab, "m1", 'd', NULL, 0);
        assert_int_equal(step_of(lab)->state, STEP_DONE);
        assert_true(node_is_unresolved(lab_node(lab, "m1")));
}

static void test_a_journal_full_of_strangers_is_taken_in_whole(void **state) {
        AUTO(Lab) *lab = lab_with_m1(STEP_STAGED);
        Claimed claimed = { .step_count = STEPS_CLAIM_MAX };
        Event events[INTAKE_CLAIM_MAX];
        size_t count;

        lab_restart(lab);
        claimed.epoch = lab->state->epoch;
        memset(claimed.journal_id, 'd', ID_TEXT_MAX - 1);
        for (size_t i = 0; i < STEPS_CLAIM_MAX; i++) {
                claimed.steps[i].state = NODE_STEP_INTERRUPTED;
                (void) text_format(claimed.steps[i].step, STEP_ID_MAX, "r9-x-m1-%zu", i);
        }

        count = intake_claimed(lab->state, "m1", &claimed, events);
        assert_int_equal(count, INTAKE_CLAIM_MAX);
        assert_int_equal(events[count - 1].kind, EVENT_CLAIMED);
        for (size_t i = 0; i < count; i++)
                lab_commit(lab, &events[i]);
        assert_true(lab_node(lab, "m1")->journal_lost);
        assert_int_equal(lab_node(lab, "m1")->foreign_count, FOREIGN_MAX);
}

/* --- steps that are not the present one --- */

static unsigned hear_brief(Lab *lab, const char *step, NodeStep said) {
        Message message = { .kind = MESSAGE_REPORT };

        message.report.state = said;
        (void) text_copy(message.report.step, STEP_ID_MAX, step);
        return lab_hear(lab, "m1", &message);
}

static unsigned hear_beat(Lab *lab, const char *step, NodeStep said) {
        Message message = { .kind = MESSAGE_HEARTBEAT };

        message.heartbeat.state = said;
        (void) text_copy(message.heartbeat.step, STEP_ID_MAX, step);
        return lab_hear(lab, "m1", &message);
}

/* A person has given up an attempt; the node says it is at it all the same. */
static void test_an_older_attempt_that_is_in_hand_counts_until_it_has_ended(void **state) {
        static const NodeStep in_hand[] = { NODE_STEP_LOOKING, NODE_STEP_INTENT,
                                            NODE_STEP_RUNNING };

        for (size_t i = 0; i < ELEMENTSOF(in_hand); i++) {
                AUTO(Lab) *lab = lab_with_m1(STEP_STARTED);

                lab_operate(lab, RUN_EVENT_PAUSED);
                lab_step(lab, "m1", STEP_EVENT_RELEASED);
                lab_step(lab, "m1", STEP_EVENT_RETRIED);
                assert_false(node_is_unresolved(lab_node(lab, "m1")));
                assert_int_equal(hear_brief(lab, STEP_ONE, in_hand[i]), 1);
                assert_int_equal(hear_brief(lab, STEP_ONE, in_hand[i]), 0);
                assert_int_equal(hear_beat(lab, STEP_ONE, in_hand[i]), 0);
                assert_true(node_is_unresolved(lab_node(lab, "m1")));
                assert_int_equal(hear_brief(lab, STEP_ONE, NODE_STEP_ENDED), 1);
                assert_int_equal(hear_brief(lab, STEP_ONE, NODE_STEP_ENDED), 0);
                assert_false(node_is_unresolved(lab_node(lab, "m1")));
        }
}

static void test_a_heartbeat_tells_of_a_step_of_a_run_before(void **state) {
        AUTO(Lab) *lab = lab_with_m1(STEP_STARTED);

        lab_operate(lab, RUN_EVENT_ABORTED);
        lab_step(lab, "m1", STEP_EVENT_RELEASED);
        lab_run(lab, m1, 1, true);
        assert_int_equal(hear_beat(lab, STEP_ONE, NODE_STEP_RUNNING), 1);
        assert_int_equal(hear_beat(lab, STEP_ONE, NODE_STEP_RUNNING), 0);
        assert_true(node_is_unresolved(lab_node(lab, "m1")));
        lab_lead(lab, "m1", STEP_STAGED);
        assert_int_equal(step_of(lab)->state, STEP_STAGED); /* and no slot */
        assert_non_null(strstr(lab->why.text, STEP_ONE));
        assert_int_equal(hear_brief(lab, STEP_ONE, NODE_STEP_ENDED), 1);
        assert_int_equal(step_of(lab)->state, STEP_SLOTTED);
}

static void test_a_heartbeat_of_the_present_step_is_no_event(void **state) {
        AUTO(Lab) *lab = lab_with_m1(STEP_STARTED);

        for (unsigned said = 0; said < NODE_STEP_COUNT; said++) {
                assert_int_equal(hear_beat(lab, STEP_ONE, (NodeStep) said), 0);
                assert_int_equal(hear_beat(lab, "", (NodeStep) said), 0);
        }
        for (unsigned said = 0; said < NODE_STEP_LOOKING; said++)
                assert_int_equal(hear_beat(lab, "r9-x-m1-1", (NodeStep) said), 0);
}

static void test_an_interrupted_step_counts_only_when_nobody_knows_it(void **state) {
        AUTO(Lab) *lab = lab_with_m1(STEP_STARTED);

        (void) lab_report(lab, "m1", NODE_STEP_INTERRUPTED, 1, 0);
        lab_retry(lab, "m1");
        assert_int_equal(hear_brief(lab, STEP_ONE, NODE_STEP_INTERRUPTED), 0); /* retried: known */
        assert_int_equal(hear_brief(lab, "r9-x-m1-1", NODE_STEP_INTERRUPTED), 1);
        assert_true(node_is_unresolved(lab_node(lab, "m1")));
        assert_int_equal(hear_brief(lab, "r9-x-m1-2", NODE_STEP_ENDED), 0);
        assert_int_equal(hear_brief(lab, "r9-x-m1-3", NODE_STEP_STAGED), 0);
}

static void test_a_foreign_step_that_goes_on_is_followed(void **state) {
        AUTO(Lab) *lab = lab_with_m1(STEP_STAGED);

        assert_int_equal(hear_brief(lab, "r9-x-m1-1", NODE_STEP_INTENT), 1);
        assert_int_equal(hear_brief(lab, "r9-x-m1-1", NODE_STEP_RUNNING), 1);
        assert_int_equal(hear_brief(lab, "r9-x-m1-1", NODE_STEP_INTERRUPTED), 1);
        assert_int_equal(lab_node(lab, "m1")->foreign_count, 1);
        assert_int_equal(lab_node(lab, "m1")->foreign[0].state, NODE_STEP_INTERRUPTED);
}

/* The node names it at every claim for ever: a person is asked once. */
static void test_a_foreign_step_that_a_person_has_cleared_does_not_come_back(void **state) {
        AUTO(Lab) *lab = lab_new();
        StepBrief brief = { "r9-x-m1-1", NODE_STEP_INTERRUPTED, 5, 0, 0 };

        lab_join_masters(lab, 1);
        lab_restart(lab);
        lab_claim(lab, "m1", &brief, 1);
        assert_true(node_is_unresolved(lab_node(lab, "m1")));
        lab_commit(lab, &(Event) { .kind = EVENT_CLEARED, .cleared = { "m1", "looked" } });
        lab_restart(lab);
        lab_claim(lab, "m1", &brief, 1);
        assert_false(node_is_unresolved(lab_node(lab, "m1")));
        brief.state = NODE_STEP_RUNNING; /* but what runs, runs */
        lab_restart(lab);
        lab_claim(lab, "m1", &brief, 1);
        assert_true(node_is_unresolved(lab_node(lab, "m1")));
}

/* A restored log gives an attempt the number it had before: the node answers with what it has done.
 */
static void test_an_attempt_that_the_node_already_knows_is_adopted(void **state) {
        AUTO(Lab) *lab = lab_with_m1(STEP_STARTED);
        StepBrief briefs[] = {
                { STEP_ONE, NODE_STEP_INTERRUPTED, 1, 0, 0 },
                { "r1-1a2b3c4d-m1-2", NODE_STEP_RUNNING, 2, 0, 0 },
        };

        lab_restart(lab);
        lab_claim(lab, "m1", briefs, 2);
        assert_int_equal(step_of(lab)->state, STEP_INTERRUPTED);
        assert_int_equal(lab_node(lab, "m1")->foreign_count, 1);
        lab_step(lab, "m1", STEP_EVENT_RETRIED);
        assert_string_equal(step_of(lab)->id, briefs[1].step);
        assert_true(node_is_unresolved(lab_node(lab, "m1"))); /* as long as nothing else is known */
        lab_operate(lab, RUN_EVENT_RESUMED);
        assert_int_equal(step_of(lab)->state, STEP_STAGING);
        assert_int_equal(lab_report(lab, "m1", NODE_STEP_RUNNING, 2, 0), 1);
        assert_int_equal(step_of(lab)->state, STEP_STARTED);
        assert_true(step_of(lab)->slot);
        assert_int_equal(lab_node(lab, "m1")->foreign_count, 0);
}

/* --- bounds --- */

static void check_encodable(const Event *events, size_t count) {
        for (size_t i = 0; i < count; i++) {
                auto_free char *body = NULL;
                Error error = {};

                if (event_encode(&events[i], &body, &error) < 0)
                        fail_msg("%s", error.text);
        }
}

/* What a node may say must fit into the log, or it would be said again for ever. */
static void test_whatever_a_node_may_say_can_be_written_down(void **state) {
        AUTO(Lab) *lab = lab_with_m1(STEP_STARTED);
        Event events[INTAKE_CLAIM_MAX];

        for (unsigned filling = MINIMAL; filling <= FULL; filling++) {
                Message message = { .kind = MESSAGE_HELLO };

                filler_fill(message_fields(MESSAGE_HELLO), &message.hello, (Filling) filling);
                check_encodable(events, (size_t) intake_hello(lab->state, &message.hello, events));

                for (unsigned said = 0; said < NODE_STEP_COUNT; said++) {
                        message = (Message) { .kind = MESSAGE_REPORT };
                        filler_fill(message_fields(MESSAGE_REPORT), &message.report,
                                    (Filling) filling);
                        message.report.state = (NodeStep) said;
                        check_encodable(events,
                                        intake_report(lab->state, "m1", &message.report, events));
                        (void) text_copy(message.report.step, STEP_ID_MAX, STEP_ONE);
                        check_encodable(events,
                                        intake_report(lab->state, "m1", &message.report, events));
                }
        }
}

static void test_whatever_a_journal_may_say_can_be_written_down(void **state) {
        AUTO(Lab) *lab = lab_with_m1(STEP_STARTED);
        Message message = { .kind = MESSAGE_CLAIMED };
        Event events[INTAKE_CLAIM_MAX];

        lab_restart(lab);
        filler_fill(message_fields(MESSAGE_CLAIMED), &message.claimed, FULL);
        message.claimed.epoch = lab->state->epoch;
        for (size_t i = 0; i < message.claimed.step_count; i++)
                (void) text_format(message.claimed.steps[i].step, STEP_ID_MAX, "r9-x-m1-%zu", i);
        check_encodable(events, intake_claimed(lab->state, "m1", &message.claimed, events));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_a_hello_that_says_nothing_new_is_no_event),
                cmocka_unit_test(test_whatever_a_hello_says_anew_is_an_event),
                cmocka_unit_test(test_a_node_that_has_forgotten_its_epoch_is_claimed_again),
                cmocka_unit_test(test_a_journal_wiped_in_the_middle_of_a_step_halts_the_run),
                cmocka_unit_test(
                                test_a_higher_epoch_is_topped_before_the_claim_is_complete_and_obeyed_after),
                cmocka_unit_test(
                                test_a_claim_that_was_complete_once_does_not_top_another_coordinator),
                cmocka_unit_test(
                                test_an_epoch_that_another_coordinator_has_claimed_under_our_number_is_topped),
                cmocka_unit_test(
                                test_an_agent_that_holds_our_epoch_unheard_is_claimed_again_after_the_claim),
                cmocka_unit_test(test_an_epoch_that_could_not_be_topped_is_ignored),
                cmocka_unit_test(test_numbers_that_no_history_explains_are_not_plausible),
                cmocka_unit_test(
                                test_a_deposed_coordinator_that_is_started_again_claims_above_the_other),
                cmocka_unit_test(test_a_report_that_is_repeated_changes_nothing),
                cmocka_unit_test(test_a_decline_frees_the_slot_it_was_asked_for_and_no_later_one),
                cmocka_unit_test(
                                test_a_decline_does_not_undo_a_start_under_the_same_slot_of_a_lower_fence),
                cmocka_unit_test(test_an_intent_under_a_slot_is_no_news),
                cmocka_unit_test(test_an_ended_report_is_taken_with_any_fence),
                cmocka_unit_test(test_how_a_script_ended_decides_what_the_step_is),
                cmocka_unit_test(test_only_a_script_that_has_ended_tells_the_version),
                cmocka_unit_test(test_a_version_that_is_told_does_not_unclaim_the_node),
                cmocka_unit_test(test_an_unknown_node_is_not_listened_to),
                cmocka_unit_test(test_a_claim_is_acknowledged_once_and_only_the_present_one),
                cmocka_unit_test(test_a_restored_log_learns_from_the_node_how_far_it_is),
                cmocka_unit_test(
                                test_an_intent_that_a_restored_log_has_no_slot_for_can_still_be_declined),
                cmocka_unit_test(
                                test_a_slot_of_a_restored_log_that_the_node_has_left_behind_is_given_anew),
                cmocka_unit_test(test_a_step_that_the_journal_does_not_know_is_staged_again),
                cmocka_unit_test(
                                test_a_step_with_the_slot_that_the_journal_does_not_know_is_unknown),
                cmocka_unit_test(
                                test_a_step_that_is_verified_needs_no_journal_any_more_but_the_node_does),
                cmocka_unit_test(test_a_journal_full_of_strangers_is_taken_in_whole),
                cmocka_unit_test(test_an_older_attempt_that_is_in_hand_counts_until_it_has_ended),
                cmocka_unit_test(test_a_heartbeat_tells_of_a_step_of_a_run_before),
                cmocka_unit_test(test_a_heartbeat_of_the_present_step_is_no_event),
                cmocka_unit_test(test_an_interrupted_step_counts_only_when_nobody_knows_it),
                cmocka_unit_test(test_a_foreign_step_that_goes_on_is_followed),
                cmocka_unit_test(test_a_foreign_step_that_a_person_has_cleared_does_not_come_back),
                cmocka_unit_test(test_an_attempt_that_the_node_already_knows_is_adopted),
                cmocka_unit_test(test_whatever_a_node_may_say_can_be_written_down),
                cmocka_unit_test(test_whatever_a_journal_may_say_can_be_written_down),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
