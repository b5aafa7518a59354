/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "node-agent/probe/access.h"
#include "node-agent/probe/parse-metrics.h"

/* What a question to Mesos is told. */

/* Of the tasks of a large cluster, which come page by page. */
#define TASKS_TIMEOUT (25 * USEC_PER_SEC)

typedef struct MesosOrder {
        const char *address;
        uint64_t masters;
        usec_t timeout;
        MetricsBefore before;
        const char *agents[AGENTS_MAX];
        bool strict[AGENTS_MAX]; /* of each agent: it is asked as a strict one is */
        size_t agent_count;
        char *agent_text; /* what `agents` points into */
        const char *root;
        const char *token;
        Access *access;
} MesosOrder; /* borrows from the arguments */

void mesos_order_done(MesosOrder *order);
DEFINE_AUTO(MesosOrder, mesos_order_done)

typedef enum MesosVerb {
        VERB_MASTER,
        VERB_AGENT,
        VERB_LEADER,
        VERB_TASKS,
        VERB_ADDRESS, /* no more than whom, and how */
} MesosVerb;

/* `order` is to be empty; it ends with mesos_order_done() also after an error. */
int mesos_order_parse(char *const arguments[], MesosVerb verb, MesosOrder *order, Error *error);

/* False: it is not known how to ask, which is all there is to say in any of the samples. */
bool mesos_order_access(MesosOrder *order, Sample samples[], size_t count);
