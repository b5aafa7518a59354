/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/net/harness.h"

#include <string.h>

#include "common/clock.h"

/* A link that stands and is interrupted: it is mended within its session, and at once. A stranger
 * plays the coordinator: it listens, and answers no heartbeat. */

#define SESSION_ID UINT64_C(0x0000000512345678)

typedef struct Scene {
        sd_event *event;
        Stranger coordinator;
        Session session;
        Node node;
        unsigned want; /* frames in the session */
} Scene;

static bool has_heard_hello(void *userdata) {
        const Scene *scene = userdata;

        return scene->coordinator.kinds[FRAME_HS1] > 0;
}

static bool is_up(void *userdata) {
        const Scene *scene = userdata;

        return scene->node.ups > 0;
}

static bool has_heard_data(void *userdata) {
        const Scene *scene = userdata;

        return scene->coordinator.kinds[FRAME_DATA] >= scene->want;
}

/* Until the node's first heartbeat has come. */
static void scene_start(Scene *scene, usec_t heartbeat) {
        char address[ENDPOINT_TEXT_MAX];

        *scene = (Scene) { .event = loop_new(), .want = 1 };
        pick_endpoint(address);
        stranger_listen(&scene->coordinator, scene->event, address);
        scene->coordinator.heartbeat = heartbeat;
        node_start(&scene->node, scene->event, "m1", address, &hasty);
        loop_wait(scene->event, has_heard_hello, scene);
        stranger_welcome(&scene->coordinator, &scene->session, SESSION_ID);
        loop_wait(scene->event, is_up, scene);
        node_beat(&scene->node, scene->event);
        loop_wait(scene->event, has_heard_data, scene);
}

static void scene_stop(Scene *scene) {
        node_stop(&scene->node);
        stranger_stop(&scene->coordinator);
        (void) sd_event_unref(scene->event);
}

/* The old listener needs some milliseconds to go. */
static bool is_bound_anew(void *userdata) {
        const Scene *scene = userdata;

        return nn_socket_rebind(scene->coordinator.socket, NULL) >= 0;
}

static bool was_answered(void *userdata) {
        const Scene *scene = userdata;

        return scene->node.messages > 0;
}

/* Its heartbeats are far apart: only who looks at the connection by himself is heard in time. */
static void test_a_node_whose_connection_ended_speaks_again_before_its_next_heartbeat(
                void **state) {
        Message ack = ack_message(1);
        Scene scene;

        scene_start(&scene, 4 * USEC_PER_SEC);
        stranger_say(&scene.coordinator, &scene.session, &ack);
        loop_wait(scene.event, was_answered, &scene);
        loop_wait(scene.event, is_bound_anew, &scene);
        scene.want = 2;
        loop_wait(scene.event, has_heard_data, &scene);
        assert_int_equal(scene.node.mended, 1);
        assert_int_equal(scene.node.sequence, 2);
        assert_int_equal(scene.coordinator.kinds[FRAME_HS1], 1);
        scene_stop(&scene);
}

static void test_an_unanswered_heartbeat_is_said_again_on_another_connection_of_the_session(
                void **state) {
        Route first;
        Scene scene;

        scene_start(&scene, 200 * USEC_PER_MSEC);
        first = scene.coordinator.route;
        scene.want = 2;
        loop_wait(scene.event, has_heard_data, &scene);
        assert_int_equal(scene.node.mended, 1);
        assert_memory_not_equal(&scene.coordinator.route, &first, 4); /* the rest is the node's */
        assert_int_equal(scene.coordinator.kinds[FRAME_HS1], 1);
        scene_stop(&scene);
}

static void test_a_heartbeat_that_was_answered_is_no_reason_to_dial_again(void **state) {
        Message ack = ack_message(1);
        Scene scene;

        scene_start(&scene, 200 * USEC_PER_MSEC);
        for (scene.want = 2; scene.want < 6; scene.want++) {
                stranger_say(&scene.coordinator, &scene.session, &ack);
                loop_wait(scene.event, has_heard_data, &scene);
        }

        assert_int_equal(scene.node.mended, 0);
        scene_stop(&scene);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(
                                test_a_node_whose_connection_ended_speaks_again_before_its_next_heartbeat),
                cmocka_unit_test(
                                test_an_unanswered_heartbeat_is_said_again_on_another_connection_of_the_session),
                cmocka_unit_test(test_a_heartbeat_that_was_answered_is_no_reason_to_dial_again),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
