/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/check-table.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <stdlib.h>
#include <string.h>

#include "coordinator/checks.h"
#include "coordinator/order.h"
#include "tests/unit/page.h"

/* The table of checks, row by row; and docs/checks.md, which is printed from it:
 * `test-check-table --print > docs/checks.md`. */

#define MASTER_DWELL (60 * USEC_PER_SEC)
#define AGENT_DWELL  (30 * USEC_PER_SEC)

static void test_each_check_stands_in_its_place_and_says_all_of_itself(void **state) {
        for (size_t i = 0; i < CHECK_COUNT; i++) {
                const CheckRow *row = &check_rows[i];

                assert_int_equal(row->id, i);
                assert_true(row->roles != 0 && row->reader != READER_NONE);
                assert_true(row->judge[0] && row->evidence[0] && row->advice[0]);
        }
}

static void test_a_master_is_asked_as_many_questions_as_there_is_room_for(void **state) {
        size_t count = 0;

        for (size_t i = 0; i < CHECK_COUNT; i++)
                count += (check_rows[i].roles & IN(ROLE_MASTER)) != 0;

        assert_int_equal(count, CHECK_COUNT_MASTER);
}

static void test_a_row_is_found_by_what_goes_over_the_wire(void **state) {
        for (size_t i = 0; i < CHECK_COUNT; i++) {
                const CheckRow *row = &check_rows[i];
                const char *subject = i == CHECK_MEMBER ? "10.0.0.21" : "";

                assert_ptr_equal(check_find(row->name, subject), row);
                assert_int_equal(check_reader(row->name), row->reader);
        }
}

/* Promise 14. */
static void test_a_name_that_is_not_in_the_table_is_nobodys(void **state) {
        static const char *const names[] = { "", "fetch", "login", "units ", "../units" };

        for (size_t i = 0; i < ELEMENTSOF(names); i++) {
                assert_null(check_find(names[i], ""));
                assert_int_equal(check_reader(names[i]), READER_NONE);
        }
        assert_false(reader_needs_program(READER_NONE));
}

/* Another node's word does not make a master good for the others' sake (promise 1); and what is
 * asked of a node for its own sake is part of some gate. */
static void test_what_opens_a_gate_is_what_a_node_says_of_itself(void **state) {
        for (size_t i = 0; i < CHECK_COUNT; i++) {
                const CheckRow *row = &check_rows[i];

                if (row->before_others) {
                        assert_int_equal(row->asker, ASKER_SELF);
                        assert_true(row->roles & IN(ROLE_MASTER));
                }
                if (row->asker == ASKER_SELF)
                        assert_int_equal(row->after_step, !row->level);
        }
}

static void test_a_program_is_told_something_only_where_there_is_one(void **state) {
        for (size_t i = 0; i < CHECK_COUNT; i++) {
                if (!reader_needs_program(check_rows[i].reader))
                        assert_int_equal(check_rows[i].words, 0);
        }
}

/* --- docs/checks.md --- */

static const char words[] =
                "# Checks\n"
                "\n"
                "Printed from the table in the code (`proto/check-table.c`) by `test-check-table "
                "--print > docs/checks.md`,\n"
                "and compared with it by that test. In the documented order of troubleshooting: "
                "the first bad one is the\n"
                "one to mend.\n"
                "\n"
                "A check is one question with one verdict: *pass*, *fail*, *unknown* (no usable "
                "answer; it never counts as\n"
                "good) or *not-applicable* (nothing to compare with; told as \"not checked\"). Each "
                "is asked by the node\n"
                "agent of the node itself, or, of the cluster, by that of the leading Mesos master "
                "alone. The periods are\n"
                "the standard ones, of a run; outside of one masters are asked every 30 s, "
                "Marathon every 5 min, and so\n"
                "it is between masters.\n"
                "\n"
                "| check | of | asked by | every | read by | passes when | counts | kept as "
                "evidence | what to type there |\n"
                "|---|---|---|---|---|---|---|---|---|\n";

static void print_roles(FILE *file, uint32_t roles) {
        const char *comma = "";

        if (roles == IN(ROLE_COUNT) - 1) {
                (void) fputs("every node", file);
                return;
        }

        for (unsigned i = 0; i < ROLE_COUNT; i++) {
                if (roles & IN(i)) {
                        (void) fprintf(file, "%s%s", comma, enum_name(&role_names, i));
                        comma = ", ";
                }
        }
}

static void print_period(FILE *file, const CheckRow *row) {
        char master[SPAN_TEXT_MAX], agent[SPAN_TEXT_MAX];

        (void) span_format(check_period(row, ROLE_MASTER, MASTER_DWELL), master);
        (void) span_format(check_period(row, ROLE_AGENT, AGENT_DWELL), agent);
        if (!(row->roles & IN(ROLE_MASTER)) || strcmp(master, agent) == 0) {
                (void) fputs(agent, file);
        } else if (row->roles == IN(ROLE_MASTER)) {
                (void) fputs(master, file);
        } else {
                (void) fprintf(file, "%s (agents %s)", master, agent);
        }
}

static const char *gates(const CheckRow *row) {
        if (row->after_step && row->before_others)
                return "after its own step, and before each other master's";
        if (row->after_step)
                return "after its own step";
        if (row->level) {
                return "before the first master's step, after the last one's, and before an "
                       "agent's first attempt";
        }

        return "for the masters together";
}

static const char *reader(const CheckRow *row) {
        return reader_needs_program(row->reader) ? "rollpatch-probe" : "rollpatch-agent";
}

static void print_row(FILE *file, const CheckRow *row) {
        (void) fprintf(file, "| %s | ", row->name);
        print_roles(file, row->roles);
        (void) fprintf(file, " | %s | ", row->asker == ASKER_LEADER ? "the leader" : "itself");
        print_period(file, row);
        (void) fprintf(file, "%s | %s | %s | %s | %s | `%s` |\n",
                       row->pace == PACE_COSTLY ? ", one is enough" : "", reader(row), row->judge,
                       gates(row), row->evidence, row->advice);
}

static void print_checks(FILE *file) {
        (void) fputs(words, file);
        for (size_t i = 0; i < CHECK_COUNT; i++)
                print_row(file, &check_rows[i]);
}

static void test_docs_checks_md_is_what_the_table_says(void **state) {
        page_compare("docs/checks.md", print_checks);
}

int main(int argc, char *argv[]) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_each_check_stands_in_its_place_and_says_all_of_itself),
                cmocka_unit_test(test_a_master_is_asked_as_many_questions_as_there_is_room_for),
                cmocka_unit_test(test_a_row_is_found_by_what_goes_over_the_wire),
                cmocka_unit_test(test_a_name_that_is_not_in_the_table_is_nobodys),
                cmocka_unit_test(test_what_opens_a_gate_is_what_a_node_says_of_itself),
                cmocka_unit_test(test_a_program_is_told_something_only_where_there_is_one),
                cmocka_unit_test(test_docs_checks_md_is_what_the_table_says),
        };
        int status = page_print(argc, argv, print_checks);

        return status >= 0 ? status : cmocka_run_group_tests(tests, NULL, NULL);
}
