/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/masters.h"

#include <inttypes.h>

#include "common/text.h"

bool masters_are_listed(
                const State *state, const EnrolRules *rules, char ret_reason[static REASON_MAX]) {
        uint64_t count = state_master_count(state, NULL);

        if (count != rules->master_count) {
                (void) text_format(
                                ret_reason, REASON_MAX,
                                "masters: in rollpatchd.yaml names %zu, the masters' own "
                                "master_count is %" PRIu64,
                                rules->master_count, count);
                return false;
        }

        for (size_t i = 0; i < state->master_count; i++) {
                const Node *node = &state->nodes[state->masters[i]];

                if (enrol_is_listed(rules, node->name))
                        continue;

                (void) text_format(
                                ret_reason, REASON_MAX,
                                "%s is a master, and masters: in rollpatchd.yaml does not name it",
                                node->name);
                return false;
        }

        return true;
}
