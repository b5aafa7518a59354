/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "coordinator/decide.h"
#include "coordinator/intake.h"
#include "coordinator/judge.h"
#include "coordinator/orders.h"
#include "coordinator/settle.h"

/* The coordinator's core with a log in memory and a clock by hand, driven in the order in which
 * coordinator.c drives it: intake, check, append, apply, decide, send. Every event goes through
 * event_encode and event_decode on its way, as it would through the disk. What should not happen is
 * a failed assertion of cmocka. */

typedef struct Lab Lab;

/* Called before an event is applied, with the state that it was decided on. */
typedef void (*LabWatch)(const Lab *lab, const Event *event);

struct Lab {
        State *state;
        Facts facts;
        Why why; /* of the newest turn */
        usec_t now;
        usec_t wall;
        Event *log;
        size_t count;
        size_t space;
        LabWatch watch;
        char listed[MASTERS_MAX][NAME_TEXT_MAX]; /* masters: of rollpatchd.yaml */
        size_t listed_count;
        bool lists; /* the test says which; else all those that there are */
        bool blind; /* nobody looks at the nodes: what the facts say of their health is up to the
                       test */
};

#define LAB_FROM "2.1.0"
#define LAB_TO   "2.1.1"
#define LAB_RUN  "1a2b3c4d1a2b3c4d1a2b3c4d1a2b3c4d"

/* A key as text, all of one digit. */
#define HEX8(c) #c #c #c #c #c #c #c #c
#define KEY(c)  HEX8(c) HEX8(c) HEX8(c) HEX8(c) HEX8(c) HEX8(c) HEX8(c) HEX8(c)

Lab *lab_new(void); /* has started: epoch 1 */
void lab_free(Lab *lab);
DEFINE_AUTO(Lab, lab_free)

/* The same with another process on the same log, or on a backup that holds its first `keep` events.
 */
void lab_restart(Lab *lab);
void lab_restore(Lab *lab, size_t keep);

void lab_pass(Lab *lab, usec_t span);
void lab_pass_silent(Lab *lab, usec_t span); /* nobody is heard meanwhile */

/* --- the log --- */
bool lab_try(Lab *lab, const Event *event); /* false: state_check refuses it */
void lab_commit(Lab *lab, const Event *event);
unsigned lab_turn(Lab *lab); /* how many events were decided */
const Event *lab_last(const Lab *lab, EventKind kind);
unsigned lab_count(const Lab *lab, EventKind kind);
unsigned lab_count_step(const Lab *lab, const char *node, StepEvent kind);

/* --- nodes --- */
const Node *lab_node(const Lab *lab, const char *name);
NodeFacts *lab_facts(Lab *lab, const char *name);
Hello lab_hello_of(const char *name, Role role, uint64_t master_count);
void lab_hello(Lab *lab, const Hello *hello);

/* Hello, then an acknowledged claim with a journal that names nothing. */
void lab_join(Lab *lab, const char *name, Role role, uint64_t master_count);
void lab_join_masters(Lab *lab, uint64_t count); /* "m1", ... */
void lab_claim(Lab *lab, const char *name, const StepBrief steps[], size_t count);
void lab_claim_journal(
                Lab *lab, const char *name, char journal, const StepBrief steps[], size_t count);

/* A valid message of the node. How many events it has made. */
unsigned lab_hear(Lab *lab, const char *name, const Message *message);
unsigned lab_heartbeat(Lab *lab, const char *name);
unsigned lab_report(
                Lab *lab, const char *name, NodeStep state, uint64_t fence, uint64_t exit_status);
void lab_ready(Lab *lab, const char *name, char nonce);

/* An answer of the node to a question, by the list that it has now or by one with another step; and
 * those that `retry` looks at: its version ("": it cannot be read), and what came of comparing its
 * packages. */
void lab_sample(Lab *lab, const char *name, const Sample *sample);
void lab_sample_of(Lab *lab, const char *name, const char *step, const Sample *sample);
void lab_look(Lab *lab, const char *name, const char *version, Verdict packages);
unsigned lab_version(Lab *lab, const char *name, const char *version); /* a report: ended, 0 */

/* The order that is due, noted as sent. */
bool lab_order(Lab *lab, const char *name, Message *ret);
void lab_expect_order(Lab *lab, const char *name, MessageKind kind, Message *ret);
void lab_expect_no_order(Lab *lab, const char *name);

/* --- operators --- */
Event lab_run_made(uint64_t number);
void lab_run(Lab *lab, const char *const names[], size_t count, bool accept_downtime);
void lab_run_as(Lab *lab, const Event *made, const char *const names[], size_t count);
void lab_operate(Lab *lab, RunEvent kind);
Event lab_step_event(const Lab *lab, const char *name, StepEvent kind);
void lab_step(Lab *lab, const char *name, StepEvent kind);
void lab_retry(Lab *lab, const char *name);
void lab_healthy(Lab *lab, bool healthy); /* all nodes */

/* The whole way of one node to a state: STAGED, SLOTTED, STARTED, VERIFYING or DONE. */
void lab_lead(Lab *lab, const char *name, StepState to);
