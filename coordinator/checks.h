/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "coordinator/facts.h"
#include "proto/check-table.h"

/* What the table of checks (proto/check-table.h) means for a run: who is asked what, how often, and
 * how old an answer may be. Pure. */

/* How often, and how old the newest may be, when `dwell` is to be spanned: at least four samples
 * fit into a dwell, eight into a short one of tests and demos where that costs no program (design 8
 * has the standard). */
usec_t check_period(const CheckRow *row, Role role, usec_t dwell);
usec_t check_newest_max(const CheckRow *row, Role role, bool at_work);

/* The dwell that a row of passes of this check must span. */
usec_t check_dwell(const CheckRow *row, usec_t dwell);

/* What to type, and where: "journalctl -u dcos-exhibitor (on m1)". Returns the buffer. */
const char *check_advise(const CheckRow *row, const Node *node, char advice[static REASON_MAX]);

/* The step from whose start this node is to look now, which its answers then name; or empty. */
const char *watched_step(const State *state, const Node *node);

/* Of so many agents, which have been patched, the tasks are compared at a time. */
#define TASKS_COMPARED_MAX 32

/* What `node` is to ask now. `serial` is made of the contents: the same list has the same serial,
 * also after a restart. */
void checks_watch(const State *state, const Facts *facts, size_t index, usec_t now, Watch *ret);
