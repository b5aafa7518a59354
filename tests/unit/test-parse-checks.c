/* SPDX-License-Identifier: Apache-2.0 */
#include "node-agent/probe/parse-checks.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <string.h>

#include "common/text.h"
#include "tests/unit/sample-rows.h"

#define GOOD                                                                       \
        "{\"status\": 0, \"checks\": {\"xz\": {\"output\": \"\", \"status\": 0}, " \
        "\"tar\": {\"output\": \"\", \"status\": 0}}}"

static void judge_row(const Row *row, Sample *sample) {
        const char *check = row_get(row, "check");
        bool cluster = check && strcmp(check, CHECK_RUNNER_CLUSTER) == 0;
        CheckRunnerAnswer answer = {
                .check = cluster ? CHECK_RUNNER_CLUSTER : CHECK_RUNNER_NODE,
                .exit_status = (int) row_number(row, "exit"),
                .output = "",
        };

        if (row_get(row, "body"))
                answer.output = sample_file(row_get(row, "body"), &answer.size);
        if (row_get(row, "stderr"))
                answer.errors = sample_file(row_get(row, "stderr"), &(size_t) { 0 });

        check_runner_judge(&answer, sample);
}

static void test_every_sample_gets_its_verdict(void **state) {
        assert_int_equal(each_row("check-runner", judge_row), 14);
}

static void judge_output(const char *output, size_t size, Sample *sample) {
        check_runner_judge(
                        &(CheckRunnerAnswer) {
                                        .check = CHECK_RUNNER_NODE,
                                        .output = output,
                                        .size = size,
                        },
                        sample);
}

static bool may_pass(const char *output) {
        return count_words(output, "\"status\": 0") + count_words(output, "\"status\":0") == 3 &&
               count_words(output, "\"error\"") == 0;
}

static void test_damaged_output_never_passes(void **state) {
        never_passes_by_accident(&(Mutation) { .body = GOOD,
                                               .size = strlen(GOOD),
                                               .judge = judge_output,
                                               .may_pass = may_pass });
}

static void judge(const char *output, int exit_status, Sample *sample) {
        sample_init(sample, "check-runner", "");
        check_runner_judge(
                        &(CheckRunnerAnswer) {
                                        .check = CHECK_RUNNER_NODE,
                                        .exit_status = exit_status,
                                        .output = output,
                                        .size = strlen(output),
                        },
                        sample);
}

static void test_every_exit_status_must_agree_with_the_answer(void **state) {
        Sample sample;

        for (int status = 0; status < 256; status++) {
                judge(GOOD, status, &sample);
                assert_int_equal(sample.verdict, status == 0 ? VERDICT_PASS : VERDICT_UNKNOWN);
        }
}

#define COMPONENTS(one, two)                                                                         \
        "{\"status\":2,\"checks\":{\"components_master\":{\"output\":\"component dcos-marathon has " \
        "health status 1\",\"status\":" #one "},\"a\":{\"output\":\"\",\"status\":" #two "}}}"

/* What may rightly be ill between masters is told apart from what may not. */
static void test_it_says_whether_only_the_components_are_bad(void **state) {
        static const struct {
                const char *output;
                int exit_status;
                bool only;
        } rows[] = {
                { GOOD, 0, false },
                { COMPONENTS(2, 0), 2, true },
                { COMPONENTS(2, 1), 2, false },
                { COMPONENTS(0, 2), 2, false },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                Sample sample;

                judge(rows[i].output, rows[i].exit_status, &sample);
                assert_int_equal(sample.verdict, i == 0 ? VERDICT_PASS : VERDICT_FAIL);
                assert_string_equal(sample.numbers[2].name, "only_components");
                assert_int_equal(sample.numbers[2].value, rows[i].only);
        }
}

#define RESULT(top, one) \
        "{\"status\":" #top ",\"checks\":{\"a\":{\"output\":\"\",\"status\":" #one "}}}"

static void test_an_answer_that_contradicts_itself_is_unknown(void **state) {
        static const struct {
                const char *output;
                int exit_status;
                Verdict verdict;
        } rows[] = {
                { RESULT(0, 0), 0, VERDICT_PASS },
                { RESULT(0, 1), 0, VERDICT_UNKNOWN },
                { RESULT(0, 2), 0, VERDICT_UNKNOWN },
                { RESULT(0, 3), 0, VERDICT_UNKNOWN },
                { RESULT(1, 0), 1, VERDICT_UNKNOWN },
                { RESULT(1, 1), 1, VERDICT_FAIL },
                { RESULT(1, 1), 0, VERDICT_UNKNOWN },
                { RESULT(2, 2), 2, VERDICT_FAIL },
                { RESULT(3, 3), 3, VERDICT_UNKNOWN },
                { RESULT(4, 4), 4, VERDICT_UNKNOWN },
                { RESULT(null, 0), 0, VERDICT_UNKNOWN },
                { RESULT(0, "0"), 0, VERDICT_UNKNOWN },
                { RESULT(0.0, 0.0), 0, VERDICT_PASS },
                { "{\"status\":0,\"checks\":[\"a\"]}", 0, VERDICT_UNKNOWN },
                { "{\"status\":0}", 0, VERDICT_UNKNOWN },
                { "{\"checks\":{}}", 0, VERDICT_UNKNOWN },
                { "{\"status\":0,\"checks\":{\"a\":{\"status\":0}}}", 0, VERDICT_UNKNOWN },
                { "{\"status\":0,\"checks\":{\"a\":0}}", 0, VERDICT_UNKNOWN },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                Sample sample;

                judge(rows[i].output, rows[i].exit_status, &sample);
                if (sample.verdict != rows[i].verdict)
                        fail_msg("%s: %s", rows[i].output, sample.why.text);
        }
}

static void test_a_failure_outweighs_what_is_unknown(void **state) {
        Sample sample;

        judge("{\"status\":3,\"checks\":{\"a\":{\"output\":\"hangs\",\"status\":3},"
              "\"b\":{\"output\":\"broken\\n\",\"status\":2}}}",
              3, &sample);
        assert_int_equal(sample.verdict, VERDICT_FAIL);
        assert_string_equal(sample.why.text, "b is a failure: broken");
        assert_string_equal(sample.evidence, "a 3: hangs; b 2: broken");
}

static void test_an_error_is_a_failure_whatever_stands_beside_it(void **state) {
        static const char *const outputs[] = {
                "{\"error\":\"x\",\"checks\":[\"a: not found\"]}",
                "{\"error\":\"x\"}",
                "{\"error\":\"\",\"checks\":{}}",
                "{\"error\":\"x\",\"status\":0,\"checks\":{\"a\":{\"output\":\"\",\"status\":0}}}",
                "{\"error\":\"x\",\"checks\":[1]}",
        };

        for (size_t i = 0; i < ELEMENTSOF(outputs); i++) {
                for (int status = 0; status <= 3; status++) {
                        Sample sample;

                        judge(outputs[i], status, &sample);
                        assert_int_equal(sample.verdict, VERDICT_FAIL);
                }
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_every_sample_gets_its_verdict),
                cmocka_unit_test(test_damaged_output_never_passes),
                cmocka_unit_test(test_every_exit_status_must_agree_with_the_answer),
                cmocka_unit_test(test_it_says_whether_only_the_components_are_bad),
                cmocka_unit_test(test_an_answer_that_contradicts_itself_is_unknown),
                cmocka_unit_test(test_a_failure_outweighs_what_is_unknown),
                cmocka_unit_test(test_an_error_is_a_failure_whatever_stands_beside_it),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
