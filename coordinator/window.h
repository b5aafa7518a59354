/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "coordinator/kept.h"

/* The running record of one check on one node: since when it has passed without a break. Pure.
 *
 * Anything but a pass breaks the row: a fail, an answer that could not be used, and a pass that
 * comes from another process or under another leader than the one before (design 8: a window starts
 * anew on a restart of what it watches and on a change of leader). Moments are boot time of the
 * coordinator. */

typedef struct Window {
        Kept sample;    /* the newest, owned */
        usec_t newest;  /* when the newest sample was true; 0: there is none */
        usec_t since;   /* when the first pass of the unbroken row was true; 0: none */
        usec_t enough;  /* the same for a row of answers that are enough; 0: none */
        usec_t changed; /* when the verdict last changed */
} Window;

/* Takes in a sample that was received at `now`. Silence of more than `gap_max` breaks the row:
 * nobody knows what was true meanwhile (promise 2). `is_enough`: it need not be a pass for whoever
 * asks window_is_enough(). True when its verdict differs from the one before. */
bool window_add(Window *window, const Sample *sample, bool is_enough, usec_t now, usec_t gap_max);

/* Forgets everything: what was seen before says nothing about what comes. */
void window_reset(Window *window);

/* Newest sample is a pass and at most `newest_max` old, and the row of passes spans `dwell`. */
bool window_holds(const Window *window, usec_t now, usec_t dwell, usec_t newest_max);

/* The same for answers that are enough. */
bool window_is_enough(const Window *window, usec_t now, usec_t dwell, usec_t newest_max);

static inline bool window_is_fresh(const Window *window, usec_t now, usec_t newest_max) {
        return window->newest != 0 && now - window->newest <= newest_max;
}
