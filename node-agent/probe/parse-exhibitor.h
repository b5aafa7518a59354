/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>

#include "node-agent/probe/reply.h"

/* What one Exhibitor says of all masters' ZooKeepers. Its answer may be 30 s old, so a single pass
 * proves little; it asks the others, and says "down" of those it does not reach. Pure. */

typedef struct ExhibitorStatus {
        uint64_t listed;
        uint64_t serving;
        uint64_t leaders;
        char leader[SAMPLE_TEXT_MAX]; /* the last that is one; empty: none */
        char worst[SAMPLE_TEXT_MAX];  /* "10.0.0.11 is down", the first that does not serve */
} ExhibitorStatus;

/* -EINVAL for whatever is no list of servers. An empty list is a list. */
int exhibitor_status_parse(const Json *list, ExhibitorStatus *ret, Error *error);

/* Passes only if each of `masters` masters is listed once and serving, one of them as the leader.
 * `masters` 0: not known. `names`: list of the addresses of the masters, when it is known; NULL. */
void exhibitor_judge(const Reply *reply, uint64_t masters, const Json *names, Sample *sample);
