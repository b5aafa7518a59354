/* SPDX-License-Identifier: Apache-2.0 */
#include "node-agent/srvr.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <string.h>

#define ANSWER(mode)                                                                          \
        "Zookeeper version: 3.4.14-4c25d480, built on 03/06/2019 16:18 GMT\nLatency min/avg/" \
        "max: 0/0/12\nZxid: 0x500000a1c\nMode: " mode "\nNode count: 412\n"

static Sample judge(const char *answer, uint64_t masters) {
        Sample sample = sample_make("zookeeper", "");

        srvr_judge(answer, masters, &sample);
        return sample;
}

static void test_a_leader_and_a_follower_pass_and_say_so(void **state) {
        Sample sample = judge(ANSWER("leader"), 3);

        assert_int_equal(sample.verdict, VERDICT_PASS);
        assert_string_equal(sample_text(&sample, "mode"), "leader");
        sample = judge(ANSWER("follower"), 3);
        assert_int_equal(sample.verdict, VERDICT_PASS);
        assert_string_equal(sample_text(&sample, "mode"), "follower");
}

static void test_standalone_is_right_for_a_single_master_only(void **state) {
        assert_int_equal(judge(ANSWER("standalone"), 1).verdict, VERDICT_PASS);
        assert_int_equal(judge(ANSWER("standalone"), 3).verdict, VERDICT_FAIL);
        assert_int_equal(judge(ANSWER("standalone"), 0).verdict, VERDICT_UNKNOWN);
        assert_int_equal(judge(ANSWER("observer"), 1).verdict, VERDICT_FAIL);
}

static void test_one_that_says_it_does_not_serve_fails(void **state) {
        Sample sample = judge("This ZooKeeper instance is not currently serving requests\n", 3);

        assert_int_equal(sample.verdict, VERDICT_FAIL);
        assert_non_null(strstr(sample.reason, "not currently serving"));
        assert_null(sample_text(&sample, "mode"));
}

static void test_one_that_says_nothing_is_unknown(void **state) {
        assert_int_equal(judge("", 3).verdict, VERDICT_UNKNOWN);
}

static void test_only_a_whole_line_of_its_own_is_a_mode(void **state) {
        char mode[SRVR_MODE_MAX] = "untouched";

        assert_false(srvr_read_mode("Mode: lea", mode));
        assert_false(srvr_read_mode("xMode: leader\n", mode));
        assert_false(srvr_read_mode("Mode: \n", mode));
        assert_false(srvr_read_mode("Mode: leaderleaderleaderleader\n", mode));
        assert_string_equal(mode, "untouched");
        assert_true(srvr_read_mode("xMode: a\nMode: leader\nMode: follower\n", mode));
        assert_string_equal(mode, "leader");
        assert_true(srvr_serves(ANSWER("standalone")));
        assert_false(srvr_serves(ANSWER("read-only")));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_a_leader_and_a_follower_pass_and_say_so),
                cmocka_unit_test(test_standalone_is_right_for_a_single_master_only),
                cmocka_unit_test(test_one_that_says_it_does_not_serve_fails),
                cmocka_unit_test(test_one_that_says_nothing_is_unknown),
                cmocka_unit_test(test_only_a_whole_line_of_its_own_is_a_mode),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
