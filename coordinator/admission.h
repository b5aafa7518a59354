/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "coordinator/coordinator.h"

/* The link's questions about who somebody is, answered from the log (enrol-judge.h), and what
 * follows from the answers. A hello is judged when it comes, and again with the node's first DATA:
 * only then is it known to be no recorded one, and what follows from it is committed. */

bool admission_find_psk(
                const Coordinator *c,
                const uint8_t token[static TOKEN_ID_SIZE],
                uint8_t ret[static KEY_SIZE]);
void admission_note_false_token(
                Coordinator *c, const uint8_t token[static TOKEN_ID_SIZE], bool known);
bool admission_identify(
                Coordinator *c,
                const Introduction *guest,
                char ret_node[static NAME_TEXT_MAX],
                TurnedAway *ret);

/* False: it is not let in any more, or that could not be written down. */
bool admission_take_in(Coordinator *c, const char *node, const Introduction *guest);

/* False: the node names a number that no history of ours explains (intake.h). It is not heard then,
 * and soon shown as such; `loud` the first time. */
bool admission_believes(const Coordinator *c, const char *name, const Message *message, bool loud);

/* Whether this node is to announce another key now (node rekey). */
bool admission_wants_rekey(const Coordinator *c, const Node *node);

/* 0: the key is in the log. ERROR_DENIED: not now, or not this one. Else: repeated by the node. */
int admission_hear_announce(
                Coordinator *c, const char *node, const Announce *announce, Error *error);
