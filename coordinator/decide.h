/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "coordinator/facts.h"
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
