/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "common/budget.h"
#include "coordinator/event.h"

/* How much of what a node says is written to the log, which somebody who says things without end
 * would fill. What is refused is said again by the node, or was only of use to a reader. All zeros
 * is the whole ration. Pure. */

typedef struct Ration {
        Budget words;    /* what it says of its steps and of itself */
        Budget verdicts; /* what is said of its health, by it and by the leader: apart, so that
                          * nobody can silence another one */
        bool is_over;
} Ration;

/* Whether an event of this kind may be written now; `ret_is_first` tells whether this is the first
 * that may not since it was within its ration. */
bool ration_take(Ration *ration, EventKind kind, usec_t now, bool *ret_is_first);
