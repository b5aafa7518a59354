/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "common/cleanup.h"
#include "common/span.h"
#include "coordinator/introduction.h"
#include "proto/nn-socket.h"
#include "proto/session.h"

/* Sessions by id and by node. A node has at most one in use, one that was offered to it (HS2 sent)
 * and has not been used yet, and one that was in use before and takes late words for a moment. An
 * offer changes nothing, because the hello behind it may be a recorded one: it becomes the one in
 * use, and the old one begins to fade, when the node was let in with a valid word in it. Offered
 * and fading ones are the first to go when room is wanted, and both end at their moment. No I/O, no
 * clock. */

#define SESSIONS_MAX 20000 /* two for each of the most nodes there may be */

typedef struct PeerNode PeerNode;

typedef enum PeerState {
        PEER_OFFERED,
        PEER_USED,
        PEER_FADING,
} PeerState;

/* One session. */
typedef struct Peer {
        Session session;
        PeerState state;
        Route route;         /* newest way to the node; nothing before the first use */
        usec_t until;        /* when it ends; not of PEER_USED */
        Introduction *guest; /* of the handshake; NULL unless PEER_OFFERED */
        PeerNode *node;      /* whose it is */
        Role role;           /* of that node, as it said when it was let in */
} Peer;

typedef struct SessionTable SessionTable;

/* `seed` should be random: ids of an earlier process must not be valid in this one. NULL: out of
 * memory. */
SessionTable *session_table_new(uint32_t seed);

/* Offers a session to a node until then, in place of one offered before. It has an id that was
 * never used before, and no keys: it is to be completed or withdrawn. NULL: no room, or out of
 * memory. */
Peer *session_table_offer(
                SessionTable *table, const char *node, const Introduction *guest, usec_t until);
void session_table_withdraw(SessionTable *table, Peer *peer);

/* NULL: unknown, or at its end. */
Peer *session_table_find(SessionTable *table, uint64_t id, usec_t now);
Peer *session_table_find_used(SessionTable *table, const char *node);

/* Its guest was let in: the session is in use, and the node's older one fades until then. */
void session_table_use(SessionTable *table, Peer *peer, usec_t fades_until);

/* Ends all sessions of the node. */
void session_table_forget(SessionTable *table, const char *node);

/* Ends what has faded, and the offers that nobody has used. */
void session_table_expire(SessionTable *table, usec_t now);

const char *peer_name(const Peer *peer); /* borrowed */

void session_table_free(SessionTable *table);
DEFINE_AUTO(SessionTable, session_table_free)
