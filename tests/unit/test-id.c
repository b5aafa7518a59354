/* SPDX-License-Identifier: Apache-2.0 */
#include "common/id.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <string.h>

#include "common/parse.h"

static void test_random_ids_are_hexadecimal_and_differ(void **state) {
        char ids[64][ID_TEXT_MAX];

        for (size_t i = 0; i < ELEMENTSOF(ids); i++) {
                id_random(ids[i]);
                assert_true(hex_is_valid(ids[i], ID_TEXT_MAX - 1));

                for (size_t k = 0; k < i; k++)
                        assert_string_not_equal(ids[i], ids[k]);
        }
}

static void test_one_boot_has_one_id(void **state) {
        char a[ID_TEXT_MAX], b[ID_TEXT_MAX];

        assert_int_equal(id_boot(a), 0);
        assert_int_equal(id_boot(b), 0);
        assert_true(hex_is_valid(a, ID_TEXT_MAX - 1));
        assert_string_equal(a, b);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_random_ids_are_hexadecimal_and_differ),
                cmocka_unit_test(test_one_boot_has_one_id),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
