/* SPDX-License-Identifier: Apache-2.0 */
#include "node-agent/probe/probe.h"

#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/parse.h"
#include "common/text.h"
#include "node-agent/probe/access.h"
#include "node-agent/probe/parse-metrics.h"
#include "node-agent/probe/parse-slaves.h"

/* What is cheap and never held up is asked first; the metrics last, because a process that is just
 * starting may keep that request for as long as it likes. The time-out is Mesos's own: after it the
 * metrics that are there are answered. Mesos listens on the node's address only, never on
 * localhost. */

#define MASTER_PORT   5050
#define AGENT_PORT    5051
#define AGENTS_MAX    64
#define COUNT_MAX     1000000
#define METRICS_PATH  "/metrics/snapshot"
#define METRICS_QUERY METRICS_PATH "?timeout=2secs"

// clang-format off
static const Question redirect = { "/redirect",     "/redirect",     NULL, REPLY_BYTES_MAX };
static const Question flags    = { "/flags",        "/flags",        NULL, REPLY_BYTES_MAX };
static const Question version  = { "/version",      "/version",      NULL, REPLY_BYTES_MAX };
static const Question metrics  = { METRICS_QUERY,   METRICS_PATH,    NULL, REPLY_LIST_BYTES_MAX };
static const Question state    = { "/state",        "/state",        NULL, REPLY_LIST_BYTES_MAX };
static const Question slaves   = { "/slaves",       "/slaves",       NULL, REPLY_LIST_BYTES_MAX };
static const Question summary  = { "/state-summary","/state-summary",NULL, REPLY_LIST_BYTES_MAX };
static const Question health   = { "/api/v1", "GET_HEALTH", "{\"type\":\"GET_HEALTH\"}",
                                   REPLY_BYTES_MAX };
// clang-format on

typedef struct MesosOrder {
        const char *address;
        uint64_t masters;
        usec_t timeout;
        MetricsBefore before;
        const char *agents[AGENTS_MAX];
        size_t agent_count;
        char *agent_text; /* what `agents` points into */
        const char *root;
        const char *token;
        Access *access;
} MesosOrder;

static void mesos_order_done(MesosOrder *order) {
        free(order->agent_text);
        access_free(order->access);
}

DEFINE_AUTO(MesosOrder, mesos_order_done)

/* --- options --- */

static int parse_agents(const char *text, MesosOrder *order, Error *error) {
        char *rest;
        int r;

        order->agent_text = strdup(text);
        if (!order->agent_text)
                return error_setf(error, ERROR_MEMORY, "no memory for an option");

        rest = order->agent_text;
        for (char *agent = strsep(&rest, ","); agent; agent = strsep(&rest, ",")) {
                if (order->agent_count == AGENTS_MAX) {
                        return error_setf(
                                        error, ERROR_INVALID, "--agents: want at most %d",
                                        AGENTS_MAX);
                }

                r = parse_address(agent, error);
                if (r < 0)
                        return error_prefixf(error, "--agents");

                order->agents[order->agent_count++] = agent;
        }

        return 0;
}

typedef enum MesosVerb {
        VERB_MASTER,
        VERB_AGENT,
        VERB_LEADER,
} MesosVerb;

typedef struct MesosWords {
        const char *address, *timeout, *root, *token, *masters, *agents, *age_max, *agents_before,
                        *tasks_before;
} MesosWords;

static int parse_words(char *const arguments[], MesosVerb verb, MesosWords *words, Error *error) {
        const ProbeOption address = { "address", &words->address };
        const ProbeOption timeout = { "timeout", &words->timeout, true };
        const ProbeOption age_max = { "age-max", &words->age_max, true };
        const ProbeOption root = { "root", &words->root, true };
        const ProbeOption token = { "token", &words->token, true };
        const ProbeOption options[][8] = {
                [VERB_MASTER] = { address,
                                  timeout,
                                  root,
                                  token,
                                  { "masters", &words->masters },
                                  age_max,
                                  { "agents-before", &words->agents_before, true } },
                [VERB_AGENT] = { address,
                                 timeout,
                                 root,
                                 token,
                                 age_max,
                                 { "tasks-before", &words->tasks_before, true } },
                [VERB_LEADER] = { address,
                                  timeout,
                                  root,
                                  token,
                                  { "agents", &words->agents, true } },
        };

        return probe_options_parse(options[verb], arguments, error);
}

/* NULL: 0, which is to say that it is not compared. */
static int parse_count(const char *name, const char *text, uint64_t *ret, Error *error) {
        if (!text || parse_u64(text, 1, COUNT_MAX, ret) == 0)
                return 0;

        return error_setf(
                        error, ERROR_INVALID, "--%s: got '%s', want 1 to %d", name, text,
                        COUNT_MAX);
}

static int parse_before(const MesosWords *words, MetricsBefore *before, Error *error) {
        int r;

        r = parse_count("age-max", words->age_max, &before->age_max, error);
        if (r == 0)
                r = parse_count("agents-before", words->agents_before, &before->agents, error);
        if (r == 0)
                r = parse_count("tasks-before", words->tasks_before, &before->tasks, error);

        before->age_max *= USEC_PER_SEC / USEC_PER_MSEC;
        return r;
}

static int parse_order(char *const arguments[], MesosVerb verb, MesosOrder *order, Error *error) {
        MesosWords words = {};
        int r;

        r = parse_words(arguments, verb, &words, error);
        if (r < 0)
                return r;

        r = parse_address(words.address, error);
        if (r < 0)
                return error_prefixf(error, "--address");

        if (words.masters)
                r = parse_masters(words.masters, &order->masters, error);
        if (r == 0 && words.agents)
                r = parse_agents(words.agents, order, error);
        if (r == 0)
                r = parse_before(&words, &order->before, error);
        if (r < 0)
                return r;

        order->address = words.address;
        order->root = words.root;
        order->token = words.token;
        return parse_timeout(words.timeout, ASK_TIMEOUT, &order->timeout, error);
}

/* --- verbs --- */

static ProbeExit print(const Sample samples[], size_t count, Json *answer, Error *error) {
        if (samples_print(samples, count, answer))
                return PROBE_OK;

        (void) error_setf(error, ERROR_MEMORY, "no memory for the answer");
        return PROBE_FAILED;
}

/* False: it is not known how to ask, which is all there is to say. */
static bool find_access(MesosOrder *order, Sample samples[], size_t count) {
        Error error = {};

        if (access_open(order->root, order->token, &order->access, &error) >= 0)
                return true;

        for (size_t i = 0; i < count; i++)
                sample_doubt_error(&samples[i], &error);

        return false;
}

static void ask_master(MesosOrder *order, Sample *sample) {
        const Question questions[] = { redirect, version, flags, metrics };
        Asked asked[ELEMENTSOF(questions)] = {};
        Server server;

        sample_init(sample, "mesos-master", "");
        if (!find_access(order, sample, 1))
                return;

        access_init_server(order->access, &server, order->address, MASTER_PORT, order->timeout);
        ask_in_turn(&server, questions, asked, ELEMENTSOF(questions));
        sample->took = server_elapsed(&server);
        mesos_master_judge_after(
                        &(MasterReplies) { .redirect = asked[0].reply,
                                           .version = asked[1].reply,
                                           .flags = asked[2].reply,
                                           .metrics = asked[3].reply },
                        order->masters, &order->before, sample);
        asked_note_refusal(asked, ELEMENTSOF(asked), sample);
        asked_done(asked, ELEMENTSOF(asked));
}

ProbeExit probe_mesos_master(char *const arguments[], Json *answer, Error *error) {
        MesosOrder order = {};
        AUTO(MesosOrder) *owned = &order;
        Sample sample;

        if (parse_order(arguments, VERB_MASTER, owned, error) < 0)
                return PROBE_USAGE;

        ask_master(&order, &sample);
        return print(&sample, 1, answer, error);
}

static void ask_agent(MesosOrder *order, Sample *sample) {
        const Question questions[] = { version, state, metrics };
        Asked asked[ELEMENTSOF(questions)] = {};
        Server server;

        sample_init(sample, "mesos-agent", "");
        if (!find_access(order, sample, 1))
                return;

        access_init_server(order->access, &server, order->address, AGENT_PORT, order->timeout);
        ask_in_turn(&server, questions, asked, ELEMENTSOF(questions));
        sample->took = server_elapsed(&server);
        mesos_agent_judge_after(
                        &(AgentReplies) { .version = asked[0].reply,
                                          .state = asked[1].reply,
                                          .metrics = asked[2].reply },
                        &order->before, sample);
        asked_note_refusal(asked, ELEMENTSOF(asked), sample);
        asked_done(asked, ELEMENTSOF(asked));
}

ProbeExit probe_mesos_agent(char *const arguments[], Json *answer, Error *error) {
        MesosOrder order = {};
        AUTO(MesosOrder) *owned = &order;
        Sample sample;

        if (parse_order(arguments, VERB_AGENT, owned, error) < 0)
                return PROBE_USAGE;

        ask_agent(&order, &sample);
        return print(&sample, 1, answer, error);
}

static void ask_leader(MesosOrder *order, Sample samples[]) {
        const Question questions[] = { health, version, flags, slaves, summary };
        size_t count = order->agent_count > 0 ? ELEMENTSOF(questions) : ELEMENTSOF(questions) - 1;
        Asked asked[ELEMENTSOF(questions)] = {};
        Server server;

        for (size_t i = 0; i <= order->agent_count; i++)
                sample_init(&samples[i], "mesos-leader", i > 0 ? order->agents[i - 1] : "");
        if (!find_access(order, samples, order->agent_count + 1))
                return;

        access_init_server(order->access, &server, order->address, MASTER_PORT, order->timeout);
        ask_in_turn(&server, questions, asked, count);
        if (count < ELEMENTSOF(questions))
                asked[count].reply = (Reply) { .question = summary.name, .failure = "not asked" };

        for (size_t i = 0; i <= order->agent_count; i++)
                samples[i].took = server_elapsed(&server);

        mesos_leader_judge(
                        &(LeaderReplies) { .health = asked[0].reply,
                                           .version = asked[1].reply,
                                           .flags = asked[2].reply,
                                           .slaves = asked[3].reply,
                                           .summary = asked[4].reply },
                        order->agents, order->agent_count, samples);
        asked_note_refusal(asked, ELEMENTSOF(asked), samples);
        asked_done(asked, ELEMENTSOF(asked));
}

ProbeExit probe_mesos_leader(char *const arguments[], Json *answer, Error *error) {
        MesosOrder order = {};
        AUTO(MesosOrder) *owned = &order;
        auto_free Sample *samples = NULL;

        if (parse_order(arguments, VERB_LEADER, owned, error) < 0)
                return PROBE_USAGE;

        samples = calloc(order.agent_count + 1, sizeof(*samples));
        if (!samples) {
                (void) error_setf(error, ERROR_MEMORY, "no memory for the answer");
                return PROBE_FAILED;
        }

        ask_leader(&order, samples);
        return print(samples, order.agent_count + 1, answer, error);
}
