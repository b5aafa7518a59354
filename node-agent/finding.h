/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "node-agent/job.h"

/* What the files of a step and systemd together say of it: after a restart, and while its unit is
 * followed. Pure, like job.h. */

typedef enum UnitState {
        UNIT_UNKNOWN, /* not asked, or no answer: never read as "not running" */
        UNIT_PRESENT, /* running, or systemd still has something to do for it */
        UNIT_GONE,    /* systemd says: not there, or ended */
} UnitState;
#define UNIT_STATE_COUNT (UNIT_GONE + 1)

/* What the files of a step say. */
typedef struct StepFacts {
        bool damaged; /* one of them cannot be read or contradicts another */
        bool stage;
        bool script;
        uint64_t slot_fence; /* 0: no such file; likewise below */
        uint64_t declined_fence;
        uint64_t intent_fence;
        char intent_boot[ID_TEXT_MAX];
        uint64_t started_fence;
        char started_boot[ID_TEXT_MAX];
        bool result;
        bool terminated;              /* rollpatch-step was told to end while the script ran */
        char found_boot[ID_TEXT_MAX]; /* its unit ran in this boot, with no file that knew of it;
                                         or empty */
} StepFacts;

typedef enum JobDuty {
        JOB_DUTY_NONE,
        JOB_DUTY_FETCH,    /* the script is not there yet */
        JOB_DUTY_ASK,      /* systemd must be asked before anything can be said */
        JOB_DUTY_FOLLOW,   /* the unit is there */
        JOB_DUTY_WITHDRAW, /* nothing was started: make sure of it, then decline */
} JobDuty;

typedef struct Finding {
        NodeStep state;
        uint64_t fence;
        bool unknown;
        JobDuty duty;
        const char *reason; /* "" or a literal */
} Finding;

/* The state of a step after a restart, and while its unit is followed. The unit must have been
 * asked *before* the files were read. */
Finding job_judge(const StepFacts *facts, const char *boot_id, UnitState unit);

/* A Job as found after a restart. */
Job job_recover(const char *step, const Finding *finding);

/* What a finding means for a job whose unit is followed. False: nothing new. */
bool job_event_of(const Job *job, const Finding *finding, JobEvent *ret);
