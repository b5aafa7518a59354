/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "common/base64.h"
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
#include "node-agent/probe/parse-security.h"
#include "node-agent/probe/parse-slaves.h"
#include "node-agent/probe/parse-tasks.h"
#include "node-agent/probe/parse-token.h"
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

/* Only a token says when it is over. */
static void check_token(const char *token) {
        const char *dot = strchr(token, '.');
        uint64_t expiry = 0;

        if (token_is_valid(token) && (!dot || dot == token || !strchr(dot + 1, '.')))
                abort();
        if (token_get_expiry(token, &expiry) && !token_is_valid(token))
                abort();
}

/* Whatever there is, as the claims of a token. */
static void read_claims(const char *text, size_t size) {
        char token[BASE64_TEXT_MAX(LOGIN_TOKEN_MAX) + sizeof("e30..e30")] = "e30.";
        char *claims = token + strlen(token), *end;

        base64_encode(text, MIN(size, (size_t) LOGIN_TOKEN_MAX), claims);
        end = claims + strcspn(claims, "=");
        for (char *letter = claims; letter < end; letter++) {
                if (*letter == '+')
                        *letter = '-';
                if (*letter == '/')
                        *letter = '_';
        }

        memcpy(end, ".e30", sizeof(".e30"));
        check_token(token);
        if (size > 0 && !token_is_valid(token))
                abort();
}

/* The half of a text as a secret, and all of it as what a server says: no more of it is left than
 * may be. */
static void hide(const char *secret, const char *text, size_t size) {
        auto_free char *answer = malloc(size + 1);
        char begin[SECRET_SHOWN_MAX + 2];

        if (!answer)
                abort();

        memcpy(answer, text, size);
        answer[size] = '\0';
        secret_hide(answer, size, secret);
        if (strlen(secret) <= SECRET_SHOWN_MAX || strchr(secret, '*'))
                return;

        memcpy(begin, secret, SECRET_SHOWN_MAX + 1);
        begin[SECRET_SHOWN_MAX + 1] = '\0';
        if (memmem(answer, size, begin, strlen(begin)))
                abort();
}

static void read_token(const char *text, size_t size) {
        auto_free char *whole = text_duplicate(text, size);
        auto_free char *half = text_duplicate(text, MIN(size / 2, (size_t) LOGIN_TOKEN_MAX));
        char token[LOGIN_TOKEN_MAX] = "";
        Reply reply = reply_of(text, size);

        if (!whole || !half)
                abort();

        check_token(whole);
        read_claims(text, size);
        hide(half, text, size);
        if (login_token_read(&reply, token, NULL) == 0)
                check_token(token);
}

static void read_security(const char *text, size_t size) {
        Security security = SECURITY_OPEN;
        Error error = {};
        int r = security_read(text, size, &security, &error);

        if ((r < 0) != (error.text[0] != '\0') || security > SECURITY_STRICT)
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
        Sample sample = sample_new();

        judge_reply(marathon_info_judge, text, size);
        (void) marathon_leads_at(&reply, "10.0.0.12");
        (void) marathon_take_leader(&reply, &reply, "10.0.0.12", &sample);
        marathon_take_apps(&none, &sample);
        marathon_take_pods(&none, &sample);
        marathon_take_deployments(&reply, &sample);
        sample_close(&sample);
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
                { "iam-token", read_token },
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
                { "security", read_security },
                { "system-health", read_health },
        };

        return fuzz_one(targets, ELEMENTSOF(targets), TARGET, data, size);
}
