/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "coordinator/cli/cli.h"

/* Follows the cluster's run by asking for its status every second. A rollpatchd that does not
 * answer (it may be starting anew) is asked again for two minutes. */

typedef enum WatchMode {
        WATCH_SCREEN, /* the whole status, drawn again; until the run is over, or for ever without
                         one */
        WATCH_LINES,  /* a line a change; until the run is over */
        WATCH_WAIT,   /* a line a change; until run `number` is over or needs a person */
} WatchMode;

/* Returns the run's exit status: 0 finished, 1 aborted, 3 halted, 5 paused or held; 4 without an
 * answer. WATCH_WAIT: 130 on Ctrl-C, which leaves the run going; `number` 0:
 * the run that is seen first. */
int watch_run(const CliOptions *options, WatchMode mode, uint64_t number);
