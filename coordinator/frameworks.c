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

bool frameworks_are_back(const State *state, const Facts *facts, usec_t now, Why *ret_why) {
        const Run *run = &state->run;
        uint64_t connected, away;

        /* A cluster without a single framework has none to wait for. */
        if (run->frameworks_before == 0 || !masters_are_level(state, facts, now))
                return true;
        if (!read_counts(state, facts, now, &connected, &away)) {
                why_setf(ret_why, "rollpatch status MASTER",
                         "the leading master has not said how many frameworks are connected");
                return false;
        }
        if (away > run->frameworks_away_before) {
                why_setf(ret_why,
                         "dcos service --inactive; of those that are given up: dcos service "
                         "shutdown ID; if the step has failed by then: rollpatch retry MASTER",
                         "%" PRIu64 " frameworks are not connected to the leading master, before "
                         "the first master's step it was %" PRIu64
                         "; one that its owner has stopped since counts until it is shut down",
                         away, run->frameworks_away_before);
                return false;
        }

        return true;
}
