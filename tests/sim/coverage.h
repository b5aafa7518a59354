/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "coordinator/event.h"
#include "tests/sim/sim.h"

/* Bits: rows of run_transitions, step_transitions, job_transitions. */
typedef struct Coverage {
        uint64_t run;
        uint64_t step;
        uint64_t job;
} Coverage;

extern Coverage coverage;

/* An event that is being committed there, before anything has followed from it. */
void coverage_note_commit(const Host *host, const Event *event);

void coverage_add(Coverage *all, const Coverage *one);
void coverage_print(const Coverage *all); /* how many, and which never */
