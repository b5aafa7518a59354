/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/net/harness.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "common/clock.h"
#include "common/parse.h"
#include "common/text.h"

/* 0, 'S', 'P', 0, protocol (REQ 48, REP 49), 0, 0 */
const uint8_t sp_header_req[8] = { 0, 'S', 'P', 0, 0, 48, 0, 0 };
const uint8_t sp_header_rep[8] = { 0, 'S', 'P', 0, 0, 49, 0, 0 };

const EndpointLimits generous = {
        .hellos_per_second = 1000,
        .hints_per_second = 1000,
        .zombies_max = 2000,
        .zombie_check = USEC_PER_HOUR,
        .fade = USEC_PER_HOUR,
        .offer = USEC_PER_HOUR,
};

const LinkTiming hasty = {
        .connect = 400 * USEC_PER_MSEC,
        .handshake = 200 * USEC_PER_MSEC,
        .redial = 20 * USEC_PER_MSEC,
        .heartbeat = 100 * USEC_PER_MSEC,
        .renewal = 100 * USEC_PER_MSEC,
        .poll = 10 * USEC_PER_MSEC,
        .refused = 20 * USEC_PER_MSEC,
        .rekey = USEC_PER_HOUR,
        .fade = USEC_PER_HOUR,
};

/* --- the loop --- */

sd_event *loop_new(void) {
        sd_event *event = NULL;

        assert_true(sd_event_new(&event) >= 0);
        return event;
}

bool loop_until(sd_event *event, Condition condition, void *userdata, usec_t limit) {
        usec_t end = clock_boottime() + limit;

        while (!condition || !condition(userdata)) {
                if (clock_boottime() >= end)
                        return false;

                assert_true(sd_event_run(event, 5 * USEC_PER_MSEC) >= 0);
        }

        return true;
}

void loop_wait(sd_event *event, Condition condition, void *userdata) {
        if (!loop_until(event, condition, userdata, WAIT_MAX))
                fail_msg("did not happen within %" PRIu64 " s", WAIT_MAX / USEC_PER_SEC);
}

void loop_for(sd_event *event, usec_t span) {
        assert_false(loop_until(event, NULL, NULL, span));
}

/* --- who is who --- */

#define KEYS_MAX 64

typedef struct Known {
        char name[NAME_TEXT_MAX]; /* empty: no more */
        KeyPair *key;
        bool is_revoked;
} Known;

static Known table[KEYS_MAX];
static bool token_is_revoked;

static Known *known(const char *name) {
        for (size_t i = 0; i < KEYS_MAX; i++) {
                if (!table[i].key) {
                        assert_true(text_copy(table[i].name, sizeof(table[i].name), name));
                        assert_int_equal(key_pair_generate(KEY_CHANNEL, &table[i].key, NULL), 0);
                }

                if (strcmp(table[i].name, name) == 0)
                        return &table[i];
        }

        fail_msg("no room for the key of %s", name);
        return NULL;
}

const KeyPair *key_of(const char *name) {
        return known(name)->key;
}

void key_revoke(const char *name, bool is_revoked) {
        known(name)->is_revoked = is_revoked;
}

const KeyPair *coordinator_key(void) {
        static KeyPair *key;

        if (!key)
                assert_int_equal(key_pair_generate(KEY_CHANNEL, &key, NULL), 0);
        return key;
}

const Token *the_token(void) {
        static Token token;
        static bool is_made;

        if (!is_made)
                token_generate(&token);
        is_made = true;
        return &token;
}

void token_revoke(bool is_revoked) {
        token_is_revoked = is_revoked;
}

static bool find_psk(
                const uint8_t token[static TOKEN_ID_SIZE],
                uint8_t ret[static KEY_SIZE],
                void *userdata) {
        if (token_is_revoked || memcmp(token, the_token()->id, TOKEN_ID_SIZE) != 0)
                return false;

        token_psk(the_token(), ret);
        return true;
}

static void on_false_token(const uint8_t token[static TOKEN_ID_SIZE], bool known, void *userdata) {
        Coordinator *coordinator = userdata;

        coordinator->false_tokens[known]++;
}

static bool turn_away(const Coordinator *coordinator, TurnedAway *turned_away, const char *reason) {
        turned_away->again = coordinator->again ? coordinator->again : USEC_PER_HOUR;
        assert_true(text_copy(turned_away->reason, sizeof(turned_away->reason), reason));
        return false;
}

static bool identify(
                const Introduction *guest,
                char ret_node[static NAME_TEXT_MAX],
                TurnedAway *turned_away,
                void *userdata) {
        Coordinator *coordinator = userdata;

        coordinator->joins += guest->has_token;
        for (size_t i = 0; i < KEYS_MAX && table[i].key; i++) {
                if (memcmp(table[i].key->public, guest->key, KEY_SIZE) != 0)
                        continue;

                if (table[i].is_revoked)
                        return turn_away(coordinator, turned_away, "the key was revoked");

                assert_true(text_copy(ret_node, NAME_TEXT_MAX, table[i].name));
                return true;
        }

        if (!guest->has_token)
                return turn_away(coordinator, turned_away, "no node has this key");

        assert_true(text_copy(ret_node, NAME_TEXT_MAX, guest->hello.name));
        return true;
}

/* --- the coordinator's end --- */

static bool on_hello(const char *node, const Introduction *guest, void *userdata) {
        Coordinator *coordinator = userdata;

        if (coordinator->deaf) {
                coordinator->unheard++;
                return false;
        }

        coordinator->hellos++;
        coordinator->hello = guest->hello;
        coordinator->guest = *guest;
        if (coordinator->forgetful)
                endpoint_forget(coordinator->endpoint, node);
        return true;
}

static void on_node_message(const char *node, const Message *message, void *userdata) {
        Coordinator *coordinator = userdata;

        assert_true(text_copy(coordinator->node, sizeof(coordinator->node), node));
        if (message->kind == MESSAGE_HEARTBEAT) {
                coordinator->heartbeats++;
                return;
        }

        coordinator->messages++;
        coordinator->message = *message;
}

static void fill_welcome(const char *node, Welcome *welcome, void *userdata) {
        const Coordinator *coordinator = userdata;

        welcome->heartbeat = coordinator->heartbeat;
        welcome->rekey = coordinator->wants_rekey;
}

static bool is_calm(void *userdata) {
        const Coordinator *coordinator = userdata;

        return !coordinator->busy;
}

static size_t expected(void *userdata) {
        const Coordinator *coordinator = userdata;

        return coordinator->expected;
}

void coordinator_start(
                Coordinator *coordinator,
                sd_event *event,
                const char *address,
                const EndpointLimits *limits) {
        static const EndpointHandlers handlers = {
                find_psk,        on_false_token, identify, on_hello,
                on_node_message, fill_welcome,   is_calm,  expected,
        };
        const EndpointOptions options = {
                .listen = address,
                .cluster = CLUSTER,
                .key = coordinator_key(),
                .limits = limits,
        };
        Error error = {};

        *coordinator = (Coordinator) { .heartbeat = 50 * USEC_PER_MSEC };
        if (endpoint_new(event, &options, &handlers, coordinator, &coordinator->endpoint, &error) <
            0)
                fail_msg("%s", error.text);
}

void coordinator_stop(Coordinator *coordinator) {
        endpoint_free(TAKE(coordinator->endpoint));
}

/* --- a node's end --- */

static void fill_hello(Hello *hello, void *userdata) {
        const Node *node = userdata;

        *hello = (Hello) {
                .role = ROLE_MASTER,
                .boot_id = "0123456789abcdef0123456789abcdef",
                .journal_id = "fedcba9876543210fedcba9876543210",
                .epoch = 3,
                .fence = 12,
                .software = "0.1.0",
        };
        assert_true(text_copy(hello->name, sizeof(hello->name), node->name));
}

static void on_up(void *userdata) {
        Node *node = userdata;

        node->ups++;
}

static void on_coordinator_message(const Message *message, void *userdata) {
        Node *node = userdata;

        node->messages++;
        node->message = *message;
}

static void on_hopeless(void *userdata) {
        Node *node = userdata;

        node->hopeless++;
}

static void on_heartbeat(void *userdata) {
        Node *node = userdata;

        node->heartbeats++;
        if (node->beat) {
                (void) sd_event_source_set_time(
                                node->beat, clock_boottime() + link_get_heartbeat(node->link));
        }
}

static void on_mended(void *userdata) {
        Node *node = userdata;

        node->mended++;
        if (node->beat)
                (void) sd_event_source_set_time(node->beat, clock_boottime());
}

static bool get_token(Token *ret, void *userdata) {
        const Node *node = userdata;

        if (!node->token)
                return false;

        *ret = *node->token;
        return true;
}

static void on_enrolled(void *userdata) {
        Node *node = userdata;

        node->enrolled++;
}

void node_start_as(
                Node *node,
                sd_event *event,
                const char *name,
                const char *endpoint,
                const LinkTiming *timing) {
        static const LinkHandlers handlers = {
                .fill_hello = fill_hello,
                .on_up = on_up,
                .on_message = on_coordinator_message,
                .on_hopeless = on_hopeless,
                .on_heartbeat = on_heartbeat,
                .on_mended = on_mended,
                .get_token = get_token,
                .on_enrolled = on_enrolled,
        };
        const LinkOptions options = {
                .endpoint = endpoint,
                .coordinator = coordinator_key()->public,
                .cluster = node->cluster ? node->cluster : CLUSTER,
                .key = node->key ? node->key : key_of(name),
                .timing = timing,
        };
        Error error = {};

        node->name = name;
        if (link_new(event, &options, &handlers, node, &node->link, &error) < 0)
                fail_msg("%s", error.text);
}

void node_start(Node *node,
                sd_event *event,
                const char *name,
                const char *endpoint,
                const LinkTiming *timing) {
        *node = (Node) {};
        node_start_as(node, event, name, endpoint, timing);
}

static int on_beat(sd_event_source *source, uint64_t usec, void *userdata) {
        Node *node = userdata;
        Message message = heartbeat_message(++node->sequence);

        (void) link_send(node->link, &message);
        (void) sd_event_source_set_time(source, clock_boottime() + link_get_heartbeat(node->link));
        return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

void node_beat(Node *node, sd_event *event) {
        assert_true(sd_event_add_time(
                                    event, &node->beat, CLOCK_BOOTTIME, clock_boottime(),
                                    USEC_PER_MSEC, on_beat, node) >= 0);
}

void node_stop(Node *node) {
        (void) sd_event_source_disable_unref(TAKE(node->beat));
        link_free(TAKE(node->link));
}

/* --- strangers --- */

static void on_stranger_receive(const Route *route, const void *body, size_t size, void *userdata) {
        Stranger *stranger = userdata;

        assert_in_range(size, 0, sizeof(stranger->bytes));
        memcpy(stranger->bytes, body, size);
        stranger->route = *route;
        stranger->frames++;
        if (frame_decode(stranger->bytes, size, &stranger->frame, NULL) < 0)
                return;

        stranger->kinds[stranger->frame.kind]++;
        if (stranger->frame.kind == FRAME_JOIN || stranger->frame.kind == FRAME_HS1) {
                memcpy(stranger->hello_bytes, body, size);
                assert_int_equal(
                                frame_decode(stranger->hello_bytes, size, &stranger->hello, NULL),
                                0);
        }
}

static bool is_connected(void *userdata) {
        const Stranger *stranger = userdata;

        return nn_socket_is_writable(stranger->socket);
}

void stranger_dial(Stranger *stranger, sd_event *event, const char *endpoint) {
        *stranger = (Stranger) {};
        assert_int_equal(
                        nn_socket_dial(event, endpoint, on_stranger_receive, stranger,
                                       &stranger->socket, NULL),
                        0);
        loop_wait(event, is_connected, stranger);
}

void stranger_listen(Stranger *stranger, sd_event *event, const char *endpoint) {
        Error error = {};

        *stranger = (Stranger) {};
        if (nn_socket_listen(
                            event, endpoint, on_stranger_receive, stranger, &stranger->socket,
                            &error) < 0)
                fail_msg("%s", error.text);
}

void stranger_send(Stranger *stranger, const void *body, size_t size) {
        assert_int_equal(nn_socket_send(stranger->socket, &stranger->route, body, size), 0);
}

void stranger_hello(Stranger *stranger, const char *name) {
        Node node = { .name = name };
        Message hello = { .kind = MESSAGE_HELLO };
        uint8_t buffer[SESSION_BYTES_MAX];
        SessionEnd end;
        size_t size;

        fill_hello(&hello.hello, &node);
        session_end_init(&end, CLUSTER, key_of(name), coordinator_key()->public);
        assert_int_equal(
                        session_hello(&end, NULL, &hello, &stranger->greeting, buffer, &size, NULL),
                        0);
        stranger_send(stranger, buffer, size);
}

static void open_hello(const Stranger *stranger, Guest *ret) {
        uint8_t psk[KEY_SIZE];
        Handshake handshake;
        SessionEnd end;

        session_end_init(&end, CLUSTER, coordinator_key(), NULL);
        token_psk(the_token(), psk);
        assert_int_equal(handshake_decode(&end.mac1, &stranger->hello, &handshake, NULL), 0);
        assert_int_equal(
                        session_greet(&end, &handshake, handshake.token ? psk : NULL, ret, NULL),
                        0);
}

void stranger_welcome(Stranger *stranger, Session *session, uint64_t id) {
        const Message welcome = {
                .kind = MESSAGE_WELCOME,
                .welcome = { .heartbeat = stranger->heartbeat ? stranger->heartbeat
                                                              : 50 * USEC_PER_MSEC },
        };
        uint8_t buffer[SESSION_BYTES_MAX];
        Guest guest;
        size_t size;

        open_hello(stranger, &guest);
        assert_int_equal(session_accept(&guest, id, &welcome, session, buffer, &size, NULL), 0);
        stranger_send(stranger, buffer, size);
}

void stranger_refuse(Stranger *stranger, const char *reason) {
        uint8_t buffer[SESSION_BYTES_MAX];
        Guest guest;
        size_t size;

        open_hello(stranger, &guest);
        assert_int_equal(session_refuse(&guest, reason, USEC_PER_SEC, buffer, &size, NULL), 0);
        stranger_send(stranger, buffer, size);
}

void stranger_say(Stranger *stranger, Session *session, const Message *message) {
        uint8_t buffer[SESSION_BYTES_MAX];
        size_t size;

        assert_int_equal(session_seal(session, message, buffer, sizeof(buffer), &size, NULL), 0);
        stranger_send(stranger, buffer, size);
}

static bool is_welcomed(void *userdata) {
        const Stranger *stranger = userdata;

        return stranger->kinds[FRAME_HS2] > 0;
}

Session stranger_join(Stranger *stranger, sd_event *event, const char *name) {
        Session session = {};
        Message welcome;

        stranger->kinds[FRAME_HS2] = 0;
        stranger_hello(stranger, name);
        loop_wait(event, is_welcomed, stranger);
        assert_int_equal(
                        session_welcomed(
                                        &stranger->greeting, &session, &stranger->frame, &welcome,
                                        NULL),
                        0);
        return session;
}

bool heard(void *userdata) {
        const Stranger *stranger = userdata;

        return stranger->kinds[FRAME_DATA] > 0;
}

bool was_told_nos(void *userdata) {
        const Stranger *stranger = userdata;

        return stranger->kinds[FRAME_NOS] > 0;
}

void stranger_stop(Stranger *stranger) {
        nn_socket_free(TAKE(stranger->socket));
}

/* --- bare TCP --- */

static struct sockaddr_in socket_address(const char *endpoint) {
        char address[ADDRESS_TEXT_MAX];
        struct sockaddr_in in = { .sin_family = AF_INET };
        uint16_t port;

        assert_int_equal(parse_endpoint(endpoint, address, &port), 0);
        assert_int_equal(inet_pton(AF_INET, address, &in.sin_addr), 1);
        in.sin_port = htons(port);
        return in;
}

void pick_endpoint(char ret[static ENDPOINT_TEXT_MAX]) {
        struct sockaddr_in address = {
                .sin_family = AF_INET,
                .sin_addr = { htonl(INADDR_LOOPBACK) },
        };
        socklen_t size = sizeof(address);
        auto_close int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

        assert_true(fd >= 0);
        assert_int_equal(bind(fd, (const struct sockaddr *) &address, size), 0);
        assert_int_equal(getsockname(fd, (struct sockaddr *) &address, &size), 0);
        assert_true(text_format(ret, ENDPOINT_TEXT_MAX, "127.0.0.1:%u", ntohs(address.sin_port)));
}

int tcp_listen(const char *endpoint) {
        struct sockaddr_in address = socket_address(endpoint);
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        int on = 1;

        assert_true(fd >= 0);
        assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)), 0);
        assert_int_equal(bind(fd, (const struct sockaddr *) &address, sizeof(address)), 0);
        assert_int_equal(listen(fd, 128), 0);
        return fd;
}

int tcp_connect(const char *endpoint) {
        struct sockaddr_in address = socket_address(endpoint);
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

        assert_true(fd >= 0);
        assert_int_equal(connect(fd, (const struct sockaddr *) &address, sizeof(address)), 0);
        return fd;
}

void tcp_reset(int fd) {
        const struct linger linger = { .l_onoff = 1 };

        (void) setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
        (void) close(fd);
}

/* --- messages --- */

Message heartbeat_message(uint64_t sequence) {
        return (Message) {
                .kind = MESSAGE_HEARTBEAT,
                .heartbeat = { .sequence = sequence, .epoch = 3 },
        };
}

Message ack_message(uint64_t number) {
        Message message = { .kind = MESSAGE_ACK };

        (void) text_format(message.ack.op, sizeof(message.ack.op), "%032" PRIx64, number);
        return message;
}

uint64_t ack_number(const Message *message) {
        uint64_t number = 0;

        for (const char *digit = message->ack.op; *digit; digit++) {
                number = number << 4 |
                         (uint64_t) (*digit <= '9' ? *digit - '0' : *digit - 'a' + 10);
        }

        return number;
}
