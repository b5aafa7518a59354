/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "common/error.h"
#include "common/span.h"

/* When a process was started, from /proc: boot time of this host, which is what promise 4 compares.
 * Exact to one tick (10 ms), rounded down. -ENOENT: there is no such process. */
int process_read_start(uint32_t pid, usec_t *ret, Error *error);

/* The same from the text of /proc/PID/stat. */
bool process_parse_start(const char *stat, uint64_t ticks_per_second, usec_t *ret);
