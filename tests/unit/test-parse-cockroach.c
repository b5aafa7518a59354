/* SPDX-License-Identifier: Apache-2.0 */
#include "node-agent/probe/parse-cockroach.h"

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

#define SEC   USEC_PER_SEC
#define TIME  "2020-07-11 10:40:20.553109+00:00"
#define WHEN  (UINT64_C(1594464020) * SEC)
#define NAMES "id\taddress\tupdated_at\tranges_unavailable\tranges_underreplicated\n"
#define ROW(n, unavailable, underreplicated) \
#        n "\t10.0.0.1" #        n ":26257\t" TIME "\t" #        unavailable "\t" #        underreplicated "\n"
#define GOOD NAMES ROW(1, 0, 0) ROW(2, 0, 0) ROW(3, 0, 0)

#define NODE(n)                                                                              \
        "{\"desc\":{\"address\":{\"addressField\":\"10.0.0.1" #n                             \
        ":26257\"}},\"updatedAt\":\"1594464020553109000\",\"storeStatuses\":[{\"metrics\":{" \
        "\"ranges.unavailable\":0,\"ranges.underreplicated\":0}}]}"
#define GOOD_HTTP "{\"nodes\":[" NODE(1) "," NODE(2) "," NODE(3) "]}"

static Json *make_names(void) {
        Json *names = json_new_array();

        assert_true(json_append(names, json_new_string("10.0.0.11")));
        assert_true(json_append(names, json_new_string("10.0.0.12")));
        assert_true(json_append(names, json_new_string("10.0.0.13")));
        return names;
}

static void judge_output(const char *output, size_t size, Sample *sample) {
        AUTO(Json) *names = make_names();

        cockroach_command_judge(
                        &(CockroachAnswer) { .output = output, .size = size },
                        &(CockroachWanted) { .masters = 3, .names = names, .now = WHEN }, sample);
}

static void judge_body(const char *body, size_t size, Sample *sample) {
        const Reply reply = { .question = "/nodes", .status = 200, .body = body, .size = size };
        AUTO(Json) *names = make_names();

        (void) cockroach_http_judge(
                        &reply, &(CockroachWanted) { .masters = 3, .names = names, .now = WHEN },
                        sample);
}

static Verdict verdict_of(const char *output, const char *why) {
        Sample sample;

        sample_init(&sample, "cockroachdb", "");
        judge_output(output, strlen(output), &sample);
        if (why && !strstr(sample.why.text, why))
                fail_msg("'%s', want '%s'", sample.why.text, why);
        return sample.verdict;
}

/* What it may do without: an id, a few seconds, the port. */
static bool may_pass(const char *text) {
        bool all = count_words(text, "10.0.0.11:") && count_words(text, "10.0.0.12:") &&
                   count_words(text, "10.0.0.13:");

        return all && count_words(text, "unavailable") == 1 &&
               count_words(text, "underreplicated\n") == 1 && count_words(text, "\t0\t0\n") == 3;
}

static bool may_pass_http(const char *text) {
        bool all = count_words(text, "\"10.0.0.11:") && count_words(text, "\"10.0.0.12:") &&
                   count_words(text, "\"10.0.0.13:");

        return all && count_words(text, "\"ranges.unavailable\":0") == 3 &&
               count_words(text, "\"ranges.underreplicated\":0") == 3 &&
               count_words(text, "\"updatedAt\":\"15944640") == 3;
}

static void test_a_damaged_answer_by_http_never_passes(void **state) {
        never_passes_by_accident(&(Mutation) { .body = GOOD_HTTP,
                                               .size = strlen(GOOD_HTTP),
                                               .judge = judge_body,
                                               .may_pass = may_pass_http });
}

static void test_damaged_output_of_the_command_never_passes(void **state) {
        never_passes_by_accident(&(Mutation) { .body = GOOD,
                                               .size = strlen(GOOD),
                                               .judge = judge_output,
                                               .may_pass = may_pass });
}

static void test_rows_are_counted_and_compared_with_what_the_output_says(void **state) {
        static const struct {
                const char *output;
                Verdict verdict;
                const char *why;
        } rows[] = {
                { "# 3 rows\n" GOOD, VERDICT_PASS, "" },
                { GOOD "# 3 rows\n", VERDICT_PASS, "" },
                { GOOD "(3 rows)\n", VERDICT_PASS, "" },
                { "# 2 rows\n" GOOD, VERDICT_UNKNOWN, "3 rows, but it says 2" },
                { GOOD "# 4 rows\n", VERDICT_UNKNOWN, "3 rows, but it says 4" },
                { NAMES ROW(1, 0, 0) ROW(2, 0, 0), VERDICT_UNKNOWN, "2 masters are in its list" },
                { NAMES ROW(1, 0, 0) ROW(2, 0, 0) ROW(2, 0, 0), VERDICT_UNKNOWN, "2 masters" },
                { NAMES, VERDICT_UNKNOWN, "0 masters" },
                { GOOD "4\t10.0.0.14:26257\t" TIME "\t0\n", VERDICT_UNKNOWN, "has 4 cells" },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++)
                assert_int_equal(verdict_of(rows[i].output, rows[i].why), rows[i].verdict);
}

/* A column that is not there, or twice, is not guessed at by its place. */
static void test_columns_are_found_by_name_or_not_at_all(void **state) {
        static const char *const names[] = {
                "id\taddress\tupdated_at\tranges_unavailable\tranges\n",
                "id\taddress\tupdated_at\tranges_underreplicated\tranges_underreplicated\n",
                "id\tsql_address\tupdated_at\tranges_unavailable\tranges_underreplicated\n",
                "id\taddress\tstarted_at\tranges_unavailable\tranges_underreplicated\n",
        };

        for (size_t i = 0; i < ELEMENTSOF(names); i++) {
                char output[512];

                assert_true(
                                text_format(output, sizeof(output), "%s%s", names[i],
                                            ROW(1, 0, 0) ROW(2, 0, 0) ROW(3, 0, 0)));
                assert_int_equal(verdict_of(output, "no column"), VERDICT_UNKNOWN);
        }
}

static void test_numbers_that_stand_still_prove_nothing(void **state) {
        static const struct {
                usec_t now;
                Verdict verdict;
        } rows[] = {
                { WHEN, VERDICT_PASS },
                { WHEN + 60 * SEC, VERDICT_PASS },
                { WHEN + 62 * SEC, VERDICT_UNKNOWN },
                { WHEN - 60 * SEC, VERDICT_PASS },
                { WHEN - 62 * SEC, VERDICT_UNKNOWN },
                { 0, VERDICT_PASS }, /* nobody knows what time it is */
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                Sample sample;

                sample_init(&sample, "cockroachdb", "");
                cockroach_command_judge(
                                &(CockroachAnswer) { .output = GOOD, .size = strlen(GOOD) },
                                &(CockroachWanted) { .masters = 3, .now = rows[i].now }, &sample);
                assert_int_equal(sample.verdict, rows[i].verdict);
        }
}

/* A range that is short of copies on one node outweighs that another one is not known. */
static void test_a_failure_outweighs_what_is_unknown(void **state) {
        assert_int_equal(
                        verdict_of(NAMES ROW(1, NULL, NULL) ROW(2, 0, 61) ROW(3, 0, 0),
                                   "10.0.0.12: 61 ranges are underreplicated"),
                        VERDICT_FAIL);
        assert_int_equal(
                        verdict_of(NAMES ROW(1, 3, 61) ROW(2, 0, 61) ROW(3, 0, 0),
                                   "10.0.0.11: 3 ranges are unavailable"),
                        VERDICT_FAIL);
        assert_int_equal(
                        verdict_of(NAMES ROW(1, NULL, NULL) ROW(2, 0, 0) ROW(3, 0, 0), "10.0.0.11"),
                        VERDICT_UNKNOWN);
}

/* --- formats --- */

/* What v2.1 prints of three nodes in each of its formats, and what v1.1 does where it differs;
 * UNDER of them in the second one. */
#define TABLE(under)                                                                         \
        "  id |     address     |    updated_at    | ranges_unavailable | "                  \
        "ranges_underreplicated  \n"                                                         \
        "+----+-----------------+------------------+--------------------+---------+\n"       \
        "   1 | 10.0.0.11:26257 | " TIME " |                  0 |              0  \n"        \
        "   2 | 10.0.0.12:26257 | " TIME " |                  0 |             " under "  \n" \
        "   3 | 10.0.0.13:26257 | " TIME " |                  0 |              0  \n"        \
        "(3 rows)\n"
#define PRETTY(under)                                                                             \
        "+----+-----------------+---------------------+--------------------+---------+\n"         \
        "| id |     address     |     updated_at      | ranges_unavailable | "                    \
        "ranges_underreplicated |\n"                                                              \
        "+----+-----------------+---------------------+--------------------+---------+\n"         \
        "|  1 | 10.0.0.11:26257 | 2020-07-11 10:40:20 |                  0 |       0 |\n"         \
        "|  2 | 10.0.0.12:26257 | 2020-07-11 10:40:20 |                  0 |       " under " |\n" \
        "|  3 | 10.0.0.13:26257 | 2020-07-11 10:40:20 |                  0 |       0 |\n"         \
        "+----+-----------------+---------------------+--------------------+---------+\n"         \
        "(3 rows)\n"
#define CSV(under)                                                                \
        "id,address,updated_at,ranges_unavailable,ranges_underreplicated\n"       \
        "1,10.0.0.11:26257," TIME ",0,0\n2,\"10.0.0.12:26257\"," TIME ",0," under \
        "\n3,10.0.0.13:26257," TIME ",0,0\n"
#define RECORD(n, under)                                                                  \
        "-[ RECORD " #n " ]\nid                     | " #n                                \
        "\naddress                | 10.0.0.1" #n ":26257\nupdated_at             | " TIME \
        "\nranges_unavailable     | 0\nranges_underreplicated | " under "\n"
#define RECORDS(under) RECORD(1, "0") RECORD(2, under) RECORD(3, "0")
#define HTML                                                                         \
        "<table>\n<thead><tr><th>row</th><th>id</th><th>address</th></tr></thead>\n" \
        "<tbody>\n<tr><td>1</td><td>1</td><td>10.0.0.11:26257</td></tr>\n</tbody>\n</table>\n"
#define SQL                                                              \
        "CREATE TABLE results (\n  id STRING,\n  address STRING\n);\n\n" \
        "INSERT INTO results VALUES ('1', '10.0.0.11:26257');\n-- 1 rows\n"
#define RAW "# 2 columns\n# row 1\n## 1\n1\n## 15\n10.0.0.11:26257\n# 1 row\n"

static void test_every_format_of_the_command_is_read_or_refused_by_its_name(void **state) {
        static const struct {
                const char *output;
                Verdict verdict;
                const char *why;
        } rows[] = {
                { GOOD, VERDICT_PASS, NULL },
                { NAMES ROW(1, 0, 0) ROW(2, 0, 9) ROW(3, 0, 0), VERDICT_FAIL, "10.0.0.12: 9 " },
                { CSV("0"), VERDICT_PASS, NULL },
                { CSV("9"), VERDICT_FAIL, "10.0.0.12: 9 ranges are underreplicated" },
                { TABLE("0"), VERDICT_PASS, NULL },
                { TABLE("9"), VERDICT_FAIL, "10.0.0.12: 9 ranges are underreplicated" },
                { PRETTY("0"), VERDICT_PASS, NULL },
                { PRETTY("9"), VERDICT_FAIL, "10.0.0.12: 9 ranges are underreplicated" },
                { RECORDS("0"), VERDICT_PASS, NULL },
                { RECORDS("9"), VERDICT_FAIL, "10.0.0.12: 9 ranges are underreplicated" },
                { HTML, VERDICT_UNKNOWN, "is in the format html, want tsv, csv, table or records" },
                { SQL, VERDICT_UNKNOWN, "is in the format sql, want tsv" },
                { RAW, VERDICT_UNKNOWN, "is in the format raw, want tsv" },
                { "{\"id\": 1}\n", VERDICT_UNKNOWN, "no header of a table: '{\"id\": 1}'" },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                if (verdict_of(rows[i].output, rows[i].why) != rows[i].verdict)
                        fail_msg("row %zu", i);
        }
}

/* --- masters of former times --- */

static void judge_stale(const char *output, uint64_t masters, Sample *sample) {
        sample_init(sample, "cockroachdb", "");
        cockroach_command_judge(
                        &(CockroachAnswer) { .output = output, .size = strlen(output) },
                        &(CockroachWanted) { .masters = masters, .now = WHEN }, sample);
        assert_int_equal(sample->verdict, VERDICT_UNKNOWN);
}

static void test_the_row_of_a_replaced_master_is_unknown_and_says_how_to_remove_it(void **state) {
        static const char *const stale[] = {
                GOOD "7\t10.0.0.14:26257\t2020-02-02 10:00:00\t0\t0\n",
                GOOD "7\t10.0.0.14:26257\t" TIME "\tNULL\tNULL\n",
        };
        Sample sample;

        for (size_t i = 0; i < ELEMENTSOF(stale); i++) {
                judge_stale(stale[i], 3, &sample);
                assert_non_null(
                                strstr(sample.why.text,
                                       "only if 10.0.0.14 is no master any more, decommission it: "
                                       "/opt/mesosphere/bin/cockroach node decommission 7"));
        }
}

/* It is one of those that there are to be: it must come back, not go. */
static void test_a_master_that_is_down_is_not_to_be_decommissioned(void **state) {
        Sample sample;

        judge_stale(NAMES ROW(1, 0, 0)
                                    ROW(2, 0, 0) "3\t10.0.0.13:26257\t2020-02-02 10:00:00\t0\t0\n",
                    3, &sample);
        assert_non_null(strstr(sample.why.text, "10.0.0.13: its numbers are from"));
        assert_null(strstr(sample.why.text, "decommission"));
}

static void test_over_http_the_id_of_a_replaced_master_is_told(void **state) {
        static const char body[] = "{\"nodes\":[" NODE(1) "," NODE(2) "," NODE(
                        3) ","
                           "{\"desc\":{\"nodeId\":7,\"address\":{\"addressField\":\"10.0.0.14:26257\"}},"
                           "\"updatedAt\":\"1580634000000000000\",\"storeStatuses\":[{\"metrics\":{"
                           "\"ranges.unavailable\":0,\"ranges.underreplicated\":0}}]}]}";
        const Reply reply = {
                .question = "/nodes", .status = 200, .body = body, .size = sizeof(body) - 1
        };
        Sample sample;

        sample_init(&sample, "cockroachdb", "");
        assert_true(cockroach_http_judge(
                        &reply, &(CockroachWanted) { .masters = 3, .now = WHEN }, &sample));
        assert_int_equal(sample.verdict, VERDICT_UNKNOWN);
        assert_non_null(strstr(sample.why.text, "node decommission 7"));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_a_damaged_answer_by_http_never_passes),
                cmocka_unit_test(test_damaged_output_of_the_command_never_passes),
                cmocka_unit_test(test_rows_are_counted_and_compared_with_what_the_output_says),
                cmocka_unit_test(test_columns_are_found_by_name_or_not_at_all),
                cmocka_unit_test(test_numbers_that_stand_still_prove_nothing),
                cmocka_unit_test(test_a_failure_outweighs_what_is_unknown),
                cmocka_unit_test(test_every_format_of_the_command_is_read_or_refused_by_its_name),
                cmocka_unit_test(
                                test_the_row_of_a_replaced_master_is_unknown_and_says_how_to_remove_it),
                cmocka_unit_test(test_a_master_that_is_down_is_not_to_be_decommissioned),
                cmocka_unit_test(test_over_http_the_id_of_a_replaced_master_is_told),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
