/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "coordinator/facts.h"

/* What each node is told without having asked, and when again: how often to speak, what to watch,
 * and the orders. Most nodes have nothing to be told most of the time. They are quiet, and not even
 * looked at, until something happens that could change that, facts_touch(), or its time has come.
 * Pure. */

typedef void (*TellSend)(size_t node, const Message *message, void *userdata);

#define TELL_MAX 64 /* messages at once: while they are sent, nobody is heard */

/* Hands over what is due now, and notes in the facts that it was sent: to masters all of it, to
 * agents so much that there are TELL_MAX messages. True: there may be more, for the next call. */
bool tell_nodes(const State *state, Facts *facts, usec_t now, TellSend send, void *userdata);
