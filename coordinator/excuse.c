/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/excuse.h"

/* --- between masters --- */

bool masters_are_level(const State *state) {
        size_t patched = 0, in_run = 0;

        for (size_t i = 0; i < state->master_count; i++) {
                const Step *step = &state->nodes[state->masters[i]].step;
                bool is_patched = step->state == STEP_VERIFYING || step->state == STEP_DONE;

                if (step->slot && !is_patched)
                        return false;

                in_run += step->id[0] != '\0';
                patched += step->id[0] && is_patched;
        }

        return patched == 0 || patched == in_run;
}

/* The units that dcos-check-runner has DC/OS count there are those of `units` and of `front`: what
 * is left of it is Marathon and Admin Router. */
static bool is_between_masters(const State *state, const Node *node, const Kept *sample) {
        return node->role == ROLE_MASTER && kept_says(sample, "only_components", 1) &&
               !masters_are_level(state);
}

/* --- Docker --- */

/* Docker was restarted, which nothing undoes: its process stays younger than the step. Whoever has
 * the node judged again has seen it and accepts what was lost; another restart since is news. After
 * a restart of this process nobody has: to be asked twice is better than to miss one. */
static bool is_accepted(const NodeFacts *known, const Kept *sample, usec_t at) {
        uint64_t age;

        return known->rejudged != 0 && kept_says(sample, "restarted", 1) &&
               kept_number(sample, "age_ms", &age) &&
               span_sub(at, age * USEC_PER_MSEC) < known->rejudged;
}

bool failure_is_excused(
                const State *state,
                const Facts *facts,
                size_t node,
                CheckId check,
                const Kept *sample,
                usec_t at) {
        if (check == CHECK_RUNNER)
                return is_between_masters(state, &state->nodes[node], sample);

        return check == CHECK_DOCKER && is_accepted(&facts->nodes[node], sample, at);
}
