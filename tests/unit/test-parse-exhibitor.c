/* SPDX-License-Identifier: Apache-2.0 */
#include "node-agent/probe/parse-exhibitor.h"

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

#define SERVER(n, code, description, leader)                                                 \
        "{\"code\":" #code ",\"description\":\"" description "\",\"hostname\":\"10.0.0.1" #n \
        "\",\"isLeader\":" #leader "}"
#define GOOD                        \
        "[" SERVER(1, 3, "serving", \
                   false) "," SERVER(2, 3, "serving", true) "," SERVER(3, 3, "serving", false) "]"

static Json *make_names(const char *text) {
        auto_free char *copy = strdup(text ? text : "");
        Json *names = json_new_array();
        char *rest = copy;

        assert_non_null(names);
        for (char *name = strsep(&rest, ","); name; name = strsep(&rest, ",")) {
                if (name[0])
                        assert_true(json_append(names, json_new_string(name)));
        }

        return names;
}

static void judge_row(const Row *row, Sample *sample) {
        const Reply reply = row_reply(row, "body", "/status");
        AUTO(Json) *names = make_names(row_get(row, "names"));

        exhibitor_judge(&reply, row_number(row, "masters"), names, sample);
}

static void test_every_sample_gets_its_verdict(void **state) {
        assert_int_equal(each_row("exhibitor", judge_row), 18);
}

static void judge_body(const char *body, size_t size, Sample *sample) {
        const Reply reply = { .question = "/status", .status = 200, .body = body, .size = size };
        AUTO(Json) *names = make_names("10.0.0.11,10.0.0.12,10.0.0.13");

        exhibitor_judge(&reply, 3, names, sample);
}

/* Every byte of it matters. */
static bool may_pass(const char *body) {
        return strcmp(body, GOOD) == 0;
}

static void test_a_damaged_answer_never_passes(void **state) {
        never_passes_by_accident(&(Mutation) { .body = GOOD,
                                               .size = strlen(GOOD),
                                               .judge = judge_body,
                                               .may_pass = may_pass });
}

static Verdict verdict_of(const Reply *reply, const char *why) {
        Sample sample;

        sample_init(&sample, "exhibitor", "");
        exhibitor_judge(reply, 3, NULL, &sample);
        if (!strstr(sample.why.text, why))
                fail_msg("'%s' does not say '%s'", sample.why.text, why);
        return sample.verdict;
}

static void test_only_a_200_with_json_is_an_answer(void **state) {
        const struct {
                Reply reply;
                const char *why;
        } rows[] = {
                { { .failure = "connection refused" }, "connection refused" },
                { { .status = 500, .body = GOOD }, "got 500" },
                { { .status = 401, .body = "401 Unauthorized." }, "got 401 '401 Unauthorized.'" },
                { { .status = 302, .location = "/login" }, "got 302 to '/login'" },
                { { .status = 204 }, "got 204" },
                { { .status = 200, .body = "" }, "empty body" },
                { { .status = 200, .body = "<html>", .type = "text/html" }, "of type text/html" },
                { { .status = 200, .body = "{}" }, "want array" },
                { { .status = 200, .body = "null" }, "want array" },
                { { .status = 200, .body = "[1]" }, "server 0: got number" },
                { { .status = 200, .body = "[{}]" }, "server 0: " },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                Reply reply = rows[i].reply;

                reply.question = "/status";
                reply.size = reply.body ? strlen(reply.body) : 0;
                assert_int_equal(verdict_of(&reply, rows[i].why), VERDICT_UNKNOWN);
        }
}

static Verdict judge_list(const char *list, const char *why) {
        const Reply reply = {
                .question = "/status", .status = 200, .body = list, .size = strlen(list)
        };

        return verdict_of(&reply, why);
}

static void test_what_is_of_the_wrong_type_is_no_answer(void **state) {
        static const char *const good = SERVER(1, 3, "serving", true);

        for (const char *at = good; (at = strchr(at, ':')); at++) {
                static const char *const values[] = { "\"3\"", "3.5", "-1", "null", "[]", "{}" };

                for (size_t i = 0; i < ELEMENTSOF(values); i++) {
                        char list[512];

                        (void) text_format(
                                        list, sizeof(list), "[%.*s:%s%s]", (int) (at - good), good,
                                        values[i], at + strcspn(at, ",}"));
                        assert_int_not_equal(judge_list(list, ""), VERDICT_PASS);
                }
        }
}

static void test_a_master_listed_twice_does_not_stand_for_another(void **state) {
        assert_int_equal(judge_list(GOOD, ""), VERDICT_PASS);
        assert_int_equal(
                        judge_list("[" SERVER(1, 3, "serving", false) "," SERVER(
                                                   2, 3, "serving",
                                                   true) "," SERVER(1, 3, "serving", false) "]",
                                   "10.0.0.11 is listed twice"),
                        VERDICT_FAIL);
}

static void test_a_code_without_its_description_is_not_serving(void **state) {
        assert_int_equal(
                        judge_list("[" SERVER(1, 3, "serving", false) "," SERVER(
                                                   2, 3, "serving",
                                                   true) "," SERVER(3, 3, "down", false) "]",
                                   "10.0.0.13 is 'down'"),
                        VERDICT_FAIL);
}

static void test_an_answer_of_more_than_a_mebibyte_is_no_answer(void **state) {
        static char body[REPLY_BYTES_MAX + 2];
        const Reply reply = {
                .question = "/status", .status = 200, .body = body, .size = REPLY_BYTES_MAX + 1
        };
        Reply smaller = reply;

        memset(body, ' ', sizeof(body) - 1);
        assert_true(text_copy(body, sizeof(body), GOOD));
        body[strlen(GOOD)] = ' ';
        assert_int_equal(verdict_of(&reply, "want at most"), VERDICT_UNKNOWN);

        smaller.size--;
        assert_int_equal(verdict_of(&smaller, ""), VERDICT_PASS);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_every_sample_gets_its_verdict),
                cmocka_unit_test(test_a_damaged_answer_never_passes),
                cmocka_unit_test(test_only_a_200_with_json_is_an_answer),
                cmocka_unit_test(test_what_is_of_the_wrong_type_is_no_answer),
                cmocka_unit_test(test_a_master_listed_twice_does_not_stand_for_another),
                cmocka_unit_test(test_a_code_without_its_description_is_not_serving),
                cmocka_unit_test(test_an_answer_of_more_than_a_mebibyte_is_no_answer),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
