/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>

#include "node-agent/probe/reply.h"

/* /metrics/snapshot of Mesos masters and agents. A metric that is missing is not known yet, never 0
 * or 1: a starting process answers with 15 of its 200. Metrics are necessary for a pass, and never
 * sufficient for health: registered is 1 for an agent whose leader is dead, recovered is 1 for a
 * master that is alone in the world. Pure. */

typedef struct MasterReplies {
        Reply metrics;
        Reply redirect;
        Reply version;
        Reply flags; /* looked at only when the metrics know of no replica */
} MasterReplies;

/* What was true before a step, to compare with; 0 of any: it is not compared. */
typedef struct MetricsBefore {
        uint64_t age_max; /* milliseconds since the step began: an older process is the old one */
        uint64_t agents;  /* active on the leading master */
        uint64_t tasks;   /* running on this agent */
} MetricsBefore;

/* Passes if its replica is recovered, all `masters` replicas are in its ensemble (0: not known, no
 * pass), it says whether it is elected, and it knows a leader. A master whose flags say that it
 * keeps its registry in memory has no replica ("in_memory" 1): good enough for one that is the only
 * one, and a failure for one of several, because the next to lead would know no agent. */
void mesos_master_judge(const MasterReplies *replies, uint64_t masters, Sample *sample);
void mesos_master_judge_after(
                const MasterReplies *replies,
                uint64_t masters,
                const MetricsBefore *before,
                Sample *sample);

typedef struct AgentReplies {
        Reply metrics;
        Reply state;
        Reply version;
} AgentReplies;

/* Passes if it has recovered without errors and says that it is registered. */
void mesos_agent_judge(const AgentReplies *replies, Sample *sample);
void mesos_agent_judge_after(
                const AgentReplies *replies, const MetricsBefore *before, Sample *sample);
