/* SPDX-License-Identifier: Apache-2.0 */
#include "common/fields.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <errno.h>
#include <string.h>

#include "common/id.h"
#include "common/parse.h"

typedef enum Colour {
        COLOUR_RED,
        COLOUR_GREEN,
        COLOUR_BLUE,
} Colour;
#define COLOUR_COUNT (COLOUR_BLUE + 1)

static const char *const colours[] = {
        [COLOUR_RED] = "red",
        [COLOUR_GREEN] = "green",
        [COLOUR_BLUE] = "blue",
};
DEFINE_ENUM_NAMES(colour, colours, COLOUR_COUNT);

typedef struct Part {
        char name[NAME_TEXT_MAX];
        uint64_t weight;
} Part;

typedef struct Thing {
        char text[9];
        char node[NAME_TEXT_MAX];
        char id[ID_TEXT_MAX];
        uint64_t number;
        bool flag;
        Colour colour;
        Part parts[3];
        size_t part_count;
        Part main;
        char more[9];
        char other[NAME_TEXT_MAX];
        char hash[5];
        uint64_t high;
        bool maybe;
        Colour tint;
        Part spares[2];
        size_t spare_count;
        Part spare;
        uint64_t not_in_the_table;
} Thing;

// clang-format off
static const Field part_fields[] = {
        F_NAME(Part, name),
        F_U64(Part, weight, 0, 100, .optional = true),
        F_END,
};

static const Field thing_fields[] = {
        F_TEXT(Thing, text),
        F_NAME(Thing, node),
        F_ID(Thing, id),
        F_U64(Thing, number, 5, UINT64_MAX),
        F_BOOL(Thing, flag),
        F_ENUM(Thing, colour, colour_names),
        F_LIST(Thing, parts, part_count, part_fields),
        F_OBJECT(Thing, main, part_fields),
        F_TEXT(Thing, more, .optional = true),
        F_NAME(Thing, other, .optional = true),
        F_ID(Thing, hash, .optional = true),
        F_U64(Thing, high, 10, 20, .optional = true),
        F_BOOL(Thing, maybe, .optional = true),
        F_ENUM(Thing, tint, colour_names, .optional = true),
        F_LIST(Thing, spares, spare_count, part_fields, .optional = true),
        F_OBJECT(Thing, spare, part_fields, .optional = true),
        F_END,
};
// clang-format on

#define REQUIRED                                                                          \
        "\"text\":\"a\\tb\",\"node\":\"m1\",\"id\":\"0123456789abcdef0123456789abcdef\"," \
        "\"number\":9007199254740991,\"flag\":true,\"colour\":\"green\","                 \
        "\"parts\":[{\"name\":\"p1\"},{\"name\":\"p2\",\"weight\":100}],"                 \
        "\"main\":{\"name\":\"p0\",\"weight\":1}"
#define OPTIONAL                                                                         \
        ",\"more\":\"x\",\"other\":\"m2\",\"hash\":\"beef\",\"high\":20,\"maybe\":true," \
        "\"tint\":\"blue\",\"spares\":[{\"name\":\"s1\"}],\"spare\":{\"name\":\"s0\"}"

static const Thing required = {
        .text = "a\tb",
        .node = "m1",
        .id = "0123456789abcdef0123456789abcdef",
        .number = JSON_NUMBER_MAX,
        .flag = true,
        .colour = COLOUR_GREEN,
        .parts = { { .name = "p1" }, { .name = "p2", .weight = 100 } },
        .part_count = 2,
        .main = { .name = "p0", .weight = 1 },
};

static Thing make_full(void) {
        Thing thing = required;

        memcpy(thing.more, "x", 2);
        memcpy(thing.other, "m2", 3);
        memcpy(thing.hash, "beef", 5);
        thing.high = 20;
        thing.maybe = true;
        thing.tint = COLOUR_BLUE;
        memcpy(thing.spares[0].name, "s1", 3);
        thing.spare_count = 1;
        memcpy(thing.spare.name, "s0", 3);
        return thing;
}

static int decode(const char *text, const char *const *ignore, Thing *ret, Error *error) {
        AUTO(Json) *json = NULL;

        assert_int_equal(json_parse(text, strlen(text), &json, NULL), 0);
        return fields_decode(thing_fields, json, ignore, ret, sizeof(*ret), error);
}

static void assert_encodes(const Thing *thing, const char *text) {
        AUTO(Json) *json = json_new_object();
        auto_free char *printed = NULL;

        assert_int_equal(fields_encode(thing_fields, thing, json, NULL), 0);
        printed = json_print(json);
        assert_string_equal(printed, text);
}

static void assert_not_encoded(const Thing *thing, const char *why) {
        AUTO(Json) *json = json_new_object();
        Error error = {};

        assert_int_equal(fields_encode(thing_fields, thing, json, &error), -EINVAL);
        if (!strstr(error.text, why))
                fail_msg("seen '%s', want '%s'", error.text, why);
}

/* And nothing is written. */
static void assert_refused(const char *text, const char *why) {
        Thing thing, before;
        Error error = {};

        memset(&thing, 0x5a, sizeof(thing));
        memcpy(&before, &thing, sizeof(thing));

        assert_int_equal(decode(text, NULL, &thing, &error), -EINVAL);
        assert_memory_equal(&thing, &before, sizeof(thing));
        if (!strstr(error.text, why))
                fail_msg("seen '%s', want '%s'", error.text, why);
}

static void test_encoding_is_canonical(void **state) {
        Thing full = make_full();

        assert_encodes(&required, "{" REQUIRED "}");
        assert_encodes(&full, "{" REQUIRED OPTIONAL "}");
}

static void test_what_is_written_is_what_is_read(void **state) {
        Thing full = make_full(), back;

        /* The record is taken as a whole: also what is in no table is zero after. */
        memset(&back, 0x5a, sizeof(back));
        assert_int_equal(decode("{" REQUIRED OPTIONAL "}", NULL, &back, NULL), 0);
        assert_encodes(&back, "{" REQUIRED OPTIONAL "}");
        assert_memory_equal(&back, &full, sizeof(back));

        memset(&back, 0x5a, sizeof(back));
        assert_int_equal(decode("{" REQUIRED "}", NULL, &back, NULL), 0);
        assert_memory_equal(&back, &required, sizeof(back));
}

static void test_the_order_of_keys_does_not_matter(void **state) {
        Thing thing = {};

        assert_int_equal(decode("{\"more\":\"x\"," REQUIRED "}", NULL, &thing, NULL), 0);
        assert_string_equal(thing.more, "x");
}

static void test_an_unknown_key_is_refused_with_the_closest_one(void **state) {
        assert_refused("{" REQUIRED ",\"mroe\":\"x\"}", "unknown key 'mroe', did you mean 'more'?");
        assert_refused("{" REQUIRED ",\"frobnicate\":1}", "unknown key 'frobnicate'");
        assert_refused("{" REQUIRED ",\"not_in_the_table\":1}", "unknown key 'not_in_the_table'");
        assert_refused("{" REQUIRED ",\"\":1}", "unknown key ''");
        assert_refused("{" REQUIRED ",\"a\\u001b[31m\":1}", "unknown key 'a?[31m'");
}

static void test_keys_of_the_envelope_are_ignored_at_the_top_only(void **state) {
        static const char *const ignore[] = { "v", "kind", NULL };
        Thing thing = {};

        assert_int_equal(decode("{\"v\":1,\"kind\":\"x\"," REQUIRED "}", ignore, &thing, NULL), 0);
        assert_int_equal(
                        decode("{" REQUIRED ",\"spare\":{\"name\":\"s\",\"v\":1}}", ignore, &thing,
                               NULL),
                        -EINVAL);
        assert_int_equal(decode("{\"w\":1," REQUIRED "}", ignore, &thing, NULL), -EINVAL);
}

/* A whole record but for one member, which is another; NULL: which is not there. */
static Json *make_with(const char *key, const Json *value) {
        AUTO(Json) *json = json_new_object(), *with = json_new_object();
        Thing full = make_full();

        assert_int_equal(fields_encode(thing_fields, &full, json, NULL), 0);
        for (const Json *i = json_first(json); i; i = json_next(i)) {
                const Json *taken = strcmp(json_key(i), key) == 0 ? value : i;

                if (taken)
                        assert_true(json_add(with, json_key(i), json_copy(taken)));
        }

        return TAKE(with);
}

static void test_every_required_key_must_be_there(void **state) {
        for (const Field *field = thing_fields; field->key; field++) {
                AUTO(Json) *less = make_with(field->key, NULL);
                Thing back = {};
                Error error = {};
                int r;

                r = fields_decode(thing_fields, less, NULL, &back, sizeof(back), &error);
                assert_int_equal(r, field->optional ? 0 : -EINVAL);
                if (!field->optional) {
                        assert_non_null(strstr(error.text, field->key));
                        assert_non_null(strstr(error.text, "is missing"));
                }
        }
}

static void assert_type_checked(const Field *field, const Json *value) {
        AUTO(Json) *with = make_with(field->key, value);
        bool right = (field->type == FIELD_BOOL && json_is_bool(value)) ||
                     (field->type == FIELD_TEXT && json_is_string(value));
        Thing back = {};

        assert_int_equal(
                        fields_decode(thing_fields, with, NULL, &back, sizeof(back), NULL),
                        right ? 0 : -EINVAL);
}

static void test_every_type_must_be_right(void **state) {
        static const char text[] = "[null,1.5,-1,true,\"~\",[1],{\"x\":1}]";
        AUTO(Json) *values = NULL;

        assert_int_equal(json_parse(text, strlen(text), &values, NULL), 0);
        for (const Field *field = thing_fields; field->key; field++) {
                for (const Json *value = json_first(values); value; value = json_next(value))
                        assert_type_checked(field, value);
        }
}

static void test_what_is_no_object_is_refused(void **state) {
        Thing thing = {};

        assert_int_equal(decode("[]", NULL, &thing, NULL), -EINVAL);
        assert_int_equal(decode("\"x\"", NULL, &thing, NULL), -EINVAL);
        assert_int_equal(
                        fields_decode(thing_fields, NULL, NULL, &thing, sizeof(thing), NULL),
                        -EINVAL);
}

static void test_text_is_bounded_by_its_array(void **state) {
        Thing thing = {};

        assert_int_equal(decode("{" REQUIRED ",\"more\":\"12345678\"}", NULL, &thing, NULL), 0);
        assert_string_equal(thing.more, "12345678");
        assert_refused("{" REQUIRED ",\"more\":\"123456789\"}",
                       "'more' is 9 bytes, want at most 8");
}

static void test_text_is_printable_utf8(void **state) {
        Thing thing = {};

        assert_int_equal(
                        decode("{" REQUIRED ",\"more\":\"a\\n\\tb\xc3\xa9\"}", NULL, &thing, NULL),
                        0);
        assert_string_equal(thing.more, "a\n\tb\xc3\xa9");
        assert_refused("{" REQUIRED ",\"more\":\"\\u001b[0m\"}", "'more'");
        assert_refused("{" REQUIRED ",\"more\":\"\\r\"}", "'more'");
        assert_refused("{" REQUIRED ",\"more\":\"\\u007f\"}", "'more'");
        assert_refused("{" REQUIRED ",\"more\":\"\\u009b\"}", "'more'");
        assert_refused("{" REQUIRED ",\"more\":\"\xff\"}", "'more'");
}

static void test_names_ids_and_enums_are_checked(void **state) {
        assert_refused("{" REQUIRED ",\"other\":\"../x\"}", "'other' is '../x', want a node name");
        assert_refused("{" REQUIRED ",\"other\":\"\"}", "'other' is '', want a node name");
        assert_refused("{" REQUIRED ",\"hash\":\"BEEF\"}", "'hash' is 'BEEF', want 4 lower-case");
        assert_refused("{" REQUIRED ",\"hash\":\"bee\"}", "'hash'");
        assert_refused("{" REQUIRED ",\"hash\":\"beef0\"}", "'hash'");
        assert_refused("{" REQUIRED ",\"tint\":\"gren\"}", "'gren', did you mean 'green'?");
        assert_refused("{" REQUIRED ",\"tint\":\"\"}", "'tint'");
}

static void test_numbers_keep_their_bounds(void **state) {
        Thing thing = {};

        assert_int_equal(decode("{" REQUIRED ",\"high\":10}", NULL, &thing, NULL), 0);
        assert_refused("{" REQUIRED ",\"high\":9}", "'high' is 9, want a whole number of 10 to 20");
        assert_refused("{" REQUIRED ",\"high\":21}", "'high'");
        assert_refused("{" REQUIRED ",\"high\":0}", "'high'");
        assert_refused("{" REQUIRED ",\"high\":10.5}", "'high'");
}

static void test_lists_are_bounded_and_errors_say_which_item(void **state) {
        assert_refused("{" REQUIRED
                       ",\"spares\":[{\"name\":\"a\"},{\"name\":\"b\"},{\"name\":\"c\"}]}",
                       "'spares' has 3 items");
        assert_refused("{" REQUIRED ",\"spares\":[{\"name\":\"a\"},{\"name\":\"B\"}]}",
                       "spares[1]: 'name' is 'B'");
        assert_refused("{" REQUIRED ",\"spares\":[{\"name\":\"a\"},{\"nam\":\"b\"}]}",
                       "spares[1]: unknown key 'nam', did you mean 'name'?");
        assert_refused("{" REQUIRED ",\"spares\":[1]}", "spares[0]: ");
        assert_refused("{" REQUIRED ",\"spare\":{\"name\":\"a\",\"weight\":101}}",
                       "spare: 'weight' is 101");
        assert_refused("{" REQUIRED ",\"spare\":{}}", "spare: 'name' is missing");
}

static void test_a_required_list_may_be_empty(void **state) {
        Thing thing = required;
        AUTO(Json) *json = json_new_object();
        Thing back = required;

        thing.part_count = 0;
        assert_int_equal(fields_encode(thing_fields, &thing, json, NULL), 0);
        assert_int_equal(json_size(json_find(json, "parts")), 0);
        assert_true(json_is_array(json_find(json, "parts")));
        assert_int_equal(fields_decode(thing_fields, json, NULL, &back, sizeof(back), NULL), 0);
        assert_int_equal(back.part_count, 0);
}

static void test_a_record_that_could_not_be_read_back_is_not_written(void **state) {
        Thing thing;

        thing = required;
        memset(thing.text, 'a', sizeof(thing.text));
        assert_not_encoded(&thing, "'text' has no end");

        thing = required;
        memcpy(thing.text, "\x1b", 2);
        assert_not_encoded(&thing, "'text'");

        thing = required;
        memcpy(thing.text, "\xff", 2);
        assert_not_encoded(&thing, "'text'");

        thing = required;
        thing.node[0] = '\0';
        assert_not_encoded(&thing, "'node'");

        thing = required;
        thing.id[0] = 'X';
        assert_not_encoded(&thing, "'id'");

        thing = required;
        thing.number = 4;
        assert_not_encoded(&thing, "'number' is 4");

        thing = required;
        thing.number = JSON_NUMBER_MAX + 1;
        assert_not_encoded(&thing, "'number'");

        thing = required;
        thing.colour = (Colour) 3;
        assert_not_encoded(&thing, "'colour'");

        thing = required;
        thing.part_count = 4;
        assert_not_encoded(&thing, "'parts' has 4 items");

        thing = required;
        thing.parts[1].name[0] = '-';
        assert_not_encoded(&thing, "parts[1]: 'name'");

        thing = required;
        thing.spare.weight = 5;
        assert_not_encoded(&thing, "spare: 'name'");
}

static void test_a_text_may_have_a_least_length_and_a_list_a_least_count(void **state) {
        // clang-format off
        const Field fields[] = {
                F_TEXT(Thing, text, .min = 1),
                F_LIST(Thing, parts, part_count, part_fields, .min = 1),
                F_END,
        };
        // clang-format on
        static const char *const bad[] = {
                "{\"text\":\"\",\"parts\":[{\"name\":\"a\"}]}",
                "{\"text\":\"a\",\"parts\":[]}",
        };
        Thing thing = {};

        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                AUTO(Json) *json = NULL;

                assert_int_equal(json_parse(bad[i], strlen(bad[i]), &json, NULL), 0);
                assert_int_equal(
                                fields_decode(fields, json, NULL, &thing, sizeof(thing), NULL),
                                -EINVAL);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_encoding_is_canonical),
                cmocka_unit_test(test_what_is_written_is_what_is_read),
                cmocka_unit_test(test_the_order_of_keys_does_not_matter),
                cmocka_unit_test(test_an_unknown_key_is_refused_with_the_closest_one),
                cmocka_unit_test(test_keys_of_the_envelope_are_ignored_at_the_top_only),
                cmocka_unit_test(test_every_required_key_must_be_there),
                cmocka_unit_test(test_every_type_must_be_right),
                cmocka_unit_test(test_what_is_no_object_is_refused),
                cmocka_unit_test(test_text_is_bounded_by_its_array),
                cmocka_unit_test(test_text_is_printable_utf8),
                cmocka_unit_test(test_names_ids_and_enums_are_checked),
                cmocka_unit_test(test_numbers_keep_their_bounds),
                cmocka_unit_test(test_lists_are_bounded_and_errors_say_which_item),
                cmocka_unit_test(test_a_required_list_may_be_empty),
                cmocka_unit_test(test_a_record_that_could_not_be_read_back_is_not_written),
                cmocka_unit_test(test_a_text_may_have_a_least_length_and_a_list_a_least_count),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
