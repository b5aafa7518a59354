/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/limits.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <string.h>
#include <sys/resource.h>

static void test_files_are_as_many_as_we_may_have(void **state) {
        struct rlimit files;
        Limits limits;

        assert_int_equal(getrlimit(RLIMIT_NOFILE, &files), 0);
        files.rlim_cur = 64;
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &files), 0);

        limits = limits_get();
        assert_int_equal(limits.files, files.rlim_max);
        assert_int_equal(getrlimit(RLIMIT_NOFILE, &files), 0);
        assert_int_equal(files.rlim_cur, files.rlim_max);
        assert_true(limits.backlog > 0);
}

static void test_ten_thousand_nodes_need_ten_thousand_files_and_some(void **state) {
        Limits limits = { .files = 10000 + LIMITS_FILES_OWN, .backlog = LIMITS_BACKLOG };
        Error error = {};

        assert_int_equal(limits_check(&limits, 10000, &error), 0);
        limits.files--;
        assert_true(limits_check(&limits, 10000, &error) < 0);
        assert_non_null(strstr(error.text, "may open 10127 files, 10000 nodes need 10128"));
        assert_non_null(strstr(error.text, "LimitNOFILE=65536"));
}

static void test_a_backlog_is_too_short_where_more_nodes_may_come_at_once(void **state) {
        const Limits limits = { .files = 65536, .backlog = 128 };
        Error error = {};

        assert_int_equal(limits_check(&limits, 128, &error), 0);
        assert_true(limits_check(&limits, 129, &error) < 0);
        assert_non_null(strstr(error.text, "sysctl -w net.core.somaxconn=4096"));
}

static void test_a_backlog_that_is_not_known_is_no_complaint(void **state) {
        const Limits limits = { .files = 65536, .backlog = 0 };

        assert_int_equal(limits_check(&limits, 10000, NULL), 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_files_are_as_many_as_we_may_have),
                cmocka_unit_test(test_ten_thousand_nodes_need_ten_thousand_files_and_some),
                cmocka_unit_test(test_a_backlog_is_too_short_where_more_nodes_may_come_at_once),
                cmocka_unit_test(test_a_backlog_that_is_not_known_is_no_complaint),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
