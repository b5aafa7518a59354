/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "coordinator/checks.h"
#include "coordinator/why.h"
#include "coordinator/window.h"

/* What the samples of all nodes mean together. Pure.
 *
 * A single answer is judged where it is read; here it is judged over time (window.h) and against
 * the answers of the other nodes: the page's metrics are necessary, never sufficient (facts 0). */

typedef struct Health {
        Window windows[CHECK_COUNT]; /* of this node; CHECK_MEMBER is what the leading master says
                                        of it */
        usec_t away_since; /* an agent: since when the leading master has it disconnected, or not at
                              all; 0: it has it, or has not said */
} Health;

void health_free(Health *health);

/* Takes in a sample of `node`. True when it is to be recorded: its verdict has changed;
 * `ret_subject` is then the node it speaks of. Samples about the cluster are taken from the leading
 * master only. */
bool health_hear(
                const State *state,
                Facts *facts,
                size_t node,
                const Sample *sample,
                usec_t now,
                size_t *ret_subject);

/* A sample as the log keeps it. */
Event health_event(const State *state, size_t subject, const Sample *sample);

/* Keeps up with an event that has been applied: what was seen of a node before its script ended, or
 * before it booted, says nothing about it now. */
void health_note(const State *state, Facts *facts, const Event *event, usec_t now);

/* The leading master: the only one that says it is elected, and all fresh masters agree. SIZE_MAX:
 * nobody can say. */
size_t health_leader(const State *state, const Facts *facts, usec_t now);
size_t health_zookeeper_leader(const State *state, const Facts *facts, usec_t now);

/* Judges everything anew and leaves the result in the facts, where run_decide and order_next look.
 */
void health_judge(const State *state, Facts *facts, usec_t now);

/* Whether this master is good for the others' sake, now and over the dwell time. */
bool master_is_healthy(
                const State *state, const Facts *facts, size_t node, usec_t now, Why *ret_why);

/* Whether the node, patched, has proven itself over the dwell time: all its checks, and as its
 * cluster sees it. */
bool gate_holds(const State *state, const Facts *facts, size_t node, usec_t now, Why *ret_why);

/* Whether the masters together are well at this moment: one ZooKeeper leader, one elected master,
 * all of one mind, registry read. `except` is a node whose word is not asked for (SIZE_MAX: none).
 */
bool cluster_is_well(
                const State *state, const Facts *facts, size_t except, usec_t now, Why *ret_why);

/* Agents that are next in the plan are looked at before they get a slot: so many of each role. */
#define LOOK_AHEAD 16

/* A Mesos agent that is asked, and that the leading master is asked about: it is next, or being
 * patched, or being proven. */
bool agent_is_looked_at(const State *state, size_t node);

/* The same because a person wants to know now: after the others, if there is room. */
bool agent_is_wished_for(const State *state, const Facts *facts, size_t node);

/* For `status`: the windows of a node, NULL as long as nothing was asked. */
const Health *health_of(const Facts *facts, size_t node);

/* The newest answer of a node to one check, if it is fresh; else NULL. */
const Kept *health_answer(
                const State *state, const Facts *facts, size_t node, CheckId check, usec_t now);
