# SPDX-License-Identifier: Apache-2.0
"""Who is let in, from outside: whoever is refused reads why in its own journal, the operator reads it
in `nodes` and `audit`, and what the messages say to type is what helps."""

import re

import pytest
from product import JOIN, STATE, agent_config
from rig import wait_for

from lab import ADDRESS

UNIT = "rollpatch-agent.service"
KEY_FILE = f"{STATE}/channel.key"
CLUSTER_ID = "/var/lib/dcos/cluster-id"
OURS, THEIRS = "11111111-2222-3333-4444-555555555555", "99999999-2222-3333-4444-555555555555"


def drop(node, token, mode="0600"):
    """As config management does it: whole, and with its mode."""
    node.host.run(
        ["sh", "-c", f"umask 077; cat > {JOIN}.new; chmod {mode} {JOIN}.new; mv {JOIN}.new {JOIN}"],
        input=token + "\n",
    )


def hears(node, text, timeout=30):
    """Until the node's journal says this."""
    wait_for(lambda: text in node.host.journal(UNIT), timeout, f"'{text}' in the journal of {node.name}")


def audited(lab, refusal, node=None):
    """Until such a line is in the audit; returns it."""
    def found():
        return next((entry for entry in lab.ask("audit")["entries"]
                     if entry["verb"] == "(turned away)" and entry.get("reason") == refusal
                     and node in (None, entry.get("arguments"))), None)
    return wait_for(found, 20, f"{refusal} in the audit")


def enrolment(lab, name):
    """What `nodes` says of it."""
    return {row.get("enrolment") for row in lab.ask("nodes")["nodes"] if row["name"] == name}


def token(lab, role="agent", *more):
    """The token itself, made now."""
    return lab.ask("token", "create", "--role", role, *more)["token"]


def key_of(lab, name):
    """The one that counts."""
    keys = lab.ask("node", "show", name)["keys"]
    (key,) = [row["key"] for row in keys if row["enrolment"] == "enrolled" and not row.get("unused")]
    return key


def heard_again(lab, node):
    """Until the node says something new."""
    before = lab.shown(node.name)["seen"]
    wait_for(lambda: (lab.shown(node.name) or {}).get("seen", 0) > before
             and lab.shown(node.name)["link"] == "fresh", 40, f"{node.name} to be heard")


def restart_agent(node):
    """And wait for nothing."""
    node.host.run(["systemctl", "restart", UNIT])


@pytest.fixture(name="site")
def fixture_site(lab):
    """A master that is in, and an agent that has come with nothing."""
    lab.add_node("m1", "10.77.0.11")
    lab.add_node("a1", "10.77.0.21", "slave")
    lab.nodes["m1"].host.write(CLUSTER_ID, OURS + "\n")
    lab.keep_out("a1")
    lab.start_coordinator()
    for node in lab.nodes.values():
        node.host.boot()
    for node in lab.nodes.values():
        node.host.wait_up()
    lab.wait_known(["m1"])
    return lab


def test_a_token_that_is_no_good_is_refused_with_its_reason_on_both_sides(site):
    agent = site.nodes["a1"]
    hears(agent, "waiting to be approved; the operator says: rollpatch node approve ")
    assert enrolment(site, "a1") == {"pending"}
    audited(site, "key.pending", "a1")

    revoked = token(site)
    assert site.cli("token", "revoke", revoked.split(".")[0]).returncode == 0
    expired = token(site, "agent", "--ttl", "1s")
    good = token(site)
    wait_for(lambda: "expired" in {row["state"] for row in site.ask("token", "list")["tokens"]}, 10,
             "the token to expire")
    used_up = next(row["id"] for row in site.ask("token", "list")["tokens"] if row["used"] == 1)
    no_good = [
        (revoked, "was revoked: put a new one into the join file", "token.revoked"),
        (expired, "has expired: put a new one into the join file", "token.expired"),
        (token(site, "public-agent"), "is not for the role agent", "token.role"),
        (token(site, "agent", "--name", "other-*"), "is not for a node called a1", "token.name"),
        (used_up + good[16:], "cannot open our hello", "token.wrong"),
        ("0" * 16 + good[16:], "does not know the join token", "token.unknown"),
    ]
    for shown, reason, refusal in no_good:
        drop(agent, shown)
        hears(agent, reason)
        audited(site, refusal)
        assert site.shown("a1") is None, "nothing has joined"

    drop(agent, good, mode="0644")
    hears(agent, "has mode 0644, want 0600")
    assert site.shown("a1") is None
    agent.host.run(["chmod", "0600", JOIN])
    wait_for(lambda: site.shown("a1"), 20, "the node to join")
    wait_for(lambda: not agent.host.exists(JOIN), 10, "the token to be removed")
    assert enrolment(site, "a1") == {"enrolled"}

    # What is known stays known, whoever is restarted; a token that is dropped again costs nothing.
    key = key_of(site, "a1")
    site.kill_coordinator()
    site.start_coordinator()
    restart_agent(agent)
    wait_for(lambda: site.shown("a1")["link"] == "fresh", 40, "the node to be heard")
    assert key_of(site, "a1") == key


def test_a_node_without_a_token_waits_for_a_person_and_poses_as_nobody(site):
    agent = site.nodes["a1"]
    hears(agent, "waiting to be approved")
    fingerprint = re.search(r"node approve ([A-Z2-7-]{24})", agent.host.journal(UNIT)).group(1)
    assert f"The fingerprint of this node's key is {fingerprint}." in agent.host.journal(UNIT)

    agent.host.write("/etc/rollpatch/agent.yaml", agent_config(ADDRESS, "m1", "lab"))
    restart_agent(agent)
    hears(agent, "m1 is a master by the coordinator's list, and agent by its own files")
    audited(site, "master.listed", "m1")

    agent.host.write("/etc/rollpatch/agent.yaml", agent_config(ADDRESS, "a1", "lab"))
    agent.host.write(CLUSTER_ID, THEIRS + "\n")
    restart_agent(agent)
    hears(agent, "the agent.yaml of another cluster was put here")
    audited(site, "cluster.mixed", "a1")
    assert site.shown("a1") is None

    agent.host.write(CLUSTER_ID, OURS + "\n")
    restart_agent(agent)
    wait_for(lambda: "key.pending" in {row.get("refused") for row in site.ask("nodes")["nodes"]}, 20,
             "the node to wait for a person again")
    assert site.cli("node", "approve", fingerprint).returncode == 0
    wait_for(lambda: site.shown("a1"), 20, "the node to be let in")

    # The name has a key now: whoever comes with another one is not a1, however good its token.
    agent.host.run(["systemctl", "stop", UNIT])
    agent.host.run(["mv", KEY_FILE, "/root/channel.key"])
    drop(agent, token(site))
    agent.host.run(["systemctl", "start", UNIT])
    hears(agent, "the name a1 belongs to another key already")
    audited(site, "name.conflict", "a1")
    agent.host.run(["systemctl", "stop", UNIT])
    agent.host.run(["mv", "/root/channel.key", KEY_FILE])
    agent.host.run(["systemctl", "start", UNIT])
    heard_again(site, agent)


def test_a_revoked_node_is_lost_at_once_and_joins_again_with_a_new_key(site):
    master = site.nodes["m1"]
    old = key_of(site, "m1")
    assert site.cli("node", "revoke", "m1", "--reason", "stolen").returncode == 0
    assert site.shown("m1")["link"] == "lost"
    hears(master, "was revoked: remove the key file, put a new join token into the join file")
    (problem,) = [row for row in site.status()["problems"] if "m1" in row["message"]]
    assert "key was revoked" in problem["message"] and problem["level"] == "error"
    refused = site.run()
    assert refused.returncode != 0 and "m1's key was revoked" in refused.stderr, refused.stderr
    assert site.run_state() is None and master.executions() == 0

    master.host.run(["systemctl", "stop", UNIT])
    master.host.run(["rm", KEY_FILE])
    drop(master, token(site, "master"))
    master.host.run(["systemctl", "start", UNIT])
    wait_for(lambda: site.shown("m1")["link"] == "fresh", 40, "the node to join again")
    assert key_of(site, "m1") != old


def test_a_node_gets_another_key_however_often_its_agent_is_killed_meanwhile(lab):
    node = lab.add_node("m1", "10.77.0.11")
    node.crash_at("key-saved")
    lab.start_coordinator()
    node.host.boot()
    node.host.wait_up()
    lab.wait_claimed()
    first = key_of(lab, "m1")

    assert lab.cli("node", "rekey", "m1").returncode == 0
    wait_for(lambda: node.reached("key-saved"), 30, "the new key on disk")
    assert key_of(lab, "m1") == first
    node.crash_at("key-in-place")
    node.host.run(["systemctl", "daemon-reload"])
    node.kill_agent()
    wait_for(lambda: node.reached("key-in-place"), 60, "the new key in its place")
    node.kill_agent()
    wait_for(lambda: key_of(lab, "m1") != first, 60, "the new key to be used")
    heard_again(lab, node)

    second = key_of(lab, "m1")
    keys = {row["key"]: row for row in lab.ask("node", "show", "m1")["keys"]}
    assert set(keys) == {first, second} and keys[first]["enrolment"] == "revoked"
    hears(node, f"The fingerprint of this node's key is {keys[second]['fingerprint']}.")
    assert not node.host.exists(f"{STATE}/next.key")
    restart_agent(node)
    heard_again(lab, node)
    assert key_of(lab, "m1") == second
