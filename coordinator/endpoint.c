/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/endpoint.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "common/budget.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/service.h"
#include "coordinator/limits.h"
#include "coordinator/session-table.h"
#include "proto/dispatch.h"
#include "proto/nn-socket.h"
#include "proto/random.h"
#include "proto/session.h"

/* Everything that comes in is a stranger's until its session says otherwise, so the order is:
 * count, read the clear header, look up the session, open the frame; and only a frame that passed
 * all this teaches us anything. The way back to a node is learnt from the newest such frame only:
 * an old one that was held up somewhere must not redirect the answers.
 *
 * First words cost a thousand times what DATA costs. They are looked at in three steps: mac1, which
 * is cheap, and which only somebody can make who was given our public key; then the budget, and a
 * short queue; and one at a time out of that queue, in turn with everything that has arrived, so
 * that no flood of them delays the words of a node by more than one handshake.
 *
 * What a stranger can make us do is bounded: handshakes and hints by a budget a second, memory by
 * the queue and the table, connections that the library keeps although they are gone by a look
 * every ten seconds, and those that stand by the limit of open files, which is kept a little above
 * what there is: the library takes in all that come before it looks at one that ends, and holds us
 * up meanwhile. */

#define QUEUE_MAX      256 /* first words that wait for their turn */
#define REBIND_RETRY   (20 * USEC_PER_MSEC)
#define REBIND_TRIES   500 /* then the process ends, and is started again */
#define TIMER_ACCURACY (10 * USEC_PER_MSEC)
#define LOOKS_A_CHECK  10
#define CALM_WAIT_MAX  USEC_PER_HOUR
#define ZOMBIES_SHARE  4 /* of the nodes expected; each costs a third of one with a session */

/* A JOIN or HS1 with the right mac1. */
typedef struct FirstWords {
        Route route;
        size_t size;
        uint8_t bytes[HANDSHAKE_FRAME_MAX];
} FirstWords;

struct Endpoint {
        NnSocket *socket;
        SessionTable *table;
        sd_event_source *timer;
        sd_event_source *worker; /* on while `queue` holds anything */
        SessionEnd end;
        EndpointLimits limits;
        EndpointHandlers handlers;
        void *userdata;
        Budget hellos;
        Budget hints;
        unsigned rebind_tries; /* in vain; 0: the endpoint is bound */
        usec_t counted_at;     /* zombies */
        usec_t rebound_at;     /* or bound at first */
        usec_t calm_wait;
        bool has_freed;          /* much memory, which is to be given back */
        uint64_t zombies_before; /* when they were counted the time before */
        EndpointCounters counters;
        size_t queue_first, queue_count;
        FirstWords queue[QUEUE_MAX]; /* a ring */
};

const EndpointLimits endpoint_limits_default = {
        .hellos_per_second = 1000,
        .hints_per_second = 1000,
        .zombies_max = 1000,
        .zombie_check = 10 * USEC_PER_SEC,
        .spare = 1024,
        .calm_rebind = USEC_PER_MINUTE,
        .fade = USEC_PER_MINUTE,
        .offer = USEC_PER_MINUTE,
};

/* So many a second, and at most a second's worth at once. */
static bool take(Budget *budget, uint32_t per_second) {
        return budget_take(budget, (BudgetRate) { per_second, per_second }, clock_boottime());
}

/* --- hints --- */

/* To somebody who may be anybody. */
static void send_hint(Endpoint *endpoint, const Route *route, const Frame *frame) {
        uint8_t buffer[FRAME_HEADER_MAX];
        size_t size;

        if (!take(&endpoint->hints, endpoint->limits.hints_per_second))
                return;

        if (frame_encode(frame, buffer, sizeof(buffer), &size) >= 0)
                (void) nn_socket_send(endpoint->socket, route, buffer, size);
}

static void answer_unknown_session(Endpoint *endpoint, const Route *route, uint64_t session) {
        endpoint->counters.unknown_session++;
        send_hint(endpoint, route, &(Frame) { .kind = FRAME_NOS, .session = session });
}

static void turn_away(Endpoint *endpoint, const Route *route, FrameHint hint) {
        send_hint(endpoint, route, &(Frame) { .kind = FRAME_HINT, .hint = hint });
}

static void note_false_token(Endpoint *endpoint, const uint8_t *token, bool known) {
        if (endpoint->handlers.on_false_token)
                endpoint->handlers.on_false_token(token, known, endpoint->userdata);
}

/* --- handshakes --- */

static Message make_welcome(const Endpoint *endpoint, const char *node) {
        Message message = { .kind = MESSAGE_WELCOME };

        endpoint->handlers.fill_welcome(node, &message.welcome, endpoint->userdata);
        return message;
}

static void refuse(
                Endpoint *endpoint, const Route *route, Guest *guest, const TurnedAway *refusal) {
        uint8_t buffer[SESSION_BYTES_MAX];
        Error error = {};
        size_t size;

        endpoint->counters.refused++;
        log_debug("A node that calls itself %s was refused: %s.", guest->hello.name,
                  refusal->reason);
        if (session_refuse(guest, refusal->reason, refusal->again, buffer, &size, &error) < 0) {
                log_error("A refusal could not be sent: %s.", error.text);
        } else {
                (void) nn_socket_send(endpoint->socket, route, buffer, size);
        }
}

static void accept_guest(
                Endpoint *endpoint,
                const Route *route,
                Guest *guest,
                const char *node,
                const Introduction *introduction) {
        Peer *peer = session_table_offer(
                        endpoint->table, node, introduction,
                        clock_boottime() + endpoint->limits.offer);
        Message welcome = make_welcome(endpoint, node);
        uint8_t buffer[SESSION_BYTES_MAX];
        Error error = {};
        size_t size;

        if (!peer) {
                endpoint->counters.no_room++;
                return;
        }

        if (session_accept(guest, peer->session.id, &welcome, &peer->session, buffer, &size,
                           &error) < 0) {
                log_error("%s: no welcome could be made: %s.", node, error.text);
                session_table_withdraw(endpoint->table, peer);
                endpoint->counters.no_room++;
        } else {
                (void) nn_socket_send(endpoint->socket, route, buffer, size);
        }
}

static void on_guest(
                Endpoint *endpoint, const Route *route, const Handshake *handshake, Guest *guest) {
        Introduction introduction = {
                .has_token = handshake->token != NULL,
                .hello = guest->hello,
        };
        char node[NAME_TEXT_MAX] = "";
        TurnedAway refusal = {};

        memcpy(introduction.key, guest->noise.peer, KEY_SIZE);
        if (handshake->token)
                memcpy(introduction.token, handshake->token, TOKEN_ID_SIZE);

        if (endpoint->handlers.identify(&introduction, node, &refusal, endpoint->userdata)) {
                accept_guest(endpoint, route, guest, node, &introduction);
        } else {
                refuse(endpoint, route, guest, &refusal);
        }
}

static void open_first_words(
                Endpoint *endpoint,
                const Route *route,
                const Handshake *handshake,
                const uint8_t *psk) {
        Guest guest;
        Error error = {};

        if (session_greet(&endpoint->end, handshake, psk, &guest, &error) < 0) {
                endpoint->counters.unopened++;
                log_debug("First words cannot be read: %s.", error.text);
                if (psk)
                        note_false_token(endpoint, handshake->token, true);
                turn_away(endpoint, route, FRAME_HINT_SEAL);
                return;
        }

        on_guest(endpoint, route, handshake, &guest);
        guest_wipe(&guest);
}

static void on_first_words(Endpoint *endpoint, const Route *route, const Handshake *handshake) {
        uint8_t psk[KEY_SIZE];

        if (!handshake->token) {
                open_first_words(endpoint, route, handshake, NULL);
                return;
        }

        if (!endpoint->handlers.find_psk(handshake->token, psk, endpoint->userdata)) {
                endpoint->counters.unknown_token++;
                note_false_token(endpoint, handshake->token, false);
                turn_away(endpoint, route, FRAME_HINT_TOKEN);
                return;
        }

        open_first_words(endpoint, route, handshake, psk);
        secret_wipe(psk, sizeof(psk));
}

/* One at a time: the loop gives everybody else a turn between two. */
static int on_worker(sd_event_source *source, void *userdata) {
        Endpoint *endpoint = ASSERT_PTR(userdata);
        const FirstWords *words = &endpoint->queue[endpoint->queue_first];
        Handshake handshake;
        Frame frame;

        if (endpoint->queue_count > 0) {
                if (frame_decode(words->bytes, words->size, &frame, NULL) >= 0 &&
                    handshake_decode(&endpoint->end.mac1, &frame, &handshake, NULL) >= 0)
                        on_first_words(endpoint, &words->route, &handshake);

                endpoint->queue_first = (endpoint->queue_first + 1) % QUEUE_MAX;
                endpoint->queue_count--;
        }

        return endpoint->queue_count > 0 ? 0 : sd_event_source_set_enabled(source, SD_EVENT_OFF);
}

/* `body` is the whole frame. */
static void enqueue(Endpoint *endpoint, const Route *route, const void *body, size_t size) {
        FirstWords *words;

        if (endpoint->queue_count == QUEUE_MAX ||
            !take(&endpoint->hellos, endpoint->limits.hellos_per_second)) {
                endpoint->counters.over_budget++;
                return;
        }

        words = &endpoint->queue[(endpoint->queue_first + endpoint->queue_count++) % QUEUE_MAX];
        words->route = *route;
        words->size = size;
        memcpy(words->bytes, body, size);
        (void) sd_event_source_set_enabled(endpoint->worker, SD_EVENT_ON);
}

/* What passes here is at most HANDSHAKE_FRAME_MAX long. */
static bool has_mac1(Endpoint *endpoint, const Frame *frame) {
        Handshake handshake;
        Error error = {};

        if (handshake_decode(&endpoint->end.mac1, frame, &handshake, &error) >= 0)
                return true;

        if (error.code == ERROR_DENIED) {
                endpoint->counters.wrong_mac++;
        } else {
                endpoint->counters.garbage++;
        }

        return false;
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

static void count_refused_data(Endpoint *endpoint, ErrorCode code) {
        if (code == ERROR_CONFLICT) {
                endpoint->counters.replayed++;
        } else if (code == ERROR_DENIED) {
                endpoint->counters.forged++;
        } else {
                endpoint->counters.unreadable++;
        }
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
                count_refused_data(endpoint, error.code);
                log_debug("%s: a frame was dropped: %s.", peer_name(peer), error.text);
                return false;
        }

        if (newest)
                peer->route = *route;

        if (!dispatch_allows(ret->kind, party_of(peer->role), PARTY_COORDINATOR, CONTACT_SESSION)) {
                endpoint->counters.unreadable++;
                return false;
        }

        return true;
}

/* A session is in use once its holder has been let in: we say nothing in it before but WELCOME,
 * which is how a node knows that it was. NULL: it was not, and nothing has changed. */
static Peer *let_in(Endpoint *endpoint, Peer *peer, usec_t now) {
        uint64_t id = peer->session.id;

        if (!endpoint->handlers.on_hello(peer_name(peer), peer->guest, endpoint->userdata))
                return NULL; /* it is introduced again when it says its next word */

        peer = session_table_find(endpoint->table, id, now);
        if (peer)
                session_table_use(endpoint->table, peer, now + endpoint->limits.fade);

        return peer;
}

static void on_data(Endpoint *endpoint, const Route *route, const Frame *frame) {
        usec_t now = clock_boottime();
        Peer *peer = session_table_find(endpoint->table, frame->session, now);
        Message message;

        if (!peer) {
                answer_unknown_session(endpoint, route, frame->session);
                return;
        }

        if (!open_data(endpoint, peer, route, frame, &message))
                return;

        if (peer->state == PEER_OFFERED) {
                peer = let_in(endpoint, peer, now);
                if (!peer)
                        return;
        }

        if (message.kind == MESSAGE_HEARTBEAT) {
                Message welcome = make_welcome(endpoint, peer_name(peer));

                (void) send_to_peer(endpoint, peer, &welcome);
        }

        endpoint->handlers.on_message(peer_name(peer), &message, endpoint->userdata);
}

static void on_no_frame(Endpoint *endpoint, const Route *route, ErrorCode code) {
        if (code != ERROR_VERSION) {
                endpoint->counters.garbage++;
                return;
        }

        endpoint->counters.newer++;
        turn_away(endpoint, route, FRAME_HINT_VERSION);
}

static void on_receive(const Route *route, const void *body, size_t size, void *userdata) {
        Endpoint *endpoint = ASSERT_PTR(userdata);
        Error error = {};
        Frame frame;

        endpoint->counters.received++;
        if (frame_decode(body, size, &frame, &error) < 0) {
                on_no_frame(endpoint, route, error.code);
                return;
        }

        switch (frame.kind) {
        case FRAME_JOIN:
        case FRAME_HS1:
                if (has_mac1(endpoint, &frame))
                        enqueue(endpoint, route, body, size);
                break;

        case FRAME_DATA:
                on_data(endpoint, route, &frame);
                break;

        case FRAME_HS2: /* only we say these */
        case FRAME_NOS:
        case FRAME_HINT:
                endpoint->counters.garbage++;
                break;
        }
}

/* --- dead connections --- */

static void count_zombies(Endpoint *endpoint) {
        uint64_t counted;
        uint64_t real;

        endpoint->zombies_before = endpoint->counters.zombies;
        nn_socket_connections(endpoint->socket, &counted, &real);
        endpoint->counters.connections = real;
        endpoint->counters.zombies = counted > real ? counted - real : 0;
        if (endpoint->counters.zombies == 0)
                endpoint->calm_wait = endpoint->limits.calm_rebind;
}

/* Now and then; and soon when there may be too many, or room is short, which costs one look at a
 * number. */
static bool is_time_to_count(const Endpoint *endpoint, usec_t now) {
        const EndpointLimits *limits = &endpoint->limits;
        uint64_t known = endpoint->counters.connections;
        uint64_t counted = nn_socket_counted(endpoint->socket);
        uint64_t more = limits->spare ? MIN(limits->zombies_max, limits->spare / 2)
                                      : limits->zombies_max;

        return now - endpoint->counted_at >= limits->zombie_check ||
               (counted > known && counted - known > more);
}

static uint64_t expected(const Endpoint *endpoint) {
        return endpoint->handlers.expected ? endpoint->handlers.expected(endpoint->userdata) : 0;
}

/* So many files as the connections need that stand or may come at once, and some. */
static void make_room(const Endpoint *endpoint) {
        uint64_t connections = MAX(endpoint->counters.connections, expected(endpoint));

        if (endpoint->limits.spare != 0)
                limits_allow_files(connections + endpoint->limits.spare + LIMITS_FILES_OWN);
}

/* A few cost nothing but their memory, and go when nobody minds. Twice in a row, because
 * connections come and go while they are counted. */
static bool has_zombies_at_a_calm_moment(const Endpoint *endpoint, usec_t now) {
        return endpoint->counters.zombies > 0 && endpoint->zombies_before > 0 &&
               now - endpoint->rebound_at >= endpoint->calm_wait && endpoint->handlers.is_calm &&
               endpoint->handlers.is_calm(endpoint->userdata);
}

/* All nodes have to connect again: not often, as long as memory does not grow without a bound. When
 * all nodes of a large cluster come at once, a tenth of their connections may end like that, and to
 * make them all come once more would be no cure. */
static bool has_too_many_zombies(const Endpoint *endpoint, usec_t now) {
        const EndpointLimits *limits = &endpoint->limits;
        uint64_t most = MAX(limits->zombies_max, expected(endpoint) / ZOMBIES_SHARE);

        if (now - endpoint->rebound_at >= limits->zombie_check / 2)
                return endpoint->counters.zombies > most;

        return endpoint->counters.zombies / 2 > most;
}

static bool wants_rebind(Endpoint *endpoint, usec_t now) {
        bool too_many = has_too_many_zombies(endpoint, now);

        if (!too_many && !has_zombies_at_a_calm_moment(endpoint, now))
                return false;

        if (!too_many)
                endpoint->calm_wait = MIN(2 * endpoint->calm_wait, CALM_WAIT_MAX);
        log_warning("%" PRIu64 " connections stand, and the library counts %" PRIu64
                    " more that are gone: binding anew, nodes will reconnect.",
                    endpoint->counters.connections, endpoint->counters.zombies);
        return true;
}

/* The old listener needs some milliseconds to go; without a listener the process is of no use. */
static int rebind(Endpoint *endpoint) {
        Error error = {};
        int r;

        r = nn_socket_rebind(endpoint->socket, &error);
        if (r >= 0) {
                endpoint->rebind_tries = 0;
                endpoint->rebound_at = clock_boottime();
                endpoint->has_freed = true;
                endpoint->counters.rebinds++;
                return 0;
        }

        endpoint->rebind_tries++;
        if (endpoint->rebind_tries < REBIND_TRIES)
                return 0;

        log_error("Cannot bind anew: %s. Giving up.", error.text);
        return r;
}

/* The library frees them in a thread of its own, some moments later. */
static void give_back(Endpoint *endpoint) {
        if (endpoint->has_freed && endpoint->rebind_tries == 0)
                service_rest();

        endpoint->has_freed = false;
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata) {
        Endpoint *endpoint = ASSERT_PTR(userdata);
        usec_t now = clock_boottime();
        bool wanted = false;
        usec_t wait;
        int r;

        give_back(endpoint);
        if (endpoint->rebind_tries == 0 && is_time_to_count(endpoint, now)) {
                count_zombies(endpoint);
                make_room(endpoint);
                endpoint->counted_at = now;
                wanted = wants_rebind(endpoint, now);
        }
        if (endpoint->rebind_tries > 0 || wanted) {
                r = rebind(endpoint);
                if (r < 0)
                        return r;
        }

        session_table_expire(endpoint->table, now);
        wait = endpoint->rebind_tries > 0 ? REBIND_RETRY
                                          : endpoint->limits.zombie_check / LOOKS_A_CHECK;
        r = sd_event_source_set_time(source, now + wait);
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

static int add_worker(Endpoint *endpoint, sd_event *event) {
        int r;

        r = sd_event_add_defer(event, &endpoint->worker, on_worker, endpoint);
        if (r < 0)
                return r;

        (void) sd_event_source_set_description(endpoint->worker, "endpoint-handshakes");
        return sd_event_source_set_enabled(endpoint->worker, SD_EVENT_OFF);
}

static int add_sources(Endpoint *endpoint, sd_event *event, Error *error) {
        int r;

        r = add_timer(endpoint, event);
        if (r >= 0)
                r = add_worker(endpoint, event);

        return r < 0 ? error_errnof(error, r, "adding timer and worker of the endpoint") : 0;
}

int endpoint_new(
                sd_event *event,
                const EndpointOptions *options,
                const EndpointHandlers *handlers,
                void *userdata,
                Endpoint **ret,
                Error *error) {
        const EndpointLimits *limits = options->limits ? options->limits : &endpoint_limits_default;
        AUTO(Endpoint) *endpoint = NULL;
        usec_t now = clock_boottime();
        int r;

        endpoint = calloc(1, sizeof(*endpoint));
        if (!endpoint)
                return error_setf(error, ERROR_MEMORY, "out of memory");

        endpoint->limits = *limits;
        endpoint->rebound_at = now;
        endpoint->calm_wait = limits->calm_rebind;
        endpoint->handlers = *handlers;
        endpoint->userdata = userdata;
        session_end_init(&endpoint->end, options->cluster, options->key, NULL);
        endpoint->table = session_table_new((uint32_t) random_u64());
        if (!endpoint->table)
                return error_setf(error, ERROR_MEMORY, "out of memory");

        r = nn_socket_listen(
                        event, options->listen, on_receive, endpoint, &endpoint->socket, error);
        if (r < 0)
                return r;

        r = add_sources(endpoint, event, error);
        if (r < 0)
                return r;

        make_room(endpoint);
        *ret = TAKE(endpoint);
        return 0;
}

int endpoint_send(Endpoint *endpoint, const char *node, const Message *message) {
        Peer *peer = session_table_find_used(endpoint->table, node);

        if (!peer)
                return -ENOTCONN;

        assert(dispatch_allows(
                        message->kind, PARTY_COORDINATOR, party_of(peer->role), CONTACT_SESSION));

        return send_to_peer(endpoint, peer, message);
}

void endpoint_forget(Endpoint *endpoint, const char *node) {
        session_table_forget(endpoint->table, node);
}

EndpointCounters endpoint_get_counters(const Endpoint *endpoint) {
        return endpoint->counters;
}

void endpoint_free(Endpoint *endpoint) {
        if (!endpoint)
                return;

        (void) sd_event_source_disable_unref(endpoint->timer);
        (void) sd_event_source_disable_unref(endpoint->worker);
        nn_socket_free(endpoint->socket);
        session_table_free(endpoint->table);
        free(endpoint);
}
