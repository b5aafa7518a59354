/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "coordinator/checks.h"
#include "coordinator/facts.h"
#include "coordinator/why.h"

/* Who is next: masters with the leaders last, then private agents, then public agents, these in
 * batches behind a canary. Says nothing about whether that node may go down now: see decide.c.
 * Pure. */

typedef enum OrderVerdict {
        ORDER_NEXT,  /* this node */
        ORDER_WAIT,  /* nobody now; the reason is given */
        ORDER_HOLD,  /* the plan wants a stop here: see Hold */
        ORDER_OVER,  /* everybody has had their turn */
        ORDER_STUCK, /* nobody before a person has settled something; the reason is given */
} OrderVerdict;

/* Places at which a plan may ask for a stop; bits of Run.holds. */
#define HOLD_MASTERS UINT64_C(1)
#define HOLD_CANARY  UINT64_C(2)

OrderVerdict order_next(
                const State *state,
                const Facts *facts,
                usec_t now,
                size_t *ret_node,
                uint64_t *ret_hold,
                Why *ret_why);

/* Agents that go down together at most, whatever the plan says (design 5). */
#define BATCH_MAX 50U

/* Agents with a slot at most: the leading master is asked about each of them, and about one more at
 * least, which is next. Failed ones keep theirs, so it is more than a batch. */
#define AGENT_SLOTS_MAX (WATCH_MAX - CHECK_COUNT_MASTER - TASKS_COMPARED_MAX - 1)

static_assert(AGENT_SLOTS_MAX > BATCH_MAX, "a batch may be whole while one from before has failed");

/* Agents that went wrong and that nobody has settled: more than the budget halts the run. */
size_t count_failed_agents(const State *state);

/* How many agents of this role go down together, after the canary: at least one public agent keeps
 * serving where there is more than one. */
size_t batch_size(const RunNumbers *numbers, Role role, size_t all);
