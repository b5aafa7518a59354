/* SPDX-License-Identifier: Apache-2.0 */
#include "common/clock.h"

#include <time.h>

#include "common/macro.h"

static usec_t now_of(clockid_t clock) {
        struct timespec now = {};
        int r;

        /* Fails for clocks that do not exist only. */
        r = clock_gettime(clock, &now);
        assert(r == 0);

        return (usec_t) now.tv_sec * USEC_PER_SEC + (usec_t) now.tv_nsec / 1000;
}

usec_t clock_boottime(void) {
        return now_of(CLOCK_BOOTTIME);
}

usec_t clock_cpu(void) {
        return now_of(CLOCK_THREAD_CPUTIME_ID);
}

usec_t clock_wall(void) {
        return now_of(CLOCK_REALTIME);
}
