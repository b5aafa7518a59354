/* SPDX-License-Identifier: Apache-2.0 */
#include "common/budget.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#define START (5 * USEC_PER_SEC)

static const BudgetRate rate = { .per_second = 2, .at_once = 10 };

static unsigned take_all(Budget *budget, usec_t now) {
        unsigned taken = 0;

        while (taken < 1000 && budget_take(budget, rate, now))
                taken++;

        return taken;
}

static void test_a_new_budget_is_full_and_no_more(void **state) {
        Budget budget = {};

        assert_int_equal(take_all(&budget, START), rate.at_once);
}

static void test_an_empty_one_brings_its_rate_a_second_by_the_microsecond(void **state) {
        Budget budget = {};

        (void) take_all(&budget, START);
        assert_false(budget_take(&budget, rate, START + USEC_PER_SEC / 2 - 1));
        assert_true(budget_take(&budget, rate, START + USEC_PER_SEC / 2));
        assert_false(budget_take(&budget, rate, START + USEC_PER_SEC / 2));
        assert_int_equal(take_all(&budget, START + 3 * USEC_PER_SEC), 5);
}

static void test_what_is_not_used_adds_up_to_what_it_holds(void **state) {
        Budget budget = {};

        (void) take_all(&budget, START);
        assert_int_equal(take_all(&budget, START + USEC_PER_MINUTE), rate.at_once);
        assert_int_equal(take_all(&budget, USEC_INFINITY - 1), rate.at_once);
}

static void test_a_clock_that_stands_or_goes_back_brings_nothing(void **state) {
        Budget budget = {};

        (void) take_all(&budget, START);
        assert_int_equal(take_all(&budget, START), 0);
        assert_int_equal(take_all(&budget, START - 1), 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_a_new_budget_is_full_and_no_more),
                cmocka_unit_test(test_an_empty_one_brings_its_rate_a_second_by_the_microsecond),
                cmocka_unit_test(test_what_is_not_used_adds_up_to_what_it_holds),
                cmocka_unit_test(test_a_clock_that_stands_or_goes_back_brings_nothing),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
