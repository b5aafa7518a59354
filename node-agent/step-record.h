/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "common/error.h"
#include "common/fields.h"
#include "node-agent/finding.h"

/* The files of one step (step-journal.h), read in one go and strictly: a file that is cut, too
 * long, of another step, or contradicts another one is an error that names it, and nothing is
 * guessed. */

typedef struct Intent {
        uint64_t fence;
        char boot_id[ID_TEXT_MAX];
        usec_t wall;             /* when it was written */
        usec_t boottime;         /* the same moment */
        char cursor[CURSOR_MAX]; /* of the system journal, before the unit was asked for; or empty
                                  */
        char unit[UNIT_MAX];
        char note[REASON_MAX]; /* what else was done to the node, or empty */
} Intent;

typedef struct StepResult {
        uint64_t exit_status;
        uint64_t exit_signal;
        char boot_id[ID_TEXT_MAX];
        usec_t started_at; /* wall clock */
        usec_t ended_at;
        bool terminated;
        uint64_t output_dropped;
        uint64_t journal_dropped;
} StepResult;

/* A unit that was there although no file spoke of its step. */
typedef struct Found {
        char boot_id[ID_TEXT_MAX];
        usec_t wall; /* when it was seen first */
        char unit[UNIT_MAX];
} Found;

/* All files of a step. What a file says holds only if `facts` says that it is there. */
typedef struct StepRecord {
        StepFacts facts;
        char damage[REASON_MAX]; /* file, place, seen, wanted; when facts.damaged */
        Stage stage;
        Intent intent;
        StepResult result;
        usec_t started_at; /* wall clock, when the marker was made */
        char declined_reason[REASON_MAX];
} StepRecord;

typedef struct FenceNote {
        uint64_t fence;
        char reason[REASON_MAX];
} FenceNote;

extern const Field fence_fields[];
extern const Field intent_fields[];
extern const Field found_fields[];

int step_file_put(
                int step_fd,
                const char *name,
                const Field *fields,
                const void *record,
                Error *error);

/* On failure `record` holds what could be understood before. */
int step_record_read(int step_fd, const char *step, StepRecord *record, Error *error);
