/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>

#include "common/error.h"

/* The two files through which the node agent and rollpatch-step speak: lines of KEY=VALUE, because
 * rollpatch-step has libc and nothing else. Strict: exactly these keys in this order, each once,
 * the last line ended; so a file that was cut or written by a newer program is never half
 * understood. */

#define RECORD_VALUE_MAX 96
#define RECORD_BYTES_MAX 4096

/* order-FENCE, and by link(2) also `started`: whose permission to start this is, and in which boot.
 */
enum {
        ORDER_BOOT_ID,
        ORDER_STEP,
        ORDER_FENCE,
        ORDER_KEY_COUNT
};
extern const char *const order_keys[ORDER_KEY_COUNT];

/* result: how the script ended. Times are wall clock, usec. */
enum {
        RESULT_EXIT_STATUS,
        RESULT_EXIT_SIGNAL, /* 0: it ended by itself */
        RESULT_BOOT_ID,
        RESULT_STARTED_AT,
        RESULT_ENDED_AT,
        RESULT_TERMINATED,     /* 1: rollpatch-step was told to end meanwhile: the host goes down */
        RESULT_OUTPUT_DROPPED, /* bytes that are not in `output` */
        RESULT_JOURNAL_DROPPED, /* bytes that the journal did not take in time */
        RESULT_KEY_COUNT,
};
extern const char *const result_keys[RESULT_KEY_COUNT];

int record_parse(
                const char *text,
                const char *const keys[],
                size_t count,
                char ret[][RECORD_VALUE_MAX],
                Error *error);

/* False: it does not fit, or a value is empty, too long, or has a line end inside. */
bool record_format(
                char *buffer,
                size_t size,
                const char *const keys[],
                char (*values)[RECORD_VALUE_MAX],
                size_t count);
