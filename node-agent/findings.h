/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "node-agent/catalogue.h"
#include "node-agent/unit-judge.h"

/* What a diagnosis makes of all that it has seen: which rows of the catalogue there are signs of,
 * how grave that is now, and in which order it is told.
 *
 * A line says what was. One that heals is a finding only while it is still being said, or its unit
 * is not well; one that is fatal is only a note when its unit runs well and it was not said for two
 * minutes. Pure. */

#define FINDINGS_KEPT 64

typedef struct FoundFailure {
        const Failure *failure;
        const Sign *sign;
        Component component;
        usec_t first_at; /* wall clock; 0: not known, and then counted as now */
        usec_t last_at;
        Symptom symptom;
} FoundFailure;

typedef struct Findings {
        Role role;
        const UnitsInput *units; /* borrowed; NULL: not known */
        FoundFailure kept[FINDINGS_KEPT];
        size_t count;
} Findings;

/* A line of the journal, of a log or of the output of the script; what was put aside; the command
 * line of a process and the silence of a script, as seen at its start and now. */
typedef struct SeenLine {
        SignPlace where;
        const char *place; /* the unit; the file */
        const char *shown; /* how the place is called in the finding; NULL: `place` */
        const char *text;  /* terminated; foreign bytes, and secrets */
        const char *cursor;
        uint64_t offset;
        usec_t at; /* wall clock; 0: not known */
} SeenLine;

void findings_init(Findings *findings, Role role);

/* First of all, if they are known: borrowed until the end. */
void findings_note_units(Findings *findings, const UnitsInput *units);

void findings_note_line(Findings *findings, const SeenLine *line);
void findings_note_file(Findings *findings, const char *path); /* that is there */
void findings_note_sample(Findings *findings, const Sample *sample, usec_t now);

/* The gravest first, of those the first bad component in the documented order: that is the cause as
 * far as it can be told, and those behind it may follow from it. `now` is of the wall clock. */
void findings_close(Findings *findings, usec_t now, Diagnosis *ret);
