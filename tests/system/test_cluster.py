# SPDX-License-Identifier: Apache-2.0
"""Runs over three masters, two agents and a public agent, each a booted host, judged from outside: by
an observer that knows nothing of rollpatch, and by the lines the script writes when it is executed."""

import re

import pytest

from cluster_lab import (  # noqa: F401  pylint: disable=unused-import
    EVERYBODY, MASTERS, fixture_make, fixture_shelf, judge_run, observe, patched, start, under_way,
    waits_for_health,
)
from rig import wait_for


@pytest.fixture(name="cluster")
def fixture_cluster(make):
    return make()


@pytest.fixture(name="slow_cluster")
def fixture_slow_cluster(make):
    """Its script takes long enough to do something meanwhile."""
    return make(script_seconds=8)


def verdicts(cluster, name):
    return {check["id"]: check["verdict"] for check in cluster.shown(name)["checks"]}


def wait_state(cluster, *states, timeout=120):
    """The run, when it is in one of these states."""
    return cluster.wait_run(*states, timeout=timeout)["run"]


def test_everybody_is_patched_once_in_order_and_no_two_masters_are_ever_down(rig, cluster):
    leader = cluster.leader()
    watcher = observe(rig, cluster)
    start(cluster)
    wait_state(cluster, "finished", "halted")
    report = cluster.ask("report")
    assert report["run"]["state"] == "finished", report["run"]
    for name in EVERYBODY:
        assert cluster.executions(name) == 1, name
        assert cluster.shown(name)["version"] == "2.1.1"
    order = patched(cluster)
    assert set(order[:3]) == set(MASTERS)
    assert order[2] == leader, f"the leading master {leader} goes last: {order}"
    assert set(order[3:5]) == {"a1", "a2"} and order[5] == "p1"
    verdict = judge_run(cluster, watcher)
    assert verdict.good, verdict.describe()


def test_a_master_whose_exhibitor_stays_red_stops_the_run_there_and_so_does_the_next_run(cluster):
    for name in MASTERS:
        cluster.node(name).scenario({"after_patch": {"exhibitor": "down"}})
    start(cluster, timeouts_master="20s")
    run = wait_state(cluster, "halted")
    done = [m for m in MASTERS if cluster.executions(m)]
    assert len(done) == 1, done
    assert "exhibitor" in run["why"] and done[0] in run["why"]
    again = cluster.cli("run", cluster.plan(), "--yes")
    assert again.returncode in (0, 3)
    aborted = cluster.cli("abort", "--reason", "start again")
    assert aborted.returncode == 0
    second = cluster.cli("run", cluster.plan(), "--yes")
    assert second.returncode == 6, second.stdout
    assert done[0] in second.stderr
    assert [m for m in MASTERS if cluster.executions(m)] == done


def test_an_agent_that_is_never_registered_fails_by_name_and_counts_against_the_budget(cluster):
    """And how long it may be away before its tasks are lost is what the leading master's own flags say."""
    for name in ("a1", "a2"):
        cluster.node(name).scenario({"after_patch": {"mesos_refused": True}})
    for name in MASTERS:
        cluster.node(name).scenario({"mesos_flags": {"max_slave_ping_timeouts": "2"}})
    start(cluster, timeouts_agent="10s", budget=0)
    run = wait_state(cluster, "halted")
    failed = [n for n in cluster.status()["nodes"] if n.get("state") == "failed"]
    assert [n["name"] for n in failed] == ["a1"]
    assert "mesos-leader" in failed[0]["message"] and "not active" in failed[0]["message"]
    own = verdicts(cluster, "a1")
    assert own["mesos-agent"] == "pass", "the page's own check is fooled, the leader's word is not"
    assert "1 agent" in run["why"]
    assert cluster.executions("a2") == 0
    problem = wait_for(
        lambda: next((one for one in cluster.status()["problems"] if one["message"].startswith("a1 is not active on")), None),
        40, "somebody to be told that time runs out")
    away = re.fullmatch(r"a1 is not active on the leading master, for (\d+)s; after 30s its tasks are lost",
                        problem["message"])
    assert away and 18 <= int(away[1]) <= 40, problem


def test_a_master_that_runs_another_mesos_than_was_installed_stops_the_run_there(cluster):
    for name in MASTERS:
        cluster.node(name).scenario({"after_patch": {"mesos_version": "1.9.1"}})
    start(cluster, timeouts_master="20s")
    run = wait_state(cluster, "halted")
    done = [m for m in MASTERS if cluster.executions(m)]
    assert len(done) == 1, done
    assert f"{done[0]} is failed" in run["why"] and "mesos-version" in run["why"], run
    assert "is Mesos 1.9.1, on the disk lies 1.10.1" in run["why"], run
    own = verdicts(cluster, done[0])
    assert own["mesos-master"] == "pass", "what the page looks at is good"


def test_another_master_rebooted_by_hand_during_a_step_halts_the_run(slow_cluster):
    cluster = slow_cluster
    start(cluster)
    holder = under_way(cluster)
    other = next(m for m in MASTERS if m != holder)
    cluster.node(other).host.reboot()
    run = wait_state(cluster, "halted")
    assert other in run["why"]
    assert [m for m in MASTERS if cluster.executions(m)] == [holder]


def swap_state(cluster, take, put):
    """Kill the coordinator, put its present state aside as `put`, and go on from `take`."""
    state = "/var/lib/rollpatch"
    cluster.bootstrap.run(["systemctl", "kill", "--signal=KILL", "rollpatchd.service"], check=False)
    cluster.bootstrap.run(["systemctl", "stop", "rollpatchd.service"])
    cluster.bootstrap.run(["sh", "-c", f"mv {state} {put} && mv {take} {state}"])
    cluster.bootstrap.run(["systemctl", "start", "rollpatchd.service"])
    wait_for(lambda: cluster.cli("status").returncode == 0, 20, "rollpatchd to answer")


def test_a_coordinator_restored_from_before_the_slot_and_the_old_one_back_cannot_overlap(
        rig, slow_cluster):
    cluster = slow_cluster
    watcher = observe(rig, cluster)
    start(cluster)
    assert cluster.cli("pause", "--reason", "to save a backup").returncode == 0
    assert not [n for n in cluster.status()["nodes"] if n.get("slot")]
    saved = cluster.cli("state", "save", "/var/lib/before-slot.tar")
    assert saved.returncode == 0, saved.stderr
    wait_for(lambda: cluster.cli("resume").returncode == 0, 20, "resume")
    first = under_way(cluster)

    restore = "install -d -m 0700 /var/lib/before-slot && tar -xpf /var/lib/before-slot.tar -C /var/lib/before-slot"
    cluster.bootstrap.run(["sh", "-c", restore])
    swap_state(cluster, take="/var/lib/before-slot", put="/var/lib/after-slot")
    status = wait_for(
        lambda: next((n for n in cluster.status()["nodes"]
                      if n["name"] == first and n.get("slot")), None),
        30, "the restored coordinator to learn who is down",
    )
    assert status["state"] in ("started", "verifying")
    wait_for(lambda: cluster.cli("resume").returncode == 0, 20, "resume")
    wait_for(lambda: sum(map(cluster.executions, MASTERS)) == 2, 90, "the second master's turn")

    swap_state(cluster, take="/var/lib/after-slot", put="/var/lib/restored")
    run = wait_state(cluster, "finished", "halted", timeout=180)
    assert all(cluster.executions(name) <= 1 for name in EVERYBODY)
    assert run["state"] in ("finished", "halted")
    verdict = watcher.verdict()
    assert not verdict.overlaps, verdict.describe()


def wait_check(cluster, name, check, verdict):
    """A check of that node, asked anew until it is that."""
    def asked():
        shown = cluster.ask("status", name, "--refresh")["nodes"][0]
        found = next(one for one in shown["checks"] if one["id"] == check)
        return found if found["verdict"] == verdict else None
    return wait_for(asked, 40, f"{check} of {name} to be {verdict}")


def waits_for(cluster, name, what):
    """Whether the run goes on, and waits for this of that node."""
    run = cluster.status()["run"]
    return run["state"] == "running" and name in run["why"] and what in run["why"]


def test_a_master_whose_database_lacks_copies_stops_the_run_there_by_name(cluster):
    """Over HTTP alone it says so: the command, and all that asks by it, is content. Where HTTP does not
    answer, the command is asked."""
    for name in MASTERS:
        cluster.node(name).scenario({"after_patch": {"cockroach_http": "underreplicated"}})
    start(cluster, timeouts_master="20s")
    first = cluster.node(under_way(cluster))
    wait_for(lambda: waits_for(cluster, first.name, "7 ranges are underreplicated"), 20, "the gate to say so")
    run = wait_state(cluster, "halted")
    done = [m for m in MASTERS if cluster.executions(m)]
    assert done == [first.name]
    assert "cockroachdb" in run["why"] and "underreplicated" in run["why"] and done[0] in run["why"], run

    first.scenario({"cockroach_http": "unreachable"})
    told = wait_check(cluster, first.name, "cockroachdb", "pass")
    assert "by HTTP: " in told["evidence"], told
    first.scenario({"cockroach_http": "unreachable", "cockroach": "unavailable"})
    told = wait_check(cluster, first.name, "cockroachdb", "fail")
    assert "10.77.0.11: 3 ranges are unavailable, want 0" in told["reason"], told


def test_an_agent_without_its_overlay_network_fails_by_name(cluster):
    cluster.node("a1").scenario({"after_patch": {"mesos_overlay": "STATUS_FAILED"}})
    start(cluster, timeouts_agent="10s", budget=0)
    wait_state(cluster, "halted")
    failed = [n for n in cluster.status()["nodes"] if n.get("state") == "failed"]
    assert [n["name"] for n in failed] == ["a1"]
    assert "overlay dcos has failed" in failed[0]["message"], failed


def test_a_gate_that_flaps_does_not_open(cluster):
    for name in MASTERS:
        cluster.node(name).scenario(
            {"after_patch": {"exhibitor": "flapping", "exhibitor_flap": 2}}
        )
    start(cluster, timeouts_master="25s", dwell_master="5s")
    run = wait_state(cluster, "halted")
    assert sum(map(cluster.executions, MASTERS)) == 1, run


def test_exit_0_with_failing_checks_does_not_pass(cluster):
    """Nor does a check of the cluster that the site has added: with that no first master goes down."""
    broken = {"after_patch": {"checks": {"xz": {"status": 2, "output": "xz: broken"}}}}
    for name in MASTERS:
        cluster.node(name).scenario(broken)
    cluster.node("m2").scenario({
        **broken, "cluster_checks": {"site_dns": {"status": 2, "output": "leader.mesos is not found"}}})
    check = wait_check(cluster, "m2", "cluster-checks", "fail")
    assert "leader.mesos is not found" in check["reason"], check
    start(cluster, timeouts_master="20s")
    wait_for(lambda: waits_for(cluster, "m2", "cluster-checks: site_dns"), 30, "the run to wait for the site's check")
    assert sum(map(cluster.executions, EVERYBODY)) == 0
    cluster.node("m2").scenario(broken)
    run = wait_state(cluster, "halted")
    assert "check-runner" in run["why"], run
    report = cluster.ask("report")
    failed = [step for step in report["steps"] if step["state"] == "failed"]
    assert [step["exit_status"] for step in failed] == [0]
    assert sum(map(cluster.executions, MASTERS)) == 1


def test_a_node_cut_off_between_slot_and_start_does_not_start_on_an_old_gate(cluster):
    """The link comes back long after the gate was judged: the order is too old by the node's own clock,
    and the gate, judged again, is closed. When it opens, the same node is patched, once."""
    modes = cluster.zookeeper_modes()
    first = next(m for m in MASTERS if m != cluster.leader() and modes[m] == "follower")
    other = next(m for m in MASTERS if m not in (first, cluster.leader()))
    node = cluster.node(first)
    node.host.write(
        "/etc/systemd/system/rollpatch-agent.service.d/hold.conf",
        "[Service]\nEnvironment=ROLLPATCH_CRASH_AT=start-received ROLLPATCH_CRASH_DIR=/crash\n",
    )
    node.host.run(["systemctl", "daemon-reload"])
    node.host.run(["systemctl", "restart", "rollpatch-agent.service"])
    start(cluster, masters=[first, other, cluster.leader()], agents=[], public_agents=[])
    wait_for(lambda: node.reached("start-received"), 60, "the start order to arrive")
    assert "nonce of the start order" not in node.host.journal("rollpatch-agent.service")

    node.host.cut()
    cluster.node(other).scenario({"exhibitor": "down"})
    wait_for(lambda: is_silent(cluster, first, 6), 30, "the order to outlive its 5 s")
    node.mark("start-received.go")
    wait_for(
        lambda: re.search(r"nonce of the start order is .* old, want at most 5s",
                          node.host.journal("rollpatch-agent.service")),
        20, "the late order to be refused for its age",
    )
    node.host.heal()
    wait_for(lambda: cluster.shown(first)["link"] == "fresh", 60, "the link to come back")
    wait_for(lambda: waits_for_health(cluster, other), 30, "the gate to be judged anew")
    assert not any(map(cluster.executions, MASTERS))

    cluster.node(other).scenario()
    wait_state(cluster, "finished")
    assert [cluster.executions(name) for name in MASTERS] == [1, 1, 1]
    assert patched(cluster)[0] == first, "it was that gate which kept it from starting"


def is_silent(cluster, name, seconds):
    """Whether the coordinator has not heard this node for so long."""
    status = cluster.status()
    node = next(node for node in status["nodes"] if node["name"] == name)
    return status["now"] - node["seen"] > seconds * 1e6


# ---------------------------------------------------------------- which packages are active
def only_one_patched(cluster):
    (first,) = [name for name in MASTERS if cluster.executions(name)]
    return first


def package(generation, name):
    return next(each for each in generation.ids if each.startswith(f"{name}--"))


def retry(cluster, name):
    """As soon as the node has said what it has since its step went wrong."""
    return wait_for(lambda: unless_blocked(cluster.cli("retry", name, "--reason", "a test")), 30,
                    "a retry that is not blocked")


def unless_blocked(done):
    return done if done.returncode != 3 else None


def retry_and_resume(cluster, name, part):
    done = retry(cluster, name)
    assert done.returncode == 0 and part in done.stdout, done
    resumed = cluster.cli("resume")
    assert resumed.returncode == 0, resumed.stderr
    return wait_state(cluster, "finished", "halted")


def test_exit_0_and_the_new_version_with_an_old_package_do_not_pass(cluster):
    for name in MASTERS:
        cluster.node(name).scenario({"pkgpanda_keeps": ["dcos-config"]})
    start(cluster, timeouts_master="25s")
    run = wait_state(cluster, "halted")
    first = only_one_patched(cluster)
    node = cluster.node(first)
    assert node.version() == "2.1.1"
    assert f"{first} is failed" in run["why"] and ": packages: " in run["why"], run
    assert f"missing: {package(cluster.target, 'dcos-config')}" in run["why"]
    assert f"not wanted: {package(cluster.installed, 'dcos-config')}" in run["why"]
    (failed,) = [step for step in cluster.ask("report")["steps"] if step["state"] == "failed"]
    assert (failed["node"], failed["exit_status"]) == (first, 0)
    seen = verdicts(cluster, first)
    assert (seen["version"], seen["packages"]) == ("pass", "fail")

    # The script cannot be run again, it wants the old version: a person has to mend this.
    refused = retry(cluster, first)
    assert refused.returncode == 6 and "pkgpanda active" in refused.stderr, refused
    for name in MASTERS:
        cluster.node(name).scenario()
    node.host.run(["/opt/mesosphere/bin/dcos-shell", "pkgpanda", "activate", *cluster.target.ids])
    wait_for(lambda: verdicts(cluster, first)["packages"] == "pass", 30, "the packages to be seen")
    run = retry_and_resume(cluster, first, "only its gate is asked")
    assert run["state"] == "finished", run
    assert [cluster.executions(name) for name in EVERYBODY] == [1] * len(EVERYBODY)


def test_a_configuration_that_was_not_rolled_out_is_noticed_though_the_version_is_right(make):
    cluster = make(to_version="2.1.0")
    for name in MASTERS:
        cluster.node(name).scenario({"pkgpanda_keeps": ["dcos-config", "dcos-metadata"]})
    start(cluster, timeouts_master="25s")
    run = wait_state(cluster, "halted")
    first = only_one_patched(cluster)
    assert f"{first} is failed" in run["why"] and ": packages: " in run["why"], run
    assert package(cluster.target, "dcos-config") in run["why"]
    assert sorted(cluster.node(first).active()) == cluster.installed.ids

    for name in MASTERS:
        cluster.node(name).scenario()
    run = retry_and_resume(cluster, first, "as attempt 2")
    assert run["state"] == "finished", run
    for name in EVERYBODY:
        assert cluster.executions(name) == (2 if name == first else 1), name
        assert sorted(cluster.node(name).active()) == cluster.target.ids
    assert not [each for each in cluster.status()["not_checked"] if each.startswith("packages")]


def test_a_configuration_that_is_there_is_not_rolled_out_again_by_retry_nor_by_another_run(make):
    cluster = make(to_version="2.1.0")
    first = next(name for name in MASTERS if name != cluster.leader())
    more = f'[ "$(hostname)" != {first} ] || exit 3\n'
    cluster.replace_script(cluster.script + more.encode())
    start(cluster)
    run = wait_state(cluster, "halted")
    assert f"{first} is failed: script ended with status 3" in run["why"], run
    assert sorted(cluster.node(first).active()) == cluster.target.ids
    run = retry_and_resume(cluster, first, "only its gate is asked")
    assert run["state"] == "finished", run
    assert [cluster.executions(name) for name in EVERYBODY] == [1] * len(EVERYBODY)

    start(cluster, agents=[], public_agents=[])
    assert wait_state(cluster, "finished", "halted")["state"] == "finished"
    assert [cluster.executions(name) for name in MASTERS] == [1] * len(MASTERS)
