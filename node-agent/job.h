/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "proto/message.h"

/* What a node does with one step: a table of transitions with guards, and the judgement of what is
 * found on the disk. Pure: no I/O, no clock, no log, no systemd; so a simulation runs it with a
 * disk and a host of its own.
 *
 * Whoever owns a Job feeds it like this, and thereby nothing is told that is not written:
 *   job_next()     what would follow; changes nothing
 *   the write      put on disk, synced; when it fails, nothing has happened
 *   job_apply()    the only writer of a Job's state
 *   the act        tell, look, ask systemd
 *
 * A node has at most one step in hand (looking, intent, running). */

#define START_VALIDITY \
        (5 * USEC_PER_SEC) /* of a start order, from the moment its nonce was given */

typedef enum JobEvent {
        /* orders */
        JOB_EVENT_STAGE,
        JOB_EVENT_CLAIM, /* a coordinator has claimed the node: what an earlier one was promised is
                            void */
        JOB_EVENT_SLOT,
        JOB_EVENT_START,
        JOB_EVENT_ASK,
        /* what came of an act */
        JOB_EVENT_FETCHED,
        JOB_EVENT_FETCH_FAILED,
        JOB_EVENT_LOOK_PASSED,
        JOB_EVENT_LOOK_FAILED,
        JOB_EVENT_WRITE_FAILED, /* the intent, or the decline, could not be written */
        /* what the disk and systemd say: see finding.h */
        JOB_EVENT_STARTED,
        JOB_EVENT_ENDED,
        JOB_EVENT_INTERRUPTED,
        JOB_EVENT_NEVER_STARTED, /* the unit is gone and there is no started marker */
} JobEvent;
#define JOB_EVENT_COUNT (JOB_EVENT_NEVER_STARTED + 1)
extern const EnumNames job_event_names;

/* What must be on disk before the state may change. */
typedef enum JobWrite {
        JOB_WRITE_NOTHING,
        JOB_WRITE_STAGE,    /* the order */
        JOB_WRITE_SCRIPT,   /* what was fetched */
        JOB_WRITE_SLOT,     /* the fence adopted */
        JOB_WRITE_INTENT,   /* intent, and the order that rollpatch-step takes */
        JOB_WRITE_DECLINED, /* order withdrawn, marker looked for and not there, decline */
} JobWrite;
#define JOB_WRITE_COUNT (JOB_WRITE_DECLINED + 1)
extern const EnumNames job_write_names;

typedef enum JobAct {
        JOB_ACT_NOTHING,
        JOB_ACT_FETCH,      /* and report */
        JOB_ACT_GIVE_NONCE, /* READY */
        JOB_ACT_LOOK,       /* and report */
        JOB_ACT_CALL_UNIT,  /* and report */
        JOB_ACT_REPORT,
        JOB_ACT_REFUSE, /* the start order: REFUSED(failed) */
} JobAct;
#define JOB_ACT_COUNT (JOB_ACT_REFUSE + 1)
extern const EnumNames job_act_names;

typedef struct Job {
        char step[STEP_ID_MAX];
        NodeStep state;
        uint64_t fence;          /* of the last order adopted; on disk */
        char nonce[ID_TEXT_MAX]; /* given and not used yet; empty: none */
        usec_t nonce_since;      /* boot time at which it was given */
        bool unknown;            /* its files cannot be read: never started, see finding.h */
} Job;

typedef struct JobInput {
        JobEvent event;
        usec_t now;        /* CLOCK_BOOTTIME */
        uint64_t fence;    /* SLOT, START */
        const char *nonce; /* START: the order's. SLOT: a new random one, given if the node gets
                              ready */
        const char *busy;  /* SLOT, START: another step of this node that is in hand, or NULL */
} JobInput;

typedef enum JobVerdict {
        JOB_IGNORED, /* the event means nothing in this state */
        JOB_MOVES,   /* see JobMove; it may stay in its state and only act */
        JOB_REFUSED, /* an order that may not be carried out: `refusal`, `reason` */
} JobVerdict;

typedef struct JobMove {
        NodeStep to;
        JobWrite write;
        JobAct act;
        Refusal refusal;
        char reason[REASON_MAX]; /* why it is refused, or why a passed look came too late */
} JobMove;

JobVerdict job_next(const Job *job, const JobInput *input, JobMove *ret);
void job_apply(Job *job, const JobInput *input, const JobMove *move);

/* The table, for tests and for docs/states.md. */
typedef bool (*JobGuard)(const Job *job, const JobInput *input);

typedef struct JobTransition {
        uint32_t from; /* set of IN(state) */
        JobEvent event;
        JobGuard guard; /* NULL: always */
        NodeStep to;    /* JOB_STAY: no change */
        JobWrite write;
        JobAct act;
} JobTransition;
#define JOB_STAY ((NodeStep) NODE_STEP_COUNT)

extern const JobTransition job_transitions[];
extern const size_t job_transition_count;
const char *job_guard_words(JobGuard guard);

/* Looking, intent, running: no other step of the node may get ready. */
bool job_is_in_hand(NodeStep state);

/* Ended or interrupted: nothing will follow. */
bool job_is_over(NodeStep state);

/* --- orders as such --- */

/* Whether an order of `epoch` may be looked at, when `highest` is the highest claimed, on disk.
 * True, or `ret_refusal` and `reason`. */
bool job_epoch_holds(
                uint64_t epoch,
                uint64_t highest,
                Refusal *ret_refusal,
                char reason[static REASON_MAX]);

/* The same order again, by whichever coordinator. */
bool job_stage_is_same(const Stage *a, const Stage *b);
