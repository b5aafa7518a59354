/* SPDX-License-Identifier: Apache-2.0 */
#include "node-agent/sample-read.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/text.h"
#include "proto/codec.h"

#define GOOD                                                                              \
        "{\"samples\":[{\"check\":\"mesos-leader\",\"verdict\":\"pass\","                 \
        "\"reason\":\"\",\"evidence\":\"a\\nb\",\"took\":1200,\"numbers\":{\"agents\":3," \
        "\"health\":1},\"texts\":{\"version\":\"1.10.1\"}},"                              \
        "{\"check\":\"mesos-leader\",\"subject\":\"10.77.0.21\",\"verdict\":\"fail\","    \
        "\"reason\":\"not listed\",\"numbers\":{\"listed\":0}}]}"

typedef struct Answer {
        Sample samples[4];
        size_t count;
        Error error;
} Answer;

static int read_text(const char *text, Answer *answer) {
        AUTO(Json) *json = NULL;

        *answer = (Answer) { .count = 77 };
        assert_int_equal(json_parse(text, strlen(text), &json, &answer->error), 0);
        return sample_read(
                        json, "mesos-leader", answer->samples, ELEMENTSOF(answer->samples),
                        &answer->count, &answer->error);
}

static void test_all_members_of_all_samples_are_read(void **state) {
        Answer answer;
        uint64_t agents = 0;

        assert_int_equal(read_text(GOOD, &answer), 0);
        assert_int_equal(answer.count, 2);
        assert_int_equal(answer.samples[0].verdict, VERDICT_PASS);
        assert_int_equal(answer.samples[0].took, 1200);
        assert_string_equal(answer.samples[0].evidence, "a\nb");
        assert_string_equal(sample_text(&answer.samples[0], "version"), "1.10.1");
        assert_true(sample_number(&answer.samples[0], "agents", &agents));
        assert_int_equal(agents, 3);
        assert_int_equal(answer.samples[1].verdict, VERDICT_FAIL);
        assert_string_equal(answer.samples[1].subject, "10.77.0.21");
        assert_string_equal(answer.samples[1].reason, "not listed");
}

static void test_a_number_that_was_not_answered_is_not_there(void **state) {
        Answer answer;
        uint64_t value = 7;

        assert_int_equal(read_text(GOOD, &answer), 0);
        assert_false(sample_number(&answer.samples[0], "agents_active", &value));
        assert_int_equal(value, 7);
        assert_null(sample_text(&answer.samples[1], "id"));
}

static void test_whatever_is_not_known_is_refused_and_named(void **state) {
        static const struct {
                const char *text, *error;
        } bad[] = {
                { "{}", "samples" },
                { "[1]", "is array" },
                { "7", "is number" },
                { "[1]", "is array" },
                { "7", "is number" },
                { "{\"samples\":[],\"more\":1}", "more" },
                { "{\"samples\":[7]}", "samples[0]" },
                { "{\"samples\":[{\"check\":\"mesos-leader\"}]}", "verdict" },
                { "{\"samples\":[{\"verdict\":\"pass\"}]}", "check" },
                { "{\"samples\":[{\"check\":\"exhibitor\",\"verdict\":\"pass\"}]}",
                  "another check" },
                { "{\"samples\":[{\"check\":\"mesos-leader\",\"verdict\":\"good\"}]}",
                  "'good' is no verdict" },
                { "{\"samples\":[{\"check\":\"mesos-leader\",\"verdict\":\"pass\","
                  "\"colour\":1}]}",
                  "colour" },
                { "{\"samples\":[{\"check\":\"mesos-leader\",\"verdict\":\"pass\","
                  "\"subject\":\"-x\"}]}",
                  "subject" },
                { "{\"samples\":[{\"check\":\"mesos-leader\",\"verdict\":\"pass\","
                  "\"numbers\":{\"agents\":1.5}}]}",
                  "agents" },
                { "{\"samples\":[{\"check\":\"mesos-leader\",\"verdict\":\"pass\","
                  "\"numbers\":{\"agents\":-1}}]}",
                  "agents" },
                { "{\"samples\":[{\"check\":\"mesos-leader\",\"verdict\":\"pass\","
                  "\"numbers\":{\"Agents now\":1}}]}",
                  "Agents now" },
                { "{\"samples\":[{\"check\":\"mesos-leader\",\"verdict\":\"pass\","
                  "\"numbers\":[]}]}",
                  "numbers" },
                { "{\"samples\":[{\"check\":\"mesos-leader\",\"verdict\":\"pass\","
                  "\"texts\":{\"id\":4}}]}",
                  "id" },
                { "{\"samples\":[{\"check\":\"mesos-leader\",\"verdict\":\"pass\","
                  "\"reason\":4}]}",
                  "reason" },
                { "{\"samples\":[{\"check\":\"mesos-leader\",\"verdict\":\"pass\"},"
                  "{\"check\":\"mesos-leader\",\"verdict\":\"fail\"}]}",
                  "two samples" },
        };

        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                Answer answer;

                assert_true(read_text(bad[i].text, &answer) < 0);
                assert_int_equal(answer.count, 77);
                assert_non_null(strstr(answer.error.text, bad[i].error));
        }
}

static void test_too_many_samples_numbers_or_texts_are_refused(void **state) {
        char text[4096] = "{\"samples\":[";
        Answer answer;

        for (unsigned i = 0; i < 5; i++) {
                (void) text_format(
                                text + strlen(text), sizeof(text) - strlen(text),
                                "%s{\"check\":\"mesos-leader\",\"subject\":\"a%u\",\"verdict\":\"pass\"}",
                                i ? "," : "", i);
        }
        (void) text_format(text + strlen(text), sizeof(text) - strlen(text), "]}");
        assert_true(read_text(text, &answer) < 0);
        assert_int_equal(answer.error.code, ERROR_TOO_BIG);

        (void) text_copy(
                        text, sizeof(text),
                        "{\"samples\":[{\"check\":\"mesos-leader\",\"verdict\":\"pass\","
                        "\"numbers\":{");
        for (unsigned i = 0; i <= SAMPLE_NUMBERS_MAX; i++) {
                (void) text_format(
                                text + strlen(text), sizeof(text) - strlen(text), "%s\"n%u\":1",
                                i ? "," : "", i);
        }
        (void) text_format(text + strlen(text), sizeof(text) - strlen(text), "}}]}");
        assert_true(read_text(text, &answer) < 0);
        assert_int_equal(answer.error.code, ERROR_TOO_BIG);
}

static void test_long_evidence_is_cut_and_the_sample_can_be_sent(void **state) {
        static const char start[] = "{\"samples\":[{\"check\":\"mesos-leader\","
                                    "\"verdict\":\"fail\",\"reason\":\"a\\nb\",\"evidence\":\"";
        auto_free char *text = malloc(sizeof(start) + 9000);
        auto_free Message *message = calloc(1, sizeof(*message));
        char buffer[MESSAGE_BYTES_MAX + 1];
        Error error = {};
        size_t size;
        Answer answer;

        assert_non_null(text);
        assert_non_null(message);
        (void) text_copy(text, sizeof(start) + 9000, start);
        memset(text + sizeof(start) - 1, 'x', 8000);
        // NOLINTNEXTLINE(bugprone-not-null-terminated-result): in the middle of a text
        memcpy(text + sizeof(start) - 1 + 2046, "\xc3\xa4\x1b\xff", 4);
        (void) text_copy(text + sizeof(start) - 1 + 8000, 1000, "\"}]}");
        text[sizeof(start) - 1 + 2048] = '?'; /* JSON allows no bare control characters */

        assert_int_equal(read_text(text, &answer), 0);
        assert_int_equal(strlen(answer.samples[0].evidence), EVIDENCE_MAX - 2);
        assert_true(text_is_plain(answer.samples[0].evidence));
        assert_null(strchr(answer.samples[0].reason, '\n'));

        message->kind = MESSAGE_SAMPLE;
        message->sample = answer.samples[0];
        assert_int_equal(message_encode(message, buffer, sizeof(buffer), &size, &error), 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_all_members_of_all_samples_are_read),
                cmocka_unit_test(test_a_number_that_was_not_answered_is_not_there),
                cmocka_unit_test(test_whatever_is_not_known_is_refused_and_named),
                cmocka_unit_test(test_too_many_samples_numbers_or_texts_are_refused),
                cmocka_unit_test(test_long_evidence_is_cut_and_the_sample_can_be_sent),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
