/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "coordinator/facts.h"
#include "coordinator/gate.h"
#include "coordinator/why.h"

/* What the coordinator does next, one event at a time: the shell commits it, applies it, and asks
 * again, until there is nothing left to decide. Pure: the same state, facts and time give the same
 * answer. */

/* 1: `ret` is to be committed. 0: nothing now; `ret_why` says what is waited for. `now` is boot
 * time, `wall` wall clock (for pauses that end by themselves: they were given as a time of day). */
int run_decide(const State *state,
               const Facts *facts,
               usec_t now,
               usec_t wall,
               Event *ret,
               Why *ret_why);

/* The gate of promise 1 for this node as things stand, and the sentence that explains a closed one.
 */
GateVerdict judge_masters(
                const State *state, const Facts *facts, size_t candidate, usec_t now, Why *ret_why);

/* Whether the node is as a patched node must be, now: it obeys us, its journal has nothing
 * unexplained, it is patched to the run's version, heard, healthy. Otherwise `ret_why` says what is
 * missing. */
bool node_is_proven(const State *state, const Facts *facts, size_t node, usec_t now, Why *ret_why);

/* Whether a person's word is enough to give up the node's present attempt and its slot: only when
 * the node itself says, now, that it does not have it in hand. Otherwise `ret_why` says what is
 * missing. */
bool retry_is_safe(const State *state, const Facts *facts, size_t node, usec_t now, Why *ret_why);
