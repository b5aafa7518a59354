/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "common/digest.h"
#include "common/enum-names.h"
#include "common/id.h"
#include "common/parse.h"
#include "common/span.h"
#include "proto/schema.h"

/* What the two programs say to each other: plain structs with bounded arrays, nothing to free. Who
 * sends it is known from the session, never from a name in a message.
 *
 * Orders (coordinator -> node) carry the epoch of the coordinator's start; a node that has heard a
 * higher one answers REFUSED and does nothing (promise 9). Orders about a step carry its fence; a
 * node refuses lower ones (promise 8). Orders are repeated until what they want has been reported,
 * but for START, which is valid once: a lost one is replaced by a new SLOT, READY, START.
 *
 * Facts (node -> coordinator) that matter carry an `op`; they are repeated until ACK names it. */

typedef enum Role {
        ROLE_MASTER,
        ROLE_AGENT,
        ROLE_PUBLIC_AGENT,
} Role;
#define ROLE_COUNT (ROLE_PUBLIC_AGENT + 1)
extern const EnumNames role_names; /* "master", "agent", "public-agent" */

/* What a node's step journal says about one step. Every state but STAGING, STAGE_FAILED, READY and
 * LOOKING is on its disk, synced, before anybody is told. After a restart of the node agent the
 * first two are STAGING again, the others STAGED. */
typedef enum NodeStep {
        NODE_STEP_ABSENT,       /* never heard of: the journal has no entry */
        NODE_STEP_STAGING,      /* downloading or verifying */
        NODE_STEP_STAGE_FAILED, /* `reason`; a new STAGE order tries again */
        NODE_STEP_STAGED,       /* script verified, on disk */
        NODE_STEP_READY,        /* asked for its slot, gave a nonce, waits for the start order */
        NODE_STEP_LOOKING,      /* start order accepted, last look under way */
        NODE_STEP_DECLINED,     /* will never start under `fence` or a lower one */
        NODE_STEP_INTENT,       /* intent journalled; the unit has been or is being asked for */
        NODE_STEP_RUNNING,      /* the started marker is there, no result yet, same boot */
        NODE_STEP_ENDED,        /* result on disk: exit_status or exit_signal */
        NODE_STEP_INTERRUPTED,  /* started, and ended without a result: never started again */
} NodeStep;
#define NODE_STEP_COUNT (NODE_STEP_INTERRUPTED + 1)
extern const EnumNames node_step_names; /* "absent", "staging", ... */

/* Ids of refusals, for programs; the text is for people. */
typedef enum Refusal {
        REFUSAL_EPOCH,    /* a coordinator with a higher epoch has claimed this node */
        REFUSAL_FENCE,    /* a higher fence is known for this step */
        REFUSAL_STATE,    /* the step is not in a state in which that can be done */
        REFUSAL_NONCE,    /* not the nonce given, or given more than 5 s ago */
        REFUSAL_INVALID,  /* the order contradicts itself or the node */
        REFUSAL_FAILED,   /* the node could not write down what it must: disk full, read-only */
        REFUSAL_UNCLAIMED /* this epoch has not claimed the node yet */
} Refusal;
#define REFUSAL_COUNT (REFUSAL_UNCLAIMED + 1)
extern const EnumNames refusal_names;

/* First words of a session. `epoch` and `fence` are the highest the node has on disk. */
typedef struct Hello {
        char name[NAME_TEXT_MAX];
        Role role;
        char boot_id[ID_TEXT_MAX];
        char journal_id[ID_TEXT_MAX]; /* of the step journal; another one than before: it was wiped
                                       */
        uint64_t epoch;
        uint64_t fence;
        char software[VERSION_MAX];      /* of rollpatch-agent */
        char dcos_version[VERSION_MAX];  /* empty: not readable now */
        uint64_t master_count;           /* /opt/mesosphere/etc/master_count; 0: not readable now */
        char address[ADDRESS_TEXT_MAX];  /* what detect_ip says; empty: not known */
        char cluster_id[CLUSTER_ID_MAX]; /* of DC/OS, empty: not readable now */
} Hello;

typedef struct StepBrief {
        char step[STEP_ID_MAX];
        NodeStep state;
        uint64_t fence;
        uint64_t exit_status;
        uint64_t exit_signal;
} StepBrief;

/* coordinator -> node */
typedef struct Claim {
        uint64_t epoch;
} Claim;

/* Signed, all of it: see signed-plan.h. */
typedef struct Stage {
        uint64_t epoch;
        char cluster[NAME_TEXT_MAX]; /* must be the node's own */
        char step[STEP_ID_MAX];
        char run[ID_TEXT_MAX];
        char node[NAME_TEXT_MAX]; /* must be the node's own name */
        char from[VERSION_MAX];
        char to[VERSION_MAX];
        char url[URL_MAX];
        char sha256[DIGEST_TEXT_MAX];
        uint64_t size;
        uint64_t timeout; /* of the whole step, usec; the node reports, it never kills */
        char signature[SIGNATURE_TEXT_MAX];
} Stage;

typedef struct LookTarget {
        char name[NAME_TEXT_MAX];
        char address[ADDRESS_TEXT_MAX];
} LookTarget;

typedef struct Slot {
        uint64_t epoch;
        char step[STEP_ID_MAX];
        uint64_t fence;
} Slot;

typedef struct Start {
        uint64_t epoch;
        char step[STEP_ID_MAX];
        uint64_t fence;
        char nonce[ID_TEXT_MAX];
        LookTarget look[MASTERS_MAX]; /* masters to look at just before the start (promise 3) */
        size_t look_count;
} Start;

typedef struct Ask {
        uint64_t epoch;
        char step[STEP_ID_MAX];
} Ask;

typedef struct Ack {
        char op[OP_MAX];
        char refused[REASON_MAX]; /* ANNOUNCE only: why it is not taken; empty: it is */
} Ack;

/* node -> coordinator */
typedef struct Claimed {
        uint64_t epoch; /* the claim that is answered, on disk now */
        char journal_id[ID_TEXT_MAX];
        StepBrief steps[STEPS_CLAIM_MAX];
        size_t step_count;
} Claimed;

typedef struct Heartbeat {
        uint64_t sequence;
        uint64_t epoch;
        char step[STEP_ID_MAX]; /* in hand, or else the newest that is not over; or empty */
        NodeStep state;
        uint64_t watch;     /* serial of the newest Watch, 0: none */
        uint64_t refreshed; /* `refresh` of the newest Watch, once all its answers are sent */
        uint64_t login;     /* serial of the Login that it has, 0: none */
} Heartbeat;

typedef struct Ready {
        char step[STEP_ID_MAX];
        uint64_t fence;
        char nonce[ID_TEXT_MAX];
} Ready;

/* All that the node knows of one step. */
typedef struct Report {
        char op[OP_MAX];
        char step[STEP_ID_MAX];
        char run[ID_TEXT_MAX];
        NodeStep state;
        uint64_t fence; /* of the last order adopted */
        uint64_t exit_status;
        uint64_t exit_signal;
        char boot_id[ID_TEXT_MAX];
        char unit[UNIT_MAX];
        uint64_t started_at; /* wall clock, usec; 0: not known */
        uint64_t ended_at;
        char cursor[CURSOR_MAX]; /* of this host's journal, taken before the unit was asked for */
        char reason[REASON_MAX];
        char tail[TAIL_MAX];            /* last lines of the step's unit in the journal */
        char dcos_version[VERSION_MAX]; /* read when this was written */
} Report;

/* The channel key that this node is going to use from its next session on, if it is taken: then it
 * is in the coordinator's log. */
typedef struct Announce {
        char op[OP_MAX];
        char key[KEY_TEXT_MAX];
} Announce;

typedef struct Refused {
        char order[32]; /* kind of the order that is refused */
        char step[STEP_ID_MAX];
        Refusal refusal;
        uint64_t epoch; /* the highest heard */
        uint64_t fence;
        char reason[REASON_MAX];
} Refused;

/* --- checks --- */

/* Unknown: asked, and no usable answer. It never opens a gate (promise 2). */
typedef enum Verdict {
        VERDICT_UNKNOWN,
        VERDICT_PASS,
        VERDICT_FAIL,
        VERDICT_NOT_APPLICABLE, /* nothing to compare with; shown as "not checked" */
} Verdict;
#define VERDICT_COUNT (VERDICT_NOT_APPLICABLE + 1)
extern const EnumNames verdict_names; /* "unknown", "pass", "fail", "not-applicable" */

/* One question a node is to ask again and again. */
typedef struct WatchItem {
        char check[CHECK_NAME_MAX];
        char subject[SUBJECT_MAX]; /* mesos-leader: a Mesos agent's address; else empty */
        uint64_t period;           /* usec */
        bool tls;                  /* mesos-tasks: that agent is strict; asked so, with the token */
} WatchItem;

/* coordinator -> node: what to ask from now on, in place of what was asked before; repeated until
 * the node's heartbeat names its `serial`. A new session begins with an empty one. A `refresh` that
 * is new wants every item to be asked at once, whenever it was asked last. */
typedef struct Watch {
        uint64_t epoch;
        uint64_t serial;           /* of this list */
        char step[STEP_ID_MAX];    /* what most checks look from; or empty */
        char version[VERSION_MAX]; /* what `version` wants; or empty */
        uint64_t masters;          /* how many masters there are; 0: not known */
        uint64_t refresh;          /* number of a person's wish to see it now; 0: none */
        WatchItem items[WATCH_MAX];
        size_t item_count;
} Watch;

/* coordinator -> node: the token that servers of a strict cluster want to see when they are asked.
 * Only a node that has something to ask is told it; it forgets it with its watch or its session.
 * Repeated until the node's heartbeat names its `serial`, which says nothing of the token. Whoever
 * has held such a message wipes it. */
typedef struct Login {
        uint64_t epoch;
        uint64_t serial;
        char token[IAM_TOKEN_MAX];
} Login;

typedef struct SampleNumber {
        char name[CHECK_NAME_MAX]; /* a unit other than 1 is part of the name: "uptime_ms" */
        uint64_t value;
} SampleNumber;

typedef struct SampleText {
        char name[CHECK_NAME_MAX];
        char text[128];
} SampleText;

/* node -> coordinator: one answer to one question. Not acknowledged: the next one replaces it. The
 * verdict is about this one answer by itself; what the answers of several nodes mean together, and
 * over time, is judged by the coordinator, from the numbers and texts. */
typedef struct Sample {
        char check[CHECK_NAME_MAX];
        char subject[SUBJECT_MAX];
        char step[STEP_ID_MAX]; /* of the Watch by which it was asked: what it looked from */
        Verdict verdict;
        uint64_t age;  /* usec between the end of the question and the sending, on the node's clock
                        */
        uint64_t took; /* usec that the question took */
        char reason[REASON_MAX]; /* why it is no pass, for a person; empty for a pass */
        char evidence[EVIDENCE_MAX];
        SampleNumber numbers[SAMPLE_NUMBERS_MAX];
        size_t number_count;
        SampleText texts[SAMPLE_TEXTS_MAX];
        size_t text_count;
} Sample;

/* False: the sample does not say. */
bool sample_number(const Sample *sample, const char *name, uint64_t *ret);
const char *sample_text(const Sample *sample, const char *name); /* NULL: does not say */

/* --- bulk --- */

typedef enum ReadWhat {
        READ_OUTPUT,  /* what the step's script has printed */
        READ_JOURNAL, /* what the units of DC/OS have logged since the step began, without secrets
                       */
        READ_UNITS,   /* what systemd says of each of them now */
} ReadWhat;
#define READ_WHAT_COUNT (READ_UNITS + 1)
extern const EnumNames read_what_names; /* "output", "journal", "units" */

/* coordinator -> node: a piece of a longer text. One piece is under way at a time, each asked for
 * by itself, so that bulk never stands before anything else; a lost one is asked for again. */
typedef struct Read {
        uint64_t request; /* repeated in the answer; one text has one */
        ReadWhat what;
        char step[STEP_ID_MAX]; /* empty, for all but the output: the last hour */
        uint64_t offset; /* bytes from the beginning; with `from_end` back from the end, or 0 if
                            there are less */
        bool from_end;
} Read;

/* node -> coordinator: `data` is base64 of at most CHUNK_BYTES_MAX bytes. Less than that, or
 * nothing, only where the output ends for now. */
typedef struct Chunk {
        uint64_t request;
        char step[STEP_ID_MAX];
        uint64_t offset; /* of `data`, from the beginning */
        uint64_t total;  /* bytes there are now */
        char data[CHUNK_TEXT_MAX];
        char reason[REASON_MAX]; /* why there is nothing; empty: there is */
} Chunk;

/* --- diagnosis --- */

/* What a finding means for the node. */
typedef enum FailureClass {
        FAILURE_NOTE,  /* worth knowing; nothing has to be done for the patch's sake */
        FAILURE_WAITS, /* heals by itself once what it waits for is well; evidence, not a verdict */
        FAILURE_FATAL, /* does not get well by itself: somebody must do something */
} FailureClass;
#define FAILURE_CLASS_COUNT (FAILURE_FATAL + 1)
extern const EnumNames failure_class_names; /* "note", "waits", "fatal" */

#define DIAGNOSE_LIMIT_MAX USEC_PER_MINUTE

/* coordinator -> node: look for everything of the catalogue (failures.h). Changes nothing. */
typedef struct Diagnose {
        uint64_t request;       /* repeated in the answer */
        char step[STEP_ID_MAX]; /* look at what came since it began; empty, or not known to the
                                   node: at the last hour */
        uint64_t masters;       /* how many masters there are; 0: not known */
        uint64_t limit;         /* usec; what is not known by then is missing in the answer */
} Diagnose;

#define FAILURE_ID_MAX   32
#define PLACE_MAX        160
#define SYMPTOM_TEXT_MAX 384

/* One finding, with its evidence. */
typedef struct Symptom {
        char id[FAILURE_ID_MAX];
        FailureClass class;
        char where[16];          /* "journal", "log", "output", "file", "unit", "metric", ... */
        char place[PLACE_MAX];   /* the unit, the file, the check */
        char cursor[CURSOR_MAX]; /* in the journal; or empty */
        uint64_t offset;         /* in the file or the output, of the line */
        uint64_t at;             /* wall clock of that host; 0: not known */
        uint64_t count;          /* how often it was seen */
        char evidence[SYMPTOM_TEXT_MAX]; /* the line, the properties, the number */
} Symptom;

#define SYMPTOMS_MAX 8

/* node -> coordinator: the first bad component first, what may follow from it after that. */
typedef struct Diagnosis {
        uint64_t request;
        char step[STEP_ID_MAX]; /* as asked; empty: this node does not know it */
        uint64_t since;         /* wall clock of that host: where it has looked from */
        uint64_t found;         /* so many findings, of which these are the first */
        Symptom symptoms[SYMPTOMS_MAX];
        size_t symptom_count;
        char missing[REASON_MAX]; /* what could not be looked at, and why; empty: all was */
} Diagnosis;

typedef enum MessageKind {
        MESSAGE_HELLO,
        MESSAGE_WELCOME,
        MESSAGE_CLAIM,
        MESSAGE_STAGE,
        MESSAGE_SLOT,
        MESSAGE_START,
        MESSAGE_ASK,
        MESSAGE_ACK,
        MESSAGE_CLAIMED,
        MESSAGE_HEARTBEAT,
        MESSAGE_READY,
        MESSAGE_REPORT,
        MESSAGE_REFUSED,
        MESSAGE_WATCH,
        MESSAGE_SAMPLE,
        MESSAGE_READ,
        MESSAGE_CHUNK,
        MESSAGE_ANNOUNCE,
        MESSAGE_DIAGNOSE,
        MESSAGE_DIAGNOSIS,
        MESSAGE_LOGIN,
} MessageKind;
#define MESSAGE_KIND_COUNT (MESSAGE_LOGIN + 1)
extern const EnumNames message_kind_names; /* "hello", ... */

/* Answer to HELLO and to every HEARTBEAT: the coordinator is alive; and how often the node is to
 * speak from now on, usec. In HS2 it may be a refusal instead, and no session: why, and what to do
 * about it; `heartbeat` is then how long the node is to wait before it asks again. */
typedef struct Welcome {
        uint64_t heartbeat;
        char refused[REASON_MAX]; /* empty: welcome indeed */
        bool rekey;               /* the node is to announce another channel key */
} Welcome;

typedef struct Message {
        MessageKind kind;
        union {
                Hello hello;
                Welcome welcome;
                Claim claim;
                Stage stage;
                Slot slot;
                Start start;
                Ask ask;
                Ack ack;
                Claimed claimed;
                Heartbeat heartbeat;
                Ready ready;
                Report report;
                Refused refused;
                Watch watch;
                Sample sample;
                Read read;
                Chunk chunk;
                Announce announce;
                Diagnose diagnose;
                Diagnosis diagnosis;
                Login login;
        };
} Message;

/* Of what needs a claim by its epoch (dispatch.h): that epoch, and the step it is about, or "". Of
 * all else 0 and "". */
const char *message_order(const Message *order, uint64_t *ret_epoch);

/* Of a kind that carries a secret it is wiped, all else stays. */
void message_wipe(Message *message);

/* "PREFIX-NODE-ATTEMPT" where PREFIX is "rNUMBER-" and the first 8 digits of the run's random id:
 * unique for ever, readable, fit for a unit name and a file name. False when the name is too long:
 * then its end is cut and a digest of it is put in, so this only fails on an invalid name. */
bool step_id_format(
                char buffer[static STEP_ID_MAX],
                uint64_t run_number,
                const char *run_id,
                const char *node,
                uint64_t attempt);

/* What a peer may have sent: ^[a-z0-9][a-z0-9.-]{0,78}$ */
bool step_id_is_valid(const char *text);

/* "rollpatch-step-ID.service" */
bool step_unit_format(char buffer[static UNIT_MAX], const char *step);
