/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/facts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/text.h"
#include "coordinator/health.h"

/* On failure what has grown already stays, and does no harm. */
static int grow(Facts *facts, size_t space) {
        NodeFacts *nodes;
        size_t *asked;
        usec_t *due;

        nodes = reallocarray(facts->nodes, space, sizeof(NodeFacts));
        if (!nodes)
                return -ENOMEM;
        facts->nodes = nodes;

        due = reallocarray(facts->due, space, sizeof(usec_t));
        if (!due)
                return -ENOMEM;
        facts->due = due;

        asked = reallocarray(facts->asked, space, sizeof(size_t));
        if (!asked)
                return -ENOMEM;
        facts->asked = asked;

        facts->space = space;
        return 0;
}

int facts_grow(Facts *facts, const State *state, usec_t now) {
        size_t space = state->node_space;

        if (facts->count >= state->node_count)
                return 0;

        if (space > facts->space && grow(facts, space) < 0)
                return -ENOMEM;

        for (size_t i = facts->count; i < state->node_count; i++) {
                facts->nodes[i] = (NodeFacts) { .changed = now };
                facts->due[i] = 0;
        }

        facts->count = state->node_count;
        return 0;
}

void facts_touch(Facts *facts, size_t node) {
        facts->due[node] = 0;
}

void facts_touch_all(Facts *facts) {
        for (size_t i = 0; i < facts->count; i++)
                facts->due[i] = 0;
}

void facts_done(Facts *facts) {
        for (size_t i = 0; i < facts->asked_count; i++)
                health_free(facts->nodes[facts->asked[i]].health);

        free(facts->nodes);
        free(facts->due);
        free(facts->asked);
        *facts = (Facts) {};
}

static void drop_nonce(NodeFacts *facts) {
        facts->nonce[0] = '\0';
        facts->nonce_since = 0;
        facts->ordered = false;
}

static void note_node(NodeFacts *facts, const Event *event, usec_t now) {
        if (event->kind == EVENT_ORDERED) {
                facts->ordered = true;
                facts->ordered_at = now;
                return;
        }

        if (event->kind != EVENT_STEP && event->kind != EVENT_CLAIMED)
                return;

        /* A claim voids the nonces that a node has given, a transition the slot they were given
         * for. */
        drop_nonce(facts);
        facts->refusal[0] = '\0';
        if (event->kind == EVENT_STEP) {
                facts->changed = now;
                facts->reported_at = 0;
        }
}

/* Of whom an event speaks that does not matter for what the others are told. */
static bool is_of_one(const Event *event, const State *state, const Node *node) {
        switch (event->kind) {
        case EVENT_NODE:
                return node && node->role != ROLE_MASTER;
        case EVENT_CLAIMED:
        case EVENT_FOREIGN:
        case EVENT_CLEARED:
        case EVENT_ORDERED:
                return node;
        case EVENT_STARTED:
        case EVENT_EPOCH:
        case EVENT_DEPOSED:
        case EVENT_RUN_MADE:
        case EVENT_RUN_NODE:
        case EVENT_RUN:
        case EVENT_STEP: /* whose turn is soon depends on the others' turns */
                return false;
        case EVENT_WAIVED:
        case EVENT_CHECK:
        case EVENT_OPERATOR:
        case EVENT_TOKEN_MADE:
        case EVENT_TOKEN_REVOKED:
        case EVENT_KEY:
        case EVENT_TURNED_AWAY:
        case EVENT_FOUND:
        case EVENT_DIAGNOSED:
                return true;
        }

        return false;
}

static void touch(Facts *facts, const State *state, const Event *event, const Node *node) {
        if (facts->masters != state->master_count || !is_of_one(event, state, node)) {
                facts->masters = state->master_count;
                facts_touch_all(facts);
        } else if (node) {
                facts_touch(facts, (size_t) (node - state->nodes));
        }
}

int facts_note(Facts *facts, const State *state, const Event *event, usec_t now) {
        const Node *node = state_find_node_const(state, event_node(event));
        int r;

        r = facts_grow(facts, state, now);
        if (r < 0)
                return r;

        touch(facts, state, event, node);
        if (event->kind == EVENT_STARTED || event->kind == EVENT_EPOCH) {
                for (size_t i = 0; i < facts->count; i++)
                        drop_nonce(&facts->nodes[i]);
        } else if (node) {
                note_node(&facts->nodes[node - state->nodes], event, now);
        }

        return 0;
}

void facts_greet(Facts *facts, const State *state, const Hello *hello, usec_t now) {
        const Node *node = state_find_node_const(state, hello->name);
        NodeFacts *known = node ? &facts->nodes[node - state->nodes] : NULL;

        if (!known)
                return;

        facts_touch(facts, (size_t) (node - state->nodes));
        known->greeted = now;
        known->heard = now;
        known->sent_at = 0;
        known->quiet_until = 0;
        known->reported_at = 0;
        known->watch = known->watching = 0;
        known->login = known->login_at = 0;
        known->refreshed = 0;
        known->in_hand[0] = '\0';
        drop_nonce(known);
        facts->fence_heard = MAX(facts->fence_heard, hello->fence);
}

void facts_hear_claimed(Facts *facts, const Claimed *claimed) {
        for (size_t i = 0; i < claimed->step_count; i++)
                facts->fence_heard = MAX(facts->fence_heard, claimed->steps[i].fence);
}

static bool state_is_in_hand(NodeStep state) {
        return brief_is_in_hand(&(StepBrief) { .state = state });
}

/* Whether it is news. */
static bool hear_state(
                NodeFacts *facts, const Node *node, const char *step, NodeStep state, usec_t now) {
        bool news = facts->reported_at == 0 || facts->reported != state;

        if (strcmp(step, node->step.id) != 0)
                return false;

        facts->reported = state;
        facts->reported_at = now;
        return news;
}

bool facts_hear_heartbeat(
                Facts *facts,
                const State *state,
                size_t node,
                const Heartbeat *heartbeat,
                usec_t now) {
        NodeFacts *known = &facts->nodes[node];
        const char *in_hand = state_is_in_hand(heartbeat->state) ? heartbeat->step : "";
        bool news = known->watching != heartbeat->watch ||
                    known->refreshed != heartbeat->refreshed || known->login != heartbeat->login ||
                    strcmp(known->in_hand, in_hand) != 0;

        if (hear_state(known, &state->nodes[node], heartbeat->step, heartbeat->state, now))
                news = true;

        known->watching = heartbeat->watch;
        known->refreshed = heartbeat->refreshed;
        known->login = heartbeat->login;
        (void) text_copy(known->in_hand, sizeof(known->in_hand), in_hand);
        if (news)
                facts_touch(facts, node);

        return news;
}

void facts_set_login(Facts *facts, uint64_t serial) {
        if (facts->login == serial)
                return;

        facts->login = serial;
        for (size_t i = 0; i < facts->count; i++)
                facts->nodes[i].login_at = 0;

        facts_touch_all(facts);
}

void facts_hear_report(
                Facts *facts, const State *state, size_t node, const Report *report, usec_t now) {
        NodeFacts *known = &facts->nodes[node];

        (void) hear_state(known, &state->nodes[node], report->step, report->state, now);
        if (strcmp(report->step, known->in_hand) == 0 && !state_is_in_hand(report->state))
                known->in_hand[0] = '\0';
        facts->fence_heard = MAX(facts->fence_heard, report->fence);
}

void facts_hear_ready(
                Facts *facts, const State *state, size_t node, const Ready *ready, usec_t now) {
        NodeFacts *known = &facts->nodes[node];
        const Node *of = &state->nodes[node];

        if (of->epoch != state->epoch || of->step.state != STEP_SLOTTED ||
            strcmp(of->step.id, ready->step) != 0 || ready->fence != of->step.fence)
                return;

        /* Said twice: its time runs from the first on, and it has been used up by the first order.
         */
        if (strcmp(known->nonce, ready->nonce) == 0 || strcmp(known->sent_nonce, ready->nonce) == 0)
                return;

        facts_touch(facts, node);
        (void) text_copy(known->nonce, sizeof(known->nonce), ready->nonce);
        known->nonce_since = now;
        known->nonce_fence = ready->fence;
        known->ordered = false;
        known->refusal[0] = '\0';
}

void facts_hear_refused(Facts *facts, size_t node, const Refused *refused, usec_t now) {
        NodeFacts *known = &facts->nodes[node];

        facts_touch(facts, node);
        drop_nonce(known);
        known->sent_at = 0;
        facts->fence_heard = MAX(facts->fence_heard, refused->fence);
        if (refused->refusal != REFUSAL_NONCE)
                known->quiet_until = span_add(now, REFUSED_PAUSE);

        (void) text_format(
                        known->refusal, sizeof(known->refusal), "refused %s: %s", refused->order,
                        refused->reason);
}

void facts_wish(Facts *facts, size_t node, uint64_t number, usec_t now) {
        facts_touch(facts, node);
        facts->wished += facts->nodes[node].refresh == 0;
        facts->nodes[node].refresh = number;
        facts->nodes[node].refresh_since = now;
}

void facts_expire(Facts *facts, size_t node, usec_t now) {
        NodeFacts *known = &facts->nodes[node];
        usec_t since = known->ordered ? known->ordered_at : known->nonce_since;

        if (known->refresh != 0 && span_sub(now, known->refresh_since) > REFRESH_LIFE) {
                known->refresh = 0;
                facts->wished--;
        }

        if (known->nonce[0] && span_sub(now, since) > START_ORDER_LIFE + USEC_PER_SEC)
                drop_nonce(known);
}
