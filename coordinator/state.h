/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "common/cleanup.h"
#include "coordinator/enrol.h"
#include "coordinator/event.h"
#include "coordinator/name-index.h"

/* What the log says: the fold of its events, and nothing that is not in it. What is only true now
 * (who was heard when, nonces, windows) is in facts.h. Pure. */

#define FOREIGN_MAX 8

typedef struct Node {
        char name[NAME_TEXT_MAX];
        Role role;
        char boot_id[ID_TEXT_MAX];
        char journal_id[ID_TEXT_MAX]; /* as in its newest acknowledged claim */
        char address[ADDRESS_TEXT_MAX];
        char dcos_version[VERSION_MAX];
        char software[VERSION_MAX];
        uint64_t master_count;
        usec_t booted_at;  /* wall clock at which another boot than before was heard of; 0: never */
        uint64_t epoch;    /* newest acknowledged */
        bool revoked;      /* its key was, and it has joined with no other since */
        bool journal_lost; /* its step journal was wiped: what it has done is unknown */
        StepBrief foreign[FOREIGN_MAX]; /* unresolved steps that are not its present one */
        size_t foreign_count;
        char settled[FOREIGN_MAX][STEP_ID_MAX]; /* the newest foreign steps a person answers for */
        uint64_t settled_count;                 /* all of them */
        Step step;
} Node;

typedef struct RunName {
        uint64_t number;
        char id[ID_TEXT_MAX];
} RunName;

typedef struct Run {
        EventRunMade made; /* number 0: there was never a run */
        RunState state;
        uint64_t nodes; /* that are in it */
        uint64_t holds; /* stops that the plan wanted and that were made, see order.h */
        usec_t made_at; /* wall clock */
        usec_t since;   /* of the present state */
        usec_t until;   /* a pause that ends by itself; 0: none */
        char reason[REASON_MAX];
        char cause[NAME_TEXT_MAX];  /* the node that halted it, or empty */
        bool diagnosed;             /* that node, or one that went wrong, was looked at since */
        bool begun;                 /* somebody in it has had its script */
        bool master_slotted;        /* one of them has had its slot */
        uint64_t frameworks_before; /* connected, before the first of them had it; 0: not known */
        uint64_t frameworks_away_before;
} Run;

typedef struct State {
        uint64_t seq;        /* of the newest event */
        uint64_t epoch;      /* 0: never started */
        bool claim_held;     /* the claim of this epoch has been complete */
        uint64_t fence;      /* highest given */
        uint64_t deposed_by; /* an epoch that a node obeys instead of ours; 0: none */
        char deposed_node[NAME_TEXT_MAX];
        size_t slots; /* nodes that have one */
        Node *nodes;
        size_t node_count;
        size_t node_space;
        NameIndex names; /* of the nodes */
        size_t *masters; /* places of the masters among the nodes, in their order */
        size_t master_count;
        size_t steps[STEP_STATE_COUNT]; /* how many nodes have a step in that state */
        char waiver[REASON_MAX]; /* why the next run may pass gate-floor; empty: it may not */
        RunName *runs;           /* all runs ever, oldest first */
        size_t run_count;
        Run run; /* the newest */
        Enrol enrol;
} State;

State *state_new(void);
void state_free(State *state);
DEFINE_AUTO(State, state_free)

/* Whether the event, whatever its seq, could follow what the state says. Asked before a commit. */
int state_check(const State *state, const Event *event, Error *error);

/* The same for events that are committed together, each following the one before it. */
int state_check_all(const State *state, const Event *events, size_t count, Error *error);

/* Adds one event. Fails, with the state as it was, when the event contradicts what came before it:
 * then the log is damaged, or written by somebody else. */
int state_apply(State *state, const Event *event, Error *error);

Node *state_find_node(State *state, const char *name); /* NULL: never heard of */
const Node *state_find_node_const(const State *state, const char *name);

/* Among `nodes`. SIZE_MAX: never heard of. */
size_t state_find_place(const State *state, const char *name);

/* N of the promises: what the masters themselves say (/opt/mesosphere/etc/master_count). 0: no
 * master has said it, or they disagree; `ret_reason` (may be NULL) says which. */
uint64_t state_master_count(const State *state, const char **ret_reason);

/* Whether all N masters have acknowledged the present epoch (promise 9). Otherwise names one that
 * has not, or says why N is not known. */
bool state_claim_is_complete(const State *state, const char **ret_waiting_for);

/* The epoch that a start claims: above its own and above any that is on record. */
uint64_t state_next_epoch(const State *state);

/* A master other than `node` that has the slot; NULL: none. */
const Node *state_find_master_with_slot(const State *state, const Node *node);

bool state_has_open_run(const State *state);

/* A run is open, or of one that was aborted a step goes on: nodes are looked at as in a run. */
bool state_is_at_work(const State *state);

/* Nodes whose step ended badly, whoever answers for it by now. */
size_t state_count_bad(const State *state);

/* The first node whose step ended badly, with nobody having settled it; NULL: none. */
const Node *state_find_unsettled(const State *state);

/* A node's word for a step that may be running. */
bool brief_is_in_hand(const StepBrief *brief);

/* In hand, or ended so that nobody knows what it has done. */
bool brief_is_unresolved(const StepBrief *brief);

/* It ended badly, and nobody answers for that yet. */
bool step_is_unsettled(const Step *step);

/* Its present step may be under way, or has ended badly and nobody has settled that. */
bool step_is_unresolved(const Step *step);

/* Something on this node that must be settled before another master may go down. */
bool node_is_unresolved(const Node *node);

/* In the newest run, and that run is open. */
bool node_is_in_open_run(const State *state, const Node *node);

/* Whether the log has this step, by its run and attempt, or a person answers for it. */
bool state_knows_step(const State *state, const Node *node, const char *id);

/* The id that the next attempt of `node` in the newest run gets. */
void state_next_step_id(const State *state, const Node *node, char buffer[static STEP_ID_MAX]);
