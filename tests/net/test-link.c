/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/net/harness.h"

#include <errno.h>
#include <string.h>

#include "common/clock.h"
#include "proto/codec.h"

#define STRANGE_ID UINT64_C(0x0000000512345678)

/* A coordinator with one node that has a session and beats. */
typedef struct Pair {
        sd_event *event;
        char address[ENDPOINT_TEXT_MAX];
        Coordinator coordinator;
        Node node;
        unsigned want;
} Pair;

static bool is_up(void *userdata) {
        const Node *node = userdata;

        return node->ups > 0;
}

static bool has_said_hello(void *userdata) {
        const Coordinator *coordinator = userdata;

        return coordinator->hellos > 0;
}

static void pair_start(Pair *pair) {
        *pair = (Pair) { .event = loop_new() };
        pick_endpoint(pair->address);
        coordinator_start(&pair->coordinator, pair->event, pair->address, &generous);
        node_start(&pair->node, pair->event, "m1", pair->address, &hasty);
        loop_wait(pair->event, is_up, &pair->node);
        node_beat(&pair->node, pair->event);
        loop_wait(pair->event, has_said_hello, &pair->coordinator);
}

static void pair_stop(Pair *pair) {
        node_stop(&pair->node);
        coordinator_stop(&pair->coordinator);
        (void) sd_event_unref(TAKE(pair->event));
}

/* --- the good case --- */

static bool node_has_messages(void *userdata) {
        const Pair *pair = userdata;

        return pair->node.messages >= pair->want;
}

static bool coordinator_has_messages(void *userdata) {
        const Pair *pair = userdata;

        return pair->coordinator.messages >= pair->want;
}

static void test_a_node_says_hello_with_its_first_words_in_the_session(void **state) {
        Pair pair;

        pair_start(&pair);
        assert_string_equal(pair.coordinator.hello.name, "m1");
        assert_int_equal(pair.coordinator.hello.fence, 12);
        assert_int_equal(pair.coordinator.hellos, 1);
        assert_true(link_is_up(pair.node.link));
        pair_stop(&pair);
}

static void fill_claimed(Claimed *claimed) {
        *claimed = (Claimed) {
                .epoch = 7,
                .journal_id = "fedcba9876543210fedcba9876543210",
                .step_count = STEPS_CLAIM_MAX,
        };

        for (size_t i = 0; i < claimed->step_count; i++) {
                StepBrief *brief = &claimed->steps[i];

                memset(brief->step, 'a', sizeof(brief->step) - 1);
                brief->state = NODE_STEP_INTERRUPTED;
                brief->fence = FENCE_MAX;
                brief->exit_status = 255;
        }
}

static void test_a_claim_is_answered_with_all_steps_a_node_may_know(void **state) {
        Message claim = { .kind = MESSAGE_CLAIM, .claim = { .epoch = 7 } };
        Message claimed;
        Pair pair;

        pair_start(&pair);
        pair.want = 1;
        assert_int_equal(endpoint_send(pair.coordinator.endpoint, "m1", &claim), 0);
        loop_wait(pair.event, node_has_messages, &pair);
        assert_int_equal(pair.node.message.kind, MESSAGE_CLAIM);
        assert_int_equal(pair.node.message.claim.epoch, 7);

        memset(&claimed, 0, sizeof(claimed));
        claimed.kind = MESSAGE_CLAIMED;
        fill_claimed(&claimed.claimed);
        assert_int_equal(link_send(pair.node.link, &claimed), 0);
        loop_wait(pair.event, coordinator_has_messages, &pair);
        assert_string_equal(pair.coordinator.node, "m1");
        assert_memory_equal(&pair.coordinator.message.claimed, &claimed.claimed, sizeof(Claimed));
        pair_stop(&pair);
}

/* In portions, because the transport may drop what comes faster than the peer reads. */
static void test_a_thousand_messages_go_both_ways_in_order(void **state) {
        Message ready = {
                .kind = MESSAGE_READY,
                .ready = { .step = "r7-1a2b3c4d-m1-1",
                           .nonce = "0123456789abcdef0123456789abcdef" },
        };
        Pair pair;

        pair_start(&pair);
        for (unsigned i = 1; i <= 1000; i++) {
                Message ack = ack_message(i);

                ready.ready.fence = i;
                assert_int_equal(endpoint_send(pair.coordinator.endpoint, "m1", &ack), 0);
                assert_int_equal(link_send(pair.node.link, &ready), 0);
                if (i % 10 != 0)
                        continue;

                pair.want = i;
                loop_wait(pair.event, node_has_messages, &pair);
                loop_wait(pair.event, coordinator_has_messages, &pair);
                assert_int_equal(ack_number(&pair.node.message), i);
                assert_int_equal(pair.coordinator.message.ready.fence, i);
        }

        assert_int_equal(pair.node.messages, 1000);
        assert_int_equal(pair.coordinator.messages, 1000);
        assert_int_equal(endpoint_get_counters(pair.coordinator.endpoint).unreadable, 0);
        assert_int_equal(endpoint_get_counters(pair.coordinator.endpoint).replayed, 0);
        pair_stop(&pair);
}

static bool follows_the_new_heartbeat(void *userdata) {
        const Pair *pair = userdata;

        return link_get_heartbeat(pair->node.link) == pair->coordinator.heartbeat;
}

static void test_a_heartbeat_is_answered_with_the_heartbeat_that_is_wanted(void **state) {
        Pair pair;

        pair_start(&pair);
        assert_true(follows_the_new_heartbeat(&pair));
        pair.coordinator.heartbeat = 30 * USEC_PER_MSEC;
        assert_false(follows_the_new_heartbeat(&pair));
        loop_wait(pair.event, follows_the_new_heartbeat, &pair);
        assert_int_equal(pair.node.messages, 0); /* WELCOME is the link's own */
        pair_stop(&pair);
}

static void test_nothing_is_sent_to_whom_there_is_no_session_with(void **state) {
        AUTO_EVENT *event = loop_new();
        char address[ENDPOINT_TEXT_MAX];
        Message ack = ack_message(1);
        Message beat = heartbeat_message(1);
        Coordinator coordinator;
        Node node;

        pick_endpoint(address);
        coordinator_start(&coordinator, event, address, &generous);
        assert_int_equal(endpoint_send(coordinator.endpoint, "m1", &ack), -ENOTCONN);

        node_start(&node, event, "m1", address, &hasty);
        assert_int_equal(link_send(node.link, &beat), -ENOTCONN);
        assert_false(link_is_up(node.link));

        /* Not even with a session that was only offered: anybody could have asked for it. */
        loop_wait(event, is_up, &node);
        assert_int_equal(endpoint_send(coordinator.endpoint, "m1", &ack), -ENOTCONN);
        node_stop(&node);
        coordinator_stop(&coordinator);
}

/* --- a coordinator that comes again --- */

static bool is_up_again(void *userdata) {
        const Pair *pair = userdata;

        return pair->node.ups >= 2 && pair->coordinator.hellos >= 1 &&
               pair->coordinator.heartbeats >= 3;
}

static void test_a_restarted_coordinator_is_found_again(void **state) {
        Pair pair;

        pair_start(&pair);
        coordinator_stop(&pair.coordinator);
        loop_for(pair.event, 50 * USEC_PER_MSEC);
        coordinator_start(&pair.coordinator, pair.event, pair.address, &generous);
        loop_wait(pair.event, is_up_again, &pair);
        assert_true(link_is_up(pair.node.link));
        pair_stop(&pair);
}

static void test_a_frame_of_a_session_of_an_earlier_life_is_answered_with_nos(void **state) {
        AUTO_EVENT *event = loop_new();
        Session session = { .id = STRANGE_ID };
        Message beat = heartbeat_message(1);
        char address[ENDPOINT_TEXT_MAX];
        Coordinator coordinator;
        Stranger stranger;

        pick_endpoint(address);
        coordinator_start(&coordinator, event, address, &generous);
        stranger_dial(&stranger, event, address);
        stranger_say(&stranger, &session, &beat);
        loop_wait(event, was_told_nos, &stranger);
        assert_true(stranger.frame.session == STRANGE_ID);
        assert_int_equal(coordinator.heartbeats, 0);
        assert_int_equal(endpoint_get_counters(coordinator.endpoint).unknown_session, 1);
        stranger_stop(&stranger);
        coordinator_stop(&coordinator);
}

/* --- a coordinator that is scripted --- */

typedef struct Script {
        sd_event *event;
        char address[ENDPOINT_TEXT_MAX];
        Stranger stranger; /* plays the coordinator */
        Session session;
        Node node;
        unsigned want;
} Script;

static bool script_heard_hellos(void *userdata) {
        const Script *script = userdata;

        return script->stranger.kinds[FRAME_HS1] >= script->want;
}

static void script_start(Script *script, const LinkTiming *timing) {
        *script = (Script) { .event = loop_new(), .want = 1 };
        pick_endpoint(script->address);
        stranger_listen(&script->stranger, script->event, script->address);
        node_start(&script->node, script->event, "m1", script->address, timing);
        loop_wait(script->event, script_heard_hellos, script);
}

static void script_stop(Script *script) {
        node_stop(&script->node);
        stranger_stop(&script->stranger);
        (void) sd_event_unref(TAKE(script->event));
}

static void script_welcome(Script *script, uint64_t id) {
        unsigned ups = script->node.ups;

        script->node.ups = 0;
        stranger_welcome(&script->stranger, &script->session, id);
        loop_wait(script->event, is_up, &script->node);
        script->node.ups += ups;
}

static bool is_hopeless(void *userdata) {
        const Script *script = userdata;

        return script->node.hopeless >= script->want;
}

static void test_a_hello_that_nobody_answers_is_said_again_and_at_last_hopeless(void **state) {
        Script script;

        script_start(&script, &hasty);
        loop_wait(script.event, is_hopeless, &script);
        assert_int_equal(script.stranger.kinds[FRAME_HS1], 6); /* the first, and five re-dials */
        assert_int_equal(script.node.hopeless, 1);

        /* Hopeless or not, the link goes on. */
        script.want = 7;
        loop_wait(script.event, script_heard_hellos, &script);
        script_welcome(&script, STRANGE_ID);
        script_stop(&script);
}

static void test_where_nobody_listens_it_is_hopeless_too(void **state) {
        Script script = { .event = loop_new(), .want = 1 };
        LinkTiming timing = hasty;

        timing.connect = 50 * USEC_PER_MSEC;
        pick_endpoint(script.address);
        node_start(&script.node, script.event, "m1", script.address, &timing);
        loop_wait(script.event, is_hopeless, &script);
        assert_int_equal(script.node.ups, 0);
        node_stop(&script.node);
        (void) sd_event_unref(script.event);
}

static void test_a_word_of_the_coordinator_makes_redials_count_anew(void **state) {
        Message ack = ack_message(1);
        Script script;

        script_start(&script, &hasty);
        node_beat(&script.node, script.event);
        for (unsigned i = 1; i <= 4; i++) {
                script.want = 4 * i;
                loop_wait(script.event, script_heard_hellos, &script);
                script_welcome(&script, STRANGE_ID + i);
                stranger_say(&script.stranger, &script.session, &ack);
                loop_for(script.event, 20 * USEC_PER_MSEC);
                assert_int_equal(script.node.messages, i);
        }

        assert_int_equal(script.node.hopeless, 0);
        script_stop(&script);
}

static void test_a_coordinator_that_falls_silent_is_dialled_again(void **state) {
        Script script;

        script_start(&script, &hasty);
        script_welcome(&script, STRANGE_ID);
        assert_true(link_is_up(script.node.link));
        node_beat(&script.node, script.event);

        /* It reads all heartbeats and answers none. */
        script.want = 2;
        loop_wait(script.event, script_heard_hellos, &script);
        assert_false(link_is_up(script.node.link));
        assert_in_range(script.stranger.kinds[FRAME_DATA], 2, 6);
        script_stop(&script);
}

static bool is_told_of_the_heartbeat(void *userdata) {
        const Script *script = userdata;

        return script->node.heartbeats > 0;
}

/* It beats every hour, and is told to beat far more often: before its next beat, nothing is
 * missing. */
static void test_a_shorter_heartbeat_is_no_reason_to_hang_up(void **state) {
        LinkTiming timing = hasty;
        Script script;

        timing.heartbeat = USEC_PER_HOUR;
        script_start(&script, &timing);
        script_welcome(&script, STRANGE_ID);
        loop_wait(script.event, is_told_of_the_heartbeat, &script);
        assert_int_equal(link_get_heartbeat(script.node.link), 50 * USEC_PER_MSEC);
        loop_for(script.event, 500 * USEC_PER_MSEC);
        assert_int_equal(script.stranger.kinds[FRAME_HS1], 1);
        assert_true(link_is_up(script.node.link));
        script_stop(&script);
}

static void test_unknown_session_is_believed_once_in_a_while(void **state) {
        LinkTiming timing = hasty;
        Script script;
        Frame nos = { .kind = FRAME_NOS, .session = STRANGE_ID };
        uint8_t buffer[FRAME_HEADER_MAX];
        size_t size;

        timing.renewal = USEC_PER_HOUR;
        timing.handshake = USEC_PER_HOUR;
        timing.connect = USEC_PER_HOUR;
        script_start(&script, &timing);
        script_welcome(&script, STRANGE_ID);
        assert_int_equal(frame_encode(&nos, buffer, sizeof(buffer), &size), 0);

        /* The first makes the node say hello, while it keeps its session. */
        for (unsigned i = 0; i < 10; i++)
                stranger_send(&script.stranger, buffer, size);

        script.want = 2;
        loop_wait(script.event, script_heard_hellos, &script);
        assert_true(link_is_up(script.node.link));

        /* All others are not believed, also when the new session stands. */
        script_welcome(&script, STRANGE_ID + 1);
        nos.session = STRANGE_ID + 1;
        assert_int_equal(frame_encode(&nos, buffer, sizeof(buffer), &size), 0);
        for (unsigned i = 0; i < 10; i++)
                stranger_send(&script.stranger, buffer, size);

        loop_for(script.event, 50 * USEC_PER_MSEC);
        assert_int_equal(script.stranger.kinds[FRAME_HS1], 2);
        script_stop(&script);
}

static void test_unknown_session_of_another_session_is_not_believed(void **state) {
        Frame nos = { .kind = FRAME_NOS, .session = STRANGE_ID + 1 };
        LinkTiming timing = hasty;
        uint8_t buffer[FRAME_HEADER_MAX];
        Script script;
        size_t size;

        timing.heartbeat = USEC_PER_HOUR;
        script_start(&script, &timing);
        script_welcome(&script, STRANGE_ID);
        assert_int_equal(frame_encode(&nos, buffer, sizeof(buffer), &size), 0);
        stranger_send(&script.stranger, buffer, size);
        loop_for(script.event, 50 * USEC_PER_MSEC);
        assert_int_equal(script.stranger.kinds[FRAME_HS1], 1);
        script_stop(&script);
}

static void test_a_node_takes_a_message_once_and_only_what_a_coordinator_may_say(void **state) {
        Message ack = ack_message(1);
        Message beat = heartbeat_message(1);
        uint8_t buffer[SESSION_BYTES_MAX];
        Script script;
        size_t size;

        script_start(&script, &hasty);
        script_welcome(&script, STRANGE_ID);
        stranger_say(&script.stranger, &script.session, &beat);
        assert_int_equal(
                        session_seal(&script.session, &ack, buffer, sizeof(buffer), &size, NULL),
                        0);
        for (unsigned i = 0; i < 5; i++)
                stranger_send(&script.stranger, buffer, size);

        stranger_welcome(&script.stranger, &script.session, STRANGE_ID + 1); /* not asked for */
        loop_for(script.event, 50 * USEC_PER_MSEC);
        assert_int_equal(script.node.messages, 1);
        assert_int_equal(script.node.message.kind, MESSAGE_ACK);
        assert_int_equal(script.node.ups, 1);
        script_stop(&script);
}

/* --- who is not let in any more --- */

static bool node_is_silent(void *userdata) {
        const Pair *pair = userdata;
        Message ack = ack_message(1);

        return endpoint_send(pair->coordinator.endpoint, "m1", &ack) == -ENOTCONN;
}

static bool pair_has_refused(void *userdata) {
        const Pair *pair = userdata;

        return endpoint_get_counters(pair->coordinator.endpoint).refused >= pair->want;
}

static void test_a_key_that_was_revoked_has_no_session_from_then_on(void **state) {
        unsigned heartbeats;
        Pair pair;

        pair_start(&pair);
        key_revoke("m1", true);
        endpoint_forget(pair.coordinator.endpoint, "m1");
        heartbeats = pair.coordinator.heartbeats;
        assert_true(node_is_silent(&pair));
        pair.want = 2; /* it hears "unknown session", and asks for a new one */
        loop_wait(pair.event, pair_has_refused, &pair);
        assert_int_equal(pair.coordinator.heartbeats, heartbeats);
        assert_false(link_is_up(pair.node.link));

        key_revoke("m1", false);
        pair.node.ups = 0;
        loop_wait(pair.event, is_up, &pair.node);
        pair_stop(&pair);
}

/* Anybody on the way can write one. */
static void test_a_hint_does_not_keep_the_true_answer_from_being_heard(void **state) {
        Frame hint = { .kind = FRAME_HINT, .hint = FRAME_HINT_SEAL };
        LinkTiming timing = hasty;
        uint8_t buffer[FRAME_HEADER_MAX];
        Script script;
        size_t size;

        timing.handshake = USEC_PER_HOUR;
        script_start(&script, &timing);

        assert_int_equal(frame_encode(&hint, buffer, sizeof(buffer), &size), 0);
        for (unsigned i = 0; i < 10; i++)
                stranger_send(&script.stranger, buffer, size);
        loop_for(script.event, 20 * USEC_PER_MSEC);
        script_welcome(&script, STRANGE_ID);
        assert_int_equal(script.stranger.kinds[FRAME_HS1], 1);

        /* And where a session stands it says nothing. */
        stranger_send(&script.stranger, buffer, size);
        loop_for(script.event, 20 * USEC_PER_MSEC);
        assert_true(link_is_up(script.node.link));
        script_stop(&script);
}

static void test_a_refusal_is_no_session_and_no_dial_in_vain(void **state) {
        LinkTiming timing = hasty;
        Script script;

        timing.refused = 10 * USEC_PER_MSEC;
        script_start(&script, &timing);
        for (script.want = 2; script.want < 10; script.want++) {
                stranger_refuse(&script.stranger, "not now");
                loop_wait(script.event, script_heard_hellos, &script);
                assert_int_equal(script.node.ups, 0);
        }
        assert_int_equal(script.node.hopeless, 0);
        script_welcome(&script, STRANGE_ID);
        script_stop(&script);
}

/* --- a session that has become old --- */

static bool pair_is_renewed(void *userdata) {
        const Pair *pair = userdata;

        return pair->coordinator.hellos >= pair->want;
}

static void test_an_old_session_is_replaced_while_words_go_on_both_ways(void **state) {
        LinkTiming timing = hasty;
        usec_t limit = clock_boottime() + WAIT_MAX;
        unsigned acks = 0;
        Pair pair = { .event = loop_new(), .want = 4 };

        timing.rekey = 100 * USEC_PER_MSEC;
        timing.renewal = 20 * USEC_PER_MSEC;
        pick_endpoint(pair.address);
        coordinator_start(&pair.coordinator, pair.event, pair.address, &generous);
        node_start(&pair.node, pair.event, "m1", pair.address, &timing);
        node_beat(&pair.node, pair.event);
        loop_wait(pair.event, has_said_hello, &pair.coordinator);
        while (!loop_until(pair.event, pair_is_renewed, &pair, 5 * USEC_PER_MSEC)) {
                Message ack = ack_message(++acks);

                assert_int_equal(endpoint_send(pair.coordinator.endpoint, "m1", &ack), 0);
                assert_true(link_is_up(pair.node.link));
                assert_true(clock_boottime() < limit);
        }

        pair.want = acks; /* none was lost on the way */
        loop_wait(pair.event, node_has_messages, &pair);
        assert_int_equal(pair.node.messages, acks);
        assert_int_equal(pair.node.hopeless, 0);
        assert_int_equal(endpoint_get_counters(pair.coordinator.endpoint).unknown_session, 0);
        pair_stop(&pair);
}

/* --- sessions and routes at the coordinator --- */

static void test_answers_go_where_the_newest_frame_came_from(void **state) {
        AUTO_EVENT *event = loop_new();
        Message beat = heartbeat_message(1);
        char address[ENDPOINT_TEXT_MAX];
        Coordinator coordinator;
        Session session;
        Session late;
        Stranger a;
        Stranger b;

        pick_endpoint(address);
        coordinator_start(&coordinator, event, address, &generous);
        stranger_dial(&a, event, address);
        stranger_dial(&b, event, address);
        session = stranger_join(&a, event, "m1");
        late = session;
        late.sent = 2;
        session.sent = 4;

        stranger_say(&a, &session, &beat); /* 5 */
        loop_wait(event, heard, &a);

        /* 3 was held up, and comes by another way: it counts, but is not followed. */
        a.kinds[FRAME_DATA] = 0;
        stranger_say(&b, &late, &beat);
        loop_wait(event, heard, &a);
        assert_int_equal(b.kinds[FRAME_DATA], 0);
        assert_int_equal(coordinator.heartbeats, 2);

        /* 5 once more by that way: dropped. */
        late.sent = 4;
        stranger_say(&b, &late, &beat);
        stranger_say(&b, &session, &beat); /* 6: the node has moved */
        loop_wait(event, heard, &b);
        assert_int_equal(coordinator.heartbeats, 3);
        assert_int_equal(endpoint_get_counters(coordinator.endpoint).replayed, 1);

        stranger_stop(&a);
        stranger_stop(&b);
        coordinator_stop(&coordinator);
}

static void test_a_hello_in_another_ones_name_disturbs_nothing(void **state) {
        Message ack = ack_message(5);
        Stranger stranger;
        Pair pair;

        pair_start(&pair);
        stranger_dial(&stranger, pair.event, pair.address);
        for (unsigned i = 0; i < 5; i++)
                (void) stranger_join(&stranger, pair.event, "m1");

        pair.want = 1;
        assert_int_equal(endpoint_send(pair.coordinator.endpoint, "m1", &ack), 0);
        loop_wait(pair.event, node_has_messages, &pair);
        assert_int_equal(pair.coordinator.hellos, 1);
        assert_int_equal(pair.node.ups, 1);
        stranger_stop(&stranger);
        pair_stop(&pair);
}

static void test_a_node_has_one_session_in_use_and_one_offered(void **state) {
        AUTO_EVENT *event = loop_new();
        Message beat = heartbeat_message(1);
        char address[ENDPOINT_TEXT_MAX];
        Coordinator coordinator;
        Session sessions[3];
        Stranger stranger;

        pick_endpoint(address);
        coordinator_start(&coordinator, event, address, &generous);
        stranger_dial(&stranger, event, address);
        for (unsigned i = 0; i < 3; i++)
                sessions[i] = stranger_join(&stranger, event, "m1");

        assert_true(sessions[0].id != sessions[1].id && sessions[1].id != sessions[2].id);

        stranger_say(&stranger, &sessions[0], &beat); /* an offer that was replaced */
        loop_wait(event, was_told_nos, &stranger);
        assert_int_equal(coordinator.hellos, 0);

        stranger_say(&stranger, &sessions[2], &beat);
        loop_wait(event, heard, &stranger);
        assert_int_equal(coordinator.hellos, 1);

        stranger_stop(&stranger);
        coordinator_stop(&coordinator);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_a_node_says_hello_with_its_first_words_in_the_session),
                cmocka_unit_test(test_a_claim_is_answered_with_all_steps_a_node_may_know),
                cmocka_unit_test(test_a_thousand_messages_go_both_ways_in_order),
                cmocka_unit_test(test_a_heartbeat_is_answered_with_the_heartbeat_that_is_wanted),
                cmocka_unit_test(test_nothing_is_sent_to_whom_there_is_no_session_with),
                cmocka_unit_test(test_a_restarted_coordinator_is_found_again),
                cmocka_unit_test(test_a_frame_of_a_session_of_an_earlier_life_is_answered_with_nos),
                cmocka_unit_test(
                                test_a_hello_that_nobody_answers_is_said_again_and_at_last_hopeless),
                cmocka_unit_test(test_where_nobody_listens_it_is_hopeless_too),
                cmocka_unit_test(test_a_word_of_the_coordinator_makes_redials_count_anew),
                cmocka_unit_test(test_a_coordinator_that_falls_silent_is_dialled_again),
                cmocka_unit_test(test_a_shorter_heartbeat_is_no_reason_to_hang_up),
                cmocka_unit_test(test_unknown_session_is_believed_once_in_a_while),
                cmocka_unit_test(test_unknown_session_of_another_session_is_not_believed),
                cmocka_unit_test(
                                test_a_node_takes_a_message_once_and_only_what_a_coordinator_may_say),
                cmocka_unit_test(test_a_key_that_was_revoked_has_no_session_from_then_on),
                cmocka_unit_test(test_a_hint_does_not_keep_the_true_answer_from_being_heard),
                cmocka_unit_test(test_a_refusal_is_no_session_and_no_dial_in_vain),
                cmocka_unit_test(test_an_old_session_is_replaced_while_words_go_on_both_ways),
                cmocka_unit_test(test_answers_go_where_the_newest_frame_came_from),
                cmocka_unit_test(test_a_hello_in_another_ones_name_disturbs_nothing),
                cmocka_unit_test(test_a_node_has_one_session_in_use_and_one_offered),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
