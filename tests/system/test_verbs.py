# SPDX-License-Identifier: Apache-2.0
"""retry, release, pause and abort on three real masters do what they say, no more, and leave who, when
and why in the audit. Judged by the lines the script writes, by the observer, and by what an operator
reads. What sets agents aside is in test_quarantine.py."""

import json
import time

import pytest

from cluster_lab import (  # noqa: F401  pylint: disable=unused-import
    FAIL_HOOK, HOOK_END, MASTERS, STEPS, act, audit, executed, fixture_shelf, judge_run, observe, patched,
    start, under_way, waits_for_health,
)
from rig import wait_for

ILL = {"after_patch": {"exhibitor": "down"}}


@pytest.fixture(name="cluster")
def fixture_cluster(shelf):
    """Three masters, that another test may have had before."""
    return shelf.take(agents=0, public_agents=0)


def halt_at_an_ill_master(cluster):
    """A run that stands because the first master is patched, and its Exhibitor is not well."""
    for name in MASTERS:
        cluster.node(name).scenario(ILL)
    start(cluster, timeouts_master="12s")
    run = cluster.wait_run("halted")["run"]
    (first,) = executed(cluster)
    assert first in run["why"] and "exhibitor" in run["why"]
    for name in MASTERS:
        if name != first:
            cluster.node(name).scenario()
    return first


def halt_at_a_failed_script(cluster):
    """A run that stands because the first master's script ended with 1 and has changed nothing."""
    cluster.replace_script(cluster.script.replace(HOOK_END, FAIL_HOOK))
    for name in MASTERS:
        cluster.node(name).mark("fail-script")
    start(cluster)
    run = cluster.wait_run("halted")["run"]
    (first,) = executed(cluster)
    assert first in run["why"] and "status 1" in run["why"]
    for name in MASTERS:
        cluster.node(name).unmark("fail-script")
    return first


def assert_finished_in_peace(cluster, watcher):
    """The run has come to its end, and no two masters were ever down."""
    run = cluster.wait_run("finished", "halted", timeout=120)["run"]
    assert run["state"] == "finished", run
    for name in MASTERS:
        assert cluster.node(name).version() == cluster.to_version
    verdict = judge_run(cluster, watcher)
    assert not verdict.overlaps, verdict.describe()
    return verdict


def rows_of(cluster, name):
    """What the report says of the attempts on one node."""
    return [row for row in cluster.ask("report")["steps"] if row["node"] == name]


# ---------------------------------------------------------------- retry
def test_retry_of_a_patched_master_asks_its_gate_and_never_runs_its_script_again(rig, cluster):
    began = time.time()
    watcher = observe(rig, cluster)
    first = halt_at_an_ill_master(cluster)
    other = next(name for name in MASTERS if name != first)
    before = len(audit(cluster))

    refused = cluster.cli("retry", first)
    assert refused.returncode == 2 and "--reason" in refused.stderr
    assert "no node 'm9'" in act(cluster, "retry", "m9", "--reason", "x", status=1)
    assert "nothing to retry" in act(cluster, "retry", other, "--reason", "x")
    assert f"rollpatch retry {first} --reason TEXT" in act(cluster, "resume", status=3)
    assert executed(cluster) == {first: 1} and cluster.run_state() == "halted"
    assert len(audit(cluster)) == before, "what was refused has changed nothing"

    cluster.node(first).scenario()
    cluster.wait_healthy(90)
    said = act(cluster, "retry", first, "--reason", "exhibitor mended")
    assert f"has DC/OS {cluster.to_version} already" in said and "rollpatch resume" in said
    assert "resumed" in act(cluster, "resume")
    verdict = assert_finished_in_peace(cluster, watcher)
    assert verdict.good, verdict.describe()
    assert executed(cluster) == {name: 1 for name in MASTERS}
    assert patched(cluster)[0] == first
    assert [(row["attempt"], row["state"]) for row in rows_of(cluster, first)] == [(1, "done")]
    assert "is finished" in act(cluster, "retry", first, "--reason", "x", status=1)

    entry = next(e for e in audit(cluster, began) if e["verb"] == "retry")
    assert (entry["user"], entry["uid"], entry["arguments"]) == ("root", 0, first)
    assert entry["reason"] == "exhibitor mended" and "only its gate" in entry["outcome"]
    assert began * 1e6 < entry["at"] < time.time() * 1e6


def refuse_half_done(cluster, first):
    """retry while an activation is half done: refused, with what to look at; then that is over."""
    progress = "/opt/mesosphere/install_progress"
    node = cluster.node(first)
    node.host.write(progress, '{"stage": "archive", "extension": ".new"}')
    wait_for(lambda: "install_progress" in json.dumps(cluster.shown(first)["checks"]), 20,
             "the node to say so")
    refused = act(cluster, "retry", first, "--reason", "x", status=6)
    assert f"{first}: {progress} is there" in refused
    assert f"cat {progress}" in refused and "pgrep -a pkgpanda" in refused
    assert rows_of(cluster, first)[-1]["attempt"] == 1
    assert f"rollpatch retry {first}" in act(cluster, "resume", status=3)
    node.host.run(["rm", progress])
    wait_for(lambda: "install_progress" not in json.dumps(cluster.shown(first)["checks"]), 20,
             "the node to say that it is gone")


def test_retry_of_a_master_with_the_old_version_is_a_second_attempt_but_not_on_half_a_patch(
        rig, cluster):
    watcher = observe(rig, cluster)
    first = halt_at_a_failed_script(cluster)
    node = cluster.node(first)
    assert node.version() == cluster.from_version
    assert "no such package" in cluster.cli("logs", first).stdout
    refuse_half_done(cluster, first)

    said = act(cluster, "retry", first, "--reason", "repository mended")
    assert "as attempt 2" in said and f"{first}-2" in said
    assert executed(cluster) == {first: 1}, "nothing is started before the run is resumed"
    act(cluster, "resume")
    verdict = assert_finished_in_peace(cluster, watcher)
    assert verdict.good, verdict.describe()
    assert executed(cluster) == {**{name: 1 for name in MASTERS}, first: 2}

    ids = node.host.run(["ls", STEPS]).stdout.split()
    ended = {name: node.host.read(f"{STEPS}/{name}/result") for name in ids
             if f"-{first}-" in name and node.host.exists(f"{STEPS}/{name}/started")}
    newest = rows_of(cluster, first)[0]["step"].rpartition("-")[0]
    mine = {name: text for name, text in ended.items() if name.startswith(newest)}
    assert sorted(mine) == [f"{newest}-1", f"{newest}-2"], ended
    assert "exit_status=1" in mine[f"{newest}-1"] and "exit_status=0" in mine[f"{newest}-2"]
    rows = [(row["attempt"], row["state"], row["exit_status"]) for row in rows_of(cluster, first)]
    assert sorted(rows) == [(1, "failed", 1), (2, "done", 0)]
    told = [line.split() for line in cluster.cli("report").stdout.splitlines()]
    assert [line[2] for line in told if line[:2] == [first, "master"]].count("2") == 1, "TRY 2"


# ---------------------------------------------------------------- release
def test_after_a_release_the_next_master_waits_until_the_released_one_is_good(rig, cluster):
    began = time.time()
    watcher = observe(rig, cluster)
    first = halt_at_an_ill_master(cluster)
    refused = cluster.cli("release", first)
    assert refused.returncode == 2 and "--reason" in refused.stderr
    assert cluster.shown(first)["slot"]

    said = act(cluster, "release", first, "--reason", "we mend it by hand")
    assert "had the slot" in said and "failed for" in said and "heard" in said
    assert "no other master goes down before it is proven good" in said
    assert not cluster.shown(first)["slot"]
    act(cluster, "resume")
    why = wait_for(lambda: waits_for_health(cluster, first), 20, "the run to say whom it waits for")
    assert "exhibitor" in why or "zookeeper" in why
    watcher.wait_samples(30)
    assert executed(cluster) == {first: 1}, "a person's word opens no gate"

    cluster.node(first).scenario()
    assert_finished_in_peace(cluster, watcher)
    assert executed(cluster) == {name: 1 for name in MASTERS}
    report = cluster.ask("report")
    left = f"{first} is failed, released by a person: we mend it by hand"
    assert report["left_to_you"] == [left]
    assert f"{first}: its gate has not held (failed)" in report["not_checked"]
    told = cluster.cli("report").stdout
    assert left in told[told.index("Left to you"):]
    assert "holds nothing" in act(cluster, "release", first, "--reason", "again")
    entry = next(e for e in audit(cluster, began) if e["verb"] == "release")
    assert (entry["user"], entry["arguments"], entry["reason"]) == ("root", first, "we mend it by hand")


# ---------------------------------------------------------------- pause, abort
def test_a_pause_lets_the_step_under_way_end_and_ends_itself_at_its_time_or_with_resume(cluster):
    began = time.time()
    for name in MASTERS:
        cluster.node(name).mark("hold-script")
    start(cluster)
    first = under_way(cluster)
    refused = cluster.cli("pause")
    assert refused.returncode == 2 and "--reason" in refused.stderr
    assert "until resumed" in act(cluster, "pause", "--reason", "lunch")
    assert "paused already, until resumed: lunch" in act(cluster, "pause", "--reason", "tea")
    for name in MASTERS:
        cluster.node(name).unmark("hold-script")
    cluster.node(first).mark("script-running.go")
    wait_for(lambda: cluster.shown(first)["state"] == "done", 60, "the end of the step")
    assert "lunch" in cluster.wait_run("paused")["run"]["why"]
    assert executed(cluster) == {first: 1}

    act(cluster, "resume")
    assert "s more" in act(cluster, "pause", "--for", "3s", "--reason", "coffee")
    paused = cluster.status()["run"]
    assert paused["state"] == "paused" and 2.9e6 < paused["until"] - paused["since"] < 3.1e6
    resumed = cluster.wait_run("running", "finished", timeout=20)["run"]
    assert resumed["since"] >= paused["until"], "not before its time"
    cluster.wait_run("finished")
    assert executed(cluster) == {name: 1 for name in MASTERS}
    assert "no run is open" in act(cluster, "pause", "--reason", "late", status=1)
    said = [(e["verb"], e["reason"]) for e in audit(cluster, began) if e["verb"] != "waive"]
    assert said[1:] == [("pause", "lunch"), ("resume", ""), ("pause", "coffee")]


def test_abort_lets_the_script_end_and_starts_nothing_more_and_the_next_run_patches_nobody_twice(
        rig, cluster):
    watcher = observe(rig, cluster)
    for name in MASTERS:
        cluster.node(name).mark("hold-script")
    act(cluster, "waive", "gate-floor", "--reason", "a test")
    plan = cluster.plan()
    waiting = rig.spawn("run-wait", cluster.bootstrap.argv(
        ["rollpatch", "run", plan, "--yes", "--cluster", cluster.name, "--wait"]))
    first = under_way(cluster)
    assert f"{first} is heard, and is at it" in act(
        cluster, "release", first, "--reason", "in a hurry", status=3)
    refused = cluster.cli("abort")
    assert refused.returncode == 2 and "--reason" in refused.stderr

    said = act(cluster, "abort", "--reason", "window is over")
    assert f"goes on to its end: {first} (started)" in said
    assert waiting.wait(20) == 1
    assert "aborted" in waiting.output() and "window is over" in waiting.output()
    run = cluster.status()["run"]
    assert f"goes on to its end: {first} (started)" in run["why"]
    act(cluster, "waive", "gate-floor", "--reason", "a test")
    again = act(cluster, "run", plan, "--yes", status=6)
    assert f"{first} has an unresolved step" in again and "goes on to its end" in again
    assert "is aborted" in act(cluster, "retry", first, "--reason", "x", status=1)

    for name in MASTERS:
        cluster.node(name).unmark("hold-script")
    cluster.node(first).mark("script-running.go")
    wait_for(lambda: cluster.shown(first)["state"] == "done", 60, "the end of the step")
    assert executed(cluster) == {first: 1} and cluster.run_state() == "aborted"
    aborted = cluster.cli("report").stdout
    assert all(f"{name} is staged, its turn has not come" in aborted
               for name in MASTERS if name != first)

    act(cluster, "run", plan, "--yes")
    verdict = assert_finished_in_peace(cluster, watcher)
    assert executed(cluster) == {name: 1 for name in MASTERS}
    (row,) = rows_of(cluster, first)
    assert "its script was not run" in row["message"] and "started" not in row
    assert verdict.held == verdict.samples, verdict.describe()
