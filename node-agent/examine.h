/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <systemd/sd-event.h>

#include "node-agent/journal.h"
#include "node-agent/step-journal.h"
#include "node-agent/units.h"

/* Looks at the units of DC/OS and at what they have logged since a step began (without a step: in
 * the last hour), piece by piece, and within a time. Changes nothing. */

typedef struct ExamineOptions {
        sd_event *event;
        StepJournal *journal;
        SystemdBus *bus;
        Role role;
        const char *root;    /* "/" but in tests */
        const char *boot_id; /* of this boot */
} ExamineOptions;

typedef struct Examined {
        const StepRecord *record; /* of the step; NULL: it is not known here */
        usec_t since;             /* wall clock */
        const char *missing;      /* what could not be looked at, and why; or "" */
} Examined;

typedef struct ExamineHandlers {
        void (*on_units)(const UnitsInput *units, void *userdata); /* first, unless they are not
                                                                      known; kept until the end */
        void (*on_line)(const JournalLine *line, void *userdata);
        void (*on_done)(const Examined *examined, void *userdata); /* last; may free the object */
} ExamineHandlers;

typedef struct Examine Examine;

/* Nothing is called from within. `step` may be empty, or of a step that is not here. */
int examine_start(
                const ExamineOptions *options,
                const char *step,
                usec_t limit,
                const ExamineHandlers *handlers,
                void *userdata,
                Examine **ret,
                Error *error);

void examine_free(Examine *examine);
DEFINE_AUTO(Examine, examine_free)

/* More of what could not be looked at: "units: no answer; journal: ..." */
void note_missing(char missing[static REASON_MAX], const char *what, const char *why);
