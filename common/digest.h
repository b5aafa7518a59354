/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>

#include "common/error.h"

/* SHA-256 as 64 lower-case hexadecimal digits: what a plan pins a script by. */
#define DIGEST_TEXT_MAX 65

void digest_bytes(const void *data, size_t size, char ret[static DIGEST_TEXT_MAX]);

/* Of what can be read from `fd` from its present position on. */
int digest_fd(int fd, char ret[static DIGEST_TEXT_MAX], uint64_t *ret_size, Error *error);
