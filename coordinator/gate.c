/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/gate.h"

// clang-format off
static const char *const verdict_names[] = {
        [GATE_OPEN]          = "open",
        [GATE_COUNT_UNKNOWN] = "count-unknown",
        [GATE_TOO_FEW]       = "too-few",
        [GATE_TOO_MANY]      = "too-many",
        [GATE_ALONE]         = "alone",
        [GATE_UNCLAIMED]     = "unclaimed",
        [GATE_SLOT]          = "slot",
        [GATE_UNRESOLVED]    = "unresolved",
        [GATE_BACKUP]        = "backup",
        [GATE_STALE]         = "stale",
        [GATE_UNHEALTHY]     = "unhealthy",
};
// clang-format on
DEFINE_ENUM_NAMES(gate_verdict, verdict_names, GATE_VERDICT_COUNT);

/* The reasons in the order in which a person would want to hear them. */
static GateVerdict judge_other(const MasterFacts *other) {
        if (!other->claimed)
                return GATE_UNCLAIMED;
        if (other->slot)
                return GATE_SLOT;
        if (other->unresolved)
                return GATE_UNRESOLVED;
        if (other->backup)
                return GATE_BACKUP;
        if (!other->fresh)
                return GATE_STALE;
        if (!other->healthy)
                return GATE_UNHEALTHY;

        return GATE_OPEN;
}

static GateVerdict judge_candidate(const MasterFacts *candidate) {
        return candidate->claimed ? GATE_OPEN : GATE_UNCLAIMED;
}

static GateVerdict judge_count(size_t count, uint64_t wanted, bool accept_downtime) {
        if (wanted == 0)
                return GATE_COUNT_UNKNOWN;
        if (count < wanted)
                return GATE_TOO_FEW;
        if (count > wanted)
                return GATE_TOO_MANY;

        return wanted == 1 && !accept_downtime ? GATE_ALONE : GATE_OPEN;
}

GateVerdict others_all_good(
                const MasterFacts *masters,
                size_t count,
                uint64_t wanted,
                size_t candidate,
                bool accept_downtime,
                size_t *ret_blocker) {
        GateVerdict verdict = judge_count(count, wanted, accept_downtime);

        *ret_blocker = count;
        for (size_t i = 0; verdict == GATE_OPEN && i < count; i++) {
                verdict = i == candidate ? judge_candidate(&masters[i]) : judge_other(&masters[i]);
                if (verdict != GATE_OPEN)
                        *ret_blocker = i;
        }

        return verdict;
}
