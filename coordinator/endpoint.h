/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <systemd/sd-event.h>

#include "common/cleanup.h"
#include "common/error.h"
#include "proto/message.h"

/* The coordinator's side of the link: one raw REP socket, one session a node, the newest route of
 * each. Identity comes from the session alone. A new handshake does not touch the old session
 * before its first valid DATA (transport 4.2). Watches for dead connections that the library keeps
 * and binds anew (transport 3.4). */

typedef struct Endpoint Endpoint;

/* None of them may free the endpoint. */
typedef struct EndpointHandlers {
        /* The node's first valid DATA in a new session; `hello` is what it said at the handshake.
         * False: it could not be taken in (the log cannot be written); what the node says is
         * dropped, and it is introduced again with its next word. */
        bool (*on_hello)(const Hello *hello, void *userdata);
        /* Everything a node says in its session, heartbeats too; they have been answered by then.
         */
        void (*on_message)(const char *node, const Message *message, void *userdata);
        /* How often this node is to speak, usec; put into every WELCOME. Also asked for nodes that
         * nobody has heard of. */
        usec_t (*get_heartbeat)(const char *node, void *userdata);
} EndpointHandlers;

int endpoint_new(
                sd_event *event,
                const char *address,
                const EndpointHandlers *handlers,
                void *userdata,
                Endpoint **ret,
                Error *error);

/* The same with other limits, for tests. */
typedef struct EndpointLimits {
        uint64_t hellos_per_second; /* handshakes answered; the rest is dropped, nodes try again */
        uint64_t nos_per_second;    /* frames of unknown sessions answered */
        uint64_t zombies_max;       /* connections that only the library sees, before a rebind */
        usec_t zombie_check;        /* how often they are counted, and so the most often a rebind */
} EndpointLimits;

extern const EndpointLimits endpoint_limits_default;

int endpoint_new_limited(
                sd_event *event,
                const char *address,
                const EndpointLimits *limits,
                const EndpointHandlers *handlers,
                void *userdata,
                Endpoint **ret,
                Error *error);

/* 0: handed to the transport, which promises nothing. -ENOTCONN: the node has no session. -EINVAL,
 * -EMSGSIZE: a message that breaks its own bounds. */
int endpoint_send(Endpoint *endpoint, const char *node, const Message *message);

typedef struct EndpointCounters {
        uint64_t received;
        uint64_t malformed; /* frames or messages that could not be read, or not from a node */
        uint64_t refused;   /* hellos over the budget, or with no room left for a session */
        uint64_t unknown_session; /* answered with NOS, rate-limited */
        uint64_t replayed;
        uint64_t rebinds;
} EndpointCounters;

EndpointCounters endpoint_get_counters(const Endpoint *endpoint);

void endpoint_free(Endpoint *endpoint);
DEFINE_AUTO(Endpoint, endpoint_free)
