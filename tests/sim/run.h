/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "tests/sim/coverage.h"

typedef struct RunResult {
        bool ran; /* to its end; false: the process died of it */
        bool finished;
        uint64_t events;
        uint64_t durable;
        usec_t took; /* simulated */
        size_t fault_count;
        uint64_t faults[FAULT_COUNT][PHASE_COUNT];
        Coverage coverage;
        char promise[64]; /* that was broken; or empty */
        char failure[512];
} RunResult;

/* Once in the life of a process. Bits of `left_out` are faults that are not to happen. */
void run_seed(uint64_t seed, uint64_t left_out, bool verbose, RunResult *ret);
