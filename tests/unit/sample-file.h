/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Files of tests/samples, and the context that a row of a table of them has: "name=value;word;...".
 * What they return is freed at the end of the program. */

/* Terminated. A file that is not there is a failed test. */
char *sample_file(const char *name, size_t *ret_size);

/* NAME followed by SUFFIX; NULL: there is none. */
char *sample_file_find(const char *name, const char *suffix, size_t *ret_size);

/* Takes over what was allocated. */
char *sample_keep(char *text);

/* The value of `name`, borrowed until the next call; NULL: it has none. */
const char *context_get(const char *context, const char *name);
uint64_t context_number(const char *context, const char *name); /* 0: none */
