/* SPDX-License-Identifier: Apache-2.0 */
#include "common/text.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <string.h>

static void test_a_text_that_fits_is_copied_whole(void **state) {
        char buffer[4];

        assert_true(text_copy(buffer, sizeof(buffer), "abc"));
        assert_string_equal(buffer, "abc");
        assert_true(text_copy(buffer, sizeof(buffer), ""));
        assert_string_equal(buffer, "");
}

static void test_a_cut_text_stays_terminated(void **state) {
        char buffer[4], one[1];

        assert_false(text_copy(buffer, sizeof(buffer), "abcd"));
        assert_string_equal(buffer, "abc");
        assert_false(text_copy(one, sizeof(one), "a"));
        assert_string_equal(one, "");

        assert_false(text_format(buffer, sizeof(buffer), "%d", 12345));
        assert_string_equal(buffer, "123");
        assert_true(text_format(buffer, sizeof(buffer), "%d", 123));
        assert_string_equal(buffer, "123");
}

static void test_a_cut_never_leaves_half_a_character(void **state) {
        /* One of each length. */
        static const char text[] = "a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80";
        static const size_t whole[] = { 0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10 };
        char buffer[sizeof(text)];

        for (size_t room = 0; room < sizeof(text); room++) {
                assert_int_equal(text_copy(buffer, room + 1, text), room == strlen(text));
                assert_int_equal(strlen(buffer), whole[room]);

                assert_int_equal(text_format(buffer, room + 1, "%s", text), room == strlen(text));
                assert_int_equal(strlen(buffer), whole[room]);
        }
}

static void test_ellipsis_is_for_long_texts_only(void **state) {
        char buffer[6];

        text_ellipsize(buffer, sizeof(buffer), "abcde");
        assert_string_equal(buffer, "abcde");
        text_ellipsize(buffer, sizeof(buffer), "abcdef");
        assert_string_equal(buffer, "ab...");
        text_ellipsize(buffer, sizeof(buffer), "");
        assert_string_equal(buffer, "");
        text_ellipsize(buffer, 4, "abcdef");
        assert_string_equal(buffer, "...");
}

static void test_ellipsis_never_leaves_half_a_character(void **state) {
        static const char text[] = "ab\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac";

        for (size_t size = 4; size <= sizeof(text); size++) {
                char buffer[sizeof(text)];

                text_ellipsize(buffer, size, text);
                assert_true(strlen(buffer) < size);
                assert_true(text_is_plain(buffer));
                assert_int_equal(strstr(buffer, "...") == NULL, size == sizeof(text));
        }
}

static void test_terminals_get_nothing_to_obey(void **state) {
        char buffer[64];

        text_ellipsize(buffer, sizeof(buffer),
                       "a\nb\tc\x1b[2J\x7f\xc2\x9b"
                       "d\xff\xc3(");
        assert_string_equal(
                        buffer, "a?b?c?[2J?"
                                "?d?"
                                "?(");

        text_ellipsize(buffer, sizeof(buffer), "caf\xc3\xa9 \xe2\x82\xac");
        assert_string_equal(buffer, "caf\xc3\xa9 \xe2\x82\xac");
}

static void test_only_well_formed_utf8_is_plain(void **state) {
        static const char *const bad[] = {
                "\x80",             /* continuation alone */
                "\xc3",             /* ends early */
                "\xc3(",            /* not continued */
                "\xc0\xaf",         /* overlong slash */
                "\xe0\x80\xaf",     /* overlong slash */
                "\xf0\x80\x80\xaf", /* overlong slash */
                "\xed\xa0\x80",     /* surrogate */
                "\xf4\x90\x80\x80", /* beyond the last */
                "\xf5\x80\x80\x80", /* beyond the last */
                "\xe2\x82",         /* ends early */
                "\xf0\x9f\x98",     /* ends early */
                "\xff",
        };

        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                assert_int_equal(text_sequence(bad[i]), 0);
                assert_false(text_is_plain(bad[i]));
        }

        assert_int_equal(text_sequence(""), 0);
        assert_int_equal(text_sequence("a"), 1);
        assert_int_equal(text_sequence("\xc3\xa9"), 2);
        assert_int_equal(text_sequence("\xe2\x82\xac"), 3);
        assert_int_equal(text_sequence("\xf0\x9f\x98\x80"), 4);
}

static void test_control_characters_are_not_plain_but_two(void **state) {
        char text[2] = "";

        for (int c = 1; c < 0x80; c++) {
                text[0] = (char) c;
                assert_int_equal(
                                text_is_plain(text),
                                c == '\n' || c == '\t' || (c >= 0x20 && c != 0x7f));
        }

        assert_false(text_is_plain("\xc2\x85"));
        assert_true(text_is_plain("\xc2\xa0"));
        assert_true(text_is_plain(""));
}

static const char *const words[] = { "status", "preflight", "pause", "plan", "run", NULL, "runs" };

static const char *closest(const char *text) {
        return text_closest(text, words, ELEMENTSOF(words));
}

static void test_a_slip_finds_its_word(void **state) {
        assert_string_equal(closest("stauts"), "status");
        assert_string_equal(closest("staus"), "status");
        assert_string_equal(closest("statuss"), "status");
        assert_string_equal(closest("prefligth"), "preflight");
        assert_string_equal(closest("preflihgt-"), "preflight");
        assert_string_equal(closest("status"), "status");
        assert_string_equal(closest("rnu"), "run");
        assert_string_equal(closest("runz"), "run");
}

static void test_a_stranger_finds_none(void **state) {
        assert_null(closest("frobnicate"));
        assert_null(closest("p"));
        assert_null(closest(""));
        assert_null(closest("xx"));
        assert_null(text_closest("status", words, 0));
}

/* At most 3 edits, and fewer than half of the letters. */
static void test_far_is_too_far(void **state) {
        static const char *const long_word[] = { "abcdefghijkl" };

        assert_non_null(text_closest("abcdefghi", long_word, 1));
        assert_null(text_closest("abcdefgh", long_word, 1));

        static const char *const short_word[] = { "abcd" };

        assert_non_null(text_closest("abcx", short_word, 1));
        assert_null(text_closest("abxy", short_word, 1));
}

static void test_words_without_bounds_are_no_danger(void **state) {
        char endless[1000];
        const char *candidates[] = { endless, "status" };

        memset(endless, 'a', sizeof(endless));
        endless[sizeof(endless) - 1] = '\0';

        assert_null(text_closest(endless, words, ELEMENTSOF(words)));
        assert_null(text_closest(endless, candidates, ELEMENTSOF(candidates)));
        assert_string_equal(text_closest("statu", candidates, ELEMENTSOF(candidates)), "status");
}

static void test_a_prefix_is_at_the_beginning(void **state) {
        assert_true(text_starts_with("abc", "ab"));
        assert_true(text_starts_with("abc", ""));
        assert_true(text_starts_with("abc", "abc"));
        assert_false(text_starts_with("abc", "abcd"));
        assert_false(text_starts_with("abc", "b"));
}

static void test_a_name_before_a_text_is_left_out(void **state) {
        assert_string_equal(text_without_name("m1: disk is full", "m1"), "disk is full");
        assert_string_equal(text_without_name("m10: disk is full", "m1"), "m10: disk is full");
        assert_string_equal(text_without_name("m1 is full", "m1"), "m1 is full");
        assert_string_equal(text_without_name("m", "m1"), "m");
        assert_string_equal(text_without_name("m1: ", "m1"), "");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_a_text_that_fits_is_copied_whole),
                cmocka_unit_test(test_a_cut_text_stays_terminated),
                cmocka_unit_test(test_a_cut_never_leaves_half_a_character),
                cmocka_unit_test(test_ellipsis_is_for_long_texts_only),
                cmocka_unit_test(test_ellipsis_never_leaves_half_a_character),
                cmocka_unit_test(test_terminals_get_nothing_to_obey),
                cmocka_unit_test(test_only_well_formed_utf8_is_plain),
                cmocka_unit_test(test_control_characters_are_not_plain_but_two),
                cmocka_unit_test(test_a_slip_finds_its_word),
                cmocka_unit_test(test_a_stranger_finds_none),
                cmocka_unit_test(test_far_is_too_far),
                cmocka_unit_test(test_words_without_bounds_are_no_danger),
                cmocka_unit_test(test_a_prefix_is_at_the_beginning),
                cmocka_unit_test(test_a_name_before_a_text_is_left_out),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
