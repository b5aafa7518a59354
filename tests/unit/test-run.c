/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/run.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

/* What may follow what, once more and drawn another way: a column an event, a row a state, the
 * letter of the state that follows (docs/states.md is the table itself). */
static const RunEvent columns[] = { RUN_EVENT_STARTED, RUN_EVENT_RESUMED, RUN_EVENT_HELD,
                                    RUN_EVENT_HALTED,  RUN_EVENT_PAUSED,  RUN_EVENT_FINISHED,
                                    RUN_EVENT_ABORTED };
static const char letters[] = "drphxfa";

// clang-format off
static const char *const wanted[] = {
        /* started, resumed, held, halted, paused, finished, aborted */
        [RUN_DRAFT]    = "r.....a",
        [RUN_RUNNING]  = "..hxpfa",
        [RUN_PAUSED]   = ".r.x..a",
        [RUN_HELD]     = ".r.xp.a",
        [RUN_HALTED]   = ".r....a",
        [RUN_FINISHED] = ".......",
        [RUN_ABORTED]  = ".......",
};
// clang-format on

static void test_every_pair_of_state_and_event_is_as_drawn(void **state) {
        assert_int_equal(sizeof(letters) - 1, RUN_STATE_COUNT);
        assert_int_equal(ELEMENTSOF(columns), RUN_EVENT_COUNT);
        for (unsigned from = 0; from < RUN_STATE_COUNT; from++) {
                for (unsigned i = 0; i < RUN_EVENT_COUNT; i++) {
                        const RunTransition *row = run_next((RunState) from, columns[i]);

                        assert_int_equal(row ? letters[row->to] : '.', wanted[from][i]);
                }
        }
}

static void test_no_pair_has_two_rows(void **state) {
        for (size_t i = 0; i < run_transition_count; i++) {
                for (size_t j = i + 1; j < run_transition_count; j++) {
                        assert_false(run_transitions[i].event == run_transitions[j].event &&
                                     (run_transitions[i].from & run_transitions[j].from));
                }
        }
}

static void test_a_run_that_is_over_stays_over(void **state) {
        for (unsigned from = 0; from < RUN_STATE_COUNT; from++) {
                for (unsigned event = 0; event < RUN_EVENT_COUNT; event++) {
                        if (!run_state_is_open((RunState) from))
                                assert_null(run_next((RunState) from, (RunEvent) event));
                }
        }
}

static void test_whatever_is_open_can_be_aborted_and_nothing_resumes_but_by_resume(void **state) {
        for (unsigned from = 0; from < RUN_STATE_COUNT; from++) {
                assert_int_equal(
                                run_next((RunState) from, RUN_EVENT_ABORTED) != NULL,
                                run_state_is_open((RunState) from));
                for (unsigned event = 0; event < RUN_EVENT_COUNT; event++) {
                        const RunTransition *row = run_next((RunState) from, (RunEvent) event);

                        if (row && row->to == RUN_RUNNING) {
                                assert_true(event == RUN_EVENT_RESUMED ||
                                            event == RUN_EVENT_STARTED);
                        }
                }
        }
}

static void test_a_halt_reaches_every_state_that_is_under_way(void **state) {
        assert_non_null(run_next(RUN_RUNNING, RUN_EVENT_HALTED));
        assert_non_null(run_next(RUN_PAUSED, RUN_EVENT_HALTED));
        assert_non_null(run_next(RUN_HELD, RUN_EVENT_HALTED));
        assert_null(run_next(RUN_HALTED, RUN_EVENT_PAUSED));
}

static void check_name(const EnumNames *names, unsigned value) {
        const char *name = enum_name(names, value);

        assert_non_null(name);
        assert_int_equal(enum_value(names, name ? name : ""), value);
}

static void test_every_state_and_event_has_a_name(void **state) {
        for (unsigned i = 0; i < RUN_STATE_COUNT; i++)
                check_name(&run_state_names, i);
        for (unsigned i = 0; i < RUN_EVENT_COUNT; i++)
                check_name(&run_event_names, i);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_every_pair_of_state_and_event_is_as_drawn),
                cmocka_unit_test(test_no_pair_has_two_rows),
                cmocka_unit_test(test_a_run_that_is_over_stays_over),
                cmocka_unit_test(
                                test_whatever_is_open_can_be_aborted_and_nothing_resumes_but_by_resume),
                cmocka_unit_test(test_a_halt_reaches_every_state_that_is_under_way),
                cmocka_unit_test(test_every_state_and_event_has_a_name),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
