/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/manifest.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <string.h>

#include "common/text.h"
#include "node-agent/probe/parse-checks.h"
#include "node-agent/probe/parse-cockroach.h"
#include "node-agent/probe/parse-exhibitor.h"
#include "node-agent/probe/parse-health.h"
#include "node-agent/probe/parse-login.h"
#include "node-agent/probe/parse-marathon.h"
#include "node-agent/probe/parse-metrics.h"
#include "node-agent/probe/parse-release.h"
#include "tests/unit/sample-file.h"

static void say(char *answer, const char *format, ...) PRINTF(2, 3);
static void say(char *answer, const char *format, ...) {
        va_list arguments;

        va_start(arguments, format);
        assert_true(vsnprintf(answer, MANIFEST_ANSWER_MAX, format, arguments) <
                    MANIFEST_ANSWER_MAX);
        va_end(arguments);
}

static void say_verdict(char *answer, const Sample *sample) {
        static const char *const names[VERDICT_COUNT] = { "unknown", "pass", "fail",
                                                          "not-applicable" };

        assert_true((sample->verdict == VERDICT_PASS) == (sample->why.text[0] == '\0'));
        say(answer, "%s", names[sample->verdict]);
}

static Sample sample_new(const ManifestRow *row) {
        Sample sample;

        sample_init(&sample, row->reader, "");
        return sample;
}

static uint64_t number(const ManifestRow *row, const char *name) {
        const char *text = manifest_get(row, name);

        return !text || strcmp(text, "absent") == 0 ? 0 : context_number(row->context, name);
}

static Reply reply_of(const ManifestRow *row) {
        Reply reply = { .question = row->reader, .status = (unsigned) number(row, "http") };

        if (reply.status == 0)
                reply.status = 200;
        reply.body = manifest_text(row, &reply.size);
        return reply;
}

/* "a,b" as a JSON list; NULL: it is not there. */
static Json *list_of(const char *text) {
        char copy[512], *rest = copy;
        AUTO(Json) *list = json_new_array();

        if (!text)
                return NULL;

        assert_true(text_copy(copy, sizeof(copy), text));
        for (char *item = strsep(&rest, ","); item; item = strsep(&rest, ","))
                assert_true(json_append(list, json_new_string(item)));

        return TAKE(list);
}

/* --- readers --- */

static void read_check_runner(const ManifestRow *row, char *answer) {
        const char *check = manifest_get(row, "check");
        CheckRunnerAnswer end = {
                .check = check && strcmp(check, "cluster") == 0 ? CHECK_RUNNER_CLUSTER
                                                                : CHECK_RUNNER_NODE,
                .exit_status = (int) number(row, "exit"),
        };
        Sample sample = sample_new(row);

        if (manifest_has(row, "stream=stderr")) {
                end.errors = manifest_text(row, &(size_t) { 0 });
        } else {
                end.output = manifest_text(row, &end.size);
        }

        check_runner_judge(&end, &sample);
        say_verdict(answer, &sample);
}

static void read_exhibitor(const ManifestRow *row, char *answer) {
        AUTO(Json) *names = list_of(manifest_get(row, "master_list"));
        Sample sample = sample_new(row);
        Reply reply = reply_of(row);

        exhibitor_judge(&reply, number(row, "masters"), names, &sample);
        say_verdict(answer, &sample);
}

/* "2020-07-11T10:40:25Z"; the table has only that day. */
static usec_t time_of(const char *text) {
        uint64_t hour;

        assert_true(text && text_starts_with(text, "2020-07-11T") &&
                    strcmp(text + strlen("2020-07-11T10"), ":40:25Z") == 0);
        hour = (uint64_t) (text[11] - '0') * 10 + (uint64_t) (text[12] - '0');
        return (UINT64_C(1594425600) + hour * 3600 + 2425) * USEC_PER_SEC;
}

static void read_cockroach_http(const ManifestRow *row, char *answer) {
        CockroachWanted wanted = { .masters = number(row, "masters") };
        Sample sample = sample_new(row);
        Reply reply = reply_of(row);

        wanted.now = time_of(manifest_get(row, "now"));
        cockroach_http_judge(&reply, &wanted, &sample);
        say_verdict(answer, &sample);
}

static void read_cockroach_command(const ManifestRow *row, char *answer) {
        const char *dead = manifest_get(row, "known_dead");
        bool known = dead && strcmp(dead, "10.0.0.14") == 0;
        AUTO(Json) *names = known ? list_of("10.0.0.11,10.0.0.12,10.0.0.13") : NULL;
        CockroachWanted wanted = { .masters = number(row, "masters"), .names = names };
        CockroachAnswer end = { .exit_status = (int) number(row, "exit") };
        Sample sample = sample_new(row);

        if (manifest_has(row, "format=stderr")) {
                end.errors = manifest_text(row, &(size_t) { 0 });
        } else {
                end.output = manifest_text(row, &end.size);
        }

        cockroach_command_judge(&end, &wanted, &sample);
        say_verdict(answer, &sample);
}

static MetricsBefore before_of(const ManifestRow *row) {
        return (MetricsBefore) { .age_max = number(row, "since_start") * 1000,
                                 .agents = number(row, "agents_before"),
                                 .tasks = number(row, "tasks_before") };
}

static void read_master(const ManifestRow *row, char *answer) {
        const MasterReplies replies = {
                .metrics = reply_of(row),
                .redirect = { .question = "/redirect",
                              .status = 307,
                              .location = "//10.0.0.11:5050" },
                .version = { .question = "/version", .failure = "not asked" },
                .flags = { .question = "/flags", .failure = "not asked" },
        };
        MetricsBefore before = before_of(row);
        Sample sample = sample_new(row);

        mesos_master_judge_after(&replies, number(row, "masters"), &before, &sample);
        say_verdict(answer, &sample);
}

static void read_agent(const ManifestRow *row, char *answer) {
        const AgentReplies replies = {
                .metrics = reply_of(row),
                .state = { .question = "/state", .failure = "not asked" },
                .version = { .question = "/version", .failure = "not asked" },
        };
        MetricsBefore before = before_of(row);
        Sample sample = sample_new(row);

        mesos_agent_judge_after(&replies, &before, &sample);
        say_verdict(answer, &sample);
}

static void read_version(const ManifestRow *row, char *answer) {
        Sample sample = sample_new(row);
        Reply reply = reply_of(row);
        const MesosRelease *release;
        MesosBuild build = {};
        Error error = {};

        if (strstr(row->file, ".txt")) {
                assert_int_equal(mesos_build_read_text(reply.body, reply.size, &build, &error), 0);
        } else {
                assert_int_equal(mesos_build_read(&reply, &build, &error), 0);
        }

        if (manifest_has(row, "parse")) {
                say(answer, "version=%s%s%s", build.version, build.git_sha[0] ? ";git_sha=" : "",
                    build.git_sha);
                return;
        }

        release = mesos_release_find(manifest_get(row, "target"));
        if (release) {
                mesos_release_compare(release, &build, &sample);
                sample_close(&sample);
        } else {
                sample_close_not_applicable(&sample, "the release is not known");
        }
        say_verdict(answer, &sample);
}

static void read_info(const ManifestRow *row, char *answer) {
        Sample sample = sample_new(row);
        Reply reply = reply_of(row);
        uint64_t elected;

        marathon_info_judge(&reply, &sample);
        if (manifest_has(row, "parse")) {
                assert_true(sample_get_number(&sample, "elected", &elected));
                say(answer, "version=%s;leader=%s;elected=%s", sample_get_text(&sample, "version"),
                    sample_get_text(&sample, "leader"), elected ? "true" : "false");
        } else {
                say_verdict(answer, &sample);
        }
}

static void judge_reply(
                const ManifestRow *row,
                void (*judge)(const Reply *reply, Sample *sample),
                char *answer) {
        Sample sample = sample_new(row);
        Reply reply = reply_of(row);

        judge(&reply, &sample);
        say_verdict(answer, &sample);
}

static void read_leader(const ManifestRow *row, char *answer) {
        judge_reply(row, marathon_leader_judge, answer);
}

static void read_deployments(const ManifestRow *row, char *answer) {
        judge_reply(row, marathon_deployments_judge, answer);
}

static void read_apps(const ManifestRow *row, char *answer) {
        judge_reply(row, manifest_has(row, "kind=pods") ? marathon_pods_judge : marathon_apps_judge,
                    answer);
}

static void read_script(const ManifestRow *row, char *answer) {
        Sample sample = sample_new(row);
        size_t size;
        const char *text = manifest_text(row, &size);

        marathon_script_judge(text, size, &sample);
        say_verdict(answer, &sample);
}

static void read_health(const ManifestRow *row, char *answer) {
        char role[32], version[32];
        HealthWanted wanted = {};
        Sample sample = sample_new(row);
        Reply reply = reply_of(row);

        assert_true(text_copy(role, sizeof(role), manifest_get(row, "role")));
        wanted.role = role;
        if (manifest_get(row, "target")) {
                assert_true(text_copy(version, sizeof(version), manifest_get(row, "target")));
                wanted.version = version;
        }

        system_health_judge(&reply, &wanted, &sample);
        say_verdict(answer, &sample);
}

static void read_login(const ManifestRow *row, char *answer) {
        char token[LOGIN_TOKEN_MAX] = "";
        Reply reply = reply_of(row);
        LoginAccount account = {};
        Error error = {};

        if (manifest_get(row, "http")) {
                int r = login_token_read(&reply, token, &error);

                if (r == 0) {
                        say(answer, "token=%s", token);
                } else {
                        say(answer, "error=%s",
                            error.code == ERROR_DENIED ? "unauthorized" : error.text);
                }
                return;
        }

        assert_int_equal(login_account_read(reply.body, reply.size, &account, &error), 0);
        if (manifest_has(row, "sign")) {
                say(answer, "%s",
                    login_account_check_key(&account, &error) < 0 ? "error=bad-key" : "good");
        } else {
                say(answer, "uid=%s;scheme=%s", account.uid, account.scheme);
        }
        login_account_done(&account);
}

static void test_every_row_is_read_as_the_manifest_says(void **state) {
        static const ManifestReader readers[] = {
                { "check-runner", read_check_runner },
                { "cockroach-command", read_cockroach_command },
                { "cockroach-http", read_cockroach_http },
                { "exhibitor-status", read_exhibitor },
                { "iam-login", read_login },
                { "marathon-apps", read_apps },
                { "marathon-deployments", read_deployments },
                { "marathon-info", read_info },
                { "marathon-leader", read_leader },
                { "marathon-sh", read_script },
                { "mesos-metrics-agent", read_agent },
                { "mesos-metrics-master", read_master },
                { "mesos-version", read_version },
                { "system-health", read_health },
        };

        manifest_check("probe", readers, ELEMENTSOF(readers));
}

/* The manifest's reasons say how many of each there are; its verdicts do not. */
static void test_constraints_are_counted_as_errors_and_as_warnings(void **state) {
        static const struct {
                const char *file;
                uint64_t errors, warnings;
        } rows[] = {
                { "marathon-apps-bad-constraints.json", 9, 3 },
                { "marathon-apps-valid.json", 0, 2 },
                { "marathon-pods.json", 1, 0 },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                const ManifestRow row = { .file = rows[i].file, .reader = "apps", .context = "" };
                Sample sample = sample_new(&row);
                Reply reply = reply_of(&row);
                uint64_t errors, warnings;

                (i == 2 ? marathon_pods_judge : marathon_apps_judge)(&reply, &sample);
                assert_true(sample_get_number(&sample, "errors", &errors));
                assert_true(sample_get_number(&sample, "warnings", &warnings));
                assert_int_equal(errors, rows[i].errors);
                assert_int_equal(warnings, rows[i].warnings);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_every_row_is_read_as_the_manifest_says),
                cmocka_unit_test(test_constraints_are_counted_as_errors_and_as_warnings),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
