/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>

/* The last lines of what a script printed, fit for a message: whole lines if there is room for one,
 * UTF-8 without control characters. Pure. */

/* Writes at most `capacity` - 1 bytes, terminated. `data` may be anything, `capacity` at least 8.
 */
void tail_clean(char *buffer, size_t capacity, const char *data, size_t size);
