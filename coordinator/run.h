/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "common/enum-names.h"

/* The states of a run (design 8), as a table like a step's. Pure. */

typedef enum RunState {
        RUN_DRAFT,
        RUN_RUNNING,
        RUN_PAUSED, /* an operator asked for it */
        RUN_HELD,   /* the plan asked for it */
        RUN_HALTED, /* a failure caused it */
        RUN_FINISHED,
        RUN_ABORTED,
} RunState;
#define RUN_STATE_COUNT (RUN_ABORTED + 1)
extern const EnumNames run_state_names;

typedef enum RunEvent {
        RUN_EVENT_STARTED,
        RUN_EVENT_PAUSED,
        RUN_EVENT_HELD,
        RUN_EVENT_HALTED,
        RUN_EVENT_RESUMED,
        RUN_EVENT_FINISHED,
        RUN_EVENT_ABORTED,
} RunEvent;
#define RUN_EVENT_COUNT (RUN_EVENT_ABORTED + 1)
extern const EnumNames run_event_names;

typedef struct RunTransition {
        uint32_t from; /* set of IN(state) */
        RunEvent event;
        RunState to;
} RunTransition;

extern const RunTransition run_transitions[];
extern const size_t run_transition_count;

/* The row for `event` in `state`, or NULL. */
const RunTransition *run_next(RunState state, RunEvent event);

/* Neither finished nor aborted: at most one such run exists. */
static inline bool run_state_is_open(RunState state) {
        return state != RUN_FINISHED && state != RUN_ABORTED;
}
