/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "common/macro.h"
#include "proto/schema.h"

/* Why nothing moves, for a person. Empty when nothing is waited for. Pure. */
typedef struct Why {
        char text[REASON_MAX];
        char advice[REASON_MAX]; /* what to type, or empty */
} Why;

/* Sets text and advice, unless a reason is there already: the first one is the one to mend first.
 */
void why_setf(Why *why, const char *advice, const char *format, ...) PRINTF(3, 4);
