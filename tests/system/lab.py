# SPDX-License-Identifier: Apache-2.0
"""A small DC/OS cluster on the rig for tests of rollpatch itself: hosts with the files that tell a
node's role and version, `rollpatch-agent` as an installed unit, `rollpatchd` and nginx beside them in
the rig. Every judgement is made from outside: `count` holds a line for each execution of the script,
written by the script to a directory that no host can lose."""

import hashlib
import os
import shutil
import signal as signals
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "cluster"))
# pylint: disable=wrong-import-position
import product  # noqa: E402
from product import BUILD, STATE  # noqa: E402,F401
from rig import wait_for  # noqa: E402

ADDRESS = "10.77.0.254"
FROM, TO = "2.1.0", "2.1.1"

# What the node runs as root. It says that it was run before it does anything else, and waits where a
# test wants it to.
SCRIPT = """#!/bin/bash
set -o errexit -o nounset
echo "$(cat /proc/sys/kernel/random/boot_id) $(hostname)" >> /crash/count
sync /crash/count
echo "Upgrading DC/OS {start} -> {target}"
if [ -e /crash/hold-script ]; then
    : > /crash/script-running
    until [ -e /crash/script-running.go ]; do sleep 0.02; done
fi
sed -i 's/"version": "{start}"/"version": "{target}"/' /opt/mesosphere/etc/dcos-version.json
systemctl restart 'dcos-mesos-*.service'
{more}
"""

CHECK_RUNNER = """#!/bin/sh
echo '{"status": 0, "checks": {"xz": {"output": "", "status": 0}}}'
"""

# All that a node runs; the script restarts it, as activation restarts everything.
UNIT = """
[Unit]
Description=stand-in of all that a node runs
[Service]
ExecStart=/usr/bin/python3 -S /opt/standin/standin_single.py {address} {masters}
Restart=always
RestartSec=1
"""

UNITS = {
    "master": "dcos-mesos-master.service", "slave": "dcos-mesos-slave.service",
    "slave_public": "dcos-mesos-slave-public.service",
}

PLAN = """
cluster: lab
from: "{start}"
to: "{target}"
script:
  url: http://{address}/dcos_node_upgrade.sh
  sha256: {sha256}
  size: {size}
masters: [{masters}]
agents: [{agents}]
public_agents: []
dwell:
  master: 1s
  agent: 1s
  batch: 1s
"""


class Node(product.Counted):
    """A host with the face of a DC/OS node and `rollpatch-agent` on it."""

    def __init__(self, lab, name, address, role="master", masters=None):
        masters = masters or [address]
        self.lab = lab
        self.name = name
        self.role = {"slave": "agent", "slave_public": "public-agent"}.get(role, role)
        self.crash_dir = product.make_count_dir(f"{lab.dir}/crash-{name}")
        self.host = lab.rig.add_host(
            name, address, disk={"path": STATE, "size": "32M"}, binds={self.crash_dir: "/crash"}
        )
        host = self.host
        host.write(f"/etc/mesosphere/roles/{role}", "")
        host.write("/opt/mesosphere/etc/dcos-version.json", f'{{\n  "version": "{FROM}"\n}}\n')
        host.write("/opt/mesosphere/etc/master_count", f"{len(masters)}\n")
        host.write("/opt/mesosphere/bin/detect_ip", f"#!/bin/sh\necho {address}\n", 0o755)
        self._add_services(address, role, masters)
        product.install_node_agent(host, ADDRESS, name, "lab")

    def _add_services(self, address, role, masters):
        unit = UNITS[role]
        text = UNIT.format(address=address, masters=",".join(masters))
        with open(f"{os.path.dirname(__file__)}/standin_single.py", encoding="utf-8") as file:
            self.host.write("/opt/standin/standin_single.py", file.read())
        self.host.write(f"/etc/systemd/system/{unit}", text)
        self.host.write(f"/etc/systemd/system/dcos.target.wants/{unit}", text)
        self.host.write("/opt/mesosphere/bin/dcos-check-runner", CHECK_RUNNER, 0o755)
        self.host.enable(unit)

    def make_strict(self, authority):
        """Before the boot: its services speak TLS, and Mesos answers who shows a token that is in
        /crash/tokens."""
        artifacts = "/var/lib/dcos/exhibitor-tls-artifacts"
        mesos = authority.issue(self.name, f"IP:{self.host.address},IP:127.0.0.1")
        exhibitor = authority.issue(f"{self.name}-exhibitor", "DNS:localhost")
        client = authority.issue(f"{self.name}-client", "DNS:client")
        for path, file in [
                ("/opt/standin/strict/mesos.crt", mesos[0]), ("/opt/standin/strict/mesos.key", mesos[1]),
                ("/opt/standin/strict/exhibitor.crt", exhibitor[0]),
                ("/opt/standin/strict/exhibitor.key", exhibitor[1]),
                ("/opt/standin/strict/ca.crt", authority.ca), (f"{artifacts}/root-cert.pem", authority.ca),
                (f"{artifacts}/client-cert.pem", client[0]), (f"{artifacts}/client-key.pem", client[1]),
        ]:
            self.host.write(path, file.read_text(), 0o600)
        for store in ("truststore", "clientstore", "serverstore"):
            self.host.write(f"{artifacts}/{store}.jks", "")
        self.host.write("/opt/mesosphere/etc/bootstrap-config.json", '{"security": "strict"}\n')

    def make_permissive(self):
        """The same of a cluster on its way to strict: Mesos answers in plain, and wants no token."""
        self.host.write("/opt/standin/strict/permissive", "")
        self.host.write("/opt/mesosphere/etc/bootstrap-config.json", '{"security": "permissive"}\n')

    def crash_at(self, point):
        """Before the boot: node agent and rollpatch-step stop at `point`, once."""
        lines = f"ROLLPATCH_CRASH_AT={point} ROLLPATCH_CRASH_DIR=/crash"
        self.host.write(
            "/etc/systemd/system/rollpatch-agent.service.d/crash.conf",
            f"[Service]\nEnvironment={lines}\n",
        )
        self.host.write("/etc/systemd/system.conf.d/crash.conf", f"[Manager]\nDefaultEnvironment={lines}\n")

    def kill_agent(self, signal="KILL"):
        """systemd starts it again by itself."""
        self.host.run(["systemctl", "kill", f"--signal={signal}", "rollpatch-agent.service"])


class Lab(product.Client):
    """Coordinator, web server and nodes. `directory` is fresh and belongs to one test."""

    def __init__(self, rig, directory, script_more="", target=TO):
        self.rig = rig
        self.dir = directory
        self.nodes = {}
        self.daemon = None
        self._starts = 0
        self.more_config = ""  # of rollpatchd.yaml
        self._with_token = set()
        self.crash_dir = f"{directory}/crash-coordinator"
        self.control = f"{directory}/control"
        for part in ("serve", "crash-coordinator", "state"):
            os.makedirs(f"{directory}/{part}")
        self.script = SCRIPT.format(start=FROM, target=target, more=script_more).encode()
        self._write("serve/dcos_node_upgrade.sh", self.script)
        self._write("nginx.conf", product.NGINX.format(
            dir=directory, address=ADDRESS, root=f"{directory}/serve").encode())
        self._write_config()
        self._write_keys()
        self.nginx = rig.spawn(f"nginx-{os.path.basename(directory)}", [
            "/usr/sbin/nginx", "-c", f"{directory}/nginx.conf", "-g", "daemon off;",
        ])

    def _write(self, name, data):
        with open(f"{self.dir}/{name}", "wb") as file:
            file.write(data)
        return f"{self.dir}/{name}"

    def _write_config(self):
        masters = [name for name in self.nodes if name.startswith("m")] or ["m1"]
        self._write("rollpatchd.yaml", (
            f"cluster: lab\nmasters: [{', '.join(masters)}]\nlisten: {ADDRESS}:32070\n"
            f"state_dir: {self.dir}/state\ncontrol: {self.control}\n"
            f"probe: {BUILD}/node-agent/probe/rollpatch-probe\n{self.more_config}"
        ).encode())

    def _write_keys(self):
        for name, text in product.KEYS.items():
            os.chmod(self._write(f"state/{name}", text.encode()), 0o600)

    def close(self):
        """End what this test has started, so that the next one finds the addresses free."""
        if self.daemon and self.daemon.poll() is None:
            self.daemon.kill()
        self.nginx.kill()
        for node in self.nodes.values():
            self.rig.remove_host(node.name)
        shutil.rmtree(f"{self.dir}/state", ignore_errors=True)

    def add_node(self, name, address, role="master", masters=None):
        node = Node(self, name, address, role, masters)
        self.nodes[name] = node
        self._write_config()
        return node

    @property
    def the_node(self):
        """The only node."""
        (node,) = self.nodes.values()
        return node

    def replace_script(self, data):
        """Serve, and plan, other bytes."""
        self.script = data
        self._write("serve/dcos_node_upgrade.sh", data)

    # ------------------------------------------------------------ coordinator

    def start_coordinator(self, crash_at=None):
        self._write_config()
        env = {"ROLLPATCH_CRASH_AT": crash_at or "", "ROLLPATCH_CRASH_DIR": self.crash_dir}
        self._starts += 1
        self.daemon = self.rig.spawn(
            f"rollpatchd-{os.path.basename(self.dir)}-{self._starts}",
            [f"{BUILD}/coordinator/rollpatchd", "--config", f"{self.dir}/rollpatchd.yaml"],
            env=env,
        )
        wait_for(lambda: os.path.exists(self.control) and self.status(), 10, "answer of rollpatchd")
        self._enrol()

    def _enrol(self):
        """Whoever has not been given a token since the log was begun."""
        hosts = {}
        for node in self.nodes.values():
            if node.name not in self._with_token:
                hosts.setdefault(node.role, []).append(node.host)
                self._with_token.add(node.name)
        self.give_tokens(hosts)

    def keep_out(self, *names):
        """These nodes are given no token by themselves."""
        self._with_token.update(names)

    def boot(self, names=None):
        """Coordinator and all hosts, until it knows all nodes (by these names, if not their hosts')."""
        self.start_coordinator()
        for node in self.nodes.values():
            node.host.boot()
        for node in self.nodes.values():
            node.host.wait_up(60)
        self.wait_known(names or self.nodes, 60)

    def kill_coordinator(self, signal="KILL"):
        if signal == "KILL":
            self.daemon.kill()
        else:
            os.kill(self.daemon.pid, getattr(signals, f"SIG{signal}"))
            self.daemon.wait(10)

    def wipe_state(self):
        """While rollpatchd is down: its log is lost. The keys were in a safe."""
        shutil.rmtree(f"{self.dir}/state")
        os.makedirs(f"{self.dir}/state")
        self._write_keys()
        self._with_token.clear()

    def cli(self, *arguments, timeout=20):
        """One command line; CompletedProcess."""
        return subprocess.run(
            [f"{BUILD}/coordinator/cli/rollpatch", *arguments],
            env={"PATH": "/usr/bin:/bin", "ROLLPATCH_CONTROL": self.control, "LANG": "C.UTF-8"},
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout, check=False,
        )

    def wait_claimed(self, timeout=30):
        self.wait_known(self.nodes, timeout)

    # ------------------------------------------------------------ runs

    def plan(self, **changes):
        values = {
            "start": FROM, "target": TO, "address": ADDRESS,
            "sha256": hashlib.sha256(self.script).hexdigest(), "size": len(self.script),
            "masters": ", ".join(n for n in self.nodes if n.startswith("m")),
            "agents": ", ".join(n for n in self.nodes if n.startswith("a")),
        }
        values.update(changes)
        return self._write("plan.yaml", PLAN.format(**values).encode())

    def run(self, *more):
        """Start a run, with gates far below their floors."""
        waived = self.cli("waive", "gate-floor", "--reason", "a test")
        assert waived.returncode == 0, waived.stderr
        return self.cli("run", self.plan(), "--yes", "--cluster", "lab", "--accept-downtime", *more)
