# SPDX-License-Identifier: Apache-2.0
"""Brings the stand-ins of DC/OS into the situations of the samples.

On hosts, and therefore within tests/cluster/enter.
"""

import os
import tempfile

import rig_root
from checks import answered, ended, said
from dcos import URL, DcosCluster
from dcos_packages import ROLES, Generation, lay_out, make_script
from exhibitor import srvr, srvr_mode
from rig import Rig, wait_for
from standin_lab import ask

BIN = "/opt/mesosphere/bin"
ETC = "/opt/mesosphere/etc"
SCRIPT = "dcos_node_upgrade.sh"
MASTERS = ["10.77.0.11", "10.77.0.12", "10.77.0.13"]
LABELS = {"master": "master", "agent": "agent", "public": "public-agent"}  # in names of samples
VERSIONS = {"1.13.9": "1.13.9", "2.0.6": "2.0.6", "2.1": "2.1.0", "2.2.1": "2.2.1"}
PATIENCE = 20  # seconds


# ---------------------------------------------------------------- files of a node
class Layout:
    """A node that is laid out, and has never run."""

    def __init__(self, directory, version, role):
        self.root = f"{directory}/{version}-{role}"
        lay_out(self.root, role, Generation(version, MASTERS, URL), URL)

    def read(self, path):
        """A file; links lead to files within the node."""
        return said(rig_root.read_file(self.root, path).decode())

    def names(self, path):
        """Of a directory, one a line."""
        return "".join(f"{name}\n" for name in sorted(os.listdir(f"{self.root}{path}")))


def check_layouts(check, directory):
    """What the generator and an installation leave."""
    for label, version in VERSIONS.items():
        for role, role_label in LABELS.items():
            units = Layout(directory, version, role).names("/etc/systemd/system/dcos.target.wants")
            check.compare(f"dcos-target-wants-{label}-{role_label}.txt", said(units))
    for version, names in {
        "1.13.9": ["1.13.9-open"], "2.1.0": ["2.1.0"], "2.1.1": ["2.1.1", "2.1.1-open"],
    }.items():
        seen = Layout(f"{directory}/files", version, "public").read(f"{ETC}/dcos-version.json")
        for name in names:
            check.compare(f"dcos-version-{name}.json", seen)


def check_files(check, nodes):
    """The files of nodes that run; `nodes` has one of each role."""
    master, agent, public = nodes
    for name, path in {
        "master_count": f"{ETC}/master_count", "master_list": f"{ETC}/master_list",
        "dcos-check-config-open.json": f"{ETC}/dcos-check-config.json",
        "user.config.yaml": f"{ETC}/user.config.yaml",
        "expanded.config-excerpt.json": f"{ETC}/expanded.config.json",
        "environment-excerpt.env": "/opt/mesosphere/environment",
        "setup-flags/repository-url": "/etc/mesosphere/setup-flags/repository-url",
        "setup-flags/cluster-package-list": "/etc/mesosphere/setup-flags/cluster-package-list",
    }.items():
        check.compare(name, said(master.host.read(path)))
    for name, node in (("master", master), ("agent", agent)):
        text = node.host.read(f"{ETC}/dcos-check-runner.yaml")
        check.compare(f"dcos-check-runner-{name}.yaml", said(text))
    lines = [f"{label}: {path} (empty file)\n" for label, node in zip(
        ("master", "private agent", "public agent"), (master, agent, public))
        for path in run(node, "find", "/etc/mesosphere/roles", "-type", "f", "-empty").stdout.split()]
    check.compare("roles-tree.txt", said("".join(lines)))
    check.compare("detect_ip.stdout.txt", ended(run(master, f"{BIN}/detect_ip")))
    check.compare("mesos-master-version.txt", ended(run(master, f"{BIN}/mesos-master", "--version")))
    check.compare("pkgpanda-active-2.1.0.txt", ended(pkgpanda(agent, "active")))
    for label, node in (("master", master), ("agent", agent), ("public-agent", public)):
        check.compare_within(PATIENCE, f"systemctl-list-dcos-units-{label}.txt",
                             lambda one=node: list_units(one))


def list_units(node):
    """After the checks, which fail while a node is only starting."""
    run(node, "systemctl", "start", "dcos-checks-poststart.service")
    return ended(run(node, "systemctl", "list-units", "dcos*", "--all", "--no-pager"))


# ---------------------------------------------------------------- programs of a node
def run(node, *command):
    """CompletedProcess, whatever its status."""
    return node.host.run([*command], check=False, timeout=60)


def pkgpanda(node, *words):
    """In DC/OS' environment."""
    return run(node, f"{BIN}/dcos-shell", "pkgpanda", *words)


def runner(node, *words):
    """dcos-check-runner check ..."""
    return run(node, f"{BIN}/dcos-check-runner", "check", *words)


def journal(node, unit):
    """Messages of a unit since the boot."""
    run(node, "journalctl", "--sync")
    return said(run(node, "journalctl", "--boot", "--output=cat", f"--unit={unit}").stdout)


def check_runner(check, master, agent):
    """The checks, of healthy and of sick nodes; exit statuses lie."""
    prefix = "check-runner-node-poststart"
    for name, node in ((f"{prefix}-ok.json", master), (f"{prefix}-agent-ok.json", agent)):
        check.compare_within(PATIENCE, name, lambda one=node: ended(runner(one, "node-poststart")))
    check.compare("check-runner-cluster-empty.json", ended(runner(master, "cluster")))
    done = runner(master, "node-poststart", "cluster")
    check.compare("check-runner-error-not-found.json", ended(done))
    check.compare("check-runner-usage-stdout.txt", ended(runner(master)))
    with moved(master, f"{ETC}/dcos-check-config.json"):
        done = runner(master, "node-poststart")
    check.compare("check-runner-fatal-stderr.txt", ended(done, done.stderr))
    for status in (0, 3):
        master.scenario({"checks": {"site": "missing", "other": {"status": status}}})
        done = runner(master, "node-poststart", "site", "other")
        check.compare("check-runner-error-exec.json", ended(done))
    for name, wrong in {
        "warning": {"site_disk_space": {"status": 1, "output": "root filesystem 85% full\n"}},
        "timeout": {"docker": {"hangs": "1s"}},
    }.items():
        master.scenario({"checks": wrong})
        check.compare(f"{prefix}-{name}.json", ended(runner(master, "node-poststart")))
    master.scenario({"cockroach": "underreplicated", "dcos-net": "crashes"})
    run(master, "systemctl", "restart", "dcos-net.service")
    check.compare_within(PATIENCE, f"{prefix}-fail.json",
                         lambda: ended(runner(master, "node-poststart")))
    check.compare("journal/dcos-net-ip-changed.txt", journal(master, "dcos-net"))
    master.scenario({"dcos-net": "bad-detect-ip"})
    check.compare("journal/dcos-net-bad-detect-ip.txt", said(run(master, f"{BIN}/dcos-net").stderr))
    master.scenario({"mesos_down": True})
    run(master, "systemctl", "restart", "dcos-net.service")
    check.compare_within(PATIENCE, f"{prefix}-unknown.json",
                         lambda: ended(runner(master, "node-poststart")))
    master.scenario()
    agent.scenario({"mesos_recovery_time": 600})
    run(agent, "systemctl", "restart", "dcos-mesos-slave.service")
    check.compare_within(PATIENCE, f"{prefix}-agent-fail.json",
                         lambda: ended(runner(agent, "node-poststart")))
    agent.scenario()
    run(agent, "systemctl", "restart", "dcos-mesos-slave.service")


class moved:  # pylint: disable=invalid-name  # reads as a verb
    """A file of a node is away for a while."""

    def __init__(self, node, path):
        self._node, self._path = node, path

    def __enter__(self):
        self._node.host.run(["mv", self._path, f"{self._path}.away"])

    def __exit__(self, *_):
        self._node.host.run(["mv", f"{self._path}.away", self._path])


COCKROACH = "cockroach-node-status"
TSV = f"{COCKROACH}-tsv-v2.1.8"


def check_cockroach(check, master):
    """`node status --ranges` of a healthy and of a sick database."""
    def status(form="tsv"):
        return run(master, f"{BIN}/cockroach", "node", "status", "--ranges", "--insecure",
                   f"--host={master.address}", f"--format={form}")

    for name, wrong, form in [
        (f"{TSV}.txt", None, "tsv"), (f"{COCKROACH}-tsv-v19.1.txt", None, "tsv"),
        (f"{COCKROACH}-csv-v19.1.txt", None, "csv"),
        (f"{COCKROACH}-records-v2.1.8.txt", None, "records"),
        (f"{COCKROACH}-table-v2.1.8.txt", None, "table"),
        (f"{COCKROACH}-table-v2.1.8-underreplicated.txt", "underreplicated", "table"),
        (f"{TSV}-underreplicated.txt", "underreplicated", "tsv"),
        (f"{TSV}-unavailable.txt", "unavailable", "tsv"),
        (f"{TSV}-null-dead-node.txt", "null", "tsv"),
        (f"{TSV}-mixed-during-upgrade.txt", "mixed", "tsv"),
        (f"{COCKROACH}-header-only.txt", "no-rows", "tsv"),
    ]:
        master.scenario({"cockroach": wrong})
        check.compare(name, ended(status(form)))
    for name, wrong in (("error", "error"), ("error-unreachable", "unreachable")):
        master.scenario({"cockroach": wrong})
        done = status()
        check.compare(f"{COCKROACH}-{name}.txt", ended(done, done.stderr))
    check_cockroach_http(check, master)
    master.scenario()


def check_cockroach_http(check, master):
    """The same over HTTP, which only this host may ask."""
    def nodes():
        shown = run(master, "curl", "-sS", "-H", "Accept: application/json", "-w",
                    "\n%{http_code} %{content_type}", "http://127.0.0.1:8090/_status/nodes").stdout
        text, _, last = shown.rpartition("\n")
        status, _, media = last.partition(" ")
        if status == "000":
            return {"error": "the port is closed"}
        return {"text": text, "status": int(status), "type": media}

    for name, wrong in (("ok", None), ("underreplicated", "underreplicated"), ("empty", "no-rows")):
        master.scenario({"cockroach_http": wrong})
        check.compare_within(PATIENCE, f"cockroach-http-status-nodes-{name}.json", nodes)


# ---------------------------------------------------------------- Exhibitor, ZooKeeper
def exhibitor(node, what="status"):
    """Its answer."""
    return answered(ask(f"{node.address}:8181", f"/exhibitor/v1/cluster/{what}"))


def check_exhibitor(check, masters):
    """Of three masters, of which one follower becomes sick."""
    def is_like(name, node):
        check.compare_within(PATIENCE, f"exhibitor-{name}", lambda: exhibitor(node))

    modes = {srvr_mode(node.address): node for node in masters}
    leader, node = modes["leader"], modes["follower"]
    is_like("status-3-serving.json", node)
    check.compare("exhibitor-state.json", exhibitor(leader, "state"))
    check.compare("exhibitor-list.json", exhibitor(node, "list"))
    check.compare("zk-srvr-leader.txt", said(srvr(leader.address) or ""))
    check.compare("zk-srvr-follower.txt", said(srvr(node.address) or ""))
    check.compare("journal/bootstrap-zk-ok.txt", said(run(node, f"{BIN}/bootstrap", "unit").stdout))
    for wrong, name in [
        ("latent", "1-latent.json"), ("down", "1-down.json"), ("too-few", "2-of-3-listed.json"),
        ("empty", "empty.json"), ("two-leaders", "2-leaders.json"), ("no-leader", "no-leader.json"),
        ("http-500", "500.html"), ("not-serving", "1-not-serving.json"),
    ]:
        node.scenario({"exhibitor": wrong})
        is_like(f"status-{name}", node)
    check.compare_within(PATIENCE, "zk-srvr-not-serving.txt", lambda: said(srvr(node.address) or ""))
    check.compare("journal/bootstrap-zk-latent.txt",
                  said(run(node, "timeout", "1", f"{BIN}/bootstrap", "unit").stdout))
    node.scenario({"exhibitor_restart": 3})
    wait_for(lambda: srvr_mode(node.address), PATIENCE, "a healthy ZooKeeper")
    run(node, "pkill", "-KILL", "-f", "QuorumPeerMain")
    for name in ("waiting", "restarting", "serving"):
        check.compare_within(PATIENCE, f"journal/exhibitor-{name}.txt",
                             lambda: journal(node, "dcos-exhibitor"))
    wait_for(lambda: srvr_mode(node.address), PATIENCE, "a healthy ZooKeeper")
    node.scenario()


def check_exhibitor_starts(check, node):
    """Exhibitor by hand, where it does not come up."""
    def start(ip):
        return run(node, f"{BIN}/exhibitor.py", "--ip", ip, "--ensemble", f"1:{node.address}",
                   "--dir", "/run/exhibitor-by-hand", "--scenario", "/var/lib/standin/scenario.json")

    check.compare("journal/exhibitor-bad-detect-ip.txt", said(start("10.77.0.99").stderr))
    node.scenario({"exhibitor": "time"})
    check.compare("journal/time-not-synced.txt", said(start(node.address).stderr))
    node.scenario()


# ---------------------------------------------------------------- Mesos agents
def check_refusals(check, agent):
    """An agent that refuses recovery, in three ways."""
    for name, reason in {
        "additive": True,
        "hostname": "Configuration change not permitted under `additive` policy: "
                    "Hostname changed from 10.77.0.21 to 10.77.0.22",
        "incompatible-old": "Incompatible agent info detected.",
    }.items():
        agent.scenario({"mesos_refuse_recovery": reason})
        run(agent, "systemctl", "restart", "dcos-mesos-slave.service")
        check.compare_within(PATIENCE, f"journal/agent-recovery-{name}.txt",
                             lambda: journal(agent, "dcos-mesos-slave"))
    agent.scenario()
    run(agent, "systemctl", "restart", "dcos-mesos-slave.service")


# ---------------------------------------------------------------- the script
class Scripts:
    """Scripts from one version to the next, and what they say on a node."""

    def __init__(self, cluster):
        self._serve = f"{cluster.dir}/serve"

    def make(self, start, version, resolver="8.8.8.8", served=True, without=None):
        """The script; its packages are served, but for the one named `without`."""
        made = Generation(version, MASTERS, URL, resolver)
        made.packages = {package: files for package, files in made.packages.items()
                         if package.partition("--")[0] != without}
        if served:
            made.serve(self._serve)
        return make_script(start, made, URL, 0)

    @staticmethod
    def run(node, script, *words, within=()):
        """On the node, by hand."""
        node.host.write(f"/run/{SCRIPT}", script)
        command = ["env", "--chdir=/run", *within, "bash", SCRIPT, *words]
        return node.host.run(command, check=False, timeout=120)


def check_refused_scripts(check, scripts, agent):
    """Where nothing is changed."""
    script = scripts.make("2.1.0", "2.1.1")
    done = scripts.run(agent, script, "-x")
    check.compare("node-script-bad-flag-exit1.txt", ended(done, done.stderr + done.stdout))
    done = scripts.run(agent, script, within=["unshare", "--user"])
    check.compare("node-script-not-root-exit1.stderr.txt", ended(done, done.stderr))
    with moved(agent, "/opt/mesosphere/environment.export"):
        done = scripts.run(agent, script)
    check.compare("node-script-no-environment-exit1.stderr.txt", ended(done, done.stderr))
    with moved(agent, f"{ETC}/dcos-version.json"):
        done = scripts.run(agent, script)
    check.compare("node-script-no-version-file-exit2.stderr.txt", ended(done, done.stderr))
    with moved(agent, f"/etc/mesosphere/roles/{ROLES['agent']}"):
        done = scripts.run(agent, script)
    check.compare("node-script-no-role-exit1.stdout.txt", ended(done))
    done = scripts.run(agent, scripts.make("2.1.0", "2.1.1", resolver="1.1.1.1", served=False))
    check.compare("node-script-fetch-failed-exit1.stderr.txt", ended(done, done.stderr))


def check_scripts(check, scripts, nodes):
    """Where they patch."""
    master, agent, public = nodes
    script = scripts.make("2.1.0", "2.1.1")
    to_file = ["bash", "-o", "pipefail", "-c", '"$@" | cat >/run/said', "bash"]  # which keeps every CR
    done = scripts.run(agent, script, "-v", within=to_file)
    check.compare("node-script-verbose-agent.stdout.txt", ended(done, agent.host.read("/run/said")))
    check.compare("pkgpanda-active-2.1.1.txt", ended(pkgpanda(agent, "active")))
    check.compare("pkgpanda-list.txt", ended(pkgpanda(agent, "list")))
    check.compare("node-script-wrong-version-exit1.stdout.txt", ended(scripts.run(agent, script)))
    check.compare("node-script-ok-master.stdout.txt", ended(scripts.run(master, script)))
    check.compare("node-script-ok-public-agent.stdout.txt", ended(scripts.run(public, script)))
    done = scripts.run(agent, scripts.make("2.1.1", "2.1.1", resolver="8.8.4.4"))
    check.compare("node-script-ok-config-only.stdout.txt", ended(done))
    check.compare("pkgpanda-active-2.1.0-config-patched.txt", ended(pkgpanda(agent, "active")))
    done = scripts.run(agent, scripts.make("2.1.1", "2.1.2"))
    check.compare("node-script-ok-agent.stdout.txt", ended(done))
    no_sleep = ["env", "BASH_FUNC_sleep%%=() { :; }"]  # 300 tries without a pause
    script = scripts.make("2.1.2", "2.1.3", without="dcos-check-runner")
    done = scripts.run(agent, script, within=no_sleep)
    check.compare("node-script-postcheck-no-runner-exit1.txt",
                  ended(done, f"{done.stdout}--- stderr ---\n{done.stderr}"))


def check_half_done(check, scripts, nodes):
    """Killed in the middle; these nodes stay so."""
    for node, stage, name, start in zip(nodes, ("archive", "move"), ("archive", "move_new"),
                                        ("2.1.3", "2.1.1")):
        node.scenario({"pkgpanda": f"dies-{stage}"})
        scripts.run(node, scripts.make(start, "2.1.4"))
        seen = said(node.host.read("/opt/mesosphere/install_progress"))
        check.compare(f"install_progress-{name}.json", seen)
    done = run(nodes[1], f"{BIN}/pkgpanda", "active")
    check.compare("journal/pkgpanda-half-done.txt", said(done.stderr))


# ---------------------------------------------------------------- clusters
def check_three(check, cluster):
    """Three masters, a private and a public agent."""
    cluster.boot()
    cluster.wait_healthy(PATIENCE)
    nodes = [cluster.node(name) for name in ("m1", "a1", "p1")]
    scripts = Scripts(cluster)
    check_files(check, nodes)
    check_exhibitor(check, cluster.of_role("master"))
    check_exhibitor_starts(check, nodes[0])
    check_cockroach(check, nodes[0])
    check_runner(check, *nodes[:2])
    check_refusals(check, nodes[1])
    check_refused_scripts(check, scripts, nodes[1])
    check_scripts(check, scripts, nodes)
    check_half_done(check, scripts, nodes[1:])


def check_count(check, cluster, name):
    """Any number of healthy masters; returns the first."""
    node = cluster.node("m1")
    for each in cluster.nodes.values():
        each.host.boot()
    check.compare_within(2 * PATIENCE, f"exhibitor-status-{name}.json", lambda: exhibitor(node))
    return node


def check_all(check, logs):
    """All situations."""
    with tempfile.TemporaryDirectory() as directory:
        check_layouts(check, directory)
    with Rig(logs) as rig:
        cluster = DcosCluster(rig, f"{rig.base}/three", agents=1, rollpatch=False)
        check_three(check, cluster)
        cluster.close()
        for name, count in (("single", 1), ("5-serving", 5)):
            cluster = DcosCluster(rig, f"{rig.base}/{name}", count, 0, 0, rollpatch=False)
            node = check_count(check, cluster, name)
            if count == 1:
                check.compare("zk-srvr-standalone.txt", said(srvr(node.address) or ""))
            cluster.close()
