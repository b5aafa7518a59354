# SPDX-License-Identifier: Apache-2.0
"""Six hosts on which nothing of rollpatch is, and a bootstrap host that has only its programs: what
`rollpatch init` and `token create` print goes into Ansible's variables, and the role of contrib/ansible
does the rest. Then what makes an operator run it again: nothing, and a lost key of the coordinator."""

import json
import os
import re
import subprocess

import pytest
from dcos import BOOTSTRAP, DcosCluster
from product import BUILD, PORT, STATE, TOP, installed_tree
from rig import RigError, wait_for
from rig_ssh import Ssh

PLAYBOOK = f"{TOP}/contrib/ansible/enrol.yml"
GROUPS = {"masters": "master", "agents": "agent", "public_agents": "public"}
INIT = ["init", "--cluster", DcosCluster.name, "--masters", "m1,m2,m3", "--listen", f"{BOOTSTRAP}:{PORT}"]


ELSEWHERE = "10.77.0.9"
RESTORE = f"""
base64 -d /root/saved.tar > /root/state.tar
rollpatch state check /root/state.tar
install -d -m 0700 {STATE}
tar -xpf /root/state.tar -C {STATE}
mkdir -p /etc/rollpatch
mv {STATE}/rollpatchd.yaml /etc/rollpatch/
sed -i 's/{BOOTSTRAP}/{ELSEWHERE}/' /etc/rollpatch/rollpatchd.yaml
systemctl enable --quiet --now rollpatchd
"""


class Site:
    """The cluster, and the machine on which Ansible runs."""

    def __init__(self, rig, directory):
        self.cluster = DcosCluster(rig, f"{directory}/dcos", configured=False)
        self.ssh = Ssh(f"{directory}/ssh")
        self.archive = f"{directory}/rollpatch-agent.tar.gz"
        subprocess.run(  # as the role's README.md says
            ["tar", "-C", f"{BUILD}/tree-node-agent", "-czf", self.archive, "--owner", "root",
             "--group", "root", "usr"], check=True,
        )
        for node in self.cluster.nodes.values():
            self.ssh.admit(node.host)
        self.ssh.inventory({
            group: [node.host for node in self.cluster.of_role(role)] for group, role in GROUPS.items()
        })

    def init(self):
        """The coordinator's keys and configuration; what it says belongs on every node."""
        keys = self.cluster.ask(*INIT)
        return {
            "rollpatch_cluster": DcosCluster.name, "rollpatch_coordinator": f"{BOOTSTRAP}:{PORT}",
            "rollpatch_coordinator_key": keys["coordinator_key"],
            "rollpatch_signing_key": keys["signing_key"],
            "rollpatch_agent_archive": self.archive,
            "rollpatch_agent_settings": {"spread": "0s"},
        }

    def start_rollpatchd(self):
        """And have it from every boot on."""
        self.cluster.bootstrap.run(["systemctl", "enable", "--quiet", "--now", "rollpatchd.service"])
        wait_for(self.cluster.status, 10, "rollpatchd's answer")

    def tokens(self):
        """One for each role, for as many as there are."""
        uses = {"master": 3, "agent": 2, "public-agent": 1}
        return {
            role: self.cluster.ask("token", "create", "--role", role, "--uses", str(count))["token"]
            for role, count in uses.items()
        }

    def enrol(self, variables, tokens):
        """Run the playbook; {host: what was changed there}."""
        out = self.ssh.playbook(PLAYBOOK, {**variables, "rollpatch_tokens": tokens})
        with open(f"{os.environ['RIG_LOGS']}/ansible.log", "a", encoding="utf-8") as log:
            log.write(out)
        for token in tokens.values():
            assert token not in out, "a token is a secret"
        return {name: int(count) for name, count in re.findall(r"^(\w+) +: ok=\d+ +changed=(\d+)", out, re.M)}

    def enrolled(self):
        """{name: role} of those that are in."""
        nodes = self.cluster.ask("nodes")["nodes"]
        return {node["name"]: node["role"] for node in nodes if node["enrolment"] == "enrolled"}


@pytest.fixture(scope="module", name="site")
def fixture_site(rig, tmp_path_factory):
    made = Site(rig, str(tmp_path_factory.mktemp("site")))
    made.cluster.boot()
    made.cluster.wait_healthy(90)
    yield made
    made.cluster.close()


EVERYBODY = {
    "m1": "master", "m2": "master", "m3": "master", "a1": "agent", "a2": "agent", "p1": "public-agent",
}


def assert_all_in(site):
    site.cluster.wait_claimed(60)
    assert site.enrolled() == EVERYBODY
    for node in site.cluster.nodes.values():
        assert not node.host.exists("/etc/rollpatch/join"), f"{node.name} keeps its token"
        assert node.host.run(["stat", "-c", "%a", f"{STATE}/channel.key"]).stdout == "600\n"


def test_six_hosts_enrol_from_two_files_and_a_second_run_changes_nothing(site):
    variables = site.init()
    site.start_rollpatchd()
    tokens = site.tokens()
    changed = site.enrol(variables, tokens)
    assert set(changed) == set(EVERYBODY) and all(changed.values()), changed
    assert_all_in(site)

    assert site.enrol(variables, tokens) == dict.fromkeys(EVERYBODY, 0)
    assert_all_in(site)
    assert {token["state"] for token in site.cluster.ask("token", "list")["tokens"]} == {"used-up"}


def test_what_has_enrolled_so_can_be_patched(site):
    cluster = site.cluster
    waived = cluster.cli("waive", "gate-floor", "--reason", "a test")
    assert waived.returncode == 0, waived.stderr
    done = cluster.cli("run", cluster.plan(), "--yes", "--cluster", cluster.name)
    assert done.returncode == 0, done.stderr
    assert cluster.wait_run("finished", "halted", timeout=180)["run"]["state"] == "finished"
    assert [cluster.executions(name) for name in EVERYBODY] == [1] * len(EVERYBODY)


def test_after_a_lost_coordinator_key_the_nodes_are_told_the_new_one_and_are_in_again(site):
    """The log is there, so that nobody needs a new token: a node's own key is the old one."""
    cluster = site.cluster
    cluster.bootstrap.run(["systemctl", "stop", "rollpatchd.service"])
    cluster.bootstrap.run(["rm", f"{STATE}/channel.key"])
    refused = cluster.bootstrap.run(["rollpatchd"], check=False)
    assert refused.returncode == 1 and "rollpatch init" in refused.stderr, refused.stderr

    variables = site.init()
    site.start_rollpatchd()
    with pytest.raises(RigError):
        wait_for(lambda: cluster.shown("m1")["link"] == "fresh", 3, "a word that nobody can understand")
    changed = site.enrol(variables, site.tokens())
    assert set(changed) == set(EVERYBODY) and all(changed.values()), changed
    wait_for(lambda: all(cluster.shown(name)["link"] == "fresh" for name in EVERYBODY), 60, "all nodes")
    assert_all_in(site)


def test_after_a_lost_log_and_key_the_nodes_join_a_new_coordinator_and_tell_what_they_have_done(site):
    cluster = site.cluster
    cluster.bootstrap.run(["systemctl", "stop", "rollpatchd.service"])
    cluster.bootstrap.run(["sh", "-c", f"rm {STATE}/*"])
    variables = site.init()
    site.start_rollpatchd()
    assert site.enrolled() == {}

    site.enrol(variables, site.tokens())
    assert_all_in(site)
    status = cluster.status()
    assert status["coordinator"]["claim"] == "complete"
    assert {node["version"] for node in status["nodes"]} == {cluster.to_version}
    assert json.dumps(status["problems"]) == "[]"


def test_a_saved_coordinator_goes_on_on_another_machine_and_the_old_one_is_deposed(site, rig):
    """By docs/operations.md; then a master is told of the old one again, by an old file say."""
    old, cluster = site.cluster.bootstrap, site.cluster
    variables = site.init()
    assert cluster.cli("state", "save", "/root/saved.tar").returncode == 0
    assert old.run(["stat", "-c", "%a", "/root/saved.tar"]).stdout == "600\n"

    new = rig.add_host("b1", ELSEWHERE)
    new.install_tree(installed_tree())
    new.boot()
    new.wait_up()
    new.write("/root/saved.tar", old.run(["base64", "/root/saved.tar"]).stdout)
    new.run(["sh", "-ec", RESTORE])
    cluster.bootstrap = new
    wait_for(cluster.status, 10, "the restored rollpatchd's answer")
    assert site.enrolled() == EVERYBODY

    site.enrol({**variables, "rollpatch_coordinator": f"{ELSEWHERE}:{PORT}"}, site.tokens())
    assert_all_in(site)
    moved = "sed -i s/{}/{}/ /etc/rollpatch/agent.yaml; systemctl restart rollpatch-agent"
    cluster.node("m3").host.run(["sh", "-c", moved.format(ELSEWHERE, BOOTSTRAP)])
    cluster.bootstrap = old
    wait_for(lambda: "m3 obeys another coordinator" in json.dumps(cluster.status()["problems"]), 60,
             "the old rollpatchd to notice that it is not the coordinator any more")
    cluster.node("m3").host.run(["sh", "-c", moved.format(BOOTSTRAP, ELSEWHERE)])
    cluster.bootstrap = new
    wait_for(lambda: cluster.shown("m3")["link"] == "fresh", 60, "m3")
    assert_all_in(site)
