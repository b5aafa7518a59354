/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "proto/message.h"

/* The closed list of what this node agent can ask, and how (promise 14: a name that the coordinator
 * sends never becomes a verb of a program by itself). Pure. */

typedef enum CheckKind {
        CHECK_PROBE,        /* rollpatch-probe, one program a subject */
        CHECK_PROBE_JOINED, /* rollpatch-probe, one program for all subjects together */
        CHECK_JOURNAL,      /* the others without a program */
        CHECK_PACKAGES,
        CHECK_UNITS,
        CHECK_VERSION,
        CHECK_ZOOKEEPER,
        CHECK_STRANGER, /* not in the list */
} CheckKind;
#define CHECK_KIND_COUNT (CHECK_STRANGER + 1)

CheckKind check_kind(const char *name);
bool check_needs_program(CheckKind kind);

/* --- samples, piece by piece; what does not fit is cut --- */

/* Unknown, until something better is found out. */
Sample sample_make(const char *check, const char *subject);

/* The verdict, and why it is no pass. */
void sample_judge(Sample *sample, Verdict verdict, const char *format, ...) PRINTF(3, 4);

/* Beyond SAMPLE_NUMBERS_MAX or SAMPLE_TEXTS_MAX: asserts, because the names are ours. */
void sample_add_number(Sample *sample, const char *name, uint64_t value);
void sample_add_text(Sample *sample, const char *name, const char *text);

/* More evidence; lines, "\n" is the caller's. Foreign bytes are made harmless. */
void sample_add_evidence(Sample *sample, const char *format, ...) PRINTF(2, 3);
