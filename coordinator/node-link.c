/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/node-link.h"

#define HEARTBEAT_SLOWEST (10 * USEC_PER_SEC)

static const char *const link_names[] = {
        [LINK_NEVER] = "never",
        [LINK_FRESH] = "fresh",
        [LINK_STALE] = "stale",
        [LINK_LOST_STATE] = "lost",
};
DEFINE_ENUM_NAMES(link_state, link_names, LINK_STATE_COUNT);

usec_t node_heartbeat(const State *state, const Node *node) {
        bool open = state->run.made.number > 0 && run_state_is_open(state->run.state);

        if ((open && node->role == ROLE_MASTER) || node->step.slot)
                return USEC_PER_SEC;

        return HEARTBEAT_SLOWEST;
}

LinkState node_link(const State *state, const Facts *facts, size_t node, usec_t now) {
        const NodeFacts *known = &facts->nodes[node];
        usec_t stale = 3 * node_heartbeat(state, &state->nodes[node]);
        bool told = known->told_at != 0 && span_sub(now, known->told_at) < HEARTBEAT_SLOWEST;
        usec_t silent = span_sub(now, known->heard);

        /* It has just been told to speak more often: what it owes is still the old pace. */
        if (told)
                stale = MAX(stale, 3 * HEARTBEAT_SLOWEST);

        if (state->nodes[node].revoked)
                return LINK_LOST_STATE;
        if (known->heard == 0)
                return LINK_NEVER;
        if (silent > LINK_LOST)
                return LINK_LOST_STATE;

        return silent > stale ? LINK_STALE : LINK_FRESH;
}
