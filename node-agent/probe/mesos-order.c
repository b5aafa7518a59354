/* SPDX-License-Identifier: Apache-2.0 */
#include "node-agent/probe/mesos-order.h"

#include <stdlib.h>
#include <string.h>

#include "common/parse.h"
#include "common/text.h"

#define COUNT_MAX 1000000
#define STRICT    "https://" /* before an agent's address */

void mesos_order_done(MesosOrder *order) {
        free(order->agent_text);
        access_free(order->access);
}

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

                order->strict[order->agent_count] = text_starts_with(agent, STRICT);
                if (order->strict[order->agent_count])
                        agent += strlen(STRICT);

                r = parse_address(agent, error);
                if (r < 0)
                        return error_prefixf(error, "--agents");

                order->agents[order->agent_count++] = agent;
        }

        return 0;
}

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
                [VERB_TASKS] = { address, timeout, root, token, { "agents", &words->agents } },
                [VERB_ADDRESS] = { address, timeout, root, token },
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

static int take_words(const MesosWords *words, usec_t timeout, MesosOrder *order, Error *error) {
        int r = 0;

        if (words->masters)
                r = parse_masters(words->masters, &order->masters, error);
        if (r == 0 && words->agents)
                r = parse_agents(words->agents, order, error);
        if (r == 0)
                r = parse_before(words, &order->before, error);
        if (r == 0)
                r = parse_timeout(words->timeout, timeout, &order->timeout, error);

        order->address = words->address;
        order->root = words->root;
        order->token = words->token;
        return r;
}

int mesos_order_parse(char *const arguments[], MesosVerb verb, MesosOrder *order, Error *error) {
        MesosWords words = {};
        int r;

        r = parse_words(arguments, verb, &words, error);
        if (r < 0)
                return r;

        r = parse_address(words.address, error);
        if (r < 0)
                return error_prefixf(error, "--address");

        return take_words(&words, verb == VERB_TASKS ? TASKS_TIMEOUT : ASK_TIMEOUT, order, error);
}

bool mesos_order_access(MesosOrder *order, Sample samples[], size_t count) {
        Error error = {};

        if (access_open(order->root, order->token, &order->access, &error) >= 0)
                return true;

        for (size_t i = 0; i < count; i++)
                sample_doubt_error(&samples[i], &error);

        return false;
}
