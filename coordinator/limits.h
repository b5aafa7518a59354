/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>

#include "common/error.h"

/* What the machine must allow so that all nodes can be connected at once. */

#define LIMITS_FILES_OWN 128 /* log, sockets, operators */
#define LIMITS_BACKLOG   4096

typedef struct Limits {
        uint64_t files;   /* open files of a process */
        uint64_t backlog; /* connections that wait to be accepted; 0: not known */
} Limits;

/* Raises the limit of open files as far as we may, and tells what there is. */
Limits limits_get(void);

/* Lets this process have so many open files for now, or as many as it may have at most. */
void limits_allow_files(uint64_t files);

/* Whether `nodes` nodes can be connected, and come back together; otherwise says what to do. The
 * worst of what is wrong is told. */
int limits_check(const Limits *limits, size_t nodes, Error *error);

/* The same, for the log: not to be there at all would be worse. */
void limits_warn(size_t nodes);
