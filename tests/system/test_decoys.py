# SPDX-License-Identifier: Apache-2.0
"""What looks like a failure and is none stops no run, and nothing fatal is said of it: not by `diagnose`, not in
the report. Each decoy is one that would be found if it came from the step, from a unit of DC/OS, or lasted.

Two runs over the same cluster, there and back: one after all that may have been before it, one with all that
may happen meanwhile."""

import time

import pytest

from cluster_lab import (  # noqa: F401  pylint: disable=unused-import
    EVERYBODY, executed, fixture_shelf, start,
)
from rig import wait_for

MASTER_LOG = "/var/lib/dcos/mesos/log/mesos-master.log"
AGENT_LOG = "/var/log/mesos/mesos-agent.log"
LOUD = "[Service]\nExecStart=/bin/sh -c 'echo write error: No space left on device; exit 1'\n"
DOCKER = "[Service]\nExecStart=/bin/sleep infinity\n"
SCARY = b"""
echo "ERROR: Unable to fetch package dcos--1 from http://10.77.0.10/packages, trying again"
echo "tar: write error: No space left on device"
"""


@pytest.fixture(name="cluster")
def fixture_cluster(shelf):
    return shelf.take()


def found(cluster, name):
    """{id: class} of what `diagnose` finds there."""
    answer = cluster.ask("diagnose", name)
    assert not answer["missing"], answer
    return {finding["id"]: finding["class"] for finding in answer["findings"]}


def finishes(cluster):
    """The run, with everybody patched once and nothing fatal about anybody, by itself or asked for."""
    ended = cluster.wait_run("finished", "halted", timeout=180)["run"]
    assert ended["state"] == "finished", ended
    assert executed(cluster) == dict.fromkeys(EVERYBODY, 1)
    for name in EVERYBODY:
        assert "fatal" not in found(cluster, name).values(), name
    findings = [event["finding"] for event in cluster.ask("report")["events"] if event["type"] == "found"]
    assert "fatal" not in [finding["class"] for finding in findings], findings


# ---------------------------------------------------------------- before the run
def break_and_mend(node, unit, scenario, words):
    """The unit really fails, says so, and is well again."""
    node.scenario(scenario)
    node.host.run(["systemctl", "restart", "--no-block", unit])
    wait_for(lambda: words in node.host.journal(unit), 30, f"{words} of {node.name}")
    node.scenario()
    node.host.run(["systemctl", "restart", unit])


def fill_log(node, path, words):
    """Of Mesos, which has said nothing else between an hour and half an hour ago."""
    moment = time.strftime("E%m%d %H:%M:%S.000000", time.localtime(time.time() - 1800))
    node.host.write(path, f"{moment}  4100 slave.cpp:8366] {words}\n" * 2000)


def kill_often(node, unit, times):
    """And each time it is started again."""
    for _ in range(times):
        before = main_pid(node, unit)
        node.host.run(["systemctl", "kill", "--signal=KILL", unit])
        wait_for(lambda old=before: main_pid(node, unit) not in (old, "0"), 20, f"another {unit}")


def main_pid(node, unit):
    return node.host.run(["systemctl", "show", "--property=MainPID", "--value", unit]).stdout.strip()


def start_foreign(node, unit, text):
    node.host.write(f"/etc/systemd/system/{unit}", text)
    node.host.run(["systemctl", "daemon-reload"])
    node.host.run(["systemctl", "start", unit])


def change_leader(cluster):
    """The leading master dies, and comes back as another's follower."""
    old = cluster.leader()
    cluster.node(old).host.run(["systemctl", "kill", "--signal=KILL", "dcos-mesos-master.service"])
    wait_for(lambda: cluster.leader() != old, 60, "another leader")
    wait_for(lambda: is_good(cluster, old, "mesos-master"), 60, f"{old} to be back")


def is_good(cluster, name, check):
    """As that node says now."""
    shown = cluster.ask("status", name, "--refresh")["nodes"][0]
    return [one["verdict"] for one in shown["checks"] if one["id"] == check] == ["pass"]


def test_what_was_wrong_before_the_run_is_no_failure_of_it(cluster):
    m1, m2, m3, a1, a2, p1 = map(cluster.node, EVERYBODY)
    break_and_mend(m1, "dcos-net.service", {"dcos-net": "bad-detect-ip"}, "Bad detect_ip")
    break_and_mend(a1, "dcos-mesos-slave.service", {"mesos_refuse_recovery": True}, "Failed to perform recovery")
    fill_log(m3, MASTER_LOG, "Unable to reserve VTEP IP")
    fill_log(a2, AGENT_LOG, "Failed to perform recovery: Incompatible agent info detected")
    kill_often(m3, "dcos-net.service", 4)
    start_foreign(m2, "backup.service", LOUD)
    start_foreign(a2, "docker.service", DOCKER)
    a2.host.run(["systemctl", "restart", "docker.service"])
    p1.host.write("/opt/mesosphere/lib/libltdl.so.7", "")
    change_leader(cluster)  # mesos-master-loop, where it comes back
    cluster.wait_healthy(60)
    assert m2.host.run(["systemctl", "is-failed", "backup.service"]).stdout.strip() == "failed"
    before = {name: found(cluster, name) for name in EVERYBODY}
    assert before["m1"]["dcos-net-ip"] == before["a1"]["agent-refuses-recovery"] == "fatal"
    assert {"vtep", "unit-loops"} <= set(before["m3"]) and "agent-refuses-recovery" in before["a2"]
    assert before["p1"]["libltdl"] == "note"

    start(cluster)
    finishes(cluster)
    docker = next(check for check in cluster.shown("a2")["checks"] if check["id"] == "docker")
    assert docker["verdict"] == "pass", "it was looked at"


# ---------------------------------------------------------------- during the run
def test_what_is_slow_ends_well_or_only_sounds_bad_during_a_step_is_no_failure(cluster):
    cluster.node("m2").scenario({"after_patch": {"exhibitor_delay": 12}})
    cluster.node("a1").scenario({"after_patch": {"mesos_tasks_finished": 1, "mesos_tasks_churn": 1}})
    cluster.node("a2").scenario({"after_patch": {"mesos_recovery_time": 8, "mesos_tasks_failed": 1}})
    cluster.node("m3").scenario({"pkgpanda_delay": 4})
    cluster.replace_script(cluster.script + SCARY)
    start(cluster)
    finishes(cluster)
    tasks = next(check for check in cluster.shown("a1")["checks"] if check["id"] == "mesos-tasks")
    assert tasks["verdict"] == "pass", "its tasks come and go while both sides are asked"
    lost = next(step for step in cluster.ask("report")["steps"] if step["node"] == "a2")
    assert "2 tasks ran before, 1 do now" in lost["message"], lost
    assert "before the step: task_failed/source_slave/reason_executor_terminated +1" in lost["message"], lost
    assert "waiting" in cluster.node("m2").host.journal("dcos-exhibitor.service")
