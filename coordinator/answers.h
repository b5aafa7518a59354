/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "common/json.h"
#include "coordinator/coordinator.h"

/* The documents that the command line shows: what is known, nothing else. Times are wall clock,
 * usec. The caller owns what is returned; NULL: out of memory. */

/* How much is said of nodes that there is nothing to say about. */
typedef enum Detail {
        DETAIL_ALL,
        DETAIL_BRIEF, /* in a cluster of more than BRIEF_FROM nodes, of agents that are heard and
                         are pending, idle or done, only that; nobody lists them one by one */
} Detail;
#define BRIEF_FROM 100

/* `names` are the nodes asked for; `count` 0: the whole cluster. */
Json *answer_status(
                const Coordinator *coordinator,
                const char *const names[],
                size_t count,
                Detail detail);
/* Nodes that have reported, nodes that were let in, and who asks to be. `selector` is a state of
 * enrolment, a role, or a pattern of names; "": all but those that are no nodes any more. */
Json *answer_nodes(const Coordinator *coordinator, const char *selector);

/* What is known of a name: its keys, and who asks for it. NULL: nothing. */
Json *answer_enrolment(const Coordinator *coordinator, const char *name);
Json *answer_tokens(const Coordinator *coordinator);

/* From the log. `number` 0: the newest run. */
int answer_report(const Coordinator *coordinator, uint64_t number, Json **ret, Error *error);
/* The last lines that the node has reported; `why` they come from the log and not from the node. */
int answer_logs(const Coordinator *coordinator,
                const char *node,
                const char *why,
                Json **ret,
                Error *error);
int answer_runs(const Coordinator *coordinator, Json **ret, Error *error);
int answer_audit(const Coordinator *coordinator, usec_t since, Json **ret, Error *error);

/* Parts of the documents: the checks of a node, and what was asked and could not be compared. */
Json *answer_checks(const Coordinator *coordinator, size_t node);
Json *answer_not_checked(const Coordinator *coordinator);

/* The first of its checks that keeps a master from being good for the others' sake; false: none
 * does. */
bool answer_ill(const Coordinator *coordinator,
                size_t node,
                char text[static REASON_MAX],
                char advice[static REASON_MAX],
                usec_t *ret_since);

/* One node as in `status`. */
Json *answer_node(const Coordinator *coordinator, const Node *node);

/* All of them in the order in which they are shown; the caller frees. NULL: out of memory. */
const Node **sorted_nodes(const State *state);
