/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "node-agent/check.h"

/* What ZooKeeper answers to `srvr` on its port. Pure. */

#define ZOOKEEPER_PORT 2181
#define SRVR_WORDS     "srvr"
#define SRVR_MODE_MAX  16

/* "leader", "follower", "standalone", ... False: the answer has no whole line that says it (yet).
 */
bool srvr_read_mode(const char *answer, char ret[static SRVR_MODE_MAX]);

/* One of the three modes in which a server serves. */
bool srvr_serves(const char *answer);

/* `answer` is all that was said. Standalone is right where there is one master only. */
void srvr_judge(const char *answer, uint64_t masters, Sample *sample);
