/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "common/json.h"
#include "coordinator/coordinator.h"

/* Every node that goes wrong, takes too long, or halts the run, is looked at without anybody
 * asking, and what is found goes into the log. Which nodes owe that is in the state alone, so a
 * restart forgets nothing; a node that is not heard is looked at once it is. */

#define DIAGNOSES_AT_ONCE 16

typedef struct DiagnosisAsked {
        uint64_t request; /* 0: free */
        size_t node;
        usec_t asked_at; /* boot time */
        usec_t sent_at;  /* the same request, which may have got lost */
        uint64_t tries;
} DiagnosisAsked;

typedef struct Diagnoses {
        DiagnosisAsked asked[DIAGNOSES_AT_ONCE];
} Diagnoses;

/* Asks who is to be asked; `requests` is the number that was given last. */
void diagnoses_turn(Diagnoses *diagnoses, Coordinator *coordinator, usec_t now, uint64_t *requests);

/* What a node has answered. False: it was not asked by this. */
bool diagnoses_hear(
                Diagnoses *diagnoses,
                Coordinator *coordinator,
                size_t node,
                const Diagnosis *diagnosis);

/* What is said to the node. */
Message diagnosis_order(const State *state, const Node *node, uint64_t request, usec_t limit);

/* For an operator, with cause and advice. */
Json *diagnosis_describe(const Node *node, const Diagnosis *diagnosis);
Json *symptom_describe(const Symptom *symptom);
