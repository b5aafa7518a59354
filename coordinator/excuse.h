/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "coordinator/checks.h"
#include "coordinator/window.h"

/* When an answer that is bad keeps nobody waiting. Pure. */

/* Between masters a patched Marathon cannot talk to an unpatched leading Mesos master, and what
 * lies behind Admin Router is of two versions: a note then, judged before the first master and
 * after the last. */
bool masters_are_level(const State *state, const Facts *facts, usec_t now);

/* By the steps of the newest run alone, which change with an event only. */
bool master_steps_are_level(const State *state);

/* When the Docker was started whose restart since the step is what the gate names, in ms of the
 * node's boot; 0: it names something else. A person who has the node judged again accepts that.
 * `named`: without the node's name. */
uint64_t excuse_docker_start(
                const State *state, const Facts *facts, size_t node, const char *named, usec_t now);

/* The newest answer is a failure: what it fails because of is known and accepted, or is to be
 * expected now. It stays a note. */
bool failure_is_excused(
                const State *state,
                const Facts *facts,
                size_t node,
                CheckId check,
                const Window *window,
                usec_t now);
