/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/session-table.h"

#include <search.h>
#include <string.h>

#include "common/text.h"

/* A session id is its place in `peers`, plus a tag. Tags run through all 32-bit numbers in an order
 * that jumps about (the step is odd, so none comes twice in 2^32 handshakes), from a random start.
 *
 * Places are given out round and round, and one that only holds an offer counts as free. So a flood
 * of hellos overwrites its own offers; and an honest one, which is used within a moment, would have
 * to lie about for a whole round before it is overwritten. */

#define TAG_STEP UINT32_C(0x9e3779b1)

struct PeerNode {
        char name[NAME_TEXT_MAX];
        Peer *used;
        Peer *offered;
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
        free(peer->hello);
        free(peer);
}
DEFINE_AUTO(Peer, peer_free)

/* `place` is where the node points to its peer: `used` or `offered`. */
static void drop(SessionTable *table, Peer **place) {
        Peer *peer = TAKE(*place);

        if (!peer)
                return;

        assert(table->peers[peer->session.id >> 32] == peer);

        table->peers[peer->session.id >> 32] = NULL;
        peer_free(peer);
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

                if (!table->peers[place] || !table->peers[place]->is_used)
                        return place;
        }

        return SESSIONS_MAX;
}

/* Drops the offer that is there, if any, and its node with it if it has nothing else. */
static void clear_place(SessionTable *table, uint32_t place) {
        PeerNode *node;

        if (!table->peers[place])
                return;

        node = table->peers[place]->node;
        drop(table, &node->offered);
        if (node->used)
                return;

        (void) tdelete(node, &table->nodes, compare_nodes);
        free(node);
}

static Peer *make_peer(const Hello *hello) {
        AUTO(Peer) *peer = calloc(1, sizeof(*peer));

        if (!peer)
                return NULL;

        peer->hello = malloc(sizeof(*peer->hello));
        if (!peer->hello)
                return NULL;

        *peer->hello = *hello;
        return TAKE(peer);
}

/* Never 0, which means "none". */
static uint64_t next_id(SessionTable *table, uint32_t place) {
        table->tag += TAG_STEP;
        if (table->tag == 0)
                table->tag += TAG_STEP;

        return (uint64_t) place << 32 | table->tag;
}

Peer *session_table_offer(SessionTable *table, const Hello *hello) {
        AUTO(Peer) *peer = make_peer(hello);
        uint32_t place = find_place(table);
        PeerNode *node;

        if (!peer || place == SESSIONS_MAX)
                return NULL;

        clear_place(table, place);
        node = find_or_add_node(table, hello->name);
        if (!node)
                return NULL;

        drop(table, &node->offered);
        peer->session.id = next_id(table, place);
        peer->node = node;
        table->next = (place + 1) % SESSIONS_MAX;
        table->peers[place] = peer;
        node->offered = peer;
        return TAKE(peer);
}

Peer *session_table_find(SessionTable *table, uint64_t id) {
        uint64_t place = id >> 32;

        if (place >= SESSIONS_MAX || !table->peers[place] || table->peers[place]->session.id != id)
                return NULL;

        return table->peers[place];
}

Peer *session_table_find_used(SessionTable *table, const char *node) {
        PeerNode *found = find_node(table, node);

        return found ? found->used : NULL;
}

const char *peer_name(const Peer *peer) {
        return peer->node->name;
}

void session_table_use(SessionTable *table, Peer *peer) {
        PeerNode *node = peer->node;

        assert(!peer->is_used);
        assert(node->offered == peer);

        drop(table, &node->used);
        node->used = TAKE(node->offered);
        peer->is_used = true;
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
