# SPDX-License-Identifier: Apache-2.0
"""Every sick state of the label table (sick_states.py), re-created with the stand-ins on booted hosts, stops
the run at that node: it waits, its message names the node and what is wrong, and nobody else is patched.

One run stands before all the states of a kind: the node that it has patched falls from one into the next,
faster than a gate could open, and when it is well again the run goes on. So it was the states that stopped it.
"""

import re

import pytest

import sick_states
from cluster_lab import (  # noqa: F401  pylint: disable=unused-import
    EVERYBODY, MASTERS, act, executed, fixture_shelf, start,
)
from dcos import fetch_json, mesos_redirect
from rig import RigError, wait_for

UNITS = {"master": "dcos-mesos-master.service", "agent": "dcos-mesos-slave.service"}
WORK = {"master": "/var/lib/dcos/mesos/master", "agent": "/var/lib/mesos/slave"}
REFUSED = "unknown.*onnection refused"
WAIT = 60


@pytest.fixture(name="cluster", scope="module")
def fixture_cluster(shelf):
    return shelf.make()


# ---------------------------------------------------------------- making somebody sick
def systemctl(node, *words):
    """Of its Mesos; it does not wait for what the unit waits for."""
    node.host.run(["systemctl", "--no-block", *words, UNITS[node.role]])


def stop(*nodes):
    """Their Mesos, and wait for that."""
    for node in nodes:
        node.host.run(["systemctl", "stop", UNITS[node.role]])


def give_options(node, options):
    """Its Mesos has these, too, from its next start on; none: it is as it was installed."""
    unit = UNITS[node.role]
    more = f"/etc/systemd/system/{unit}.d"
    node.host.run(["rm", "-rf", more])
    if options:
        lines = node.host.read(f"/etc/systemd/system/{unit}").split("\n")
        command = next(line for line in lines if line.startswith("ExecStart="))
        node.host.write(f"{more}/more.conf", f"[Service]\nExecStart=\n{command[:-1]} {options}'\n")
    node.host.run(["systemctl", "daemon-reload"])


def points_to(node, leader):
    """Whether this master says that that one leads."""
    return mesos_redirect(node.address) == f"{leader.address}:5050"


def mesos_says(node, key):
    """A metric of a master; None: it has none of that name."""
    return fetch_json(f"http://{node.address}:5050/metrics/snapshot?timeout=2secs").get(key)


# ---------------------------------------------------------------- what is seen of it
class Seen:
    """The states in which the run was seen to stand still because of them."""

    def __init__(self, cluster, states=()):
        self._cluster = cluster
        self._patched = set(executed(cluster))
        self.states = set(states)

    def waits(self, states, message, **reasons):
        """The run says this, and the nodes' checks say that ({NODE: (check, reason)}); nobody else is patched."""
        def is_said():
            status = self._cluster.status()
            run = status["run"]
            checks = {node["name"]: {check["id"]: f"{check['verdict']} {check.get('reason', '')}"
                                     for check in node["checks"]} for node in status["nodes"]}
            said = [checks[name].get(check, "") for name, (check, _) in reasons.items()]
            wanted = [reason for _, reason in reasons.values()]
            if run["state"] != "running" or not re.search(message, run["why"]) or \
                    not all(map(re.search, wanted, said)):
                raise RigError(f"{states}: {run['state']}: {run['why']}; {said}")
            return True
        wait_for(is_said, WAIT, f"the run to wait because of {states}")
        assert set(executed(self._cluster)) == self._patched, states
        self.states.update(states.split())


def begin(cluster, patient, scenario, **changes):
    """A run that has patched `patient`, whose new Mesos has this scenario; what is seen from then on."""
    cluster.node(patient).scenario({"after_patch": scenario})
    start(cluster, timeouts_master="15min", timeouts_agent="15min", dwell_master="15s", dwell_agent="15s", **changes)
    wait_for(lambda: patient in executed(cluster), 120, f"{patient}'s step")
    return Seen(cluster)


# ---------------------------------------------------------------- the table
def test_every_sick_row_of_the_label_table_belongs_to_a_state():
    assert sick_states.rows() == sick_states.labelled()


# ---------------------------------------------------------------- masters
def test_a_sick_master_and_sick_masters_together_stop_the_run_by_name(cluster):
    modes = cluster.zookeeper_modes()
    first = next(m for m in MASTERS if m != cluster.leader() and modes[m] == "follower")
    patient = cluster.node(first)
    others = [cluster.node(name) for name in MASTERS if name != first]
    seen = begin(cluster, first, {"mesos_hang": True}, masters=[first, *(node.name for node in others)],
                 agents=[], public_agents=[])
    own = f"^verifying {first}: "
    seen.waits("hung", f"{own}mesos-master is unknown: (?!.*(refused|missing))")
    patient.scenario()
    stop(patient)
    seen.waits("no-process", f"{own}mesos-master is {REFUSED}",
               **{first: ("units", "fail .*dcos-mesos-master.service: does not run")})
    give_options(patient, "--zk 10.77.0.99:2181/mesos")
    systemctl(patient, "start")
    seen.waits("no-session", f"{own}mesos-master: registrar/log/ensemble_size is 1, want 3")
    stop(*others)
    give_options(patient, None)
    systemctl(patient, "restart")
    seen.waits("registry-unread leader-alone", f"{own}mesos-master: registrar/log/ensemble_size is 1, want 3",
               **{first: ("mesos-leader", "fail the leader has not finished recovery")})
    stop(patient)
    seen.waits("no-master", f"{own}mesos-master is {REFUSED}",
               **{node.name: ("mesos-master", REFUSED) for node in [patient, *others]})

    for node in [patient, *others]:
        node.host.run(["rm", "-r", WORK["master"]])
        give_options(node, "--zk-session-timeout 10")
    systemctl(patient, "start")
    empty = f"{own}mesos-master: registrar/log/recovered is 0, want 1"
    seen.waits("not-voting nobody-votes", empty,
               **{first: ("mesos-leader", "fail the leader has not finished recovery")})
    systemctl(others[0], "start")
    seen.waits("not-voting nobody-votes", empty, **{others[0].name: ("mesos-master", "recovered is 0, want 1")})

    for node in [patient, *others]:
        node.scenario({"exhibitor": "down"})
    seen.waits("no-zookeeper", f"{own}exhibitor: .* is 'down', want all serving",
               **{node.name: ("zookeeper", REFUSED) for node in [patient, *others]})
    stop(patient, *others)
    for node in [patient, *others]:
        node.scenario()
    for node in [others[1], patient, others[0]]:
        systemctl(node, "start")
        wait_for(lambda one=node: points_to(one, others[1]), WAIT, f"{node.name} to follow {others[1].name}")
    wait_for(lambda: mesos_says(others[1], "registrar/registry_size_bytes"), WAIT, "the registry to be read")
    stop(others[1])
    seen.waits("leader-dead", f"{own}the masters do not agree on one elected Mesos master; .*{others[1].name}$",
               **{others[1].name: ("mesos-master", REFUSED)})
    wait_for(lambda: points_to(patient, patient), WAIT, f"{first} to lead")
    wait_for(lambda: mesos_says(patient, "registrar/registry_size_bytes"), WAIT, "it to have read the registry")
    stop(others[0])
    seen.waits("quorum-lost", f"{own}(the leading master {first} has no quorum|.*ensemble_size is [12], want 3)",
               **{first: ("mesos-leader", "pass")})

    for node in others:
        systemctl(node, "start")
    assert cluster.wait_run("finished", "halted", timeout=120)["run"]["state"] == "finished"
    assert executed(cluster) == dict.fromkeys(MASTERS, 1)
    assert seen.states == sick_states.names(sick_states.MASTERS)


# ---------------------------------------------------------------- agents
def test_a_sick_agent_stops_the_run_by_name(cluster):
    """Of masters that are all patched, or are now."""
    agent = cluster.node("a1")
    cluster.node("a2").scenario({"after_patch": {"mesos_refuse_recovery": True}})
    for name in MASTERS:  # it takes as long until the others notice that a leader is dead
        give_options(cluster.node(name), "--zk-session-timeout 10")
        systemctl(cluster.node(name), "restart")
    cluster.wait_healthy()
    seen = begin(cluster, "a1", {"mesos_refused": True})
    own = "^verifying a1: "
    seen.waits("not-registered", f"{own}mesos-leader: is not active, want active", a1=("mesos-agent", "pass"))
    stop(agent)
    seen.waits("down", f"{own}mesos-agent is {REFUSED}", a1=("units", "fail .*dcos-mesos-slave.service: does not run"))
    agent.scenario({"mesos_recovery_time": 600})
    systemctl(agent, "start")
    seen.waits("recovering", f"{own}mesos-agent: slave/registered is 0, want 1")

    agent.scenario({"mesos_leaving": 15, "mesos_tasks_stale": 1})
    systemctl(agent, "restart")
    is_listed(cluster, agent)
    seen.waits("", f"{own}mesos-tasks: it runs, and the leading master does not know: task app\\.",
               a1=("mesos-leader", "pass"))
    systemctl(agent, "kill", "--signal=USR1")
    seen.waits("unregistered", f"{own}mesos-leader: is not in the leader's list", a1=("mesos-agent", "pass"))
    is_listed(cluster, agent)
    leader = cluster.node(cluster.leader())
    leader.scenario({"mesos_drained": [agent.address]})
    seen.waits("drained", f"{own}mesos-leader: is being drained", a1=("mesos-agent", "pass"))
    leader.scenario()
    is_listed(cluster, agent)

    others = [cluster.node(name) for name in MASTERS if name != leader.name]
    stop(*others)
    seen.waits("leader-without-quorum", f"{own}the leading master {leader.name} has no quorum",
               a1=("mesos-leader", "pass"))
    stop(agent)
    leader.scenario({"mesos_unreachable_after": 1})
    for node in others:
        systemctl(node, "start")
    seen.waits("unreachable", f"{own}mesos-agent is {REFUSED}", a1=("mesos-leader", "is not in the leader's list"))
    leader.scenario()
    stop(*others)
    agent.host.run(["mv", WORK["agent"], "/var/lib/mesos/kept"])
    systemctl(agent, "start")
    seen.waits("never-admitted", f"{own}mesos-leader: is not in the leader's list", a1=("mesos-agent", "pass"))
    stop(leader)
    # What the leader has said last stands as long as nobody leads whose word counts.
    seen.waits("dead-leader-followed", f"{own}(mesos-leader|the masters do not agree)",
               **{"a1": ("mesos-agent", "pass"), leader.name: ("mesos-master", REFUSED)})
    seen.waits("no-leader-known", f"{own}mesos-agent: slave/registered is 0, want 1")
    systemctl(others[0], "start")
    seen.waits("leader-unread", f"{own}mesos-leader is unknown: the leader: the leader has not finished recovery",
               a1=("mesos-agent", "pass"))

    stop(agent)
    agent.host.run(["rm", "-r", WORK["agent"]])
    agent.host.run(["mv", "/var/lib/mesos/kept", WORK["agent"]])
    leader.host.run(["rm", "-r", WORK["master"]])  # the only one whose registry may have the new agent
    for node in [agent, leader, *others]:
        systemctl(node, "start")
    wait_for(lambda: is_executed(cluster, "a2"), WAIT, "a1 to be passed, and a2's turn")
    seen = Seen(cluster, seen.states)
    seen.waits("refuses-recovery", "^verifying a2: .*mesos-agent", a2=("journal", "fail agent-refuses-recovery"))
    assert executed(cluster) == dict.fromkeys([*MASTERS, "a1", "a2"], 1)
    assert seen.states == sick_states.names(sick_states.AGENTS)
    act(cluster, "abort", "--reason", "a2 stays sick")


def is_listed(cluster, agent):
    """It is well again, but not for long enough."""
    wait_for(lambda: agent.address in cluster.active_agents(), WAIT, f"{agent.name} to be active")
    for check in ("mesos-leader", "mesos-agent"):
        wait_for(lambda one=check: verdict(cluster, agent.name, one) == "pass", WAIT, "that to be seen")


def is_executed(cluster, name):
    if name not in executed(cluster):
        raise RigError(cluster.status()["run"]["why"])
    return True


def verdict(cluster, name, check):
    return next(one["verdict"] for one in cluster.shown(name)["checks"] if one["id"] == check)
