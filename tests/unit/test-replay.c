/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/replay.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <errno.h>
#include <inttypes.h>
#include <string.h>

/* What a receiver does with a frame that is authentic. */
static int accept_number(ReplayWindow *window, uint64_t number, bool *ret_newest) {
        const ReplayWindow before = *window;
        bool newest;
        int r;

        r = replay_check(window, number, NULL);
        assert_memory_equal(window, &before, sizeof(before));
        if (r < 0)
                return r;

        newest = replay_note(window, number);
        if (ret_newest)
                *ret_newest = newest;

        return 0;
}

/* --- an oracle: a list of all numbers ever accepted, in no order --- */

#define ACCEPTED_MAX 20000

typedef struct Oracle {
        uint64_t accepted[ACCEPTED_MAX];
        size_t count;
} Oracle;

/* Counts up from the number instead of down from the highest. */
static bool oracle_accepts(Oracle *oracle, uint64_t number, bool *ret_newest) {
        bool came_before = false, newest = true;
        bool too_old = false;

        for (size_t i = 0; i < oracle->count; i++) {
                uint64_t other = oracle->accepted[i];

                came_before = came_before || other == number;
                newest = newest && other < number;
                too_old = too_old || (other > 64 && other - 64 >= number);
        }

        *ret_newest = newest;
        if (number == 0 || number == UINT64_MAX || came_before || too_old)
                return false;

        assert_true(oracle->count < ACCEPTED_MAX);
        oracle->accepted[oracle->count++] = number;
        return true;
}

static uint64_t next_random(uint64_t *state) {
        *state = *state * UINT64_C(6364136223846793005) + 1442695040888963407;
        return *state >> 33;
}

/* Mostly near the highest, on both sides of it; sometimes the last one again, sometimes far away,
 * sometimes one that no frame has. Sums may wrap round: that is a number like any other. */
static uint64_t next_number(uint64_t *random, uint64_t highest, uint64_t last) {
        uint64_t jump = UINT64_C(1) << next_random(random) % 50;

        switch (next_random(random) % 64) {
        case 0:
                return highest + jump;

        case 1:
                return highest - jump;

        case 2:
                return UINT64_MAX;

        case 3 ... 10:
                return last;

        default:
                return highest - 90 + next_random(random) % 100;
        }
}

static void compare_with_oracle(uint64_t seed, uint64_t start, unsigned steps) {
        static Oracle oracle;
        ReplayWindow window = {};
        uint64_t random = seed, last = start;

        oracle.count = 0;
        for (unsigned i = 0; i < steps; i++) {
                uint64_t number = i == 0 ? start : next_number(&random, window.highest, last);
                bool want_newest, newest = false;
                bool want = oracle_accepts(&oracle, number, &want_newest);

                if ((accept_number(&window, number, &newest) == 0) != want)
                        fail_msg("seed %" PRIu64 ", step %u: number %" PRIu64, seed, i, number);
                if (want)
                        assert_int_equal(newest, want_newest);

                last = number;
        }

        assert_true(oracle.count > steps / 10); /* else the numbers were chosen badly */
}

/* --- the promises --- */

static void test_the_window_agrees_with_a_list_of_all_numbers_ever_accepted(void **state) {
        for (uint64_t seed = 1; seed <= 200; seed++)
                compare_with_oracle(seed, 1 + seed % 3 * 40, 600);
}

static void test_it_agrees_at_the_upper_end_of_the_numbers_too(void **state) {
        for (uint64_t seed = 1; seed <= 50; seed++)
                compare_with_oracle(seed, UINT64_MAX - 1 - seed * 4, 100);
}

static void test_each_number_is_accepted_once(void **state) {
        ReplayWindow window = {};
        bool newest = false;

        for (uint64_t number = 1; number <= 300; number++) {
                assert_int_equal(accept_number(&window, number, &newest), 0);
                assert_true(newest);
                for (uint64_t again = 1; again <= number; again++)
                        assert_int_equal(accept_number(&window, again, NULL), -ESTALE);
        }
}

static void test_of_the_last_64_numbers_each_may_still_come_once(void **state) {
        for (uint64_t highest = 64; highest <= 200; highest++) {
                ReplayWindow window = {};
                bool newest = true;

                assert_int_equal(accept_number(&window, highest, NULL), 0);
                for (uint64_t number = highest - 63; number < highest; number++) {
                        assert_int_equal(accept_number(&window, number, &newest), 0);
                        assert_false(newest);
                        assert_int_equal(accept_number(&window, number, NULL), -ESTALE);
                }
                if (highest > 64)
                        assert_int_equal(accept_number(&window, highest - 64, NULL), -ESTALE);
        }
}

static void test_a_jump_forgets_only_what_is_too_old(void **state) {
        static const uint64_t jumps[] = {
                1, 2, 62, 63, 64, 65, 127, 128, 1000, 65536, UINT64_C(1) << 32, UINT64_C(1) << 63
        };

        for (size_t i = 0; i < ELEMENTSOF(jumps); i++) {
                uint64_t high = 10 + jumps[i];
                ReplayWindow window = {};

                assert_int_equal(accept_number(&window, 8, NULL), 0);
                assert_int_equal(accept_number(&window, 10, NULL), 0);
                assert_int_equal(accept_number(&window, high, NULL), 0);

                assert_int_equal(accept_number(&window, high, NULL), -ESTALE);
                assert_int_equal(accept_number(&window, 10, NULL), -ESTALE);
                assert_int_equal(accept_number(&window, 8, NULL), -ESTALE);
                assert_int_equal(accept_number(&window, 9, NULL), high - 9 < 64 ? 0 : -ESTALE);
                if (high - 1 > 10)
                        assert_int_equal(accept_number(&window, high - 1, NULL), 0);
        }
}

static void test_no_frame_has_the_number_0_or_the_reserved_one(void **state) {
        ReplayWindow window = {};
        Error error = {};

        assert_int_equal(replay_check(&window, 0, &error), -EACCES);
        assert_string_equal(error.text, "frame counter is 0, want 1 to 18446744073709551614");
        assert_int_equal(replay_check(&window, UINT64_MAX, &error), -EACCES);

        assert_int_equal(accept_number(&window, REPLAY_NUMBER_MAX, NULL), 0);
        assert_int_equal(replay_check(&window, UINT64_MAX, &error), -EACCES);
        assert_int_equal(replay_check(&window, 0, &error), -EACCES);
        assert_int_equal(accept_number(&window, REPLAY_NUMBER_MAX - 63, NULL), 0);
        assert_int_equal(replay_check(&window, REPLAY_NUMBER_MAX - 64, &error), -ESTALE);
}

static void test_a_refusal_tells_a_repeat_from_what_is_too_old(void **state) {
        ReplayWindow window = { .highest = 100, .seen = 1 };
        Error error = {};

        assert_int_equal(replay_check(&window, 100, &error), -ESTALE);
        assert_int_equal(error.code, ERROR_CONFLICT);
        assert_string_equal(error.text, "frame 100 came twice");
        assert_int_equal(replay_check(&window, 36, &error), -ESTALE);
        assert_string_equal(error.text, "frame 36 is too old, the newest is 100");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_the_window_agrees_with_a_list_of_all_numbers_ever_accepted),
                cmocka_unit_test(test_it_agrees_at_the_upper_end_of_the_numbers_too),
                cmocka_unit_test(test_each_number_is_accepted_once),
                cmocka_unit_test(test_of_the_last_64_numbers_each_may_still_come_once),
                cmocka_unit_test(test_a_jump_forgets_only_what_is_too_old),
                cmocka_unit_test(test_no_frame_has_the_number_0_or_the_reserved_one),
                cmocka_unit_test(test_a_refusal_tells_a_repeat_from_what_is_too_old),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
