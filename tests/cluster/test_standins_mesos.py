# SPDX-License-Identifier: Apache-2.0
"""The Mesos stand-ins lie as Mesos lies: each trap that a check must not fall into is reproduced.

Needs a ZooKeeper, but neither hosts nor root; runs inside and outside of a rig.
"""

import os
import signal
import socket
import subprocess
import sys
import time

import pytest

from fixtures import refuse

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, f"{HERE}/standins")

from standin_lab import (  # noqa: E402  pylint: disable=wrong-import-position
    Lab, ZooKeeper, entry, is_active, leader_of, wait_for,
)

ENSEMBLE = "registrar/log/ensemble_size"
RECOVERED = "registrar/log/recovered"
REGISTERED = "slave/registered"
STORED = "registrar/state_store_ms"
_NUMBERS = iter(range(1, 250))


@pytest.fixture(scope="module")
def zookeeper():
    """One for all tests."""
    if not os.path.exists("/usr/bin/java") or not os.path.exists("/usr/share/java/zookeeper.jar"):
        refuse("needs Debian's zookeeper")
    made = ZooKeeper(next(_NUMBERS))
    yield made
    made.close()


@pytest.fixture
def lab(zookeeper):  # pylint: disable=redefined-outer-name
    """An empty Lab, whose ZooKeeper runs."""
    zookeeper.start()
    with Lab(next(_NUMBERS), zookeeper) as made:
        yield made


def start_cluster(lab, agents=1, options=()):
    """Three masters, of which the leader is the first returned, and agents that are active."""
    masters = [lab.master(number, *options).start() for number in (1, 2, 3)]
    leader = wait_for(lambda: leader_of(masters), 20, "a leader")
    slaves = [lab.agent(number).start() for number in range(1, agents + 1)]
    for slave in slaves:
        wait_for(lambda one=slave: is_active(leader, one), 10, f"{slave.name} active")
    return [leader, *(master for master in masters if master is not leader)], slaves


# ---------------------------------------------------------------- trap 1: slave/registered
def test_slave_registered_is_1_though_the_leader_never_registered_the_agent(lab):
    masters, _ = start_cluster(lab, agents=0)
    agent = lab.agent(1).scenario(refused=True).start()
    wait_for(lambda: agent.metric(REGISTERED) == 1.0, 10, "slave/registered")
    wait_for(lambda: "Refusing registration of agent at" in masters[0].log, 10, "the refusal")
    assert entry(masters[0], agent) is None
    assert agent.ask("/state").json["id"] == ""
    assert agent.metric(REGISTERED) == 1.0


def test_slave_registered_stays_1_while_the_leader_is_dead_and_another_is_not_yet_known(lab):
    masters, (agent,) = start_cluster(lab)
    masters[0].kill()
    assert agent.metric(REGISTERED) == 1.0
    assert masters[1].ask("/redirect").header("Location") == f"//{masters[0].address}"


def test_slave_registered_is_0_when_zookeeper_has_been_away_for_longer_than_a_session(lab):
    _, (agent,) = start_cluster(lab)
    lab.zookeeper.kill()
    wait_for(lambda: agent.metric(REGISTERED) == 0.0, 10, "slave/registered 0")


# ---------------------------------------------------------------- trap 2: recovered
def test_recovered_is_1_on_a_master_which_is_alone_in_the_world(lab):
    masters, _ = start_cluster(lab)
    for master in masters:
        master.kill()
    alone = masters[1].start()
    wait_for(lambda: alone.metric("master/elected") == 1.0, 10, "elected")
    assert alone.metric(RECOVERED) == 1.0
    assert alone.metric(ENSEMBLE) == 1.0
    assert alone.health() == 503


def test_recovered_is_0_on_a_wiped_master_until_a_quorum_of_others_votes(lab):
    masters, _ = start_cluster(lab)
    wiped = masters[1]
    wiped.kill()
    masters[2].kill()
    os.unlink(f"{wiped.work_dir}/replicated_log.json")
    wiped.start()
    wait_for(lambda: wiped.metric(RECOVERED) == 0.0, 10, "not recovered")
    masters[2].start()
    wait_for(lambda: wiped.metric(RECOVERED) == 1.0, 10, "recovered")


def test_the_ensemble_counts_a_dead_master_until_its_session_expires(lab):
    masters, _ = start_cluster(lab)
    masters[1].kill()
    assert masters[0].metric(ENSEMBLE) == 3.0
    wait_for(lambda: masters[0].metric(ENSEMBLE) == 2.0, 10, "ensemble of 2")


def test_a_leader_without_quorum_looks_healthy_until_it_must_write(lab):
    masters, _ = start_cluster(lab, options=["--registry-store-timeout", "2"])
    masters[1].kill()
    masters[2].kill()
    wait_for(lambda: masters[0].metric(ENSEMBLE) == 1.0, 10, "ensemble of 1")
    assert masters[0].health() == 200
    lab.agent(2).start()
    assert masters[0].wait(10) == -signal.SIGABRT
    assert "Failed to update registry: Failed to perform store within 2secs" in masters[0].log


# ---------------------------------------------------------------- trap 3: /health
def test_health_is_200_without_zookeeper_and_while_the_agent_recovers(lab):
    lab.zookeeper.kill()
    master = lab.master(1).start()
    agent = lab.agent(1).scenario(recovery_time=30).start()
    wait_for(lambda: master.ask("/health").status == 200, 10, "health of the master")
    assert master.ask("/health").body == b""
    assert master.ask("/redirect").body == b"No leader elected"
    wait_for(lambda: agent.ask("/health").status == 200, 10, "health of the agent")
    assert agent.ask("/state").body == b"Agent has not finished recovery"
    assert agent.health() == 503
    assert agent.metric("slave/recovery_time_secs") is None


# ---------------------------------------------------------------- trap 4: an empty list of agents
def test_a_leader_which_has_not_read_its_registry_answers_with_an_empty_list(lab):
    masters, _ = start_cluster(lab)
    for master in masters:
        master.kill()
    alone = masters[1].start()
    wait_for(lambda: alone.metric("master/elected") == 1.0, 10, "elected")
    answer = alone.ask("/slaves")
    assert (answer.status, answer.json) == (200, {"slaves": [], "recovered_slaves": []})
    refusal = alone.ask("/api/v1", method="POST", body={"type": "GET_HEALTH"})
    assert (refusal.status, refusal.body) == (503, b"Master has not finished recovery")
    assert alone.metric(STORED) is None


def test_a_master_alone_gives_up_its_registry_and_aborts(lab):
    masters, _ = start_cluster(lab, agents=0, options=["--registry-fetch-timeout", "2"])
    for master in masters:
        master.kill()
    alone = masters[1].start()
    assert alone.wait(20) == -signal.SIGABRT
    assert "Recovery failed: Failed to recover registrar: Failed to perform fetch" in alone.log


# ---------------------------------------------------------------- trap 5: /metrics/snapshot
def test_a_snapshot_asked_for_without_timeout_during_the_start_is_never_answered(lab):
    master = lab.master(1).scenario(age=0.4).start()
    wait_for(lambda: not master.ask("/health").error, 10, "a port")
    assert master.ask("/metrics/snapshot?timeout=1secs").status == 200
    assert master.ask("/metrics/snapshot", timeout=4).error == "timeout"
    master.scenario(age=3)
    wait_for(lambda: master.ask("/metrics/snapshot", timeout=4).status == 200, 10, "an answer")


def test_everything_is_404_in_the_first_moment(lab):
    master = lab.master(1).scenario(age=0.05).start()
    wait_for(lambda: not master.ask("/health").error, 10, "a port")
    assert master.ask("/health").status == master.ask("/redirect").status == 404


def test_the_first_snapshots_lack_nearly_all_keys(lab):
    master = lab.master(1).scenario(age=0.2).start()
    wait_for(lambda: not master.ask("/health").error, 10, "a port")
    assert len(master.ask("/metrics/snapshot").json) == 15
    master.scenario(age=1)
    wait_for(lambda: master.metric(RECOVERED) is not None, 10, "the registrar's keys")


def test_snapshots_are_queued_two_a_second(lab):
    master = lab.master(1).start()
    wait_for(lambda: master.metric(RECOVERED) is not None, 10, "a start")
    begin = time.monotonic()
    for _ in range(4):
        assert master.ask("/metrics/snapshot?timeout=2secs").status == 200
    assert 1.5 <= time.monotonic() - begin < 4


# ---------------------------------------------------------------- masters
def test_a_leader_kills_itself_when_zookeeper_is_gone_and_the_others_live_on(lab):
    masters, _ = start_cluster(lab, agents=0)
    lab.zookeeper.kill()
    assert masters[0].wait(10) == 1
    assert ("EXIT with status 1: Lost candidacy as a leader... committing suicide!"
            in masters[0].log)
    wait_for(lambda: masters[1].ask("/redirect").status == 503, 10, "no leader")
    assert masters[1].ask("/health").status == 200


def test_a_new_leader_lists_its_agents_as_recovered_until_they_come_back(lab):
    masters, (agent,) = start_cluster(lab)
    slave_id = entry(masters[0], agent)["id"]
    agent.kill()
    masters[0].kill()
    leader = wait_for(lambda: leader_of(masters[1:]), 15, "the next leader")
    answer = leader.ask("/slaves").json
    assert answer["slaves"] == []
    assert [one["id"] for one in answer["recovered_slaves"]] == [slave_id]
    agent.start()
    wait_for(lambda: is_active(leader, agent), 10, "the agent active")
    assert leader.ask("/slaves").json["recovered_slaves"] == []
    assert entry(leader, agent)["id"] == slave_id
    assert leader.metric("master/slave_reregistrations") == 1.0


def test_a_standby_sends_to_the_leader_without_a_scheme(lab):
    masters, _ = start_cluster(lab, agents=0)
    answer = masters[1].ask("/slaves")
    assert (answer.status, answer.body) == (307, b"")
    assert answer.header("Location") == f"//{masters[0].address}/master/slaves"


def test_a_master_may_be_without_quorum_for_ever(lab):
    masters = [lab.master(number).scenario(no_quorum=True).start() for number in (1, 2, 3)]
    leader = wait_for(
        lambda: next((one for one in masters if one.metric("master/elected") == 1.0), None),
        15, "a leader")
    assert leader.metric(RECOVERED) == 1.0
    assert leader.health() == 503


def test_the_registrar_keys_may_be_missing(lab):
    masters, _ = start_cluster(lab, agents=0)
    masters[1].scenario(no_registrar_keys=True)
    wait_for(lambda: masters[1].metric(RECOVERED) is None, 5, "no key")
    assert masters[1].metric("master/elected") == 0.0


# ---------------------------------------------------------------- agents
def test_a_restarted_agent_is_inactive_and_then_registered_anew_with_its_id_and_tasks(lab):
    masters, (agent,) = start_cluster(lab)
    before = entry(masters[0], agent)
    assert "reregistered_time" not in before
    agent.kill(signal.SIGTERM)
    wait_for(lambda: not is_active(masters[0], agent), 5, "inactive")
    restart = time.time()
    agent.start()
    wait_for(lambda: is_active(masters[0], agent), 10, "active")
    after = entry(masters[0], agent)
    assert after["id"] == before["id"]
    assert after["registered_time"] == before["registered_time"]
    assert after["reregistered_time"] > restart
    assert masters[0].metric("master/slave_reregistrations") == 0.0
    assert masters[0].metric("master/tasks_running") == agent.metric("slave/tasks_running") == 2.0


def test_an_agent_which_is_away_for_too_long_is_in_no_list(lab):
    masters, (agent,) = start_cluster(lab, options=["--unreachable-after", "2"])
    agent.kill()
    wait_for(lambda: masters[0].metric("master/slaves_unreachable") == 1.0, 10, "unreachable")
    assert masters[0].ask("/slaves").json == {"slaves": [], "recovered_slaves": []}
    assert masters[0].metric("master/tasks_unreachable") == 2.0
    agent.start()
    wait_for(lambda: is_active(masters[0], agent), 10, "active")
    assert masters[0].metric("master/slaves_unreachable") == 0.0


def test_an_agent_that_is_drained_is_connected_and_not_active(lab):
    (leader, *_), (agent,) = start_cluster(lab)
    leader.scenario(drained=[agent.ip])
    wait_for(lambda: not is_active(leader, agent), 5, "deactivated")
    seen = entry(leader, agent)
    assert seen["deactivated"] and seen["drain_info"]["state"] == "DRAINING"
    assert leader.metric("master/slaves_inactive") == 1.0
    assert leader.metric("master/slaves_disconnected") == 0.0
    assert agent.metric(REGISTERED) == 1.0
    leader.scenario()
    wait_for(lambda: is_active(leader, agent), 5, "active again")


def test_an_agent_which_takes_its_leave_still_answers_when_the_leader_has_forgotten_it(lab):
    (leader, *_), (agent,) = start_cluster(lab)
    slave_id = entry(leader, agent)["id"]
    agent.send(signal.SIGUSR1)
    wait_for(lambda: entry(leader, agent) is None, 1, "unregistered")
    assert agent.metric(REGISTERED) == 1.0
    assert leader.metric("master/slave_removals/reason_unregistered") == 1.0
    assert agent.wait(5) == 0
    agent.start()
    wait_for(lambda: is_active(leader, agent), 10, "back")
    assert entry(leader, agent)["id"] == slave_id
    assert agent.ask("/state").json["frameworks"] == []


def test_tasks_may_die_while_the_agent_is_down(lab):
    masters, (agent,) = start_cluster(lab)
    agent.kill()
    agent.scenario(tasks_failed=1).start()
    wait_for(lambda: is_active(masters[0], agent), 10, "active")
    assert agent.metric("slave/tasks_failed") == 1.0
    assert masters[0].metric("master/tasks_running") == 1.0
    assert masters[0].metric("master/tasks_failed") == 1.0


def test_an_agent_which_refuses_recovery_exits_with_the_words_of_mesos(lab):
    agent = lab.agent(1).scenario(refuse_recovery=True).start()
    assert agent.wait(5) == 1
    assert ("EXIT with status 1: Failed to perform recovery: Configuration change not permitted "
            "under `additive` policy: ") in agent.log


# ---------------------------------------------------------------- scenarios of both
def test_a_hung_master_accepts_and_never_answers(lab):
    master = lab.master(1).start()
    wait_for(lambda: master.ask("/health").status == 200, 10, "health")
    master.scenario(hang=True)
    wait_for(lambda: master.ask("/health", timeout=1).error == "timeout", 5, "a hang")
    socket.create_connection((master.ip, master.port), 1).close()


def test_a_flapping_agent_is_green_red_and_green_again(lab):
    masters, (agent,) = start_cluster(lab)
    agent.scenario(flap={"green": 1, "red": 2})
    assert agent.metric(REGISTERED) == 1.0
    wait_for(lambda: agent.ask("/health").error == "refused", 5, "red")
    wait_for(lambda: not is_active(masters[0], agent), 5, "inactive")
    wait_for(lambda: is_active(masters[0], agent), 10, "green again")


def test_a_slow_start_a_wrong_version_and_staying_down_can_be_had(lab):
    begin = time.monotonic()
    agent = lab.agent(1).scenario(start_delay=1, version="1.9.9").start()
    wait_for(lambda: agent.ask("/health").status == 200, 10, "a start")
    assert time.monotonic() - begin >= 1
    assert agent.ask("/version").json["version"] == "1.9.9"
    agent.scenario(down=True)
    wait_for(lambda: agent.ask("/health").error == "refused", 5, "down")
    agent.scenario()
    wait_for(lambda: agent.ask("/version").status == 200, 5, "up")
    assert agent.ask("/version").json["version"] == "1.11.0"


def test_only_the_given_address_is_listened_on(lab):
    agent = lab.agent(1).start()
    wait_for(lambda: agent.ask("/health").status == 200, 10, "a start")
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((f"{agent.ip.rpartition('.')[0]}.99", agent.port), 1)


def test_the_answers_have_the_form_of_those_of_mesos():
    done = subprocess.run([f"{HERE}/../../scripts/standin-check", "mesos"], text=True, check=False,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert done.returncode == 0, done.stdout
