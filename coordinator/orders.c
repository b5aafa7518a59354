/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/orders.h"

#include <string.h>

#include "common/text.h"

static Message make_claim(const State *state) {
        return (Message) { .kind = MESSAGE_CLAIM, .claim = { .epoch = state->epoch } };
}

static Message make_stage(const State *state, const Node *node) {
        const EventRunMade *run = &state->run.made;
        Message message = { .kind = MESSAGE_STAGE };
        Stage *stage = &message.stage;

        stage->epoch = state->epoch;
        stage->size = run->size;
        stage->timeout = run->numbers.timeout_script;
        (void) text_copy(stage->step, sizeof(stage->step), node->step.id);
        (void) text_copy(stage->run, sizeof(stage->run), run->id);
        (void) text_copy(stage->node, sizeof(stage->node), node->name);
        (void) text_copy(stage->from, sizeof(stage->from), run->from);
        (void) text_copy(stage->to, sizeof(stage->to), run->to);
        (void) text_copy(stage->url, sizeof(stage->url), run->url);
        (void) text_copy(stage->sha256, sizeof(stage->sha256), run->sha256);
        return message;
}

static Message make_slot(const State *state, const Node *node) {
        Message message = { .kind = MESSAGE_SLOT };

        message.slot.epoch = state->epoch;
        message.slot.fence = node->step.fence;
        (void) text_copy(message.slot.step, sizeof(message.slot.step), node->step.id);
        return message;
}

static Message make_ask(const State *state, const Node *node) {
        Message message = { .kind = MESSAGE_ASK };

        message.ask.epoch = state->epoch;
        (void) text_copy(message.ask.step, sizeof(message.ask.step), node->step.id);
        return message;
}

/* The last look is at every other master (promise 3); an agent's start needs none. */
static void add_look_targets(const State *state, const Node *node, Start *start) {
        if (node->role != ROLE_MASTER)
                return;

        for (size_t i = 0; i < state->master_count && start->look_count < MASTERS_MAX; i++) {
                const Node *other = &state->nodes[state->masters[i]];
                LookTarget *target;

                if (other == node)
                        continue;

                target = &start->look[start->look_count++];
                (void) text_copy(target->name, sizeof(target->name), other->name);
                (void) text_copy(target->address, sizeof(target->address), other->address);
        }
}

static Message make_start(const State *state, const Node *node, const NodeFacts *facts) {
        Message message = { .kind = MESSAGE_START };
        Start *start = &message.start;

        start->epoch = state->epoch;
        start->fence = node->step.fence;
        (void) text_copy(start->step, sizeof(start->step), node->step.id);
        (void) text_copy(start->nonce, sizeof(start->nonce), facts->nonce);
        add_look_targets(state, node, start);
        return message;
}

/* What the node should have been told last. False: nothing. A step that is under way, or has just
 * ended, is asked after: its node may have lost a report, and only a fresh one counts when it is
 * verified. */
static bool order_wanted(
                const State *state, const NodeFacts *facts, const Node *node, Message *ret) {
        if (node->epoch != state->epoch) {
                *ret = make_claim(state);
                return true;
        }

        switch (node->step.state) {
        case STEP_STAGING:
                *ret = make_stage(state, node);
                return run_state_is_open(state->run.state);
        case STEP_SLOTTED:
                if (!run_state_is_open(state->run.state)) {
                        *ret = make_ask(state, node); /* it will not be started any more, but may
                                                         have been */
                        return true;
                }
                *ret = facts->ordered ? make_start(state, node, facts) : make_slot(state, node);
                return facts->ordered || facts->nonce[0] == '\0';
        case STEP_STARTED:
        case STEP_VERIFYING:
        case STEP_UNKNOWN:
                *ret = make_ask(state, node);
                return true;
        case STEP_WAITING:
        case STEP_STAGED:
        case STEP_DONE:
        case STEP_FAILED:
        case STEP_INTERRUPTED:
        case STEP_QUARANTINED:
                return false;
        }

        return false;
}

bool order_is_wanted(const State *state, const Facts *facts, size_t node) {
        Message unused;

        return order_wanted(state, &facts->nodes[node], &state->nodes[node], &unused);
}

static const char *order_step(const Message *message, uint64_t *ret_fence) {
        *ret_fence = 0;
        if (message->kind == MESSAGE_CLAIM) {
                *ret_fence = message->claim.epoch;
                return "";
        }
        if (message->kind == MESSAGE_SLOT) {
                *ret_fence = message->slot.fence;
                return message->slot.step;
        }
        if (message->kind == MESSAGE_START) {
                *ret_fence = message->start.fence;
                return message->start.step;
        }
        if (message->kind == MESSAGE_STAGE)
                return message->stage.step;

        return message->ask.step;
}

bool order_due(const State *state, const Facts *facts, size_t node, usec_t now, Message *ret) {
        const NodeFacts *known = &facts->nodes[node];
        uint64_t fence;
        bool same;

        if (known->greeted == 0 || state->deposed_by || now < known->quiet_until)
                return false;

        if (!order_wanted(state, known, &state->nodes[node], ret))
                return false;

        if (ret->kind == MESSAGE_START)
                return strcmp(known->sent_nonce, ret->start.nonce) != 0;

        same = known->sent_at != 0 && known->sent == ret->kind &&
               strcmp(known->sent_step, order_step(ret, &fence)) == 0 && known->sent_fence == fence;
        return !same || span_sub(now, known->sent_at) >= ORDER_REPEAT;
}

void order_sent(NodeFacts *facts, const Message *message, usec_t now) {
        (void) text_copy(
                        facts->sent_step, sizeof(facts->sent_step),
                        order_step(message, &facts->sent_fence));
        facts->sent = message->kind;
        facts->sent_at = now;
        if (message->kind == MESSAGE_START) {
                (void) text_copy(
                                facts->sent_nonce, sizeof(facts->sent_nonce), message->start.nonce);
        }
}
