/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "coordinator/facts.h"

/* What each node is to be told is a function of state and facts, not a queue: a crash cannot lose
 * an order, and a repeated one is the same order. Pure. */

#define ORDER_REPEAT (5 * USEC_PER_SEC)

/* The order that is due for this node at `now`: not sent yet, or not answered for ORDER_REPEAT. A
 * START is due once per nonce and only when it has been committed (facts.ordered). False: none. */
bool order_due(const State *state, const Facts *facts, size_t node, usec_t now, Message *ret);

/* Whether there is an order that it should have, whenever it was sent last. */
bool order_is_wanted(const State *state, const Facts *facts, size_t node);

/* Notes that `message` has been sent. */
void order_sent(NodeFacts *facts, const Message *message, usec_t now);
