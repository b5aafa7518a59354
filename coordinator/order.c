/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/order.h"

#include "common/text.h"
#include "coordinator/settle.h"

/* How far the nodes of one role have got. */
typedef struct Tally {
        size_t all;
        size_t over;    /* done, set aside, or gone wrong */
        size_t begun;   /* over, or under way */
        usec_t changed; /* newest transition of one that is over */
        size_t staged;  /* first that could start; SIZE_MAX: none */
        size_t behind;  /* first that could not yet; SIZE_MAX: none */
} Tally;

static bool is_over(const Step *step) {
        return step->state == STEP_DONE || step->state == STEP_QUARANTINED ||
               step_state_is_bad(step->state);
}

/* Put back by a person: may be out of order until it has been patched. */
static bool is_put_back(const Step *step) {
        return step->attempt > 1 && !is_over(step);
}

/* In the order of the plan, after those that were put back. */
static bool is_first(const State *state, size_t node, size_t other) {
        const Step *step = &state->nodes[node].step;

        if (other == SIZE_MAX || is_put_back(step) != is_put_back(&state->nodes[other].step))
                return other == SIZE_MAX || is_put_back(step);

        return step->order < state->nodes[other].step.order;
}

static bool is_under_way(const Step *step) {
        return step->state == STEP_SLOTTED || step->state == STEP_STARTED ||
               step->state == STEP_VERIFYING;
}

static void count_node(const State *state, const Facts *facts, size_t node, Tally *tally) {
        const Step *step = &state->nodes[node].step;

        tally->all++;
        if (is_over(step)) {
                usec_t changed = facts->nodes[node].changed;

                tally->over++;
                tally->begun++;
                tally->changed = MAX(tally->changed, changed);
        } else if (is_under_way(step)) {
                tally->begun++;
        } else if (step->state == STEP_STAGED) {
                tally->staged = is_first(state, node, tally->staged) ? node : tally->staged;
        } else {
                tally->behind = is_first(state, node, tally->behind) ? node : tally->behind;
        }
}

static Tally tally(const State *state, const Facts *facts, Role role) {
        Tally tally = { .staged = SIZE_MAX, .behind = SIZE_MAX };

        for (size_t i = 0; i < state->node_count; i++) {
                if (state->nodes[i].role == role && state->nodes[i].step.id[0])
                        count_node(state, facts, i, &tally);
        }

        return tally;
}

/* --- masters --- */

/* The elected Mesos master goes last, the ZooKeeper leader as late as that allows (promise 10).
 * Asked anew before every slot, because leaders move. */
static unsigned rank_master(const Facts *facts, size_t node) {
        return (node == facts->elected ? 2U : 0U) + (node == facts->zookeeper ? 1U : 0U);
}

/* Put back by a person, and not well: nobody else may go down before it is, so it goes first, or
 * the run would wait for itself. */
static bool is_in_need(const State *state, const Facts *facts, size_t node) {
        return is_put_back(&state->nodes[node].step) && !facts->nodes[node].healthy;
}

static bool goes_before(const State *state, const Facts *facts, size_t node, size_t other) {
        if (other == SIZE_MAX)
                return true;
        if (is_in_need(state, facts, node) != is_in_need(state, facts, other))
                return is_in_need(state, facts, node);
        if (rank_master(facts, node) < rank_master(facts, other))
                return true;

        return rank_master(facts, node) == rank_master(facts, other) &&
               is_first(state, node, other);
}

static OrderVerdict wait_for(const Node *node, Why *why) {
        why_setf(why, "rollpatch status", "%s is %s", node->name,
                 enum_name(&step_state_names, node->step.state));
        return ORDER_WAIT;
}

/* Leaders are unknown because a master is ill, more often than by itself: that one is to be mended.
 */
static void explain_leaderless(const State *state, const Facts *facts, Why *why) {
        const char *whose = facts->elected == SIZE_MAX ? "Mesos" : "ZooKeeper";

        for (size_t i = 0; i < state->master_count; i++) {
                size_t master = state->masters[i];
                const Why *unwell = &facts->nodes[master].unwell;

                if (facts->nodes[master].healthy || !unwell->text[0])
                        continue;

                why_setf(why, unwell->advice,
                         "it is not known which master leads %s; master %s is not proven healthy: %s",
                         whose, state->nodes[master].name,
                         text_without_name(unwell->text, state->nodes[master].name));
        }

        why_setf(why, "rollpatch status", "it is not known which master leads %s", whose);
}

/* One that was put back is not kept waiting by leaders that its own absence may have unsettled. */
static bool waits_for_leaders(const State *state, const Facts *facts, const Step *step, Why *why) {
        if (step->attempt > 1 || (facts->elected != SIZE_MAX && facts->zookeeper != SIZE_MAX))
                return false;

        explain_leaderless(state, facts, why);
        return true;
}

static bool has_a_turn(const Node *node) {
        return node->step.id[0] && !is_over(&node->step);
}

static OrderVerdict next_master(
                const State *state, const Facts *facts, size_t *ret_node, Why *why) {
        size_t best = SIZE_MAX;

        for (size_t i = 0; i < state->master_count; i++) {
                size_t master = state->masters[i];
                const Node *node = &state->nodes[master];

                if (!has_a_turn(node))
                        continue;
                if (node->step.state != STEP_STAGED)
                        return wait_for(node, why);
                if (goes_before(state, facts, master, best))
                        best = master;
        }

        if (best == SIZE_MAX)
                return ORDER_OVER;
        if (waits_for_leaders(state, facts, &state->nodes[best].step, why))
                return ORDER_WAIT;

        *ret_node = best;
        return ORDER_NEXT;
}

/* --- agents --- */

size_t batch_size(const RunNumbers *numbers, Role role, size_t all) {
        size_t size = MIN(all * numbers->batch_percent / 100, numbers->batch_max);

        size = MIN(size, BATCH_MAX);
        if (role == ROLE_PUBLIC_AGENT && all > 1)
                size = MIN(size, all - 1);

        return size > 0 ? size : 1;
}

/* The first end of a batch beyond what is over: the canary's, then one every batch. */
static size_t batch_end(const RunNumbers *numbers, Role role, const Tally *tally) {
        size_t size = batch_size(numbers, role, tally->all);
        size_t end = numbers->canary > 0 ? MIN(numbers->canary, size) : size;

        while (end <= tally->over)
                end += size;

        return end;
}

static bool is_between_batches(const Tally *tally) {
        return tally->begun == tally->over && tally->over > 0;
}

static bool holds_after_canary(const Run *run, const Tally *tally) {
        const RunNumbers *numbers = &run->made.numbers;

        return is_between_batches(tally) && tally->over == numbers->canary &&
               numbers->hold_after_canary && !(run->holds & HOLD_CANARY);
}

static bool batch_is_full(const RunNumbers *numbers, Role role, const Tally *tally) {
        return tally->begun == tally->all || tally->begun >= batch_end(numbers, role, tally);
}

/* How long until the next batch. */
static usec_t rest_of_dwell(const RunNumbers *numbers, const Tally *tally, usec_t now) {
        if (!is_between_batches(tally))
                return 0;

        return span_sub(numbers->dwell_batch, span_sub(now, tally->changed));
}

/* Away, or nobody can say that it serves. */
static bool is_away(const Step *step) {
        return is_under_way(step) || is_put_back(step) ||
               (step_state_is_bad(step->state) && !step->released);
}

/* At least one public agent keeps serving. Those set aside do not count: with all others in
 * quarantine this one is like a single one, which has to go down some time. */
static OrderVerdict keep_serving(const State *state, size_t candidate, Why *why) {
        const Node *node = &state->nodes[candidate];
        const Node *bad = NULL;
        size_t away = 0;
        char advice[REASON_MAX];

        for (size_t i = 0; i < state->node_count; i++) {
                const Node *other = &state->nodes[i];

                if (i == candidate || other->role != ROLE_PUBLIC_AGENT || !other->step.id[0] ||
                    other->step.state == STEP_QUARANTINED)
                        continue;
                if (!is_away(&other->step))
                        return ORDER_NEXT;

                away++;
                if (step_state_is_bad(other->step.state))
                        bad = other;
        }

        if (away == 0)
                return ORDER_NEXT;
        if (!bad) {
                why_setf(why, "rollpatch status", "%s is the only public agent that serves now",
                         node->name);
                return ORDER_WAIT;
        }

        settle_advise(state, bad, advice);
        why_setf(why, advice, "%s is the only public agent that still serves: %s is %s", node->name,
                 bad->name, enum_name(&step_state_names, bad->step.state));
        return ORDER_STUCK;
}

static bool slots_are_left(const State *state, Why *why) {
        size_t count = 0;

        for (size_t i = 0; i < state->node_count; i++)
                count += state->nodes[i].role != ROLE_MASTER && state->nodes[i].step.slot;

        if (count < AGENT_SLOTS_MAX)
                return true;

        why_setf(why, "rollpatch status",
                 "%zu agents have a slot, want less than %d: the leading master is not asked about more "
                 "at once; failed ones keep theirs until they are settled",
                 count, AGENT_SLOTS_MAX);
        return false;
}

static OrderVerdict next_agent(
                const State *state,
                const Facts *facts,
                Role role,
                usec_t now,
                size_t *ret_node,
                uint64_t *ret_hold,
                Why *why) {
        const RunNumbers *numbers = &state->run.made.numbers;
        Tally have = tally(state, facts, role);
        usec_t rest = rest_of_dwell(numbers, &have, now);
        char left[SPAN_TEXT_MAX];

        if (have.over == have.all)
                return ORDER_OVER;
        if (holds_after_canary(&state->run, &have)) {
                *ret_hold = HOLD_CANARY;
                return ORDER_HOLD;
        }
        if (batch_is_full(numbers, role, &have)) {
                why_setf(why, "rollpatch status", "the batch of %ss under way",
                         enum_name(&role_names, role));
                return ORDER_WAIT;
        }
        if (rest > 0) {
                why_setf(why, "", "the next batch in %s",
                         span_format(rest - rest % (100 * USEC_PER_MSEC), left));
                return ORDER_WAIT;
        }
        if (have.staged == SIZE_MAX)
                return wait_for(&state->nodes[have.behind], why);
        if (!slots_are_left(state, why))
                return ORDER_WAIT;

        *ret_node = have.staged;
        return role == ROLE_PUBLIC_AGENT ? keep_serving(state, have.staged, why) : ORDER_NEXT;
}

size_t count_failed_agents(const State *state) {
        size_t count = 0;

        for (size_t i = 0; state_count_bad(state) > 0 && i < state->node_count; i++) {
                const Node *node = &state->nodes[i];

                count += node->role != ROLE_MASTER && step_is_unsettled(&node->step);
        }

        return count;
}

OrderVerdict order_next(
                const State *state,
                const Facts *facts,
                usec_t now,
                size_t *ret_node,
                uint64_t *ret_hold,
                Why *ret_why) {
        OrderVerdict verdict = next_master(state, facts, ret_node, ret_why);
        bool has_masters = tally(state, facts, ROLE_MASTER).all > 0;
        bool has_agents = tally(state, facts, ROLE_AGENT).all +
                                          tally(state, facts, ROLE_PUBLIC_AGENT).all >
                          0;

        if (verdict != ORDER_OVER)
                return verdict;

        if (has_masters && has_agents && state->run.made.numbers.hold_after_masters &&
            !(state->run.holds & HOLD_MASTERS)) {
                *ret_hold = HOLD_MASTERS;
                return ORDER_HOLD;
        }

        verdict = next_agent(state, facts, ROLE_AGENT, now, ret_node, ret_hold, ret_why);
        if (verdict != ORDER_OVER)
                return verdict;

        return next_agent(state, facts, ROLE_PUBLIC_AGENT, now, ret_node, ret_hold, ret_why);
}
