/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/net/harness.h"

#include <string.h>

/* A real session of the real link with the real endpoint, through somebody on the way who records
 * it, holds frames back, and says them again: later, in another order, cut, or with a bit changed.
 * Neither end takes anything of it, and the coordinator has counted each one. */

#define TAPE_MAX 400

typedef struct Recorded {
        uint8_t bytes[512];
        size_t size;
        FrameKind kind;
} Recorded;

/* One direction. */
typedef struct Tape {
        Recorded frames[TAPE_MAX];
        size_t count;
        bool holds; /* what comes is recorded, and goes no further */
} Tape;

typedef struct Scene {
        sd_event *event;
        char address[ENDPOINT_TEXT_MAX]; /* of the coordinator */
        char middle[ENDPOINT_TEXT_MAX];
        Coordinator coordinator;
        Node node;
        NnSocket *front, *back; /* towards node and coordinator */
        Route route;            /* to the node */
        Tape up, down;
        EndpointCounters before;
        uint64_t sent;
        unsigned want;
} Scene;

static void record(Tape *tape, const void *body, size_t size) {
        Recorded *frame = &tape->frames[tape->count++];
        Frame decoded;

        assert_true(tape->count < TAPE_MAX && size <= sizeof(frame->bytes));
        assert_int_equal(frame_decode(body, size, &decoded, NULL), 0);
        memcpy(frame->bytes, body, size);
        frame->size = size;
        frame->kind = decoded.kind;
}

static void on_front(const Route *route, const void *body, size_t size, void *userdata) {
        Scene *scene = userdata;

        scene->route = *route;
        record(&scene->up, body, size);
        if (!scene->up.holds)
                assert_int_equal(nn_socket_send(scene->back, NULL, body, size), 0);
}

static void on_back(const Route *route, const void *body, size_t size, void *userdata) {
        Scene *scene = userdata;

        record(&scene->down, body, size);
        if (!scene->down.holds)
                (void) nn_socket_send(scene->front, &scene->route, body, size);
}

static bool is_connected(void *userdata) {
        const Scene *scene = userdata;

        return nn_socket_is_writable(scene->back);
}

static bool has_talked(void *userdata) {
        const Scene *scene = userdata;

        return scene->coordinator.heartbeats >= scene->want;
}

static bool node_has_heard(void *userdata) {
        const Scene *scene = userdata;

        return scene->node.messages >= scene->want;
}

static bool all_is_received(void *userdata) {
        const Scene *scene = userdata;
        EndpointCounters now = endpoint_get_counters(scene->coordinator.endpoint);

        return now.received - scene->before.received >= scene->sent;
}

static bool node_is_up(void *userdata) {
        const Scene *scene = userdata;

        return scene->node.ups > 0;
}

typedef struct Recording {
        const Tape *tape;
        size_t count;
} Recording;

static bool is_recorded(void *userdata) {
        const Recording *recording = userdata;

        return recording->tape->count >= recording->count;
}

static void wait_recorded(const Scene *scene, const Tape *tape, size_t count) {
        loop_wait(scene->event, is_recorded, &(Recording) { tape, count });
}

/* Nothing comes from the node but what the test has it say. */
static LinkTiming calm(void) {
        LinkTiming timing = hasty;

        timing.handshake = timing.connect = WAIT_MAX;
        return timing;
}

static Scene *scene_start(void) {
        const LinkTiming timing = calm();
        Scene *scene = calloc(1, sizeof(*scene));

        assert_non_null(scene);
        scene->event = loop_new();
        pick_endpoint(scene->address);
        coordinator_start(&scene->coordinator, scene->event, scene->address, &generous);
        pick_endpoint(scene->middle);
        assert_int_equal(
                        nn_socket_dial(scene->event, scene->address, on_back, scene, &scene->back,
                                       NULL),
                        0);
        assert_int_equal(
                        nn_socket_listen(
                                        scene->event, scene->middle, on_front, scene, &scene->front,
                                        NULL),
                        0);
        loop_wait(scene->event, is_connected, scene);
        node_start(&scene->node, scene->event, "m1", scene->middle, &timing);
        return scene;
}

static void scene_stop(Scene *scene) {
        node_stop(&scene->node);
        coordinator_stop(&scene->coordinator);
        nn_socket_free(scene->front);
        nn_socket_free(scene->back);
        (void) sd_event_unref(scene->event);
        free(scene);
}

static void beat(Scene *scene, unsigned times) {
        for (unsigned i = 0; i < times; i++) {
                Message message = heartbeat_message(++scene->node.sequence);

                assert_int_equal(link_send(scene->node.link, &message), 0);
        }
}

/* Three heartbeats and their answers, and an order. */
static Scene *scene_with_a_session(void) {
        Scene *scene = scene_start();
        Message ack = ack_message(1);

        loop_wait(scene->event, node_is_up, scene);
        beat(scene, 3);
        scene->want = 3;
        loop_wait(scene->event, has_talked, scene);
        assert_int_equal(endpoint_send(scene->coordinator.endpoint, "m1", &ack), 0);
        scene->want = 1;
        loop_wait(scene->event, node_has_heard, scene);
        return scene;
}

/* --- to the coordinator --- */

static void count_from_here(Scene *scene) {
        scene->before = endpoint_get_counters(scene->coordinator.endpoint);
        scene->sent = 0;
}

static void say(Scene *scene, const uint8_t *bytes, size_t size) {
        assert_int_equal(nn_socket_send(scene->back, NULL, bytes, size), 0);
        scene->sent++;
}

/* As it is without each of its last bytes, and with each of its bits changed. */
static void say_damaged(Scene *scene, const Recorded *frame) {
        uint8_t bytes[sizeof(frame->bytes)];

        memcpy(bytes, frame->bytes, frame->size);
        for (size_t cut = 0; cut < frame->size; cut++)
                say(scene, bytes, cut);

        for (size_t bit = 0; bit < frame->size * 8; bit++) {
                bytes[bit / 8] ^= (uint8_t) (1U << bit % 8);
                say(scene, bytes, frame->size);
                bytes[bit / 8] ^= (uint8_t) (1U << bit % 8);
        }
}

static EndpointCounters counted(Scene *scene) {
        EndpointCounters now;

        loop_wait(scene->event, all_is_received, scene);
        now = endpoint_get_counters(scene->coordinator.endpoint);
        return (EndpointCounters) {
                .received = now.received - scene->before.received,
                .garbage = now.garbage - scene->before.garbage,
                .newer = now.newer - scene->before.newer,
                .wrong_mac = now.wrong_mac - scene->before.wrong_mac,
                .unknown_session = now.unknown_session - scene->before.unknown_session,
                .replayed = now.replayed - scene->before.replayed,
                .forged = now.forged - scene->before.forged,
        };
}

static uint64_t dropped(const EndpointCounters *now) {
        return now->garbage + now->newer + now->wrong_mac + now->unknown_session + now->replayed +
               now->forged;
}

static size_t count_kind(const Tape *tape, FrameKind kind) {
        size_t count = 0;

        for (size_t i = 0; i < tape->count; i++)
                count += tape->frames[i].kind == kind;

        return count;
}

static void assert_coordinator_took(
                const Scene *scene, unsigned hellos, unsigned heartbeats, unsigned messages) {
        assert_int_equal(scene->coordinator.hellos, hellos);
        assert_int_equal(scene->coordinator.heartbeats, heartbeats);
        assert_int_equal(scene->coordinator.messages, messages);
}

/* The node goes on in its session. */
static void assert_node_is_heard(Scene *scene) {
        scene->want = scene->coordinator.heartbeats + 1;
        beat(scene, 1);
        loop_wait(scene->event, has_talked, scene);
        assert_int_equal(scene->node.ups, 1);
}

static void test_a_recorded_session_said_again_is_counted_and_has_no_effect(void **state) {
        Scene *scene = scene_with_a_session();
        size_t count = scene->up.count;
        EndpointCounters now;

        assert_int_equal(count_kind(&scene->up, FRAME_HS1), 1);
        assert_int_equal(count_kind(&scene->up, FRAME_DATA), 3);
        for (unsigned times = 0; times < 5; times++) {
                count_from_here(scene);
                for (size_t i = 0; i < count; i++)
                        say(scene, scene->up.frames[i].bytes, scene->up.frames[i].size);
                now = counted(scene);
                assert_true(now.replayed == 3); /* and the hello gets an answer, which is all */
        }

        assert_coordinator_took(scene, 1, 3, 0);
        assert_node_is_heard(scene);
        scene_stop(scene);
}

static void test_what_the_coordinator_said_is_nothing_to_itself(void **state) {
        Scene *scene = scene_with_a_session();
        size_t count = scene->down.count;
        EndpointCounters now;

        count_from_here(scene);
        for (size_t i = 0; i < count; i++)
                say(scene, scene->down.frames[i].bytes, scene->down.frames[i].size);
        now = counted(scene);
        assert_true(dropped(&now) == count);
        assert_coordinator_took(scene, 1, 3, 0);
        assert_node_is_heard(scene);
        scene_stop(scene);
}

static void test_a_recorded_session_is_over_with_the_sessions_end(void **state) {
        Scene *scene = scene_with_a_session();
        EndpointCounters now;

        endpoint_forget(scene->coordinator.endpoint, "m1");
        count_from_here(scene);
        for (size_t i = 0; i < scene->up.count; i++) {
                if (scene->up.frames[i].kind == FRAME_DATA)
                        say(scene, scene->up.frames[i].bytes, scene->up.frames[i].size);
        }
        now = counted(scene);
        assert_true(now.unknown_session == 3);
        assert_coordinator_took(scene, 1, 3, 0);
        scene_stop(scene);
}

/* Held back on the way: within the window they are late, beyond it they are nothing. */
static void test_frames_that_come_too_late_are_counted_as_such(void **state) {
        Scene *scene = scene_with_a_session();
        size_t held = scene->up.count;
        EndpointCounters now;

        scene->up.holds = true;
        beat(scene, 100);
        wait_recorded(scene, &scene->up, held + 100);

        count_from_here(scene);
        for (size_t i = held + 100; i > held; i--) /* newest first */
                say(scene, scene->up.frames[i - 1].bytes, scene->up.frames[i - 1].size);
        now = counted(scene);
        assert_coordinator_took(scene, 1, 3 + 64, 0);
        assert_true(now.replayed == 100 - 64);

        scene->up.holds = false;
        assert_node_is_heard(scene);
        scene_stop(scene);
}

/* One that has not been there yet, so that it is the damage alone that it is refused for. */
static void test_data_cut_anywhere_or_with_any_bit_changed_is_not_taken(void **state) {
        Scene *scene = scene_with_a_session();
        const Recorded *frame = &scene->up.frames[scene->up.count];
        size_t count = scene->up.count;
        EndpointCounters now;

        scene->up.holds = true;
        beat(scene, 1);
        wait_recorded(scene, &scene->up, count + 1);

        count_from_here(scene);
        say_damaged(scene, frame);
        now = counted(scene);
        assert_true(now.received == frame->size * 9);
        assert_true(dropped(&now) == now.received);
        assert_true(now.forged > 0 && now.garbage > 0 && now.unknown_session > 0);
        assert_coordinator_took(scene, 1, 3, 0);

        say(scene, frame->bytes, frame->size); /* it was good */
        (void) counted(scene);
        assert_coordinator_took(scene, 1, 4, 0);
        scene->up.holds = false;
        assert_node_is_heard(scene);
        scene_stop(scene);
}

static void test_first_words_cut_anywhere_or_with_any_bit_changed_get_no_answer(void **state) {
        Scene *scene = scene_with_a_session();
        const Recorded *hello = &scene->up.frames[0];
        size_t answers = count_kind(&scene->down, FRAME_HS2);
        EndpointCounters now;

        assert_int_equal(hello->kind, FRAME_HS1);
        scene->down.count = 0; /* there will be hints */
        count_from_here(scene);
        for (size_t byte = 0; byte < hello->size; byte++) {
                uint8_t bytes[sizeof(hello->bytes)];

                memcpy(bytes, hello->bytes, hello->size);
                bytes[byte] ^= 0x41;
                say(scene, bytes, hello->size);
                say(scene, bytes, byte);
        }
        now = counted(scene);
        assert_true(dropped(&now) == now.received);
        assert_int_equal(answers, 1);
        assert_int_equal(count_kind(&scene->down, FRAME_HS2), 0);
        assert_coordinator_took(scene, 1, 3, 0);
        assert_node_is_heard(scene);
        scene_stop(scene);
}

/* --- to the node --- */

static void tell(Scene *scene, const uint8_t *bytes, size_t size) {
        assert_int_equal(nn_socket_send(scene->front, &scene->route, bytes, size), 0);
}

static void tell_damaged(Scene *scene, const Recorded *frame) {
        uint8_t bytes[sizeof(frame->bytes)];

        memcpy(bytes, frame->bytes, frame->size);
        for (size_t cut = 0; cut < frame->size; cut++)
                tell(scene, bytes, cut);

        for (size_t bit = 0; bit < frame->size * 8; bit++) {
                bytes[bit / 8] ^= (uint8_t) (1U << bit % 8);
                tell(scene, bytes, frame->size);
                bytes[bit / 8] ^= (uint8_t) (1U << bit % 8);
        }
}

/* The next order, good and on its way in order, is what is heard next. */
static void assert_node_heard_only(Scene *scene, unsigned messages) {
        Message ack = ack_message(99);

        assert_int_equal(endpoint_send(scene->coordinator.endpoint, "m1", &ack), 0);
        scene->want = messages + 1;
        loop_wait(scene->event, node_has_heard, scene);
        assert_int_equal(scene->node.messages, messages + 1);
        assert_true(ack_number(&scene->node.message) == 99);
        assert_int_equal(scene->node.ups, 1);
}

static void test_a_node_does_what_was_recorded_only_once(void **state) {
        Scene *scene = scene_with_a_session();
        size_t count = scene->down.count;

        assert_int_equal(count_kind(&scene->down, FRAME_HS2), 1);
        for (unsigned times = 0; times < 5; times++) {
                for (size_t i = 0; i < count; i++)
                        tell(scene, scene->down.frames[i].bytes, scene->down.frames[i].size);
                for (size_t i = 0; i < scene->up.count; i++) /* its own words */
                        tell(scene, scene->up.frames[i].bytes, scene->up.frames[i].size);
        }

        assert_node_heard_only(scene, 1);
        scene_stop(scene);
}

static void test_orders_that_come_too_late_are_not_heard(void **state) {
        Scene *scene = scene_with_a_session();
        size_t held = scene->down.count;

        scene->down.holds = true;
        for (uint64_t i = 0; i < 100; i++) {
                Message ack = ack_message(1000 + i);

                assert_int_equal(endpoint_send(scene->coordinator.endpoint, "m1", &ack), 0);
        }
        wait_recorded(scene, &scene->down, held + 100);

        for (size_t i = held + 100; i > held; i--)
                tell(scene, scene->down.frames[i - 1].bytes, scene->down.frames[i - 1].size);
        scene->down.holds = false;
        assert_node_heard_only(scene, 1 + 64);
        scene_stop(scene);
}

static void test_an_order_cut_anywhere_or_with_any_bit_changed_is_not_heard(void **state) {
        Scene *scene = scene_with_a_session();
        const Recorded *frame = &scene->down.frames[scene->down.count];
        size_t count = scene->down.count;
        Message ack = ack_message(2);

        scene->down.holds = true;
        assert_int_equal(endpoint_send(scene->coordinator.endpoint, "m1", &ack), 0);
        wait_recorded(scene, &scene->down, count + 1);

        tell_damaged(scene, frame);
        tell(scene, frame->bytes, frame->size);
        scene->want = 2;
        loop_wait(scene->event, node_has_heard, scene);
        assert_int_equal(scene->node.messages, 2);
        assert_true(ack_number(&scene->node.message) == 2);
        scene->down.holds = false;
        assert_node_heard_only(scene, 2);
        scene_stop(scene);
}

/* While the node waits for it: only the true one makes a session. */
static void test_a_welcome_cut_anywhere_or_with_any_bit_changed_makes_no_session(void **state) {
        Scene *scene = scene_start();
        const Recorded *welcome = &scene->down.frames[0];

        scene->down.holds = true;
        wait_recorded(scene, &scene->down, 1);
        assert_int_equal(welcome->kind, FRAME_HS2);

        tell_damaged(scene, welcome);
        loop_for(scene->event, 50 * USEC_PER_MSEC);
        assert_int_equal(scene->node.ups, 0);

        tell(scene, welcome->bytes, welcome->size);
        loop_wait(scene->event, node_is_up, scene);
        scene->down.holds = false;
        assert_node_is_heard(scene);
        scene_stop(scene);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_a_recorded_session_said_again_is_counted_and_has_no_effect),
                cmocka_unit_test(test_what_the_coordinator_said_is_nothing_to_itself),
                cmocka_unit_test(test_a_recorded_session_is_over_with_the_sessions_end),
                cmocka_unit_test(test_frames_that_come_too_late_are_counted_as_such),
                cmocka_unit_test(test_data_cut_anywhere_or_with_any_bit_changed_is_not_taken),
                cmocka_unit_test(
                                test_first_words_cut_anywhere_or_with_any_bit_changed_get_no_answer),
                cmocka_unit_test(test_a_node_does_what_was_recorded_only_once),
                cmocka_unit_test(test_orders_that_come_too_late_are_not_heard),
                cmocka_unit_test(test_an_order_cut_anywhere_or_with_any_bit_changed_is_not_heard),
                cmocka_unit_test(
                                test_a_welcome_cut_anywhere_or_with_any_bit_changed_makes_no_session),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
