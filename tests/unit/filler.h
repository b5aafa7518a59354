/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "common/fields.h"

/* Records by their tables: each member filled to its bound, or left out when it may be. */

typedef enum Filling {
        MINIMAL, /* the least that is allowed */
        FULL,    /* every member at its bound, every byte of free text one that must be escaped */
} Filling;

/* `record` is all zeros before. Texts called "step" are filled as step ids. */
void filler_fill(const Field *fields, void *record, Filling filling);
