# SPDX-License-Identifier: Apache-2.0
"""The DC/OS cluster of stand-ins is as the real one is, its traps included.

For each trap: the check of the page that this project automates passes, although the cluster is sick. A
stand-in that this check sees through would show nothing.
"""

import json
import time

import pytest

from dcos import URL, DcosCluster, fetch, fetch_json, srvr_mode
from dcos_packages import Generation, make_script
from rig import RigTimeout, wait_for
from standin_lab import ask

STATUS = "http://{}:8181/exhibitor/v1/cluster/status"
RUNNER = "/opt/mesosphere/bin/dcos-check-runner"
BY_HAND = "curl -fsSo /run/dcos_node_upgrade.sh {url} && bash /run/dcos_node_upgrade.sh {more}"


@pytest.fixture(scope="module", name="cluster")
def fixture_cluster(rig):
    """One cluster for all tests; whoever makes it sick makes it well again."""
    made = DcosCluster(rig, f"{rig.base}/cluster")
    begin = time.monotonic()
    made.boot(wait=False)
    made.wait_healthy(90)
    made.enrol()
    print(f"healthy {time.monotonic() - begin:.1f} s after the start of the boot")
    yield made
    made.close()


@pytest.fixture(name="sick")
def fixture_sick(cluster):
    """sick(node, scenario): all nodes are well again afterwards."""
    changed = []

    def make(node, scenario):
        changed.append(node)
        node.scenario(scenario)
        return node

    yield make
    for node in changed:
        node.scenario()
    cluster.wait_healthy(90)


def follower(cluster):
    """A master that leads nothing: nobody else is disturbed when it is sick."""
    leader = cluster.leader()
    return next(cluster.node(name) for name, mode in cluster.zookeeper_modes().items()
                if mode == "follower" and name != leader)


def patch_by_hand(cluster, node, more="</dev/null", timeout=60):
    """What an operator does by the page, as root on the node; CompletedProcess."""
    command = BY_HAND.format(url=cluster.script_url, more=more)
    return node.host.run(["bash", "-c", command], check=False, timeout=timeout)


@pytest.fixture(scope="module", name="patch_again")
def fixture_patch_again(cluster):
    """patch_again(node): another configuration of the same version, as often as one wants."""
    masters = [node.address for node in cluster.of_role("master")]
    generation = Generation(cluster.from_version, masters, URL, resolver="8.8.4.4")
    generation.serve(f"{cluster.dir}/serve")
    script = make_script(cluster.from_version, generation, URL, 0)

    def patch(node):
        node.host.write("/run/patch_again.sh", script)
        return node.host.run(["bash", "/run/patch_again.sh"], check=False, timeout=60)

    return patch


def mesos(node):
    """ADDRESS:PORT of its Mesos."""
    return f"{node.address}:{5050 if node.role == 'master' else 5051}"


def metrics(node):
    """Of its Mesos."""
    return fetch_json(f"http://{mesos(node)}/metrics/snapshot?timeout=2secs")


def mesos_version(node):
    """Of the process that answers."""
    return fetch_json(f"http://{mesos(node)}/version")["version"]


def mesos_refuses(node):
    """Nobody listens."""
    return ask(mesos(node), "/health", timeout=1).error == "refused"


def mesos_answers(node):
    """Somebody does."""
    return ask(mesos(node), "/health", timeout=1).status == 200


def systemctl_show(node, unit):
    """{property: value}"""
    lines = node.host.run(["systemctl", "show", unit]).stdout.splitlines()
    return dict(line.partition("=")[::2] for line in lines)


# ---------------------------------------------------------------- what the page asks for
def page_says_exhibitor_converged(node):
    """All hosts `serving`."""
    rows = fetch_json(STATUS.format(node.address))
    return all(row["description"] == "serving" for row in rows)


def page_says_registered(node):
    """The metric of an agent is 1."""
    return metrics(node)["slave/registered"] == 1.0


def page_says_back(cluster, node):
    """The agent is in Mesos again."""
    return node.address in cluster.active_agents()


def page_says_recovered(node):
    """The metric of a master is 1."""
    return metrics(node)["registrar/log/recovered"] == 1.0


def page_says_running(node):
    """The unit dcos-mesos-master is up and running."""
    shown = systemctl_show(node, "dcos-mesos-master.service")
    return (shown["ActiveState"], shown["SubState"]) == ("active", "running")


def page_says_version(node, version="1.10.0"):
    """`mesos-master --version` prints what the release notes say."""
    shown = node.host.run(["/opt/mesosphere/bin/mesos-master", "--version"]).stdout
    return shown == f"mesos {version}\n"


def page_says_replicated(node):
    """ranges_underreplicated is 0 everywhere."""
    head, *rows = cockroach_rows(node)
    return {row[head.index("ranges_underreplicated")] for row in rows} == {"0"}


def cockroach_rows(node):
    """The header, and a list of cells for each node of the database."""
    shown = node.host.run([
        "/opt/mesosphere/bin/cockroach", "node", "status", "--ranges", "--insecure",
        f"--host={node.address}",
    ]).stdout
    return [line.split("\t") for line in shown.splitlines()]


def page_says_master_is_good(node):
    """All that it asks of a master after the script."""
    return (page_says_exhibitor_converged(node) and page_says_running(node)
            and page_says_recovered(node) and page_says_version(node) and page_says_replicated(node))


# ---------------------------------------------------------------- healthy
def test_the_masters_are_one_ensemble_with_one_leader(cluster):
    modes = sorted(cluster.zookeeper_modes().values())
    assert modes == ["follower", "follower", "leader"]
    masters = cluster.of_role("master")
    wait_for(lambda: [node.name for node in masters if metrics(node)["master/elected"] == 1.0]
             == [cluster.leader()], 15, "one elected master, the one to which all point")
    assert len(cluster.active_agents()) == 3


def test_exhibitor_lists_all_masters_in_any_order(cluster):
    node = cluster.node("m1")
    addresses = sorted(master.address for master in cluster.of_role("master"))
    wait_for(lambda: page_says_exhibitor_converged(node), 10, "converged Exhibitor")
    orders = set()
    for _ in range(40):
        rows = fetch_json(STATUS.format(node.address))
        assert sorted(row["hostname"] for row in rows) == addresses
        assert [row["code"] for row in rows] == [3, 3, 3]
        assert [row["isLeader"] for row in rows].count(True) == 1
        orders.add(tuple(row["hostname"] for row in rows))
    assert len(orders) > 1
    assert fetch_json(f"http://{node.address}:8181/exhibitor/v1/cluster/list")["port"] == 2181


def test_a_node_has_the_files_of_its_role(cluster):
    for node in cluster.nodes.values():
        read = node.host.read
        assert read("/opt/mesosphere/bin/detect_ip").startswith("#!")
        assert node.host.run(["/opt/mesosphere/bin/detect_ip"]).stdout == f"{node.address}\n"
        assert node.version() == "2.1.0"
        assert node.active() == cluster.installed.ids
        assert read("/var/lib/dcos/cluster-id").strip()
        assert node.host.exists("/opt/mesosphere/etc/master_count") == (node.role == "master")
    assert cluster.node("m1").host.read("/opt/mesosphere/etc/master_count") == "3\n"
    assert cluster.node("p1").host.exists("/etc/mesosphere/roles/slave_public")


def test_mesos_listens_on_the_detected_address_only(cluster):
    done = cluster.node("m1").host.run(["curl", "-s", "http://localhost:5050/health"], check=False)
    assert done.returncode == 7


@pytest.mark.parametrize("name", ["m1", "a1", "p1"])
def test_all_units_of_a_node_are_in_their_good_state(cluster, name):
    node = cluster.node(name)
    units = node.host.run(["ls", "/etc/systemd/system/dcos.target.wants"]).stdout.split()
    good = {
        "service": {("active", "running"), ("inactive", "dead")},
        "timer": {("active", "waiting"), ("active", "running")},
        "socket": {("active", "listening"), ("active", "running")},
    }
    assert {unit.rpartition(".")[2] for unit in units} == set(good)
    for unit in units:
        shown = systemctl_show(node, unit)
        if "checks-poststart" not in unit:
            assert (shown["ActiveState"], shown["SubState"]) in good[unit.rpartition(".")[2]], unit


def test_rollpatchd_knows_all_nodes(cluster):
    cluster.wait_claimed(30)
    for name, node in cluster.nodes.items():
        assert cluster.shown(name)["version"] == node.version()


def test_the_plan_is_accepted(cluster):
    assert cluster.cli("waive", "gate-floor", "--reason", "a test").returncode == 0
    done = cluster.cli("plan", cluster.plan())
    assert done.returncode == 0, done.stdout + done.stderr


# ---------------------------------------------------------------- Exhibitor
@pytest.mark.parametrize("wrong", ["too-few", "empty", "two-leaders", "stale"])
def test_exhibitor_may_call_all_serving_although_one_zookeeper_is_dead(cluster, sick, wrong):
    node = sick(follower(cluster), {"exhibitor": wrong})
    wait_for(lambda: srvr_mode(node.address) is None, 10, "dead ZooKeeper")
    assert page_says_exhibitor_converged(node)
    rows = fetch_json(STATUS.format(node.address))
    assert len(rows) == {"too-few": 2, "empty": 0}.get(wrong, 3)
    if wrong == "two-leaders":
        assert [row["isLeader"] for row in rows].count(True) == 2


def test_exhibitor_believes_for_a_while_what_is_no_longer_true(cluster, sick):
    node = follower(cluster)
    other = next(each for each in cluster.of_role("master") if each is not node)
    wait_for(lambda: page_says_exhibitor_converged(other), 10, "a look at a healthy cluster")
    sick(other, {"exhibitor_cache": 60})  # which is the last one
    sick(node, {"exhibitor": "down"})
    wait_for(lambda: srvr_mode(node.address) is None, 10, "dead ZooKeeper")
    assert page_says_exhibitor_converged(other)


@pytest.mark.parametrize("wrong, code", [("latent", 0), ("down", 1), ("not-serving", 2)])
def test_exhibitor_says_what_is_wrong_with_a_zookeeper(cluster, sick, wrong, code):
    node = sick(follower(cluster), {"exhibitor": wrong})

    def listed():
        rows = fetch_json(STATUS.format(node.address))
        return [row["code"] for row in rows if row["hostname"] == node.address] == [code]

    truth = "" if wrong == "not-serving" else None
    wait_for(lambda: srvr_mode(node.address) == truth, 20, "sick ZooKeeper")
    wait_for(listed, 20, f"code {code}")
    assert not srvr_mode(node.address), "sick all the while; Exhibitor may be starting it again"
    assert not page_says_exhibitor_converged(node)


def test_a_flapping_zookeeper_passes_a_single_look(cluster, sick):
    node = sick(follower(cluster), {"exhibitor": "flapping", "exhibitor_flap": 4})
    wait_for(lambda: srvr_mode(node.address) is None, 15, "dead ZooKeeper")
    wait_for(lambda: page_says_exhibitor_converged(node), 15, "a good look")
    wait_for(lambda: srvr_mode(node.address) is None, 15, "dead ZooKeeper")


def test_an_error_page_has_no_bad_word_in_it(cluster, sick):
    node = sick(cluster.node("m1"), {"exhibitor": "http-500"})
    status, headers, body = fetch(STATUS.format(node.address))
    assert status == 500 and headers["Content-Type"].startswith("text/html")
    shown = node.host.run(["curl", "-s", STATUS.format("localhost")])  # 0: no -f, as on the page
    assert not any(word in shown.stdout for word in ("latent", "down", "not serving"))
    assert body.startswith(b"<html>")


def test_a_slow_zookeeper_is_latent_at_first(cluster, sick):
    node = sick(follower(cluster), {"exhibitor_delay": 4})
    node.host.run(["systemctl", "restart", "dcos-exhibitor.service"])
    state = f"http://{node.address}:8181/exhibitor/v1/cluster/state"
    wait_for(lambda: fetch_json(state)["description"] == "latent", 5, "latent")
    wait_for(lambda: fetch_json(state)["description"] == "serving", 20, "serving")


def test_exhibitor_starts_a_dead_zookeeper_again(cluster):
    node = follower(cluster)
    node.host.run(["pkill", "-KILL", "-f", "QuorumPeerMain"])
    wait_for(lambda: srvr_mode(node.address) is None, 5, "dead ZooKeeper")
    wait_for(lambda: srvr_mode(node.address), 20, "ZooKeeper again")
    assert "Restarting down/not-serving ZooKeeper" in node.host.journal("dcos-exhibitor")
    cluster.wait_healthy(90)


# ---------------------------------------------------------------- checks
def run_checks(node, *words):
    """(exit status, document)"""
    done = node.host.run([RUNNER, "check", *words], check=False)
    return done.returncode, json.loads(done.stdout)


def test_the_checks_of_a_healthy_node_pass(cluster):
    for name, expected in (("m1", "components_master"), ("a1", "components_agent")):
        node = cluster.node(name)
        status, document = wait_for(
            lambda: (lambda seen: seen if seen[0] == 0 else None)(run_checks(node, "node-poststart")),
            20, "good checks",
        )
        assert document["status"] == 0 and expected in document["checks"]
        assert run_checks(node, "cluster") == (0, {"status": 0, "checks": {}})


def test_an_unknown_check_passes_by_its_exit_status(cluster):
    status, document = run_checks(cluster.node("m1"), "node-poststart", "cluster")
    assert status == 0
    assert document["checks"] == ["cluster: Check not found"] and "error" in document


def test_a_check_without_its_program_passes_by_its_exit_status(cluster, sick):
    node = sick(cluster.node("m1"), {"checks": {"site": "missing", "xz": {"status": 1}}})
    status, document = run_checks(node, "node-poststart", "site")
    assert status == 0
    assert document["checks"] == ["site: fork/exec /opt/site/missing: no such file or directory"]
    assert run_checks(node, "node-poststart")[0] == 1  # the worst of the others


def test_bad_checks_are_told_by_the_worst(cluster, sick):
    wrong = {"xz": {"status": 2, "output": "no xz\n"}, "tar": {"status": 1}, "curl": "hangs"}
    node = sick(cluster.node("a1"), {"checks": wrong})
    status, document = run_checks(node, "node-poststart", "xz", "tar")
    assert (status, document["status"]) == (2, 2)
    assert document["checks"]["xz"] == {"output": "no xz\n", "status": 2}
    status, document = run_checks(node, "node-poststart", "curl")
    assert status == 3 and "exceeded timeout 5s and was killed" in document["checks"]["curl"]["output"]


@pytest.mark.parametrize("words, status", [
    (["check"], 0), (["check", "nodes"], 1), (["check", "cluster", "--sick"], 255),
    (["check", "node-poststart", "--role", "boss"], 1),
    (["check", "node-poststart", "--check-config", "/nowhere"], 1),
])
def test_the_check_runner_ends_as_the_real_one(cluster, words, status):
    assert cluster.node("m1").host.run([RUNNER, *words], check=False).returncode == status


def test_the_tenth_column_of_cockroach_is_another_one(cluster, sick):
    node = sick(cluster.node("m1"), {"cockroach": "underreplicated"})
    head, *rows = cockroach_rows(node)
    assert len(rows) == 3 and rows[0][head.index("ranges_underreplicated")] == "7"
    assert head[9] == "ranges"
    assert run_checks(node, "node-poststart", "cockroachdb_replication")[0] == 2


# ---------------------------------------------------------------- units
def test_a_unit_that_starts_again_and_again_passes_a_single_look(cluster, sick):
    node = sick(cluster.node("a1"), {"dcos-net": "crashes"})
    node.host.run(["systemctl", "restart", "dcos-net.service"])
    assert systemctl_show(node, "dcos-net.service")["SubState"] == "running"
    wait_for(lambda: int(systemctl_show(node, "dcos-net.service")["NRestarts"]) > 0, 20, "a restart")
    wait_for(lambda: systemctl_show(node, "dcos-net.service")["SubState"] == "running", 10, "a good look")
    node.scenario()
    node.host.run(["systemctl", "restart", "dcos-net.service"])


# ---------------------------------------------------------------- sick Mesos, after a patch
# The script ends with 0 each time, and whatever else the page looks at is good at one moment.
def test_a_slow_agent_is_registered_and_back_before_it_has_even_stopped(cluster, sick, patch_again):
    node = sick(cluster.node("a1"), {"linger": 10, "after_patch": {"mesos_start_delay": 4}})
    assert patch_again(node).returncode == 0
    assert page_says_registered(node) and page_says_back(cluster, node)
    wait_for(lambda: mesos_refuses(node), 20, "the slow start")
    wait_for(lambda: mesos_answers(node), 15, "its end")


def test_a_flapping_master_passes_every_check_once(cluster, sick, patch_again):
    node = sick(follower(cluster), {"after_patch": {"mesos_flap": {"green": 6, "red": 3}}})
    assert patch_again(node).returncode == 0
    wait_for(lambda: mesos_answers(node), 15, "new Mesos")
    wait_for(lambda: page_says_master_is_good(node), 5, "a good look")
    wait_for(lambda: mesos_refuses(node), 10, "the red time")
    assert page_says_running(node)
    wait_for(lambda: page_says_master_is_good(node), 15, "another good look")


def test_a_master_that_stays_down_is_up_and_running_with_the_right_version(cluster, sick, patch_again):
    node = sick(follower(cluster), {"after_patch": {"mesos_down": True}})
    assert patch_again(node).returncode == 0
    wait_for(lambda: page_says_running(node), 20, "a running unit")
    begin = systemctl_show(node, "dcos-mesos-master.service")["MainPID"]
    wait_for(lambda: page_says_exhibitor_converged(node), 20, "a converged Exhibitor")
    assert page_says_version(node) and page_says_replicated(node)
    assert mesos_refuses(node) and page_says_running(node)
    assert systemctl_show(node, "dcos-mesos-master.service")["MainPID"] == begin


def test_an_agent_that_the_leader_refuses_is_registered_by_its_metric(cluster, sick, patch_again):
    node = sick(cluster.node("a1"), {"after_patch": {"mesos_refused": True}})
    assert patch_again(node).returncode == 0
    leader = cluster.node(cluster.leader())
    refusal = f"Refusing re-registration of agent at slave(1)@{mesos(node)}"
    wait_for(lambda: refusal in leader.host.journal("dcos-mesos-master"), 20, "the refusal")
    wait_for(lambda: page_says_registered(node), 10, "the metric")
    assert not page_says_back(cluster, node)
    assert page_says_registered(node)


def test_masters_without_quorum_pass_every_check(cluster, sick):
    masters = [sick(node, {"mesos_no_quorum": True}) for node in cluster.of_role("master")]
    for node in masters:
        node.host.run(["systemctl", "restart", "dcos-mesos-master.service"])

    def leaders_health():
        leader = cluster.node(cluster.leader())
        return ask(mesos(leader), "/api/v1", method="POST", body={"type": "GET_HEALTH"})

    wait_for(lambda: leaders_health().body == b"Master has not finished recovery", 20, "a leader")
    for node in masters:
        wait_for(lambda one=node: page_says_master_is_good(one), 20, f"a good look at {node.name}")
    assert leaders_health().status == 503
    assert cluster.active_agents() == []


def test_a_master_of_another_version_passes_every_check(cluster, sick, patch_again):
    node = sick(follower(cluster), {"after_patch": {"mesos_version": "1.9.1"}})
    assert patch_again(node).returncode == 0
    wait_for(lambda: mesos_answers(node) and mesos_version(node) == "1.9.1", 20, "new Mesos")
    wait_for(lambda: page_says_master_is_good(node), 20, "a good look")
    assert mesos_version(node) == "1.9.1"


def test_an_agent_that_will_refuse_recovery_is_registered_and_back(cluster, sick, patch_again):
    node = sick(cluster.node("a1"), {"linger": 10, "after_patch": {"mesos_refuse_recovery": True}})
    assert patch_again(node).returncode == 0
    assert page_says_registered(node) and page_says_back(cluster, node)
    unit = "dcos-mesos-slave.service"
    wait_for(lambda: int(systemctl_show(node, unit)["NRestarts"]) > 0, 40, "a loop of restarts")
    assert "EXIT with status 1: Failed to perform recovery: " in node.host.journal(unit)
    assert not page_says_back(cluster, node)


# ---------------------------------------------------------------- the script
def test_an_option_that_it_does_not_know_ends_the_script(cluster):
    done = patch_by_hand(cluster, cluster.node("m1"), "-x")
    assert done.returncode == 1 and "Unsupported flag -x" in done.stderr


def test_a_positional_argument_makes_the_script_loop(cluster):
    with pytest.raises(RigTimeout):
        patch_by_hand(cluster, cluster.node("m1"), "now", timeout=3)
    assert cluster.node("m1").version() == "2.1.0"
    cluster.node("m1").host.run(["pkill", "-KILL", "-f", "dcos_node_upgrade"], check=False)


def test_the_script_may_succeed_and_do_nothing(cluster, sick):
    node = sick(cluster.node("a2"), {"pkgpanda": "lies"})
    assert patch_by_hand(cluster, node).returncode == 0
    assert page_says_registered(node) and page_says_back(cluster, node)
    assert node.version() == "2.1.0"


def test_a_missing_package_is_named(cluster):
    node = cluster.node("a2")
    missing = "mesos--0000000000000000000000000000000000000000"
    done = node.host.run(["/opt/mesosphere/bin/pkgpanda", "fetch", "--repository-url=http://10.77.0.10",
                          missing], check=False)
    assert done.returncode == 1
    assert f"Unable to fetch package {missing}: 404 Client Error: Not Found" in done.stderr


def test_a_master_patched_by_hand_comes_back_with_the_new_version(cluster):
    node = follower(cluster)
    before = node.executions()
    old = systemctl_show(node, "dcos-mesos-master.service")["MainPID"]
    done = patch_by_hand(cluster, node)
    assert (done.returncode, done.stdout) == (0, "Upgrading DC/OS master 2.1.0 -> 2.1.1\n"), done
    assert node.executions() == before + 1
    assert node.version() == "2.1.1"
    assert node.active() == cluster.target.ids
    assert not node.host.exists("/opt/mesosphere/install_progress")
    wait_for(lambda: mesos_version(node) == "1.10.1", 30, "new Mesos")
    cluster.wait_healthy(90)
    assert systemctl_show(node, "dcos-mesos-master.service")["MainPID"] not in ("0", old)

    again = patch_by_hand(cluster, node)
    assert again.returncode == 1
    assert "Version found on node: 2.1.1" in again.stdout


def test_the_script_ends_well_while_the_old_process_still_answers(cluster, sick):
    node = sick(cluster.node("p1"), {"linger": 10})
    done = patch_by_hand(cluster, node)
    assert done.returncode == 0 and "public agent" in done.stdout
    assert page_says_registered(node)
    assert mesos_version(node) == "1.10.0"
    assert node.host.run(["/opt/mesosphere/bin/mesos-master", "--version"]).stdout == "mesos 1.10.1\n"
    wait_for(lambda: mesos_version(node) == "1.10.1", 30, "new Mesos")


def test_the_script_ends_well_although_all_its_checks_fail(cluster, sick):
    wrong = {"checks": {"site": {"status": 2}}}
    node = sick(cluster.node("a1"), {**wrong, "after_patch": wrong})
    assert run_checks(node, "node-poststart")[0] >= 2
    assert patch_by_hand(cluster, node).returncode == 0
    assert node.version() == "2.1.1"
    assert run_checks(node, "node-poststart", "site")[0] == 2


# ---------------------------------------------------------------- half-done; these nodes stay so
def test_an_activation_that_was_killed_early_is_finished_by_a_reboot(cluster):
    node = cluster.node("m1") if cluster.node("m1").version() == "2.1.0" else cluster.node("m2")
    node.scenario({"pkgpanda": "dies-archive"})
    assert patch_by_hand(cluster, node).returncode == 137
    progress = json.loads(node.host.read("/opt/mesosphere/install_progress"))
    assert progress == {"stage": "archive", "extension": ".new"}
    node.scenario()
    node.host.reboot()
    wait_for(lambda: node.version() == "2.1.1", 20, "new version")
    assert not node.host.exists("/opt/mesosphere/install_progress")
    cluster.wait_healthy(90)


def test_an_activation_that_was_killed_later_needs_a_person(cluster):
    node = cluster.node("a2")
    node.scenario({"pkgpanda": "dies-move"})
    assert patch_by_hand(cluster, node).returncode == 137
    progress = json.loads(node.host.read("/opt/mesosphere/install_progress"))
    assert progress["stage"] == "move_new"
    assert node.version() is None
    active = node.host.run(["/opt/mesosphere/bin/pkgpanda", "active"], check=False)
    assert active.returncode == 1 and "Broken past deploy. See /opt/mesosphere/active.new" in active.stderr
    setup = node.host.run(["/opt/mesosphere/bin/pkgpanda", "setup"], check=False)
    assert setup.returncode == 1
    assert "Needed file /opt/mesosphere/bin.new doesn't exist." in setup.stderr
