/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/endpoint.h"

#include <errno.h>
#include <inttypes.h>

#include "common/clock.h"
#include "common/log.h"
#include "coordinator/session-table.h"
#include "proto/nn-socket.h"
#include "proto/random.h"
#include "proto/session.h"

/* Everything that comes in is a stranger's until its session says otherwise, so the order is:
 * count, read the clear header, look up the session, open the frame; and only a frame that passed
 * all this teaches us anything. The way back to a node is learnt from the newest such frame only:
 * an old one that was held up somewhere must not redirect the answers.
 *
 * What a stranger can make us do is bounded: hellos and NOS by a budget a second, sessions by the
 * table, and connections that the library keeps although they are gone by a look every minute. */

#define REBIND_RETRY   (20 * USEC_PER_MSEC)
#define REBIND_TRIES   500 /* then the process ends, and is started again */
#define TIMER_ACCURACY (10 * USEC_PER_MSEC)

/* So many a second, and at most a second's worth at once. */
typedef struct Budget {
        uint64_t per_second;
        uint64_t left; /* in millionths, so that a microsecond brings `per_second` of them */
        usec_t filled;
} Budget;

struct Endpoint {
        NnSocket *socket;
        SessionTable *table;
        sd_event_source *timer;
        EndpointLimits limits;
        EndpointHandlers handlers;
        void *userdata;
        Budget hellos;
        Budget nos;
        unsigned rebind_tries; /* in vain; 0: the endpoint is bound */
        EndpointCounters counters;
};

const EndpointLimits endpoint_limits_default = {
        .hellos_per_second = 1000,
        .nos_per_second = 1000,
        .zombies_max = 2000,
        .zombie_check = USEC_PER_MINUTE,
};

static Budget budget_full(uint64_t per_second, usec_t now) {
        return (Budget) {
                .per_second = per_second,
                .left = per_second * USEC_PER_SEC,
                .filled = now,
        };
}

static bool budget_take(Budget *budget, usec_t now) {
        usec_t elapsed = MIN(now - budget->filled, USEC_PER_SEC);

        budget->left =
                        MIN(budget->left + elapsed * budget->per_second,
                            budget->per_second * USEC_PER_SEC);
        budget->filled = now;
        if (budget->left < USEC_PER_SEC)
                return false;

        budget->left -= USEC_PER_SEC;
        return true;
}

/* --- handshakes --- */

static Message make_welcome(const Endpoint *endpoint, const char *node) {
        return (Message) {
                .kind = MESSAGE_WELCOME,
                .welcome.heartbeat = endpoint->handlers.get_heartbeat(node, endpoint->userdata),
        };
}

static void on_hs1(Endpoint *endpoint, const Route *route, const Frame *frame) {
        uint8_t buffer[SESSION_BYTES_MAX];
        Message welcome;
        Message hello;
        Error error = {};
        size_t size;
        Peer *peer;
        int r;

        if (!budget_take(&endpoint->hellos, clock_boottime())) {
                endpoint->counters.refused++;
                return;
        }

        if (session_greet(frame, &hello, &error) < 0) {
                endpoint->counters.malformed++;
                log_debug("A hello cannot be read: %s.", error.text);
                return;
        }

        peer = session_table_offer(endpoint->table, &hello.hello);
        if (!peer) {
                endpoint->counters.refused++;
                return;
        }

        welcome = make_welcome(endpoint, hello.hello.name);
        r =
                        session_accept(&peer->session, peer->session.id, &welcome, buffer,
                                       sizeof(buffer), &size, &error);
        if (r < 0) {
                log_error("%s: no welcome could be made: %s.", hello.hello.name, error.text);
        } else {
                (void) nn_socket_send(endpoint->socket, route, buffer, size);
        }
}

static void answer_unknown_session(Endpoint *endpoint, const Route *route, uint64_t session) {
        Frame nos = { .kind = FRAME_NOS, .session = session };
        uint8_t buffer[FRAME_HEADER_MAX];
        size_t size;

        endpoint->counters.unknown_session++;
        if (!budget_take(&endpoint->nos, clock_boottime()))
                return;

        if (frame_encode(&nos, buffer, sizeof(buffer), &size) >= 0)
                (void) nn_socket_send(endpoint->socket, route, buffer, size);
}

/* --- sessions --- */

static int send_to_peer(Endpoint *endpoint, Peer *peer, const Message *message) {
        uint8_t buffer[SESSION_BYTES_MAX];
        Error error = {};
        size_t size;
        int r;

        r = session_seal(&peer->session, message, buffer, sizeof(buffer), &size, &error);
        if (r < 0) {
                log_error("%s: a message cannot be sent: %s.", peer_name(peer), error.text);
                return r;
        }

        return nn_socket_send(endpoint->socket, &peer->route, buffer, size);
}

/* Opens a frame of `peer`; false: counted, and to be ignored. */
static bool open_data(
                Endpoint *endpoint,
                Peer *peer,
                const Route *route,
                const Frame *frame,
                Message *ret) {
        Error error = {};
        bool newest;

        if (session_open(&peer->session, frame, ret, &newest, &error) < 0) {
                if (error.code == ERROR_CONFLICT) {
                        endpoint->counters.replayed++;
                } else {
                        endpoint->counters.malformed++;
                }

                log_debug("%s: a frame was dropped: %s.", peer_name(peer), error.text);
                return false;
        }

        if (newest)
                peer->route = *route;

        if (!message_kind_is_from_node(ret->kind)) {
                endpoint->counters.malformed++;
                return false;
        }

        return true;
}

static void on_data(Endpoint *endpoint, const Route *route, const Frame *frame) {
        Peer *peer = session_table_find(endpoint->table, frame->session);
        Message message;

        if (!peer) {
                answer_unknown_session(endpoint, route, frame->session);
                return;
        }

        if (!open_data(endpoint, peer, route, frame, &message))
                return;

        if (!peer->is_used)
                session_table_use(endpoint->table, peer);

        if (peer->hello) {
                if (!endpoint->handlers.on_hello(peer->hello, endpoint->userdata))
                        return; /* not known: it is introduced again when it says its next word */

                free(TAKE(peer->hello));
        }

        if (message.kind == MESSAGE_HEARTBEAT) {
                Message welcome = make_welcome(endpoint, peer_name(peer));

                (void) send_to_peer(endpoint, peer, &welcome);
        }

        endpoint->handlers.on_message(peer_name(peer), &message, endpoint->userdata);
}

static void on_receive(const Route *route, const void *body, size_t size, void *userdata) {
        Endpoint *endpoint = ASSERT_PTR(userdata);
        Frame frame;

        endpoint->counters.received++;
        if (frame_decode(body, size, &frame, NULL) < 0) {
                endpoint->counters.malformed++;
                return;
        }

        switch (frame.kind) {
        case FRAME_HS1:
                on_hs1(endpoint, route, &frame);
                break;

        case FRAME_DATA:
                on_data(endpoint, route, &frame);
                break;

        case FRAME_JOIN: /* nobody can join in the lab */
        case FRAME_HS2:  /* only we say these */
        case FRAME_NOS:
                endpoint->counters.malformed++;
                break;
        }
}

/* --- dead connections --- */

static bool has_too_many_zombies(const Endpoint *endpoint) {
        uint64_t counted;
        uint64_t real;

        if (nn_socket_connections(endpoint->socket, &counted, &real) < 0)
                return false;

        if (counted <= real || counted - real <= endpoint->limits.zombies_max)
                return false;

        log_warning("%" PRIu64 " connections are counted, but only %" PRIu64
                    " stand: binding anew, nodes will reconnect.",
                    counted, real);
        return true;
}

/* The old listener needs some milliseconds to go; without a listener the process is of no use. */
static int rebind(Endpoint *endpoint) {
        Error error = {};
        int r;

        r = nn_socket_rebind(endpoint->socket, &error);
        if (r >= 0) {
                endpoint->rebind_tries = 0;
                endpoint->counters.rebinds++;
                return 0;
        }

        endpoint->rebind_tries++;
        if (endpoint->rebind_tries < REBIND_TRIES)
                return 0;

        log_error("Cannot bind anew: %s. Giving up.", error.text);
        return r;
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata) {
        Endpoint *endpoint = ASSERT_PTR(userdata);
        usec_t wait;
        int r;

        if (endpoint->rebind_tries > 0 || has_too_many_zombies(endpoint)) {
                r = rebind(endpoint);
                if (r < 0)
                        return r;
        }

        wait = endpoint->rebind_tries > 0 ? REBIND_RETRY : endpoint->limits.zombie_check;
        r = sd_event_source_set_time(source, clock_boottime() + wait);
        if (r < 0)
                return r;

        return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

/* --- the public side --- */

static int add_timer(Endpoint *endpoint, sd_event *event) {
        int r;

        r = sd_event_add_time(
                        event, &endpoint->timer, CLOCK_BOOTTIME,
                        clock_boottime() + endpoint->limits.zombie_check, TIMER_ACCURACY, on_timer,
                        endpoint);
        if (r < 0)
                return r;

        (void) sd_event_source_set_description(endpoint->timer, "endpoint-zombies");
        return sd_event_source_set_exit_on_failure(endpoint->timer, true);
}

int endpoint_new_limited(
                sd_event *event,
                const char *address,
                const EndpointLimits *limits,
                const EndpointHandlers *handlers,
                void *userdata,
                Endpoint **ret,
                Error *error) {
        AUTO(Endpoint) *endpoint = NULL;
        usec_t now = clock_boottime();
        int r;

        endpoint = calloc(1, sizeof(*endpoint));
        if (!endpoint)
                return error_setf(error, ERROR_MEMORY, "out of memory");

        *endpoint = (Endpoint) {
                .limits = *limits,
                .handlers = *handlers,
                .userdata = userdata,
                .hellos = budget_full(limits->hellos_per_second, now),
                .nos = budget_full(limits->nos_per_second, now),
                .table = session_table_new((uint32_t) random_u64()),
        };
        if (!endpoint->table)
                return error_setf(error, ERROR_MEMORY, "out of memory");

        r = nn_socket_listen(event, address, on_receive, endpoint, &endpoint->socket, error);
        if (r < 0)
                return r;

        r = add_timer(endpoint, event);
        if (r < 0)
                return error_errnof(error, r, "adding the timer of the endpoint");

        *ret = TAKE(endpoint);
        return 0;
}

int endpoint_new(
                sd_event *event,
                const char *address,
                const EndpointHandlers *handlers,
                void *userdata,
                Endpoint **ret,
                Error *error) {
        return endpoint_new_limited(
                        event, address, &endpoint_limits_default, handlers, userdata, ret, error);
}

int endpoint_send(Endpoint *endpoint, const char *node, const Message *message) {
        Peer *peer = session_table_find_used(endpoint->table, node);

        assert(message_kind_is_from_coordinator(message->kind));

        return peer ? send_to_peer(endpoint, peer, message) : -ENOTCONN;
}

EndpointCounters endpoint_get_counters(const Endpoint *endpoint) {
        return endpoint->counters;
}

void endpoint_free(Endpoint *endpoint) {
        if (!endpoint)
                return;

        (void) sd_event_source_disable_unref(endpoint->timer);
        nn_socket_free(endpoint->socket);
        session_table_free(endpoint->table);
        free(endpoint);
}
