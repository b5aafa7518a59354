# SPDX-License-Identifier: Apache-2.0
"""The observer on a real cluster that is patched by hand, without rollpatch: it must be able to
call a good run good, and a bad one bad."""

import time

import pytest

from dcos import DcosCluster
from rig import RigError, wait_for
from watcher import Watcher


@pytest.fixture(name="cluster")
def fixture_cluster(rig):
    """A healthy cluster without agents."""
    made = DcosCluster(rig, f"{rig.base}/cluster", agents=0, public_agents=0)
    made.boot(wait=False)
    made.wait_healthy(60)
    yield made
    made.close()
    for name in list(rig.hosts):
        rig.remove_host(name)


def watch(rig, cluster, name):
    return Watcher(rig, {node.name: node.address for node in cluster.of_role("master")}, name)


def begin_patch(rig, cluster, name):
    host = cluster.node(name).host
    host.write("/run/by-hand.sh", cluster.script)
    return rig.spawn(f"by-hand-{name}", host.argv(["bash", "/run/by-hand.sh"]))


def followers_first(cluster):
    """Names of the masters; the ZooKeeper leader is the last."""
    modes = cluster.zookeeper_modes()
    return sorted(modes, key=lambda name: modes[name] == "leader")


def is_new(cluster, name):
    """It was down and is back: version, Mesos and ZooKeeper."""
    if cluster.node(name).version() != cluster.target.version:
        raise RigError(f"{name} has {cluster.node(name).version()}")
    cluster.wait_healthy(1)
    return True


def test_masters_patched_one_after_the_other_are_called_good(rig, cluster):
    steps = []
    with watch(rig, cluster, "in-turn") as watcher:
        for name in followers_first(cluster):
            began = time.time_ns() // 1000
            assert begin_patch(rig, cluster, name).wait(60) == 0
            watcher.wait_samples(20)  # units are queued: old processes go on answering for a while
            wait_for(lambda name=name: is_new(cluster, name), 60, f"{name} patched")
            steps.append((name, began, time.time_ns() // 1000))
        watcher.wait_samples()
        verdict = watcher.verdict(steps)
    assert verdict.good, verdict.sentence
    assert verdict.held == verdict.samples
    assert len(verdict.elections) == 1


def test_two_masters_patched_at_once_are_called_bad(rig, cluster):
    first, second, _ = followers_first(cluster)
    with watch(rig, cluster, "at-once") as watcher:
        patches = [begin_patch(rig, cluster, name) for name in (first, second)]
        assert [each.wait(60) for each in patches] == [0, 0]
        watcher.wait_samples(20)
        wait_for(lambda: all(is_new(cluster, name) for name in (first, second)), 60, "both patched")
        verdict = watcher.verdict()
    assert any({first, second} <= set(names) for _, _, names in verdict.overlaps)
    assert verdict.held < verdict.samples
    assert not verdict.good
