/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/step.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include "coordinator/run.h"
#include "node-agent/job.h"
#include "tests/unit/page.h"

/* The table of a step in the coordinator's log, pair by pair; and docs/states.md, which is printed
 * from all three tables: `test-states --print > docs/states.md`. */

/* --- slots --- */

static bool is_a_persons(StepEvent event) {
        return event == STEP_EVENT_RELEASED || event == STEP_EVENT_RETRIED ||
               event == STEP_EVENT_QUARANTINED;
}

static bool is_the_nodes_word(StepEvent event) {
        return event == STEP_EVENT_STAGED || event == STEP_EVENT_STAGE_FAILED ||
               event == STEP_EVENT_FORGOTTEN || event == STEP_EVENT_DECLINED ||
               event == STEP_EVENT_STARTED || event == STEP_EVENT_SUCCEEDED ||
               event == STEP_EVENT_SCRIPT_FAILED || event == STEP_EVENT_INTERRUPTED;
}

static void test_only_done_a_decline_and_a_person_free_a_slot(void **state) {
        for (unsigned from = 0; from < STEP_STATE_COUNT; from++) {
                for (unsigned event = 0; event < STEP_EVENT_COUNT; event++) {
                        const StepTransition *row = step_next((StepState) from, (StepEvent) event);

                        if (!row || row->slot != SLOT_FREE)
                                continue;
                        if (row->event == STEP_EVENT_VERIFIED) {
                                assert_int_equal(row->to, STEP_DONE);
                        } else {
                                assert_true(row->event == STEP_EVENT_DECLINED ||
                                            is_a_persons(row->event));
                        }
                }
        }
}

/* One way through the table, with what really may be the case beside it. */
typedef struct Walk {
        unsigned state;
        bool slot;
        bool may_be_down; /* it may have been started, and nobody has answered for it since */
} Walk;

static bool may_be_down_after(StepEvent event, bool before) {
        switch (event) {
        case STEP_EVENT_SLOTTED:
        case STEP_EVENT_STARTED:
        case STEP_EVENT_SUCCEEDED:
        case STEP_EVENT_SCRIPT_FAILED:
        case STEP_EVENT_INTERRUPTED:
                return true;
        case STEP_EVENT_DECLINED:
        case STEP_EVENT_VERIFIED:
        case STEP_EVENT_RELEASED:
        case STEP_EVENT_RETRIED:
        case STEP_EVENT_QUARANTINED:
                return false;
        case STEP_EVENT_STAGE_ORDERED:
        case STEP_EVENT_STAGED:
        case STEP_EVENT_STAGE_FAILED:
        case STEP_EVENT_FORGOTTEN:
        case STEP_EVENT_GAVE_UP:
        case STEP_EVENT_LOST:
        case STEP_EVENT_RECHECKED:
        case STEP_EVENT_UNQUARANTINED:
                return before;
        }

        return before;
}

static void check_place(const Walk *walk) {
        bool in_work = walk->state == STEP_SLOTTED || walk->state == STEP_STARTED ||
                       walk->state == STEP_VERIFYING;
        bool at_rest = walk->state == STEP_WAITING || walk->state == STEP_STAGING ||
                       walk->state == STEP_STAGED || walk->state == STEP_DONE ||
                       walk->state == STEP_QUARANTINED;

        if (walk->may_be_down || in_work)
                assert_true(walk->slot);
        if (at_rest)
                assert_false(walk->slot);
}

/* Every combination that can be reached, breadth first. */
static void test_every_state_in_which_the_node_may_be_down_holds_the_slot(void **state) {
        bool seen[STEP_STATE_COUNT][2][2] = {};
        Walk todo[STEP_STATE_COUNT * 4] = { { STEP_WAITING, false, false } };
        size_t count = 1;

        seen[STEP_WAITING][0][0] = true;
        for (size_t i = 0; i < count; i++) {
                check_place(&todo[i]);
                for (unsigned event = 0; event < STEP_EVENT_COUNT; event++) {
                        const StepTransition *row =
                                        step_next((StepState) todo[i].state, (StepEvent) event);
                        Walk next;

                        if (!row)
                                continue;

                        next.state = row->to;
                        next.slot = row->slot == SLOT_TAKE ||
                                    (row->slot == SLOT_KEEP && todo[i].slot);
                        next.may_be_down = may_be_down_after(row->event, todo[i].may_be_down);
                        if (!seen[next.state][next.slot][next.may_be_down]) {
                                seen[next.state][next.slot][next.may_be_down] = true;
                                todo[count++] = next;
                        }
                }
        }

        for (unsigned i = 0; i < STEP_STATE_COUNT; i++)
                assert_true(seen[i][0][0] || seen[i][0][1] || seen[i][1][0] || seen[i][1][1]);
}

static void test_only_a_step_that_is_staged_is_given_a_slot(void **state) {
        for (unsigned from = 0; from < STEP_STATE_COUNT; from++) {
                assert_int_equal(
                                step_next((StepState) from, STEP_EVENT_SLOTTED) != NULL,
                                from == STEP_STAGED);
        }
}

/* --- what follows what --- */

static void test_no_pair_has_two_rows(void **state) {
        for (size_t i = 0; i < step_transition_count; i++) {
                for (size_t j = i + 1; j < step_transition_count; j++) {
                        assert_false(step_transitions[i].event == step_transitions[j].event &&
                                     (step_transitions[i].from & step_transitions[j].from));
                }
        }
}

static void test_done_is_reached_by_a_gate_that_held_and_by_nothing_else(void **state) {
        for (unsigned from = 0; from < STEP_STATE_COUNT; from++) {
                for (unsigned event = 0; event < STEP_EVENT_COUNT; event++) {
                        const StepTransition *row = step_next((StepState) from, (StepEvent) event);

                        if (row && row->to == STEP_DONE)
                                assert_true(from == STEP_VERIFYING && event == STEP_EVENT_VERIFIED);
                }
        }
}

static void test_no_report_leads_out_of_an_end(void **state) {
        static const StepState ends[] = { STEP_VERIFYING, STEP_DONE, STEP_FAILED, STEP_INTERRUPTED,
                                          STEP_QUARANTINED };

        for (size_t i = 0; i < ELEMENTSOF(ends); i++) {
                for (unsigned event = 0; event < STEP_EVENT_COUNT; event++) {
                        if (is_the_nodes_word((StepEvent) event))
                                assert_null(step_next(ends[i], (StepEvent) event));
                }
        }
}

static void test_what_a_node_says_it_has_done_is_believed_before_any_end(void **state) {
        static const StepState open[] = { STEP_WAITING, STEP_STAGING, STEP_STAGED,
                                          STEP_SLOTTED, STEP_STARTED, STEP_UNKNOWN };

        for (size_t i = 0; i < ELEMENTSOF(open); i++) {
                assert_int_equal(step_next(open[i], STEP_EVENT_SUCCEEDED)->to, STEP_VERIFYING);
                assert_int_equal(step_next(open[i], STEP_EVENT_SCRIPT_FAILED)->to, STEP_FAILED);
                assert_int_equal(step_next(open[i], STEP_EVENT_INTERRUPTED)->to, STEP_INTERRUPTED);
                if (open[i] != STEP_STARTED)
                        assert_int_equal(step_next(open[i], STEP_EVENT_STARTED)->to, STEP_STARTED);
        }
}

static void test_only_a_person_makes_a_bad_step_wait_again(void **state) {
        for (unsigned from = 0; from < STEP_STATE_COUNT; from++) {
                for (unsigned event = 0; event < STEP_EVENT_COUNT; event++) {
                        const StepTransition *row = step_next((StepState) from, (StepEvent) event);

                        if (row && row->to == STEP_WAITING && step_state_is_bad((StepState) from))
                                assert_int_equal(event, STEP_EVENT_RETRIED);
                        if (row && row->to == STEP_WAITING && row->event == STEP_EVENT_FORGOTTEN)
                                assert_true(from == STEP_STAGING || from == STEP_STAGED);
                }
        }
}

static void test_a_step_in_hand_cannot_be_set_aside_or_tried_again(void **state) {
        static const StepState in_hand[] = { STEP_SLOTTED, STEP_STARTED, STEP_VERIFYING };

        for (size_t i = 0; i < ELEMENTSOF(in_hand); i++) {
                assert_null(step_next(in_hand[i], STEP_EVENT_QUARANTINED));
                assert_null(step_next(in_hand[i], STEP_EVENT_RETRIED));
                assert_null(step_next(in_hand[i], STEP_EVENT_RECHECKED));
        }
}

/* What a released step has done stays unknown, unless its script has ended already. */
static void test_a_person_may_take_the_slot_of_any_step(void **state) {
        for (unsigned i = 0; i < STEP_STATE_COUNT; i++) {
                const StepTransition *row = step_next((StepState) i, STEP_EVENT_RELEASED);
                bool known = i == STEP_VERIFYING || i == STEP_FAILED;

                if (!row)
                        continue;
                assert_int_equal(row->slot, SLOT_FREE);
                assert_int_equal(
                                row->to, known                   ? STEP_FAILED
                                         : i == STEP_INTERRUPTED ? STEP_INTERRUPTED
                                                                 : STEP_UNKNOWN);
        }
        assert_non_null(step_next(STEP_SLOTTED, STEP_EVENT_RELEASED));
        assert_non_null(step_next(STEP_STARTED, STEP_EVENT_RELEASED));
        assert_non_null(step_next(STEP_VERIFYING, STEP_EVENT_RELEASED));
}

static void check_name(const EnumNames *names, unsigned value) {
        const char *name = enum_name(names, value);

        assert_non_null(name);
        assert_int_equal(enum_value(names, name ? name : ""), value);
}

static void test_every_state_and_event_has_a_name(void **state) {
        for (unsigned i = 0; i < STEP_STATE_COUNT; i++)
                check_name(&step_state_names, i);
        for (unsigned i = 0; i < STEP_EVENT_COUNT; i++)
                check_name(&step_event_names, i);
}

/* --- docs/states.md --- */

static const char run_words[] =
                "# States\n"
                "\n"
                "Printed from the tables in the code by `test-states --print > docs/states.md`, and "
                "compared with them\n"
                "by that test. A pair of state and event that stands in no row means nothing and "
                "changes nothing.\n"
                "\n"
                "## A run (`coordinator/run.c`)\n"
                "\n"
                "| in which state | what happened | goes to |\n"
                "|---|---|---|\n";

static const char step_words[] =
                "\n"
                "## A step, as the coordinator's log tells it (`coordinator/step.c`)\n"
                "\n"
                "The slot is the right of this node to be down. No other master gets one while a "
                "master has it.\n"
                "\n"
                "| in which state | what happened | goes to | slot |\n"
                "|---|---|---|---|\n";

static const char job_words[] =
                "\n"
                "<!-- node-agent -->\n"
                "## A step, as its node knows it (`node-agent/job.c`)\n"
                "\n"
                "The first row of state and event whose condition holds. What is to be on disk is "
                "synced before the\n"
                "state changes and before anybody is told. An order for which there is no row is "
                "refused with a reason.\n"
                "\n"
                "| in which state | what happened | and | goes to | on disk first | then |\n"
                "|---|---|---|---|---|---|\n";

static void print_set(FILE *file, const EnumNames *names, uint32_t set) {
        const char *comma = "";

        if (set == IN(names->count) - 1) {
                (void) fputs("any", file);
                return;
        }

        for (unsigned i = 0; i < names->count; i++) {
                if (set & IN(i)) {
                        (void) fprintf(file, "%s%s", comma, enum_name(names, i));
                        comma = ", ";
                }
        }
}

static void print_run_row(FILE *file, const RunTransition *row) {
        (void) fputs("| ", file);
        print_set(file, &run_state_names, row->from);
        (void) fprintf(file, " | %s | %s |\n", enum_name(&run_event_names, row->event),
                       enum_name(&run_state_names, row->to));
}

static void print_step_row(FILE *file, const StepTransition *row) {
        static const char *const slots[] = { "", "takes", "frees" };

        (void) fputs("| ", file);
        print_set(file, &step_state_names, row->from);
        (void) fprintf(file, " | %s | %s | %s |\n", enum_name(&step_event_names, row->event),
                       enum_name(&step_state_names, row->to), slots[row->slot]);
}

static void print_job_row(FILE *file, const JobTransition *row) {
        const char *to = row->to == JOB_STAY ? "" : enum_name(&node_step_names, row->to);

        (void) fputs("| ", file);
        print_set(file, &node_step_names, row->from);
        (void) fprintf(file, " | %s | %s | %s | %s | %s |\n",
                       enum_name(&job_event_names, row->event), job_guard_words(row->guard), to,
                       enum_name(&job_write_names, row->write),
                       enum_name(&job_act_names, row->act));
}

static void print_states(FILE *file) {
        (void) fputs(run_words, file);
        for (size_t i = 0; i < run_transition_count; i++)
                print_run_row(file, &run_transitions[i]);

        (void) fputs(step_words, file);
        for (size_t i = 0; i < step_transition_count; i++)
                print_step_row(file, &step_transitions[i]);

        (void) fputs(job_words, file);
        for (size_t i = 0; i < job_transition_count; i++)
                print_job_row(file, &job_transitions[i]);
}

static void test_docs_states_md_is_what_the_tables_say(void **state) {
        page_compare("docs/states.md", print_states);
}

int main(int argc, char *argv[]) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_only_done_a_decline_and_a_person_free_a_slot),
                cmocka_unit_test(test_every_state_in_which_the_node_may_be_down_holds_the_slot),
                cmocka_unit_test(test_only_a_step_that_is_staged_is_given_a_slot),
                cmocka_unit_test(test_no_pair_has_two_rows),
                cmocka_unit_test(test_done_is_reached_by_a_gate_that_held_and_by_nothing_else),
                cmocka_unit_test(test_no_report_leads_out_of_an_end),
                cmocka_unit_test(test_what_a_node_says_it_has_done_is_believed_before_any_end),
                cmocka_unit_test(test_only_a_person_makes_a_bad_step_wait_again),
                cmocka_unit_test(test_a_step_in_hand_cannot_be_set_aside_or_tried_again),
                cmocka_unit_test(test_a_person_may_take_the_slot_of_any_step),
                cmocka_unit_test(test_every_state_and_event_has_a_name),
                cmocka_unit_test(test_docs_states_md_is_what_the_tables_say),
        };
        int status = page_print(argc, argv, print_states);

        return status >= 0 ? status : cmocka_run_group_tests(tests, NULL, NULL);
}
