/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>

#include "common/macro.h"

/* Bounded text. */

/* Copies `text`, always terminated. Returns false, and copies what fits (no half character), when
 * it does not fit. */
bool text_copy(char *buffer, size_t size, const char *text);

/* A terminated copy of what need not be terminated, on the heap. NULL: out of memory. */
char *text_duplicate(const char *text, size_t size);

/* printf into `buffer`, always terminated. Returns false when it was cut. */
bool text_format(char *buffer, size_t size, const char *format, ...) PRINTF(3, 4);

/* Copies at most size - 1 bytes; a longer text ends with "..."; bytes that a terminal would obey
 * (control characters) and bytes that are not UTF-8 become '?'. For foreign text in messages.
 * `size` is at least 4. */
void text_ellipsize(char *buffer, size_t size, const char *text);

/* Bytes of the well-formed UTF-8 character that `text` begins with, 1..4; 0: it begins with none,
 * or ends here. */
size_t text_sequence(const char *text);

/* UTF-8 without control characters but \n and \t. */
bool text_is_plain(const char *text);

/* Of `count` candidates the nearest to `text` by edits (at most 3, and fewer than half of its
 * letters), or NULL. */
const char *text_closest(const char *text, const char *const candidates[], size_t count);

bool text_starts_with(const char *text, const char *prefix);

/* "disk is full" of "m1: disk is full", where it is said already whose it is. */
const char *text_without_name(const char *text, const char *name);
