/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/frame.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <errno.h>
#include <string.h>

static const uint8_t body[] = { 'b', 'o', 'd', 'y' };

/* As the specification draws them (proto/README.md). */
static const uint8_t join[] = { 1, 1, 0, 0, 'b', 'o', 'd', 'y' };
static const uint8_t hs1[] = { 1, 2, 0, 0, 'b', 'o', 'd', 'y' };
static const uint8_t hs2[] = { 1, 3, 0, 0, 'b', 'o', 'd', 'y' };
static const uint8_t data[] = { 1, 4, 0, 0, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x18,
                                0, 0, 0, 0, 0,    0,    1,    2,    'b',  'o',  'd',  'y' };
static const uint8_t nos[] = { 1, 5, 0, 0, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x18 };
static const uint8_t hint[] = { 1, 6, 0, 0, 2 };

static const struct {
        Frame frame;
        const uint8_t *bytes;
        size_t size;
} samples[] = {
        { { .kind = FRAME_JOIN, .body = body, .body_size = sizeof(body) }, join, sizeof(join) },
        { { .kind = FRAME_HS1, .body = body, .body_size = sizeof(body) }, hs1, sizeof(hs1) },
        { { .kind = FRAME_HS2, .body = body, .body_size = sizeof(body) }, hs2, sizeof(hs2) },
        { { .kind = FRAME_DATA,
            .session = UINT64_C(0x1112131415161718),
            .counter = 0x0102,
            .body = body,
            .body_size = sizeof(body) },
          data,
          sizeof(data) },
        { { .kind = FRAME_NOS, .session = UINT64_C(0x1112131415161718) }, nos, sizeof(nos) },
        { { .kind = FRAME_HINT, .hint = FRAME_HINT_TOKEN }, hint, sizeof(hint) },
};

static void test_frames_are_the_bytes_of_the_specification(void **state) {
        for (size_t i = 0; i < ELEMENTSOF(samples); i++) {
                uint8_t buffer[64];
                size_t size;

                assert_int_equal(frame_encode(&samples[i].frame, buffer, sizeof(buffer), &size), 0);
                assert_int_equal(size, samples[i].size);
                assert_memory_equal(buffer, samples[i].bytes, size);
        }
}

static void test_what_was_written_is_read_back(void **state) {
        for (size_t i = 0; i < ELEMENTSOF(samples); i++) {
                const Frame *want = &samples[i].frame;
                Frame frame;

                assert_int_equal(frame_decode(samples[i].bytes, samples[i].size, &frame, NULL), 0);
                assert_int_equal(frame.kind, want->kind);
                assert_true(frame.session == want->session);
                assert_true(frame.counter == want->counter);
                assert_int_equal(frame.hint, want->hint);
                assert_int_equal(frame.body_size, want->body_size);
                if (want->body_size > 0)
                        assert_memory_equal(frame.body, want->body, want->body_size);
        }
}

static void test_a_cut_header_is_refused_and_the_result_untouched(void **state) {
        static const size_t headers[] = { 4, 4, 4, 20, 12, 5 };

        for (size_t i = 0; i < ELEMENTSOF(samples); i++) {
                for (size_t size = 0; size < headers[i]; size++) {
                        Frame frame = { .session = 42 };
                        Error error = {};

                        assert_int_equal(
                                        frame_decode(samples[i].bytes, size, &frame, &error),
                                        -EINVAL);
                        assert_true(frame.session == 42);
                        assert_int_equal(error.code, ERROR_INVALID);
                }
        }
}

static void test_a_body_may_be_empty(void **state) {
        Frame frame;

        assert_int_equal(frame_decode(data, FRAME_HEADER_MAX, &frame, NULL), 0);
        assert_int_equal(frame.body_size, 0);
}

static void test_only_this_version_and_its_kinds_are_read(void **state) {
        uint8_t bytes[sizeof(data)];
        unsigned accepted = 0;
        Frame frame;

        memcpy(bytes, data, sizeof(bytes));
        for (unsigned kind = 0; kind <= UINT8_MAX; kind++) {
                bytes[1] = (uint8_t) kind;
                if (frame_decode(bytes, sizeof(bytes), &frame, NULL) == 0)
                        accepted++;
        }
        assert_int_equal(accepted, 4); /* a NOS or HINT of this length is none */
}

static void test_a_newer_version_is_refused_in_plain_words(void **state) {
        uint8_t bytes[sizeof(data)];
        Error error = {};
        Frame frame;

        memcpy(bytes, data, sizeof(bytes));
        for (unsigned version = 2; version <= UINT8_MAX; version++) {
                bytes[0] = (uint8_t) version;
                assert_int_equal(
                                frame_decode(bytes, sizeof(bytes), &frame, &error),
                                -EPROTONOSUPPORT);
                assert_int_equal(error.code, ERROR_VERSION);
        }

        bytes[0] = 2;
        (void) frame_decode(bytes, sizeof(bytes), &frame, &error);
        assert_string_equal(error.text, "speaks version 2, want 1");
        bytes[0] = 0; /* there was none before 1 */
        assert_int_equal(frame_decode(bytes, sizeof(bytes), &frame, &error), -EINVAL);
        assert_int_equal(error.code, ERROR_INVALID);
}

static void test_reserved_bytes_must_be_zero(void **state) {
        for (size_t i = 2; i < 4; i++) {
                uint8_t bytes[sizeof(data)];
                Frame frame;

                memcpy(bytes, data, sizeof(bytes));
                bytes[i] = 1;
                assert_int_equal(frame_decode(bytes, sizeof(bytes), &frame, NULL), -EINVAL);
        }
}

static void test_a_hint_that_says_nothing_known_is_refused(void **state) {
        unsigned accepted = 0;

        for (unsigned value = 0; value <= UINT8_MAX; value++) {
                uint8_t bytes[] = { 1, 6, 0, 0, (uint8_t) value };
                Frame frame;

                if (frame_decode(bytes, sizeof(bytes), &frame, NULL) == 0)
                        accepted++;
        }
        assert_int_equal(accepted, 3);
}

static void test_a_nos_with_anything_behind_it_is_refused(void **state) {
        uint8_t bytes[sizeof(nos) + 1] = {};
        Frame frame;

        memcpy(bytes, nos, sizeof(nos));
        assert_int_equal(frame_decode(bytes, sizeof(bytes), &frame, NULL), -EINVAL);
}

static void test_nothing_is_written_beyond_the_buffer(void **state) {
        for (size_t i = 0; i < ELEMENTSOF(samples); i++) {
                for (size_t capacity = 0; capacity < samples[i].size; capacity++) {
                        uint8_t buffer[64];
                        size_t size = 42;

                        memset(buffer, 0xee, sizeof(buffer));
                        assert_int_equal(
                                        frame_encode(&samples[i].frame, buffer, capacity, &size),
                                        -EMSGSIZE);
                        assert_int_equal(size, 42);
                        for (size_t k = capacity; k < sizeof(buffer); k++)
                                assert_int_equal(buffer[k], 0xee);
                }
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_frames_are_the_bytes_of_the_specification),
                cmocka_unit_test(test_what_was_written_is_read_back),
                cmocka_unit_test(test_a_cut_header_is_refused_and_the_result_untouched),
                cmocka_unit_test(test_a_body_may_be_empty),
                cmocka_unit_test(test_only_this_version_and_its_kinds_are_read),
                cmocka_unit_test(test_a_newer_version_is_refused_in_plain_words),
                cmocka_unit_test(test_reserved_bytes_must_be_zero),
                cmocka_unit_test(test_a_hint_that_says_nothing_known_is_refused),
                cmocka_unit_test(test_a_nos_with_anything_behind_it_is_refused),
                cmocka_unit_test(test_nothing_is_written_beyond_the_buffer),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
