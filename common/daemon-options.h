/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>

#include "common/config.h"

/* The command line of a daemon: which configuration, read and checked, or shown, or help. */

typedef struct DaemonProgram {
        const char *name;
        const char *summary; /* one sentence */
        const char *config;  /* where the file is unless --config says so */
        const ConfigField *fields;
} DaemonProgram;

/* Opens the log and fills `config`. Negative: go on; otherwise all is done and said, and this is
 * the exit status. */
int daemon_begin(const DaemonProgram *program, int argc, char *argv[], void *config, size_t size);
