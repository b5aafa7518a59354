/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <string.h>

#include "common/digest.h"
#include "common/text.h"
#include "coordinator/coordinator.h"
#include "tests/sim/sim.h"

/* The person whose run it is: starts it, looks every few seconds, mends what is broken, and settles
 * what a halt wants settled, by the commands that an operator has. What it sees is what `status`
 * would show. Those who act at the worst time are faults (faults.c). */

#define LOOKS    (2 * USEC_PER_SEC)
#define PATIENCE (20 * USEC_PER_SEC) /* with a host that is not well */
#define TRIES    3                   /* of a retry, before a release */

static unsigned tries[HOSTS_MAX];

static const State *look(void) {
        const Host *host = cluster_coordinator();

        return host->daemon && host->daemon->object ? coordinator_get_state(host->daemon->object)
                                                    : NULL;
}

static int act(const char *verb, const char *node) {
        char arguments[128];

        if (node) {
                (void) text_format(
                                arguments, sizeof(arguments),
                                "{\"node\":\"%s\",\"reason\":\"seen to\"}", node);
        } else {
                (void) text_copy(arguments, sizeof(arguments), "{\"reason\":\"seen to\"}");
        }

        return machine_ask(cluster_coordinator(), verb, arguments, NULL, 0);
}

/* --- a run --- */

static void start_run(const State *state) {
        char digest[DIGEST_TEXT_MAX];
        char arguments[1024];

        if (!state->waiver[0]) {
                (void) machine_ask(
                                cluster_coordinator(), "waive",
                                "{\"id\":\"gate-floor\",\"reason\":\"simulated\"}", NULL, 0);
        }

        digest_bytes(sim.script, strlen(sim.script), digest);
        (void) text_format(
                        arguments, sizeof(arguments),
                        "{\"yes\":true,\"cluster\":\"%s\",\"plan\":{\"cluster\":\"%s\","
                        "\"from\":\"%s\",\"to\":\"%s\",\"script\":{\"url\":\"http://b/s\","
                        "\"sha256\":\"%s\",\"size\":%zu},\"numbers\":{\"batch_percent\":100,"
                        "\"batch_max\":10,\"canary\":1,\"budget\":1,\"timeout_script\":90000000,"
                        "\"timeout_master\":60000000,\"timeout_agent\":60000000,"
                        "\"dwell_master\":4000000,\"dwell_agent\":2000000,\"dwell_batch\":500000,"
                        "\"hold_after_masters\":%s},\"masters\":[\"m1\",\"m2\",\"m3\"],"
                        "\"agents\":[\"a1\"],\"public_agents\":[]}}",
                        CLUSTER, CLUSTER, PATCH_FROM, PATCH_TO, digest, strlen(sim.script),
                        sim.seed % 4 == 0 ? "true" : "false");
        (void) machine_ask(cluster_coordinator(), "run", arguments, NULL, 0);
}

/* --- what went wrong --- */

static Host *host_named(const char *name) {
        for (size_t i = 0; i < sim.host_count; i++) {
                if (strcmp(sim.hosts[i].name, name) == 0)
                        return &sim.hosts[i];
        }

        return NULL;
}

/* Retry first; what cannot be tried again is released, once the host is well. */
static void settle(const Node *node) {
        Host *host = host_named(node->name);
        bool journal = node->journal_lost || node->foreign_count > 0;

        oracle_settled(node->name);
        if (!journal && tries[host->index]++ < TRIES) {
                if (act("retry", node->name) == 0)
                        return;
                if (tries[host->index] < TRIES)
                        return;
        }

        host_mend(host);
        if (act("release", node->name) == 0 || journal)
                tries[host->index] = 0;
}

/* Of a run that was aborted nobody starts what has a slot and was not started. */
static bool needs_settling(const State *state, const Node *node) {
        return node->journal_lost || node->foreign_count > 0 || step_is_unsettled(&node->step) ||
               (state->run.state == RUN_ABORTED && node->step.state == STEP_SLOTTED);
}

static bool settle_first(const State *state) {
        for (size_t i = 0; i < state->node_count; i++) {
                if (!needs_settling(state, &state->nodes[i]))
                        continue;

                settle(&state->nodes[i]);
                return true;
        }

        return false;
}

static void mend_hosts(void) {
        for (size_t i = 2; i < sim.host_count; i++) {
                Host *host = &sim.hosts[i];

                if (!host->script_runs && sim.now > host->last_well + PATIENCE) {
                        host_mend(host);
                        host->last_well = sim.now; /* once more after as long */
                }
        }
}

/* At the beginning, and after an older backup: that knows fewer of them, or none. */
static bool let_in(const State *state) {
        size_t enrolled = 0;

        for (size_t i = 0; i < state->enrol.key_count; i++)
                enrolled += state->enrol.keys[i].state == ENROLMENT_ENROLLED;
        if (enrolled == MASTERS + 1)
                return true;

        return machine_ask(cluster_coordinator(), "node-import", sim.node_list, NULL, 0) == 0;
}

static bool all_claimed(const State *state) {
        const char *unused;

        return state->node_count == MASTERS + 1 && state_claim_is_complete(state, &unused);
}

/* Another one with the same keys was obeyed meanwhile. `status` says what to do: look whether that
 * one is still there, and start this one again. */
static void start_again(void) {
        sim_note("operator: systemctl restart rollpatchd");
        process_kill(cluster_coordinator()->daemon);
}

static void look_after(const State *state) {
        RunState run = state->run.state;
        bool none = state->run.made.number == 0;

        if (state->deposed_by > 0) {
                start_again();
                return;
        }
        if (!let_in(state))
                return;

        if (none || run == RUN_ABORTED) {
                if (!settle_first(state) && all_claimed(state))
                        start_run(state);
        } else if (run == RUN_FINISHED) {
                sim.finished = true;
        } else if (run == RUN_HALTED) {
                if (!settle_first(state))
                        (void) act("resume", NULL);
        } else if (run == RUN_PAUSED || run == RUN_HELD) {
                (void) act("resume", NULL);
        } else {
                (void) settle_first(state);
        }
}

static void turn(void *what, uint64_t unused) {
        const State *state = look();

        mend_hosts();
        if (state)
                look_after(state);
        world_at(sim.now + chance_between(&sim.chance, LOOKS, 2 * LOOKS), turn, NULL, 0);
}

void operator_begin(void) {
        world_at(sim.now + 4 * USEC_PER_SEC, turn, NULL, 0);
}
