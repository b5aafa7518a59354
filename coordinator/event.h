/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "common/fields.h"
#include "coordinator/run.h"
#include "coordinator/step.h"
#include "proto/keys.h"
#include "proto/message.h"
#include "proto/token.h"

/* What the log is made of: everything the coordinator knows is the fold of these (state.h). An
 * event is a fact that has been decided or heard; it is committed before anybody acts on it
 * (promise 6). Heartbeats and unchanged samples are not events. Pure. */

typedef enum EventKind {
        EVENT_STARTED, /* rollpatchd has started and claims this epoch */
        EVENT_EPOCH, /* a node knew a higher epoch before the claim was complete: claim above it */
        EVENT_DEPOSED,       /* a node obeys a higher epoch after the claim was complete */
        EVENT_NODE,          /* what a node says of itself, when it is new or has changed */
        EVENT_CLAIMED,       /* a node has acknowledged an epoch */
        EVENT_FOREIGN,       /* a node has a step that this log does not know */
        EVENT_CLEARED,       /* a person answers for what a node's journal cannot tell */
        EVENT_WAIVED,        /* the next run may pass a finding */
        EVENT_RUN_MADE,      /* a run with its numbers */
        EVENT_RUN_NODE,      /* one node of that run, in plan order */
        EVENT_RUN,           /* a transition of the run */
        EVENT_STEP,          /* a transition of a step */
        EVENT_CHECK,         /* a check has another verdict than before */
        EVENT_ORDERED,       /* a start order was given */
        EVENT_OPERATOR,      /* somebody typed a command that acts */
        EVENT_TOKEN_MADE,    /* a join token */
        EVENT_TOKEN_REVOKED, /* it lets nobody in any more */
        EVENT_KEY,           /* what became of the key of a node */
        EVENT_TURNED_AWAY,   /* somebody was not let in */
        EVENT_FOUND,         /* one finding of a diagnosis */
        EVENT_DIAGNOSED, /* a node was looked at after it went wrong; its findings come before */
} EventKind;
#define EVENT_KIND_COUNT (EVENT_DIAGNOSED + 1)
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
        uint64_t registered_before; /* SLOTTED: what was true then, see Step */
        uint64_t tasks_before;
        uint64_t agents_before;
        uint64_t frameworks_before;
        uint64_t frameworks_away_before;
        char agent_id[AGENT_ID_MAX];
        char losses_before[LOSSES_TEXT_MAX];
        uint64_t docker_start; /* GAVE_UP, RECHECKED by a person: see Step; 0: none */
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

#define TOKEN_USES_MAX 100000

/* The secret itself is in no event; what stands here lets nobody make the token (proto/token.h). */
typedef struct EventTokenMade {
        char id[TOKEN_ID_TEXT_MAX];
        char psk[KEY_TEXT_MAX];
        Role role;
        uint64_t expires; /* wall clock */
        uint64_t uses;
        char name[NAME_TEXT_MAX]; /* pattern that the node's name must match; empty: any */
        char user[USER_MAX];
} EventTokenMade;

typedef struct EventTokenRevoked {
        char id[TOKEN_ID_TEXT_MAX];
        char user[USER_MAX];
} EventTokenRevoked;

typedef enum KeyChange {
        KEY_JOINED,    /* let in by a token */
        KEY_APPROVED,  /* let in by a person, who has compared fingerprints */
        KEY_IMPORTED,  /* let in by a person, before it was ever heard */
        KEY_REJECTED,  /* a person says: never, as long as nobody approves it */
        KEY_REVOKED,   /* was let in, and is no longer; for good */
        KEY_OFFERED,   /* its node may announce another key, until a time */
        KEY_ANNOUNCED, /* that other key; both count until it is used */
        KEY_REPLACED,  /* it was used: the node's other keys no longer count */
        KEY_PLACED,    /* the cluster id that its node has got since it was let in */
} KeyChange;
#define KEY_CHANGE_COUNT (KEY_PLACED + 1)
extern const EnumNames key_change_names;

typedef struct EventKey {
        KeyChange change;
        char node[NAME_TEXT_MAX];
        char key[KEY_TEXT_MAX];
        Role role;
        char token[TOKEN_ID_TEXT_MAX];   /* JOINED */
        char cluster_id[CLUSTER_ID_MAX]; /* may be empty: DC/OS has none yet */
        uint64_t until;                  /* OFFERED; wall clock */
        char user[USER_MAX];             /* who did it; empty: nobody had to */
        char reason[REASON_MAX];
} EventKey;

/* A record, for the audit. What it names nobody has proven. */
typedef struct EventTurnedAway {
        char id[VERB_MAX]; /* of the refusal, see enrol.h */
        char node[NAME_TEXT_MAX];
        char key[KEY_TEXT_MAX];
        char token[TOKEN_ID_TEXT_MAX];
        char text[REASON_MAX];
} EventTurnedAway;

typedef struct EventFound {
        char node[NAME_TEXT_MAX];
        char step[STEP_ID_MAX];
        Symptom symptom;
} EventFound;

#define CAUSE_MAX 256

typedef struct EventDiagnosed {
        char node[NAME_TEXT_MAX];
        char step[STEP_ID_MAX]; /* the node's at that time; or empty */
        char cause[CAUSE_MAX];  /* "ID: evidence" of the first finding that may be one; or empty */
        uint64_t found;         /* so many findings; in the log are the first of them */
        char missing[REASON_MAX]; /* what could not be looked at */
} EventDiagnosed;

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
                EventTokenMade token_made;
                EventTokenRevoked token_revoked;
                EventKey key;
                EventTurnedAway turned_away;
                EventFound found;
                EventDiagnosed diagnosed;
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
