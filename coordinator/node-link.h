/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "coordinator/facts.h"

/* How often a node is to speak, and what its silence means (design 8). Pure. */

#define LINK_LOST (3 * USEC_PER_MINUTE)

typedef enum LinkState {
        LINK_NEVER, /* not heard since this start */
        LINK_FRESH,
        LINK_STALE,
        LINK_LOST_STATE, /* silent for LINK_LOST, or its key was revoked */
} LinkState;
#define LINK_STATE_COUNT (LINK_LOST_STATE + 1)
extern const EnumNames link_state_names; /* "never", "fresh", "stale", "lost" */

/* How often this node is to speak: 1 s for every node that has a part in an open run's present
 * stage (masters throughout, others from their slot to their end), else 10 s. */
usec_t node_heartbeat(const State *state, const Node *node);

LinkState node_link(const State *state, const Facts *facts, size_t node, usec_t now);
