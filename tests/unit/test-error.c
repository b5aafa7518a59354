/* SPDX-License-Identifier: Apache-2.0 */
#include "common/error.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <errno.h>
#include <string.h>

#include "common/text.h"

static void test_every_code_has_its_own_name_and_errno(void **state) {
        for (unsigned a = 0; a < ERROR_CODE_COUNT; a++) {
                assert_non_null(error_code_to_string((ErrorCode) a));
                assert_true(a == ERROR_NONE ? error_to_errno((ErrorCode) a) == 0
                                            : error_to_errno((ErrorCode) a) < 0);

                for (unsigned b = 0; b < a; b++) {
                        assert_string_not_equal(
                                        error_code_to_string((ErrorCode) a),
                                        error_code_to_string((ErrorCode) b));
                        assert_int_not_equal(
                                        error_to_errno((ErrorCode) a),
                                        error_to_errno((ErrorCode) b));
                }
        }
}

static void test_a_code_that_is_none_fails_closed(void **state) {
        assert_true(error_to_errno((ErrorCode) ERROR_CODE_COUNT) < 0);
        assert_null(error_code_to_string((ErrorCode) ERROR_CODE_COUNT));
}

static void test_setting_returns_the_errno_of_the_code(void **state) {
        Error error = {};

        assert_int_equal(error_setf(&error, ERROR_TOO_BIG, "%d bytes", 12), -EMSGSIZE);
        assert_int_equal(error.code, ERROR_TOO_BIG);
        assert_string_equal(error.text, "12 bytes");
}

static void test_nobody_needs_to_want_the_text(void **state) {
        assert_int_equal(error_setf(NULL, ERROR_BLOCKED, "x"), -EBUSY);
        assert_int_equal(error_errnof(NULL, ENOENT, "x"), -ENOENT);
        assert_true(error_prefixf(NULL, "x") < 0);
}

static void test_a_long_text_ends_with_three_dots(void **state) {
        char longest[ERROR_TEXT_MAX], longer[ERROR_TEXT_MAX + 1], longish[4 * ERROR_TEXT_MAX];
        Error error = {};

        memset(longest, 'a', sizeof(longest));
        longest[sizeof(longest) - 1] = '\0';
        (void) error_setf(&error, ERROR_IO, "%s", longest);
        assert_string_equal(error.text, longest);

        memset(longer, 'a', sizeof(longer));
        longer[sizeof(longer) - 1] = '\0';
        (void) error_setf(&error, ERROR_IO, "%s", longer);
        assert_int_equal(strlen(error.text), ERROR_TEXT_MAX - 1);
        assert_string_equal(error.text + ERROR_TEXT_MAX - 4, "...");
        assert_int_equal(error.text[ERROR_TEXT_MAX - 5], 'a');

        memset(longish, 'b', sizeof(longish));
        longish[sizeof(longish) - 1] = '\0';
        (void) error_setf(&error, ERROR_IO, "%s", longish);
        assert_string_equal(error.text + ERROR_TEXT_MAX - 4, "...");
}

static void test_a_cut_text_is_still_text(void **state) {
        char text[3 * ERROR_TEXT_MAX] = "";
        Error error = {};

        /* Two bytes each, at an odd and at an even place. */
        for (size_t shift = 0; shift < 2; shift++) {
                memset(text, 'x', shift);
                for (size_t i = shift; i + 2 < sizeof(text); i += 2)
                        memcpy(text + i, "\xc3\xa9", 3);

                (void) error_setf(&error, ERROR_IO, "%s", text);
                assert_true(text_is_plain(error.text));
                assert_true(strlen(error.text) >= ERROR_TEXT_MAX - 3);
                assert_string_equal(error.text + strlen(error.text) - 3, "...");
        }
}

static void test_a_text_that_shrinks_is_still_marked_as_cut(void **state) {
        char text[4 * ERROR_TEXT_MAX] = "";
        Error error = {};

        /* C1 controls: two bytes that become one question mark. */
        for (size_t i = 0; i + 2 < sizeof(text); i += 2)
                memcpy(text + i, "\xc2\x9b", 3);

        (void) error_setf(&error, ERROR_IO, "%s", text);
        assert_string_equal(error.text + strlen(error.text) - 4, "?...");
}

static void test_foreign_bytes_cannot_drive_a_terminal(void **state) {
        Error error = {};

        (void) error_setf(&error, ERROR_INVALID, "seen '%s'", "a\x1b[31m\n\xff");
        assert_string_equal(
                        error.text, "seen 'a?[31m?"
                                    "?'");
}

static void test_an_error_can_be_made_of_itself(void **state) {
        Error error = {};

        (void) error_setf(&error, ERROR_INVALID, "inner");
        (void) error_setf(&error, ERROR_UNSAFE, "outer: %s", error.text);
        assert_string_equal(error.text, "outer: inner");
}

static void test_a_system_error_says_its_text(void **state) {
        Error error = {};

        assert_int_equal(error_errnof(&error, ENOENT, "cannot open '%s'", "x"), -ENOENT);
        assert_int_equal(error.code, ERROR_NOT_FOUND);
        assert_string_equal(error.text, "cannot open 'x': No such file or directory");

        assert_int_equal(error_errnof(&error, -ENOSPC, "cannot write"), -ENOSPC);
        assert_int_equal(error.code, ERROR_NO_SPACE);

        assert_int_equal(error_errnof(&error, EPERM, "cannot write"), -EACCES);
        assert_int_equal(error.code, ERROR_DENIED);

        assert_int_equal(error_errnof(&error, EPIPE, "cannot write"), -EIO);
        assert_int_equal(error.code, ERROR_IO);
}

static void test_a_failure_without_errno_does_not_read_success(void **state) {
        Error error = {};

        assert_int_equal(error_errnof(&error, 0, "cannot write"), -EIO);
        assert_null(strstr(error.text, "Success"));
}

static void test_a_prefix_keeps_the_code(void **state) {
        Error error = {};

        (void) error_setf(&error, ERROR_TIMEOUT, "no answer");
        assert_int_equal(error_prefixf(&error, "%s: staging", "m2"), -ETIMEDOUT);
        assert_int_equal(error.code, ERROR_TIMEOUT);
        assert_string_equal(error.text, "m2: staging: no answer");
}

static void test_prefixing_an_empty_error_is_still_a_failure(void **state) {
        Error error = {};

        assert_true(error_prefixf(&error, "m2") < 0);
        assert_int_not_equal(error.code, ERROR_NONE);
}

static void test_prefixes_may_pile_up(void **state) {
        Error error = {};

        (void) error_setf(&error, ERROR_IO, "x");
        for (unsigned i = 0; i < ERROR_TEXT_MAX; i++)
                (void) error_prefixf(&error, "p");

        assert_int_equal(strlen(error.text), ERROR_TEXT_MAX - 1);
        assert_string_equal(error.text + ERROR_TEXT_MAX - 4, "...");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_every_code_has_its_own_name_and_errno),
                cmocka_unit_test(test_a_code_that_is_none_fails_closed),
                cmocka_unit_test(test_setting_returns_the_errno_of_the_code),
                cmocka_unit_test(test_nobody_needs_to_want_the_text),
                cmocka_unit_test(test_a_long_text_ends_with_three_dots),
                cmocka_unit_test(test_a_cut_text_is_still_text),
                cmocka_unit_test(test_a_text_that_shrinks_is_still_marked_as_cut),
                cmocka_unit_test(test_foreign_bytes_cannot_drive_a_terminal),
                cmocka_unit_test(test_an_error_can_be_made_of_itself),
                cmocka_unit_test(test_a_system_error_says_its_text),
                cmocka_unit_test(test_a_failure_without_errno_does_not_read_success),
                cmocka_unit_test(test_a_prefix_keeps_the_code),
                cmocka_unit_test(test_prefixing_an_empty_error_is_still_a_failure),
                cmocka_unit_test(test_prefixes_may_pile_up),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
