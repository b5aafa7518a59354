/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <errno.h>
#include <sys/random.h>

#include "common/macro.h"

/* Randomness for jitter, for ids on the link and for keys, from getrandom(2), which cannot fail
 * once the machine has booted. */

/* At most 256 bytes: so few are never given in part. */
static inline void random_bytes(void *buffer, size_t size) {
        ssize_t n;

        /* EINTR is possible until the pool is ready. */
        do {
                n = getrandom(buffer, size, 0);
        } while (n < 0 && errno == EINTR);
        assert(n >= 0 && (size_t) n == size);
}

static inline uint64_t random_u64(void) {
        uint64_t value = 0;

        random_bytes(&value, sizeof(value));
        return value;
}

/* 0..limit. The bias of the remainder does not matter for waiting times. */
static inline uint64_t random_up_to(uint64_t limit) {
        return limit == UINT64_MAX ? random_u64() : random_u64() % (limit + 1);
}
