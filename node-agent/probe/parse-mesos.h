/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "node-agent/probe/reply.h"

/* The small answers of a Mesos process. Each adds its text to the sample, or leaves it out. Pure.
 */

/* "leader", HOST:PORT, of /redirect. An answer that there is no leader is a failure, any other
 * without one a doubt. It may be a leader that died up to 10 s ago. */
void mesos_leader_read(const Reply *redirect, Sample *sample);

/* "version", of /version. No verdict: it proves a process, not its health. */
void mesos_version_read(const Reply *version, Sample *sample);

/* "id", of an agent's /state: "" before its first registration. No verdict. */
void mesos_agent_id_read(const Reply *state, Sample *sample);
