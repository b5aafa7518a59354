/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/net/harness.h"

#include <errno.h>
#include <inttypes.h>
#include <sys/socket.h>

#include "common/clock.h"

/* The two handshake bugs of the library: a reset right after the peer's first eight
 * bytes leaves a connection that stands in the library's eyes, for ever, without a socket. Both are
 * produced here for real, with a server and with clients that say their header and reset; and then
 * everything must work again. The bugs are races between threads: a round that hit none is
 * repeated. */

#define CLIENTS    20
#define ROUNDS_MAX 20
#define STORM      2000
#define STORMY_MAX (60 * USEC_PER_SEC) /* how long there may be storms */
#define DELAYS_MIN 16U
#define DELAYS_MAX 256U /* on a busy machine the library's thread is far behind */

/* --- clients --- */

/* Says nanomsg's header to everybody who comes, and resets the connection. */
typedef struct FakeServer {
        int fd;
        sd_event_source *source;
        unsigned resets;
} FakeServer;

static int on_client(sd_event_source *source, int fd, uint32_t events, void *userdata) {
        FakeServer *fake = userdata;
        int client = accept4(fd, NULL, NULL, SOCK_CLOEXEC);

        if (client < 0)
                return 0;

        (void) send(client, sp_header_rep, sizeof(sp_header_rep), MSG_NOSIGNAL);
        tcp_reset(client);
        fake->resets++;
        return 0;
}

static void fake_start(FakeServer *fake, sd_event *event, const char *endpoint) {
        *fake = (FakeServer) { .fd = tcp_listen(endpoint) };
        assert_true(sd_event_add_io(event, &fake->source, fake->fd, EPOLLIN, on_client, fake) >= 0);
}

static void fake_stop(FakeServer *fake) {
        (void) sd_event_source_disable_unref(fake->source);
        (void) close(fake->fd);
}

typedef struct Clients {
        NnSocket *sockets[CLIENTS];
        Node nodes[CLIENTS];
        FakeServer fake;
} Clients;

static bool all_were_reset(void *userdata) {
        const Clients *clients = userdata;

        return clients->fake.resets >= 2 * CLIENTS;
}

static unsigned count_writable(const Clients *clients) {
        unsigned count = 0;

        for (size_t i = 0; i < CLIENTS; i++)
                count += nn_socket_is_writable(clients->sockets[i]);

        return count;
}

static bool all_are_writable(void *userdata) {
        return count_writable(userdata) == CLIENTS;
}

static void on_nothing(const Route *route, const void *body, size_t size, void *userdata) {
}

/* Clients that were all reset, and whose server is gone: whoever says it is connected is a zombie.
 */
static unsigned make_zombies(Clients *clients, sd_event *event, const char *endpoint) {
        fake_start(&clients->fake, event, endpoint);
        for (size_t i = 0; i < CLIENTS; i++) {
                assert_int_equal(
                                nn_socket_dial(event, endpoint, on_nothing, NULL,
                                               &clients->sockets[i], NULL),
                                0);
        }

        (void) loop_until(event, all_were_reset, clients, 500 * USEC_PER_MSEC);
        fake_stop(&clients->fake);
        loop_for(event, 100 * USEC_PER_MSEC);
        return count_writable(clients);
}

static void free_sockets(Clients *clients) {
        for (size_t i = 0; i < CLIENTS; i++)
                nn_socket_free(TAKE(clients->sockets[i]));
}

/* Without this the other tests would prove nothing: that the library can be brought into that
 * state, that it does not get out of it by itself, and that a redial is the cure. */
static void test_a_reset_handshake_makes_a_zombie_and_a_redial_cures_it(void **state) {
        AUTO_EVENT *event = loop_new();
        char endpoint[ENDPOINT_TEXT_MAX];
        Clients clients = {};
        unsigned zombies;
        Stranger server;

        pick_endpoint(endpoint);
        zombies = make_zombies(&clients, event, endpoint);
        for (unsigned i = 1; i < ROUNDS_MAX && zombies == 0; i++) {
                free_sockets(&clients);
                zombies = make_zombies(&clients, event, endpoint);
        }
        print_message("# %u of %d clients became zombies\n", zombies, CLIENTS);
        assert_true(zombies > 0);

        stranger_listen(&server, event, endpoint);
        for (size_t i = 0; i < CLIENTS; i++)
                assert_int_equal(nn_socket_redial(clients.sockets[i], NULL), 0);

        loop_wait(event, all_are_writable, &clients);
        for (size_t i = 0; i < CLIENTS; i++)
                assert_int_equal(nn_socket_send(clients.sockets[i], NULL, "x", 1), 0);

        free_sockets(&clients);
        stranger_stop(&server);
}

static bool all_are_up(void *userdata) {
        const Clients *clients = userdata;

        for (size_t i = 0; i < CLIENTS; i++) {
                if (clients->nodes[i].ups == 0)
                        return false;
        }

        return true;
}

static void test_a_link_gets_out_of_the_zombie_state_by_itself(void **state) {
        static const char *const names[CLIENTS] = {
                "n0",  "n1",  "n2",  "n3",  "n4",  "n5",  "n6",  "n7",  "n8",  "n9",
                "n10", "n11", "n12", "n13", "n14", "n15", "n16", "n17", "n18", "n19",
        };
        AUTO_EVENT *event = loop_new();
        char endpoint[ENDPOINT_TEXT_MAX];
        Clients clients = {};
        Coordinator coordinator;

        pick_endpoint(endpoint);
        fake_start(&clients.fake, event, endpoint);
        for (size_t i = 0; i < CLIENTS; i++)
                node_start(&clients.nodes[i], event, names[i], endpoint, &hasty);

        (void) loop_until(event, all_were_reset, &clients, 500 * USEC_PER_MSEC);
        assert_true(clients.fake.resets >= CLIENTS);
        fake_stop(&clients.fake);

        coordinator_start(&coordinator, event, endpoint, &generous);
        loop_wait(event, all_are_up, &clients);
        for (size_t i = 0; i < CLIENTS; i++)
                node_stop(&clients.nodes[i]);

        coordinator_stop(&coordinator);
}

/* --- the server --- */

/* Each connection is reset only after up to `delays` - 1 others were made: the library's thread
 * must have read the header, and not got much further. */
static void storm(const char *endpoint, unsigned delays) {
        int fds[DELAYS_MAX];

        for (unsigned i = 0; i < STORM; i++) {
                unsigned delay = i * delays / STORM;

                fds[i % delays] = tcp_connect(endpoint);
                (void) send(fds[i % delays], sp_header_req, sizeof(sp_header_req), MSG_NOSIGNAL);
                if (i >= delay && fds[(i - delay) % delays] >= 0)
                        tcp_reset(TAKE_FD(fds[(i - delay) % delays]));
        }

        for (unsigned i = 0; i < delays; i++) {
                if (fds[i] >= 0)
                        tcp_reset(fds[i]);
        }
}

/* A storm leaves dead connections by luck, so there are storms until it did, each with other delays
 * than the one before: calls `look` after each, until it says that this was enough. */
static void storm_until(const char *endpoint, Condition look, void *userdata) {
        usec_t end = clock_boottime() + STORMY_MAX;
        unsigned delays = DELAYS_MIN;
        bool enough;

        do {
                storm(endpoint, delays);
                delays = delays == DELAYS_MAX ? DELAYS_MIN : 2 * delays;
                enough = look(userdata);
        } while (!enough && clock_boottime() < end);

        assert_true(enough);
}

typedef struct Storm {
        sd_event *event;
        NnSocket *socket;
        uint64_t counted;
        uint64_t real;
} Storm;

static bool no_connection_is_left(void *userdata) {
        Storm *st = userdata;

        nn_socket_connections(st->socket, &st->counted, &st->real);
        return st->real == 0;
}

static bool nothing_is_counted(void *userdata) {
        Storm *st = userdata;

        return no_connection_is_left(userdata) && st->counted == 0;
}

static bool dead_ones_are_left(void *userdata) {
        Storm *st = userdata;

        loop_wait(st->event, no_connection_is_left, st);
        (void) loop_until(st->event, nothing_is_counted, st, 300 * USEC_PER_MSEC);
        return st->counted > 0;
}

static bool is_bound_anew(void *userdata) {
        const Storm *st = userdata;

        return nn_socket_rebind(st->socket, NULL) >= 0;
}

static void test_resets_leave_dead_connections_and_a_rebind_frees_them(void **state) {
        AUTO_EVENT *event = loop_new();
        char endpoint[ENDPOINT_TEXT_MAX];
        Storm st = { .event = event };

        pick_endpoint(endpoint);
        assert_int_equal(nn_socket_listen(event, endpoint, on_nothing, NULL, &st.socket, NULL), 0);
        storm_until(endpoint, dead_ones_are_left, &st);
        print_message("# %" PRIu64 " connections are counted, none stands\n", st.counted);

        loop_wait(event, is_bound_anew, &st);
        loop_wait(event, nothing_is_counted, &st);
        nn_socket_free(st.socket);
}

static bool has_rebound(void *userdata) {
        const Coordinator *coordinator = userdata;

        return endpoint_get_counters(coordinator->endpoint).rebinds > 0;
}

typedef struct Wary {
        sd_event *event;
        Coordinator coordinator;
} Wary;

/* Dead connections are looked for several times meanwhile. */
static bool rebinds_soon(void *userdata) {
        Wary *here = userdata;

        return loop_until(here->event, has_rebound, &here->coordinator, USEC_PER_SEC);
}

typedef struct Live {
        const Coordinator *coordinator;
        unsigned heartbeats; /* heard at some time */
} Live;

static bool is_heard_again(void *userdata) {
        const Live *live = userdata;

        return live->coordinator->heartbeats >= live->heartbeats + 3;
}

static bool is_up(void *userdata) {
        const Node *node = userdata;

        return node->ups > 0;
}

/* As a coordinator that counts zombies all the time. */
static const EndpointLimits wary = {
        .hellos_per_second = 1000,
        .hints_per_second = 1000,
        .zombie_check = 200 * USEC_PER_MSEC,
        .calm_rebind = 100 * USEC_PER_MSEC,
        .fade = USEC_PER_HOUR,
        .offer = USEC_PER_HOUR,
};

static void test_a_storm_of_resets_makes_the_endpoint_bind_anew_and_nodes_return(void **state) {
        AUTO_EVENT *event = loop_new();
        char endpoint[ENDPOINT_TEXT_MAX];
        Wary here = { .event = event };
        Coordinator *coordinator = &here.coordinator;
        Node newcomer;
        Node node;
        Live live;

        pick_endpoint(endpoint);
        coordinator_start(coordinator, event, endpoint, &wary);
        node_start(&node, event, "m1", endpoint, &hasty);
        loop_wait(event, is_up, &node);
        node_beat(&node, event);

        storm_until(endpoint, rebinds_soon, &here);
        live = (Live) { coordinator, coordinator->heartbeats };
        loop_wait(event, is_heard_again, &live);
        /* No hello without a session; but a session may be lost before it is used. */
        assert_in_range(coordinator->hellos, 1, node.ups);

        node_start(&newcomer, event, "m2", endpoint, &hasty);
        loop_wait(event, is_up, &newcomer);
        node_stop(&newcomer);
        node_stop(&node);
        coordinator_stop(coordinator);
}

static bool has_zombies(void *userdata) {
        const Coordinator *coordinator = userdata;

        return endpoint_get_counters(coordinator->endpoint).zombies > 0;
}

static bool has_zombies_soon(void *userdata) {
        Wary *here = userdata;

        return loop_until(here->event, has_zombies, &here->coordinator, USEC_PER_SEC);
}

static bool has_none_left(void *userdata) {
        const Coordinator *coordinator = userdata;
        EndpointCounters counters = endpoint_get_counters(coordinator->endpoint);

        return counters.rebinds > 0 && counters.zombies == 0;
}

/* Their memory is all they cost, and a few are those of a large cluster's herd; nodes at work need
 * not be disturbed for that. */
static void test_a_few_zombies_go_when_nothing_is_at_work(void **state) {
        AUTO_EVENT *event = loop_new();
        char endpoint[ENDPOINT_TEXT_MAX];
        Wary here = { .event = event };
        Coordinator *coordinator = &here.coordinator;

        pick_endpoint(endpoint);
        coordinator_start(coordinator, event, endpoint, &wary);
        coordinator->expected = (size_t) 100 * STORM;
        coordinator->busy = true;
        storm_until(endpoint, has_zombies_soon, &here);
        assert_false(loop_until(event, has_rebound, coordinator, USEC_PER_SEC));

        coordinator->busy = false;
        loop_wait(event, has_none_left, coordinator);
        coordinator_stop(coordinator);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_a_reset_handshake_makes_a_zombie_and_a_redial_cures_it),
                cmocka_unit_test(test_a_link_gets_out_of_the_zombie_state_by_itself),
                cmocka_unit_test(test_a_few_zombies_go_when_nothing_is_at_work),
                cmocka_unit_test(test_resets_leave_dead_connections_and_a_rebind_frees_them),
                cmocka_unit_test(
                                test_a_storm_of_resets_makes_the_endpoint_bind_anew_and_nodes_return),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
