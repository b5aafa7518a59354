/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "coordinator/facts.h"

/* What the leading master has counted of tasks that ended badly, by reason: read before a step, and
 * compared after it. Pure.
 *
 * It is told, in the record of the step and in the evidence, and fails no gate: a task that was
 * lost does not come back by waiting, so a gate that failed by a counter would never open again; a
 * counter is of the whole cluster, where tasks fail for reasons of their own, and those of other
 * nodes fall into the same minutes; and a task whose framework wants no checkpoints is lost by
 * every restart of its agent, as is said beforehand (facts 2, 3). What a gate can ask for is the
 * state after it: each agent active, under its id, and the same tasks known on both sides
 * (member.h); how many were lost on the way is for a person to weigh. */

/* "m1 uptime_ms=61250 lost/slave_disconnected=3 failed/executor_terminated=1": what has been
 * counted so far, by whom, and how long it had been running. Empty: it is not known. */
void losses_note(
                const State *state,
                const Facts *facts,
                usec_t now,
                char text[static LOSSES_TEXT_MAX]);

/* "5 tasks ran before, 4 do now ...; the leading master m1 has counted since before the step:
 * task_lost/source_master/reason_slave_disconnected +1": by the agent, and by the leading master,
 * for the record of a step that is done. Empty: nothing, or it cannot be compared. A leader that
 * was elected in between has begun at 0. */
void losses_describe(
                const State *state,
                const Facts *facts,
                size_t node,
                usec_t now,
                char text[static REASON_MAX]);
