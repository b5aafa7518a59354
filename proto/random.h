/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <sys/random.h>

#include "common/macro.h"

/* Randomness for jitter and for ids on the link, from getrandom(2), which cannot fail once the
 * machine has booted. */

static inline uint64_t random_u64(void) {
        uint64_t value = 0;
        ssize_t n = getrandom(&value, sizeof(value), 0);

        assert(n == sizeof(value));
        return value;
}

/* 0..limit. The bias of the remainder does not matter for waiting times. */
static inline uint64_t random_up_to(uint64_t limit) {
        return limit == UINT64_MAX ? random_u64() : random_u64() % (limit + 1);
}
