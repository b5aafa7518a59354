/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "common/json.h"
#include "coordinator/coordinator.h"

/* Requests of operators that only nodes can answer: kept until they have answered, or until the
 * deadline; then the operator is told what there is and who owes what. Nothing here is in the log:
 * a restart forgets the requests together with the clients that made them. */

typedef struct Later Later;

#define LATER_MAX      64                 /* as many as there can be clients */
#define LATER_WAIT     (8 * USEC_PER_SEC) /* for the nodes, when the operator says nothing */
#define LATER_WAIT_MAX (50 * USEC_PER_SEC)
#define LOGS_BYTES     ((uint64_t) 256 * 1024)      /* of the end of an output */
#define LOGS_BYTES_ALL ((uint64_t) 8 * 1024 * 1024) /* more than a node keeps */

Later *later_new(void); /* NULL: out of memory */

/* `status`, with every check of these nodes asked anew; `count` 0: of all. Names are of known
 * nodes. */
int later_refresh(
                Coordinator *coordinator,
                uint64_t ticket,
                const char *const names[],
                size_t count,
                usec_t wait,
                Error *error);

/* The last `bytes` of a text, and of those at most `lines` lines (0: all). */
typedef struct TextWish {
        ReadWhat what;
        uint64_t bytes;
        uint64_t lines;
} TextWish;

/* What the node's newest step has printed, or what its units have logged since, or are. */
int later_logs(Coordinator *coordinator,
               uint64_t ticket,
               const Node *node,
               const TextWish *wish,
               usec_t wait,
               Error *error);

/* What is wrong with a node, as it sees it now. */
int later_diagnose(
                Coordinator *coordinator,
                uint64_t ticket,
                const Node *node,
                usec_t wait,
                Error *error);

/* What a node sends for one of them, CHUNK or DIAGNOSIS. A diagnosis may also be one that nobody
 * has asked for but us (diagnoses.h): then it is in the log now. */
void later_hear(Coordinator *coordinator, size_t node, const Message *message);

/* Answers what can be answered, asks again for what got lost, and asks who went wrong. */
void later_turn(Coordinator *coordinator, usec_t now);

void later_free(Later *later);
DEFINE_AUTO(Later, later_free)
