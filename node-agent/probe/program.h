/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>

#include "common/cleanup.h"
#include "common/error.h"
#include "common/span.h"

/* Runs one program to its end, bounded in time and output. It has no input, stays in our process
 * group (whoever kills us kills it), and is killed when its time is over; its own children are not.
 */

#define PROGRAM_ERRORS_MAX 1024

typedef struct ProgramResult {
        int exit_status; /* 0..255 */
        char *output;    /* what it wrote to stdout, terminated */
        size_t size;
        char errors[PROGRAM_ERRORS_MAX]; /* the beginning of what it wrote to stderr, terminated */
} ProgramResult;

void program_result_done(ProgramResult *result);
DEFINE_AUTO(ProgramResult, program_result_done)

/* `arguments` as for execv. ERROR_TIMEOUT; ERROR_TOO_BIG: over `output_max` bytes on stdout;
 * ERROR_NOT_FOUND; ERROR_IO: killed by a signal, among others. */
int program_run(char *const arguments[],
                usec_t timeout,
                size_t output_max,
                ProgramResult *ret,
                Error *error);
