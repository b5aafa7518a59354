/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "coordinator/facts.h"

/* The schedulers of the cluster, as the leading master counts them. Pure.
 *
 * Between masters they come and go: each change of the leader disconnects all of them. After the
 * last master no more of them may be away than before the first one's step: of those away, each has
 * tasks that nobody looks after. How many are connected says less: one that has done its work is
 * gone for good. Before the run none is asked to be back, because one whose owner has given it up
 * stays away until its time is over, for a week by default. */

/* What is to be true again after the last master, before the step of one. */
void frameworks_note_before(const State *state, const Facts *facts, usec_t now, EventStep *step);

/* After the last master: whether no more are away. Before that, and where nothing was noted: yes.
 */
bool frameworks_are_back(const State *state, const Facts *facts, usec_t now, Why *ret_why);
