/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "coordinator/facts.h"
#include "coordinator/why.h"

/* What the rules of decide.c and an operator's commands ask about one node. When the answer is no,
 * the last argument says what is missing. Pure. */

/* Whether it may go down as things stand: asked before its slot, and again before its start order,
 * because a node may answer long after its slot was given. */
bool may_go_down(const State *state, const Facts *facts, size_t node, usec_t now, Why *why);

/* Whether it is as a patched node must be, now: it obeys us, its journal has nothing unexplained,
 * it is patched to the run's version, heard, healthy. */
bool node_is_proven(const State *state, const Facts *facts, size_t node, usec_t now, Why *ret_why);

/* Whether a person's word is enough to give up its present attempt and its slot: only when the node
 * itself says, now, that it does not have it in hand. */
bool retry_is_safe(const State *state, const Facts *facts, size_t node, usec_t now, Why *ret_why);

/* Whether a person's word is enough to take its slot: not while it is heard and is at it, or has
 * just been told to begin; then it says itself how that ends. */
bool release_is_safe(const State *state, const Facts *facts, size_t node, usec_t now, Why *ret_why);

/* Whether it is heard now, in this epoch (what it has said before may be another coordinator's
 * doing), and its step journal has nothing that nobody ordered. */
bool node_answers_to_us(
                const State *state, const Facts *facts, size_t node, usec_t now, Why *ret_why);

/* That it does not obey us, and what it says to that. */
/* Of a node whose link is not fresh; `title` stands before its name. */
void explain_unheard(const Node *node, const char *title, Why *why);

void explain_unclaimed(const Node *node, const NodeFacts *facts, Why *why);
