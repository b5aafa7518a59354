/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/run.h"

#include <string.h>

#include "common/text.h"
#include "coordinator/coordinator.h"
#include "tests/sim/sim.h"

#define BEGIN      (USEC_PER_HOUR)
#define FAULTS_END (65 * USEC_PER_SEC)
#define LIVE_BOUND (400 * USEC_PER_SEC) /* from then on */

/* --- where the run is --- */

static bool is_intended(Host *host, const char *step) {
        char path[256];

        (void) text_format(path, sizeof(path), STATE_DIR "/steps/%s/intent", step);
        return disk_has(host, path);
}

static Phase phase_of_slot(Host *host, const Step *step) {
        if (host->script_runs)
                return PHASE_SCRIPT;
        if (step->state == STEP_VERIFYING)
                return PHASE_VERIFYING;
        if (host->script_count > 0 &&
            strcmp(host->scripts[host->script_count - 1].step, step->id) == 0)
                return PHASE_EXITED;

        return is_intended(host, step->id) ? PHASE_INTENT : PHASE_SLOT;
}

static Phase find_phase(const State *state) {
        RunState run = state->run.state;

        if (state->run.made.number == 0)
                return PHASE_IDLE;

        for (size_t i = 0; i < state->node_count; i++) {
                for (size_t j = 0; state->nodes[i].step.slot && j < sim.host_count; j++) {
                        if (strcmp(sim.hosts[j].name, state->nodes[i].name) == 0 &&
                            !step_state_is_bad(state->nodes[i].step.state))
                                return phase_of_slot(&sim.hosts[j], &state->nodes[i].step);
                }
        }

        if (run == RUN_FINISHED || run == RUN_ABORTED)
                return PHASE_OVER;
        if (run != RUN_RUNNING)
                return PHASE_HALTED;

        return state->steps[STEP_WAITING] + state->steps[STEP_STAGING] > 0 ? PHASE_STAGE
                                                                           : PHASE_BETWEEN;
}

static void follow_phase(void) {
        const Process *daemon = cluster_coordinator()->daemon;
        const State *state =
                        daemon && daemon->object ? coordinator_get_state(daemon->object) : NULL;
        Phase phase = state ? find_phase(state) : sim.phase;

        if (phase == sim.phase)
                return;

        sim.phase = phase;
        faults_phase(phase);
}

/* --- turns --- */

static Process *find_next(usec_t *ret_when) {
        Process *next = NULL;

        *ret_when = USEC_INFINITY;
        for (size_t i = 0; i < sim.host_count; i++) {
                Process *process = sim.hosts[i].daemon;

                if (process && loop_next(process->loop) < *ret_when) {
                        next = process;
                        *ret_when = loop_next(process->loop);
                }
        }

        return next;
}

static bool turn(usec_t limit) {
        usec_t when;
        Process *next = find_next(&when);
        bool world = world_next() <= when;

        when = MIN(when, world_next());
        if (when > limit)
                return false;

        sim.now = MAX(sim.now, when);
        if (world) {
                (void) world_turn();
        } else {
                loop_turn(next->loop);
        }

        oracle_look();
        follow_phase();
        return true;
}

static void end_faults(void *what, uint64_t unused) {
        sim.calm_since = sim.now;
        faults_end();
}

static bool has_ended(void) {
        return sim.over || (sim.calm && sim.finished);
}

void run_seed(uint64_t seed, uint64_t left_out, bool verbose, RunResult *ret) {
        memset(&sim, 0, sizeof(sim));
        sim.seed = seed;
        sim.verbose = verbose;
        sim.now = sim.begin = BEGIN;
        sim.chance.state = seed * 2 + 1;
        sim.random.state = seed * 2 + 2;
        machine_init();
        faults_make(seed);
        for (size_t i = 0; i < fault_plan.count; i++)
                fault_plan.faults[i].left_out = (left_out >> i) & 1;

        cluster_make();
        operator_begin();
        faults_begin();
        world_at(BEGIN + FAULTS_END, end_faults, NULL, 0);
        while (!has_ended() && turn(BEGIN + FAULTS_END + LIVE_BOUND))
                ;
        if (!sim.promise)
                oracle_end();

        ret->ran = true;
        ret->events = sim.events;
        ret->durable = sim.durable;
        ret->took = sim.now - sim.begin;
        ret->finished = sim.finished;
        ret->fault_count = fault_plan.count;
        ret->coverage = coverage;
        memcpy(ret->faults, fault_counts, sizeof(ret->faults));
        if (sim.promise) {
                (void) text_copy(ret->promise, sizeof(ret->promise), sim.promise);
                (void) text_copy(ret->failure, sizeof(ret->failure), sim.failure);
        }
}
