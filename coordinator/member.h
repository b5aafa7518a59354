/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "coordinator/health.h"

/* A Mesos agent as the leading master sees it, which is the decisive view: whether an agent
 * believes to be registered says little (facts 0). And what was true before a step, that is to be
 * true again after it. Pure. */

/* The leading master's word for this agent, fresh: listed once, active, and when it registered last
 * (ms, leader's clock). */
bool agent_is_member(
                const State *state,
                const Facts *facts,
                size_t node,
                usec_t now,
                uint64_t *ret_reregistered_ms,
                Why *ret_why);

typedef struct Away {
        usec_t span;  /* for so long it is not active on the leading master */
        usec_t limit; /* after so long its tasks are lost, by the leading master's own flags; 0: not
                         known */
} Away;

/* Takes in what the leading master has just said of it, which was true at `at`. Said of one that it
 * does not list too: unreachable agents are in no list. */
void member_note_away(Health *health, const Sample *sample, usec_t at);

/* Whether it is away now; after three fifths of the limit it is time to do something. */
bool member_is_away(
                const State *state, const Facts *facts, size_t node, usec_t now, Away *ret_away);
bool away_is_alarming(const Away *away);

/* ", for 3min 5s; after 5min its tasks are lost" */
void away_describe(const Away *away, char text[static REASON_MAX]);

/* After its step: registered anew, under the id that it had. What was not known before cannot be
 * compared. */
bool agent_is_member_again(
                const State *state, const Facts *facts, size_t node, usec_t now, Why *ret_why);

/* As many agents are active as before the step of this master, but for those set aside since. */
bool agents_are_back(const State *state, const Facts *facts, size_t node, usec_t now, Why *ret_why);

/* What is to be true again after the step that is about to get its slot. */
void member_note_before(
                const State *state, const Facts *facts, size_t node, usec_t now, EventStep *step);
