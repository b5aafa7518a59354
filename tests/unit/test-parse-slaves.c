/* SPDX-License-Identifier: Apache-2.0 */
#include "node-agent/probe/parse-slaves.h"

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

#define HEALTHY "{\"type\":\"GET_HEALTH\",\"get_health\":{\"healthy\":true}}"
#define SLAVE(n, active)                                                                  \
        "{\"id\":\"S" #n "\",\"pid\":\"slave(1)@10.0.0.2" #n ":5051\",\"active\":" active \
        ",\"deactivated\":false,\"registered_time\":1795388680.351462}"
#define LISTS(slaves, recovered) "{\"slaves\":[" slaves "],\"recovered_slaves\":[" recovered "]}"

static Reply reply_of(const char *question, const char *body) {
        return (Reply) { .question = question, .status = 200, .body = body, .size = strlen(body) };
}

static const Reply no_answer = { .question = "/x", .failure = "not asked" };

static void judge_one(const LeaderReplies *replies, const char *subject, Sample *sample) {
        Sample samples[2];

        sample_init(&samples[0], "mesos-leader", "");
        sample_init(&samples[1], "mesos-leader", subject ? subject : "");
        mesos_leader_judge(replies, &subject, subject ? 1 : 0, samples);
        *sample = samples[subject ? 1 : 0];
}

static void judge_row(const Row *row, Sample *sample) {
        const LeaderReplies replies = {
                .health = row_reply(row, "health", "GET_HEALTH"),
                .slaves = row_reply(row, "slaves", "/slaves"),
                .summary = row_reply(row, "summary", "/state-summary"),
                .version = row_reply(row, "version", "/version"),
                .flags = row_reply(row, "flags", "/flags"),
        };

        judge_one(&replies, row_get(row, "subject"), sample);
}

static void test_every_sample_gets_its_verdict(void **state) {
        assert_int_equal(each_row("mesos-leader", judge_row), 16);
}

static void judge_lists(const char *body, size_t size, const char *subject, Sample *sample) {
        const LeaderReplies replies = {
                .health = reply_of("GET_HEALTH", HEALTHY),
                .slaves = { .question = "/slaves", .status = 200, .body = body, .size = size },
                .summary = no_answer,
                .version = no_answer,
        };

        judge_one(&replies, subject, sample);
}

static void judge_cluster(const char *body, size_t size, Sample *sample) {
        judge_lists(body, size, NULL, sample);
}

static void judge_agent(const char *body, size_t size, Sample *sample) {
        judge_lists(body, size, "10.0.0.21", sample);
}

static bool cluster_may_pass(const char *body) {
        return count_words(body, "\"recovered_slaves\":[]") == 1;
}

static bool agent_may_pass(const char *body) {
        return count_words(body, "\"pid\":\"slave(1)@10.0.0.21:") == 1 &&
               count_words(body, "\"active\":true") == 2 &&
               count_words(body, "\"recovered_slaves\":[") == 1;
}

static void test_damaged_lists_never_pass(void **state) {
        static const char body[] = LISTS(SLAVE(1, "true") "," SLAVE(2, "true"), "");

        never_passes_by_accident(&(Mutation) { .body = body,
                                               .size = strlen(body),
                                               .judge = judge_cluster,
                                               .may_pass = cluster_may_pass });
        never_passes_by_accident(&(Mutation) { .body = body,
                                               .size = strlen(body),
                                               .judge = judge_agent,
                                               .may_pass = agent_may_pass });
}

static Verdict verdict_of(const char *lists, const char *subject, const char *why) {
        Sample sample;

        judge_lists(lists, strlen(lists), subject, &sample);
        if (!strstr(sample.why.text, why))
                fail_msg("'%s' does not say '%s'", sample.why.text, why);
        return sample.verdict;
}

static void test_an_agent_that_is_not_a_member_fails(void **state) {
        static const char two[] = LISTS(SLAVE(1, "true") "," SLAVE(2, "false"), "");
        static const char twice[] = LISTS(SLAVE(1, "true") "," SLAVE(1, "false"), "");
        static const char waits[] =
                        LISTS("", "{\"id\":\"S1\",\"hostname\":\"10.0.0.21\",\"port\":5051}");
        static const char both[] =
                        LISTS(SLAVE(1, "true"), "{\"id\":\"S1\",\"hostname\":\"other\"}");

        assert_int_equal(verdict_of(two, "10.0.0.21", ""), VERDICT_PASS);
        assert_int_equal(verdict_of(two, "10.0.0.22", "not active"), VERDICT_FAIL);
        assert_int_equal(verdict_of(two, "10.0.0.2", "not in the leader's list"), VERDICT_FAIL);
        assert_int_equal(verdict_of(two, "0.0.0.21", "not in the leader's list"), VERDICT_FAIL);
        assert_int_equal(verdict_of(twice, "10.0.0.21", "2 times"), VERDICT_FAIL);
        assert_int_equal(verdict_of(waits, "10.0.0.21", "not registered again"), VERDICT_FAIL);
        assert_int_equal(verdict_of(waits, NULL, "1 agents have not registered"), VERDICT_FAIL);
        assert_int_equal(verdict_of(both, "10.0.0.21", "not registered again"), VERDICT_FAIL);
}

static void test_lists_of_the_wrong_shape_are_no_answer(void **state) {
        static const char *const bodies[] = {
                "[]",
                "{}",
                "{\"slaves\":[]}",
                "{\"recovered_slaves\":[]}",
                "{\"slaves\":{},\"recovered_slaves\":[]}",
                LISTS("1", ""),
                LISTS("", "1"),
                LISTS("", "{}"),
                LISTS("{}", ""),
                LISTS("{\"id\":\"\",\"pid\":\"slave(1)@10.0.0.21:5051\",\"active\":true}", ""),
                LISTS(SLAVE(1, "\"true\""), ""),
                LISTS(SLAVE(1, "1"), ""),
                LISTS(SLAVE(1, "null"), ""),
        };

        for (size_t i = 0; i < ELEMENTSOF(bodies); i++) {
                assert_int_equal(verdict_of(bodies[i], NULL, ""), VERDICT_UNKNOWN);
                assert_int_equal(
                                verdict_of(bodies[i], "10.0.0.21", "the leader: "),
                                VERDICT_UNKNOWN);
        }
}

static void test_an_empty_list_of_a_leader_that_is_not_healthy_is_no_answer(void **state) {
        static const struct {
                Reply health;
                Verdict verdict;
        } rows[] = {
                { { .status = 503, .body = "Master has not finished recovery" }, VERDICT_FAIL },
                { { .status = 503, .body = "No leader elected" }, VERDICT_UNKNOWN },
                { { .status = 307, .location = "//10.0.0.12:5050/master/api/v1" },
                  VERDICT_UNKNOWN },
                { { .status = 200, .body = "<html>" }, VERDICT_UNKNOWN },
                { { .status = 200, .body = "{\"get_health\":{\"healthy\":false}}" }, VERDICT_FAIL },
                { { .status = 200, .body = "{\"get_health\":{}}" }, VERDICT_UNKNOWN },
                { { .failure = "connection refused" }, VERDICT_UNKNOWN },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                LeaderReplies replies = {
                        .health = rows[i].health,
                        .slaves = reply_of("/slaves", LISTS("", "")),
                        .summary = no_answer,
                        .version = no_answer,
                };
                Sample sample;
                uint64_t number;

                replies.health.question = "GET_HEALTH";
                replies.health.size = rows[i].health.body ? strlen(rows[i].health.body) : 0;
                judge_one(&replies, NULL, &sample);
                assert_int_equal(sample.verdict, rows[i].verdict);
                assert_false(sample_get_number(&sample, "agents", &number));

                judge_one(&replies, "10.0.0.21", &sample);
                assert_int_equal(sample.verdict, VERDICT_UNKNOWN);
                assert_int_equal(sample.number_count, 0);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_every_sample_gets_its_verdict),
                cmocka_unit_test(test_damaged_lists_never_pass),
                cmocka_unit_test(test_an_agent_that_is_not_a_member_fails),
                cmocka_unit_test(test_lists_of_the_wrong_shape_are_no_answer),
                cmocka_unit_test(test_an_empty_list_of_a_leader_that_is_not_healthy_is_no_answer),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
