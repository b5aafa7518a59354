/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/state.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <inttypes.h>
#include <string.h>

#include "common/text.h"
#include "tests/unit/core-lab.h"
#include "tests/unit/filler.h"

static const char *const three[] = { "m1", "m2", "m3" };

static bool is_refused(Lab *lab, const Event *event) {
        return !lab_try(lab, event);
}

/* --- folds --- */

static void test_a_new_state_knows_nothing_and_nothing_is_claimed(void **unused) {
        AUTO(State) *state = state_new();
        const char *waiting = NULL;

        assert_int_equal(state->epoch, 0);
        assert_int_equal(state_next_epoch(state), 1);
        assert_int_equal(state_master_count(state, NULL), 0);
        assert_false(state_claim_is_complete(state, &waiting));
        assert_non_null(waiting);
}

static void test_without_a_start_no_node_has_acknowledged_anything(void **unused) {
        AUTO(State) *state = state_new();
        Event event = {
                .kind = EVENT_NODE,
                .seq = 1,
                .node = { .node = "m1", .role = ROLE_MASTER, .master_count = 1 },
        };

        assert_int_equal(state_apply(state, &event, NULL), 0);
        assert_false(state_claim_is_complete(state, NULL));
}

static void test_an_event_out_of_order_is_refused_and_changes_nothing(void **unused) {
        AUTO(State) *state = state_new();
        Event event = { .kind = EVENT_STARTED, .epoch = { .epoch = 7 } };
        Error error = {};

        for (uint64_t seq = 0; seq < 4; seq++) {
                event.seq = seq;
                if (seq != 1)
                        assert_true(state_apply(state, &event, &error) < 0);
        }
        assert_int_equal(error.code, ERROR_INVALID);
        assert_int_equal(state->epoch, 0);
        assert_int_equal(state->seq, 0);
}

static void test_a_run_is_made_of_its_nodes_in_the_order_of_the_plan(void **unused) {
        static const char *const order[] = { "m3", "m1", "m2" };
        AUTO(Lab) *lab = lab_new();

        lab_join_masters(lab, 3);
        lab_run(lab, order, 3, false);
        assert_int_equal(lab->state->run.state, RUN_RUNNING);
        assert_int_equal(lab->state->run.nodes, 3);
        assert_int_equal(lab_node(lab, "m3")->step.order, 1);
        assert_int_equal(lab_node(lab, "m1")->step.order, 2);
        assert_int_equal(lab_node(lab, "m2")->step.order, 3);
        assert_int_equal(lab_node(lab, "m2")->step.attempt, 1);
        assert_string_equal(lab_node(lab, "m2")->step.id, "r1-1a2b3c4d-m2-1");
        assert_true(node_is_in_open_run(lab->state, lab_node(lab, "m2")));
}

static void test_a_step_keeps_what_its_events_say(void **unused) {
        AUTO(Lab) *lab = lab_new();
        const Step *step;
        Event event;

        lab_join_masters(lab, 1);
        lab_run(lab, three, 1, true);
        step = &lab_node(lab, "m1")->step;
        lab_lead(lab, "m1", STEP_STARTED);
        assert_true(step->slot);
        assert_int_equal(step->fence, 1);
        assert_int_equal(lab->state->fence, 1);

        event = lab_step_event(lab, "m1", STEP_EVENT_SCRIPT_FAILED);
        event.step.exit_status = 3;
        event.step.started_at = 5;
        event.step.ended_at = 9;
        (void) text_copy(event.step.unit, UNIT_MAX, "rollpatch-step-x.service");
        (void) text_copy(event.step.reason, REASON_MAX, "because");
        lab_commit(lab, &event);
        assert_int_equal(step->state, STEP_FAILED);
        assert_int_equal(step->exit_status, 3);
        assert_int_equal(step->started_at, 5);
        assert_int_equal(step->ended_at, 9);
        assert_string_equal(step->unit, "rollpatch-step-x.service");
        assert_string_equal(step->reason, "because");
        assert_int_equal(step->since, lab->wall);
        assert_true(step->slot);
        assert_true(node_is_unresolved(lab_node(lab, "m1")));
}

static void test_a_new_attempt_keeps_place_and_fence_and_nothing_else(void **unused) {
        AUTO(Lab) *lab = lab_new();
        const Step *step;

        lab_join_masters(lab, 1);
        lab_run(lab, three, 1, true);
        lab_lead(lab, "m1", STEP_STARTED);
        (void) lab_report(lab, "m1", NODE_STEP_ENDED, 1, 3);
        lab_retry(lab, "m1");
        step = &lab_node(lab, "m1")->step;
        assert_string_equal(step->id, "r1-1a2b3c4d-m1-2");
        assert_int_equal(step->state, STEP_WAITING);
        assert_int_equal(step->attempt, 2);
        assert_int_equal(step->order, 1);
        assert_int_equal(step->fence, 1);
        assert_int_equal(step->exit_status, 0);
        assert_false(step->slot);
        assert_false(step->released);
}

/* A restored log learns a fence from a report: a decline under a lower one is then old news. */
static void test_a_step_adopts_the_highest_fence_that_is_reported(void **unused) {
        AUTO(Lab) *lab = lab_new();

        lab_join_masters(lab, 1);
        lab_run(lab, three, 1, true);
        lab_operate(lab, RUN_EVENT_PAUSED);
        (void) lab_report(lab, "m1", NODE_STEP_RUNNING, 9, 0);
        assert_int_equal(lab_node(lab, "m1")->step.fence, 9);
        assert_int_equal(lab->state->fence, 9);
        assert_int_equal(lab_report(lab, "m1", NODE_STEP_DECLINED, 8, 0), 0);
        assert_true(lab_node(lab, "m1")->step.slot);
}

static void test_another_step_journal_means_that_one_was_lost(void **unused) {
        AUTO(Lab) *lab = lab_new();

        lab_join_masters(lab, 1);
        assert_false(lab_node(lab, "m1")->journal_lost);
        lab_restart(lab);
        lab_claim_journal(lab, "m1", 'a', NULL, 0);
        assert_false(node_is_unresolved(lab_node(lab, "m1")));
        lab_restart(lab);
        lab_claim_journal(lab, "m1", 'd', NULL, 0);
        assert_true(lab_node(lab, "m1")->journal_lost);
        assert_true(node_is_unresolved(lab_node(lab, "m1")));

        /* It stays lost until a person answers for it, whatever is claimed later. */
        lab_restart(lab);
        lab_claim_journal(lab, "m1", 'd', NULL, 0);
        assert_true(lab_node(lab, "m1")->journal_lost);
        lab_commit(lab, &(Event) { .kind = EVENT_CLEARED, .cleared = { "m1", "new disk" } });
        assert_false(node_is_unresolved(lab_node(lab, "m1")));
        lab_restart(lab);
        lab_claim_journal(lab, "m1", 'd', NULL, 0);
        assert_false(node_is_unresolved(lab_node(lab, "m1")));
}

static void foreign(Lab *lab, const char *step, NodeStep state) {
        Event event = { .kind = EVENT_FOREIGN, .foreign = { .node = "m1" } };

        event.foreign.brief.state = state;
        (void) text_copy(event.foreign.brief.step, STEP_ID_MAX, step);
        lab_commit(lab, &event);
}

static void test_a_foreign_step_is_kept_until_it_is_resolved(void **unused) {
        AUTO(Lab) *lab = lab_new();
        const Node *node;

        lab_join_masters(lab, 1);
        node = lab_node(lab, "m1");
        foreign(lab, "r8-x-m1-1", NODE_STEP_RUNNING);
        foreign(lab, "r8-x-m1-2", NODE_STEP_INTENT);
        foreign(lab, "r8-x-m1-3", NODE_STEP_INTERRUPTED);
        foreign(lab, "r8-x-m1-1", NODE_STEP_RUNNING);
        assert_int_equal(node->foreign_count, 3);
        assert_true(node_is_unresolved(node));
        foreign(lab, "r8-x-m1-1", NODE_STEP_ENDED);
        foreign(lab, "r8-x-m1-7", NODE_STEP_ENDED);
        assert_int_equal(node->foreign_count, 2);
        foreign(lab, "r8-x-m1-2", NODE_STEP_DECLINED);
        foreign(lab, "r8-x-m1-3", NODE_STEP_STAGED);
        assert_int_equal(node->foreign_count, 0);
        assert_false(node_is_unresolved(node));
}

static void test_more_foreign_steps_than_can_be_kept_leave_the_node_unknown(void **unused) {
        AUTO(Lab) *lab = lab_new();
        char name[STEP_ID_MAX];

        lab_join_masters(lab, 1);
        for (unsigned i = 0; i < FOREIGN_MAX; i++) {
                (void) text_format(name, sizeof(name), "r8-x-m1-%u", i);
                foreign(lab, name, NODE_STEP_INTERRUPTED);
        }
        assert_false(lab_node(lab, "m1")->journal_lost);
        foreign(lab, "r9-x-m1-1", NODE_STEP_RUNNING);
        assert_true(lab_node(lab, "m1")->journal_lost);
        assert_int_equal(lab_node(lab, "m1")->foreign_count, FOREIGN_MAX);
}

static void test_a_persons_answer_for_a_foreign_step_is_remembered(void **unused) {
        AUTO(Lab) *lab = lab_new();

        lab_join_masters(lab, 1);
        assert_false(state_knows_step(lab->state, lab_node(lab, "m1"), "r8-x-m1-1"));
        foreign(lab, "r8-x-m1-1", NODE_STEP_INTERRUPTED);
        lab_commit(lab, &(Event) { .kind = EVENT_CLEARED, .cleared = { "m1", "looked" } });
        assert_true(state_knows_step(lab->state, lab_node(lab, "m1"), "r8-x-m1-1"));
        assert_false(state_knows_step(lab->state, lab_node(lab, "m1"), "r8-x-m1-2"));

        for (unsigned round = 0; round < 2 * FOREIGN_MAX; round++) {
                char name[STEP_ID_MAX];

                (void) text_format(name, sizeof(name), "r9-x-m1-%u", round);
                foreign(lab, name, NODE_STEP_INTERRUPTED);
                lab_commit(lab, &(Event) { .kind = EVENT_CLEARED, .cleared = { "m1", "looked" } });
                assert_true(state_knows_step(lab->state, lab_node(lab, "m1"), name));
        }
        assert_false(state_knows_step(lab->state, lab_node(lab, "m1"), "r8-x-m1-1"));
}

static void test_the_log_knows_the_steps_it_has_ordered_and_no_others(void **unused) {
        AUTO(Lab) *lab = lab_new();
        const Node *m1;
        const Node *m2;

        lab_join_masters(lab, 3);
        lab_run(lab, three, 2, false);
        m1 = lab_node(lab, "m1");
        m2 = lab_node(lab, "m2");
        assert_true(state_knows_step(lab->state, m1, "r1-1a2b3c4d-m1-1"));
        assert_false(state_knows_step(lab->state, m1, "r1-1a2b3c4d-m1-2"));
        assert_false(state_knows_step(lab->state, m1, "r1-1a2b3c4d-m1-0"));
        assert_false(state_knows_step(lab->state, m2, "r1-1a2b3c4d-m1-1"));
        assert_false(state_knows_step(lab->state, lab_node(lab, "m3"), "r1-1a2b3c4d-m3-1"));
        assert_false(state_knows_step(lab->state, m1, "r1-ffffffff-m1-1"));
        assert_false(state_knows_step(lab->state, m1, "r2-1a2b3c4d-m1-1"));
        assert_false(state_knows_step(lab->state, m1, ""));

        lab_operate(lab, RUN_EVENT_ABORTED);
        lab_run(lab, three, 1, false);
        assert_true(state_knows_step(lab->state, m1, "r1-1a2b3c4d-m1-1"));
        assert_true(state_knows_step(lab->state, m1, "r2-2a2b3c4d-m1-1"));
        assert_false(state_knows_step(lab->state, m1, "r2-1a2b3c4d-m1-1"));
}

static void test_a_run_can_end_by_itself_only_while_it_is_paused(void **unused) {
        AUTO(Lab) *lab = lab_new();
        Event event = { .kind = EVENT_RUN,
                        .run = { .event = RUN_EVENT_PAUSED, .until = 99, .reason = "lunch" } };

        lab_join_masters(lab, 3);
        lab_run(lab, three, 3, false);
        lab_commit(lab, &event);
        assert_int_equal(lab->state->run.until, 99);
        lab_operate(lab, RUN_EVENT_HALTED);
        assert_int_equal(lab->state->run.until, 0);
}

/* --- how many masters --- */

static void test_masters_that_disagree_on_their_number_have_none(void **unused) {
        AUTO(Lab) *lab = lab_new();
        const char *reason = NULL;

        assert_int_equal(state_master_count(lab->state, &reason), 0);
        assert_non_null(reason);
        lab_join(lab, "m1", ROLE_MASTER, 0); /* it could not read the file */
        assert_int_equal(state_master_count(lab->state, &reason), 0);
        lab_join(lab, "m2", ROLE_MASTER, 3);
        lab_join(lab, "a1", ROLE_AGENT, 5); /* an agent's word does not count */
        assert_int_equal(state_master_count(lab->state, &reason), 3);
        assert_null(reason);
        lab_join(lab, "m3", ROLE_MASTER, 5);
        assert_int_equal(state_master_count(lab->state, &reason), 0);
        assert_non_null(strstr(reason, "disagree"));
        assert_int_equal(state_master_count(lab->state, NULL), 0);
        assert_false(state_claim_is_complete(lab->state, NULL));
}

static void test_a_claim_is_complete_when_all_masters_there_are_have_acknowledged(void **unused) {
        for (uint64_t count = 1; count <= 9; count += 2) {
                AUTO(Lab) *lab = lab_new();
                const char *waiting;
                Hello hello;

                for (uint64_t i = 1; i < count; i++)
                        lab_join(lab, (char[]) { 'm', (char) ('0' + i), '\0' }, ROLE_MASTER, count);

                assert_false(state_claim_is_complete(lab->state, &waiting));
                assert_non_null(waiting);
                hello = lab_hello_of("mx", ROLE_MASTER, count);
                lab_hello(lab, &hello);
                assert_false(state_claim_is_complete(lab->state, &waiting));
                assert_string_equal(waiting, "mx");
                assert_false(lab->state->claim_held);
                lab_claim(lab, "mx", NULL, 0);
                assert_true(state_claim_is_complete(lab->state, &waiting));
                assert_null(waiting);
                assert_true(lab->state->claim_held);

                /* Agents have no say. */
                hello = lab_hello_of("a1", ROLE_AGENT, 0);
                lab_hello(lab, &hello);
                assert_true(state_claim_is_complete(lab->state, NULL));

                /* One more than there can be. */
                lab_join(lab, "my", ROLE_MASTER, count);
                assert_false(state_claim_is_complete(lab->state, &waiting));
                assert_true(lab->state->claim_held);

                lab_restart(lab);
                assert_false(state_claim_is_complete(lab->state, &waiting));
                assert_false(lab->state->claim_held);
        }
}

static void test_the_next_epoch_is_above_any_that_is_on_record(void **unused) {
        AUTO(Lab) *lab = lab_new();
        Event event = { .kind = EVENT_DEPOSED, .epoch = { .epoch = 17, .node = "m1" } };

        lab_join_masters(lab, 1);
        assert_int_equal(state_next_epoch(lab->state), 2);
        lab_commit(lab, &event);
        assert_int_equal(lab->state->deposed_by, 17);
        assert_int_equal(state_next_epoch(lab->state), 18);
        lab_restart(lab);
        assert_int_equal(lab->state->epoch, 18);
        assert_int_equal(lab->state->deposed_by, 0);
}

/* --- what contradicts --- */

static void test_epochs_only_grow(void **unused) {
        AUTO(Lab) *lab = lab_new();

        lab_join_masters(lab, 1);
        for (uint64_t epoch = 0; epoch <= 1; epoch++) {
                assert_true(is_refused(
                                lab, &(Event) { .kind = EVENT_STARTED, .epoch = { epoch } }));
                assert_true(is_refused(lab, &(Event) { .kind = EVENT_EPOCH, .epoch = { epoch } }));
                assert_true(is_refused(
                                lab, &(Event) { .kind = EVENT_DEPOSED, .epoch = { epoch, "m1" } }));
        }
        assert_true(is_refused(lab, &(Event) { .kind = EVENT_DEPOSED, .epoch = { 9, "m2" } }));
}

static void test_nothing_can_be_said_of_a_node_nobody_has_heard_of(void **unused) {
        static const EventKind kinds[] = { EVENT_CLAIMED,  EVENT_FOREIGN, EVENT_CLEARED,
                                           EVENT_RUN_NODE, EVENT_STEP,    EVENT_ORDERED };
        AUTO(Lab) *lab = lab_new();

        for (size_t i = 0; i < ELEMENTSOF(kinds); i++) {
                Event event = { .kind = kinds[i] };

                filler_fill(event_fields(kinds[i]), &event.epoch, MINIMAL);
                if (kinds[i] == EVENT_CLAIMED)
                        event.claimed.epoch = lab->state->epoch;
                assert_true(is_refused(lab, &event));
        }
}

static void test_a_claim_of_another_epoch_cannot_be_acknowledged(void **unused) {
        AUTO(Lab) *lab = lab_new();
        Event event = { .kind = EVENT_CLAIMED,
                        .claimed = { .node = "m1",
                                     .journal_id = "0123456789abcdef0123456789abcdef" } };

        lab_join_masters(lab, 1);
        lab_restart(lab);
        event.claimed.epoch = 1;
        assert_true(is_refused(lab, &event));
        event.claimed.epoch = 3;
        assert_true(is_refused(lab, &event));
        event.claimed.epoch = 2;
        assert_false(is_refused(lab, &event));
}

static void test_a_run_cannot_be_made_while_one_is_open_or_with_an_old_number(void **unused) {
        AUTO(Lab) *lab = lab_new();
        Event event = lab_run_made(1);

        lab_join_masters(lab, 3);
        lab_run(lab, three, 3, false);
        event = lab_run_made(2);
        assert_true(is_refused(lab, &event));
        lab_operate(lab, RUN_EVENT_ABORTED);
        event = lab_run_made(1);
        assert_true(is_refused(lab, &event));
        event = lab_run_made(2);
        assert_false(is_refused(lab, &event));
}

static void test_a_run_cannot_be_made_while_a_step_of_the_last_one_is_unresolved(void **unused) {
        AUTO(Lab) *lab = lab_new();
        Event event = lab_run_made(2);

        lab_join_masters(lab, 1);
        lab_run(lab, three, 1, true);
        lab_lead(lab, "m1", STEP_STARTED);
        lab_operate(lab, RUN_EVENT_ABORTED);
        assert_true(is_refused(lab, &event)); /* it may be down now */
        (void) lab_report(lab, "m1", NODE_STEP_INTERRUPTED, 1, 0);
        assert_true(is_refused(lab, &event)); /* nobody has looked at it */
        lab_step(lab, "m1", STEP_EVENT_RELEASED);
        assert_false(is_refused(lab, &event));
}

static void test_a_node_is_in_a_run_once_and_as_what_it_is(void **unused) {
        AUTO(Lab) *lab = lab_new();
        Event event = { .kind = EVENT_RUN_NODE, .run_node = { "m1", ROLE_MASTER } };
        Event made = lab_run_made(1);

        lab_join_masters(lab, 1);
        assert_true(is_refused(lab, &event)); /* there is no run */
        lab_commit(lab, &made);
        event.run_node.role = ROLE_AGENT;
        assert_true(is_refused(lab, &event));
        event.run_node.role = ROLE_MASTER;
        assert_false(is_refused(lab, &event));
        assert_true(is_refused(lab, &event)); /* twice */
        lab_join(lab, "a1", ROLE_AGENT, 0);
        lab_operate(lab, RUN_EVENT_STARTED);
        event = (Event) { .kind = EVENT_RUN_NODE, .run_node = { "a1", ROLE_AGENT } };
        assert_true(is_refused(lab, &event)); /* too late */
}

static void test_a_step_event_must_fit_the_table_in_every_state(void **unused) {
        AUTO(Lab) *lab = lab_new();
        static const StepState ways[] = { STEP_STAGED, STEP_SLOTTED, STEP_STARTED, STEP_VERIFYING,
                                          STEP_DONE };

        lab_join_masters(lab, 1);
        for (size_t way = 0; way < ELEMENTSOF(ways); way++) {
                lab_run(lab, three, 1, true);
                lab_lead(lab, "m1", ways[way]);
                for (unsigned kind = 0; kind < STEP_EVENT_COUNT; kind++) {
                        Event event = lab_step_event(lab, "m1", (StepEvent) kind);
                        StepState at = lab_node(lab, "m1")->step.state;
                        Error error = {};
                        int r = state_check(lab->state, &event, &error);

                        if (!step_next(at, (StepEvent) kind))
                                assert_true(r < 0);
                        assert_int_equal(lab_node(lab, "m1")->step.state, at);
                }
                if (lab->state->run.state != RUN_FINISHED)
                        lab_operate(lab, RUN_EVENT_ABORTED);
                if (lab_node(lab, "m1")->step.slot)
                        lab_step(lab, "m1", STEP_EVENT_RELEASED);
        }
}

static void test_a_step_event_must_name_the_present_step(void **unused) {
        AUTO(Lab) *lab = lab_new();
        Event event;

        lab_join_masters(lab, 3);
        event = lab_step_event(lab, "m1", STEP_EVENT_STAGE_ORDERED);
        assert_true(is_refused(lab, &event)); /* it has none */
        lab_run(lab, three, 1, false);
        event = lab_step_event(lab, "m1", STEP_EVENT_STAGED);
        event.step.step[0] = 'x';
        assert_true(is_refused(lab, &event));
        event = lab_step_event(lab, "m2", STEP_EVENT_STAGE_ORDERED);
        assert_true(is_refused(lab, &event)); /* not in the run */
}

/* At most once: an id that was used must not come again. */
static void test_a_new_attempt_has_the_next_id_and_no_other(void **unused) {
        AUTO(Lab) *lab = lab_new();
        Event event;

        lab_join_masters(lab, 1);
        lab_run(lab, three, 1, true);
        lab_lead(lab, "m1", STEP_STARTED);
        (void) lab_report(lab, "m1", NODE_STEP_INTERRUPTED, 1, 0);
        event = lab_step_event(lab, "m1", STEP_EVENT_RETRIED);
        (void) text_copy(event.step.step, STEP_ID_MAX, lab_node(lab, "m1")->step.id);
        assert_true(is_refused(lab, &event));
        (void) text_copy(event.step.step, STEP_ID_MAX, "r1-1a2b3c4d-m1-3");
        assert_true(is_refused(lab, &event));
        event.step.step[0] = '\0';
        assert_true(is_refused(lab, &event));
        event = lab_step_event(lab, "m1", STEP_EVENT_RETRIED);
        lab_operate(lab, RUN_EVENT_ABORTED);
        assert_true(is_refused(lab, &event)); /* no run to do it in */
}

static Event slot_of(const Lab *lab, const char *name) {
        return lab_step_event(lab, name, STEP_EVENT_SLOTTED);
}

static void test_a_slot_needs_a_higher_fence_a_running_run_and_a_complete_claim(void **unused) {
        AUTO(Lab) *lab = lab_new();
        Event event;

        lab_join_masters(lab, 3);
        lab_run(lab, three, 3, false);
        lab_lead(lab, "m1", STEP_STAGED);
        event = slot_of(lab, "m1");
        event.step.fence = 0;
        assert_true(is_refused(lab, &event));
        event.step.fence = 1;
        lab_operate(lab, RUN_EVENT_PAUSED);
        assert_true(is_refused(lab, &event));
        lab_operate(lab, RUN_EVENT_RESUMED);
        lab_restart(lab);
        lab_claim(lab, "m1", (StepBrief[]) { { "r1-1a2b3c4d-m1-1", NODE_STEP_STAGED } }, 1);
        lab_claim(lab, "m2", NULL, 0);
        assert_true(is_refused(lab, &event));
        lab_claim(lab, "m3", NULL, 0);
        assert_false(is_refused(lab, &event));
}

static void test_no_second_master_gets_a_slot_by_any_decision_of_ours(void **unused) {
        AUTO(Lab) *lab = lab_new();
        Event event;

        lab_join_masters(lab, 3);
        lab_join(lab, "a1", ROLE_AGENT, 0);
        lab_run(lab, (const char *const[]) { "m1", "m2", "m3", "a1" }, 4, false);
        lab_lead(lab, "m1", STEP_STAGED);
        lab_lead(lab, "m2", STEP_STAGED);
        lab_lead(lab, "a1", STEP_STAGED);
        event = slot_of(lab, "m1");
        lab_commit(lab, &event);
        event = slot_of(lab, "m2");
        assert_true(is_refused(lab, &event));

        /* What a node says has happened has happened, but nothing is added to it. */
        (void) lab_report(lab, "m2", NODE_STEP_ENDED, 0, 3);
        assert_true(lab_node(lab, "m2")->step.slot);
        lab_step(lab, "m2", STEP_EVENT_RELEASED);
        event = lab_step_event(lab, "m2", STEP_EVENT_RECHECKED);
        assert_true(is_refused(lab, &event));
        lab_step(lab, "m1", STEP_EVENT_RELEASED);
        assert_false(is_refused(lab, &event));
}

/* A restored log has heard of two that were patched: each can be judged with the slot it has. */
static void test_a_master_that_has_the_slot_is_judged_again_whoever_else_has_one(void **unused) {
        AUTO(Lab) *lab = lab_new();

        lab_join_masters(lab, 3);
        lab_run(lab, three, 3, false);
        (void) lab_report(lab, "m1", NODE_STEP_INTERRUPTED, 4, 0);
        (void) lab_report(lab, "m2", NODE_STEP_INTERRUPTED, 5, 0);
        assert_true(lab_node(lab, "m1")->step.slot);
        lab_step(lab, "m2", STEP_EVENT_RECHECKED);
        lab_step(lab, "m1", STEP_EVENT_RECHECKED);
        assert_int_equal(lab_node(lab, "m1")->step.state, STEP_VERIFYING);
}

static void test_a_start_order_needs_its_slot(void **unused) {
        AUTO(Lab) *lab = lab_new();
        Event event = { .kind = EVENT_ORDERED,
                        .ordered = { .node = "m1", .nonce = "0123456789abcdef0123456789abcdef" } };

        lab_join_masters(lab, 1);
        lab_run(lab, three, 1, true);
        (void) text_copy(event.ordered.step, STEP_ID_MAX, lab_node(lab, "m1")->step.id);
        event.ordered.fence = 1;
        assert_true(is_refused(lab, &event)); /* staging */
        lab_lead(lab, "m1", STEP_SLOTTED);
        event.ordered.fence = 2;
        assert_true(is_refused(lab, &event));
        event.ordered.fence = 1;
        event.ordered.step[0] = 'x';
        assert_true(is_refused(lab, &event));
        event.ordered.step[0] = 'r';
        lab_operate(lab, RUN_EVENT_PAUSED);
        assert_true(is_refused(lab, &event));
        lab_operate(lab, RUN_EVENT_RESUMED);
        assert_false(is_refused(lab, &event));
        lab_step(lab, "m1", STEP_EVENT_RELEASED);
        assert_true(is_refused(lab, &event));
}

static void test_a_master_is_never_set_aside_and_a_run_never_finished_with_a_slot(void **unused) {
        AUTO(Lab) *lab = lab_new();
        Event event;

        lab_join_masters(lab, 1);
        lab_join(lab, "a1", ROLE_AGENT, 0);
        lab_run(lab, (const char *const[]) { "m1", "a1" }, 2, true);
        event = lab_step_event(lab, "m1", STEP_EVENT_QUARANTINED);
        assert_true(is_refused(lab, &event));
        event = lab_step_event(lab, "a1", STEP_EVENT_QUARANTINED);
        assert_false(is_refused(lab, &event));
        lab_lead(lab, "m1", STEP_SLOTTED);
        event = (Event) { .kind = EVENT_RUN, .run = { .event = RUN_EVENT_FINISHED } };
        assert_true(is_refused(lab, &event));
}

static void test_run_events_must_fit_the_table(void **unused) {
        AUTO(Lab) *lab = lab_new();

        lab_join_masters(lab, 3);
        for (unsigned kind = 0; kind < RUN_EVENT_COUNT; kind++) {
                Event event = { .kind = EVENT_RUN, .run = { .event = (RunEvent) kind } };

                assert_true(is_refused(lab, &event)); /* there is no run at all */
        }

        lab_run(lab, three, 3, false);
        assert_true(is_refused(lab, &(Event) { .kind = EVENT_RUN, .run = { RUN_EVENT_RESUMED } }));
        lab_operate(lab, RUN_EVENT_ABORTED);
        assert_true(is_refused(lab, &(Event) { .kind = EVENT_RUN, .run = { RUN_EVENT_RESUMED } }));
}

/* --- together --- */

static void test_events_that_are_committed_together_are_checked_together(void **unused) {
        AUTO(Lab) *lab = lab_new();
        Event events[5] = {};
        Error error = {};
        uint64_t seq;

        lab_join_masters(lab, 3);
        seq = lab->state->seq;
        events[0] = (Event) { .kind = EVENT_OPERATOR };
        events[1] = lab_run_made(1);
        events[2] = (Event) { .kind = EVENT_RUN_NODE, .run_node = { "m1", ROLE_MASTER } };
        events[3] = (Event) { .kind = EVENT_RUN_NODE, .run_node = { "m2", ROLE_MASTER } };
        events[4] = (Event) { .kind = EVENT_RUN, .run = { .event = RUN_EVENT_STARTED } };
        assert_int_equal(state_check_all(lab->state, events, 5, &error), 0);

        events[3] = events[2];
        assert_true(state_check_all(lab->state, events, 5, &error) < 0);
        assert_non_null(strstr(error.text, "m1"));
        assert_int_equal(lab->state->seq, seq);
        assert_int_equal(lab->state->run.made.number, 0);
        assert_false(lab_node(lab, "m1")->step.id[0]);
}

/* Whatever events there are, in whatever state: what is checked can be applied, what is refused
 * cannot, and a refusal leaves the state as it was. */
static void test_what_the_check_takes_can_always_be_applied(void **unused) {
        static const StepState ways[] = { STEP_STAGED, STEP_SLOTTED, STEP_STARTED, STEP_VERIFYING,
                                          STEP_DONE };

        for (size_t way = 0; way < ELEMENTSOF(ways); way++) {
                for (unsigned kind = 0; kind < EVENT_KIND_COUNT; kind++) {
                        for (unsigned variant = 0; variant < STEP_EVENT_COUNT; variant++) {
                                AUTO(Lab) *lab = lab_new();
                                Event event = { .kind = (EventKind) kind };
                                Error error = {};
                                bool taken;

                                lab_join_masters(lab, 1);
                                lab_run(lab, three, 1, true);
                                lab_lead(lab, "m1", ways[way]);
                                filler_fill(event_fields(event.kind), &event.epoch,
                                            variant % 2 ? FULL : MINIMAL);
                                if (kind == EVENT_STEP)
                                        event = lab_step_event(lab, "m1", (StepEvent) variant);
                                if (kind == EVENT_RUN)
                                        event.run.event = (RunEvent) (variant % RUN_EVENT_COUNT);

                                event.seq = lab->state->seq + 1;
                                taken = state_check(lab->state, &event, &error) >= 0;
                                assert_int_equal(
                                                taken,
                                                state_apply(lab->state, &event, &error) >= 0);
                                assert_int_equal(lab->state->seq, event.seq - !taken);
                        }
                }
        }
}

static void test_a_replay_gives_the_same_state(void **unused) {
        AUTO(Lab) *lab = lab_new();
        AUTO(State) *again = state_new();

        lab_join_masters(lab, 1);
        lab_run(lab, three, 1, true);
        lab_lead(lab, "m1", STEP_DONE);
        for (size_t i = 0; i < lab->count; i++)
                assert_int_equal(state_apply(again, &lab->log[i], NULL), 0);

        assert_int_equal(again->node_count, lab->state->node_count);
        assert_memory_equal(again->nodes, lab->state->nodes, again->node_count * sizeof(Node));
        assert_memory_equal(&again->run, &lab->state->run, sizeof(Run));
        assert_int_equal(again->epoch, lab->state->epoch);
        assert_int_equal(again->fence, lab->state->fence);
}

static void test_nodes_keep_their_places_however_many_come(void **unused) {
        AUTO(Lab) *lab = lab_new();
        char name[NAME_TEXT_MAX];

        for (unsigned i = 0; i < 300; i++) {
                (void) text_format(name, sizeof(name), "a%u", i);
                lab_join(lab, name, ROLE_AGENT, 0);
        }
        for (unsigned i = 0; i < 300; i++) {
                (void) text_format(name, sizeof(name), "a%u", i);
                assert_string_equal(lab->state->nodes[i].name, name);
                assert_int_equal(lab->facts.nodes[i].heard, lab->now);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_a_new_state_knows_nothing_and_nothing_is_claimed),
                cmocka_unit_test(test_without_a_start_no_node_has_acknowledged_anything),
                cmocka_unit_test(test_an_event_out_of_order_is_refused_and_changes_nothing),
                cmocka_unit_test(test_a_run_is_made_of_its_nodes_in_the_order_of_the_plan),
                cmocka_unit_test(test_a_step_keeps_what_its_events_say),
                cmocka_unit_test(test_a_new_attempt_keeps_place_and_fence_and_nothing_else),
                cmocka_unit_test(test_a_step_adopts_the_highest_fence_that_is_reported),
                cmocka_unit_test(test_another_step_journal_means_that_one_was_lost),
                cmocka_unit_test(test_a_foreign_step_is_kept_until_it_is_resolved),
                cmocka_unit_test(test_more_foreign_steps_than_can_be_kept_leave_the_node_unknown),
                cmocka_unit_test(test_a_persons_answer_for_a_foreign_step_is_remembered),
                cmocka_unit_test(test_the_log_knows_the_steps_it_has_ordered_and_no_others),
                cmocka_unit_test(test_a_run_can_end_by_itself_only_while_it_is_paused),
                cmocka_unit_test(test_masters_that_disagree_on_their_number_have_none),
                cmocka_unit_test(
                                test_a_claim_is_complete_when_all_masters_there_are_have_acknowledged),
                cmocka_unit_test(test_the_next_epoch_is_above_any_that_is_on_record),
                cmocka_unit_test(test_epochs_only_grow),
                cmocka_unit_test(test_nothing_can_be_said_of_a_node_nobody_has_heard_of),
                cmocka_unit_test(test_a_claim_of_another_epoch_cannot_be_acknowledged),
                cmocka_unit_test(test_a_run_cannot_be_made_while_one_is_open_or_with_an_old_number),
                cmocka_unit_test(
                                test_a_run_cannot_be_made_while_a_step_of_the_last_one_is_unresolved),
                cmocka_unit_test(test_a_node_is_in_a_run_once_and_as_what_it_is),
                cmocka_unit_test(test_a_step_event_must_fit_the_table_in_every_state),
                cmocka_unit_test(test_a_step_event_must_name_the_present_step),
                cmocka_unit_test(test_a_new_attempt_has_the_next_id_and_no_other),
                cmocka_unit_test(
                                test_a_slot_needs_a_higher_fence_a_running_run_and_a_complete_claim),
                cmocka_unit_test(test_no_second_master_gets_a_slot_by_any_decision_of_ours),
                cmocka_unit_test(
                                test_a_master_that_has_the_slot_is_judged_again_whoever_else_has_one),
                cmocka_unit_test(test_a_start_order_needs_its_slot),
                cmocka_unit_test(
                                test_a_master_is_never_set_aside_and_a_run_never_finished_with_a_slot),
                cmocka_unit_test(test_run_events_must_fit_the_table),
                cmocka_unit_test(test_events_that_are_committed_together_are_checked_together),
                cmocka_unit_test(test_what_the_check_takes_can_always_be_applied),
                cmocka_unit_test(test_a_replay_gives_the_same_state),
                cmocka_unit_test(test_nodes_keep_their_places_however_many_come),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
