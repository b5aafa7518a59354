/* SPDX-License-Identifier: Apache-2.0 */
#include "common/enum-names.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

typedef enum Colour {
        COLOUR_RED,
        COLOUR_GREEN,
} Colour;
#define COLOUR_COUNT (COLOUR_GREEN + 1)

static const char *const table[] = {
        [COLOUR_RED] = "red",
        [COLOUR_GREEN] = "green",
};
DEFINE_ENUM_NAMES(colour, table, COLOUR_COUNT);

static void test_every_value_has_a_name_that_leads_back(void **state) {
        for (unsigned value = 0; value < COLOUR_COUNT; value++) {
                const char *name = enum_name(&colour_names, value);

                assert_true(name && enum_value(&colour_names, name) == (int) value);
        }
}

static void test_a_value_outside_has_no_name(void **state) {
        assert_null(enum_name(&colour_names, COLOUR_COUNT));
        assert_null(enum_name(&colour_names, UINT32_MAX));
}

static void test_a_foreign_name_has_no_value(void **state) {
        assert_int_equal(enum_value(&colour_names, "blue"), -1);
        assert_int_equal(enum_value(&colour_names, "RED"), -1);
        assert_int_equal(enum_value(&colour_names, ""), -1);
}

static void test_a_hole_in_the_table_is_no_name(void **state) {
        static const char *const holes[] = { [1] = "one" };
        const EnumNames names = { holes, ELEMENTSOF(holes) };

        assert_null(enum_name(&names, 0));
        assert_int_equal(enum_value(&names, "one"), 1);
        assert_int_equal(enum_value(&names, "zero"), -1);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_every_value_has_a_name_that_leads_back),
                cmocka_unit_test(test_a_value_outside_has_no_name),
                cmocka_unit_test(test_a_foreign_name_has_no_value),
                cmocka_unit_test(test_a_hole_in_the_table_is_no_name),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
