/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "common/enum-names.h"
#include "proto/message.h"

/* One node's part of a run, as the coordinator's log tells it. The table in step.c is all there is
 * to know about what follows what; docs/states.md is printed from it. Pure. */

#define LOSSES_TEXT_MAX 320 /* of what was counted before: see losses.h */
#define AGENT_ID_MAX    128 /* of Mesos, as in a sample */

typedef enum StepState {
        STEP_WAITING,
        STEP_STAGING,     /* the node fetches and verifies the script */
        STEP_STAGED,      /* the node could start at once */
        STEP_SLOTTED,     /* may be down; may have been started */
        STEP_STARTED,     /* the node says so */
        STEP_VERIFYING,   /* patched; the gate has not held yet */
        STEP_DONE,        /* patched, and a gate held after it */
        STEP_FAILED,      /* the script or the gate failed */
        STEP_INTERRUPTED, /* started, ended without a result */
        STEP_UNKNOWN,     /* nobody can say what the node has done */
        STEP_QUARANTINED, /* set aside by an operator */
} StepState;
#define STEP_STATE_COUNT (STEP_QUARANTINED + 1)
extern const EnumNames step_state_names;

typedef enum StepEvent {
        STEP_EVENT_STAGE_ORDERED,
        STEP_EVENT_STAGED,
        STEP_EVENT_STAGE_FAILED,
        STEP_EVENT_FORGOTTEN, /* the node's journal does not know a step that never had a slot */
        STEP_EVENT_SLOTTED,
        STEP_EVENT_DECLINED, /* the node will never start it under this fence */
        STEP_EVENT_STARTED,
        STEP_EVENT_SUCCEEDED, /* script ended with 0 */
        STEP_EVENT_SCRIPT_FAILED,
        STEP_EVENT_INTERRUPTED,
        STEP_EVENT_VERIFIED,  /* the gate held */
        STEP_EVENT_GAVE_UP,   /* the gate did not hold in time */
        STEP_EVENT_LOST,      /* silent for too long, or its journal was wiped */
        STEP_EVENT_RELEASED,  /* a person answers for the slot */
        STEP_EVENT_RETRIED,   /* a person wants another attempt */
        STEP_EVENT_RECHECKED, /* it is its turn, or a person wants another try, and it is patched
                                 already: the gate only */
        STEP_EVENT_QUARANTINED,
        STEP_EVENT_UNQUARANTINED,
} StepEvent;
#define STEP_EVENT_COUNT (STEP_EVENT_UNQUARANTINED + 1)
extern const EnumNames step_event_names;

/* What an event does to the slot: the right of this node to be down. */
typedef enum SlotEffect {
        SLOT_KEEP,
        SLOT_TAKE,
        SLOT_FREE,
} SlotEffect;

typedef struct StepTransition {
        uint32_t from; /* set of IN(state) */
        StepEvent event;
        StepState to;
        SlotEffect slot;
} StepTransition;

extern const StepTransition step_transitions[];
extern const size_t step_transition_count;

/* The row for `event` in `state`, or NULL: the event means nothing there and changes nothing. */
const StepTransition *step_next(StepState state, StepEvent event);

/* A person or a report must settle it before anybody else may go down. */
static inline bool step_state_is_bad(StepState state) {
        return state == STEP_FAILED || state == STEP_INTERRUPTED || state == STEP_UNKNOWN;
}

/* It has had its script. */
static inline bool step_state_is_begun(StepState state) {
        return state == STEP_STARTED || state == STEP_VERIFYING || state == STEP_DONE ||
               step_state_is_bad(state);
}

/* The newest attempt of a node in the newest run. */
typedef struct Step {
        char id[STEP_ID_MAX]; /* empty: the node is in no run */
        StepState state;
        uint64_t order; /* place in the plan, from 1 */
        uint64_t attempt;
        uint64_t fence;              /* highest given or reported */
        uint64_t registered_before;  /* agents: on the leading master before, ms of its clock */
        uint64_t tasks_before;       /* agents: running on it before, by the leading master */
        uint64_t agents_before;      /* masters: active before; 0: not known */
        char agent_id[AGENT_ID_MAX]; /* agents: what the leading master called it; or empty */
        char losses_before[LOSSES_TEXT_MAX]; /* see losses.h; or empty */
        uint64_t docker_failed;   /* the same of the Docker whose restart its gate has failed by */
        uint64_t docker_accepted; /* start of the Docker whose restart a person accepts, ms since
                                     the node's boot; 0: none */
        bool slot;                /* this node may be down */
        bool released;            /* a person answers for how it ended */
        bool as_found;            /* it had the version already: the script was not run */
        bool exit_unknown;        /* the script began, and nobody knows how it ended */
        uint64_t declines;
        uint64_t exit_status;
        uint64_t exit_signal;
        bool diagnosed;    /* it was looked at since it is in this state */
        usec_t since;      /* wall clock of the newest transition */
        usec_t slotted_at; /* wall clock; 0: never */
        usec_t started_at; /* wall clock of the node */
        usec_t ended_at;
        char unit[UNIT_MAX];
        char reason[REASON_MAX]; /* of the newest transition */
} Step;
