/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>
#include <stdio.h>

/* Microseconds. Moments are CLOCK_BOOTTIME of one host or CLOCK_REALTIME, never mixed: the name of
 * the variable says which (`now`, `since` are boot time; `_at` and `wall_` are wall clock). */
typedef uint64_t usec_t;

#define USEC_PER_MSEC   ((usec_t) 1000)
#define USEC_PER_SEC    ((usec_t) 1000000)
#define USEC_PER_MINUTE (60 * USEC_PER_SEC)
#define USEC_PER_HOUR   (60 * USEC_PER_MINUTE)
#define USEC_PER_DAY    (24 * USEC_PER_HOUR)
#define USEC_INFINITY   UINT64_MAX

#define SPAN_TEXT_MAX 32

/* a + b and a - b that stop at USEC_INFINITY and 0 instead of wrapping. */
usec_t span_add(usec_t a, usec_t b);
usec_t span_sub(usec_t a, usec_t b);

/* "4min 30s", at most two units, "0s", "forever" for USEC_INFINITY. Returns `buffer`. */
const char *span_format(usec_t span, char buffer[static SPAN_TEXT_MAX]);

/* "90s", "5min", "1h30min", "250ms", "2d"; a bare number is seconds. -EINVAL otherwise. */
int span_parse(const char *text, usec_t *ret);

/* "2026-11-23T04:05:06.789Z" of a wall clock moment. Returns `buffer`. */
#define TIMESTAMP_TEXT_MAX 32
const char *timestamp_format(usec_t wall, char buffer[static TIMESTAMP_TEXT_MAX]);
