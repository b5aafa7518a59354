/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "common/text.h"
#include "coordinator/coordinator.h"
#include "tests/sim/sim.h"

/* What rollpatch promises (design 3), as far as hosts can tell: which script ran where, how often,
 * and how the others were then. What rollpatch has written down plays no part, but for promise 7,
 * which is about when an order was given. */

/* What was good so long ago may be bad by now without anybody's fault: samples may be 2 s old, an
 * order lives for 5 s, the last look takes 1 s, and systemd takes its time. */
#define SIGHT     (9 * USEC_PER_SEC)
#define STEADY    (20 * USEC_PER_SEC)
#define START_MAX (7 * USEC_PER_SEC) /* from the order to the script */

static Host *leader;
static usec_t leader_since;
static bool settled[HOSTS_MAX]; /* by a person: released, or put back, which may go first (order.c)
                                 */
static usec_t ordered[HOSTS_MAX];
static const Host *
                stopped; /* the master whose script failed last, with nobody having resumed since */

static bool is_master(const Host *host) {
        return !host->is_coordinator && host->role == ROLE_MASTER;
}

static size_t find_host(const char *name) {
        for (size_t i = 0; i < sim.host_count; i++) {
                if (strcmp(sim.hosts[i].name, name) == 0)
                        return i;
        }

        return SIZE_MAX;
}

void oracle_settled(const char *node) {
        size_t index = find_host(node);

        if (index != SIZE_MAX)
                settled[index] = true;
}

void oracle_decided(Host *host, const char *kind, const char *body) {
        if (strcmp(kind, "ordered") != 0)
                return;

        for (size_t i = 0; i < sim.host_count; i++) {
                char quoted[NAME_TEXT_MAX + 2];

                (void) text_format(quoted, sizeof(quoted), "\"%s\"", sim.hosts[i].name);
                if (strstr(body, quoted))
                        ordered[i] = sim.now;
        }
}

void oracle_script_failed(const Host *host) {
        if (is_master(host))
                stopped = host;
}

void oracle_resumed(void) {
        stopped = NULL;
}

/* --- when a script starts --- */

static void look_at_itself(const Host *host, const char *step) {
        for (size_t i = 0; i < host->script_count; i++) {
                if (strcmp(host->scripts[i].step, step) == 0)
                        sim_fail("5 at most once", "%s: step %s runs again", host->name, step);
        }

        if (host->script_runs)
                sim_fail("5 at most once", "%s: two scripts run at once", host->name);
        if (host->patched) {
                sim_fail("5 at most once", "%s: has %s already, and is patched again", host->name,
                         PATCH_TO);
        }
        if (sim.now > ordered[host->index] + START_MAX) {
                sim_fail("7 start orders expire", "%s: started %.1f s after its order", host->name,
                         (double) (sim.now - ordered[host->index]) / USEC_PER_SEC);
        }
}

static void look_at_others(const Host *host) {
        for (size_t i = 0; i < sim.host_count; i++) {
                const Host *other = &sim.hosts[i];

                if (!is_master(other) || other == host)
                        continue;

                if (other->down_by_us) {
                        sim_fail("1 one master at a time",
                                 "%s goes down, and %s is down by us and was not well since",
                                 host->name, other->name);
                } else if (is_master(host) && sim.now > other->last_well + SIGHT) {
                        sim_fail("3 look before every node",
                                 "%s goes down, and %s has not been well for %.1f s", host->name,
                                 other->name, (double) (sim.now - other->last_well) / USEC_PER_SEC);
                }
        }
}

/* Promise 10: there was another one to go first. */
static void look_at_leader(const Host *host) {
        if (host != leader || sim.now < leader_since + STEADY || host->script_count > 0 ||
            settled[host->index])
                return;

        for (size_t i = 0; i < sim.host_count; i++) {
                const Host *other = &sim.hosts[i];

                if (is_master(other) && other != host && !other->patched &&
                    other->script_count == 0 && !settled[i]) {
                        sim_fail("10 leaders last", "%s leads Mesos, and goes before %s",
                                 host->name, other->name);
                }
        }
}

void oracle_script_starts(Host *host, const char *step) {
        look_at_itself(host, step);
        if (stopped) {
                sim_fail("6 written before told",
                         "%s goes down, and nobody has resumed since the script failed on %s",
                         host->name, stopped->name);
        }
        look_at_others(host);
        if (is_master(host))
                look_at_leader(host);
}

/* --- after every event --- */

void oracle_look(void) {
        Host *leads = cluster_leader();
        size_t down = 0;

        if (leads != leader) {
                leader = leads;
                leader_since = sim.now;
        }

        (void) cluster_zookeeper();
        for (size_t i = 0; i < sim.host_count; i++) {
                Host *host = &sim.hosts[i];

                if (host_is_truly_well(host)) {
                        host->last_well = sim.now;
                        host->down_by_us = host->down_by_us && host->script_runs;
                }
                down += is_master(host) && host->down_by_us;
        }

        if (down > 1)
                sim_fail("1 one master at a time", "%zu masters are down by us", down);
}

void oracle_end(void) {
        if (!sim.finished) {
                const Process *daemon = cluster_coordinator()->daemon;

                sim_fail("liveness", "%.0f s after the last fault the run has not ended: %s",
                         (double) (sim.now - sim.calm_since) / USEC_PER_SEC,
                         daemon && daemon->object ? coordinator_get_why(daemon->object)->text
                                                  : "no coordinator");
        }
}
