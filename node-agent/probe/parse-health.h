/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "node-agent/probe/reply.h"

/* /system/health/v1 of dcos-diagnostics: the health of each unit of this node. Pure. */

typedef struct HealthWanted {
        const char *role;    /* "master", "agent" or "agent_public"; NULL: any */
        const char *version; /* of DC/OS, that the daemon was started with; NULL: any */
} HealthWanted;

/* Passes if there are units, and each is healthy. */
void system_health_judge(const Reply *reply, const HealthWanted *wanted, Sample *sample);
