/* SPDX-License-Identifier: Apache-2.0 */
#include "node-agent/log-file.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/macro.h"
#include "common/text.h"

static char path[] = "/tmp/test-log-file-XXXXXX";
static char seen[4096];
static uint64_t first_offset;

static usec_t at(int year, int month, int day, int hour) {
        struct tm tm = { .tm_year = year - 1900,
                         .tm_mon = month - 1,
                         .tm_mday = day,
                         .tm_hour = hour,
                         .tm_isdst = -1 };

        return (usec_t) mktime(&tm) * USEC_PER_SEC;
}

static void write_log(const char *text) {
        FILE *file = fopen(path, "we");

        assert_non_null(file);
        assert_int_equal(fwrite(text, 1, strlen(text), file), strlen(text));
        assert_int_equal(fclose(file), 0);
}

static void on_line(const LogLine *line, void *userdata) {
        size_t used = strlen(seen);

        if (used == 0)
                first_offset = line->offset;
        (void) text_format(seen + used, sizeof(seen) - used, "%s|", line->text);
}

static void expect(usec_t since, usec_t now, const char *want) {
        Error error = {};

        seen[0] = '\0';
        if (log_file_read(path, since, now, on_line, NULL, &error) < 0)
                fail_msg("%s", error.text);
        assert_string_equal(seen, want);
}

static void test_only_lines_since_then_are_told_and_those_that_belong_to_them(void **state) {
        write_log("of nobody knows when\n"
                  "I0711 10:00:00.000001  4100 a.cpp:1] old\n"
                  "more of the old\n"
                  "W0711 12:00:00.000001  4100 a.cpp:1] new\n"
                  "EXIT with status 1\n");
        expect(at(2026, 7, 11, 11), at(2026, 7, 11, 13),
               "W0711 12:00:00.000001  4100 a.cpp:1] new|EXIT with status 1|");
        assert_int_equal(first_offset, 78);
        expect(at(2026, 7, 11, 9), at(2026, 7, 11, 13),
               "I0711 10:00:00.000001  4100 a.cpp:1] old|more of the old|"
               "W0711 12:00:00.000001  4100 a.cpp:1] new|EXIT with status 1|");
}

static void test_a_line_from_december_is_of_last_year_in_january(void **state) {
        usec_t seen_at = 0;

        assert_true(log_line_parse_time("E1231 23:00:00.000000 x", at(2027, 1, 1, 1), &seen_at));
        assert_true(seen_at == at(2026, 12, 31, 23));
}

static void test_what_only_looks_like_a_time_is_none(void **state) {
        static const char *const lines[] = { "",
                                             "I",
                                             "I0711",
                                             "I0711 10:00:00",
                                             "X0711 10:00:00.000001",
                                             "I0711-10:00:00.000001",
                                             "I07a1 10:00:00.000001" };
        usec_t ignored = 0;

        for (size_t i = 0; i < ELEMENTSOF(lines); i++)
                assert_false(log_line_parse_time(lines[i], at(2026, 7, 11, 13), &ignored));
}

static void test_of_a_long_file_the_end_is_read(void **state) {
        FILE *file = fopen(path, "we");

        assert_non_null(file);
        for (size_t i = 0; i < 10000; i++) {
                assert_true(fprintf(file,
                                    "I0711 12:00:00.000001  4100 a.cpp:1] filler number %zu\n",
                                    i) > 0);
        }
        assert_true(fprintf(file, "I0711 12:30:00.000001  4100 a.cpp:1] the end\n") > 0);
        assert_int_equal(fclose(file), 0);
        expect(at(2026, 7, 11, 12) + 20 * USEC_PER_MINUTE, at(2026, 7, 11, 13),
               "I0711 12:30:00.000001  4100 a.cpp:1] the end|");
        assert_true(first_offset > LOG_FILE_BYTES);
}

static void test_what_is_no_file_is_an_error_and_is_not_waited_for(void **state) {
        Error error = {};

        assert_int_equal(unlink(path), 0);
        assert_true(log_file_read(path, 0, 1, on_line, NULL, &error) < 0);
        assert_int_equal(error.code, ERROR_NOT_FOUND);
        assert_int_equal(mkfifo(path, 0600), 0);
        assert_true(log_file_read(path, 0, 1, on_line, NULL, &error) < 0);
        assert_int_equal(error.code, ERROR_INVALID);
}

static int set_up(void **state) {
        int fd = mkstemp(path);

        return fd < 0 ? fd : close(fd);
}

static int tear_down(void **state) {
        return unlink(path);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_only_lines_since_then_are_told_and_those_that_belong_to_them),
                cmocka_unit_test(test_a_line_from_december_is_of_last_year_in_january),
                cmocka_unit_test(test_what_only_looks_like_a_time_is_none),
                cmocka_unit_test(test_of_a_long_file_the_end_is_read),
                cmocka_unit_test(test_what_is_no_file_is_an_error_and_is_not_waited_for),
        };

        return cmocka_run_group_tests(tests, set_up, tear_down);
}
