# SPDX-License-Identifier: Apache-2.0
"""What bad input gets: one error that says what was seen and what is wanted, and nothing changes."""

import os
import subprocess

import pytest

from lab import ADDRESS, BUILD, STATE, TO
from rig import wait_for


@pytest.fixture(name="cluster")
def fixture_cluster(lab):
    """One master that has acknowledged the coordinator."""
    lab.add_node("m1", "10.77.0.11")
    lab.start_coordinator()
    lab.the_node.host.boot()
    lab.the_node.host.wait_up()
    lab.wait_claimed()
    return lab


def test_rollpatchd_binds_nothing_but_what_lab_names(lab):
    """The link is not encrypted yet: without --lab, or with another address, it is not opened."""
    for more in ([], ["--lab", "10.77.0.1"]):
        done = subprocess.run(
            [f"{BUILD}/coordinator/rollpatchd", "--config", f"{lab.dir}/rollpatchd.yaml", *more],
            capture_output=True, text=True, timeout=10, stdin=subprocess.DEVNULL, check=False,
        )
        assert done.returncode == 1
        assert f"--lab {ADDRESS}" in done.stderr
        assert "neither encrypted nor authenticated" in done.stderr
        assert not os.path.exists(f"{lab.dir}/state/log.db")


def test_a_second_rollpatchd_on_the_same_state_is_refused(cluster):
    done = subprocess.run(
        [f"{BUILD}/coordinator/rollpatchd", "--config", f"{cluster.dir}/rollpatchd.yaml",
         "--lab", ADDRESS],
        capture_output=True, text=True, timeout=10, stdin=subprocess.DEVNULL, check=False,
    )
    assert done.returncode == 1
    assert "another rollpatchd uses this state directory" in done.stderr


@pytest.mark.parametrize("change", [
    {"sha256": "0" * 64},
    {"size": 17},
])
def test_a_script_that_is_not_the_plans_is_never_started(cluster, change):
    assert cluster.cli("waive", "gate-floor", "--reason", "a test").returncode == 0
    started = cluster.cli(
        "run", cluster.plan(**change), "--yes", "--cluster", "lab", "--accept-downtime"
    )
    assert started.returncode == 0, started.stderr
    status = cluster.wait_run("halted")
    assert cluster.the_node.executions() == 0
    assert "want 000000" in status["run"]["why"] or "byte" in status["run"]["why"]


def test_a_page_served_in_place_of_the_script_is_never_started(cluster):
    cluster.replace_script(b"<html><body>404 Not Found</body></html>\n")
    assert cluster.run().returncode == 0
    status = cluster.wait_run("halted")
    assert cluster.the_node.executions() == 0
    assert "html" in status["run"]["why"].lower()


def test_a_script_that_fails_halts_the_run_with_its_status(cluster):
    cluster.replace_script(b"#!/bin/bash\necho no such package >&2\nexit 7\n")
    assert cluster.run().returncode == 0
    status = cluster.wait_run("halted")
    assert "status 7" in status["run"]["why"]
    report = cluster.cli("report").stdout
    assert "no such package" in report
    resumed = cluster.cli("resume")
    assert resumed.returncode == 3
    assert "rollpatch retry" in resumed.stderr


def test_a_full_disk_on_the_node_stops_with_the_reason_and_goes_on_after_space_is_made(cluster):
    node = cluster.the_node
    node.host.fill(STATE)
    assert cluster.run().returncode == 0
    wait_for(
        lambda: "No space left" in (cluster.shown(node.name)["message"] or "")
        or "No space left" in cluster.status()["run"]["why"],
        30, "the reason in status",
    )
    assert node.executions() == 0
    node.host.unfill(STATE)
    if cluster.run_state() == "halted":
        assert cluster.cli("retry", node.name, "--reason", "space was made").returncode == 0
        assert cluster.cli("resume").returncode == 0
    cluster.wait_run("finished")
    assert node.executions() == 1
    assert cluster.shown(node.name)["version"] == TO


def test_a_node_whose_role_files_are_several_is_refused(lab):
    node = lab.add_node("m1", "10.77.0.99")
    node.host.write("/etc/mesosphere/roles/slave", "")
    lab.start_coordinator()
    node.host.boot()
    node.host.wait_up()
    wait_for(
        lambda: "slave" in node.host.journal("rollpatch-agent.service")
        and "master" in node.host.journal("rollpatch-agent.service"),
        20, "refusal in the node's journal",
    )
    assert lab.shown("m1") is None
