/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/gate.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

/* The oracle knows nothing of masters: a vector of facts is one number, six bits a master, and a
 * bit that differs from the one good number is a fault. */

#define BITS    6
#define GOOD    UINT64_C(7) /* claimed, fresh, healthy; no slot, not unresolved, no backup */
#define CLAIMED UINT64_C(1)
#define MASK    ((UINT64_C(1) << BITS) - 1)

static void unpack(uint64_t vector, size_t count, MasterFacts *masters) {
        for (size_t i = 0; i < count; i++, vector >>= BITS) {
                masters[i] = (MasterFacts) {
                        .claimed = vector & 1,
                        .fresh = vector >> 1 & 1,
                        .healthy = vector >> 2 & 1,
                        .slot = vector >> 3 & 1,
                        .unresolved = vector >> 4 & 1,
                        .backup = vector >> 5 & 1,
                };
        }
}

/* All the faults that count: of the candidate only that it has not acknowledged the claim. */
static uint64_t faults(uint64_t vector, size_t count, size_t candidate) {
        uint64_t good = 0;
        uint64_t counts = 0;

        for (size_t i = 0; i < count; i++) {
                good |= GOOD << (BITS * i);
                counts |= (i == candidate ? CLAIMED : MASK) << (BITS * i);
        }

        return (vector ^ good) & counts;
}

static void check(uint64_t vector, size_t count, uint64_t wanted, size_t candidate, bool accept) {
        MasterFacts masters[9] = {};
        size_t blocker = 77;
        uint64_t bad = faults(vector, count, candidate);
        bool numbers = wanted == count && wanted != 0 && (wanted != 1 || accept);
        GateVerdict verdict;

        unpack(vector, count, masters);
        verdict = others_all_good(masters, count, wanted, candidate, accept, &blocker);

        if ((verdict == GATE_OPEN) != (numbers && bad == 0)) {
                fail_msg("vector %llx of %zu, wanted %llu, candidate %zu: %s",
                         (unsigned long long) vector, count, (unsigned long long) wanted, candidate,
                         enum_name(&gate_verdict_names, verdict));
        }

        /* Whoever is blamed has a fault, and nobody before it has; without faults nobody is blamed.
         */
        if (verdict == GATE_OPEN || !numbers) {
                assert_int_equal(blocker, count);
        } else {
                assert_int_equal(blocker, (size_t) __builtin_ctzll(bad) / BITS);
        }
}

static void check_all(size_t count) {
        for (uint64_t vector = 0; vector < UINT64_C(1) << (BITS * count); vector++) {
                for (uint64_t wanted = 0; wanted <= count + 2; wanted++) {
                        for (size_t candidate = 0; candidate <= count; candidate++) {
                                for (unsigned accept = 0; accept < 2; accept++) {
                                        check(vector, count, wanted,
                                              candidate == count ? SIZE_MAX : candidate, accept);
                                }
                        }
                }
        }
}

static void test_no_single_master_goes_down_unless_somebody_accepted_it(void **state) {
        check_all(1);
}

static void test_one_of_three_goes_down_only_when_both_others_are_good(void **state) {
        check_all(3);
}

static void test_nobody_goes_down_when_nobody_is_known(void **state) {
        check_all(0);
}

/* Of five: a master is good, has one of six faults, or all of them. */
static uint64_t spread(uint64_t number) {
        static const uint64_t classes[8] = { GOOD,     GOOD ^ 1,  GOOD ^ 2,  GOOD ^ 4,
                                             GOOD ^ 8, GOOD ^ 16, GOOD ^ 32, GOOD ^ MASK };
        uint64_t vector = 0;

        for (unsigned i = 0; i < 5; i++, number >>= 3)
                vector |= classes[number & 7] << (BITS * i);

        return vector;
}

static void test_one_of_five_goes_down_only_when_all_four_others_are_good(void **state) {
        for (uint64_t number = 0; number < UINT64_C(1) << 15; number++) {
                for (uint64_t wanted = 0; wanted <= 7; wanted++) {
                        for (size_t candidate = 0; candidate <= 5; candidate++) {
                                check(spread(number), 5, wanted,
                                      candidate == 5 ? SIZE_MAX : candidate, number & 1);
                        }
                }
        }
}

static void test_all_others_good_is_all_that_is_asked_for_of_any_size(void **state) {
        for (size_t count = 1; count <= 9; count += 2) {
                for (size_t candidate = 0; candidate < count; candidate++) {
                        uint64_t all = 0;

                        for (size_t i = 0; i < count; i++)
                                all |= (i == candidate ? CLAIMED : GOOD) << (BITS * i);

                        check(all, count, count, candidate, true);
                }
        }
}

static void test_the_fault_that_is_named_is_one_the_master_has(void **state) {
        static const GateVerdict verdicts[BITS] = { GATE_UNCLAIMED, GATE_STALE,      GATE_UNHEALTHY,
                                                    GATE_SLOT,      GATE_UNRESOLVED, GATE_BACKUP };

        for (uint64_t vector = 0; vector <= MASK; vector++) {
                MasterFacts masters[3];
                uint64_t named = 0;
                size_t blocker;
                GateVerdict verdict;

                unpack(GOOD | vector << BITS | GOOD << 2 * BITS, 3, masters);
                verdict = others_all_good(masters, 3, 3, 0, false, &blocker);
                for (unsigned i = 0; i < BITS; i++) {
                        if (verdict == verdicts[i])
                                named = UINT64_C(1) << i;
                }

                assert_int_equal(named == 0, vector == GOOD);
                assert_int_equal(named & (vector ^ GOOD), named);
        }
}

static void test_every_verdict_has_a_name(void **state) {
        for (unsigned i = 0; i < GATE_VERDICT_COUNT; i++)
                assert_non_null(enum_name(&gate_verdict_names, i));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_nobody_goes_down_when_nobody_is_known),
                cmocka_unit_test(test_no_single_master_goes_down_unless_somebody_accepted_it),
                cmocka_unit_test(test_one_of_three_goes_down_only_when_both_others_are_good),
                cmocka_unit_test(test_one_of_five_goes_down_only_when_all_four_others_are_good),
                cmocka_unit_test(test_all_others_good_is_all_that_is_asked_for_of_any_size),
                cmocka_unit_test(test_the_fault_that_is_named_is_one_the_master_has),
                cmocka_unit_test(test_every_verdict_has_a_name),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
