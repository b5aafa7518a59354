/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "common/span.h"
#include "node-agent/check.h"

/* Which state of a unit of DC/OS counts as good (reference 9.1), and what all of them together say
 * about the node. Pure. */

/* What systemd says about a unit, and /proc about its main process. A text that systemd does not
 * give for this kind of unit is empty. */
typedef struct UnitStatus {
        char name[UNIT_MAX];
        char load[16];
        char active[16];
        char sub[32];
        char result[32];
        char type[16];
        char restart[16];
        int32_t main_code;
        int32_t main_status;
        uint32_t job; /* 0: none */
        uint32_t main_pid;
        uint32_t restarts; /* 0 also where systemd does not count */
        usec_t main_start; /* boot time; 0: no main process, or it could not be looked at */
} UnitStatus;

typedef struct UnitsInput {
        const UnitStatus *units;
        size_t count;
        bool changing; /* a script or an activation is under way: what is down may come up again */
        usec_t since;  /* boot time of the step's start; 0: there is nothing to compare with */
        usec_t now;    /* boot time */
        bool front;    /* of those that may rightly be ill between masters; else of all others */
} UnitsInput;

typedef enum UnitHealth {
        UNIT_HEALTH_GOOD,
        UNIT_HEALTH_UNSETTLED, /* on its way, or not to be told: neither good nor bad */
        UNIT_HEALTH_BAD,
} UnitHealth;

/* `ret_why` says why it is not good. */
UnitHealth unit_judge(const UnitsInput *input, const UnitStatus *unit, const char **ret_why);

/* A unit that is meant to run all the time, as opposed to one that runs once, or when a timer says
 * so. */
bool unit_is_running_kind(const UnitsInput *input, const UnitStatus *unit);

/* Failed checks make it fail: what it says, others say. "dcos-checks-poststart.service" */
bool unit_is_excluded(const char *name);

/* Before which unit a unit is to be looked at, in DC/OS' own troubleshooting order; like strcmp. */
int unit_compare(const char *a, const char *b);

/* The sample of all units. */
void units_judge(const UnitsInput *input, Sample *sample);

/* Of Docker's own unit, the only one in `input`: a patch has nothing to do to it, and its
 * containers do not outlive its process. */
#define DOCKER_UNIT "docker.service"
void docker_judge(const UnitsInput *input, Sample *sample);
