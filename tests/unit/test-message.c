/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/message.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <string.h>

#define RUN "1a2b3c4d5e6f708192a3b4c5d6e7f809"

static void check_names(const EnumNames *names, unsigned count) {
        assert_int_equal(names->count, count);

        for (unsigned i = 0; i < count; i++) {
                const char *name = enum_name(names, i);

                assert_non_null(name);
                assert_true(name_is_valid(name));
                assert_int_equal(enum_value(names, name), i);
        }

        assert_null(enum_name(names, count));
        assert_int_equal(enum_value(names, "no such thing"), -1);
}

static void test_every_enumerator_has_one_name_and_it_leads_back(void **state) {
        check_names(&role_names, ROLE_COUNT);
        check_names(&node_step_names, NODE_STEP_COUNT);
        check_names(&refusal_names, REFUSAL_COUNT);
        check_names(&message_kind_names, MESSAGE_KIND_COUNT);
        check_names(&failure_class_names, FAILURE_CLASS_COUNT);
        check_names(&read_what_names, READ_WHAT_COUNT);
}

static void test_an_order_says_by_which_epoch_and_about_which_step(void **state) {
        const Message start = { .kind = MESSAGE_START, .start = { .epoch = 4, .step = "r7" } };
        const Message watch = { .kind = MESSAGE_WATCH, .watch = { .epoch = 5, .step = "r7" } };
        const Message claim = { .kind = MESSAGE_CLAIM, .claim = { .epoch = 6 } };
        uint64_t epoch = 9;

        assert_string_equal(message_order(&start, &epoch), "r7");
        assert_int_equal(epoch, 4);
        assert_string_equal(message_order(&watch, &epoch), "");
        assert_int_equal(epoch, 5);
        assert_string_equal(message_order(&claim, &epoch), "");
        assert_int_equal(epoch, 0);
}

static void test_a_step_id_reads_like_its_run_node_and_attempt(void **state) {
        char id[STEP_ID_MAX];

        assert_true(step_id_format(id, 7, RUN, "m1", 2));
        assert_string_equal(id, "r7-1a2b3c4d-m1-2");
        assert_true(step_id_is_valid(id));
}

static void name_of(char name[static NAME_TEXT_MAX], size_t length, char last) {
        memset(name, 'n', length);
        name[length - 1] = last;
        name[length] = '\0';
}

static void test_step_ids_of_names_of_any_length_are_valid_and_differ(void **state) {
        for (size_t length = 1; length < NAME_TEXT_MAX; length++) {
                char name[NAME_TEXT_MAX];
                char a[STEP_ID_MAX];
                char b[STEP_ID_MAX];

                name_of(name, length, 'a');
                assert_true(step_id_format(a, UINT64_MAX, RUN, name, UINT64_MAX));
                assert_true(step_id_is_valid(a));

                name_of(name, length, 'b');
                assert_true(step_id_format(b, UINT64_MAX, RUN, name, UINT64_MAX));
                assert_string_not_equal(a, b);
        }
}

static void test_a_long_name_keeps_its_beginning_in_the_step_id(void **state) {
        const char start[] = "ip-10-0-3-7.";
        char name[NAME_TEXT_MAX];
        char id[STEP_ID_MAX];

        name_of(name, NAME_TEXT_MAX - 1, 'x');
        memcpy(name, start, sizeof(start) - 1);
        assert_true(step_id_format(id, 1, RUN, name, 1));
        assert_int_equal(strlen(id), STEP_ID_MAX - 1);
        assert_int_equal(strncmp(id, "r1-1a2b3c4d-ip-10-0-3-7.n", 25), 0);
        assert_string_equal(id + strlen(id) - 2, "-1");
}

static void test_the_longest_name_that_fits_is_not_cut(void **state) {
        char name[NAME_TEXT_MAX];
        char id[STEP_ID_MAX];
        size_t room = STEP_ID_MAX - 1 - strlen("r1-1a2b3c4d-") - strlen("-1");

        name_of(name, room, 'z');
        assert_true(step_id_format(id, 1, RUN, name, 1));
        assert_non_null(strstr(id, name));
}

static void test_no_step_id_is_made_of_an_invalid_name_or_run(void **state) {
        char id[STEP_ID_MAX] = "untouched";

        assert_false(step_id_format(id, 1, RUN, "../etc", 1));
        assert_false(step_id_format(id, 1, RUN, "", 1));
        assert_false(step_id_format(id, 1, "1a2b3c4d", "m1", 1));
        assert_string_equal(id, "untouched");
}

static void test_a_step_id_can_be_no_path_and_no_option(void **state) {
        static const char *const bad[] = {
                "",    ".", "..",  ".hidden", "-x",  "a/b",      "../a",
                "a b", "A", "a\n", "a_b",     "a@b", "\xc3\xa4",
        };
        char longest[STEP_ID_MAX + 1];

        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                assert_false(step_id_is_valid(bad[i]));

        memset(longest, 'a', sizeof(longest));
        longest[STEP_ID_MAX] = '\0';
        assert_false(step_id_is_valid(longest));
        longest[STEP_ID_MAX - 1] = '\0';
        assert_true(step_id_is_valid(longest));
}

static void test_a_unit_is_named_after_its_step(void **state) {
        char longest[STEP_ID_MAX];
        char unit[UNIT_MAX];

        assert_true(step_unit_format(unit, "r7-1a2b3c4d-m1-2"));
        assert_string_equal(unit, "rollpatch-step-r7-1a2b3c4d-m1-2.service");
        assert_false(step_unit_format(unit, "../x"));

        memset(longest, 'a', sizeof(longest));
        longest[STEP_ID_MAX - 1] = '\0';
        assert_true(step_unit_format(unit, longest));
}

static void test_only_a_message_that_carries_a_secret_is_wiped(void **state) {
        static const char nothing[IAM_TOKEN_MAX];
        Message login = { .kind = MESSAGE_LOGIN, .login = { .serial = 7 } };
        Message chunk = { .kind = MESSAGE_CHUNK };

        memset(login.login.token, 'x', sizeof(login.login.token));
        message_wipe(&login);
        assert_memory_equal(login.login.token, nothing, sizeof(nothing));
        assert_int_equal(login.login.serial, 7);

        memset(chunk.chunk.data, 'x', sizeof(chunk.chunk.data));
        message_wipe(&chunk);
        assert_int_equal(chunk.chunk.data[0], 'x');
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_only_a_message_that_carries_a_secret_is_wiped),
                cmocka_unit_test(test_every_enumerator_has_one_name_and_it_leads_back),
                cmocka_unit_test(test_an_order_says_by_which_epoch_and_about_which_step),
                cmocka_unit_test(test_a_step_id_reads_like_its_run_node_and_attempt),
                cmocka_unit_test(test_step_ids_of_names_of_any_length_are_valid_and_differ),
                cmocka_unit_test(test_a_long_name_keeps_its_beginning_in_the_step_id),
                cmocka_unit_test(test_the_longest_name_that_fits_is_not_cut),
                cmocka_unit_test(test_no_step_id_is_made_of_an_invalid_name_or_run),
                cmocka_unit_test(test_a_step_id_can_be_no_path_and_no_option),
                cmocka_unit_test(test_a_unit_is_named_after_its_step),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
