/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/net/harness.h"

#include <errno.h>
#include <string.h>

#include "common/clock.h"

/* Who is let in, what those do who are not, and how soon they come again. */

/* A node as the test makes it, and a coordinator. */
typedef struct Gate {
        sd_event *event;
        char address[ENDPOINT_TEXT_MAX];
        Coordinator coordinator;
        Node node;
        uint64_t want;
} Gate;

static void gate_start(Gate *gate, Node node, const LinkTiming *timing) {
        *gate = (Gate) { .event = loop_new(), .node = node };
        pick_endpoint(gate->address);
        coordinator_start(&gate->coordinator, gate->event, gate->address, &generous);
        node_start_as(&gate->node, gate->event, "m1", gate->address, timing);
        node_beat(&gate->node, gate->event);
}

static void gate_stop(Gate *gate) {
        node_stop(&gate->node);
        coordinator_stop(&gate->coordinator);
        (void) sd_event_unref(TAKE(gate->event));
}

static EndpointCounters gate_counters(const Gate *gate) {
        return endpoint_get_counters(gate->coordinator.endpoint);
}

static bool gate_has_refused(void *userdata) {
        const Gate *gate = userdata;

        return gate_counters(gate).refused >= gate->want;
}

static bool gate_has_enrolled(void *userdata) {
        const Gate *gate = userdata;

        return gate->node.enrolled > 0;
}

static bool gate_is_up(void *userdata) {
        const Gate *gate = userdata;

        return gate->node.ups > 0;
}

static KeyPair *new_key(void) {
        KeyPair *key = NULL;

        assert_int_equal(key_pair_generate(KEY_CHANNEL, &key, NULL), 0);
        return key;
}

static void test_a_node_is_its_key_whatever_name_it_says(void **state) {
        Gate gate;

        gate_start(&gate, (Node) { .key = key_of("m9") }, &hasty);
        loop_wait(gate.event, gate_has_enrolled, &gate);
        assert_string_equal(gate.coordinator.node, "m9");
        assert_string_equal(gate.coordinator.hello.name, "m1");
        gate_stop(&gate);
}

static void test_a_stranger_is_told_why_and_asks_again_later(void **state) {
        AUTO(KeyPair) *key = new_key();
        Gate gate;

        gate_start(&gate, (Node) { .key = key }, &hasty);
        gate.want = 3;
        loop_wait(gate.event, gate_has_refused, &gate);
        assert_int_equal(gate.node.ups, 0);
        assert_int_equal(gate.node.hopeless, 0);
        assert_int_equal(gate.coordinator.hellos, 0);
        assert_int_equal(gate.coordinator.heartbeats, 0);
        gate_stop(&gate);
}

static void test_who_is_refused_again_and_again_asks_ever_more_slowly(void **state) {
        AUTO(KeyPair) *key = new_key();
        LinkTiming timing = hasty;
        usec_t begin, end;
        Gate gate;

        timing.refused = 40 * USEC_PER_MSEC;
        gate_start(&gate, (Node) { .key = key }, &timing);
        gate.want = 1;
        loop_wait(gate.event, gate_has_refused, &gate);
        begin = clock_boottime();
        gate.want = 4; /* after 40, 80 and 160 ms at least */
        loop_wait(gate.event, gate_has_refused, &gate);
        end = clock_boottime();
        assert_true(end - begin >= 280 * USEC_PER_MSEC);
        gate_stop(&gate);
}

static void test_a_node_joins_with_a_token_once(void **state) {
        AUTO(KeyPair) *key = new_key();
        Gate gate;

        gate_start(&gate, (Node) { .key = key, .token = the_token() }, &hasty);
        loop_wait(gate.event, gate_has_enrolled, &gate);
        assert_true(gate.coordinator.guest.has_token);
        assert_memory_equal(gate.coordinator.guest.token, the_token()->id, TOKEN_ID_SIZE);
        assert_memory_equal(gate.coordinator.guest.key, key->public, KEY_SIZE);
        assert_int_equal(gate.coordinator.hellos, 1);
        gate_stop(&gate);
}

static void test_nobody_has_joined_before_the_coordinator_says_so(void **state) {
        AUTO(KeyPair) *key = new_key();
        Message order = ack_message(1);
        Gate gate;

        gate_start(&gate, (Node) { .key = key, .token = the_token() }, &hasty);
        gate.coordinator.deaf = true; /* its log cannot be written, say */
        loop_wait(gate.event, gate_is_up, &gate);
        loop_for(gate.event, 200 * USEC_PER_MSEC);
        assert_true(gate.coordinator.unheard > 0);
        assert_int_equal(endpoint_send(gate.coordinator.endpoint, "m1", &order), -ENOTCONN);
        assert_int_equal(gate.node.enrolled, 0);
        gate.coordinator.deaf = false;
        loop_wait(gate.event, gate_has_enrolled, &gate);
        gate_stop(&gate);
}

static void test_a_token_that_is_used_up_does_not_keep_out_who_is_known(void **state) {
        Gate gate;

        token_revoke(true);
        gate_start(&gate, (Node) { .token = the_token() }, &hasty);
        loop_wait(gate.event, gate_has_enrolled, &gate);
        assert_true(gate_counters(&gate).unknown_token == 1);
        assert_false(gate.coordinator.guest.has_token);
        gate_stop(&gate);
        token_revoke(false);
}

static bool gate_has_hinted(void *userdata) {
        const Gate *gate = userdata;
        EndpointCounters counters = gate_counters(gate);

        return counters.unknown_token + counters.unopened >= gate->want;
}

static void test_a_wrong_token_or_cluster_is_counted_and_never_hopeless(void **state) {
        AUTO(KeyPair) *key = new_key();
        Token wrong = *the_token();
        Token unknown;
        Node nodes[3];

        wrong.secret[5] ^= 1;
        nodes[0] = (Node) { .key = key, .token = &wrong };
        token_generate(&unknown);
        nodes[1] = (Node) { .key = key, .token = &unknown };
        nodes[2] = (Node) { .cluster = "another" };
        for (size_t i = 0; i < ELEMENTSOF(nodes); i++) {
                LinkTiming timing = hasty;
                Gate gate;

                timing.handshake = 20 * USEC_PER_MSEC;
                gate_start(&gate, nodes[i], &timing);
                gate.want = 5;
                loop_wait(gate.event, gate_has_hinted, &gate);
                assert_int_equal(gate.coordinator.false_tokens[true], i == 0 ? 5 : 0);
                assert_int_equal(gate.coordinator.false_tokens[false], i == 1 ? 5 : 0);
                assert_int_equal(gate.node.ups, 0);
                assert_int_equal(gate.node.hopeless, 0);
                assert_int_equal(gate.coordinator.hellos, 0);
                gate_stop(&gate);
        }
}

/* --- how soon they come again --- */

/* What anybody could have said is not asked about again before its rest is over. */
static LinkTiming patient(void) {
        LinkTiming timing = hasty;

        timing.refused = USEC_PER_HOUR;
        return timing;
}

static void test_who_is_refused_comes_again_when_the_coordinator_says(void **state) {
        AUTO(KeyPair) *key = new_key();
        const LinkTiming timing = patient();
        Gate gate;

        gate_start(&gate, (Node) { .key = key }, &timing);
        gate.coordinator.again = 20 * USEC_PER_MSEC; /* a person may approve it soon */
        gate.want = 4;
        loop_wait(gate.event, gate_has_refused, &gate);
        gate_stop(&gate);
}

static void test_without_that_a_refused_node_rests(void **state) {
        AUTO(KeyPair) *key = new_key();
        const LinkTiming timing = patient();
        Gate gate;

        gate_start(&gate, (Node) { .key = key }, &timing);
        gate.want = 1;
        loop_wait(gate.event, gate_has_refused, &gate);
        loop_for(gate.event, 200 * USEC_PER_MSEC);
        assert_true(gate_counters(&gate).refused == 1);
        gate_stop(&gate);
}

static void test_a_token_that_is_dropped_is_used_at_once(void **state) {
        AUTO(KeyPair) *key = new_key();
        const LinkTiming timing = patient();
        Gate gate;

        gate_start(&gate, (Node) { .key = key }, &timing);
        gate.want = 1;
        loop_wait(gate.event, gate_has_refused, &gate);
        gate.node.token = the_token();
        link_hurry(gate.node.link);
        loop_wait(gate.event, gate_has_enrolled, &gate);
        assert_true(gate_counters(&gate).refused == 1);
        gate_stop(&gate);
}

static bool gate_is_asked(void *userdata) {
        const Gate *gate = userdata;

        return gate_counters(gate).received > 0;
}

/* While the answer to a hello without it is on its way: that one is a refusal yet. */
static void test_a_token_that_is_dropped_meanwhile_is_used_at_once(void **state) {
        AUTO(KeyPair) *key = new_key();
        const LinkTiming timing = patient();
        Gate gate;

        gate_start(&gate, (Node) { .key = key }, &timing);
        loop_wait(gate.event, gate_is_asked, &gate);
        gate.node.token = the_token();
        link_hurry(gate.node.link);
        loop_wait(gate.event, gate_has_enrolled, &gate);
        gate_stop(&gate);
}

/* A wrong one came first: the right one is shown next, and not hello without any. */
static void test_after_a_wrong_token_the_right_one_is_used_at_once(void **state) {
        AUTO(KeyPair) *key = new_key();
        const LinkTiming timing = patient();
        Token wrong = *the_token();
        Gate gate;

        wrong.secret[5] ^= 1;
        gate_start(&gate, (Node) { .key = key, .token = &wrong }, &timing);
        gate.want = 1;
        loop_wait(gate.event, gate_has_hinted, &gate);
        loop_for(gate.event, 2 * timing.handshake);
        gate.node.token = the_token();
        link_hurry(gate.node.link);
        loop_wait(gate.event, gate_has_enrolled, &gate);
        assert_true(gate_counters(&gate).refused == 0);
        gate_stop(&gate);
}

static void test_a_hurry_does_nothing_to_a_session_that_stands(void **state) {
        Gate gate;

        gate_start(&gate, (Node) {}, &hasty);
        loop_wait(gate.event, gate_is_up, &gate);
        for (unsigned i = 0; i < 10; i++)
                link_hurry(gate.node.link);
        loop_for(gate.event, 200 * USEC_PER_MSEC);
        assert_int_equal(gate.node.ups, 1);
        assert_int_equal(gate.coordinator.hellos, 1);
        assert_true(link_is_up(gate.node.link));
        gate_stop(&gate);
}

static bool has_shown_a_token(void *userdata) {
        const Gate *gate = userdata;

        return gate->coordinator.joins > 0;
}

static bool is_enrolled_again(void *userdata) {
        const Gate *gate = userdata;

        return gate->node.enrolled > 1;
}

/* As long as it is known it shows none, wherever one may lie. */
static void test_a_node_that_was_known_shows_a_token_again_once_it_is_refused(void **state) {
        Gate gate;

        gate_start(&gate, (Node) {}, &hasty);
        loop_wait(gate.event, gate_has_enrolled, &gate);
        gate.node.token = the_token();
        endpoint_forget(gate.coordinator.endpoint, "m1");
        gate.node.ups = 0;
        loop_wait(gate.event, gate_is_up, &gate);
        assert_int_equal(gate.coordinator.joins, 0);

        key_revoke("m1", true);
        gate.coordinator.again = 20 * USEC_PER_MSEC;
        endpoint_forget(gate.coordinator.endpoint, "m1");
        loop_wait(gate.event, has_shown_a_token, &gate);
        key_revoke("m1", false);
        loop_wait(gate.event, is_enrolled_again, &gate);
        gate_stop(&gate);
}

static bool is_unheard(void *userdata) {
        const Coordinator *coordinator = userdata;

        return coordinator->unheard > 0;
}

static void expect_order_in(
                Stranger *stranger, sd_event *event, Session *session, Coordinator *coordinator) {
        Message ack = ack_message(7);
        Message message;
        bool newest;

        stranger->kinds[FRAME_DATA] = 0;
        assert_int_equal(endpoint_send(coordinator->endpoint, "m1", &ack), 0);
        loop_wait(event, heard, stranger);
        assert_int_equal(session_open(session, &stranger->frame, &message, &newest, NULL), 0);
        assert_int_equal(message.kind, MESSAGE_ACK);
        assert_int_equal(ack_number(&message), 7);
}

static void test_a_session_is_in_use_once_its_holder_was_let_in(void **state) {
        AUTO_EVENT *event = loop_new();
        Message beat = heartbeat_message(1);
        char address[ENDPOINT_TEXT_MAX];
        Coordinator coordinator;
        Stranger stranger;
        Session old;
        Session new;

        pick_endpoint(address);
        coordinator_start(&coordinator, event, address, &generous);
        stranger_dial(&stranger, event, address);
        old = stranger_join(&stranger, event, "m1");
        stranger_say(&stranger, &old, &beat);
        loop_wait(event, heard, &stranger);

        coordinator.deaf = true;
        new = stranger_join(&stranger, event, "m1");
        stranger_say(&stranger, &new, &beat);
        loop_wait(event, is_unheard, &coordinator);
        expect_order_in(&stranger, event, &old, &coordinator);
        stranger.kinds[FRAME_DATA] = 0;
        stranger_say(&stranger, &old, &beat);
        loop_wait(event, heard, &stranger);
        assert_int_equal(coordinator.heartbeats, 2);

        coordinator.deaf = false;
        stranger.kinds[FRAME_DATA] = 0;
        stranger_say(&stranger, &new, &beat);
        loop_wait(event, heard, &stranger);
        assert_int_equal(coordinator.heartbeats, 3);
        expect_order_in(&stranger, event, &new, &coordinator);

        stranger_stop(&stranger);
        coordinator_stop(&coordinator);
}

static void test_a_node_that_is_forgotten_while_it_is_let_in_is_not_heard(void **state) {
        AUTO_EVENT *event = loop_new();
        Message beat = heartbeat_message(1);
        char address[ENDPOINT_TEXT_MAX];
        Coordinator coordinator;
        Stranger stranger;
        Session session;

        pick_endpoint(address);
        coordinator_start(&coordinator, event, address, &generous);
        coordinator.forgetful = true;
        stranger_dial(&stranger, event, address);
        session = stranger_join(&stranger, event, "m1");
        stranger_say(&stranger, &session, &beat);
        stranger_say(&stranger, &session, &beat);
        loop_wait(event, was_told_nos, &stranger);
        assert_int_equal(coordinator.hellos, 1);
        assert_int_equal(coordinator.heartbeats, 0);
        assert_int_equal(endpoint_send(coordinator.endpoint, "m1", &beat), -ENOTCONN);

        stranger_stop(&stranger);
        coordinator_stop(&coordinator);
}

static void test_an_offer_that_nobody_uses_in_time_is_none_any_more(void **state) {
        AUTO_EVENT *event = loop_new();
        EndpointLimits limits = generous;
        Message beat = heartbeat_message(1);
        char address[ENDPOINT_TEXT_MAX];
        Coordinator coordinator;
        Stranger stranger;
        Session session;

        assert_true(endpoint_limits_default.offer == USEC_PER_MINUTE);
        limits.offer = 0;
        pick_endpoint(address);
        coordinator_start(&coordinator, event, address, &limits);
        stranger_dial(&stranger, event, address);
        session = stranger_join(&stranger, event, "m1");
        stranger_say(&stranger, &session, &beat);
        loop_wait(event, was_told_nos, &stranger);
        assert_int_equal(coordinator.hellos, 0);

        stranger_stop(&stranger);
        coordinator_stop(&coordinator);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_a_node_is_its_key_whatever_name_it_says),
                cmocka_unit_test(test_a_stranger_is_told_why_and_asks_again_later),
                cmocka_unit_test(test_who_is_refused_again_and_again_asks_ever_more_slowly),
                cmocka_unit_test(test_a_node_joins_with_a_token_once),
                cmocka_unit_test(test_nobody_has_joined_before_the_coordinator_says_so),
                cmocka_unit_test(test_a_token_that_is_used_up_does_not_keep_out_who_is_known),
                cmocka_unit_test(test_a_wrong_token_or_cluster_is_counted_and_never_hopeless),
                cmocka_unit_test(test_who_is_refused_comes_again_when_the_coordinator_says),
                cmocka_unit_test(test_without_that_a_refused_node_rests),
                cmocka_unit_test(test_a_token_that_is_dropped_is_used_at_once),
                cmocka_unit_test(test_a_token_that_is_dropped_meanwhile_is_used_at_once),
                cmocka_unit_test(test_after_a_wrong_token_the_right_one_is_used_at_once),
                cmocka_unit_test(test_a_hurry_does_nothing_to_a_session_that_stands),
                cmocka_unit_test(test_a_node_that_was_known_shows_a_token_again_once_it_is_refused),
                cmocka_unit_test(test_a_session_is_in_use_once_its_holder_was_let_in),
                cmocka_unit_test(test_a_node_that_is_forgotten_while_it_is_let_in_is_not_heard),
                cmocka_unit_test(test_an_offer_that_nobody_uses_in_time_is_none_any_more),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
