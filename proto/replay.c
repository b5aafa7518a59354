/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/replay.h"

#include <inttypes.h>

int replay_check(const ReplayWindow *window, uint64_t number, Error *error) {
        uint64_t behind;

        if (number == 0 || number > REPLAY_NUMBER_MAX) {
                return error_setf(
                                error, ERROR_DENIED,
                                "frame counter is %" PRIu64 ", want 1 to %" PRIu64, number,
                                REPLAY_NUMBER_MAX);
        }

        if (number > window->highest)
                return 0;

        behind = window->highest - number;
        if (behind >= REPLAY_WINDOW) {
                return error_setf(
                                error, ERROR_CONFLICT,
                                "frame %" PRIu64 " is too old, the newest is %" PRIu64, number,
                                window->highest);
        }

        if (window->seen & (UINT64_C(1) << behind))
                return error_setf(error, ERROR_CONFLICT, "frame %" PRIu64 " came twice", number);

        return 0;
}

bool replay_note(ReplayWindow *window, uint64_t number) {
        uint64_t ahead;

        if (number <= window->highest) {
                window->seen |= UINT64_C(1) << (window->highest - number);
                return false;
        }

        ahead = number - window->highest;
        window->seen = ahead < REPLAY_WINDOW ? window->seen << ahead | 1 : 1;
        window->highest = number;
        return true;
}
