/* SPDX-License-Identifier: Apache-2.0 */
#include "common/parse.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <errno.h>
#include <string.h>

static void test_booleans_have_four_ways_each(void **state) {
        static const char *const yes[] = { "true", "yes", "on", "1" };
        static const char *const no[] = { "false", "no", "off", "0" };
        static const char *const bad[] = { "", "True", "YES", "y", "2", "true ", " true", "truee" };

        for (size_t i = 0; i < ELEMENTSOF(yes); i++) {
                bool value = false;

                assert_int_equal(parse_bool(yes[i], &value), 0);
                assert_true(value);
                assert_int_equal(parse_bool(no[i], &value), 0);
                assert_false(value);
        }

        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                bool value = true;

                assert_int_equal(parse_bool(bad[i], &value), -EINVAL);
                assert_true(value);
        }
}

static void test_numbers_reach_both_ends(void **state) {
        uint64_t value = 7;
        uint32_t small = 7;

        assert_int_equal(parse_u64("0", 0, UINT64_MAX, &value), 0);
        assert_true(value == 0);
        assert_int_equal(parse_u64("18446744073709551615", 0, UINT64_MAX, &value), 0);
        assert_true(value == UINT64_MAX);
        assert_int_equal(parse_u32("4294967295", 0, UINT32_MAX, &small), 0);
        assert_true(small == UINT32_MAX);
}

static void test_numbers_outside_are_out_of_range(void **state) {
        uint64_t value = 7;
        uint32_t small = 7;

        assert_int_equal(parse_u64("18446744073709551616", 0, UINT64_MAX, &value), -ERANGE);
        assert_int_equal(parse_u64("99999999999999999999999", 0, UINT64_MAX, &value), -ERANGE);
        assert_int_equal(parse_u64("4", 5, 6, &value), -ERANGE);
        assert_int_equal(parse_u64("7", 5, 6, &value), -ERANGE);
        assert_int_equal(parse_u32("4294967296", 0, UINT32_MAX, &small), -ERANGE);
        assert_true(value == 7);
        assert_true(small == 7);
}

static void test_what_is_no_number_is_refused(void **state) {
        static const char *const bad[] = {
                "",   " ",    "-1",  "+1",  " 1",  "1 ", "1x",
                "x1", "0x10", "1.0", "1e3", "007", "00", "99999999999999999999999x",
        };

        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                uint64_t value = 7;

                assert_int_equal(parse_u64(bad[i], 0, UINT64_MAX, &value), -EINVAL);
                assert_true(value == 7);
        }
}

static void test_sizes_have_suffixes(void **state) {
        uint64_t value = 7;

        assert_int_equal(parse_size("4711", &value), 0);
        assert_true(value == 4711);
        assert_int_equal(parse_size("0", &value), 0);
        assert_true(value == 0);
        assert_int_equal(parse_size("2K", &value), 0);
        assert_true(value == 2048);
        assert_int_equal(parse_size("3M", &value), 0);
        assert_true(value == UINT64_C(3) << 20);
        assert_int_equal(parse_size("17179869183G", &value), 0);
        assert_true(value == UINT64_C(17179869183) << 30);

        value = 7;
        assert_int_equal(parse_size("17179869184G", &value), -ERANGE);
        assert_int_equal(parse_size("18446744073709551616", &value), -ERANGE);
        assert_int_equal(parse_size("", &value), -EINVAL);
        assert_int_equal(parse_size("K", &value), -EINVAL);
        assert_int_equal(parse_size("1k", &value), -EINVAL);
        assert_int_equal(parse_size("1KB", &value), -EINVAL);
        assert_int_equal(parse_size("1 K", &value), -EINVAL);
        assert_int_equal(parse_size("1.5G", &value), -EINVAL);
        assert_int_equal(parse_size("-1", &value), -EINVAL);
        assert_true(value == 7);
}

static void test_ports_are_1_to_65535(void **state) {
        uint16_t port = 7;

        assert_int_equal(parse_port("1", &port), 0);
        assert_int_equal(port, 1);
        assert_int_equal(parse_port("65535", &port), 0);
        assert_int_equal(port, 65535);
        assert_int_equal(parse_port("0", &port), -ERANGE);
        assert_int_equal(parse_port("65536", &port), -ERANGE);
        assert_int_equal(parse_port("http", &port), -EINVAL);
        assert_int_equal(port, 65535);
}

static void test_names_are_harmless_words(void **state) {
        static const char *const good[] = { "m1", "a", "0", "m-1.example.com", "a.", "a-", "a..b" };
        static const char *const bad[] = {
                "", ".", "..", "-a", ".a", "A", "m_1", "m1/..", "m 1", "m1\n", "m\xc3\xa9", "m*",
        };
        char longest[NAME_TEXT_MAX], longer[NAME_TEXT_MAX + 1];

        for (size_t i = 0; i < ELEMENTSOF(good); i++)
                assert_true(name_is_valid(good[i]));
        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                assert_false(name_is_valid(bad[i]));

        memset(longest, 'a', sizeof(longest));
        longest[sizeof(longest) - 1] = '\0';
        assert_true(name_is_valid(longest));

        memset(longer, 'a', sizeof(longer));
        longer[sizeof(longer) - 1] = '\0';
        assert_false(name_is_valid(longer));
}

static void test_hexadecimal_has_exactly_so_many_digits(void **state) {
        assert_true(hex_is_valid("0123456789abcdef", 16));
        assert_true(hex_is_valid("", 0));
        assert_false(hex_is_valid("0123456789abcde", 16));
        assert_false(hex_is_valid("0123456789abcdef0", 16));
        assert_false(hex_is_valid("0123456789ABCDEF", 16));
        assert_false(hex_is_valid("0123456789abcdeg", 16));
        assert_false(hex_is_valid("0123456789abcde ", 16));
        assert_false(hex_is_valid("", 16));
}

static void test_endpoints_are_literal(void **state) {
        char address[ADDRESS_TEXT_MAX] = "";
        uint16_t port = 0;

        assert_int_equal(parse_endpoint("192.0.2.1:32070", address, &port), 0);
        assert_string_equal(address, "192.0.2.1");
        assert_int_equal(port, 32070);

        assert_int_equal(parse_endpoint("[2001:db8::1]:80", address, &port), 0);
        assert_string_equal(address, "2001:db8::1");
        assert_int_equal(port, 80);

        assert_int_equal(parse_endpoint("[::]:1", address, &port), 0);
        assert_string_equal(address, "::");
}

static void test_what_is_no_endpoint_is_refused_and_changes_nothing(void **state) {
        static const char *const bad[] = {
                "",
                ":",
                ":80",
                "192.0.2.1",
                "192.0.2.1:",
                "192.0.2.1:0",
                "192.0.2.1:65536",
                "192.0.2.1:80x",
                "192.0.2.256:80",
                "192.0.2:80",
                "192.0.2.01:80",
                "boot.example.com:80",
                "localhost:80",
                "2001:db8::1:80",
                "[2001:db8::1]",
                "[2001:db8::1]80",
                "[2001:db8::1:80",
                "[192.0.2.1]:80",
                "[]:80",
                "[:80",
                "]:80",
                "[fe80::1%eth0]:80",
                " 192.0.2.1:80",
                "[0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000]:1",
        };

        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                char address[ADDRESS_TEXT_MAX] = "same";
                uint16_t port = 7;

                assert_true(parse_endpoint(bad[i], address, &port) < 0);
                assert_string_equal(address, "same");
                assert_int_equal(port, 7);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_booleans_have_four_ways_each),
                cmocka_unit_test(test_numbers_reach_both_ends),
                cmocka_unit_test(test_numbers_outside_are_out_of_range),
                cmocka_unit_test(test_what_is_no_number_is_refused),
                cmocka_unit_test(test_sizes_have_suffixes),
                cmocka_unit_test(test_ports_are_1_to_65535),
                cmocka_unit_test(test_names_are_harmless_words),
                cmocka_unit_test(test_hexadecimal_has_exactly_so_many_digits),
                cmocka_unit_test(test_endpoints_are_literal),
                cmocka_unit_test(test_what_is_no_endpoint_is_refused_and_changes_nothing),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
