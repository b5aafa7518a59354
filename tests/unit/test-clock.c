/* SPDX-License-Identifier: Apache-2.0 */
#include "common/clock.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

/* The first second of 2024: a wall clock before that is not one. */
#define SOME_PAST (UINT64_C(1704067200) * USEC_PER_SEC)

static void test_boot_time_never_goes_back(void **state) {
        usec_t before = clock_boottime();

        for (unsigned i = 0; i < 1000; i++) {
                usec_t now = clock_boottime();

                assert_true(now >= before);
                before = now;
        }
}

static void test_the_two_clocks_are_two_clocks(void **state) {
        assert_true(clock_wall() > SOME_PAST);
        assert_true(clock_boottime() > 0);
        assert_true(clock_boottime() < SOME_PAST);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_boot_time_never_goes_back),
                cmocka_unit_test(test_the_two_clocks_are_two_clocks),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
