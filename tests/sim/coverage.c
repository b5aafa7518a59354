/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/coverage.h"

#include <stdio.h>
#include <string.h>

#include "coordinator/coordinator.h"
#include "node-agent/job.h"

/* Which rows of the three transition tables were taken: those of the coordinator where an event is
 * committed, those of the node where a move is made. */

Coverage coverage;

static void note_step(const State *state, const Event *event) {
        const Node *node = state_find_node_const(state, event->step.node);
        const StepTransition *row = node ? step_next(node->step.state, event->step.event) : NULL;

        if (row)
                coverage.step |= UINT64_C(1) << (row - step_transitions);
}

static void note_run(const State *state, const Event *event) {
        bool begins = event->run.event == RUN_EVENT_STARTED; /* committed with the run itself */
        const RunTransition *row =
                        run_next(begins ? RUN_DRAFT : state->run.state, event->run.event);

        if (row)
                coverage.run |= UINT64_C(1) << (row - run_transitions);
}

void coverage_note_commit(const Host *host, const Event *event) {
        const Process *daemon = host->daemon;
        const State *state;

        if (!daemon || !daemon->object)
                return;

        state = coordinator_get_state(daemon->object);
        if (event->kind == EVENT_STEP)
                note_step(state, event);
        if (event->kind == EVENT_RUN)
                note_run(state, event);
}

/* --wrap makes them so: NOLINTBEGIN(bugprone-reserved-identifier, readability-identifier-naming) */
void __wrap_job_apply(Job *job, const JobInput *input, const JobMove *move);
void __real_job_apply(Job *job, const JobInput *input, const JobMove *move);

/* The row that job_next() has found. */
void __wrap_job_apply(Job *job, const JobInput *input, const JobMove *move) {
        for (size_t i = 0; i < job_transition_count; i++) {
                const JobTransition *row = &job_transitions[i];

                if (!(row->from & IN(job->state)) || row->event != input->event ||
                    (row->guard && !row->guard(job, input)))
                        continue;

                coverage.job |= UINT64_C(1) << i;
                break;
        }

        __real_job_apply(job, input, move);
}

/* NOLINTEND(bugprone-reserved-identifier, readability-identifier-naming) */

void coverage_add(Coverage *all, const Coverage *one) {
        all->run |= one->run;
        all->step |= one->step;
        all->job |= one->job;
}

static size_t count_rows(uint64_t rows) {
        size_t count = 0;

        for (; rows; rows &= rows - 1)
                count++;

        return count;
}

static void print_states(uint32_t from, const EnumNames *names, size_t count) {
        bool first = true;

        for (unsigned state = 0; state < count; state++) {
                if (!(from & IN(state)))
                        continue;

                printf("%s%s", first ? "  never: " : ", ", enum_name(names, state));
                first = false;
        }
}

void coverage_print(const Coverage *all) {
        printf("rows of transition tables taken: run %zu of %zu, step %zu of %zu, node %zu of %zu\n",
               count_rows(all->run), run_transition_count, count_rows(all->step),
               step_transition_count, count_rows(all->job), job_transition_count);

        for (size_t i = 0; i < run_transition_count; i++) {
                if (all->run >> i & 1)
                        continue;

                print_states(run_transitions[i].from, &run_state_names, RUN_STATE_COUNT);
                printf(": run %s\n", enum_name(&run_event_names, run_transitions[i].event));
        }
        for (size_t i = 0; i < step_transition_count; i++) {
                if (all->step >> i & 1)
                        continue;

                print_states(step_transitions[i].from, &step_state_names, STEP_STATE_COUNT);
                printf(": step %s\n", enum_name(&step_event_names, step_transitions[i].event));
        }
        for (size_t i = 0; i < job_transition_count; i++) {
                if (all->job >> i & 1)
                        continue;

                print_states(job_transitions[i].from, &node_step_names, NODE_STEP_COUNT);
                printf(": node %s %s\n", enum_name(&job_event_names, job_transitions[i].event),
                       job_guard_words(job_transitions[i].guard));
        }
}
