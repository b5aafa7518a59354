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

/* "ping_limit_ms", how long an agent may be away before its leader gives it up, and
 * "reregister_limit_ms", the same after a new leader was elected; of a master's /flags. A flag that
 * was set by its old name is there by that name only. Left out where they cannot be read: no
 * verdict. */
void mesos_limits_read(const Reply *flags, Sample *sample);

/* "id", of an agent's /state: "" before its first registration. No verdict. */
void mesos_agent_id_read(const Reply *state, Sample *sample);
