/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/session.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <errno.h>
#include <string.h>

#define ID UINT64_C(0x0000000712345678)

static const Message hello = {
        .kind = MESSAGE_HELLO,
        .hello = {
                .name = "m1",
                .role = ROLE_MASTER,
                .boot_id = "0123456789abcdef0123456789abcdef",
                .journal_id = "fedcba9876543210fedcba9876543210",
                .software = "0.1.0",
        },
};

static const Message welcome = { .kind = MESSAGE_WELCOME, .welcome = { .heartbeat = 1000000 } };

static Message beat(uint64_t sequence) {
        return (Message) { .kind = MESSAGE_HEARTBEAT, .heartbeat = { .sequence = sequence } };
}

/* The frame with `counter` of session ID, carrying that number as its heartbeat. */
static Frame sealed(uint64_t counter, uint8_t buffer[static SESSION_BYTES_MAX]) {
        Session sender = { .id = ID, .sent = counter - 1 };
        Message message = beat(counter);
        Frame frame;
        size_t size;

        assert_int_equal(
                        session_seal(&sender, &message, buffer, SESSION_BYTES_MAX, &size, NULL), 0);
        assert_true(sender.sent == counter);
        assert_int_equal(frame_decode(buffer, size, &frame, NULL), 0);
        return frame;
}

static int open_counter(Session *session, uint64_t counter, bool *ret_newest) {
        uint8_t buffer[SESSION_BYTES_MAX];
        Frame frame = sealed(counter, buffer);
        Message message;
        int r;

        r = session_open(session, &frame, &message, ret_newest, NULL);
        if (r >= 0)
                assert_true(message.heartbeat.sequence == counter);

        return r;
}

static void test_a_handshake_gives_both_ends_the_same_session(void **state) {
        uint8_t buffer[SESSION_BYTES_MAX];
        Session coordinator = {};
        Session node = {};
        Message heard;
        Frame frame;
        size_t size;

        assert_int_equal(session_hello(&hello, buffer, sizeof(buffer), &size, NULL), 0);
        assert_int_equal(frame_decode(buffer, size, &frame, NULL), 0);
        assert_int_equal(session_greet(&frame, &heard, NULL), 0);
        assert_string_equal(heard.hello.name, "m1");

        assert_int_equal(
                        session_accept(&coordinator, ID, &welcome, buffer, sizeof(buffer), &size,
                                       NULL),
                        0);
        assert_int_equal(frame_decode(buffer, size, &frame, NULL), 0);
        assert_int_equal(session_welcomed(&node, &frame, &heard, NULL), 0);
        assert_int_equal(heard.welcome.heartbeat, 1000000);

        assert_true(coordinator.id == ID);
        assert_memory_equal(&coordinator, &node, sizeof(node));
}

static void test_frames_are_numbered_from_one_without_gaps(void **state) {
        Session session = { .id = ID };

        for (uint64_t i = 1; i <= 10; i++) {
                uint8_t buffer[SESSION_BYTES_MAX];
                Message message = beat(i);
                Frame frame;
                size_t size;

                assert_int_equal(
                                session_seal(&session, &message, buffer, sizeof(buffer), &size,
                                             NULL),
                                0);
                assert_int_equal(frame_decode(buffer, size, &frame, NULL), 0);
                assert_true(frame.counter == i);
                assert_true(frame.session == ID);
        }
}

static void test_a_message_that_cannot_be_sealed_uses_up_no_number(void **state) {
        Message bad = { .kind = MESSAGE_ASK, .ask = { .epoch = 1, .step = "../x" } };
        Session session = { .id = ID, .sent = 5 };
        Message good = beat(1);
        uint8_t buffer[SESSION_BYTES_MAX];
        size_t size;

        assert_int_equal(
                        session_seal(&session, &bad, buffer, sizeof(buffer), &size, NULL), -EINVAL);
        assert_int_equal(session_seal(&session, &good, buffer, 10, &size, NULL), -EMSGSIZE);
        assert_true(session.sent == 5);
}

static void test_the_last_number_is_the_end_of_a_session(void **state) {
        Session session = { .id = ID, .sent = REPLAY_NUMBER_MAX - 1 };
        uint8_t buffer[SESSION_BYTES_MAX];
        Message message = beat(1);
        size_t size;

        assert_int_equal(session_seal(&session, &message, buffer, sizeof(buffer), &size, NULL), 0);
        assert_int_equal(
                        session_seal(&session, &message, buffer, sizeof(buffer), &size, NULL),
                        -EMSGSIZE);
        assert_true(session.sent == REPLAY_NUMBER_MAX);
}

static void test_a_frame_is_accepted_once(void **state) {
        Session session = { .id = ID };
        bool newest;

        for (uint64_t i = 1; i <= 200; i++) {
                assert_int_equal(open_counter(&session, i, &newest), 0);
                assert_true(newest);
                for (uint64_t again = i > 70 ? i - 70 : 1; again <= i; again++)
                        assert_int_equal(open_counter(&session, again, &newest), -ESTALE);
        }
}

static void test_late_frames_within_the_window_are_accepted_but_not_newest(void **state) {
        Session session = { .id = ID };
        bool newest;

        assert_int_equal(open_counter(&session, 100, &newest), 0);
        assert_true(newest);
        for (uint64_t counter = 99; counter > 100 - 64; counter--) {
                assert_int_equal(open_counter(&session, counter, &newest), 0);
                assert_false(newest);
        }
        assert_int_equal(open_counter(&session, 100 - 64, &newest), -ESTALE);
        assert_int_equal(open_counter(&session, 1, &newest), -ESTALE);
}

static void test_a_frame_that_fails_changes_nothing(void **state) {
        Session session = { .id = ID, .sent = 3, .window = { 7, 0x55 } };
        Session before = session;
        Message message = beat(42);
        Error error = {};
        bool newest = true;
        const uint8_t junk[] = "{\"v\":1,\"kind\":\"heartbeat\"}";
        Frame frames[] = {
                { FRAME_DATA, ID, 8, junk, sizeof(junk) - 1 }, /* unreadable */
                { FRAME_DATA, ID, 8, junk, 0 },
                { FRAME_DATA, ID, 0, junk, sizeof(junk) - 1 }, /* no counter */
                { FRAME_DATA, ID, 7, junk, sizeof(junk) - 1 }, /* replayed */
                { FRAME_DATA, ID + 1, 8, junk, sizeof(junk) - 1 },
                { FRAME_HS1, ID, 8, junk, sizeof(junk) - 1 },
        };

        for (size_t i = 0; i < ELEMENTSOF(frames); i++) {
                assert_true(session_open(&session, &frames[i], &message, &newest, &error) < 0);
                assert_memory_equal(&session, &before, sizeof(session));
                assert_true(newest);
                assert_int_equal(message.heartbeat.sequence, 42);
        }
}

static void test_replays_are_told_from_rubbish_and_from_strangers(void **state) {
        Session session = { .id = ID, .window = { 7, 1 } };
        Message message;
        Error error = {};
        bool newest;
        Frame frame = { .kind = FRAME_DATA, .session = ID, .counter = 7 };

        (void) session_open(&session, &frame, &message, &newest, &error);
        assert_int_equal(error.code, ERROR_CONFLICT);

        frame.counter = 8;
        (void) session_open(&session, &frame, &message, &newest, &error);
        assert_int_equal(error.code, ERROR_INVALID);

        frame.session = ID + 1;
        (void) session_open(&session, &frame, &message, &newest, &error);
        assert_int_equal(error.code, ERROR_NOT_FOUND);
}

static void test_no_session_means_nothing_can_be_opened(void **state) {
        Session none = {};
        bool newest;
        uint8_t buffer[SESSION_BYTES_MAX];
        Frame frame = sealed(1, buffer);
        Message message;

        frame.session = 0;
        assert_int_equal(session_open(&none, &frame, &message, &newest, NULL), -ENOENT);
}

static void test_a_handshake_takes_only_its_own_messages(void **state) {
        uint8_t buffer[SESSION_BYTES_MAX];
        Session session = { .id = 42, .sent = 3 };
        Message heard = beat(42);
        Frame frame = sealed(1, buffer);

        frame.kind = FRAME_HS1; /* a heartbeat is no hello */
        assert_int_equal(session_greet(&frame, &heard, NULL), -EINVAL);
        frame.kind = FRAME_HS2;
        assert_int_equal(session_greet(&frame, &heard, NULL), -EINVAL);
        assert_int_equal(session_welcomed(&session, &frame, &heard, NULL), -EINVAL);
        frame.kind = FRAME_DATA;
        assert_int_equal(session_welcomed(&session, &frame, &heard, NULL), -EINVAL);

        assert_int_equal(session.id, 42);
        assert_int_equal(session.sent, 3);
        assert_int_equal(heard.kind, MESSAGE_HEARTBEAT);
}

static void test_a_welcome_cut_anywhere_is_refused(void **state) {
        uint8_t buffer[SESSION_BYTES_MAX];
        Session accepted;
        size_t size;

        assert_int_equal(
                        session_accept(&accepted, ID, &welcome, buffer, sizeof(buffer), &size,
                                       NULL),
                        0);
        for (size_t cut = 4; cut < size; cut++) {
                Session session = {};
                Message heard;
                Frame frame;

                assert_int_equal(frame_decode(buffer, cut, &frame, NULL), 0);
                assert_int_equal(session_welcomed(&session, &frame, &heard, NULL), -EINVAL);
                assert_int_equal(session.id, 0);
        }
}

static void test_session_id_zero_is_refused(void **state) {
        uint8_t bytes[] = { 0, 0, 0, 0, 0, 0, 0, 0, '{', '}' };
        Frame frame = { .kind = FRAME_HS2, .body = bytes, .body_size = sizeof(bytes) };
        Session session = {};
        Message heard;
        Error error = {};

        assert_int_equal(session_welcomed(&session, &frame, &heard, &error), -EINVAL);
        assert_string_equal(error.text, "welcome has session id 0");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_a_handshake_gives_both_ends_the_same_session),
                cmocka_unit_test(test_frames_are_numbered_from_one_without_gaps),
                cmocka_unit_test(test_a_message_that_cannot_be_sealed_uses_up_no_number),
                cmocka_unit_test(test_the_last_number_is_the_end_of_a_session),
                cmocka_unit_test(test_a_frame_is_accepted_once),
                cmocka_unit_test(test_late_frames_within_the_window_are_accepted_but_not_newest),
                cmocka_unit_test(test_a_frame_that_fails_changes_nothing),
                cmocka_unit_test(test_replays_are_told_from_rubbish_and_from_strangers),
                cmocka_unit_test(test_no_session_means_nothing_can_be_opened),
                cmocka_unit_test(test_a_handshake_takes_only_its_own_messages),
                cmocka_unit_test(test_a_welcome_cut_anywhere_is_refused),
                cmocka_unit_test(test_session_id_zero_is_refused),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
