/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/run.h"

// clang-format off
static const char *const state_names[] = {
        [RUN_DRAFT]    = "draft",
        [RUN_RUNNING]  = "running",
        [RUN_PAUSED]   = "paused",
        [RUN_HELD]     = "held",
        [RUN_HALTED]   = "halted",
        [RUN_FINISHED] = "finished",
        [RUN_ABORTED]  = "aborted",
};

static const char *const event_names[] = {
        [RUN_EVENT_STARTED]  = "started",
        [RUN_EVENT_PAUSED]   = "paused",
        [RUN_EVENT_HELD]     = "held",
        [RUN_EVENT_HALTED]   = "halted",
        [RUN_EVENT_RESUMED]  = "resumed",
        [RUN_EVENT_FINISHED] = "finished",
        [RUN_EVENT_ABORTED]  = "aborted",
};

#define STOPPED (IN(RUN_PAUSED) | IN(RUN_HELD) | IN(RUN_HALTED))

const RunTransition run_transitions[] = {
        /* in which state             what happened       goes to       */
        { IN(RUN_DRAFT),              RUN_EVENT_STARTED,  RUN_RUNNING  },
        { IN(RUN_RUNNING),            RUN_EVENT_HELD,     RUN_HELD     },
        { IN(RUN_RUNNING) | IN(RUN_HELD),
                                      RUN_EVENT_PAUSED,   RUN_PAUSED   },
        { IN(RUN_RUNNING) | IN(RUN_PAUSED) | IN(RUN_HELD),
                                      RUN_EVENT_HALTED,   RUN_HALTED   },
        { STOPPED,                    RUN_EVENT_RESUMED,  RUN_RUNNING  },
        { IN(RUN_RUNNING),            RUN_EVENT_FINISHED, RUN_FINISHED },
        { IN(RUN_DRAFT) | IN(RUN_RUNNING) | STOPPED,
                                      RUN_EVENT_ABORTED,  RUN_ABORTED  },
};
// clang-format on
const size_t run_transition_count = ELEMENTSOF(run_transitions);

DEFINE_ENUM_NAMES(run_state, state_names, RUN_STATE_COUNT);
DEFINE_ENUM_NAMES(run_event, event_names, RUN_EVENT_COUNT);

const RunTransition *run_next(RunState state, RunEvent event) {
        for (size_t i = 0; i < run_transition_count; i++) {
                if ((run_transitions[i].from & IN(state)) && run_transitions[i].event == event)
                        return &run_transitions[i];
        }

        return NULL;
}
