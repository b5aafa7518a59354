/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/check-table.h"

#include <string.h>

#define MASTERS IN(ROLE_MASTER)
#define AGENTS  (IN(ROLE_AGENT) | IN(ROLE_PUBLIC_AGENT))
#define ALL     (MASTERS | AGENTS)

#define SELF   .asker = ASKER_SELF
#define LEADER .asker = ASKER_LEADER

/* What may be a server of a strict cluster: whether it is, the node's files say. */
#define STRICT (IN(WORD_ROOT) | IN(WORD_TOKEN))

// clang-format off
const CheckRow check_rows[CHECK_COUNT] = {
        [CHECK_VERSION] = {
                CHECK_VERSION, "version", ALL, SELF, .pace = PACE_FAST, .reader = READER_VERSION,
                .after_step = true,
                .judge    = "`dcos-version.json` has the run's version, and no installation is in progress",
                .evidence = "the version, and install_progress where it is there",
                .advice   = "cat /opt/mesosphere/etc/dcos-version.json; ls /opt/mesosphere",
        },
        [CHECK_PACKAGES] = {
                CHECK_PACKAGES, "packages", ALL, SELF, .pace = PACE_FAST, .reader = READER_PACKAGES,
                .after_step = true,
                .judge    = "the active packages are those that the step's script activates, all and no others",
                .evidence = "how many, and the first that is missing, too much or gone",
                .advice   = "/opt/mesosphere/bin/dcos-shell pkgpanda active",
        },
        [CHECK_EXHIBITOR] = {
                CHECK_EXHIBITOR, "exhibitor", MASTERS, SELF, .pace = PACE_SLOW, .reader = READER_PROBE,
                .words = IN(WORD_ADDRESS) | IN(WORD_MASTERS) | IN(WORD_ROOT),
                .after_step = true, .before_others = true,
                .judge    = "it lists as many servers as there are masters, all serving, one of them leading",
                .evidence = "each server with its state",
                .advice   = "journalctl -u dcos-exhibitor",
        },
        [CHECK_ZOOKEEPER] = {
                CHECK_ZOOKEEPER, "zookeeper", MASTERS, SELF, .pace = PACE_FAST, .reader = READER_ZOOKEEPER,
                .after_step = true, .before_others = true,
                .judge    = "this node's own ZooKeeper answers `srvr` as leader or follower (standalone: of one master)",
                .evidence = "the mode and the newest transaction",
                .advice   = "journalctl -u dcos-exhibitor",
        },
        [CHECK_MESOS_MASTER] = {
                CHECK_MESOS_MASTER, "mesos-master", MASTERS, SELF, .pace = PACE_FAST, .reader = READER_PROBE,
                .words = IN(WORD_ADDRESS) | IN(WORD_MASTERS) | STRICT,
                .after_step = true, .before_others = true,
                .judge    = "its replica is recovered, all masters' replicas are in its ensemble, and it knows who leads; whoever leads has read its registry",
                .evidence = "the metrics it rests on, and the leader's counters of tasks that ended badly, by reason: what they have gained since before a step is noted in its record",
                .advice   = "journalctl -u dcos-mesos-master",
        },
        [CHECK_MESOS_AGENT] = {
                CHECK_MESOS_AGENT, "mesos-agent", AGENTS, SELF, .pace = PACE_FAST, .reader = READER_PROBE,
                .words = IN(WORD_ADDRESS) | STRICT,
                .after_step = true,
                .judge    = "it has recovered without errors, and says that it is registered",
                .evidence = "the metrics it rests on",
                .advice   = "journalctl -u 'dcos-mesos-slave*'",
        },
        [CHECK_MESOS_VERSION] = {
                CHECK_MESOS_VERSION, "mesos-version", ALL, SELF, .pace = PACE_COSTLY, .reader = READER_PROBE,
                .words = IN(WORD_ADDRESS) | IN(WORD_ROLE) | IN(WORD_VERSION) | STRICT,
                .after_step = true,
                .judge    = "the Mesos that runs is the one on the disk, and the one that the release notes of the run's version name (where that is not known: not-applicable)",
                .evidence = "both versions",
                .advice   = "/opt/mesosphere/bin/mesos-master --version",
        },
        [CHECK_UNITS] = {
                CHECK_UNITS, "units", ALL, SELF, .pace = PACE_FAST, .reader = READER_UNITS,
                .after_step = true, .before_others = true,
                .judge    = "every unit of DC/OS is in its normal state, and has been since the step (but for those of `front`)",
                .evidence = "the first bad unit with its states",
                .advice   = "systemctl list-units 'dcos-*' --all",
        },
        [CHECK_FRONT] = {
                CHECK_FRONT, "front", MASTERS, SELF, .pace = PACE_SLOW, .reader = READER_FRONT,
                .level = true,
                .judge    = "the units of Marathon and Admin Router are in their normal state: a patched Marathon cannot talk to an unpatched Mesos master",
                .evidence = "the first bad unit with its states",
                .advice   = "systemctl status dcos-marathon dcos-adminrouter",
        },
        [CHECK_MARATHON] = {
                CHECK_MARATHON, "marathon", MASTERS, SELF, .pace = PACE_COSTLY, .reader = READER_PROBE,
                .words = IN(WORD_ADDRESS) | STRICT,
                .level = true,
                .judge    = "Marathon answers and knows who leads; where that one runs: it takes each constraint of its apps and pods, and no deployment is under way, which one that is cut short may never end (a note after the run's first step) (where there is no marathon.sh: not-applicable)",
                .evidence = "who leads, the constraints that it does not take, and the deployments",
                .advice   = "journalctl -u dcos-marathon",
        },
        [CHECK_SUBSCRIBERS] = {
                CHECK_SUBSCRIBERS, "subscribers", MASTERS, SELF, .pace = PACE_COSTLY, .reader = READER_PROBE,
                .words = IN(WORD_ROOT),
                .level = true,
                .judge    = "neither marathon.sh nor what it reads tells Marathon to send its events to subscribers, with which it does not start any more (where there is no marathon.sh: not-applicable)",
                .evidence = "the file and the line",
                .advice   = "grep -ri event_subscriber /opt/mesosphere/bin/marathon.sh /opt/mesosphere/etc/marathon* /var/lib/dcos/marathon; systemctl cat dcos-marathon",
        },
        [CHECK_DOCKER] = {
                CHECK_DOCKER, "docker", AGENTS, SELF, .pace = PACE_FAST, .reader = READER_DOCKER,
                .after_step = true,
                .judge    = "Docker runs, and has not been restarted since the step began: its containers would be gone. A person's retry accepts that, from then on it is a note; another restart since then is not (where there is no docker.service: not-applicable)",
                .evidence = "the unit's states, and since when its process runs",
                .advice   = "systemctl status docker; journalctl -u docker -u dcos-calico-libnetwork-plugin",
        },
        [CHECK_JOURNAL] = {
                CHECK_JOURNAL, "journal", ALL, SELF, .pace = PACE_FAST, .reader = READER_JOURNAL,
                .after_step = true,
                .judge    = "no line since the step's start names a failure of the catalogue",
                .evidence = "the line, and its place in the journal",
                .advice   = "journalctl -u 'dcos-*' -p err",
        },
        [CHECK_RUNNER] = {
                CHECK_RUNNER, "check-runner", ALL, SELF, .pace = PACE_COSTLY, .reader = READER_PROBE,
                .words = IN(WORD_ROOT),
                .after_step = true,
                .judge    = "the JSON of dcos-check-runner says of every node-poststart check that it is good (while masters are of two versions, `components_master` is a note: it fails by Marathon and Admin Router, and all other units are in `units`)",
                .evidence = "the checks that are not, with their output",
                .advice   = "/opt/mesosphere/bin/dcos-check-runner check node-poststart",
        },
        [CHECK_COCKROACH] = {
                CHECK_COCKROACH, "cockroachdb", MASTERS, SELF, .pace = PACE_SLOW, .reader = READER_PROBE,
                .words = IN(WORD_ADDRESS) | IN(WORD_MASTERS) | IN(WORD_ROOT),
                .after_step = true, .before_others = true,
                .judge    = "this node's CockroachDB lists every master with fresh numbers, and no range of any is unavailable or short of copies",
                .evidence = "both numbers of each node, and why HTTP gave no answer where the command was asked",
                .advice   = "curl -H 'Accept: application/json' http://127.0.0.1:8090/_status/nodes; journalctl -u dcos-cockroach",
        },
        [CHECK_OVERLAY] = {
                CHECK_OVERLAY, "overlay", AGENTS, SELF, .pace = PACE_FAST, .reader = READER_PROBE,
                .words = IN(WORD_ADDRESS) | STRICT,
                .after_step = true,
                .judge    = "every overlay network of this node is configured; one of IPv6 alone need not be",
                .evidence = "each overlay with its state",
                .advice   = "journalctl -u dcos-net -u 'dcos-mesos-slave*'",
        },
        [CHECK_SITE] = {
                CHECK_SITE, "cluster-checks", MASTERS, SELF, .pace = PACE_COSTLY, .reader = READER_PROBE,
                .words = IN(WORD_ROOT),
                .level = true,
                .judge    = "the JSON of dcos-check-runner says of every check of the cluster that the site has added (`custom_checks`) that it is good; those of a node are in check-runner",
                .evidence = "the checks that are not, with their output",
                .advice   = "/opt/mesosphere/bin/dcos-check-runner check cluster",
        },
        [CHECK_MESOS_LEADER] = {
                CHECK_MESOS_LEADER, "mesos-leader", MASTERS, LEADER, .pace = PACE_FAST, .reader = READER_PROBE_JOINED,
                .words = IN(WORD_ADDRESS) | IN(WORD_AGENTS) | STRICT,
                .judge    = "the leading master has read its registry, every agent in it has registered again, and after a master's step as many are active as before",
                .evidence = "how many agents there are, active, and not registered again",
                .advice   = "journalctl -u dcos-mesos-master",
        },
        [CHECK_MEMBER] = {
                CHECK_MEMBER, "mesos-leader", AGENTS, LEADER, .pace = PACE_FAST, .reader = READER_PROBE_JOINED,
                .words = IN(WORD_ADDRESS) | IN(WORD_AGENTS) | STRICT,
                .after_step = true,
                .judge    = "the leading master lists this agent once, active, not being drained; registered anew since its step, under the id it had; whether both know the same tasks is mesos-tasks",
                .evidence = "its id, its process, and both states",
                .advice   = "journalctl -u 'dcos-mesos-slave*'",
        },
        [CHECK_TASKS] = {
                CHECK_TASKS, "mesos-tasks", AGENTS, LEADER, .pace = PACE_COSTLY, .reader = READER_PROBE_JOINED,
                .words = IN(WORD_ADDRESS) | IN(WORD_AGENTS) | STRICT,
                .after_step = true,
                .judge    = "this agent and the leading master know the same running tasks by their ids; on a busy agent lists of two moments differ, so what fails is a task that is twice in a row on the same side only",
                .evidence = "how many each side knows, and some that only one side does",
                .advice   = "it is asked from the leading master, and its port 5051 has to be open to the masters: curl -k https://ADDRESS:5051/state there, or http; journalctl -u 'dcos-mesos-slave*'",
        },
};
// clang-format on

const CheckRow *check_find(const char *name, const char *subject) {
        for (size_t i = 0; i < CHECK_COUNT; i++) {
                const CheckRow *row = &check_rows[i];

                if (strcmp(row->name, name) == 0) {
                        return i == CHECK_MESOS_LEADER && subject[0] ? &check_rows[CHECK_MEMBER]
                                                                     : row;
                }
        }

        return NULL;
}

CheckReader check_reader(const char *name) {
        const CheckRow *row = check_find(name, "");

        return row ? row->reader : READER_NONE;
}

bool reader_needs_program(CheckReader reader) {
        return reader == READER_PROBE || reader == READER_PROBE_JOINED;
}

bool check_takes_token(const char *name) {
        const CheckRow *row = check_find(name, "");

        return row && (row->words & IN(WORD_TOKEN));
}
