/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "node-agent/probe/sample.h"

/* What dcos-check-runner says. Its exit status is 0 too when a check is unknown or cannot be run,
 * so only its JSON counts, and the exit status must agree with it. Pure. */

typedef struct CheckRunnerAnswer {
        const char *check;   /* "node-poststart" or "cluster" */
        const char *failure; /* why there is no answer; NULL: there is one */
        int exit_status;     /* 0..255 */
        const char *output;  /* what it wrote to stdout, not necessarily terminated */
        size_t size;
        const char *errors; /* what it wrote to stderr, terminated, for evidence; or NULL */
} CheckRunnerAnswer;

#define CHECK_RUNNER_NODE    "node-poststart"
#define CHECK_RUNNER_CLUSTER "cluster"

/* Status 1 (warning) and 2 are failures, 3 is unknown. No checks at all: not applicable for
 * "cluster", where DC/OS has none by itself; unknown for "node-poststart". */
void check_runner_judge(const CheckRunnerAnswer *answer, Sample *sample);
