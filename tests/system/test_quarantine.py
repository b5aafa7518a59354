# SPDX-License-Identifier: Apache-2.0
"""quarantine and unquarantine on real hosts: who is set aside is not patched and counts for nothing, the
rest of the run goes on, and the report says what was left out."""

import time

from cluster_lab import (  # noqa: F401  pylint: disable=unused-import
    FAIL_HOOK, HOOK_END, act, audit, executed, fixture_make, fixture_shelf, start,
)
from rig import wait_for

AGENTS_ONLY = {"masters": []}


def make_patient(cluster):
    """Scripts that wait for a test: none ends before let_go()."""
    for node in cluster.nodes.values():
        node.mark("hold-script")


def let_go(cluster, name):
    """The script on this node goes on, or will not wait."""
    cluster.node(name).unmark("hold-script")
    cluster.node(name).mark("script-running.go")


def wait_started(cluster, name):
    wait_for(lambda: cluster.node(name).reached("script-running"), 60, f"{name} to have its turn")


def test_an_agent_set_aside_is_left_out_and_one_taken_back_is_patched(make):
    cluster = make(masters=1, agents=3)
    began = time.time()
    make_patient(cluster)
    start(cluster, masters=[], agents=["a1", "a2", "a3"])
    wait_started(cluster, "a1")
    assert "is a master" in act(cluster, "quarantine", "m1", "--reason", "x", status=6)
    assert "let it end first" in act(cluster, "quarantine", "a1", "--reason", "x", status=3)
    assert "no node 'a9'" in act(cluster, "quarantine", "a9", "--reason", "x", status=1)
    assert cluster.cli("quarantine", "a2").returncode == 2
    assert cluster.shown("a2")["state"] == "staged"

    said = act(cluster, "quarantine", "a2", "--reason", "disk is dying")
    assert "does not patch it" in said and "rollpatch unquarantine a2 --reason" in said
    assert "already: disk is dying" in act(cluster, "quarantine", "a2", "--reason", "again")
    act(cluster, "quarantine", "a3", "--reason", "by mistake")
    act(cluster, "quarantine", "p1", "--reason", "the only public one")
    told = cluster.cli("status").stdout
    assert "3 Quarantined" in told and "disk is dying" in told
    assert "it is looked at first" in act(cluster, "unquarantine", "a3", "--reason", "mistake")
    assert "not in quarantine" in act(cluster, "unquarantine", "a3", "--reason", "mistake")
    for name in ("a1", "a3"):
        let_go(cluster, name)
    cluster.wait_run("finished", timeout=90)
    assert executed(cluster) == {"a1": 1, "a3": 1}
    assert cluster.node("a2").version() == cluster.node("p1").version() == cluster.from_version

    report = cluster.ask("report")
    assert sorted(report["left_to_you"]) == [
        "a2 is quarantined: disk is dying", "p1 is quarantined: the only public one"]
    assert {f"{name}: was not patched (quarantined)" for name in ("a2", "p1")} \
        <= set(report["not_checked"])
    told = cluster.cli("report").stdout
    assert "a2 is quarantined: disk is dying" in told[told.index("Left to you"):]
    assert "is finished" in act(cluster, "unquarantine", "a2", "--reason", "late", status=1)
    said = [(e["verb"], e["arguments"], e["reason"], e["user"]) for e in audit(cluster, began)]
    assert said[-4:] == [
        ("quarantine", "a2", "disk is dying", "root"), ("quarantine", "a3", "by mistake", "root"),
        ("quarantine", "p1", "the only public one", "root"),
        ("unquarantine", "a3", "mistake", "root")]


def test_an_agent_that_failed_counts_against_the_budget_until_it_is_set_aside(make):
    """And the next run patches that one alone: whoever has the version is only looked at."""
    cluster = make(masters=1)
    cluster.replace_script(cluster.script.replace(HOOK_END, FAIL_HOOK))
    cluster.node("a1").mark("fail-script")
    start(cluster, masters=[], budget=0)
    run = cluster.wait_run("halted")["run"]
    assert "1 agent went wrong, the plan survives 0" in run["why"]
    assert executed(cluster) == {"a1": 1}
    refused = act(cluster, "resume", status=3)
    assert "rollpatch retry a1" in refused and "rollpatch quarantine a1" in refused
    assert "then: rollpatch resume" in act(cluster, "quarantine", "a1", "--reason", "later")
    act(cluster, "resume")
    cluster.wait_run("finished", timeout=90)
    assert executed(cluster) == {"a1": 1, "a2": 1, "p1": 1}

    cluster.node("a1").unmark("fail-script")
    start(cluster, masters=[])
    cluster.wait_run("finished", timeout=90)
    assert executed(cluster) == {"a1": 2, "a2": 1, "p1": 1}
    assert all(cluster.node(n).version() == cluster.to_version for n in ("a1", "a2", "p1"))


def test_the_last_public_agent_that_serves_is_not_patched_while_the_other_is_broken(make):
    cluster = make(masters=1, agents=0, public_agents=2)
    cluster.replace_script(cluster.script.replace(HOOK_END, FAIL_HOOK))
    cluster.node("p1").mark("fail-script")
    start(cluster, masters=[], budget=2)
    run = cluster.wait_run("halted")["run"]
    assert "p2 is the only public agent that still serves: p1 is failed" in run["why"]
    assert "rollpatch retry p1" in run["try"] and "rollpatch quarantine p1" in run["try"]
    assert executed(cluster) == {"p1": 1}

    cluster.node("p1").unmark("fail-script")
    act(cluster, "retry", "p1", "--reason", "mended")
    act(cluster, "resume")
    cluster.wait_run("finished", timeout=90)
    assert executed(cluster) == {"p1": 2, "p2": 1}
