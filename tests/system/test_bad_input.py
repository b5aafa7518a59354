# SPDX-License-Identifier: Apache-2.0
"""What bad input gets: one error that says what was seen and what is wanted, and nothing changes."""

import os
import subprocess

import product
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


def start_rollpatchd(lab):
    """In the foreground; it is to end by itself."""
    return subprocess.run(
        [f"{BUILD}/coordinator/rollpatchd", "--config", f"{lab.dir}/rollpatchd.yaml"],
        capture_output=True, text=True, timeout=10, stdin=subprocess.DEVNULL, check=False,
    )


def test_rollpatchd_without_a_key_of_its_own_does_not_start(lab):
    """And makes none: no node would know it."""
    key = f"{lab.dir}/state/channel.key"
    os.chmod(key, 0o640)
    done = start_rollpatchd(lab)
    assert done.returncode == 1
    assert "channel.key" in done.stderr and "0600" in done.stderr

    os.unlink(key)
    done = start_rollpatchd(lab)
    assert done.returncode == 1
    assert "channel.key is not there" in done.stderr and "rollpatch init" in done.stderr
    assert os.listdir(f"{lab.dir}/state") == ["signing.key"]


def test_a_node_listens_to_the_holder_of_the_coordinators_key_alone(cluster):
    """Another rollpatchd at the same address gets no word out of it; and a key that others can read
    is no key any more."""
    host = cluster.the_node.host
    host.run(["systemctl", "stop", "rollpatch-agent.service"])
    config = product.agent_config(ADDRESS, "m1", "lab")
    host.write("/etc/rollpatch/agent.yaml", config.replace(product.PUBLIC_KEY, "42" * 32))
    before = cluster.shown("m1")["seen"]
    host.run(["systemctl", "start", "rollpatch-agent.service"])
    wait_for(lambda: "hello was not answered" in host.journal("rollpatch-agent.service"), 30, "silence")
    assert cluster.shown("m1")["seen"] == before

    host.run(["systemctl", "stop", "rollpatch-agent.service"])
    host.write("/etc/rollpatch/agent.yaml", config)
    host.run(["chmod", "0644", f"{STATE}/channel.key"])
    host.run(["systemctl", "start", "--no-block", "rollpatch-agent.service"])
    wait_for(lambda: "without it this node is a stranger" in host.journal("rollpatch-agent.service"),
             30, "refusal of the key")


def test_a_second_rollpatchd_on_the_same_state_is_refused(cluster):
    done = start_rollpatchd(cluster)
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
