/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <systemd/sd-event.h>

#include "common/cleanup.h"
#include "common/error.h"
#include "node-agent/config.h"

/* The node agent: owns the step journal, the connection to systemd, the steps and the link, says
 * who this node is, and that it is alive. */

typedef struct Agent Agent;

int agent_new(sd_event *event, const AgentConfig *config, Agent **ret, Error *error);

const char *agent_get_name(const Agent *agent);

void agent_free(Agent *agent);
DEFINE_AUTO(Agent, agent_free)
