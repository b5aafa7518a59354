/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/frameworks.h"

#include <inttypes.h>

#include "coordinator/excuse.h"
#include "coordinator/health.h"

static bool read_counts(
                const State *state,
                const Facts *facts,
                usec_t now,
                uint64_t *ret_connected,
                uint64_t *ret_away) {
        size_t leader = health_leader(state, facts, now);
        const Kept *sample = leader == SIZE_MAX ? NULL
                                                : health_answer(state, facts, leader,
                                                                CHECK_MESOS_MASTER, now);

        return sample && kept_number(sample, "frameworks", ret_connected) &&
               kept_number(sample, "frameworks_away", ret_away);
}

void frameworks_note_before(const State *state, const Facts *facts, usec_t now, EventStep *step) {
        (void) read_counts(
                        state, facts, now, &step->frameworks_before, &step->frameworks_away_before);
}

/* Of the masters that are patched, the one that was the first to get its slot. */
static const Step *find_first(const State *state) {
        const Step *first = NULL;

        for (size_t i = 0; i < state->master_count; i++) {
                const Step *step = &state->nodes[state->masters[i]].step;

                if ((step->state == STEP_VERIFYING || step->state == STEP_DONE) &&
                    step->slotted_at > 0 && (!first || step->slotted_at < first->slotted_at))
                        first = step;
        }

        return first;
}

bool frameworks_are_back(const State *state, const Facts *facts, usec_t now, Why *ret_why) {
        const Step *first = find_first(state);
        uint64_t connected, away;

        /* A cluster without a single framework has none to wait for. */
        if (!first || first->frameworks_before == 0 || !masters_are_level(state, facts, now))
                return true;
        if (!read_counts(state, facts, now, &connected, &away)) {
                why_setf(ret_why, "rollpatch status MASTER",
                         "the leading master has not said how many frameworks are connected");
                return false;
        }
        if (away > first->frameworks_away_before) {
                why_setf(ret_why, "dcos service --inactive",
                         "%" PRIu64 " frameworks are not connected to the leading master, before "
                         "the first master's step it was %" PRIu64,
                         away, first->frameworks_away_before);
                return false;
        }

        return true;
}
