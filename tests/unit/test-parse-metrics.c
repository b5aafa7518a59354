/* SPDX-License-Identifier: Apache-2.0 */
#include "node-agent/probe/parse-metrics.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <string.h>

#include "common/text.h"
#include "node-agent/probe/parse-mesos.h"
#include "tests/unit/sample-rows.h"

#define MASTER                                                                  \
        "{\"registrar/log/recovered\":1.0,\"registrar/log/ensemble_size\":3.0," \
        "\"master/elected\":0.0,\"master/uptime_secs\":5.5,\"system/x\":2.5}"
#define AGENT                                                         \
        "{\"slave/registered\":1.0,\"slave/recovery_time_secs\":1.5," \
        "\"slave/recovery_errors\":0.0,\"slave/uptime_secs\":5.5}"

static const Reply leader = { .question = "/redirect",
                              .status = 307,
                              .location = "//10.0.0.11:5050" };
static const Reply no_answer = { .question = "/x", .failure = "not asked" };

static Reply reply_of(const char *body, size_t size) {
        return (Reply) {
                .question = "/metrics/snapshot", .status = 200, .body = body, .size = size
        };
}

static void judge_master_row(const Row *row, Sample *sample) {
        const MasterReplies replies = {
                .metrics = row_reply(row, "metrics", "/metrics/snapshot"),
                .redirect = row_reply(row, "redirect", "/redirect"),
                .version = row_reply(row, "version", "/version"),
                .flags = row_reply(row, "flags", "/flags"),
        };

        mesos_master_judge(&replies, row_number(row, "masters"), sample);
}

static void judge_agent_row(const Row *row, Sample *sample) {
        const AgentReplies replies = {
                .metrics = row_reply(row, "metrics", "/metrics/snapshot"),
                .state = row_reply(row, "state", "/state"),
                .version = row_reply(row, "version", "/version"),
        };

        mesos_agent_judge(&replies, sample);
}

static void judge_version_row(const Row *row, Sample *sample) {
        const Reply reply = row_reply(row, "body", "/version");

        mesos_version_read(&reply, sample);
}

static void test_every_sample_gets_its_verdict(void **state) {
        assert_int_equal(each_row("mesos-master", judge_master_row), 25);
        assert_int_equal(each_row("mesos-agent", judge_agent_row), 10);
        assert_int_equal(each_row("mesos-version", judge_version_row), 1);
}

static void judge_master(const char *body, size_t size, Sample *sample) {
        const MasterReplies replies = { .metrics = reply_of(body, size),
                                        .redirect = leader,
                                        .version = no_answer,
                                        .flags = no_answer };

        mesos_master_judge(&replies, 3, sample);
}

static void judge_agent(const char *body, size_t size, Sample *sample) {
        const AgentReplies replies = { .metrics = reply_of(body, size),
                                       .state = no_answer,
                                       .version = no_answer };

        mesos_agent_judge(&replies, sample);
}

static bool master_may_pass(const char *body) {
        return count_words(body, "\"registrar/log/recovered\":1.0") == 1 &&
               count_words(body, "\"registrar/log/ensemble_size\":3.0") == 1 &&
               count_words(body, "\"master/elected\":0.0") +
                                               count_words(body, "\"master/elected\":1.0") ==
                               1;
}

static bool agent_may_pass(const char *body) {
        return count_words(body, "\"slave/registered\":1.0") == 1 &&
               count_words(body, "\"slave/recovery_errors\":0.0") == 1 &&
               count_words(body, "\"slave/recovery_time_secs\":") == 1;
}

static void test_damaged_metrics_never_pass(void **state) {
        never_passes_by_accident(&(Mutation) { .body = MASTER,
                                               .size = strlen(MASTER),
                                               .judge = judge_master,
                                               .may_pass = master_may_pass });
        never_passes_by_accident(&(Mutation) { .body = AGENT,
                                               .size = strlen(AGENT),
                                               .judge = judge_agent,
                                               .may_pass = agent_may_pass });
}

static void test_a_missing_key_is_a_doubt_and_never_a_number(void **state) {
        static const struct {
                void (*judge)(const char *body, size_t size, Sample *sample);
                const char *body;
                const char *key;
                const char *name;
        } rows[] = {
                { judge_master, MASTER, "registrar/log/recovered", "recovered" },
                { judge_master, MASTER, "registrar/log/ensemble_size", "ensemble_size" },
                { judge_master, MASTER, "master/elected", "elected" },
                { judge_agent, AGENT, "slave/registered", "registered" },
                { judge_agent, AGENT, "slave/recovery_time_secs", "recovered" },
                { judge_agent, AGENT, "slave/recovery_errors", "recovery_errors" },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                char body[512];
                uint64_t value;
                Sample sample;

                assert_true(text_copy(body, sizeof(body), rows[i].body));
                *strstr(body, rows[i].key) = 'X';
                sample_init(&sample, "", "");
                rows[i].judge(body, strlen(body), &sample);
                assert_int_equal(sample.verdict, VERDICT_UNKNOWN);
                assert_non_null(strstr(sample.why.text, rows[i].key));
                assert_non_null(strstr(sample.why.text, " is missing"));
                assert_false(sample_get_number(&sample, rows[i].name, &value));
        }
}

/* What flags say counts only where the metrics know of no replica at all. */
static void test_flags_never_speak_for_a_replica(void **state) {
        static const struct {
                const char *metrics;
                const char *flags;
                Verdict verdict;
        } rows[] = {
                { "{\"master/elected\":1.0}", "{\"flags\":{\"registry\":\"in_memory\"}}",
                  VERDICT_PASS },
                { "{\"master/elected\":1.0}", "{\"flags\":{\"registry\":\"replicated_log\"}}",
                  VERDICT_UNKNOWN },
                { "{\"master/elected\":1.0}", "{\"flags\":{\"registry\":true}}", VERDICT_UNKNOWN },
                { "{\"master/elected\":1.0}", "{\"registry\":\"in_memory\"}", VERDICT_UNKNOWN },
                { "{\"master/elected\":1.0}", "<html>in_memory</html>", VERDICT_UNKNOWN },
                { "{\"system/load_1min\":0.5}", "{\"flags\":{\"registry\":\"in_memory\"}}",
                  VERDICT_UNKNOWN },
                { "{\"master/elected\":1.0,\"registrar/log/recovered\":0.0}",
                  "{\"flags\":{\"registry\":\"in_memory\"}}", VERDICT_FAIL },
                { "{\"master/elected\":1.0,\"registrar/log/ensemble_size\":1.0}",
                  "{\"flags\":{\"registry\":\"in_memory\"}}", VERDICT_UNKNOWN },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                const MasterReplies replies = {
                        .metrics = reply_of(rows[i].metrics, strlen(rows[i].metrics)),
                        .redirect = leader,
                        .version = no_answer,
                        .flags = reply_of(rows[i].flags, strlen(rows[i].flags)),
                };
                Sample sample;

                sample_init(&sample, "", "");
                mesos_master_judge(&replies, 1, &sample);
                if (sample.verdict != rows[i].verdict)
                        fail_msg("row %zu: %s", i, sample.why.text);
        }
}

static void test_a_snapshot_of_a_starting_process_is_unknown(void **state) {
        static const char body[] = "{\"system/cpus_total\":2.0,\"system/load_1min\":0.5}";
        Sample sample;

        sample_init(&sample, "", "");
        judge_master(body, strlen(body), &sample);
        assert_int_equal(sample.verdict, VERDICT_UNKNOWN);
        assert_int_equal(sample.number_count, 0);
}

/* The value of `key` replaced. */
static Verdict judge_changed(
                void (*judge)(const char *body, size_t size, Sample *sample),
                const char *original,
                const char *key,
                const char *value) {
        const char *at = strchr(strstr(original, key), ':') + 1;
        char body[512];
        Sample sample;

        assert_true(
                        text_format(body, sizeof(body), "%.*s%s%s", (int) (at - original), original,
                                    value, at + strcspn(at, ",}")));
        sample_init(&sample, "", "");
        judge(body, strlen(body), &sample);
        return sample.verdict;
}

static void test_what_is_no_whole_number_in_range_is_unknown(void **state) {
        static const char *const values[] = {
                "0.5",  "1.0000001", "-1.0",  "\"1.0\"", "true",
                "null", "[1.0]",     "1e999", "2.0",     "1e20",
        };

        for (size_t i = 0; i < ELEMENTSOF(values); i++) {
                const char *value = values[i];

                assert_int_equal(
                                judge_changed(judge_master, MASTER, "log/recovered", value),
                                VERDICT_UNKNOWN);
                assert_int_equal(
                                judge_changed(judge_master, MASTER, "elected", value),
                                VERDICT_UNKNOWN);
                assert_int_equal(
                                judge_changed(judge_agent, AGENT, "registered", value),
                                VERDICT_UNKNOWN);
        }
        assert_int_equal(
                        judge_changed(judge_master, MASTER, "uptime_secs", "\"5\""),
                        VERDICT_UNKNOWN);
        assert_int_equal(
                        judge_changed(judge_master, MASTER, "uptime_secs", "-0.5"),
                        VERDICT_UNKNOWN);
        assert_int_equal(
                        judge_changed(judge_master, MASTER, "uptime_secs", "1e300"),
                        VERDICT_UNKNOWN);
}

static void test_a_wrong_value_fails(void **state) {
        assert_int_equal(judge_changed(judge_master, MASTER, "log/recovered", "0.0"), VERDICT_FAIL);
        assert_int_equal(judge_changed(judge_master, MASTER, "ensemble_size", "2.0"), VERDICT_FAIL);
        assert_int_equal(judge_changed(judge_master, MASTER, "ensemble_size", "4.0"), VERDICT_FAIL);
        assert_int_equal(judge_changed(judge_master, MASTER, "elected", "1"), VERDICT_PASS);
        assert_int_equal(judge_changed(judge_agent, AGENT, "registered", "0.0"), VERDICT_FAIL);
        assert_int_equal(judge_changed(judge_agent, AGENT, "recovery_errors", "1.0"), VERDICT_FAIL);
}

static void test_without_the_number_of_masters_nothing_passes(void **state) {
        const MasterReplies replies = { .metrics = reply_of(MASTER, strlen(MASTER)),
                                        .redirect = leader,
                                        .version = no_answer };
        Sample sample;

        sample_init(&sample, "", "");
        mesos_master_judge(&replies, 0, &sample);
        assert_int_equal(sample.verdict, VERDICT_UNKNOWN);
}

static void test_limits_are_read_by_new_and_old_names_or_left_out(void **state) {
        static const struct {
                const char *flags;
                uint64_t ping_ms; /* 0: left out */
                uint64_t reregister_ms;
        } rows[] = {
                { "\"agent_ping_timeout\":\"15secs\",\"max_agent_ping_timeouts\":\"5\","
                  "\"agent_reregister_timeout\":\"10mins\"",
                  75000, 600000 },
                { "\"slave_ping_timeout\":\"1.5mins\",\"max_slave_ping_timeouts\":\"2\"", 180000,
                  0 },
                { "\"slave_reregister_timeout\":\"1weeks\"", 0, 604800000 },
                { "\"agent_ping_timeout\":\"15\",\"max_agent_ping_timeouts\":\"5\"", 0, 0 },
                { "\"agent_ping_timeout\":\"-15secs\",\"max_agent_ping_timeouts\":\"5\"", 0, 0 },
                { "\"agent_ping_timeout\":\"15secs\",\"max_agent_ping_timeouts\":\"0\"", 0, 0 },
                { "\"agent_ping_timeout\":\"15secs\",\"max_agent_ping_timeouts\":5", 0, 0 },
                { "\"agent_ping_timeout\":\"1e300weeks\",\"max_agent_ping_timeouts\":\"5\"", 0, 0 },
                { "\"agent_ping_timeout\":\"nansecs\",\"max_agent_ping_timeouts\":\"5\"", 0, 0 },
                { "\"agent_ping_timeout\":null", 0, 0 },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                uint64_t ping = 0, reregister = 0;
                char body[512];
                Sample sample;
                Reply reply;

                assert_true(text_format(body, sizeof(body), "{\"flags\":{%s}}", rows[i].flags));
                reply = reply_of(body, strlen(body));
                sample_init(&sample, "", "");
                mesos_limits_read(&reply, &sample);
                (void) sample_get_number(&sample, "ping_limit_ms", &ping);
                (void) sample_get_number(&sample, "reregister_limit_ms", &reregister);
                if (ping != rows[i].ping_ms || reregister != rows[i].reregister_ms)
                        fail_msg("%s", body);
        }
}

static void test_limits_that_cannot_be_read_are_no_verdict(void **state) {
        static const Reply replies[] = {
                { .status = 401, .body = "401 Unauthorized.", .size = 17 },
                { .status = 200, .body = "<html>", .size = 6 },
                { .status = 200, .body = "{\"flags\":[]}", .size = 12 },
                { .failure = "not finished within 10s" },
        };

        for (size_t i = 0; i < ELEMENTSOF(replies); i++) {
                Sample sample;

                sample_init(&sample, "", "");
                mesos_limits_read(&replies[i], &sample);
                assert_int_equal(sample.number_count, 0);
                assert_int_equal(sample.why.code, ERROR_NONE);
        }
}

static void test_a_master_that_knows_no_leader_does_not_pass(void **state) {
        static const struct {
                Reply reply;
                Verdict verdict;
        } rows[] = {
                { { .status = 503, .body = "No leader elected" }, VERDICT_FAIL },
                { { .status = 503, .body = "overloaded" }, VERDICT_UNKNOWN },
                { { .status = 200, .body = "No leader elected" }, VERDICT_UNKNOWN },
                { { .status = 404, .body = "404 Not Found." }, VERDICT_UNKNOWN },
                { { .status = 307 }, VERDICT_UNKNOWN },
                { { .status = 307, .location = "/login" }, VERDICT_UNKNOWN },
                { { .status = 307, .location = "//" }, VERDICT_UNKNOWN },
                { { .status = 307, .location = "//:5050" }, VERDICT_UNKNOWN },
                { { .status = 307, .location = "//10.0.0.11" }, VERDICT_UNKNOWN },
                { { .status = 307, .location = "//10.0.0.11:x" }, VERDICT_UNKNOWN },
                { { .status = 307, .location = "//10.0.0.11 :5050" }, VERDICT_UNKNOWN },
                { { .failure = "not finished within 10s" }, VERDICT_UNKNOWN },
                { { .status = 307, .location = "http://10.0.0.11:5050/" }, VERDICT_PASS },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                MasterReplies replies = {
                        .metrics = reply_of(MASTER, strlen(MASTER)),
                        .redirect = rows[i].reply,
                        .version = no_answer,
                };
                Sample sample;

                replies.redirect.question = "/redirect";
                replies.redirect.size = rows[i].reply.body ? strlen(rows[i].reply.body) : 0;
                sample_init(&sample, "", "");
                mesos_master_judge(&replies, 3, &sample);
                assert_int_equal(sample.verdict, rows[i].verdict);
                if (rows[i].verdict != VERDICT_PASS) {
                        assert_null(sample_get_text(&sample, "leader"));
                } else {
                        assert_string_equal(sample_get_text(&sample, "leader"), "10.0.0.11:5050");
                }
        }
}

static void test_a_key_that_stands_twice_is_no_answer(void **state) {
        static const char body[] = "{\"registrar/log/recovered\":1.0,"
                                   "\"registrar/log/recovered\":1.0,"
                                   "\"registrar/log/ensemble_size\":3.0,\"master/elected\":0.0}";
        Sample sample;

        sample_init(&sample, "", "");
        judge_master(body, strlen(body), &sample);
        assert_int_equal(sample.verdict, VERDICT_UNKNOWN);
}

static void test_escaped_slashes_are_the_same_keys(void **state) {
        static const char body[] = "{\"slave\\/registered\":1.0,\"slave\\/recovery_errors\":0.0,"
                                   "\"slave\\/recovery_time_secs\":0.03}";
        Sample sample;

        sample_init(&sample, "", "");
        judge_agent(body, strlen(body), &sample);
        assert_int_equal(sample.verdict, VERDICT_PASS);
}

/* --- losses --- */

static const char *loss_text(const char *metrics, unsigned place, Sample *sample) {
        char body[8192], name[16];

        (void) text_format(body, sizeof(body), "{\"master/elected\":1.0,%s}", metrics);
        (void) text_format(name, sizeof(name), "losses_%u", place);
        sample_init(sample, "", "");
        judge_master(body, strlen(body), sample);
        return sample_get_text(sample, name);
}

static void test_losses_are_told_by_who_says_so_and_why(void **state) {
        Sample sample;

        assert_string_equal(
                        loss_text("\"master/task_lost/source_master/reason_slave_disconnected\":1.0,"
                                  "\"master/task_failed/source_slave/reason_executor_terminated\":2.0",
                                  1, &sample),
                        "lost/master/slave_disconnected=1 failed/slave/executor_terminated=2");
        assert_non_null(strstr(sample.evidence, "reason_slave_disconnected 1"));
        assert_null(
                        loss_text("\"master/tasks_lost\":1.0,"
                                  "\"master/task_lost/source_master\":1.0,"
                                  "\"master/task_lost/source_master/reason_\":1.0,"
                                  "\"master/task_lost/source_master/reason_a=b c\":1.0,"
                                  "\"master/task_lost/source_master/reason_x\":\"1\","
                                  "\"master/task_lost/source_master/reason_y\":0.0",
                                  1, &sample));
}

static void test_more_losses_than_there_is_room_for_are_evidence(void **state) {
        char metrics[4096] = "\"x\":1.0";
        Sample sample;

        for (unsigned i = 0; i < 24; i++) {
                size_t used = strlen(metrics);

                (void) text_format(
                                metrics + used, sizeof(metrics) - used,
                                ",\"master/task_lost/source_executor/reason_number_%02u\":7.0", i);
        }
        assert_non_null(loss_text(metrics, 4, &sample));
        assert_null(strstr(sample_get_text(&sample, "losses_4"), "number_23"));
        assert_non_null(strstr(sample.evidence, "reason_number_23 7"));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_every_sample_gets_its_verdict),
                cmocka_unit_test(test_damaged_metrics_never_pass),
                cmocka_unit_test(test_a_missing_key_is_a_doubt_and_never_a_number),
                cmocka_unit_test(test_flags_never_speak_for_a_replica),
                cmocka_unit_test(test_a_snapshot_of_a_starting_process_is_unknown),
                cmocka_unit_test(test_what_is_no_whole_number_in_range_is_unknown),
                cmocka_unit_test(test_a_wrong_value_fails),
                cmocka_unit_test(test_without_the_number_of_masters_nothing_passes),
                cmocka_unit_test(test_limits_are_read_by_new_and_old_names_or_left_out),
                cmocka_unit_test(test_limits_that_cannot_be_read_are_no_verdict),
                cmocka_unit_test(test_a_master_that_knows_no_leader_does_not_pass),
                cmocka_unit_test(test_a_key_that_stands_twice_is_no_answer),
                cmocka_unit_test(test_escaped_slashes_are_the_same_keys),
                cmocka_unit_test(test_losses_are_told_by_who_says_so_and_why),
                cmocka_unit_test(test_more_losses_than_there_is_room_for_are_evidence),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
