/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "common/error.h"

/* What was found in a configuration of DC/OS. Pure. */

#define FINDINGS_MAX    64
#define FINDING_KEY_MAX 64

typedef struct Finding {
        bool refused;               /* otherwise a warning */
        char what[FINDING_KEY_MAX]; /* the key that is refused, or the id of the warning */
        Error why;
} Finding;

typedef struct Findings {
        Finding list[FINDINGS_MAX];
        size_t count; /* all of them, also those for which there was no room: see findings_kept() */
} Findings;

/* Of the same key only the first is kept. */
void findings_refuse(Findings *findings, const char *key, const char *format, ...) PRINTF(3, 4);
void findings_warn(Findings *findings, const char *id, const char *format, ...) PRINTF(3, 4);

size_t findings_kept(const Findings *findings);
