/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <systemd/sd-event.h>

#include "common/cleanup.h"
#include "common/error.h"
#include "coordinator/introduction.h"
#include "proto/keys.h"

/* The coordinator's side of the link: one raw REP socket, one session a node, the newest route of
 * each. Who somebody is follows from the key he has proven to hold, by `identify`, and from nothing
 * else. A new handshake does not touch the old session before its first valid DATA (transport 4.2).
 * Watches for dead connections that the library keeps and binds anew (transport 3.4). */

typedef struct Endpoint Endpoint;

/* What somebody hears who is not let in. */
typedef struct TurnedAway {
        char reason[REASON_MAX]; /* why, and what to do about it: the node agent shows it there */
        usec_t again;            /* it need not ask again before that */
} TurnedAway;

/* None of them may free the endpoint or forget a node, but for on_hello, which may forget the node
 * as the last thing it does. */
typedef struct EndpointHandlers {
        /* The psk of a join token (token.h), to be wiped by the endpoint. False: there is no such
         * token, or it is not to be used any more. Asked by strangers: must be cheap, and have no
         * effect. */
        bool (*find_psk)(
                        const uint8_t token[static TOKEN_ID_SIZE],
                        uint8_t ret[static KEY_SIZE],
                        void *userdata);

        /* First words that named this token and were not believed: `known` tells whether there is
         * such a token, and only its secret was not the right one. May be NULL. */
        void (*on_false_token)(
                        const uint8_t token[static TOKEN_ID_SIZE], bool known, void *userdata);

        /* Whose key it is: true and the node's name, or what it is told. The hello may be a
         * recorded one, so nothing may follow from it for any node. */
        bool (*identify)(
                        const Introduction *guest,
                        char ret_node[static NAME_TEXT_MAX],
                        TurnedAway *ret_turned_away,
                        void *userdata);

        /* The node's first valid DATA in a new session: now, and not before, its hello is known to
         * be new, and whoever came with a token joins. False: it could not be taken in (the log
         * cannot be written, the token was used up meanwhile); what the node says is dropped,
         * nothing is sent to it in this session, an older one stays in use, and it is introduced
         * again with its next word. */
        bool (*on_hello)(const char *node, const Introduction *guest, void *userdata);

        /* Everything a node says in its session, heartbeats too; they have been answered by then.
         */
        void (*on_message)(const char *node, const Message *message, void *userdata);

        /* What every WELCOME says to this node. Also asked for nodes that nobody has heard of. */
        void (*fill_welcome)(const char *node, Welcome *ret, void *userdata);

        /* Whether nothing is under way that a moment without connections could delay. May be NULL:
         * never. */
        bool (*is_calm)(void *userdata);

        /* How many nodes may come at any time. May be NULL: none. */
        size_t (*expected)(void *userdata);
} EndpointHandlers;

typedef struct EndpointLimits {
        uint32_t hellos_per_second; /* handshakes answered; the rest is dropped, nodes try again */
        uint32_t hints_per_second;  /* frames answered that could be anybody's: NOS and HINT */
        uint64_t zombies_max;       /* connections that only the library sees, before a rebind; or
                                       a quarter of the nodes that are expected, if that is more */
        usec_t zombie_check; /* how often they are counted; in half of that only twice as many make
                                us bind anew again */
        uint64_t spare;      /* connections more than there are or are expected, until they are
                                counted again; 0: as many as we may have files */
        usec_t calm_rebind;  /* since the last one, before a rebind because of fewer than that, when
                              * nothing is at work; twice as long after each that did not help */
        usec_t fade;         /* how long a session takes late words after it was replaced */
        usec_t offer;        /* how long one that was offered waits for its first word */
} EndpointLimits;

extern const EndpointLimits endpoint_limits_default;

typedef struct EndpointOptions {
        const char *listen;           /* ADDRESS:PORT */
        const char *cluster;          /* its name: a node of another one cannot be understood */
        const KeyPair *key;           /* channel key, borrowed for the endpoint's life */
        const EndpointLimits *limits; /* NULL: the default ones; others are for tests */
} EndpointOptions;

int endpoint_new(
                sd_event *event,
                const EndpointOptions *options,
                const EndpointHandlers *handlers,
                void *userdata,
                Endpoint **ret,
                Error *error);

/* 0: handed to the transport, which promises nothing. -ENOTCONN: the node has no session. -EINVAL,
 * -EMSGSIZE: a message that breaks its own bounds. */
int endpoint_send(Endpoint *endpoint, const char *node, const Message *message);

/* Ends the node's sessions: what it says in them is dropped from now on, and its next hello is
 * judged by `identify`. For a key that was revoked or replaced. */
void endpoint_forget(Endpoint *endpoint, const char *node);

/* What came in, and what of it was dropped, by kind. */
typedef struct EndpointCounters {
        uint64_t received;
        uint64_t garbage;       /* no frame, or one that only a coordinator sends */
        uint64_t newer;         /* of a newer version; told so, rate-limited */
        uint64_t wrong_mac;     /* first words of who was not given our public key */
        uint64_t over_budget;   /* first words that were too many at once */
        uint64_t unknown_token; /* told so, rate-limited */
        uint64_t unopened;      /* first words for another cluster, or with a false secret; told */
        uint64_t refused;       /* of whom `identify` would not let in; told why */
        uint64_t no_room;       /* no session could be made */
        uint64_t unknown_session; /* answered with NOS, rate-limited */
        uint64_t replayed;        /* DATA that came before, or is too old to tell */
        uint64_t forged;          /* DATA that was not sealed in its session */
        uint64_t unreadable;      /* said by a node in its session, but not what a node may say */
        uint64_t rebinds;
        uint64_t connections; /* that stood when they were last counted */
        uint64_t zombies;     /* and those that only the library saw */
} EndpointCounters;

EndpointCounters endpoint_get_counters(const Endpoint *endpoint);

void endpoint_free(Endpoint *endpoint);
DEFINE_AUTO(Endpoint, endpoint_free)
