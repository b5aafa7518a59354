/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/step.h"

// clang-format off
static const char *const state_names[] = {
        [STEP_WAITING]     = "waiting",
        [STEP_STAGING]     = "staging",
        [STEP_STAGED]      = "staged",
        [STEP_SLOTTED]     = "slotted",
        [STEP_STARTED]     = "started",
        [STEP_VERIFYING]   = "verifying",
        [STEP_DONE]        = "done",
        [STEP_FAILED]      = "failed",
        [STEP_INTERRUPTED] = "interrupted",
        [STEP_UNKNOWN]     = "unknown",
        [STEP_QUARANTINED] = "quarantined",
};

static const char *const event_names[] = {
        [STEP_EVENT_STAGE_ORDERED] = "stage-ordered",
        [STEP_EVENT_STAGED]        = "staged",
        [STEP_EVENT_STAGE_FAILED]  = "stage-failed",
        [STEP_EVENT_FORGOTTEN]     = "forgotten",
        [STEP_EVENT_SLOTTED]       = "slotted",
        [STEP_EVENT_DECLINED]      = "declined",
        [STEP_EVENT_STARTED]       = "started",
        [STEP_EVENT_SUCCEEDED]     = "succeeded",
        [STEP_EVENT_SCRIPT_FAILED] = "script-failed",
        [STEP_EVENT_INTERRUPTED]   = "interrupted",
        [STEP_EVENT_VERIFIED]      = "verified",
        [STEP_EVENT_GAVE_UP]       = "gave-up",
        [STEP_EVENT_LOST]          = "lost",
        [STEP_EVENT_RELEASED]      = "released",
        [STEP_EVENT_RETRIED]       = "retried",
        [STEP_EVENT_RECHECKED]     = "rechecked",
        [STEP_EVENT_QUARANTINED]   = "quarantined",
        [STEP_EVENT_UNQUARANTINED] = "unquarantined",
};

/* What a node says of a step is believed whatever this log knew before: a log restored from an older
 * backup learns from the nodes what it has forgotten (promise 9), and reports are not fenced
 * (promise 8). Only a decline frees a slot, and only one of the present fence: see intake.c. A step may
 * be "started" and declined after all: an intent that this log has given no slot for counts as started. */
#define BEFORE_START (IN(STEP_WAITING) | IN(STEP_STAGING) | IN(STEP_STAGED) | IN(STEP_SLOTTED))
#define MAY_RUN      (BEFORE_START | IN(STEP_STARTED) | IN(STEP_UNKNOWN))
#define BAD          (IN(STEP_FAILED) | IN(STEP_INTERRUPTED) | IN(STEP_UNKNOWN))

const StepTransition step_transitions[] = {
        /* in which state                          what happened             goes to           slot      */
        { IN(STEP_WAITING),                        STEP_EVENT_STAGE_ORDERED, STEP_STAGING,     SLOT_KEEP },
        { IN(STEP_WAITING) | IN(STEP_STAGING),     STEP_EVENT_STAGED,        STEP_STAGED,      SLOT_KEEP },
        { IN(STEP_WAITING) | IN(STEP_STAGING),     STEP_EVENT_STAGE_FAILED,  STEP_FAILED,      SLOT_KEEP },
        { IN(STEP_STAGING) | IN(STEP_STAGED),      STEP_EVENT_FORGOTTEN,     STEP_WAITING,     SLOT_KEEP },

        { IN(STEP_STAGED),                         STEP_EVENT_SLOTTED,       STEP_SLOTTED,     SLOT_TAKE },
        { IN(STEP_STAGED),                         STEP_EVENT_RECHECKED,     STEP_VERIFYING,   SLOT_TAKE },
        { IN(STEP_SLOTTED) | IN(STEP_STARTED) | IN(STEP_UNKNOWN),
                                                   STEP_EVENT_DECLINED,      STEP_STAGED,      SLOT_FREE },
        { BEFORE_START | IN(STEP_UNKNOWN),         STEP_EVENT_STARTED,       STEP_STARTED,     SLOT_TAKE },
        { MAY_RUN,                                 STEP_EVENT_SUCCEEDED,     STEP_VERIFYING,   SLOT_TAKE },
        { MAY_RUN,                                 STEP_EVENT_SCRIPT_FAILED, STEP_FAILED,      SLOT_TAKE },
        { MAY_RUN,                                 STEP_EVENT_INTERRUPTED,   STEP_INTERRUPTED, SLOT_TAKE },

        { IN(STEP_VERIFYING),                      STEP_EVENT_VERIFIED,      STEP_DONE,        SLOT_FREE },
        { IN(STEP_VERIFYING),                      STEP_EVENT_GAVE_UP,       STEP_FAILED,      SLOT_KEEP },
        { IN(STEP_SLOTTED) | IN(STEP_STARTED),     STEP_EVENT_LOST,          STEP_UNKNOWN,     SLOT_KEEP },

        /* only a person */
        { BAD,                                     STEP_EVENT_RETRIED,       STEP_WAITING,     SLOT_FREE },
        { BAD,                                     STEP_EVENT_RECHECKED,     STEP_VERIFYING,   SLOT_TAKE },
        { IN(STEP_FAILED) | IN(STEP_VERIFYING),    STEP_EVENT_RELEASED,      STEP_FAILED,      SLOT_FREE },
        { IN(STEP_INTERRUPTED),                    STEP_EVENT_RELEASED,      STEP_INTERRUPTED, SLOT_FREE },
        { IN(STEP_SLOTTED) | IN(STEP_STARTED) | IN(STEP_UNKNOWN),
                                                   STEP_EVENT_RELEASED,      STEP_UNKNOWN,     SLOT_FREE },
        { IN(STEP_WAITING) | IN(STEP_STAGING) | IN(STEP_STAGED) | IN(STEP_DONE) | BAD,
                                                   STEP_EVENT_QUARANTINED,   STEP_QUARANTINED, SLOT_FREE },
        { IN(STEP_QUARANTINED),                    STEP_EVENT_UNQUARANTINED, STEP_WAITING,     SLOT_KEEP },
};
// clang-format on
const size_t step_transition_count = ELEMENTSOF(step_transitions);

DEFINE_ENUM_NAMES(step_state, state_names, STEP_STATE_COUNT);
DEFINE_ENUM_NAMES(step_event, event_names, STEP_EVENT_COUNT);

const StepTransition *step_next(StepState state, StepEvent event) {
        for (size_t i = 0; i < step_transition_count; i++) {
                if ((step_transitions[i].from & IN(state)) && step_transitions[i].event == event)
                        return &step_transitions[i];
        }

        return NULL;
}
