/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/net/harness.h"

#include <dirent.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>

#include "common/parse.h"
#include "common/text.h"

static bool heard_something(void *userdata) {
        const Stranger *stranger = userdata;

        return stranger->frames > 0;
}

static bool heard_a_thousand(void *userdata) {
        const Stranger *stranger = userdata;

        return stranger->frames >= 1000;
}

static void test_this_library_is_one_that_we_can_work_with(void **state) {
        Error error = {};

        if (nn_socket_check_library(&error) < 0)
                fail_msg("%s", error.text);
}

static void talk_over(const char *endpoint) {
        AUTO_EVENT *event = loop_new();
        Stranger coordinator;
        Stranger node;

        stranger_listen(&coordinator, event, endpoint);
        stranger_dial(&node, event, endpoint);
        stranger_send(&node, "over there", 10);
        loop_wait(event, heard_something, &coordinator);
        assert_memory_equal(coordinator.bytes, "over there", 10);
        stranger_send(&coordinator, "and back", 8);
        loop_wait(event, heard_something, &node);
        assert_memory_equal(node.bytes, "and back", 8);
        stranger_stop(&node);
        stranger_stop(&coordinator);
}

static void test_words_go_over_ipv4(void **state) {
        char endpoint[ENDPOINT_TEXT_MAX];

        pick_endpoint(endpoint);
        talk_over(endpoint);
}

static void test_words_go_over_ipv6(void **state) {
        char endpoint[ENDPOINT_TEXT_MAX];
        char six[ENDPOINT_TEXT_MAX];

        if (access("/proc/net/if_inet6", F_OK) < 0)
                skip();

        pick_endpoint(endpoint);
        assert_true(text_format(six, sizeof(six), "[::1]%s", strchr(endpoint, ':')));
        talk_over(six);
}

static void test_the_ipv6_wildcard_takes_ipv4_as_well(void **state) {
        AUTO_EVENT *event = loop_new();
        char endpoint[ENDPOINT_TEXT_MAX];
        char wildcard[ENDPOINT_TEXT_MAX];
        Stranger coordinator;
        Stranger node;

        if (access("/proc/net/if_inet6", F_OK) < 0)
                skip();

        pick_endpoint(endpoint);
        assert_true(text_format(wildcard, sizeof(wildcard), "[::]%s", strchr(endpoint, ':')));
        stranger_listen(&coordinator, event, wildcard);
        stranger_dial(&node, event, endpoint);
        stranger_send(&node, "x", 1);
        loop_wait(event, heard_something, &coordinator);
        stranger_stop(&node);
        stranger_stop(&coordinator);
}

static void test_one_route_serves_any_number_of_answers(void **state) {
        AUTO_EVENT *event = loop_new();
        char endpoint[ENDPOINT_TEXT_MAX];
        Stranger coordinator;
        Stranger node;

        pick_endpoint(endpoint);
        stranger_listen(&coordinator, event, endpoint);
        stranger_dial(&node, event, endpoint);
        stranger_send(&node, "hello", 5);
        loop_wait(event, heard_something, &coordinator);
        for (unsigned i = 1; i <= 1000; i++) {
                stranger_send(&coordinator, "again", 5);
                if (i % 10 != 0)
                        continue;

                node.frames = 0;
                loop_wait(event, heard_something, &node);
        }

        stranger_stop(&node);
        stranger_stop(&coordinator);
}

static void test_what_comes_at_once_is_all_received_over_several_turns(void **state) {
        AUTO_EVENT *event = loop_new();
        char endpoint[ENDPOINT_TEXT_MAX];
        Stranger coordinator;
        Stranger node;

        pick_endpoint(endpoint);
        stranger_listen(&coordinator, event, endpoint);
        stranger_dial(&node, event, endpoint);
        for (unsigned i = 0; i < 1000; i++)
                stranger_send(&node, "x", 1);

        loop_wait(event, heard_something, &coordinator);
        assert_in_range(coordinator.frames, 1, 64); /* the loop had a turn in between */
        loop_wait(event, heard_a_thousand, &coordinator);
        stranger_stop(&node);
        stranger_stop(&coordinator);
}

static void test_the_longest_body_passes_and_a_longer_one_does_not(void **state) {
        /* nanomsg counts the 4 bytes of the request id as well. */
        static uint8_t body[FRAME_BYTES_MAX - 3];
        AUTO_EVENT *event = loop_new();
        char endpoint[ENDPOINT_TEXT_MAX];
        Stranger coordinator;
        Stranger node;

        pick_endpoint(endpoint);
        stranger_listen(&coordinator, event, endpoint);
        stranger_dial(&node, event, endpoint);
        stranger_send(&node, body, FRAME_BYTES_MAX - 4);
        loop_wait(event, heard_something, &coordinator);

        coordinator.frames = 0;
        stranger_send(&node, body, FRAME_BYTES_MAX - 3);
        loop_for(event, 50 * USEC_PER_MSEC);
        assert_int_equal(coordinator.frames, 0);
        stranger_stop(&node);
        stranger_stop(&coordinator);
}

static void test_a_route_that_leads_nowhere_is_a_silent_drop(void **state) {
        AUTO_EVENT *event = loop_new();
        char endpoint[ENDPOINT_TEXT_MAX];
        Stranger coordinator;

        pick_endpoint(endpoint);
        stranger_listen(&coordinator, event, endpoint);
        memset(coordinator.route.bytes, 0x81, sizeof(coordinator.route.bytes));
        stranger_send(&coordinator, "anybody?", 8);
        stranger_stop(&coordinator);
}

static void test_who_is_not_connected_is_told_so(void **state) {
        AUTO_EVENT *event = loop_new();
        char endpoint[ENDPOINT_TEXT_MAX];
        Stranger node = {};

        pick_endpoint(endpoint);
        assert_int_equal(nn_socket_dial(event, endpoint, NULL, &node, &node.socket, NULL), 0);
        assert_false(nn_socket_is_writable(node.socket));
        assert_int_equal(nn_socket_send(node.socket, NULL, "x", 1), -EAGAIN);
        stranger_stop(&node);
}

static bool is_writable(void *userdata) {
        const Stranger *node = userdata;

        return nn_socket_is_writable(node->socket);
}

/* Far sooner than the library's own back-off, which has grown to seconds by then. */
static void test_a_redial_does_not_wait_for_the_librarys_back_off(void **state) {
        AUTO_EVENT *event = loop_new();
        char endpoint[ENDPOINT_TEXT_MAX];
        Stranger coordinator;
        Stranger node = {};

        pick_endpoint(endpoint);
        assert_int_equal(nn_socket_dial(event, endpoint, NULL, &node, &node.socket, NULL), 0);
        loop_for(event, 50 * USEC_PER_MSEC);
        stranger_listen(&coordinator, event, endpoint);
        assert_int_equal(nn_socket_redial(node.socket, NULL), 0);
        assert_true(loop_until(event, is_writable, &node, 500 * USEC_PER_MSEC));
        stranger_stop(&node);
        stranger_stop(&coordinator);
}

static bool is_bound_anew(void *userdata) {
        const Stranger *coordinator = userdata;

        return nn_socket_rebind(coordinator->socket, NULL) >= 0;
}

static void test_many_redials_and_rebinds_leave_nothing_behind(void **state) {
        AUTO_EVENT *event = loop_new();
        char endpoint[ENDPOINT_TEXT_MAX];
        Stranger coordinator;
        uint64_t counted = 99;
        uint64_t real = 99;
        Stranger node;

        pick_endpoint(endpoint);
        stranger_listen(&coordinator, event, endpoint);
        stranger_dial(&node, event, endpoint);
        for (unsigned i = 0; i < 20; i++) {
                loop_wait(event, is_bound_anew, &coordinator); /* the old listener may linger */
                assert_int_equal(nn_socket_redial(node.socket, NULL), 0);
                loop_wait(event, is_writable, &node);
                coordinator.frames = 0;
                stranger_send(&node, "still there?", 12);
                loop_wait(event, heard_something, &coordinator);
        }

        nn_socket_connections(coordinator.socket, &counted, &real);
        assert_int_equal(counted, 1);
        assert_int_equal(real, 1);
        stranger_stop(&node);
        stranger_stop(&coordinator);
}

/* The accepted socket's descriptor in this process. */
static int find_accepted(uint16_t port) {
        for (int fd = 0; fd < 1024; fd++) {
                struct sockaddr_in address = {};
                socklen_t size = sizeof(address);

                if (getsockname(fd, (struct sockaddr *) &address, &size) >= 0 &&
                    address.sin_family == AF_INET && ntohs(address.sin_port) == port &&
                    getpeername(fd, (struct sockaddr *) &address, &size) >= 0)
                        return fd;
        }

        return -1;
}

static int get_option(int fd, int level, int option) {
        socklen_t size = sizeof(int);
        int value = -1;

        assert_int_equal(getsockopt(fd, level, option, &value, &size), 0);
        return value;
}

static void test_accepted_connections_are_watched_by_the_kernel(void **state) {
        AUTO_EVENT *event = loop_new();
        char endpoint[ENDPOINT_TEXT_MAX];
        char address[ADDRESS_TEXT_MAX];
        Stranger coordinator;
        uint16_t port;
        Stranger node;
        int fd;

        pick_endpoint(endpoint);
        assert_int_equal(parse_endpoint(endpoint, address, &port), 0);
        stranger_listen(&coordinator, event, endpoint);
        stranger_dial(&node, event, endpoint);
        stranger_send(&node, "x", 1);
        loop_wait(event, heard_something, &coordinator);

        fd = find_accepted(port);
        assert_true(fd >= 0);
        assert_int_equal(get_option(fd, SOL_SOCKET, SO_KEEPALIVE), 1);
        assert_int_equal(get_option(fd, IPPROTO_TCP, TCP_KEEPIDLE), 60);
        assert_int_equal(get_option(fd, IPPROTO_TCP, TCP_KEEPINTVL), 10);
        assert_int_equal(get_option(fd, IPPROTO_TCP, TCP_KEEPCNT), 3);
        assert_int_equal(get_option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT), 90000);
        assert_int_equal(get_option(fd, IPPROTO_TCP, TCP_NODELAY), 1);
        stranger_stop(&node);
        stranger_stop(&coordinator);
}

static void test_a_port_that_is_taken_is_named(void **state) {
        AUTO_EVENT *event = loop_new();
        char endpoint[ENDPOINT_TEXT_MAX];
        NnSocket *second = NULL;
        Stranger coordinator;
        Error error = {};

        pick_endpoint(endpoint);
        stranger_listen(&coordinator, event, endpoint);
        assert_true(nn_socket_listen(event, endpoint, NULL, NULL, &second, &error) < 0);
        assert_null(second);
        assert_non_null(strstr(error.text, endpoint));
        assert_non_null(strstr(error.text, "in use"));
        stranger_stop(&coordinator);
}

static void test_only_literal_endpoints_are_dialled(void **state) {
        static const char *const bad[] = {
                "",        "localhost:32070",       "127.0.0.1", "127.0.0.1:0",
                "*:32070", "127.0.0.1;127.0.0.1:1",
        };
        AUTO_EVENT *event = loop_new();

        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                NnSocket *socket = NULL;
                Error error = {};

                assert_int_equal(
                                nn_socket_dial(event, bad[i], NULL, NULL, &socket, &error),
                                -EINVAL);
                assert_int_equal(
                                nn_socket_listen(event, bad[i], NULL, NULL, &socket, NULL),
                                -EINVAL);
                assert_null(socket);
                assert_non_null(strstr(error.text, "no endpoint"));
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_this_library_is_one_that_we_can_work_with),
                cmocka_unit_test(test_words_go_over_ipv4),
                cmocka_unit_test(test_words_go_over_ipv6),
                cmocka_unit_test(test_the_ipv6_wildcard_takes_ipv4_as_well),
                cmocka_unit_test(test_one_route_serves_any_number_of_answers),
                cmocka_unit_test(test_what_comes_at_once_is_all_received_over_several_turns),
                cmocka_unit_test(test_the_longest_body_passes_and_a_longer_one_does_not),
                cmocka_unit_test(test_a_route_that_leads_nowhere_is_a_silent_drop),
                cmocka_unit_test(test_who_is_not_connected_is_told_so),
                cmocka_unit_test(test_a_redial_does_not_wait_for_the_librarys_back_off),
                cmocka_unit_test(test_many_redials_and_rebinds_leave_nothing_behind),
                cmocka_unit_test(test_accepted_connections_are_watched_by_the_kernel),
                cmocka_unit_test(test_a_port_that_is_taken_is_named),
                cmocka_unit_test(test_only_literal_endpoints_are_dialled),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
