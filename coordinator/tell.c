/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/tell.h"

#include "coordinator/checks.h"
#include "coordinator/node-link.h"
#include "coordinator/orders.h"

#define WATCH_REPEAT (2 * USEC_PER_SEC)

typedef struct Telling {
        const State *state;
        Facts *facts;
        usec_t now;
        TellSend send;
        void *userdata;
        size_t said;
} Telling;

static void say(Telling *telling, size_t node, const Message *message) {
        telling->said++;
        telling->send(node, message, telling->userdata);
}

/* Told at once when it changes; otherwise it comes with the answer to each heartbeat. */
static void tell_heartbeat(Telling *telling, size_t node) {
        NodeFacts *known = &telling->facts->nodes[node];
        Message message = { .kind = MESSAGE_WELCOME };

        message.welcome.heartbeat = node_heartbeat(telling->state, &telling->state->nodes[node]);
        if (known->heartbeat == message.welcome.heartbeat)
                return;

        known->heartbeat = message.welcome.heartbeat;
        known->told_at = telling->now;
        say(telling, node, &message);
}

static bool may_be_watched(const State *state, size_t node) {
        return state->nodes[node].epoch == state->epoch && !state->deposed_by;
}

/* Only who has something to ask is told, and before it has it. The token itself is put in by
 * whoever sends this. */
static void tell_login(Telling *telling, size_t node, const Watch *watch) {
        NodeFacts *known = &telling->facts->nodes[node];
        Message message = { .kind = MESSAGE_LOGIN };
        uint64_t serial = telling->facts->login;

        known->owes_login = serial != 0 && watch->item_count > 0 && known->login != serial;
        if (!known->owes_login ||
            (known->login_at != 0 && span_sub(telling->now, known->login_at) < WATCH_REPEAT))
                return;

        known->login_at = telling->now;
        message.login.epoch = telling->state->epoch;
        message.login.serial = serial;
        say(telling, node, &message);
}

/* Repeated until the node's heartbeat names it. */
static void tell_watch(Telling *telling, size_t node) {
        NodeFacts *known = &telling->facts->nodes[node];
        Message message = { .kind = MESSAGE_WATCH };
        bool is_new;

        if (!may_be_watched(telling->state, node))
                return;

        checks_watch(telling->state, telling->facts, node, telling->now, &message.watch);
        tell_login(telling, node, &message.watch);
        is_new = message.watch.serial != known->watch;
        known->watch = message.watch.serial;
        if (known->watching == known->watch ||
            (!is_new && span_sub(telling->now, known->watch_at) < WATCH_REPEAT))
                return;

        known->watch_at = telling->now;
        say(telling, node, &message);
}

static void tell_order(Telling *telling, size_t node) {
        Message order;

        if (!order_due(telling->state, telling->facts, node, telling->now, &order))
                return;

        say(telling, node, &order);

        /* Whether it got there is known when it is answered; until then it is repeated. */
        order_sent(&telling->facts->nodes[node], &order, telling->now);
}

/* When a person's wish is forgotten. */
static usec_t wish_ends(const NodeFacts *known) {
        return known->refresh ? span_add(known->refresh_since, REFRESH_LIFE + 1) : USEC_INFINITY;
}

/* When there may be something to tell, though nothing has happened: what is repeated, and what
 * comes to its end by itself. What a master is to watch depends on who leads at the moment. */
static usec_t next_look(const State *state, const Facts *facts, size_t node) {
        const NodeFacts *known = &facts->nodes[node];
        usec_t repeat = span_add(known->watch_at, WATCH_REPEAT);

        if (known->nonce[0] || known->owes_login)
                return 0;
        if (known->greeted == 0 || state->deposed_by)
                return wish_ends(known);
        if (state->nodes[node].role == ROLE_MASTER || !may_be_watched(state, node) ||
            order_is_wanted(state, facts, node))
                return 0;

        return known->watching == known->watch ? wish_ends(known) : MIN(repeat, wish_ends(known));
}

static void tell_node(Telling *telling, size_t node) {
        Facts *facts = telling->facts;

        if (telling->now < facts->due[node])
                return;

        facts_expire(facts, node, telling->now);
        if (facts->nodes[node].greeted != 0) {
                tell_heartbeat(telling, node);
                tell_watch(telling, node);
        }

        tell_order(telling, node);
        facts->due[node] = next_look(telling->state, facts, node);
}

bool tell_nodes(const State *state, Facts *facts, usec_t now, TellSend send, void *userdata) {
        Telling telling = { state, facts, now, send, userdata, 0 };
        size_t looked = 0;

        for (size_t i = 0; i < state->master_count; i++)
                tell_node(&telling, state->masters[i]);

        /* From where the call before has stopped, so that everybody has a turn. */
        for (; looked < state->node_count && telling.said < TELL_MAX; looked++) {
                size_t node = (facts->told_to + looked) % state->node_count;

                if (now >= facts->due[node] && state->nodes[node].role != ROLE_MASTER)
                        tell_node(&telling, node);
        }

        facts->told_to = looked < state->node_count ? (facts->told_to + looked) % state->node_count
                                                    : 0;
        return looked < state->node_count;
}
