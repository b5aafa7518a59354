/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>

#include "common/error.h"

/* Which numbered frames of one direction of one session have been accepted: each at most once, also
 * when they come late and out of order. Pure.
 *
 * Numbers begin at 1. Of the 64 up to the highest accepted it is known exactly which ones were;
 * lower ones cannot be told from a replay, and are refused. Ask replay_check() first, because it is
 * cheap, and tell replay_note() only once the frame has proven authentic: otherwise a stranger
 * could move the window with made up numbers. All zeros is a window that has seen nothing. */

#define REPLAY_WINDOW 64

/* The last number of a session; Noise reserves the one above it. */
#define REPLAY_NUMBER_MAX (UINT64_MAX - 1)

typedef struct ReplayWindow {
        uint64_t highest; /* 0: none yet */
        uint64_t seen;    /* bit i: highest - i was accepted */
} ReplayWindow;

/* ERROR_CONFLICT: came before, or is too old to know. ERROR_DENIED: no frame has this number. */
int replay_check(const ReplayWindow *window, uint64_t number, Error *error);

/* `number` has passed replay_check(). Tells whether it is higher than all before. */
bool replay_note(ReplayWindow *window, uint64_t number);
