/* SPDX-License-Identifier: Apache-2.0 */
#include "node-agent/tail.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <string.h>

#include "common/text.h"
#include "proto/schema.h"

static void assert_tail(size_t capacity, const char *data, const char *wanted) {
        char buffer[64];

        assert_true(capacity <= sizeof(buffer));
        tail_clean(buffer, capacity, data, strlen(data));
        assert_string_equal(buffer, wanted);
}

static void test_what_fits_is_kept_whole(void **state) {
        assert_tail(8, "", "");
        assert_tail(8, "seven l", "seven l");
        assert_tail(64, "one\ntwo\n", "one\ntwo\n");
}

static void test_what_is_too_long_begins_with_a_line(void **state) {
        assert_tail(8, "first\nsecond\nlast\n", "last\n");
        assert_tail(10, "first\nlast\n", "last\n");
        assert_tail(12, "first\nlast\n", "first\nlast\n");
}

static void test_a_line_that_is_too_long_is_cut(void **state) {
        assert_tail(8, "0123456789", "3456789");
        assert_tail(8, "0123456789\n", "456789\n");
}

static void test_what_a_terminal_would_obey_is_taken_out(void **state) {
        assert_tail(64, "a\x1b[31mred\r\nb\x7f\tc\xff\xc3\xa9\xe2\x82", "a?[31mred\nb?\tc?é??");
}

static void test_a_nul_byte_does_not_end_it(void **state) {
        char buffer[16];

        tail_clean(buffer, sizeof(buffer), "a\0b", 3);
        assert_string_equal(buffer, "a?b");
}

/* Whatever comes in fits into a message. */
static void test_any_bytes_become_plain_text(void **state) {
        char data[3 * TAIL_MAX], buffer[TAIL_MAX];
        uint64_t random = 1;

        for (size_t round = 0; round < 200; round++) {
                for (size_t i = 0; i < sizeof(data); i++) {
                        random = random * UINT64_C(6364136223846793005) + 1442695040888963407;
                        data[i] = (char) (random >> 56);
                }
                tail_clean(buffer, sizeof(buffer), data, round * sizeof(data) / 200);
                assert_true(text_is_plain(buffer));
                assert_true(strlen(buffer) < sizeof(buffer));
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_what_fits_is_kept_whole),
                cmocka_unit_test(test_what_is_too_long_begins_with_a_line),
                cmocka_unit_test(test_a_line_that_is_too_long_is_cut),
                cmocka_unit_test(test_what_a_terminal_would_obey_is_taken_out),
                cmocka_unit_test(test_a_nul_byte_does_not_end_it),
                cmocka_unit_test(test_any_bytes_become_plain_text),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
