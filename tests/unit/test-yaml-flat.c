/* SPDX-License-Identifier: Apache-2.0 */
#include "common/yaml-flat.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <string.h>

#include "common/text.h"

static YamlFlat *parse(const char *text) {
        YamlFlat *flat = NULL;
        Error error = {};

        if (yaml_flat_parse(text, strlen(text), &flat, &error) < 0)
                fail_msg("'%s': %s", text, error.text);
        return flat;
}

static void assert_value(const char *value, const char *text, YamlKind kind) {
        char document[256];
        AUTO(YamlFlat) *flat = NULL;

        assert_true(text_format(document, sizeof(document), "a: %s\n", value));
        flat = parse(document);
        assert_int_equal(flat->count, 1);
        assert_string_equal(flat->values[0].key, "a");
        assert_string_equal(flat->values[0].text, text);
        assert_int_equal(flat->values[0].kind, kind);
}

static void assert_refused(const char *text, const char *why) {
        YamlFlat *flat = NULL;
        Error error = {};

        assert_true(yaml_flat_parse(text, strlen(text), &flat, &error) < 0);
        assert_null(flat);
        if (!strstr(error.text, why))
                fail_msg("'%s', want '%s'", error.text, why);
}

/* The generator makes a text of every value, and so do we: what is written in another way is no
 * difference. */
static void test_values_that_the_generator_takes_for_the_same_are_the_same(void **state) {
        static const struct {
                const char *value, *text;
                YamlKind kind;
        } rows[] = {
                { "false", "false", YAML_KIND_BOOL },
                { "no", "false", YAML_KIND_BOOL },
                { "Off", "false", YAML_KIND_BOOL },
                { "'false'", "false", YAML_KIND_TEXT },
                { "yes", "true", YAML_KIND_BOOL },
                { "'yes'", "yes", YAML_KIND_TEXT },
                { "10000", "10000", YAML_KIND_NUMBER },
                { "'10000'", "10000", YAML_KIND_TEXT },
                { "[a, b]", "[\"a\", \"b\"]", YAML_KIND_LIST },
                { "[\"a\",\"b\"]", "[\"a\", \"b\"]", YAML_KIND_LIST },
                { "'[\"a\", \"b\"]'", "[\"a\", \"b\"]", YAML_KIND_TEXT },
                { "\n- a\n- b", "[\"a\", \"b\"]", YAML_KIND_LIST },
                { "{b: 1, c: no}", "{\"b\": 1, \"c\": false}", YAML_KIND_MAPPING },
                { "{b: [x, {}]}", "{\"b\": [\"x\", {}]}", YAML_KIND_MAPPING },
                { "|-\n  10.0.0.5\n", "10.0.0.5", YAML_KIND_TEXT },
                { "[]", "[]", YAML_KIND_LIST },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++)
                assert_value(rows[i].value, rows[i].text, rows[i].kind);
}

static void test_what_only_looks_like_a_number_is_a_text(void **state) {
        static const char *const texts[] = {
                "10.0.0.11",
                "10.0.0.21:2181",
                "1hrs",
                "2.1.1",
                "00000000-0000-0000-0000-000000000000",
                "1-2",
                "0.0.0.0/8",
                ".",
                "e",
                "::1",
                "fd01:b::/64",
        };

        for (size_t i = 0; i < ELEMENTSOF(texts); i++)
                assert_value(texts[i], texts[i], YAML_KIND_TEXT);
}

/* Nobody means 8 by 010: what the generator makes of these must be quoted. */
static void test_numbers_that_are_not_plainly_whole_and_dates_are_seen(void **state) {
        static const char *const texts[] = {
                "1.5", "-0.5", "1e+3", "010", "0x1f", "1_000", "1:30", "2020-07-11", ".inf", ".5",
        };

        for (size_t i = 0; i < ELEMENTSOF(texts); i++)
                assert_value(texts[i], texts[i], YAML_KIND_FLOAT);

        assert_value("[1.5]", "[1.5]", YAML_KIND_FLOAT);
        assert_value("{b: [1, 2.5]}", "{\"b\": [1, 2.5]}", YAML_KIND_FLOAT);
        assert_value("", "null", YAML_KIND_NULL);
        assert_value("~", "null", YAML_KIND_NULL);
        assert_value("[a, null]", "[\"a\", null]", YAML_KIND_NULL);
}

static void test_a_file_that_does_not_say_what_it_seems_to_say_is_refused(void **state) {
        static const struct {
                const char *text, *why;
        } rows[] = {
                { "", "empty" },
                { "- a\n", "no mapping" },
                { "a\n", "no mapping" },
                { "a: 1\nb: 2\na: 3\n", "line 3: a key that stood there before" },
                { "a: &x 1\n", "an anchor" },
                { "a: &x 1\nb: *x\n", "an anchor" },
                { "a: !!str 1\n", "a tag" },
                { "a: !x [1]\n", "a tag" },
                { "a: 1\n---\nb: 2\n", "a second document" },
                { "[a]: 1\n", "a key that is no text" },
                { "a: [1\n", "not YAML" },
                { "a: [[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]\n", "nested too deep" },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++)
                assert_refused(rows[i].text, rows[i].why);
}

static void test_keys_are_found_with_their_lines(void **state) {
        AUTO(YamlFlat) *flat = parse("# a comment\nb: 1\n\na: 2\n");

        assert_int_equal(yaml_flat_find(flat, "b")->line, 2);
        assert_int_equal(yaml_flat_find(flat, "a")->line, 4);
        assert_null(yaml_flat_find(flat, "c"));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_values_that_the_generator_takes_for_the_same_are_the_same),
                cmocka_unit_test(test_what_only_looks_like_a_number_is_a_text),
                cmocka_unit_test(test_numbers_that_are_not_plainly_whole_and_dates_are_seen),
                cmocka_unit_test(test_a_file_that_does_not_say_what_it_seems_to_say_is_refused),
                cmocka_unit_test(test_keys_are_found_with_their_lines),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
