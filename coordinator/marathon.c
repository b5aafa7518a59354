/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/marathon.h"

#include "coordinator/health.h"

bool marathon_is_asked(const State *state, const Facts *facts, usec_t now, Why *ret_why) {
        bool is_there = false;

        for (size_t i = 0; i < state->master_count; i++) {
                const Kept *sample =
                                health_answer(state, facts, state->masters[i], CHECK_MARATHON, now);

                if (kept_says(sample, "leads_here", 1))
                        return true;

                is_there = is_there || !sample || sample->verdict != VERDICT_NOT_APPLICABLE;
        }

        if (is_there) {
                why_setf(ret_why, "curl http://MASTER:8080/v2/leader; rollpatch status MASTER",
                         "no master finds Marathon's leader on its own address, so that its apps "
                         "and deployments were asked of nobody");
        }
        return !is_there;
}
