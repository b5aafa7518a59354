/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/net/harness.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/socket.h>

#include "common/clock.h"

/* Whatever strangers send to the coordinator: nothing of it is delivered, it is counted, and a node
 * that has a session does not notice. */

typedef struct Scene {
        sd_event *event;
        char address[ENDPOINT_TEXT_MAX];
        Coordinator coordinator;
        Node node; /* with a live session */
        Stranger stranger;
        unsigned heartbeats;
        EndpointCounters before;
        uint64_t want;
} Scene;

static bool node_is_heard(void *userdata) {
        const Scene *scene = userdata;

        return scene->coordinator.heartbeats > scene->heartbeats;
}

static bool all_is_received(void *userdata) {
        const Scene *scene = userdata;
        EndpointCounters now = endpoint_get_counters(scene->coordinator.endpoint);

        return now.received - scene->before.received >= scene->want;
}

static void scene_start(Scene *scene, const EndpointLimits *limits) {
        *scene = (Scene) { .event = loop_new() };
        pick_endpoint(scene->address);
        coordinator_start(&scene->coordinator, scene->event, scene->address, limits);
        scene->coordinator.heartbeat = 100 * USEC_PER_MSEC; /* silent after three */
        node_start(&scene->node, scene->event, "m1", scene->address, &hasty);
        node_beat(&scene->node, scene->event);
        loop_wait(scene->event, node_is_heard, scene);
        stranger_dial(&scene->stranger, scene->event, scene->address);
        scene->before = endpoint_get_counters(scene->coordinator.endpoint);
}

/* The node goes on in its session, in both directions, and nothing was delivered. */
static void scene_stop(Scene *scene) {
        Message ack = ack_message(1);

        scene->heartbeats = scene->coordinator.heartbeats + 2;
        loop_wait(scene->event, node_is_heard, scene);
        assert_int_equal(endpoint_send(scene->coordinator.endpoint, "m1", &ack), 0);
        scene->heartbeats = scene->coordinator.heartbeats + 2;
        loop_wait(scene->event, node_is_heard, scene);

        assert_int_equal(scene->node.messages, 1);
        assert_int_equal(scene->node.ups, 1);
        assert_int_equal(scene->coordinator.hellos, 1);
        assert_int_equal(scene->coordinator.messages, 0);
        assert_string_equal(scene->coordinator.node, "m1");

        stranger_stop(&scene->stranger);
        node_stop(&scene->node);
        coordinator_stop(&scene->coordinator);
        (void) sd_event_unref(scene->event);
}

static EndpointCounters counted(const Scene *scene) {
        EndpointCounters now = endpoint_get_counters(scene->coordinator.endpoint);

        return (EndpointCounters) {
                .received = now.received - scene->before.received,
                .garbage = now.garbage - scene->before.garbage,
                .newer = now.newer - scene->before.newer,
                .wrong_mac = now.wrong_mac - scene->before.wrong_mac,
                .over_budget = now.over_budget - scene->before.over_budget,
                .unknown_token = now.unknown_token - scene->before.unknown_token,
                .unopened = now.unopened - scene->before.unopened,
                .refused = now.refused - scene->before.refused,
                .unknown_session = now.unknown_session - scene->before.unknown_session,
                .replayed = now.replayed - scene->before.replayed,
                .forged = now.forged - scene->before.forged,
                .unreadable = now.unreadable - scene->before.unreadable,
        };
}

/* --- bodies --- */

static void test_garbage_is_counted_and_nothing_else(void **state) {
        uint32_t random = 42;
        Scene scene;

        scene_start(&scene, &generous);
        for (unsigned i = 0; i < 500; i++) {
                uint8_t body[257];

                for (size_t k = 0; k < sizeof(body); k++) {
                        random = random * 1664525 + 1013904223;
                        body[k] = (uint8_t) (random >> 24);
                }
                body[0] = (uint8_t) (body[0] & 1); /* half of them with the right version */
                stranger_send(&scene.stranger, body, random % sizeof(body));
        }

        scene.want = 500;
        loop_wait(scene.event, all_is_received, &scene);
        assert_true(counted(&scene).garbage + counted(&scene).unknown_session +
                                    counted(&scene).wrong_mac ==
                    500);
        scene_stop(&scene);
}

static size_t say_hello(const char *name, uint8_t buffer[static SESSION_BYTES_MAX]) {
        Message hello = {
                .kind = MESSAGE_HELLO,
                .hello = {
                        .name = "m1",
                        .boot_id = "0123456789abcdef0123456789abcdef",
                        .journal_id = "fedcba9876543210fedcba9876543210",
                        .software = "0.1.0",
                },
        };
        Greeting greeting = {};
        SessionEnd end;
        size_t size;

        session_end_init(&end, CLUSTER, key_of(name), coordinator_key()->public);
        assert_int_equal(session_hello(&end, NULL, &hello, &greeting, buffer, &size, NULL), 0);
        return size;
}

static void test_a_hello_cut_anywhere_makes_no_session(void **state) {
        uint8_t buffer[SESSION_BYTES_MAX];
        EndpointCounters dropped;
        Scene scene;
        size_t size;

        scene_start(&scene, &generous);
        size = say_hello("m1", buffer);
        for (size_t cut = 0; cut < size; cut++)
                stranger_send(&scene.stranger, buffer, cut);

        scene.want = size;
        loop_wait(scene.event, all_is_received, &scene);
        dropped = counted(&scene);
        assert_true(dropped.garbage + dropped.wrong_mac == size);
        assert_int_equal(scene.stranger.kinds[FRAME_HS2], 0);
        scene_stop(&scene);
}

static void test_a_body_longer_than_a_message_is_counted(void **state) {
        static uint8_t body[FRAME_BYTES_MAX - 4] = { 1, FRAME_HS1 };
        Scene scene;

        scene_start(&scene, &generous);
        stranger_send(&scene.stranger, body, sizeof(body));
        scene.want = 1;
        loop_wait(scene.event, all_is_received, &scene);
        assert_true(counted(&scene).garbage == 1);
        scene_stop(&scene);
}

static bool is_answered(void *userdata) {
        const Scene *scene = userdata;

        return scene->stranger.kinds[FRAME_DATA] >= scene->want;
}

/* A node with a session of its own may say only what a node may say, once, and in whole. */
static void test_a_node_that_misbehaves_is_counted_and_not_delivered(void **state) {
        Message ack = ack_message(1);
        Message beat = heartbeat_message(1);
        Message hello = {
                .kind = MESSAGE_HELLO,
                .hello = {
                        .name = "m1",
                        .boot_id = "0123456789abcdef0123456789abcdef",
                        .journal_id = "fedcba9876543210fedcba9876543210",
                        .software = "0.1.0",
                },
        };
        uint8_t buffer[SESSION_BYTES_MAX];
        Session session;
        Scene scene;
        size_t size;

        scene_start(&scene, &generous);
        session = stranger_join(&scene.stranger, scene.event, "m2");
        stranger_say(&scene.stranger, &session, &ack);   /* only a coordinator says this */
        stranger_say(&scene.stranger, &session, &hello); /* a hello has its own frame */
        assert_int_equal(session_seal(&session, &beat, buffer, sizeof(buffer), &size, NULL), 0);
        stranger_send(&scene.stranger, buffer, size - 1);
        for (unsigned i = 0; i < 10; i++)
                stranger_send(&scene.stranger, buffer, size);

        scene.want = 1;
        loop_wait(scene.event, is_answered, &scene);
        loop_for(scene.event, 50 * USEC_PER_MSEC);
        assert_int_equal(scene.stranger.kinds[FRAME_DATA], 1);
        assert_true(counted(&scene).unreadable == 2);
        assert_true(counted(&scene).forged == 1);
        assert_true(counted(&scene).replayed == 9);
        assert_int_equal(scene.coordinator.hellos, 2); /* m2 has said one good word after all */
        scene.coordinator.hellos = 1;
        scene_stop(&scene);
}

/* --- first words --- */

static bool says_hints(void *userdata) {
        const Scene *scene = userdata;

        return scene->stranger.kinds[FRAME_HINT] >= scene->want;
}

static void test_a_newer_version_is_told_so(void **state) {
        static const uint8_t newer[] = { 2, FRAME_HS1, 0, 0, 'h', 'i' };
        Scene scene;

        scene_start(&scene, &generous);
        stranger_send(&scene.stranger, newer, sizeof(newer));
        scene.want = 1;
        loop_wait(scene.event, says_hints, &scene);
        assert_int_equal(scene.stranger.frame.hint, FRAME_HINT_VERSION);
        assert_true(counted(&scene).newer == 1);
        scene_stop(&scene);
}

static void test_who_has_no_public_key_of_ours_costs_a_hash_and_hears_nothing(void **state) {
        uint8_t buffer[SESSION_BYTES_MAX];
        Scene scene;
        size_t size;

        scene_start(&scene, &generous);
        size = say_hello("m1", buffer);
        buffer[4] ^= 1;
        for (unsigned i = 0; i < 1000; i++)
                stranger_send(&scene.stranger, buffer, size);

        scene.want = 1000;
        loop_wait(scene.event, all_is_received, &scene);
        assert_true(counted(&scene).wrong_mac == 1000);
        assert_true(counted(&scene).over_budget == 0);
        assert_int_equal(scene.stranger.frames, 0);
        scene_stop(&scene);
}

static bool hears_welcomes(void *userdata) {
        const Scene *scene = userdata;

        return scene->stranger.kinds[FRAME_HS2] >= scene->want;
}

/* Hello and all that followed, as somebody on the way has recorded it: the hello is answered,
 * because nobody can tell, and all of it has no effect. */
static void test_a_recorded_session_is_of_no_use(void **state) {
        uint8_t buffer[SESSION_BYTES_MAX], data[SESSION_BYTES_MAX];
        Message beat = heartbeat_message(1);
        Session session;
        size_t size, data_size;
        Scene scene;

        scene_start(&scene, &generous);
        size = say_hello("m1", buffer);
        session = stranger_join(&scene.stranger, scene.event, "m2");
        assert_int_equal(session_seal(&session, &beat, data, sizeof(data), &data_size, NULL), 0);

        scene.want = 21;
        for (unsigned i = 1; i < scene.want; i++)
                stranger_send(&scene.stranger, buffer, size);
        loop_wait(scene.event, hears_welcomes, &scene);

        /* Under the id of the session that the victim is in, and of those that were just made. */
        for (unsigned bit = 0; bit < 64; bit++) {
                data[4 + bit / 8] ^= (uint8_t) (1U << bit % 8);
                stranger_send(&scene.stranger, data, data_size);
                data[4 + bit / 8] ^= (uint8_t) (1U << bit % 8);
        }
        scene_stop(&scene);
}

static bool hears_data(void *userdata) {
        const Stranger *stranger = userdata;

        return stranger->kinds[FRAME_DATA] > 0;
}

/* Two hundred handshakes, all with the right mac1, and a heartbeat that comes after them by another
 * connection: it is answered while the most of them still wait. */
static void test_words_of_a_node_do_not_wait_behind_handshakes(void **state) {
        uint8_t buffer[SESSION_BYTES_MAX];
        Message beat = heartbeat_message(1);
        Stranger node;
        Session session;
        Scene scene;
        size_t size;

        scene_start(&scene, &generous);
        stranger_dial(&node, scene.event, scene.address);
        session = stranger_join(&node, scene.event, "m2");
        size = say_hello("m3", buffer);
        for (unsigned i = 0; i < 200; i++)
                stranger_send(&scene.stranger, buffer, size);
        stranger_say(&node, &session, &beat);

        loop_wait(scene.event, hears_data, &node);
        assert_in_range(scene.stranger.kinds[FRAME_HS2], 0, 100);
        scene.want = 200;
        loop_wait(scene.event, hears_welcomes, &scene); /* the others had to wait, that is all */
        assert_int_equal(scene.coordinator.hellos, 2);
        scene.coordinator.hellos = 1;
        stranger_stop(&node);
        scene_stop(&scene);
}

/* --- floods --- */

static void test_answers_to_unknown_sessions_have_a_budget(void **state) {
        EndpointLimits limits = generous;
        Session session = { .id = UINT64_C(0x0000000512345678) };
        Message beat = heartbeat_message(1);
        Scene scene;

        limits.hints_per_second = 10;
        scene_start(&scene, &limits);
        for (unsigned i = 0; i < 1000; i++)
                stranger_say(&scene.stranger, &session, &beat);

        scene.want = 1000;
        loop_wait(scene.event, all_is_received, &scene);
        loop_for(scene.event, 50 * USEC_PER_MSEC);
        assert_true(counted(&scene).unknown_session == 1000);
        assert_in_range(scene.stranger.kinds[FRAME_NOS], 1, 40);
        scene_stop(&scene);
}

static void test_handshakes_have_a_budget(void **state) {
        uint8_t buffer[SESSION_BYTES_MAX];
        EndpointLimits limits = generous;
        Scene scene;
        size_t size;

        limits.hellos_per_second = 10;
        scene_start(&scene, &limits);
        size = say_hello("m9", buffer);
        for (unsigned i = 0; i < 1000; i++)
                stranger_send(&scene.stranger, buffer, size);

        scene.want = 1000;
        loop_wait(scene.event, all_is_received, &scene);
        loop_for(scene.event, 50 * USEC_PER_MSEC);
        assert_in_range(counted(&scene).over_budget, 900, 1000);
        assert_in_range(scene.stranger.kinds[FRAME_HS2], 1, 100);
        scene_stop(&scene);
}

/* --- below the bodies: what only bare TCP can do --- */

static bool is_closed(void *userdata) {
        const int *fd = userdata;
        char bytes[64];
        ssize_t n;

        n = recv(*fd, bytes, sizeof(bytes), MSG_DONTWAIT);
        return n == 0 || (n < 0 && errno != EAGAIN);
}

static void say_over_tcp(Scene *scene, const void *bytes, size_t size, bool closes) {
        int fd = tcp_connect(scene->address);

        assert_int_equal(send(fd, bytes, size, MSG_NOSIGNAL), size);
        if (closes) {
                loop_wait(scene->event, is_closed, &fd);
        } else {
                loop_for(scene->event, 20 * USEC_PER_MSEC);
        }

        (void) close(fd);
}

static void test_who_does_not_speak_nanomsg_is_hung_up_on(void **state) {
        static const char http[] = "GET / HTTP/1.1\r\n\r\n";
        Scene scene;

        scene_start(&scene, &generous);
        say_over_tcp(&scene, http, sizeof(http) - 1, true);
        say_over_tcp(&scene, sp_header_rep, sizeof(sp_header_rep), true); /* wrong end */
        assert_true(counted(&scene).garbage == 0);
        scene_stop(&scene);
}

/* A peer that speaks nanomsg up to the length of a body, then says `size` bytes of it. */
static void say_length(Scene *scene, uint64_t length, const void *body, size_t size, bool closes) {
        uint8_t bytes[64];
        size_t start = sizeof(sp_header_req);

        memcpy(bytes, sp_header_req, start);
        for (unsigned i = 0; i < 8; i++)
                bytes[start++] = (uint8_t) (length >> (56 - 8 * i));

        memcpy(bytes + start, body, size);
        say_over_tcp(scene, bytes, start + size, closes);
}

static void test_a_length_over_the_limit_is_the_end_of_the_connection(void **state) {
        static const uint64_t lengths[] = {
                UINT64_MAX,
                UINT64_C(1) << 63,
                UINT64_C(1) << 32,
                FRAME_BYTES_MAX + 1,
        };
        Scene scene;

        scene_start(&scene, &generous);
        for (size_t i = 0; i < ELEMENTSOF(lengths); i++)
                say_length(&scene, lengths[i], "abcd", 4, true);

        scene_stop(&scene);
}

static void test_bodies_that_are_cut_or_have_no_proper_header_are_not_delivered(void **state) {
        static const uint8_t two_hops[12] = { 'h', 'o', 'p', '1', 0x80, 'i', 'd', '0', 'b' };
        Scene scene;

        scene_start(&scene, &generous);
        say_length(&scene, 1000, "abcd", 4, false);  /* and no more */
        say_length(&scene, 0, "", 0, false);         /* empty */
        say_length(&scene, 3, "abc", 3, false);      /* no room for a request id */
        say_length(&scene, 8, "abcdefgh", 8, false); /* no end of the header */
        say_length(&scene, 12, two_hops, 12, false); /* forwarded by somebody */
        assert_int_equal(scene.coordinator.messages, 0);
        scene_stop(&scene);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_garbage_is_counted_and_nothing_else),
                cmocka_unit_test(test_a_hello_cut_anywhere_makes_no_session),
                cmocka_unit_test(test_a_body_longer_than_a_message_is_counted),
                cmocka_unit_test(test_a_node_that_misbehaves_is_counted_and_not_delivered),
                cmocka_unit_test(test_a_newer_version_is_told_so),
                cmocka_unit_test(test_who_has_no_public_key_of_ours_costs_a_hash_and_hears_nothing),
                cmocka_unit_test(test_a_recorded_session_is_of_no_use),
                cmocka_unit_test(test_words_of_a_node_do_not_wait_behind_handshakes),
                cmocka_unit_test(test_answers_to_unknown_sessions_have_a_budget),
                cmocka_unit_test(test_handshakes_have_a_budget),
                cmocka_unit_test(test_who_does_not_speak_nanomsg_is_hung_up_on),
                cmocka_unit_test(test_a_length_over_the_limit_is_the_end_of_the_connection),
                cmocka_unit_test(
                                test_bodies_that_are_cut_or_have_no_proper_header_are_not_delivered),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
