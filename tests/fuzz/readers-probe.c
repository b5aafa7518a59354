/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "common/text.h"
#include "node-agent/probe/parse-checks.h"
#include "node-agent/probe/parse-cockroach.h"
#include "node-agent/probe/parse-exhibitor.h"
#include "node-agent/probe/parse-health.h"
#include "node-agent/probe/parse-login.h"
#include "node-agent/probe/parse-marathon.h"
#include "node-agent/probe/parse-metrics.h"
#include "node-agent/probe/parse-overlay.h"
#include "node-agent/probe/parse-release.h"
#include "node-agent/probe/parse-slaves.h"
#include "node-agent/probe/parse-tasks.h"
#include "tests/fuzz/target.h"

static Reply reply_of(const char *text, size_t size) {
        return (Reply) { .question = "fuzz", .status = 200, .body = text, .size = size };
}

static const Reply none = { .question = "none", .failure = "not asked" };

/* Whatever it was, what is told of it holds together, and can be told. */
static void check_sample(const Sample *sample) {
        AUTO(Json) *answer = json_new_object();

        if ((sample->verdict == VERDICT_PASS) != (sample->why.text[0] == '\0'))
                abort();
        if (strlen(sample->evidence) >= sizeof(sample->evidence))
                abort();
        if (!answer || !samples_print(sample, 1, answer))
                abort();
}

static Sample sample_new(void) {
        Sample sample;

        sample_init(&sample, "fuzz", "");
        return sample;
}

static void judge_reply(
                void (*judge)(const Reply *reply, Sample *sample), const char *text, size_t size) {
        Sample sample = sample_new();
        Reply reply = reply_of(text, size);

        judge(&reply, &sample);
        check_sample(&sample);
}

/* --- targets --- */

static void read_checks(const char *text, size_t size) {
        for (int status = 0; status <= 3; status++) {
                const CheckRunnerAnswer answer = { .check = CHECK_RUNNER_NODE,
                                                   .exit_status = status,
                                                   .output = text,
                                                   .size = size };
                Sample sample = sample_new();

                check_runner_judge(&answer, &sample);
                check_sample(&sample);
        }
}

static void read_cockroach_command(const char *text, size_t size) {
        const CockroachAnswer answer = { .output = text, .size = size };
        Sample sample = sample_new();

        cockroach_command_judge(&answer, &(CockroachWanted) { .masters = 3 }, &sample);
        check_sample(&sample);
}

static void read_cockroach_http(const char *text, size_t size) {
        Sample sample = sample_new();
        Reply reply = reply_of(text, size);

        (void) cockroach_http_judge(&reply, &(CockroachWanted) { .masters = 3, .now = 1 }, &sample);
        check_sample(&sample);
}

static void read_exhibitor(const char *text, size_t size) {
        Sample sample = sample_new();
        Reply reply = reply_of(text, size);

        exhibitor_judge(&reply, 3, NULL, &sample);
        check_sample(&sample);
}

static void read_health(const char *text, size_t size) {
        Sample sample = sample_new();
        Reply reply = reply_of(text, size);

        system_health_judge(&reply, &(HealthWanted) { .role = "master" }, &sample);
        check_sample(&sample);
}

static void read_login(const char *text, size_t size) {
        LoginAccount *account = calloc(1, sizeof(*account));
        char token[LOGIN_TOKEN_MAX] = "";
        Reply reply = reply_of(text, size);
        Error error = {};

        if (account && login_account_read(text, size, account, &error) == 0)
                (void) login_account_check_key(account, &error);
        free(account);
        if (login_token_read(&reply, token, &error) == 0 && !strchr(token, '.'))
                abort();
}

static void read_master(const char *text, size_t size) {
        const Reply reply = reply_of(text, size);
        const MasterReplies replies = {
                .metrics = reply, .redirect = reply, .version = reply, .flags = reply
        };
        Sample sample = sample_new();

        mesos_master_judge(&replies, 3, &sample);
        check_sample(&sample);
}

static void read_agent(const char *text, size_t size) {
        const Reply reply = reply_of(text, size);
        const AgentReplies replies = { .metrics = reply, .state = reply, .version = reply };
        Sample sample = sample_new();

        mesos_agent_judge(&replies, &sample);
        check_sample(&sample);
}

static void read_leader(const char *text, size_t size) {
        static const char *const agents[] = { "10.0.0.21", "127.0.5.21" };
        const Reply reply = reply_of(text, size);
        const Reply health = {
                .question = "GET_HEALTH",
                .status = 200,
                .body = "{\"type\":\"GET_HEALTH\",\"get_health\":{\"healthy\":true}}",
                .size = 51
        };
        const LeaderReplies replies = {
                .health = health, .slaves = reply, .summary = reply, .version = none
        };
        Sample samples[ELEMENTSOF(agents) + 1];

        for (size_t i = 0; i < ELEMENTSOF(samples); i++)
                samples[i] = sample_new();

        mesos_leader_judge(&replies, agents, ELEMENTSOF(agents), samples);
        for (size_t i = 0; i < ELEMENTSOF(samples); i++)
                check_sample(&samples[i]);
}

static void read_tasks(const char *text, size_t size) {
        const Reply reply = reply_of(text, size);
        TaskLook looks[TASK_LOOKS] = {};
        Sample sample = sample_new();
        size_t rows;

        for (size_t i = 0; i < TASK_LOOKS; i++) {
                task_look_read_agent(&reply, &looks[i]);
                /* the agent of the captures, so that lists of the leader are read, too */
                if (!looks[i].agent_id[0]) {
                        looks[i].error = (Error) {};
                        (void) text_copy(
                                        looks[i].agent_id, sizeof(looks[i].agent_id),
                                        "98d27222-ec7c-461b-8be2-3d464ebec132-S0");
                }
                task_looks_count(&reply, &looks[i], 1);
                (void) task_looks_read_page(&reply, &looks[i], 1, &rows, &looks[i].error);
                (void) task_look_differs(&looks[i]);
        }

        task_looks_judge(&looks[0], &looks[1], &sample);
        check_sample(&sample);
        for (size_t i = 0; i < TASK_LOOKS; i++)
                task_look_done(&looks[i]);
}

static void read_build(const char *text, size_t size) {
        Reply reply = reply_of(text, size);
        MesosBuild build = {};

        if (mesos_build_read(&reply, &build, NULL) == 0 ||
            mesos_build_read_text(text, size, &build, NULL) == 0) {
                Sample sample = sample_new();

                mesos_release_compare(mesos_release_find("2.1.1"), &build, &sample);
                sample_close(&sample);
                check_sample(&sample);
        }
}

static void read_info(const char *text, size_t size) {
        const Reply reply = reply_of(text, size);
        const MarathonReplies replies = { reply, reply, true, none, none, reply };
        Sample sample = sample_new();

        judge_reply(marathon_info_judge, text, size);
        (void) marathon_leads_at(&reply, "10.0.0.12");
        marathon_judge(&replies, &sample);
        check_sample(&sample);
}

static void read_marathon_leader(const char *text, size_t size) {
        judge_reply(marathon_leader_judge, text, size);
}

static void read_deployments(const char *text, size_t size) {
        judge_reply(marathon_deployments_judge, text, size);
}

static void read_apps(const char *text, size_t size) {
        judge_reply(marathon_apps_judge, text, size);
        judge_reply(marathon_pods_judge, text, size);
}

static void read_overlay(const char *text, size_t size) {
        judge_reply(overlay_judge, text, size);
}

static void read_script(const char *text, size_t size) {
        Sample sample = sample_new();

        marathon_script_judge(text, size, &sample);
        check_sample(&sample);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        static const FuzzTarget targets[] = {
                { "check-runner", read_checks },
                { "cockroach-command", read_cockroach_command },
                { "cockroach-http", read_cockroach_http },
                { "exhibitor", read_exhibitor },
                { "iam-login", read_login },
                { "marathon-apps", read_apps },
                { "marathon-deployments", read_deployments },
                { "marathon-info", read_info },
                { "marathon-leader", read_marathon_leader },
                { "marathon-script", read_script },
                { "mesos-agent", read_agent },
                { "mesos-leader", read_leader },
                { "mesos-master", read_master },
                { "mesos-tasks", read_tasks },
                { "mesos-version", read_build },
                { "overlay", read_overlay },
                { "system-health", read_health },
        };

        return fuzz_one(targets, ELEMENTSOF(targets), TARGET, data, size);
}
