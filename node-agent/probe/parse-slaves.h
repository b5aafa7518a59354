/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "node-agent/probe/reply.h"

/* The leading master's view of the cluster and of single Mesos agents: the decisive one (whether an
 * agent believes to be registered says little). Pure. */

typedef struct LeaderReplies {
        Reply health;  /* POST /api/v1 GET_HEALTH */
        Reply slaves;  /* /slaves */
        Reply summary; /* /state-summary, for the tasks; only when agents are asked for */
        Reply version;
        Reply flags; /* for the limits */
} LeaderReplies;

/* Fills samples[0] (the cluster: passes if the leader has read its registry, and all agents in it
 * have registered again) and samples[1 + i] (agents[i], an address: passes if it is listed once,
 * active, not being drained). All have been initialised. A leader that has not read its registry
 * answers with empty lists, so as long as its health is not good its lists are not an answer. */
void mesos_leader_judge(
                const LeaderReplies *replies,
                const char *const agents[],
                size_t agent_count,
                Sample samples[]);
