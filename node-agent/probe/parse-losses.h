/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "node-agent/probe/reply.h"

/* The counters of tasks that ended badly, by who says so and why: of the leading master's metrics,
 * where such a counter is there only once it has counted something. Pure. */

/* "losses_1" and up to three more texts, as far as there is room: words like
 * "lost/master/slave_disconnected=3" for
 * "master/task_lost/source_master/reason_slave_disconnected"; and the counters themselves as
 * evidence. No verdict. */
void losses_read(const Json *metrics, Sample *sample);
