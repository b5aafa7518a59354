/* SPDX-License-Identifier: Apache-2.0 */
#include "node-agent/probe/probe.h"

#include <stdlib.h>

#include "node-agent/probe/mesos-order.h"
#include "node-agent/probe/parse-slaves.h"

/* What is cheap and never held up is asked first; the metrics last, because a process that is just
 * starting may keep that request for as long as it likes. The time-out is Mesos's own: after it the
 * metrics that are there are answered. Mesos listens on the node's address only, never on
 * localhost. */

#define MASTER_PORT   5050
#define AGENT_PORT    5051
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

/* --- verbs --- */

static ProbeExit print(const Sample samples[], size_t count, Json *answer, Error *error) {
        if (samples_print(samples, count, answer))
                return PROBE_OK;

        (void) error_setf(error, ERROR_MEMORY, "no memory for the answer");
        return PROBE_FAILED;
}

static void ask_master(MesosOrder *order, Sample *sample) {
        const Question questions[] = { redirect, version, flags, metrics };
        Asked asked[ELEMENTSOF(questions)] = {};
        Server server;

        sample_init(sample, "mesos-master", "");
        if (!mesos_order_access(order, sample, 1))
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

        if (mesos_order_parse(arguments, VERB_MASTER, owned, error) < 0)
                return PROBE_USAGE;

        ask_master(&order, &sample);
        return print(&sample, 1, answer, error);
}

static void ask_agent(MesosOrder *order, Sample *sample) {
        const Question questions[] = { version, state, metrics };
        Asked asked[ELEMENTSOF(questions)] = {};
        Server server;

        sample_init(sample, "mesos-agent", "");
        if (!mesos_order_access(order, sample, 1))
                return;

        /* For whoever asks it from elsewhere. */
        sample_add_number(sample, "strict", order->access->strict);
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

        if (mesos_order_parse(arguments, VERB_AGENT, owned, error) < 0)
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
        if (!mesos_order_access(order, samples, order->agent_count + 1))
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

        if (mesos_order_parse(arguments, VERB_LEADER, owned, error) < 0)
                return PROBE_USAGE;

        samples = calloc(order.agent_count + 1, sizeof(*samples));
        if (!samples) {
                (void) error_setf(error, ERROR_MEMORY, "no memory for the answer");
                return PROBE_FAILED;
        }

        ask_leader(&order, samples);
        return print(samples, order.agent_count + 1, answer, error);
}
