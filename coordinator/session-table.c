/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/session-table.h"

#include <search.h>
#include <string.h>

#include "common/text.h"

/* A session id is its place in `peers`, plus a tag. Tags run through all 32-bit numbers in an order
 * that jumps about (the step is odd, so none comes twice in 2^32 handshakes), from a random start.
 *
 * Places are given out round and round, and one that holds no session in use counts as free. So a
 * flood of hellos overwrites its own offers; and an honest one, which is used within a moment,
 * would have to lie about for a whole round before it is overwritten. */

#define TAG_STEP UINT32_C(0x9e3779b1)

struct PeerNode {
        char name[NAME_TEXT_MAX];
        Peer *sessions[PEER_FADING + 1]; /* by PeerState */
};

struct SessionTable {
        Peer *peers[SESSIONS_MAX];
        uint32_t next;
        uint32_t tag;
        void *nodes; /* of PeerNode, by name; <search.h> */
};

static int compare_nodes(const void *a, const void *b) {
        return strcmp(((const PeerNode *) a)->name, ((const PeerNode *) b)->name);
}

static PeerNode *find_node(SessionTable *table, const char *name) {
        PeerNode *const *found;
        PeerNode wanted;

        if (!text_copy(wanted.name, sizeof(wanted.name), name))
                return NULL;

        found = tfind(&wanted, &table->nodes, compare_nodes);
        return found ? *found : NULL;
}

static PeerNode *find_or_add_node(SessionTable *table, const char *name) {
        auto_free PeerNode *added = NULL;
        PeerNode *node = find_node(table, name);

        if (node)
                return node;

        added = calloc(1, sizeof(*added));
        if (!added || !text_copy(added->name, sizeof(added->name), name) ||
            !tsearch(added, &table->nodes, compare_nodes))
                return NULL;

        return TAKE(added);
}

static void peer_free(Peer *peer) {
        session_wipe(&peer->session);
        free(peer->guest);
        free(peer);
}
DEFINE_AUTO(Peer, peer_free)

static void drop(SessionTable *table, PeerNode *node, PeerState state) {
        Peer *peer = TAKE(node->sessions[state]);

        if (!peer)
                return;

        assert(table->peers[peer->session.id >> 32] == peer);

        table->peers[peer->session.id >> 32] = NULL;
        peer_free(peer);
}

static void drop_if_idle(SessionTable *table, PeerNode *node) {
        for (PeerState state = PEER_OFFERED; state <= PEER_FADING; state++) {
                if (node->sessions[state])
                        return;
        }

        (void) tdelete(node, &table->nodes, compare_nodes);
        free(node);
}

static void move(Peer *peer, PeerState state) {
        PeerNode *node = peer->node;

        assert(!node->sessions[state]);

        node->sessions[state] = TAKE(node->sessions[peer->state]);
        peer->state = state;
}

SessionTable *session_table_new(uint32_t seed) {
        SessionTable *table = calloc(1, sizeof(*table));

        if (table)
                table->tag = seed;

        return table;
}

/* The next place that holds nothing worth keeping; SESSIONS_MAX: there is none. */
static uint32_t find_place(const SessionTable *table) {
        for (uint32_t i = 0; i < SESSIONS_MAX; i++) {
                uint32_t place = (table->next + i) % SESSIONS_MAX;

                if (!table->peers[place] || table->peers[place]->state != PEER_USED)
                        return place;
        }

        return SESSIONS_MAX;
}

void session_table_withdraw(SessionTable *table, Peer *peer) {
        PeerNode *node = peer->node;

        drop(table, node, peer->state);
        drop_if_idle(table, node);
}

static Peer *make_peer(const Introduction *guest) {
        AUTO(Peer) *peer = calloc(1, sizeof(*peer));

        if (!peer)
                return NULL;

        peer->guest = malloc(sizeof(*peer->guest));
        if (!peer->guest)
                return NULL;

        *peer->guest = *guest;
        return TAKE(peer);
}

/* Never 0, which means "none". */
static uint64_t next_id(SessionTable *table, uint32_t place) {
        table->tag += TAG_STEP;
        if (table->tag == 0)
                table->tag += TAG_STEP;

        return (uint64_t) place << 32 | table->tag;
}

Peer *session_table_offer(
                SessionTable *table, const char *node, const Introduction *guest, usec_t until) {
        AUTO(Peer) *peer = make_peer(guest);
        uint32_t place = find_place(table);
        PeerNode *found;

        if (!peer || place == SESSIONS_MAX)
                return NULL;

        if (table->peers[place])
                session_table_withdraw(table, table->peers[place]);

        found = find_or_add_node(table, node);
        if (!found)
                return NULL;

        drop(table, found, PEER_OFFERED);
        peer->session.id = next_id(table, place);
        peer->node = found;
        peer->role = guest->hello.role;
        peer->until = until;
        table->next = (place + 1) % SESSIONS_MAX;
        table->peers[place] = peer;
        found->sessions[PEER_OFFERED] = peer;
        return TAKE(peer);
}

static bool is_over(const Peer *peer, usec_t now) {
        return peer->state != PEER_USED && peer->until <= now;
}

Peer *session_table_find(SessionTable *table, uint64_t id, usec_t now) {
        uint64_t place = id >> 32;
        Peer *peer = place < SESSIONS_MAX ? table->peers[place] : NULL;

        if (!peer || peer->session.id != id || is_over(peer, now))
                return NULL;

        return peer;
}

Peer *session_table_find_used(SessionTable *table, const char *node) {
        PeerNode *found = find_node(table, node);

        return found ? found->sessions[PEER_USED] : NULL;
}

void session_table_use(SessionTable *table, Peer *peer, usec_t fades_until) {
        Peer *old = peer->node->sessions[PEER_USED];

        assert(peer->state == PEER_OFFERED);

        if (old) {
                drop(table, peer->node, PEER_FADING);
                old->until = fades_until;
                move(old, PEER_FADING);
        }

        move(peer, PEER_USED);
        free(TAKE(peer->guest));
}

void session_table_forget(SessionTable *table, const char *node) {
        PeerNode *found = find_node(table, node);

        if (!found)
                return;

        for (PeerState state = PEER_OFFERED; state <= PEER_FADING; state++)
                drop(table, found, state);

        drop_if_idle(table, found);
}

void session_table_expire(SessionTable *table, usec_t now) {
        for (uint32_t place = 0; place < SESSIONS_MAX; place++) {
                Peer *peer = table->peers[place];

                if (peer && is_over(peer, now))
                        session_table_withdraw(table, peer);
        }
}

const char *peer_name(const Peer *peer) {
        return peer->node->name;
}

void session_table_free(SessionTable *table) {
        if (!table)
                return;

        for (size_t i = 0; i < SESSIONS_MAX; i++) {
                if (table->peers[i])
                        peer_free(table->peers[i]);
        }

        tdestroy(table->nodes, free);
        free(table);
}
