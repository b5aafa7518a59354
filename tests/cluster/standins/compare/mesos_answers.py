# SPDX-License-Identifier: Apache-2.0
"""Brings the Mesos stand-ins into the situations of the captures, and of the samples of Mesos.

Needs a ZooKeeper, but neither hosts nor root.
"""

import contextlib
import re

import captured
from checks import answered
from standin_lab import Lab, ZooKeeper, ask, is_active, leader_of, wait_for

HEALTH = {"method": "POST", "body": {"type": "GET_HEALTH"}}
SAMPLES = ("mesos-agent-", "mesos-master-metrics-", "mesos-version-")  # beginnings of their names


def fetch(standin, name):
    """What a capture of this name asks for."""
    if name == "api_v1_GET_HEALTH":
        return standin.ask("/api/v1", **HEALTH)
    if name == "metrics_snapshot":
        return standin.ask("/metrics/snapshot?timeout=2secs")
    path = re.sub(r"\.1\._", "(1)/", name)
    return standin.ask("/" + re.sub(r"^(master|metrics)_", r"\1/", path))


def metrics(standin):
    """As a sample is compared with it."""
    return answered(fetch(standin, "metrics_snapshot"))


def has_all_keys(master):
    """Its first seconds are over."""
    return master.metric("allocator/mesos/allocation_run_ms/p50") is not None


def all_of(check, prefix, paths, standin):
    """The usual paths of a master or an agent."""
    for path in paths:
        check.answer(prefix + path, fetch(standin, path))


# ---------------------------------------------------------------- situations
def check_starts(check, like, lab):
    """No ZooKeeper: a master alone with itself from its first moment on, and an agent."""
    master = lab.master(1).scenario(age=0.05).start()
    wait_for(lambda: not master.ask("/health").error, 10, "a port")
    check.answer(captured.START + "redirect.04", master.ask("/redirect"))
    check.answer(captured.START + "metrics_snapshot.03", fetch(master, "metrics_snapshot"))
    master.scenario(age=1)
    wait_for(lambda: master.metric("master/elected") is not None, 5, "more keys")
    check.answer(captured.EARLY, fetch(master, "metrics_snapshot"))
    agent = lab.agent(1).scenario(recovery_time=600).start()
    wait_for(lambda: agent.metric("slave/registered") is not None, 10, "a start")
    check.answer(captured.RECOVERING + "state.05", agent.ask("/state"))
    check.answer(captured.RECOVERING + "metrics_snapshot.05", fetch(agent, "metrics_snapshot"))
    like.compare("mesos-agent-503-recovering.txt", answered(agent.ask("/state")))
    agent.kill()
    agent.scenario().start()
    wait_for(lambda: agent.ask("/state").status == 200, 5, "end of recovery")
    all_of(check, "07-quorum-loss/no-master-a3-", captured.AGENT, agent)
    like.compare("mesos-agent-metrics-not-registered.json", metrics(agent))
    master.scenario()
    wait_for(lambda: has_all_keys(master), 5, "all keys")
    all_of(check, "01-no-zookeeper/m1-", captured.MASTER, master)
    like.compare("mesos-master-metrics-not-recovered.json", metrics(master))
    lab.zookeeper.start()
    return [master, lab.master(2).start(), lab.master(3).start()], [agent, lab.agent(2).start()]


def settle(masters, agents):
    """The leader, when all is well."""
    leader = wait_for(lambda: leader_of(masters), 15, "a leader")
    for agent in agents:
        wait_for(lambda one=agent: is_active(leader, one), 10, f"{agent.name} active")
    for master in masters:
        wait_for(lambda one=master: has_all_keys(one), 10, "all keys")
    return leader


def check_steady(check, masters, agents):
    """All is well."""
    leader = settle(masters, agents)
    follower = next(master for master in masters if master is not leader)
    all_of(check, "04-steady/m1-", captured.MASTER, leader)
    all_of(check, "04-steady/m2-", captured.MASTER, follower)
    all_of(check, "04-steady/a1-", captured.AGENT, agents[0])
    snapshot = "/metrics/snapshot"
    for name, path, options in [
        ("m1-unknown-path", "/nosuch", {}),
        ("m1-HEAD-metrics", snapshot, {"method": "HEAD"}),
        ("m1-POST-metrics", snapshot, {"method": "POST"}),
        ("m1-gzip", snapshot, {"headers": {"Accept-Encoding": "gzip"}}),
        ("m1-metrics_snapshot-timeout", snapshot + "?timeout=1secs", {}),
        ("m1-metrics_snapshot-badtimeout", snapshot + "?timeout=abc", {}),
        ("leader-slaves-unknown-id", "/slaves?slave_id=nosuch", {}),
    ]:
        check.answer(f"04-steady/{name}", ask(leader.address, path, **options))
    return leader


def check_samples(like, masters, agents, leader):
    """All is well, and what may be missing or bad in metrics."""
    follower = next(master for master in masters if master is not leader)
    like.compare("mesos-master-metrics-leader-recovered.json", metrics(leader))
    like.compare("mesos-master-metrics-standby-recovered.json", metrics(follower))
    like.compare("mesos-version-2.1.0.json", answered(follower.ask("/version")))
    like.compare("mesos-agent-metrics-registered.json", metrics(agents[0]))
    agents[0].scenario(recovery_errors=3)
    follower.scenario(no_registrar_keys="registrar/log/recovered")
    like.compare_within(5, "mesos-agent-metrics-recovery-errors.json", lambda: metrics(agents[0]))
    like.compare_within(5, "mesos-master-metrics-no-registrar-key.json", lambda: metrics(follower))
    leader.scenario(unreachable_after=0.5)
    agents[1].kill()
    like.compare_within(10, "mesos-master-metrics-leader-2-agents-missing.json", lambda: metrics(leader))
    for standin in (agents[0], leader, follower):
        standin.scenario()
    agents[1].start()
    settle(masters, agents)


def check_draining(check, agent, leader):
    """The leader drains an agent, which has registered more than once."""
    leader.scenario(drained=[agent.ip])
    wait_for(lambda: not is_active(leader, agent), 10, f"{agent.name} deactivated")
    slave_id = agent.ask("/state").json["id"]
    check.answer(captured.DRAINING, leader.ask(f"/slaves?slave_id={slave_id}"))
    leader.scenario()
    wait_for(lambda: is_active(leader, agent), 10, f"{agent.name} active")


def check_failover(check, masters, agents, leader):
    """The leader dies while the agents are away; then they come back."""
    for standin in [*agents, leader]:
        standin.kill()
    rest = [master for master in masters if master is not leader]
    leader = wait_for(lambda: leader_of(rest), 15, "the next leader")
    check.answer(captured.FAILOVER, leader.ask("/slaves"))
    for agent in agents:
        agent.start()
        wait_for(lambda one=agent: is_active(leader, one), 10, f"{agent.name} active")
    check.answer("06-leader-failover/after-m2-slaves", leader.ask("/slaves"))


def check_alone(check, masters, agents):
    """One of three masters, elected, recovered and without quorum."""
    for standin in [*agents, *masters]:
        standin.kill()
    alone = masters[1].start()
    own = f"//{alone.address}"
    wait_for(lambda: alone.ask("/redirect").header("Location") == own and
             alone.metric("master/elected") == 1.0, 15, "elected")
    wait_for(lambda: has_all_keys(alone), 10, "all keys")
    all_of(check, "07-quorum-loss/alone-m2-", captured.MASTER, alone)


def check_all(check, like):
    """All situations; `check` is Answers, `like` is Samples."""
    zookeeper = ZooKeeper(1)
    with contextlib.closing(zookeeper), Lab(1, zookeeper) as lab:
        masters, agents = check_starts(check, like, lab)
        leader = check_steady(check, masters, agents)
        check_samples(like, masters, agents, leader)
        check_draining(check, agents[1], leader)
        check_failover(check, masters, agents, leader)
        check_alone(check, masters, agents)
