/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "coordinator/facts.h"

/* From what a node says to what the log gets. Each function turns one message into at most a few
 * events, or none when the log knows it already, so that a repeated message changes nothing. Pure.
 */

/* A new session. NODE when the node is new or says something new; among that, that it no longer
 * holds the epoch it has acknowledged or has another step journal: then it must be claimed again,
 * because nobody else may have what it has forgotten. 1: `ret` is to be committed. */
int intake_hello(const State *state, const Hello *hello, Event *ret);

/* Epochs and fences grow by one for each start, and for each slot. A node that names one that is
 * further ahead than any history explains is damaged, or lies; and whoever followed it would soon
 * have no number left to go on with. False: to be dropped, and `ret_what` says what was named. */
#define NUMBER_LEAP (UINT64_C(1) << 20)
bool intake_is_plausible(const State *state, const Message *message, const char **ret_what);

/* The epoch the node has named: EPOCH when it is higher than ours and the claim has never been
 * complete, DEPOSED when it has (promise 9). 1: `ret` is to be committed. */
int intake_epoch(
                const State *state,
                const char *node,
                uint64_t heard,
                const char *software,
                Event *ret);

/* The same for the epoch of a hello. That may be the number of *our* epoch without our having heard
 * the node acknowledge it: then it may be that of a second coordinator which counts as we do (on a
 * copy of this log), and as long as the claim has not been complete it is topped as well. So of two
 * with the same epoch none gets all masters: each master tells whoever it comes to second. */
int intake_hello_epoch(const State *state, const Hello *hello, const char *software, Event *ret);

/* The answer to a claim: what its journal says of steps, then CLAIMED. At most INTAKE_CLAIM_MAX.
 * Each is to be checked (state_check) after the one before it has been applied. */
#define INTAKE_CLAIM_MAX (1 + STEPS_CLAIM_MAX + 1)
size_t intake_claimed(const State *state, const char *name, const Claimed *claimed, Event ret[]);

/* A step other than its present one that a node says it has in hand. 1: `ret` is to be committed.
 */
int intake_heartbeat(const State *state, const char *name, const Heartbeat *heartbeat, Event *ret);

/* A report on one step: at most INTAKE_REPORT_MAX events, to be committed before it is
 * acknowledged. */
#define INTAKE_REPORT_MAX 2
size_t intake_report(const State *state, const char *name, const Report *report, Event ret[]);

/* What a node has just read of its version: NODE, when it is news. True: `ret` is to be committed.
 */
bool intake_version(const Node *node, const char *version, Event *ret);
