/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>

#include "common/error.h"
#include "common/span.h"

/* Exactly the file that a plan pins, or nothing: it arrives under its name only when size and
 * SHA-256 are right and both the file and its name are on disk. Whatever stood under that name is
 * replaced. */

typedef struct FetchOrder {
        const char *url;
        const char *path; /* its directory must exist */
        uint64_t size;
        const char *sha256; /* 64 lower-case hexadecimal digits */
        usec_t timeout;     /* of the download; nothing of its length follows */
} FetchOrder;

/* ERROR_BLOCKED: another fetch to the same path is under way. After any failure nothing of ours is
 * left behind; what a killed fetch left as PATH.part is removed by the next one. */
int fetch(const FetchOrder *order, Error *error);
