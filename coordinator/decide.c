/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/decide.h"

#include <inttypes.h>
#include <string.h>

#include "common/text.h"
#include "coordinator/excuse.h"
#include "coordinator/judge.h"
#include "coordinator/losses.h"
#include "coordinator/member.h"
#include "coordinator/node-link.h"
#include "coordinator/order.h"
#include "coordinator/orders.h"
#include "coordinator/retry.h"
#include "coordinator/settle.h"

#define STAGING_MAX 20 /* nodes that download at once (design 8) */

/* A node that has declined is not offered the slot again at once: what kept it from starting may
 * pass. */
#define DECLINE_PAUSE (10 * USEC_PER_SEC)

#define EXIT_UNKNOWN                                                                             \
        "exit status unknown: how the script ended nobody has seen; version, packages and gate " \
        "are as the run wants them"

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

/* What the script has not said, no gate can make up for: it is noted (design 5, "Hand reboots"). */
static Event make_verified(const View *view, size_t index) {
        const Node *node = &view->state->nodes[index];
        Event event = make_step_event(node, STEP_EVENT_VERIFIED);
        char losses[REASON_MAX];

        losses_describe(view->state, view->facts, index, view->now, losses);
        (void) text_format(
                        event.step.reason, sizeof(event.step.reason), "%s%s%s",
                        node->step.exit_unknown ? EXIT_UNKNOWN : "",
                        node->step.exit_unknown && losses[0] ? "; " : "", losses);
        return event;
}

static Event make_gave_up(const View *view, size_t index, usec_t limit, const Why *missing) {
        const Node *node = &view->state->nodes[index];
        const char *named = text_without_name(missing->text, node->name);
        Event event = make_step_event(node, STEP_EVENT_GAVE_UP);
        char span[SPAN_TEXT_MAX];

        event.step.docker_start =
                        excuse_docker_start(view->state, view->facts, index, named, view->now);
        (void) text_format(
                        event.step.reason, sizeof(event.step.reason),
                        "not proven good within %s: %s", span_format(limit, span), named);
        return event;
}

static Event make_run_event(RunEvent kind, const char *node, const char *reason) {
        Event event = { .kind = EVENT_RUN, .run = { .event = kind } };

        (void) text_copy(event.run.node, sizeof(event.run.node), node);
        (void) text_copy(event.run.reason, sizeof(event.run.reason), reason);
        return event;
}

/* --- one rule after the other; each gives an event, or none --- */

/* A node with the slot that nobody has heard for LINK_LOST, or listens to any more: what it does is
 * not known. */
static bool decide_lost(const View *view, Event *ret) {
        for (size_t i = 0; view->state->slots > 0 && i < view->state->node_count; i++) {
                const Node *node = &view->state->nodes[i];
                const NodeFacts *facts = &view->facts->nodes[i];
                usec_t heard = MAX(facts->heard, view->facts->started);
                bool silent = span_sub(view->now, heard) > LINK_LOST;

                if (!step_next(node->step.state, STEP_EVENT_LOST) || !node->step.slot ||
                    !(silent || node->revoked))
                        continue;

                *ret = make_step_event(node, STEP_EVENT_LOST);
                (void) text_copy(
                                ret->step.reason, sizeof(ret->step.reason),
                                node->revoked ? "its key was revoked while it had the slot"
                                              : "not heard for more than 3min while it had the slot");
                return true;
        }

        return false;
}

static bool decide_verified(const View *view, Event *ret, Why *why) {
        for (size_t i = 0; view->state->steps[STEP_VERIFYING] > 0 && i < view->state->node_count;
             i++) {
                const Node *node = &view->state->nodes[i];
                const NodeFacts *facts = &view->facts->nodes[i];
                const RunNumbers *numbers = &view->state->run.made.numbers;
                usec_t limit = node->role == ROLE_MASTER ? numbers->timeout_master
                                                         : numbers->timeout_agent;
                Why missing = {};

                if (node->step.state != STEP_VERIFYING)
                        continue;

                if (node_is_proven(view->state, view->facts, i, view->now, &missing)) {
                        *ret = make_verified(view, i);
                        return true;
                }
                /* While the run stands for another reason, this node's time stands too (design 5).
                 */
                if (view->state->run.state != RUN_HALTED &&
                    span_sub(view->now, facts->changed) > limit) {
                        *ret = make_gave_up(view, i, limit, &missing);
                        return true;
                }

                why_setf(why, missing.advice, "verifying %s: %s", node->name,
                         text_without_name(missing.text, node->name));
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

        if (other == holder)
                return false;

        if (other->booted_at > MAX(holder->step.slotted_at, state->run.since)) {
                (void) text_format(
                                reason, REASON_MAX, "master %s was rebooted while %s had the slot",
                                other->name, holder->name);
                return true;
        }

        /* What has not been heard at all since this start is no news. */
        if (other->revoked) {
                (void) text_format(
                                reason, REASON_MAX,
                                "the key of master %s was revoked while %s had the slot",
                                other->name, holder->name);
                return true;
        }

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

        for (size_t i = 0; holder && i < state->master_count; i++) {
                size_t other = state->masters[i];

                if (!is_disturbed(view, other, holder, reason))
                        continue;

                *ret = make_run_event(RUN_EVENT_HALTED, state->nodes[other].name, reason);
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

        for (size_t i = 0; i < state->master_count; i++) {
                const Node *node = &state->nodes[state->masters[i]];
                char reason[REASON_MAX];

                if (!step_is_unsettled(&node->step))
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
        size_t busy = view->state->steps[STEP_STAGING];

        for (size_t i = 0; view->state->steps[STEP_WAITING] > 0 && i < view->state->node_count;
             i++) {
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

/* It has said so under its present fence, and a start order would still come in time. */
static bool is_ready(const Node *node, const NodeFacts *facts, usec_t now) {
        return facts->nonce[0] && facts->nonce_fence == node->step.fence && !facts->ordered &&
               span_sub(now, facts->nonce_since) <= START_ORDER_LIFE;
}

static bool decide_start(const View *view, Event *ret, Why *why) {
        for (size_t i = 0; view->state->steps[STEP_SLOTTED] > 0 && i < view->state->node_count;
             i++) {
                const Node *node = &view->state->nodes[i];
                const NodeFacts *facts = &view->facts->nodes[i];
                Event event = { .kind = EVENT_ORDERED };

                if (node->step.state != STEP_SLOTTED)
                        continue;
                if (!is_ready(node, facts, view->now)) {
                        why_setf(why, "rollpatch status", "waiting for %s to say it is ready",
                                 node->name);
                        continue;
                }
                if (!may_go_down(view->state, view->facts, i, view->now, why))
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

/* Patched already, by an earlier run or by hand: it goes nowhere, and nothing is run on it. Done it
 * is only once its gate has held, and until then nobody else goes down. */
static bool judge_as_found(const View *view, size_t next, Event *ret, Why *why) {
        const State *state = view->state;
        const Node *node = &state->nodes[next];

        if (view->facts->nodes[next].choice != RETRY_JUDGE ||
            !node_answers_to_us(state, view->facts, next, view->now, why))
                return false;

        *ret = make_step_event(node, STEP_EVENT_RECHECKED);
        (void) text_format(
                        ret->step.reason, sizeof(ret->step.reason),
                        "has what the run wants already (DC/OS %s): the script is not run, only its gate is asked",
                        state->run.made.to);
        return true;
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
        if (!slot_is_free(state, why))
                return false;
        if (judge_as_found(view, next, ret, why))
                return true;
        if (!may_go_down(state, view->facts, next, view->now, why))
                return false;
        if (view->facts->nodes[next].choice != RETRY_ANEW) {
                (void) turn_choose(state, view->facts, next, view->now, why);
                return false;
        }

        *ret = make_step_event(node, STEP_EVENT_SLOTTED);
        ret->step.fence = MAX(state->fence, view->facts->fence_heard) + 1;
        member_note_before(state, view->facts, next, view->now, &ret->step);
        return true;
}

static bool decide_slot(const View *view, Event *ret, Why *why) {
        uint64_t hold = 0;
        size_t next = SIZE_MAX;
        Why stuck = {};
        OrderVerdict verdict =
                        order_next(view->state, view->facts, view->now, &next, &hold, &stuck);

        why_setf(why, stuck.advice, "%s", stuck.text);
        switch (verdict) {
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
        case ORDER_STUCK:
                *ret = make_run_event(RUN_EVENT_HALTED, "", stuck.text);
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

        if (node)
                settle_advise(state, node, advice);

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

static bool decide_next(const View *view, Event *ret, Why *why) {
        if (decide_lost(view, ret) || decide_halt(view, ret))
                return true;

        explain_stopped(view->state, why);
        if (decide_verified(view, ret, why) || decide_resume(view, ret))
                return true;

        return view->state->run.state == RUN_RUNNING && decide_running(view, ret, why);
}

int run_decide(const State *state,
               const Facts *facts,
               usec_t now,
               usec_t wall,
               Event *ret,
               Why *ret_why) {
        View view = { .state = state, .facts = facts, .now = now, .wall = wall };

        *ret_why = (Why) {};
        if (state->deposed_by) {
                why_setf(ret_why, "systemctl restart rollpatchd",
                         "%s obeys another coordinator (epoch %" PRIu64 ", ours is %" PRIu64
                         "); stop that one, then restart this one; if there is no other, %s lies: "
                         "rollpatch node revoke %s --reason TEXT, then restart",
                         state->deposed_node, state->deposed_by, state->epoch, state->deposed_node,
                         state->deposed_node);
                return 0;
        }
        if (state->run.made.number == 0)
                return 0;

        if (!decide_next(&view, ret, ret_why))
                return 0;

        *ret_why = (Why) {};
        return 1;
}
