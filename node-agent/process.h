/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "common/error.h"
#include "common/span.h"

/* When a process was started, from /proc: boot time of this host, which is what promise 4 compares.
 * Exact to one tick (10 ms), rounded down. -ENOENT: there is no such process. */
int process_read_start(uint32_t pid, usec_t *ret, Error *error);

/* Calls for every process whose command line holds `name`: with that line, its words parted by
 * blanks, and the boot time of its start. */
void process_each(
                const char *name,
                void (*on_process)(const char *line, usec_t start, void *userdata),
                void *userdata);

/* A start from the text of /proc/PID/stat. */
bool process_parse_start(const char *stat, uint64_t ticks_per_second, usec_t *ret);
