/* SPDX-License-Identifier: Apache-2.0 */
#include "node-agent/probe/probe.h"

#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/text.h"
#include "node-agent/probe/ask.h"
#include "node-agent/probe/parse-metrics.h"
#include "node-agent/probe/parse-slaves.h"

/* What is cheap and never held up is asked first; the metrics last, because a process that is just
 * starting may keep that request for as long as it likes. The time-out is Mesos's own: after it the
 * metrics that are there are answered. Mesos listens on the node's address only, never on
 * localhost. */

#define MASTER_PORT   5050
#define AGENT_PORT    5051
#define AGENTS_MAX    64
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
        const char *agents[AGENTS_MAX];
        size_t agent_count;
        char *agent_text; /* what `agents` points into */
} MesosOrder;

static void mesos_order_done(MesosOrder *order) {
        free(order->agent_text);
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

/* `masters` and `agents`: whether the verb has that option. */
static int parse_order(
                char *const arguments[],
                bool with_masters,
                bool with_agents,
                MesosOrder *order,
                Error *error) {
        const char *address = NULL, *timeout = NULL, *masters = NULL, *agents = NULL;
        const ProbeOption more = with_masters  ? (ProbeOption) { "masters", &masters }
                                 : with_agents ? (ProbeOption) { "agents", &agents, true }
                                               : (ProbeOption) {};
        const ProbeOption options[] = {
                { "address", &address }, { "timeout", &timeout, true }, more, {}
        };
        int r;

        r = probe_options_parse(options, arguments, error);
        if (r < 0)
                return r;

        r = parse_address(address, error);
        if (r < 0)
                return error_prefixf(error, "--address");

        if (masters) {
                r = parse_masters(masters, &order->masters, error);
                if (r < 0)
                        return r;
        }
        if (agents) {
                r = parse_agents(agents, order, error);
                if (r < 0)
                        return r;
        }

        order->address = address;
        return parse_timeout(timeout, ASK_TIMEOUT, &order->timeout, error);
}

/* --- verbs --- */

static ProbeExit print(const Sample samples[], size_t count, Json *answer, Error *error) {
        if (samples_print(samples, count, answer))
                return PROBE_OK;

        (void) error_setf(error, ERROR_MEMORY, "no memory for the answer");
        return PROBE_FAILED;
}

ProbeExit probe_mesos_master(char *const arguments[], Json *answer, Error *error) {
        const Question questions[] = { redirect, version, flags, metrics };
        Asked asked[ELEMENTSOF(questions)] = {};
        MesosOrder order = {};
        Sample sample;
        Server server;

        if (parse_order(arguments, true, false, &order, error) < 0)
                return PROBE_USAGE;

        server_init(&server, "http", order.address, MASTER_PORT, order.timeout);
        ask_in_turn(&server, questions, asked, ELEMENTSOF(questions));

        sample_init(&sample, "mesos-master", "");
        sample.took = server_elapsed(&server);
        mesos_master_judge(
                        &(MasterReplies) { .redirect = asked[0].reply,
                                           .version = asked[1].reply,
                                           .flags = asked[2].reply,
                                           .metrics = asked[3].reply },
                        order.masters, &sample);
        asked_done(asked, ELEMENTSOF(asked));
        return print(&sample, 1, answer, error);
}

ProbeExit probe_mesos_agent(char *const arguments[], Json *answer, Error *error) {
        const Question questions[] = { version, state, metrics };
        Asked asked[ELEMENTSOF(questions)] = {};
        MesosOrder order = {};
        Sample sample;
        Server server;

        if (parse_order(arguments, false, false, &order, error) < 0)
                return PROBE_USAGE;

        server_init(&server, "http", order.address, AGENT_PORT, order.timeout);
        ask_in_turn(&server, questions, asked, ELEMENTSOF(questions));

        sample_init(&sample, "mesos-agent", "");
        sample.took = server_elapsed(&server);
        mesos_agent_judge(
                        &(AgentReplies) { .version = asked[0].reply,
                                          .state = asked[1].reply,
                                          .metrics = asked[2].reply },
                        &sample);
        asked_done(asked, ELEMENTSOF(asked));
        return print(&sample, 1, answer, error);
}

static void ask_leader(const MesosOrder *order, Sample samples[]) {
        const Question questions[] = { health, version, flags, slaves, summary };
        size_t count = order->agent_count > 0 ? ELEMENTSOF(questions) : ELEMENTSOF(questions) - 1;
        Asked asked[ELEMENTSOF(questions)] = {};
        Server server;
        usec_t took;

        server_init(&server, "http", order->address, MASTER_PORT, order->timeout);
        ask_in_turn(&server, questions, asked, count);
        if (count < ELEMENTSOF(questions))
                asked[count].reply = (Reply) { .question = summary.name, .failure = "not asked" };

        took = server_elapsed(&server);
        for (size_t i = 0; i <= order->agent_count; i++) {
                sample_init(&samples[i], "mesos-leader", i > 0 ? order->agents[i - 1] : "");
                samples[i].took = took;
        }

        mesos_leader_judge(
                        &(LeaderReplies) { .health = asked[0].reply,
                                           .version = asked[1].reply,
                                           .flags = asked[2].reply,
                                           .slaves = asked[3].reply,
                                           .summary = asked[4].reply },
                        order->agents, order->agent_count, samples);
        asked_done(asked, ELEMENTSOF(asked));
}

ProbeExit probe_mesos_leader(char *const arguments[], Json *answer, Error *error) {
        MesosOrder order = {};
        AUTO(MesosOrder) *owned = &order;
        auto_free Sample *samples = NULL;

        if (parse_order(arguments, false, true, owned, error) < 0)
                return PROBE_USAGE;

        samples = calloc(order.agent_count + 1, sizeof(*samples));
        if (!samples) {
                (void) error_setf(error, ERROR_MEMORY, "no memory for the answer");
                return PROBE_FAILED;
        }

        ask_leader(&order, samples);
        return print(samples, order.agent_count + 1, answer, error);
}
