# SPDX-License-Identifier: Apache-2.0
"""The coordinator's disk is full in the middle of a run. It says so, decides nothing, loses nothing that
it has acknowledged, and goes on by itself when there is space again. (The node's: test_bad_input.py.)"""

import pytest

from cluster_lab import (  # noqa: F401  pylint: disable=unused-import
    MASTERS, act, executed, fixture_make, fixture_shelf, judge_run, observe, start, under_way,
)
from product import STATE
from rig import wait_for

FULL = "database or disk is full"


@pytest.fixture(name="cluster")
def fixture_cluster(make):
    return make(agents=0, public_agents=0, disks=True)


def told(cluster):
    """The problem with the log, as the operator reads it in status."""
    for problem in cluster.status()["problems"]:
        if FULL in problem["message"]:
            return problem
    return None


def is_kept(cluster, events):
    """Whether the report still begins with these events."""
    now = cluster.ask("report")["events"]
    return now[:len(events)] == events


def test_a_full_disk_stops_the_coordinator_and_space_makes_it_go_on_with_nothing_lost(rig, cluster):
    watcher = observe(rig, cluster)
    for name in MASTERS:
        cluster.node(name).mark("hold-script")
    start(cluster)
    first = under_way(cluster)
    before = cluster.ask("report")["events"]
    audit = cluster.ask("audit")["entries"]

    cluster.bootstrap.fill(STATE)
    for name in MASTERS:
        cluster.node(name).unmark("hold-script")
    cluster.node(first).mark("script-running.go")
    problem = wait_for(lambda: told(cluster), 30, "the reason in status")
    assert (problem["level"], problem["impact"]) == ("error", "Everything")
    assert "log.db" in problem["message"] and "df" in problem["try"]
    assert FULL in cluster.cli("status").stdout
    refused = act(cluster, "pause", "--reason", "nobody can write this down", status=1)
    assert FULL in refused and "nothing was changed" in refused and f"df {STATE}" in refused
    assert "nothing is decided until it can" in cluster.bootstrap.journal("rollpatchd.service")
    watcher.wait_samples(30)
    assert cluster.shown(first)["state"] == "started", "what is not written is not told"
    assert cluster.run_state() == "running" and executed(cluster) == {first: 1}

    # Killed on top of that it cannot even start, and says why; the node keeps its result.
    cluster.bootstrap.run(["systemctl", "kill", "--signal=KILL", "rollpatchd.service"])
    wait_for(lambda: cluster.cli("status").returncode == 4, 20, "rollpatchd to be away")
    wait_for(lambda: cluster.bootstrap.journal("rollpatchd.service").count(FULL) > 3, 30,
             "the reason in its log")
    assert cluster.cli("status").returncode == 4 and executed(cluster) == {first: 1}

    cluster.bootstrap.unfill(STATE)
    status = cluster.wait_run("finished", "halted", timeout=120)
    assert status["run"]["state"] == "finished", status["run"]
    assert executed(cluster) == {name: 1 for name in MASTERS}
    assert not told(cluster) and is_kept(cluster, before)
    assert cluster.ask("audit")["entries"] == audit, "the pause that was refused is not in it"
    verdict = judge_run(cluster, watcher)
    assert verdict.good, verdict.describe()
