/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>

#include "common/error.h"
#include "proto/message.h"

/* Whether this is the script of the plan: what is started as root is pinned by size and SHA-256
 * (promise 14). */

#define SCRIPT_BYTES_MAX 4194304

int script_verify(const char *data, size_t size, const Stage *stage, Error *error);

/* Reads the file and verifies it. The caller frees `ret`, which may be NULL. */
int script_load(int dir_fd, const char *name, const Stage *stage, char **ret, Error *error);
