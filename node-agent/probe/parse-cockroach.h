/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "node-agent/probe/reply.h"

/* What CockroachDB, where the IAM of DC/OS keeps its accounts, says of its copies. Ranges without
 * all their copies are lost with the next master. A dead node's numbers stand still, so they must
 * be fresh; is_live is not looked at: nodes of another version seem dead to each other during a
 * patch. Pure. */

#define COCKROACH_PROGRAM "/opt/mesosphere/bin/cockroach"

typedef struct CockroachWanted {
        uint64_t masters;  /* 0: not known */
        const Json *names; /* their addresses, when they are known: whoever is not one of them is a
                            * master of former times, and does not count; or NULL */
        usec_t now;        /* wall clock; 0: not known, how old numbers are is not looked at */
} CockroachWanted;

/* Of GET /_status/nodes. False: there was no answer that could be judged. */
bool cockroach_http_judge(const Reply *reply, const CockroachWanted *wanted, Sample *sample);

typedef struct CockroachAnswer {
        const char *failure; /* why there is no answer; NULL: there is one */
        int exit_status;
        const char *output; /* what it wrote to stdout, not necessarily terminated */
        size_t size;
        const char *errors; /* what it wrote to stderr, terminated; or NULL */
} CockroachAnswer;

/* Of `cockroach node status --ranges`, in any format. */
void cockroach_command_judge(
                const CockroachAnswer *answer, const CockroachWanted *wanted, Sample *sample);
