/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/excuse.h"

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
                const Facts *facts, size_t node, CheckId check, const Kept *sample, usec_t at) {
        return check == CHECK_DOCKER && is_accepted(&facts->nodes[node], sample, at);
}
