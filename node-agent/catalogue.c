/* SPDX-License-Identifier: Apache-2.0 */
#include "node-agent/catalogue.h"

#include <string.h>

/* Left out on purpose, because they heal: bootstrap's "Could not connect to exhibitor", "Expected 3
 * servers" and "ZooKeeper not running"; Exhibitor's "Restarting down/not-serving"; a Mesos master's
 * "Failed to recover registrar" and "committing suicide"; CockroachDB's "start operation timed
 * out"; Admin Router's "JWKS retrieval failed"; the overlay's "hence dropping register
 * acknowledgment". They are evidence when a deadline has passed, not a verdict. */

#define MASTER IN(ROLE_MASTER)
#define AGENT  IN(ROLE_AGENT)
#define PUBLIC IN(ROLE_PUBLIC_AGENT)
#define AGENTS (AGENT | PUBLIC)
#define ALL    (MASTER | AGENTS)

// clang-format off
static const CatalogueRow rows[] = {
        { "time-sync",              MASTER, "dcos-exhibitor.service",          "Time is not synchronized / marked as bad by the kernel", NULL },
        { "time-sync",              ALL,    "dcos-net.service",                "Time is not synchronized / marked as bad by the kernel", NULL },
        { "exhibitor-wrong-ip",     MASTER, "dcos-exhibitor.service",          "is not in the configured list of masters", NULL },
        { "vtep",                   MASTER, "dcos-mesos-master.service",       "Unable to reserve VTEP IP", NULL },
        { "dcos-net-ip",            ALL,    "dcos-net.service",                "Bad detect_ip", NULL },
        { "dcos-net-ip",            ALL,    "dcos-net.service",                "IP address was changed", NULL },
        { "ipv6-off",               ALL,    "dcos-net.service",                "sysctl: cannot stat /proc/sys/net/ipv6/", NULL },
        { "ipv6-off",               ALL,    "dcos-net.service",                "RTNETLINK answers: Operation not supported", NULL },
        { "ipv6-off",               ALL,    "dcos-net.service",                "RTNETLINK answers: Permission denied", NULL },
        { "agent-refuses-recovery", AGENT,  "dcos-mesos-slave.service",        "Failed to perform recovery", NULL },
        { "agent-refuses-recovery", PUBLIC, "dcos-mesos-slave-public.service", "Failed to perform recovery", NULL },
        { "disk-resources",         AGENT,  "dcos-mesos-slave.service",        "net free space, expected > ", NULL },
        { "disk-resources",         PUBLIC, "dcos-mesos-slave-public.service", "net free space, expected > ", NULL },
        { "docker-start-limit",     AGENTS, "docker.service",                  "tart request repeated too quickly", NULL },
        { "cpu-sse42",              AGENTS, "dcos-adminrouter-agent.service",  "Illegal instruction", NULL },
        { "cpu-sse42",              AGENTS, "dcos-adminrouter-agent.service",  "status=4/ILL", NULL },
        { "telegraf-socket",        ALL,    "dcos-telegraf.socket",            "already active, refusing", NULL },
        { "telegraf-migrate",       ALL,    "dcos-telegraf.service",           "Can't migrate ", "contains files" },
        { "telegraf-perms",         ALL,    "dcos-telegraf.service",           "permission denied", "/run/dcos/telegraf" },
        { "half-activated",         ALL,    "dcos-setup.service",              "Broken past deploy", NULL },
        { "half-activated",         ALL,    "dcos-setup.service",              "Unable to swap active packages", NULL },
};
// clang-format on

const CatalogueRow *catalogue_find(Role role, const char *unit, const char *line) {
        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                if ((rows[i].roles & IN(role)) && strcmp(rows[i].unit, unit) == 0 &&
                    strstr(line, rows[i].text) && (!rows[i].also || strstr(line, rows[i].also)))
                        return &rows[i];
        }

        return NULL;
}

static bool is_listed(const char *const units[], size_t count, const char *unit) {
        for (size_t i = 0; i < count; i++) {
                if (strcmp(units[i], unit) == 0)
                        return true;
        }

        return false;
}

size_t catalogue_units(Role role, const char *ret[static CATALOGUE_UNITS_MAX]) {
        size_t count = 0;

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                if (!(rows[i].roles & IN(role)) || is_listed(ret, count, rows[i].unit))
                        continue;

                assert(count < CATALOGUE_UNITS_MAX);
                ret[count++] = rows[i].unit;
        }

        return count;
}
