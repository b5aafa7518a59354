/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "common/json.h"
#include "coordinator/enrol-judge.h"
#include "coordinator/state.h"

/* A plan as the command line sends it (plan-file.h), checked against what is known of the cluster.
 * Pure. */

typedef struct PlanMember {
        char name[NAME_TEXT_MAX];
        Role role;
} PlanMember;

typedef struct Plan {
        char cluster[NAME_TEXT_MAX];
        EventRunMade made; /* number, id, user and accept_downtime are not filled */
        PlanMember *nodes;
        size_t node_count;
} Plan;

/* Strict, like everything that comes over a wire. */
int plan_decode(const Json *json, Plan **ret, Error *error);
void plan_free(Plan *plan);
DEFINE_AUTO(Plan, plan_free)

/* Such a run needs a waiver, and carries it. */
bool plan_is_below_floors(const EventRunMade *made);

/* One thing that speaks against starting this plan now. */
typedef struct Finding {
        char id[32];
        bool blocks;    /* false: a warning */
        ErrorCode code; /* of a block */
        char text[REASON_MAX];
        char advice[REASON_MAX];
} Finding;

#define FINDINGS_MAX 64

/* `rules`: which masters there are by rollpatchd.yaml. What speaks against it, at most
 * FINDINGS_MAX. Returns how many. */
size_t plan_check(
                const Plan *plan,
                const State *state,
                const char *cluster,
                const EnrolRules *rules,
                bool accept_downtime,
                Finding findings[static FINDINGS_MAX]);
