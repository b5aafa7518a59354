/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "common/enum-names.h"

/* Promise 1 as a function: may this master go down now? Pure; every vector of facts is tested
 * against an oracle that is written differently. */

typedef struct MasterFacts {
        bool claimed;    /* has acknowledged the present epoch */
        bool fresh;      /* heard within its limit */
        bool healthy;    /* its window holds: all its checks, over the dwell time */
        bool slot;       /* may be down by us */
        bool unresolved; /* a step that ended badly, or a journal that nobody can vouch for */
        bool backup;     /* a backup of it is in progress */
} MasterFacts;

typedef enum GateVerdict {
        GATE_OPEN,
        GATE_COUNT_UNKNOWN, /* nobody has said how many masters there are, or they disagree */
        GATE_TOO_FEW,       /* fewer masters are known than there are */
        GATE_TOO_MANY,      /* more */
        GATE_ALONE,         /* a single master, and nobody accepted the downtime */
        GATE_UNCLAIMED,
        GATE_SLOT,
        GATE_UNRESOLVED,
        GATE_BACKUP,
        GATE_STALE,
        GATE_UNHEALTHY,
} GateVerdict;
#define GATE_VERDICT_COUNT (GATE_UNHEALTHY + 1)
extern const EnumNames gate_verdict_names;

/* `wanted` is N of /opt/mesosphere/etc/master_count, 0 when it is not known; `count` the masters
 * that are known. The candidate may be bad itself, but it must have acknowledged the claim. On a
 * closed gate names the first master that keeps it closed, or `count` when it is none of them. */
GateVerdict others_all_good(
                const MasterFacts *masters,
                size_t count,
                uint64_t wanted,
                size_t candidate,
                bool accept_downtime,
                size_t *ret_blocker);
