/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/decide.h"

#include <inttypes.h>
#include <string.h>

#include "common/text.h"
#include "coordinator/order.h"
#include "coordinator/orders.h"

#define STAGING_MAX 20 /* nodes that download at once (design 8) */

/* A node that has declined is not offered the slot again at once: what kept it from starting may
 * pass. */
#define DECLINE_PAUSE (10 * USEC_PER_SEC)

typedef struct View {
        const State *state;
        const Facts *facts;
        usec_t now;
        usec_t wall;
} View;

static Event make_step_event(const Node *node, StepEvent kind) {
        Event event = { .kind = EVENT_STEP, .step = { .event = kind, .fence = node->step.fence } };

        (void) text_copy(event.step.node, sizeof(event.step.node), node->name);
        (void) text_copy(event.step.step, sizeof(event.step.step), node->step.id);
        return event;
}

static Event make_run_event(RunEvent kind, const char *node, const char *reason) {
        Event event = { .kind = EVENT_RUN, .run = { .event = kind } };

        (void) text_copy(event.run.node, sizeof(event.run.node), node);
        (void) text_copy(event.run.reason, sizeof(event.run.reason), reason);
        return event;
}

/* --- gates ---------------------------------------------------------------------------------------
 */

static void explain_unclaimed(const Node *node, const NodeFacts *facts, Why *why) {
        why_setf(why, "rollpatch status", "%s has not acknowledged this coordinator%s%s",
                 node->name, facts->refusal[0] ? ": " : "", facts->refusal);
}

/* Heard now, and in this epoch: what it has said before may be another coordinator's doing. */
static bool is_ours(const State *state, const Facts *facts, size_t index, usec_t now, Why *why) {
        const Node *node = &state->nodes[index];

        if (node_link(state, facts, index, now) != LINK_FRESH) {
                why_setf(why, "rollpatch status", "%s is not heard now", node->name);
                return false;
        }
        if (node->epoch != state->epoch) {
                explain_unclaimed(node, &facts->nodes[index], why);
                return false;
        }

        return true;
}

/* Also after a person has answered for it: that something ran once is one thing, that it runs now
 * another. */
static bool has_stranger(const Node *node, const NodeFacts *facts) {
        return facts->in_hand[0] && strcmp(facts->in_hand, node->step.id) != 0;
}

static bool journal_is_explained(const Node *node, const NodeFacts *facts, Why *why) {
        char advice[REASON_MAX];

        (void) text_format(
                        advice, sizeof(advice),
                        "rollpatch status %s; then rollpatch release %s --reason TEXT", node->name,
                        node->name);
        if (node->journal_lost) {
                why_setf(why, advice,
                         "%s: its step journal was wiped: what it has done is not known",
                         node->name);
                return false;
        }
        if (node->foreign_count > 0) {
                why_setf(why, advice,
                         "%s: its step journal has step %s (%s), which is not its present one",
                         node->name, node->foreign[0].step,
                         enum_name(&node_step_names, node->foreign[0].state));
                return false;
        }
        if (has_stranger(node, facts)) {
                why_setf(why, advice, "%s: step %s may run on it, which is not its present one",
                         node->name, facts->in_hand);
                return false;
        }

        return true;
}

bool retry_is_safe(const State *state, const Facts *facts, size_t index, usec_t now, Why *ret_why) {
        const NodeFacts *known = &facts->nodes[index];
        const Node *node = &state->nodes[index];
        StepBrief said = { .state = known->reported };

        if (!is_ours(state, facts, index, now, ret_why) ||
            !journal_is_explained(node, known, ret_why))
                return false;
        if (node->step.state != STEP_UNKNOWN)
                return true;
        if (known->reported_at == 0 || brief_is_in_hand(&said)) {
                why_setf(ret_why, "rollpatch status", "%s %s", node->name,
                         known->reported_at == 0 ? "has not said yet what it has done"
                                                 : "says that its step is under way");
                return false;
        }

        return true;
}

bool node_is_proven(
                const State *state, const Facts *facts, size_t index, usec_t now, Why *ret_why) {
        const Node *node = &state->nodes[index];

        if (!is_ours(state, facts, index, now, ret_why) ||
            !journal_is_explained(node, &facts->nodes[index], ret_why))
                return false;
        if (!facts->nodes[index].proven) {
                const Why *unwell = &facts->nodes[index].unwell;

                why_setf(ret_why, unwell->advice, "%s",
                         unwell->text[0] ? unwell->text : "not looked at yet");
                return false;
        }

        return true;
}

/* Fills the facts of every known master; returns how many there are, and the candidate's place. */
static size_t collect_masters(
                const State *state,
                const Facts *facts,
                size_t candidate,
                usec_t now,
                MasterFacts *masters,
                size_t *names,
                size_t *ret_place) {
        bool again = state->nodes[candidate].role == ROLE_MASTER &&
                     state->nodes[candidate].step.attempt > 1;
        size_t count = 0;

        *ret_place = SIZE_MAX;
        for (size_t i = 0; i < state->node_count && count <= MASTERS_MAX; i++) {
                const Node *node = &state->nodes[i];

                if (node->role != ROLE_MASTER)
                        continue;
                if (i == candidate)
                        *ret_place = count;

                masters[count] = (MasterFacts) {
                        .claimed = node->epoch == state->epoch,
                        .fresh = node_link(state, facts, i, now) == LINK_FRESH,
                        .healthy = again ? facts->nodes[i].healthy_but_one
                                         : facts->nodes[i].healthy,
                        .slot = node->step.slot,
                        .unresolved = node_is_unresolved(node) ||
                                      has_stranger(node, &facts->nodes[i]),
                };
                names[count++] = i;
        }

        return count;
}

/* What is wrong with the cluster's masters as a number. */
static void explain_count(const State *state, GateVerdict verdict, Why *why) {
        uint64_t count = state_master_count(state, NULL);
        const char *reason = "";

        if (verdict == GATE_COUNT_UNKNOWN) {
                (void) state_master_count(state, &reason);
                why_setf(why, "rollpatch nodes", "the number of masters is not known: %s", reason);
        } else if (verdict == GATE_ALONE) {
                why_setf(why, "rollpatch run PLAN --yes --accept-downtime",
                         "the cluster has a single master: it is down while that is patched");
        } else {
                why_setf(why, "rollpatch nodes",
                         "%s masters have reported here than the cluster has (%" PRIu64 ")",
                         verdict == GATE_TOO_FEW ? "fewer" : "more", count);
        }
}

/* What is wrong with this one master. */
static void explain_blocker(
                GateVerdict verdict, const Node *blocker, const NodeFacts *facts, Why *why) {
        const char *advice = "rollpatch status";
        const char *state = enum_name(&step_state_names, blocker->step.state);
        const Why *unwell = &facts->unwell;

        switch (verdict) {
        case GATE_UNCLAIMED:
                explain_unclaimed(blocker, facts, why);
                return;
        case GATE_SLOT:
                why_setf(why, advice, "master %s has the slot (%s)", blocker->name, state);
                return;
        case GATE_UNRESOLVED:
                if (journal_is_explained(blocker, facts, why)) {
                        why_setf(why, advice, "master %s has an unresolved step (%s)",
                                 blocker->name, state);
                }
                return;
        case GATE_BACKUP:
                why_setf(why, advice, "master %s is being backed up", blocker->name);
                return;
        case GATE_STALE:
                why_setf(why, advice, "master %s is not heard now", blocker->name);
                return;
        case GATE_UNHEALTHY:
                why_setf(why, unwell->advice, "master %s is not proven healthy: %s", blocker->name,
                         unwell->text[0] ? unwell->text : "not looked at yet");
                return;
        case GATE_OPEN:
        case GATE_COUNT_UNKNOWN:
        case GATE_TOO_FEW:
        case GATE_TOO_MANY:
        case GATE_ALONE:
                return; /* no one master's */
        }
}

GateVerdict judge_masters(
                const State *state,
                const Facts *facts,
                size_t candidate,
                usec_t now,
                Why *ret_why) {
        MasterFacts masters[MASTERS_MAX + 1];
        size_t names[MASTERS_MAX + 1];
        size_t blocker;
        size_t place;
        size_t count = collect_masters(state, facts, candidate, now, masters, names, &place);
        GateVerdict verdict = others_all_good(
                        masters, count, state_master_count(state, NULL), place,
                        state->run.made.accept_downtime || place == SIZE_MAX, &blocker);

        if (verdict == GATE_OPEN)
                return verdict;
        if (blocker == count) {
                explain_count(state, verdict, ret_why);
        } else {
                explain_blocker(verdict, &state->nodes[names[blocker]],
                                &facts->nodes[names[blocker]], ret_why);
        }

        return verdict;
}

/* --- one rule after the other; each gives an event, or none --- */

/* A node with the slot that nobody has heard for LINK_LOST: what it does is not known any more. */
static bool decide_lost(const View *view, Event *ret) {
        for (size_t i = 0; i < view->state->node_count; i++) {
                const Node *node = &view->state->nodes[i];
                const NodeFacts *facts = &view->facts->nodes[i];
                usec_t heard = MAX(facts->heard, view->facts->started);

                if (!step_next(node->step.state, STEP_EVENT_LOST) || !node->step.slot ||
                    span_sub(view->now, heard) <= LINK_LOST)
                        continue;

                *ret = make_step_event(node, STEP_EVENT_LOST);
                (void) text_copy(
                                ret->step.reason, sizeof(ret->step.reason),
                                "not heard for more than 3min while it had the slot");
                return true;
        }

        return false;
}

static bool decide_verified(const View *view, Event *ret, Why *why) {
        for (size_t i = 0; i < view->state->node_count; i++) {
                const Node *node = &view->state->nodes[i];
                const NodeFacts *facts = &view->facts->nodes[i];
                const RunNumbers *numbers = &view->state->run.made.numbers;
                usec_t limit = node->role == ROLE_MASTER ? numbers->timeout_master
                                                         : numbers->timeout_agent;
                Why missing = {};

                if (node->step.state != STEP_VERIFYING)
                        continue;

                if (node_is_proven(view->state, view->facts, i, view->now, &missing)) {
                        *ret = make_step_event(node, STEP_EVENT_VERIFIED);
                        return true;
                }
                /* While the run stands for another reason, this node's time stands too (design 5).
                 */
                if (view->state->run.state != RUN_HALTED &&
                    span_sub(view->now, facts->changed) > limit) {
                        *ret = make_step_event(node, STEP_EVENT_GAVE_UP);
                        (void) text_copy(ret->step.reason, sizeof(ret->step.reason), missing.text);
                        return true;
                }

                why_setf(why, missing.advice, "verifying %s: %s", node->name, missing.text);
        }

        return false;
}

/* A master that went down by itself, or by somebody's hand, while another one had the slot: then
 * two are down, and m2's units may not even start (design 5). */
static bool is_disturbed(
                const View *view,
                size_t index,
                const Node *holder,
                char reason[static REASON_MAX]) {
        const State *state = view->state;
        const Node *other = &state->nodes[index];

        if (other == holder || other->role != ROLE_MASTER)
                return false;

        if (other->booted_at > MAX(holder->step.slotted_at, state->run.since)) {
                (void) text_format(
                                reason, REASON_MAX, "master %s was rebooted while %s had the slot",
                                other->name, holder->name);
                return true;
        }

        /* What has not been heard at all since this start is no news. */
        if (view->facts->nodes[index].heard != 0 &&
            node_link(state, view->facts, index, view->now) != LINK_FRESH) {
                (void) text_format(
                                reason, REASON_MAX, "master %s is not heard while %s has the slot",
                                other->name, holder->name);
                return true;
        }

        return false;
}

static bool decide_disturbed(const View *view, Event *ret) {
        const State *state = view->state;
        const Node *holder = state_find_master_with_slot(state, NULL);
        char reason[REASON_MAX];

        for (size_t i = 0; holder && i < state->node_count; i++) {
                if (!is_disturbed(view, i, holder, reason))
                        continue;

                *ret = make_run_event(RUN_EVENT_HALTED, state->nodes[i].name, reason);
                return true;
        }

        return false;
}

static bool decide_budget(const View *view, Event *ret) {
        const State *state = view->state;
        uint64_t budget = state->run.made.numbers.budget;
        size_t failed = count_failed_agents(state);
        char reason[REASON_MAX];

        if (failed <= budget)
                return false;

        (void) text_format(
                        reason, sizeof(reason),
                        "%zu agent%s went wrong, the plan survives %" PRIu64, failed,
                        failed == 1 ? "" : "s", budget);
        *ret = make_run_event(RUN_EVENT_HALTED, "", reason);
        return true;
}

/* Whatever goes wrong with a master stops the run; with agents, more of them than the budget. A
 * person decides what is next. */
static bool decide_halt(const View *view, Event *ret) {
        const State *state = view->state;

        if (!run_next(state->run.state, RUN_EVENT_HALTED))
                return false;

        for (size_t i = 0; i < state->node_count; i++) {
                const Node *node = &state->nodes[i];
                char reason[REASON_MAX];

                if (node->role != ROLE_MASTER || !step_state_is_bad(node->step.state) ||
                    node->step.released)
                        continue;

                (void) text_format(
                                reason, sizeof(reason), "%s is %s%s%s", node->name,
                                enum_name(&step_state_names, node->step.state),
                                node->step.reason[0] ? ": " : "", node->step.reason);
                *ret = make_run_event(RUN_EVENT_HALTED, node->name, reason);
                return true;
        }

        return decide_disturbed(view, ret) || decide_budget(view, ret);
}

static bool decide_resume(const View *view, Event *ret) {
        const Run *run = &view->state->run;

        if (run->state != RUN_PAUSED || run->until == 0 || view->wall < run->until)
                return false;

        *ret = make_run_event(RUN_EVENT_RESUMED, "", "the pause is over");
        return true;
}

static bool decide_staging(const View *view, Event *ret, Why *why) {
        size_t busy = 0;

        for (size_t i = 0; i < view->state->node_count; i++)
                busy += view->state->nodes[i].step.state == STEP_STAGING;

        for (size_t i = 0; i < view->state->node_count; i++) {
                const Node *node = &view->state->nodes[i];

                if (!node->step.id[0] || node->step.state != STEP_WAITING)
                        continue;
                if (busy >= STAGING_MAX) {
                        why_setf(why, "", "%zu nodes are staging", busy);
                        return false;
                }
                if (node->epoch != view->state->epoch) {
                        explain_unclaimed(node, &view->facts->nodes[i], why);
                        continue;
                }

                *ret = make_step_event(node, STEP_EVENT_STAGE_ORDERED);
                return true;
        }

        return false;
}

/* The last look (promise 3) needs the address of every other master. */
static bool can_be_looked_at(const State *state, const Node *candidate, Why *why) {
        if (candidate->role != ROLE_MASTER)
                return true;

        for (size_t i = 0; i < state->node_count; i++) {
                const Node *other = &state->nodes[i];

                if (other == candidate || other->role != ROLE_MASTER || other->address[0])
                        continue;

                why_setf(why, "rollpatch nodes",
                         "the address of master %s is not known: nobody can look at it",
                         other->name);
                return false;
        }

        return true;
}

/* The masters are of one mind, and an agent is one that the leading master has active. A master
 * that is tried again may itself be why they are not: the others' own health has been judged
 * already. */
static bool others_agree(const View *view, size_t index, Why *why) {
        const Node *node = &view->state->nodes[index];
        const NodeFacts *facts = &view->facts->nodes[index];

        if (node->role == ROLE_MASTER && node->step.attempt > 1)
                return true;
        if (!view->facts->cluster_well) {
                why_setf(why, view->facts->cluster_unwell.advice, "%s",
                         view->facts->cluster_unwell.text[0]
                                         ? view->facts->cluster_unwell.text
                                         : "the masters have not been looked at yet");
                return false;
        }
        if (node->role != ROLE_MASTER && !facts->member) {
                why_setf(why, facts->unwell.advice, "%s",
                         facts->unwell.text[0] ? facts->unwell.text
                                               : "the agent has not been looked at yet");
                return false;
        }

        return true;
}

/* `waiting` is a master, or says why nobody can tell which one. */
static void explain_claim(const View *view, const char *waiting, Why *why) {
        const Node *node = state_find_node_const(view->state, waiting);
        const char *refusal = node ? view->facts->nodes[node - view->state->nodes].refusal : "";

        why_setf(why, "rollpatch status", "the claim is not complete: waiting for %s%s%s", waiting,
                 refusal[0] ? ": " : "", refusal);
}

/* Whether this node may go down as things stand: asked before its slot, and again before its start
 * order, because a node may answer long after its slot was given. */
static bool may_go_down(const View *view, size_t index, Why *why) {
        const State *state = view->state;
        const Node *node = &state->nodes[index];
        const char *waiting;

        if (!state_claim_is_complete(state, &waiting)) {
                explain_claim(view, waiting, why);
                return false;
        }
        if (!is_ours(state, view->facts, index, view->now, why) ||
            !journal_is_explained(node, &view->facts->nodes[index], why) ||
            !can_be_looked_at(state, node, why))
                return false;

        if (judge_masters(state, view->facts, index, view->now, why) != GATE_OPEN)
                return false;

        return others_agree(view, index, why);
}

static bool decide_start(const View *view, Event *ret, Why *why) {
        for (size_t i = 0; i < view->state->node_count; i++) {
                const Node *node = &view->state->nodes[i];
                const NodeFacts *facts = &view->facts->nodes[i];
                Event event = { .kind = EVENT_ORDERED };

                if (node->step.state != STEP_SLOTTED)
                        continue;
                if (!facts->nonce[0] || facts->nonce_fence != node->step.fence || facts->ordered ||
                    span_sub(view->now, facts->nonce_since) > START_ORDER_LIFE) {
                        why_setf(why, "rollpatch status", "waiting for %s to say it is ready",
                                 node->name);
                        continue;
                }
                if (!may_go_down(view, i, why))
                        continue;

                event.ordered.fence = node->step.fence;
                (void) text_copy(event.ordered.node, sizeof(event.ordered.node), node->name);
                (void) text_copy(event.ordered.step, sizeof(event.ordered.step), node->step.id);
                (void) text_copy(event.ordered.nonce, sizeof(event.ordered.nonce), facts->nonce);
                *ret = event;
                return true;
        }

        return false;
}

/* One at a time among masters: whoever has the slot, by us or by what a node has told a restored
 * log. No agent begins while a master has it. */
static bool slot_is_free(const State *state, Why *why) {
        const Node *holder = state_find_master_with_slot(state, NULL);

        if (!holder)
                return true;

        why_setf(why, "rollpatch status", "%s has the slot (%s)", holder->name,
                 enum_name(&step_state_names, holder->step.state));
        return false;
}

/* A plan's end: nobody is left who could still have a turn. */
static Event end_of_run(const State *state) {
        size_t failed = count_failed_agents(state);
        char reason[REASON_MAX];

        if (failed == 0)
                return make_run_event(RUN_EVENT_FINISHED, "", "");

        (void) text_format(
                        reason, sizeof(reason),
                        "everybody else is done; %zu agent%s went wrong and wait%s for you", failed,
                        failed == 1 ? "" : "s", failed == 1 ? "s" : "");
        return make_run_event(RUN_EVENT_HALTED, "", reason);
}

static Event hold_of_run(uint64_t hold) {
        Event event = make_run_event(
                        RUN_EVENT_HELD, "",
                        hold == HOLD_MASTERS ? "the plan wants a stop after the masters"
                                             : "the plan wants a stop after the canary");

        event.run.hold = hold;
        return event;
}

static bool give_slot(const View *view, size_t next, Event *ret, Why *why) {
        const State *state = view->state;
        const Node *node = &state->nodes[next];

        if (node->step.declines > 0 &&
            span_sub(view->now, view->facts->nodes[next].changed) < DECLINE_PAUSE) {
                why_setf(why, "rollpatch status", "%s has declined, it is asked again soon: %s",
                         node->name, node->step.reason);
                return false;
        }
        if (!slot_is_free(state, why) || !may_go_down(view, next, why))
                return false;

        *ret = make_step_event(node, STEP_EVENT_SLOTTED);
        ret->step.fence = MAX(state->fence, view->facts->fence_heard) + 1;
        ret->step.registered_before =
                        node->role == ROLE_MASTER ? 0 : view->facts->nodes[next].registered_ms;
        return true;
}

static bool decide_slot(const View *view, Event *ret, Why *why) {
        uint64_t hold = 0;
        size_t next = SIZE_MAX;

        switch (order_next(view->state, view->facts, view->now, &next, &hold, why)) {
        case ORDER_NEXT:
                return give_slot(view, next, ret, why);
        case ORDER_WAIT:
                return false;
        case ORDER_HOLD:
                *ret = hold_of_run(hold);
                return true;
        case ORDER_OVER:
                *ret = end_of_run(view->state);
                return true;
        }

        return false;
}

static bool decide_running(const View *view, Event *ret, Why *why) {
        return decide_staging(view, ret, why) || decide_start(view, ret, why) ||
               decide_slot(view, ret, why);
}

/* What ends a halt: settling what went wrong, one node after the other; then resume. */
static void explain_halt(const State *state, Why *why) {
        const Node *node = state_find_unsettled(state);
        char advice[REASON_MAX] = "rollpatch resume";

        if (node) {
                (void) text_format(
                                advice, sizeof(advice),
                                "rollpatch report; then rollpatch retry %s --reason TEXT",
                                node->name);
        }

        why_setf(why, advice, "halted: %s", state->run.reason);
}

static void explain_stopped(const State *state, Why *why) {
        const Run *run = &state->run;

        switch (run->state) {
        case RUN_DRAFT:
        case RUN_RUNNING:
        case RUN_FINISHED:
        case RUN_ABORTED:
                return;
        case RUN_PAUSED:
        case RUN_HELD:
                why_setf(why, "rollpatch resume", "%s: %s", enum_name(&run_state_names, run->state),
                         run->reason);
                return;
        case RUN_HALTED:
                explain_halt(state, why);
                return;
        }
}

int run_decide(const State *state,
               const Facts *facts,
               usec_t now,
               usec_t wall,
               Event *ret,
               Why *ret_why) {
        View view = { .state = state, .facts = facts, .now = now, .wall = wall };
        Why why = {};

        *ret_why = why;
        if (state->deposed_by) {
                why_setf(ret_why, "systemctl restart rollpatchd",
                         "%s obeys another coordinator (epoch %" PRIu64 ", ours is %" PRIu64
                         "); stop that one, then restart this one",
                         state->deposed_node, state->deposed_by, state->epoch);
                return 0;
        }
        if (state->run.made.number == 0)
                return 0;

        if (decide_lost(&view, ret) || decide_halt(&view, ret))
                return 1;

        explain_stopped(state, &why);
        if (decide_verified(&view, ret, &why) || decide_resume(&view, ret) ||
            (state->run.state == RUN_RUNNING && decide_running(&view, ret, &why)))
                return 1;

        *ret_why = why;
        return 0;
}
