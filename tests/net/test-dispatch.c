/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/net/harness.h"

#include <string.h>

#include "proto/codec.h"
#include "proto/dispatch.h"
#include "tests/unit/filler.h"

/* The table of proto/dispatch.h over real sockets: every kind of message is said to both programs
 * by somebody without a session, by the wrong side, and by a node whose key was revoked. */

typedef struct Scene {
        sd_event *event;
        char address[ENDPOINT_TEXT_MAX];
        Coordinator coordinator;
        Node node;
        Stranger stranger;
        Session session;
        EndpointCounters before;
        uint64_t want;
} Scene;

static void scene_start(Scene *scene) {
        *scene = (Scene) { .event = loop_new() };
        pick_endpoint(scene->address);
}

static void scene_stop(Scene *scene) {
        stranger_stop(&scene->stranger);
        node_stop(&scene->node);
        coordinator_stop(&scene->coordinator);
        (void) sd_event_unref(scene->event);
}

static Message message_of(MessageKind kind) {
        Message message = {};

        message.kind = kind;
        filler_fill(message_fields(kind), &message.hello, MINIMAL);
        return message;
}

static unsigned count_said(Party from, Party to) {
        unsigned count = 0;

        for (MessageKind kind = 0; kind < MESSAGE_KIND_COUNT; kind++)
                count += dispatch_allows(kind, from, to, CONTACT_SESSION);

        return count;
}

/* --- to the coordinator --- */

static bool all_is_received(void *userdata) {
        const Scene *scene = userdata;
        EndpointCounters now = endpoint_get_counters(scene->coordinator.endpoint);

        return now.received - scene->before.received >= scene->want;
}

static void start_coordinator(Scene *scene) {
        scene_start(scene);
        coordinator_start(&scene->coordinator, scene->event, scene->address, &generous);
        stranger_dial(&scene->stranger, scene->event, scene->address);
}

static EndpointCounters say_every_kind(Scene *scene, Session *session) {
        EndpointCounters now;

        scene->before = endpoint_get_counters(scene->coordinator.endpoint);
        scene->want = MESSAGE_KIND_COUNT;
        for (MessageKind kind = 0; kind < MESSAGE_KIND_COUNT; kind++) {
                Message message = message_of(kind);

                stranger_say(&scene->stranger, session, &message);
        }

        loop_wait(scene->event, all_is_received, scene);
        now = endpoint_get_counters(scene->coordinator.endpoint);
        return (EndpointCounters) {
                .unknown_session = now.unknown_session - scene->before.unknown_session,
                .unreadable = now.unreadable - scene->before.unreadable,
        };
}

static void test_without_a_session_no_kind_gets_through(void **state) {
        Session none = { .id = UINT64_C(0x0000000512345678) };
        Scene scene;

        start_coordinator(&scene);
        assert_true(say_every_kind(&scene, &none).unknown_session == MESSAGE_KIND_COUNT);
        assert_int_equal(scene.coordinator.hellos, 0);
        assert_int_equal(scene.coordinator.heartbeats + scene.coordinator.messages, 0);
        scene_stop(&scene);
}

/* In place of first words and of sealed ones: the JSON as it is, in every frame there is. */
static void test_without_a_seal_no_kind_gets_through_in_any_frame(void **state) {
        EndpointCounters now;
        Scene scene;

        start_coordinator(&scene);
        scene.want = MESSAGE_KIND_COUNT * (uint64_t) FRAME_HINT;
        for (FrameKind frame = FRAME_JOIN; frame <= FRAME_HINT; frame++) {
                for (MessageKind kind = 0; kind < MESSAGE_KIND_COUNT; kind++) {
                        uint8_t body[SESSION_BYTES_MAX] = { 1, (uint8_t) frame };
                        Message message = message_of(kind);
                        size_t size;

                        assert_int_equal(
                                        message_encode(&message, (char *) body + FRAME_HEADER_MAX,
                                                       MESSAGE_BYTES_MAX, &size, NULL),
                                        0);
                        stranger_send(&scene.stranger, body, FRAME_HEADER_MAX + size);
                }
        }

        loop_wait(scene.event, all_is_received, &scene);
        now = endpoint_get_counters(scene.coordinator.endpoint);
        assert_true(now.garbage + now.wrong_mac + now.unknown_session == scene.want);
        assert_int_equal(scene.coordinator.hellos, 0);
        assert_int_equal(scene.coordinator.heartbeats + scene.coordinator.messages, 0);
        scene_stop(&scene);
}

static void test_a_node_says_what_a_node_may_say_and_nothing_else(void **state) {
        unsigned allowed = count_said(PARTY_MASTER, PARTY_COORDINATOR);
        Scene scene;

        start_coordinator(&scene);
        scene.session = stranger_join(&scene.stranger, scene.event, "m2");
        assert_true(say_every_kind(&scene, &scene.session).unreadable ==
                    MESSAGE_KIND_COUNT - allowed);
        assert_int_equal(scene.coordinator.heartbeats + scene.coordinator.messages, allowed);
        scene_stop(&scene);
}

/* Its first words, by which a node is introduced, are the wrong ones: it is not even introduced. */
static void test_what_a_coordinator_says_introduces_no_node(void **state) {
        Message start = message_of(MESSAGE_START);
        Scene scene;

        start_coordinator(&scene);
        scene.session = stranger_join(&scene.stranger, scene.event, "m2");
        scene.before = endpoint_get_counters(scene.coordinator.endpoint);
        stranger_say(&scene.stranger, &scene.session, &start);
        scene.want = 1;
        loop_wait(scene.event, all_is_received, &scene);
        assert_int_equal(scene.coordinator.hellos, 0);
        assert_int_equal(scene.coordinator.messages, 0);
        assert_true(endpoint_get_counters(scene.coordinator.endpoint).unreadable == 1);
        scene_stop(&scene);
}

static bool is_refused(void *userdata) {
        const Scene *scene = userdata;

        return endpoint_get_counters(scene->coordinator.endpoint).refused > 0;
}

static void test_with_a_revoked_key_no_kind_gets_through_any_more(void **state) {
        unsigned allowed = count_said(PARTY_MASTER, PARTY_COORDINATOR);
        Scene scene;

        start_coordinator(&scene);
        scene.session = stranger_join(&scene.stranger, scene.event, "m3");
        (void) say_every_kind(&scene, &scene.session);
        assert_int_equal(scene.coordinator.heartbeats + scene.coordinator.messages, allowed);

        key_revoke("m3", true);
        endpoint_forget(scene.coordinator.endpoint, "m3");
        assert_true(say_every_kind(&scene, &scene.session).unknown_session == MESSAGE_KIND_COUNT);
        assert_int_equal(scene.coordinator.heartbeats + scene.coordinator.messages, allowed);
        assert_int_equal(scene.coordinator.hellos, 1);

        stranger_hello(&scene.stranger, "m3");
        loop_wait(scene.event, is_refused, &scene);
        key_revoke("m3", false);
        scene_stop(&scene);
}

/* --- to the node agent --- */

static bool is_greeted(void *userdata) {
        const Scene *scene = userdata;

        return scene->stranger.kinds[FRAME_HS1] > 0;
}

static bool node_is_up(void *userdata) {
        const Scene *scene = userdata;

        return scene->node.ups > 0;
}

static bool node_has_heard(void *userdata) {
        const Scene *scene = userdata;

        return scene->node.messages >= scene->want;
}

/* The test is the coordinator. */
static void start_node(Scene *scene) {
        scene_start(scene);
        stranger_listen(&scene->stranger, scene->event, scene->address);
        node_start(&scene->node, scene->event, "m1", scene->address, &hasty);
        loop_wait(scene->event, is_greeted, scene);
}

static void order_every_kind(Scene *scene, Session *session) {
        for (MessageKind kind = 0; kind < MESSAGE_KIND_COUNT; kind++) {
                Message message = message_of(kind);

                stranger_say(&scene->stranger, session, &message);
        }
}

/* What comes after it has been read: then so has all that came before. */
static void wait_for_ack(Scene *scene, uint64_t number) {
        Message ack = ack_message(number);

        scene->want = scene->node.messages + 1;
        stranger_say(&scene->stranger, &scene->session, &ack);
        loop_wait(scene->event, node_has_heard, scene);
        assert_int_equal(scene->node.message.kind, MESSAGE_ACK);
        assert_true(ack_number(&scene->node.message) == number);
}

/* A welcome is for the link alone; all else that a coordinator may say is delivered. */
static void test_a_node_hears_what_a_coordinator_may_say_and_nothing_else(void **state) {
        unsigned allowed = count_said(PARTY_COORDINATOR, PARTY_MASTER) - 1;
        Scene scene;

        start_node(&scene);
        stranger_welcome(&scene.stranger, &scene.session, 7);
        loop_wait(scene.event, node_is_up, &scene);
        order_every_kind(&scene, &scene.session);
        scene.want = allowed;
        loop_wait(scene.event, node_has_heard, &scene);
        wait_for_ack(&scene, 99);
        assert_int_equal(scene.node.messages, allowed + 1);
        scene_stop(&scene);
}

static void test_a_node_hears_nothing_outside_its_session(void **state) {
        Session none = { .id = UINT64_C(0x0000000512345678) };
        Scene scene;

        start_node(&scene);
        order_every_kind(&scene, &none); /* before it has any */
        stranger_welcome(&scene.stranger, &scene.session, 7);
        loop_wait(scene.event, node_is_up, &scene);
        order_every_kind(&scene, &none);
        none.id = 7; /* and with the right id, but other keys */
        order_every_kind(&scene, &none);
        wait_for_ack(&scene, 99);
        assert_int_equal(scene.node.messages, 1);
        scene_stop(&scene);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_without_a_session_no_kind_gets_through),
                cmocka_unit_test(test_without_a_seal_no_kind_gets_through_in_any_frame),
                cmocka_unit_test(test_a_node_says_what_a_node_may_say_and_nothing_else),
                cmocka_unit_test(test_what_a_coordinator_says_introduces_no_node),
                cmocka_unit_test(test_with_a_revoked_key_no_kind_gets_through_any_more),
                cmocka_unit_test(test_a_node_hears_what_a_coordinator_may_say_and_nothing_else),
                cmocka_unit_test(test_a_node_hears_nothing_outside_its_session),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
