/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "common/cleanup.h"
#include "proto/message.h"

/* What is remembered of a sample: in as much room as it takes, because a Sample has room for the
 * longest one, and there are ten for each of many nodes. Of the evidence only as much as is shown;
 * the log has all of it. Pure. */

#define KEPT_EVIDENCE_MAX 160

typedef struct KeptNumber {
        const char *name;
        uint64_t value;
} KeptNumber;

typedef struct KeptText {
        const char *name;
        const char *text;
} KeptText;

typedef struct Kept {
        Verdict verdict;
        uint64_t took;
        const char *reason;
        const char *evidence;
        const KeptNumber *numbers;
        const KeptText *texts;
        size_t number_count;
        size_t text_count;
        void *block; /* owned; what all of these point to */
} Kept;

/* Without memory: unknown, and says why. */
Kept kept_make(const Sample *sample);
void kept_done(Kept *kept);

/* False, NULL: it does not say. */
bool kept_number(const Kept *kept, const char *name, uint64_t *ret);
bool kept_says(const Kept *kept, const char *name, uint64_t want); /* kept: may be NULL */
const char *kept_text(const Kept *kept, const char *name);
