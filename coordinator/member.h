/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "coordinator/checks.h"
#include "coordinator/why.h"

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

/* After its step: registered anew, under the id that it had, and both sides know of as many running
 * tasks. What was not known before cannot be compared. */
bool agent_is_member_again(
                const State *state, const Facts *facts, size_t node, usec_t now, Why *ret_why);

/* As many agents are active as before the step of this master, but for those set aside since. */
bool agents_are_back(const State *state, const Facts *facts, size_t node, usec_t now, Why *ret_why);

/* What is to be true again after the step that is about to get its slot. */
void member_note_before(
                const State *state, const Facts *facts, size_t node, usec_t now, EventStep *step);

/* "5 tasks ran before, 4 do now (1 lost, 0 failed, 0 gone by its own count)": for the record of a
 * step that is done; empty where there is nothing to tell. Tasks that do not outlive their agent
 * are started anew elsewhere, so this holds nobody up. */
void member_describe_losses(
                const State *state,
                const Facts *facts,
                size_t node,
                usec_t now,
                char text[static REASON_MAX]);
