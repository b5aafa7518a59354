/* SPDX-License-Identifier: Apache-2.0 */
#include "common/json.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "common/text.h"

static Json *parse(const char *text) {
        Json *json = NULL;
        Error error = {};

        if (json_parse(text, strlen(text), &json, &error) < 0)
                fail_msg("%s: %s", text, error.text);

        return json;
}

static void assert_refused(const char *text, size_t length, const char *why) {
        Json *json = (Json *) &json;
        Error error = {};

        assert_int_equal(json_parse(text, length, &json, &error), -EINVAL);
        assert_ptr_equal(json, &json);
        assert_int_equal(error.code, ERROR_INVALID);
        if (!strstr(error.text, why))
                fail_msg("seen '%s', want '%s'", error.text, why);
}

static void assert_prints(const Json *json, const char *text) {
        auto_free char *printed = json_print(json);

        assert_string_equal(printed, text);
}

static void test_what_is_printed_is_what_was_read(void **state) {
        static const char *const texts[] = {
                "{}",
                "[]",
                "null",
                "true",
                "false",
                "0",
                "-1",
                "\"\"",
                "[1,2,[3,[]],{}]",
                "{\"b\":1,\"a\":[true,false,null],\"\":{\"x\":\"y\"}}",
                "\"\\\"\\\\\\b\\f\\n\\r\\t\\u0001\\u001f\"",
                "\"caf\xc3\xa9 \xe2\x82\xac\"",
                "9007199254740991",
                "-9007199254740991",
                "1234567890123",
                "0.1",
                "-1.5",
                "1e+300",
                "2.2250738585072014e-308",
        };

        for (size_t i = 0; i < ELEMENTSOF(texts); i++) {
                AUTO(Json) *json = parse(texts[i]);

                assert_prints(json, texts[i]);
        }
}

static void test_white_space_and_escapes_are_understood(void **state) {
        AUTO(Json) *json = parse(" \t\r\n{ \"a\" : [ 1 , 2 ] }\n ");
        AUTO(Json) *text = parse("\"\\u00e9\\/\\ud83d\\ude00\"");

        assert_prints(json, "{\"a\":[1,2]}");
        assert_string_equal(json_string_value(text), "\xc3\xa9/\xf0\x9f\x98\x80");
}

static void test_pretty_is_indented_and_says_the_same(void **state) {
        static const char text[] = "{\"a\":[1,{\"b\":[]}],\"c\":{}}";
        AUTO(Json) *json = parse(text), *again = NULL;
        auto_free char *pretty = json_print_pretty(json);

        assert_string_equal(
                        pretty,
                        "{\n  \"a\": [\n    1,\n    {\n      \"b\": []\n    }\n  ],\n  \"c\": {}\n}");
        again = parse(pretty);
        assert_prints(again, text);
}

static void test_what_is_packed_is_printed_as_it_would_have_been(void **state) {
        static const char text[] = "[{\"a\":[1,\"caf\\\"e\"]},2]";
        AUTO(Json) *json = parse(text), *list = json_new_array();

        for (const Json *item = json_first(json); item; item = json_next(item))
                assert_true(json_append(list, json_pack(json_copy(item))));

        assert_prints(list, text);
        assert_null(json_pack(NULL));
}

static void test_the_text_need_not_be_terminated(void **state) {
        static const char text[] = "[1,23]garbage";
        AUTO(Json) *json = NULL;

        assert_int_equal(json_parse(text, 6, &json, NULL), 0);
        assert_prints(json, "[1,23]");

        /* The last byte of what may be read, for the sanitizer to watch. */
        for (size_t length = 0; length < 6; length++) {
                auto_free char *exact = malloc(length + 1);
                AUTO(Json) *none = NULL;

                assert_non_null(exact);
                memcpy(exact, text, length);
                assert_int_equal(json_parse(exact, length, &none, NULL), -EINVAL);
        }
}

static void test_what_is_no_json_is_refused(void **state) {
        static const char *const bad[] = {
                "",          " ",           "{",
                "}",         "[",           "]",
                "[1",        "[1,",         "[1,]",
                "[,1]",      "[1 2]",       "{\"a\"}",
                "{\"a\":}",  "{\"a\":1,}",  "{a:1}",
                "{'a':1}",   "{1:2}",       "[}",
                "{]",        "nul",         "True",
                "tru",       "truefalse",   "NaN",
                "Infinity",  "-Infinity",   "-",
                "+1",        "01",          "-01",
                "1.",        ".5",          "1.e5",
                "1e",        "1e+",         "1-2",
                "0x10",      "1_000",       "\"",
                "\"abc",     "\"\\\"",      "\"\\x\"",
                "\"\\u12\"", "\"\\ud800\"", "\"\\udc00\"",
                "\"a\nb\"",  "\"a\tb\"",    "\"a\x01\"",
                "[1]\x01",   "\x0b[1]",     "\xef\xbb\xbf[1]",
                "// x\n1",   "[1]/**/",
        };

        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                assert_refused(bad[i], strlen(bad[i]), "malformed JSON");
}

static void test_trailing_bytes_are_refused(void **state) {
        assert_refused("{} x", 4, "byte 3");
        assert_refused("{}{}", 4, "byte 2");
        assert_refused("1 1", 3, "byte 2");
        assert_refused("[1],", 4, "byte 3");
}

static void test_nul_bytes_are_refused_however_they_come(void **state) {
        assert_refused("{}\0", 3, "NUL");
        assert_refused("\"a\0b\"", 5, "NUL");
        assert_refused("[1\0]", 4, "NUL");
        assert_refused("\"a\\u0000b\"", 10, "NUL");
        assert_refused("{\"a\\u0000b\":1}", 14, "NUL");

        /* A backslash, and then the letters u0000. */
        AUTO(Json) *json = parse("\"\\\\u0000\"");

        assert_string_equal(json_string_value(json), "\\u0000");
}

static void test_a_key_may_stand_only_once(void **state) {
        AUTO(Json) *good = NULL;

        assert_refused("{\"a\":1,\"b\":2,\"a\":1}", 19, "'a' stands twice");
        assert_refused("[{\"x\":{\"k\":1,\"k\":2}}]", 21, "'k' stands twice");
        assert_refused("{\"a\":1,\"\\u0061\":1}", 18, "'a' stands twice");
        assert_refused("{\"\":1,\"\":1}", 11, "'' stands twice");

        good = parse("{\"a\":1,\"A\":1,\"b\":{\"a\":1}}");
        assert_int_equal(json_size(good), 3);
}

static void test_many_keys_are_no_work_for_ever(void **state) {
        enum {
                COUNT = 50000
        };
        auto_free char *text = calloc(COUNT, 16);
        AUTO(Json) *json = NULL;
        size_t length = 1;

        assert_non_null(text);
        text[0] = '{';
        for (unsigned i = 0; i < COUNT; i++) {
                length += (size_t) snprintf(
                                text + length, 16, "\"%u\":1%s", i, i + 1 < COUNT ? "," : "}");
        }

        json = parse(text);
        assert_int_equal(json_size(json), COUNT);
}

static void nest(char *text, char open, char close, unsigned depth) {
        memset(text, open, depth);
        memset(text + depth, close, depth);
        text[2 * (size_t) depth] = '\0';
}

static void test_depth_is_bounded(void **state) {
        static const unsigned deep[] = { JSON_DEPTH_MAX + 1, 999, 1001, 100000 };
        auto_free char *text = malloc(200001);
        AUTO(Json) *json = NULL;

        assert_non_null(text);
        nest(text, '[', ']', JSON_DEPTH_MAX);
        json = parse(text);
        assert_true(json_is_array(json));

        for (size_t i = 0; i < ELEMENTSOF(deep); i++) {
                nest(text, '[', ']', deep[i]);
                assert_refused(text, strlen(text), "byte 32: nested too deeply");

                memset(text, '[', deep[i]);
                assert_refused(text, deep[i], "nested too deeply");
        }
}

/* "[0,0,...": two bytes of text would be 64 of memory. */
static void test_memory_for_many_small_values_is_bounded(void **state) {
        size_t size = 2 * (JSON_VALUES_MAX + 1) + 1;
        auto_free char *text = malloc(size + 1);

        assert_non_null(text);
        for (size_t i = 0; i < size; i++)
                text[i] = i % 2 == 0 ? ',' : '0';
        text[0] = '[';
        text[size - 1] = ']';
        text[size] = '\0';
        assert_refused(text, size, "too many values");
}

static void test_brackets_in_strings_are_no_depth(void **state) {
        char text[200];
        AUTO(Json) *json = NULL;

        (void) snprintf(text, sizeof(text), "\"\\\"%0100d\"", 0);
        for (char *p = text + 3; *p == '0'; p++)
                *p = '[';

        json = parse(text);
        assert_int_equal(strlen(json_string_value(json)), 101);
}

static void test_the_error_says_at_which_byte(void **state) {
        assert_refused("[1, 2, x]", 9, "byte 7");
        assert_refused("[1, 2, 03]", 10, "byte 8");
        assert_refused("[1 2]", 5, "byte 3");
}

static void test_types_are_told_apart(void **state) {
        static const char *const names[] = { "object", "array",   "string",
                                             "number", "boolean", "null" };
        AUTO(Json) *json = parse("[{},[],\"\",0,true,null]");
        size_t i = 0;

        for (const Json *item = json_first(json); item; item = json_next(item), i++) {
                assert_string_equal(json_type_name(item), names[i]);
                assert_int_equal(json_is_object(item), i == 0);
                assert_int_equal(json_is_array(item), i == 1);
                assert_int_equal(json_is_string(item), i == 2);
                assert_int_equal(json_is_number(item), i == 3);
                assert_int_equal(json_is_bool(item), i == 4);
                assert_int_equal(json_is_null(item), i == 5);
                assert_int_equal(json_string_value(item) != NULL, i == 2);
        }

        assert_int_equal(i, ELEMENTSOF(names));
        assert_string_equal(json_type_name(NULL), "nothing");
        assert_null(json_find(json, "a"));
        assert_null(json_find(NULL, "a"));
        assert_null(json_first(NULL));
        assert_int_equal(json_size(NULL), 0);
}

static void test_keys_are_walked_in_their_order(void **state) {
        AUTO(Json) *json = parse("{\"b\":1,\"a\":2}");
        const Json *first = json_first(json);

        assert_string_equal(json_key(first), "b");
        assert_string_equal(json_key(json_next(first)), "a");
        assert_null(json_next(json_next(first)));
        assert_ptr_equal(json_find(json, "b"), first);
        assert_null(json_find(json, "B"));
}

static void test_what_is_absent_is_not_found(void **state) {
        AUTO(Json) *json = parse("{\"a\":null}");
        char text[8] = "same";
        const Json *inner = json;
        uint64_t number = 7;
        double real = 7;
        bool flag = true;
        Error error = {};

        assert_int_equal(json_get_string(json, "x", text, sizeof(text), &error), -ENOENT);
        assert_string_equal(error.text, "'x' is missing");
        assert_int_equal(json_get_u64(json, "x", 0, 9, &number, NULL), -ENOENT);
        assert_int_equal(json_get_double(json, "x", &real, NULL), -ENOENT);
        assert_int_equal(json_get_bool(json, "x", &flag, NULL), -ENOENT);
        assert_int_equal(json_get_object(json, "x", &inner, NULL), -ENOENT);
        assert_int_equal(json_get_array(json, "x", &inner, NULL), -ENOENT);

        assert_int_equal(json_get_string(json, "a", text, sizeof(text), &error), -EINVAL);
        assert_string_equal(error.text, "'a' is null, want a string");
        assert_int_equal(json_get_u64(json, "a", 0, 9, &number, NULL), -EINVAL);
        assert_int_equal(json_get_double(json, "a", &real, NULL), -EINVAL);
        assert_int_equal(json_get_bool(json, "a", &flag, NULL), -EINVAL);
        assert_int_equal(json_get_object(json, "a", &inner, NULL), -EINVAL);
        assert_int_equal(json_get_array(json, "a", &inner, NULL), -EINVAL);

        assert_string_equal(text, "same");
        assert_true(number == 7 && real > 6 && flag && inner == json);
}

static void test_what_is_there_is_given(void **state) {
        AUTO(Json) *json =
                        parse("{\"s\":\"1234567\",\"n\":5,\"d\":0.5,\"b\":true,\"o\":{},\"a\":[]}");
        char text[8] = "", small[7] = "same";
        const Json *inner = NULL;
        uint64_t number = 0;
        double real = 0;
        bool flag = false;
        Error error = {};

        assert_int_equal(json_get_string(json, "s", text, sizeof(text), NULL), 0);
        assert_string_equal(text, "1234567");
        assert_int_equal(json_get_string(json, "s", small, sizeof(small), &error), -EINVAL);
        assert_string_equal(error.text, "'s' is 7 bytes, want at most 6");
        assert_string_equal(small, "same");
        assert_int_equal(json_get_u64(json, "n", 5, 5, &number, NULL), 0);
        assert_true(number == 5);
        assert_int_equal(json_get_double(json, "d", &real, NULL), 0);
        assert_true(real > 0.49 && real < 0.51);
        assert_int_equal(json_get_bool(json, "b", &flag, NULL), 0);
        assert_true(flag);
        assert_int_equal(json_get_object(json, "o", &inner, NULL), 0);
        assert_true(json_is_object(inner));
        assert_int_equal(json_get_array(json, "a", &inner, NULL), 0);
        assert_true(json_is_array(inner));
}

static int get_number(const char *text, uint64_t min, uint64_t max, uint64_t *ret) {
        AUTO(Json) *json = NULL;
        char object[128];

        assert_true(text_format(object, sizeof(object), "{\"n\":%s}", text));
        json = parse(object);
        return json_get_u64(json, "n", min, max, ret, NULL);
}

static void test_numbers_are_whole_and_not_negative(void **state) {
        // clang-format off
        static const struct { const char *text; uint64_t value; } good[] = {
                { "0", 0 }, { "-0", 0 }, { "1", 1 }, { "1.0", 1 }, { "1e3", 1000 }, { "2147483648", UINT64_C(1) << 31 },
                { "9007199254740990", JSON_NUMBER_MAX - 1 }, { "9007199254740991", JSON_NUMBER_MAX },
        };
        // clang-format on
        static const char *const bad[] = {
                "-1",
                "0.5",
                "1.5",
                "-0.5",
                "9007199254740992",
                "9007199254740993",
                "1e16",
                "1e300",
                "1e999",
                "-1e999",
                "18446744073709551615",
                "9007199254740991.9",
                "4294967295.5",
        };

        for (size_t i = 0; i < ELEMENTSOF(good); i++) {
                uint64_t value = 7;

                assert_int_equal(get_number(good[i].text, 0, UINT64_MAX, &value), 0);
                assert_true(value == good[i].value);
        }

        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                uint64_t value = 7;

                assert_int_equal(get_number(bad[i], 0, UINT64_MAX, &value), -EINVAL);
                assert_true(value == 7);
        }
}

static void test_numbers_keep_their_bounds(void **state) {
        uint64_t value = 7;

        assert_int_equal(get_number("4", 5, 6, &value), -EINVAL);
        assert_int_equal(get_number("7", 5, 6, &value), -EINVAL);
        assert_int_equal(get_number("5", 5, 6, &value), 0);
        assert_int_equal(get_number("6", 5, 6, &value), 0);
        assert_int_equal(get_number("9007199254740991", 0, JSON_NUMBER_MAX - 1, &value), -EINVAL);
        assert_true(value == 6);
}

static void test_infinity_is_no_double(void **state) {
        AUTO(Json) *json = parse("{\"d\":1e999}");
        double value = 7;

        assert_int_equal(json_get_double(json, "d", &value, NULL), -EINVAL);
        assert_true(value > 6 && value < 8);
}

static void test_whole_numbers_are_written_exactly(void **state) {
        static const uint64_t edges[] = {
                0,
                1,
                INT32_MAX,
                UINT32_MAX,
                UINT64_C(999999999999999),
                UINT64_C(1000000000000000),
                UINT64_C(1000000000000001),
                UINT64_C(9007199254740989),
                JSON_NUMBER_MAX - 1,
                JSON_NUMBER_MAX,
        };

        for (size_t i = 0; i < ELEMENTSOF(edges); i++) {
                AUTO(Json) *json = json_new_object(), *back = NULL;
                auto_free char *text = NULL;
                uint64_t value = 7;
                char want[64];

                assert_true(json_add_u64(json, "n", edges[i]));
                text = json_print(json);
                (void) snprintf(want, sizeof(want), "{\"n\":%llu}", (unsigned long long) edges[i]);
                assert_string_equal(text, want);

                back = parse(text);
                assert_int_equal(json_get_u64(back, "n", 0, UINT64_MAX, &value, NULL), 0);
                assert_true(value == edges[i]);
        }
}

static void test_doubles_read_back_as_themselves(void **state) {
        static const double values[] = { 0.1, 1.0 / 3, -2.5e-10, 1e22, 123456.789, 4e18, 5e-324 };

        for (size_t i = 0; i < ELEMENTSOF(values); i++) {
                AUTO(Json) *json = json_new_object(), *back = NULL;
                auto_free char *text = NULL;
                double value = 0;

                assert_true(json_add_double(json, "d", values[i]));
                text = json_print(json);
                back = parse(text);
                assert_int_equal(json_get_double(back, "d", &value, NULL), 0);
                assert_memory_equal(&value, &values[i], sizeof(value));
        }
}

static void test_what_cannot_be_read_back_is_written_as_null(void **state) {
        AUTO(Json) *json = json_new_object();

        assert_true(json_add_u64(json, "a", JSON_NUMBER_MAX + 1));
        assert_true(json_add_u64(json, "b", UINT64_MAX));
        assert_true(json_add_double(json, "c", (double) INFINITY));
        assert_true(json_add_double(json, "d", (double) NAN));
        assert_prints(json, "{\"a\":null,\"b\":null,\"c\":null,\"d\":null}");
}

static void test_building_keeps_the_order(void **state) {
        AUTO(Json) *json = json_new_object(), *copy = NULL;
        Json *list = json_new_array();

        assert_true(json_append(list, json_new_string("x")));
        assert_true(json_append(list, json_new_object()));
        assert_true(json_add_string(json, "s", "a\"b"));
        assert_true(json_add(json, "l", list));
        assert_true(json_add_bool(json, "b", false));
        assert_true(json_add_null(json, "n"));

        copy = json_copy(json);
        assert_prints(json, "{\"s\":\"a\\\"b\",\"l\":[\"x\",{}],\"b\":false,\"n\":null}");
        assert_prints(copy, "{\"s\":\"a\\\"b\",\"l\":[\"x\",{}],\"b\":false,\"n\":null}");
}

static void test_adding_what_could_not_be_made_fails(void **state) {
        AUTO(Json) *object = json_new_object(), *array = json_new_array();

        assert_false(json_add(object, "a", NULL));
        assert_false(json_append(array, NULL));
        assert_prints(object, "{}");
        assert_prints(array, "[]");
}

static void test_a_text_that_is_wiped_is_gone_from_memory_and_all_else_stays(void **state) {
        static const char text[] = "{\"token\":\"secret\",\"n\":7,\"other\":\"text\"}";
        AUTO(Json) *object = NULL;
        const char *place;

        assert_int_equal(json_parse(text, strlen(text), &object, NULL), 0);
        place = json_string_value(json_find(object, "token"));
        json_wipe_string(object, "token");
        json_wipe_string(object, "n");
        json_wipe_string(object, "absent");
        json_wipe_string(NULL, "token");
        assert_string_equal(place, "******");
        assert_string_equal(json_string_value(json_find(object, "other")), "text");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_a_text_that_is_wiped_is_gone_from_memory_and_all_else_stays),
                cmocka_unit_test(test_what_is_printed_is_what_was_read),
                cmocka_unit_test(test_white_space_and_escapes_are_understood),
                cmocka_unit_test(test_pretty_is_indented_and_says_the_same),
                cmocka_unit_test(test_what_is_packed_is_printed_as_it_would_have_been),
                cmocka_unit_test(test_the_text_need_not_be_terminated),
                cmocka_unit_test(test_what_is_no_json_is_refused),
                cmocka_unit_test(test_trailing_bytes_are_refused),
                cmocka_unit_test(test_nul_bytes_are_refused_however_they_come),
                cmocka_unit_test(test_a_key_may_stand_only_once),
                cmocka_unit_test(test_many_keys_are_no_work_for_ever),
                cmocka_unit_test(test_depth_is_bounded),
                cmocka_unit_test(test_memory_for_many_small_values_is_bounded),
                cmocka_unit_test(test_brackets_in_strings_are_no_depth),
                cmocka_unit_test(test_the_error_says_at_which_byte),
                cmocka_unit_test(test_types_are_told_apart),
                cmocka_unit_test(test_keys_are_walked_in_their_order),
                cmocka_unit_test(test_what_is_absent_is_not_found),
                cmocka_unit_test(test_what_is_there_is_given),
                cmocka_unit_test(test_numbers_are_whole_and_not_negative),
                cmocka_unit_test(test_numbers_keep_their_bounds),
                cmocka_unit_test(test_infinity_is_no_double),
                cmocka_unit_test(test_whole_numbers_are_written_exactly),
                cmocka_unit_test(test_doubles_read_back_as_themselves),
                cmocka_unit_test(test_what_cannot_be_read_back_is_written_as_null),
                cmocka_unit_test(test_building_keeps_the_order),
                cmocka_unit_test(test_adding_what_could_not_be_made_fails),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
