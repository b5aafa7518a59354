/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "common/cleanup.h"
#include "proto/message.h"
#include "proto/nn-socket.h"
#include "proto/session.h"

/* Sessions by id and by node. A node has at most two: the one in use, and one that was offered to
 * it (HS2 sent) and has not been used yet. An offer costs a stranger nothing, so it changes
 * nothing: it becomes the one in use, and the old one goes, with the node's first valid word in it;
 * and offers are the first to go when room is wanted. No I/O, no clock. */

#define SESSIONS_MAX 20000 /* two for each of the most nodes there may be */

typedef struct PeerNode PeerNode;

/* One session. */
typedef struct Peer {
        Session session;
        bool is_used;   /* false: offered only */
        Route route;    /* newest way to the node; nothing before the first use */
        Hello *hello;   /* of the handshake, until it has been taken in; then NULL */
        PeerNode *node; /* whose it is */
} Peer;

typedef struct SessionTable SessionTable;

/* `seed` should be random: ids of an earlier process must not be valid in this one. NULL: out of
 * memory. */
SessionTable *session_table_new(uint32_t seed);

/* Offers a session to the node of `hello`, in place of one offered before. Its id was never used
 * before. NULL: no room, or out of memory. */
Peer *session_table_offer(SessionTable *table, const Hello *hello);

Peer *session_table_find(SessionTable *table, uint64_t id); /* NULL: unknown */
Peer *session_table_find_used(SessionTable *table, const char *node);

/* The session is used: drops the node's older session. */
void session_table_use(SessionTable *table, Peer *peer);

const char *peer_name(const Peer *peer); /* borrowed */

void session_table_free(SessionTable *table);
DEFINE_AUTO(SessionTable, session_table_free)
