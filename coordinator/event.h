/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "common/fields.h"
#include "coordinator/run.h"
#include "coordinator/step.h"
#include "proto/message.h"

/* What the log is made of: everything the coordinator knows is the fold of these (state.h). An
 * event is a fact that has been decided or heard; it is committed before anybody acts on it
 * (promise 6). Heartbeats and unchanged samples are not events. Pure. */

typedef enum EventKind {
        EVENT_STARTED, /* rollpatchd has started and claims this epoch */
        EVENT_EPOCH, /* a node knew a higher epoch before the claim was complete: claim above it */
        EVENT_DEPOSED,  /* a node obeys a higher epoch after the claim was complete */
        EVENT_NODE,     /* what a node says of itself, when it is new or has changed */
        EVENT_CLAIMED,  /* a node has acknowledged an epoch */
        EVENT_FOREIGN,  /* a node has a step that this log does not know */
        EVENT_CLEARED,  /* a person answers for what a node's journal cannot tell */
        EVENT_WAIVED,   /* the next run may pass a finding */
        EVENT_RUN_MADE, /* a run with its numbers */
        EVENT_RUN_NODE, /* one node of that run, in plan order */
        EVENT_RUN,      /* a transition of the run */
        EVENT_STEP,     /* a transition of a step */
        EVENT_CHECK,    /* a check has another verdict than before */
        EVENT_ORDERED,  /* a start order was given */
        EVENT_OPERATOR, /* somebody typed a command that acts */
} EventKind;
#define EVENT_KIND_COUNT (EVENT_OPERATOR + 1)
extern const EnumNames event_kind_names;

#define USER_MAX 64
#define VERB_MAX 32

typedef struct EventEpoch {
        uint64_t epoch;
        char node[NAME_TEXT_MAX]; /* who knew a higher one; empty for a start */
        char software[VERSION_MAX];
} EventEpoch;

typedef struct EventNode {
        char node[NAME_TEXT_MAX];
        Role role;
        char boot_id[ID_TEXT_MAX];
        char address[ADDRESS_TEXT_MAX];
        char dcos_version[VERSION_MAX];
        uint64_t master_count;
        char software[VERSION_MAX];
        bool unclaimed; /* it no longer holds the epoch it had acknowledged: wiped, or restored */
} EventNode;

typedef struct EventClaimed {
        char node[NAME_TEXT_MAX];
        uint64_t epoch;
        char journal_id[ID_TEXT_MAX];
} EventClaimed;

typedef struct EventForeign {
        char node[NAME_TEXT_MAX];
        StepBrief brief;
} EventForeign;

typedef struct EventCleared {
        char node[NAME_TEXT_MAX];
        char reason[REASON_MAX];
} EventCleared;

/* The only finding that can be waived in this version; other ids are refused. */
#define WAIVER_GATE_FLOOR "gate-floor"

typedef struct EventWaived {
        char id[VERB_MAX];
        char user[USER_MAX];
        char reason[REASON_MAX];
} EventWaived;

/* Numbers of a plan. Spans are usec. */
typedef struct RunNumbers {
        uint64_t batch_percent;
        uint64_t batch_max;
        uint64_t canary;
        uint64_t budget;
        uint64_t timeout_script;
        uint64_t timeout_master;
        uint64_t timeout_agent;
        uint64_t dwell_master;
        uint64_t dwell_agent;
        uint64_t dwell_batch;
        bool hold_after_masters;
        bool hold_after_canary;
} RunNumbers;

extern const Field run_numbers_fields[];

typedef struct EventRunMade {
        uint64_t number;
        char id[ID_TEXT_MAX];
        char from[VERSION_MAX];
        char to[VERSION_MAX];
        char url[URL_MAX];
        char sha256[DIGEST_TEXT_MAX];
        uint64_t size;
        bool accept_downtime;    /* a single master may go down */
        char waived[REASON_MAX]; /* what this run passes, and why; or empty */
        RunNumbers numbers;
        char user[USER_MAX];
} EventRunMade;

typedef struct EventRunNode {
        char node[NAME_TEXT_MAX];
        Role role;
} EventRunNode;

typedef struct EventRun {
        RunEvent event;
        char node[NAME_TEXT_MAX]; /* whose step caused it, or empty */
        char reason[REASON_MAX];
        uint64_t hold;  /* HELD: which stop of the plan, see order.h */
        uint64_t until; /* wall clock; a pause that ends by itself; 0: it does not */
} EventRun;

typedef struct EventStep {
        char node[NAME_TEXT_MAX];
        char step[STEP_ID_MAX];
        StepEvent event;
        uint64_t fence;
        uint64_t registered_before; /* SLOTTED, agents: see Step */
        uint64_t exit_status;
        uint64_t exit_signal;
        uint64_t started_at;
        uint64_t ended_at;
        char boot_id[ID_TEXT_MAX];
        char unit[UNIT_MAX];
        char cursor[CURSOR_MAX];
        char reason[REASON_MAX];
        char tail[TAIL_MAX];
} EventStep;

typedef struct EventCheck {
        char node[NAME_TEXT_MAX]; /* of which it speaks */
        char check[CHECK_NAME_MAX];
        Verdict verdict;
        char reason[REASON_MAX];
        char evidence[EVIDENCE_MAX];
        SampleNumber numbers[SAMPLE_NUMBERS_MAX];
        size_t number_count;
} EventCheck;

typedef struct EventOrdered {
        char node[NAME_TEXT_MAX];
        char step[STEP_ID_MAX];
        uint64_t fence;
        char nonce[ID_TEXT_MAX];
} EventOrdered;

typedef struct EventOperator {
        char user[USER_MAX];
        uint64_t uid;
        char terminal[USER_MAX];
        char verb[VERB_MAX];
        char node[NAME_TEXT_MAX];
        char reason[REASON_MAX];
        char outcome[REASON_MAX];
} EventOperator;

typedef struct Event {
        EventKind kind;
        uint64_t seq; /* given by the log */
        usec_t at;    /* wall clock of the append */
        union {
                EventEpoch epoch; /* STARTED, EPOCH, DEPOSED */
                EventNode node;
                EventClaimed claimed;
                EventForeign foreign;
                EventCleared cleared;
                EventWaived waived;
                EventRunMade run_made;
                EventRunNode run_node;
                EventRun run;
                EventStep step;
                EventCheck check;
                EventOrdered ordered;
                EventOperator operator;
        };
} Event;

/* The members of a kind, which begin at &event.epoch; for tests that must try them all. */
const Field *event_fields(EventKind kind);

/* The body of an event as JSON text. Caller frees. */
int event_encode(const Event *event, char **ret, Error *error);

/* Strict: a kind or member that is not known is refused. Fills everything but seq and at. */
int event_decode(const char *kind, const char *body, Event *ret, Error *error);

/* Whose node it speaks of, or "". */
const char *event_node(const Event *event);

/* One line for people, as in `report`. Cut to `size`. */
void event_describe(const Event *event, char *buffer, size_t size);
