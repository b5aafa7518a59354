# SPDX-License-Identifier: Apache-2.0
"""A whole DC/OS cluster of stand-ins on real hosts, with rollpatch on it.

    with Rig(logs) as rig:
        cluster = DcosCluster(rig, f"{rig.base}/demo")
        cluster.boot()
        cluster.wait_healthy(30)
        cluster.cli("run", cluster.plan(), "--yes", "--cluster", cluster.name)

b0 10.77.0.10 is the bootstrap host: nginx with the packages and the script, rollpatchd, the command line.
Masters m1.. are 10.77.0.11.., private agents a1.. 10.77.0.21.., public agents p1.. 10.77.0.31.. ; each has
rollpatch-agent as an installed unit, and the files, packages and units of a DC/OS node. ZooKeeper is
real, Exhibitor, Mesos and the rest are stand-ins (standins/README.md says what their scenarios can do).

What is said here about the cluster is judged from outside: by answers to TCP connections, and by the
line that the script leaves in a directory which no host can lose.
"""

import hashlib
import json
import os
import shutil
import socket
import sys
import urllib.error
import urllib.request
import uuid

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "standins"))
import product
from dcos_packages import Generation, lay_out, make_script
from exhibitor import srvr_mode
from rig import RigError, wait_for

BOOTSTRAP = "10.77.0.10"
URL = f"http://{BOOTSTRAP}"
SCENARIO = "/var/lib/standin/scenario.json"
FIRST = {"m": 11, "a": 21, "p": 31}  # last part of the first address
ROLES = {"m": "master", "a": "agent", "p": "public"}
TOKEN_ROLES = {"public": "public-agent"}
QUICK = {"exhibitor_cache": 1, "exhibitor_restart": 8}  # in every scenario that does not say otherwise

NGINX_UNIT = """[Unit]
Description=nginx of the bootstrap host

[Service]
ExecStart=/usr/sbin/nginx -c /etc/bootstrap-nginx.conf -g "daemon off;"
RuntimeDirectory=bootstrap-nginx

[Install]
WantedBy=multi-user.target
"""

# Keys of the plan file with what tests want, where it differs from the standard: they are in a hurry.
NUMBERS = {
    "timeouts.script": "60s", "timeouts.master": "90s", "timeouts.agent": "60s",
    "dwell.master": "3s", "dwell.agent": "2s", "dwell.batch": "2s",
}
MORE_KEYS = {"batch.percent", "batch.max", "canary", "budget", "holds.after_masters", "holds.after_canary"}


class DcosNode(product.Counted):
    """A node of the cluster; `host` is it as a machine, `role` master, agent or public."""

    def __init__(self, cluster, name, number):
        self.name = name
        self.role = ROLES[name[0]]
        self.address = f"10.77.0.{FIRST[name[0]] + number}"
        self.crash_dir = product.make_count_dir(f"{cluster.dir}/crash-{name}")
        self.host = cluster.rig.add_host(
            name, self.address, binds={self.crash_dir: "/crash"},
            disk={"path": product.STATE, "size": "32M"} if cluster.disks else None,
        )
        self.host.install_tree(cluster.tree(self.role))
        for unit in ("dcos.target", "dcos-setup.service"):
            self.host.enable(unit)
        if cluster.configured:
            product.install_node_agent(self.host, BOOTSTRAP, name, cluster.name)

    def __repr__(self):
        return f"<node {self.name}>"

    def scenario(self, wanted=None):
        """What is wrong with this node from now on (or from its boot); nothing: it is well again.

        "after_patch": {...} becomes the scenario at the moment when the new files are in place.
        """
        made = {**QUICK, **(wanted or {})}
        if "after_patch" in made:
            made["after_patch"] = {**QUICK, **made["after_patch"]}
        for path in (SCENARIO, f"{SCENARIO}.before"):  # and nothing is left of the one that a patch has replaced
            self.host.write(path, json.dumps(made))

    def version(self):
        """DC/OS version by its file, None while there is no such file (an activation is going on)."""
        try:
            return json.loads(self.host.read("/opt/mesosphere/etc/dcos-version.json"))["version"]
        except (OSError, ValueError, KeyError):
            return None

    def active(self):
        """`pkgpanda active`."""
        done = self.host.run(["/opt/mesosphere/bin/dcos-shell", "pkgpanda", "active"])
        return done.stdout.split()


class DcosCluster(product.Client):
    """The cluster, prepared but not booted. `directory` is made, in memory, and belongs to it.

    scenarios       {name of a node: its scenario from the first boot on}
    from_version    what the nodes have
    to_version      what the script makes of them; the same: another configuration
    script_seconds  how long the script takes between fetch and activation
    disks           nodes and coordinator have rollpatch's state on a disk that can lose power, or be full
    rollpatch       False: the cluster alone, which then needs no build
    configured      False: b0 has rollpatch's programs and no configuration, the nodes have nothing of it
    """

    name = "demo"

    def __init__(self, rig, directory, masters=3, agents=2, public_agents=1, scenarios=None,
                 from_version="2.1.0", to_version="2.1.1", script_seconds=0, disks=False,
                 rollpatch=True, configured=True):
        self.rig = rig
        self.dir = str(directory)
        self.disks = disks
        self.rollpatch = rollpatch
        self.configured = rollpatch and configured
        self.from_version, self.to_version = from_version, to_version
        os.makedirs(f"{self.dir}/serve")
        self.counts = {"m": masters, "a": agents, "p": public_agents}
        ips = [f"10.77.0.{FIRST['m'] + number}" for number in range(masters)]
        resolver = "8.8.4.4" if to_version == from_version else "8.8.8.8"
        self.installed = Generation(from_version, ips, URL)
        self.target = Generation(to_version, ips, URL, resolver)
        self.script_seconds = script_seconds
        self.script = make_script(from_version, self.target, URL, script_seconds)
        self._serve()
        self.bootstrap = rig.add_host(
            "b0", BOOTSTRAP, binds={f"{self.dir}/serve": "/srv/serve"},
            disk={"path": product.STATE, "size": "32M"} if disks else None,
        )
        self._prepare_bootstrap()
        self.nodes = {}
        for letter, count in self.counts.items():
            for number in range(count):
                name = f"{letter}{number + 1}"
                self.nodes[name] = DcosNode(self, name, number)
        for name, node in self.nodes.items():
            node.scenario((scenarios or {}).get(name))

    # ------------------------------------------------------------ preparation

    def tree(self, role):
        """The files of a node with this role."""
        tree = f"{self.dir}/tree-{role}"
        if not os.path.isdir(tree):
            lay_out(tree, role, self.installed, URL)
        return tree

    def _serve(self):
        self.installed.serve(f"{self.dir}/serve")
        self.target.serve(f"{self.dir}/serve")
        self.replace_script(self.script)

    def replace_script(self, data):
        """Serve, and plan, these bytes from now on; each generation has a URL of its own."""
        self.script = data
        place = f"upgrade/{uuid.uuid4().hex}"
        os.makedirs(f"{self.dir}/serve/{place}")
        with open(f"{self.dir}/serve/{place}/dcos_node_upgrade.sh", "wb") as file:
            file.write(data)
        shutil.copy(f"{self.dir}/serve/{place}/dcos_node_upgrade.sh", f"{self.dir}/serve/upgrade")
        self.script_url = f"{URL}/{place}/dcos_node_upgrade.sh"

    def _prepare_bootstrap(self):
        host = self.bootstrap
        host.write("/etc/systemd/system/bootstrap-nginx.service", NGINX_UNIT)
        host.write("/etc/bootstrap-nginx.conf", product.NGINX.format(
            dir="/run/bootstrap-nginx", address=BOOTSTRAP, root="/srv/serve"))
        host.enable("bootstrap-nginx.service")
        if not self.rollpatch:
            return
        host.install_tree(product.installed_tree())
        if not self.configured:
            return
        host.write(
            "/etc/rollpatch/rollpatchd.yaml",
            f"cluster: {self.name}\nlisten: {BOOTSTRAP}:{product.PORT}\n"
            f"masters: [{', '.join(f'm{number + 1}' for number in range(self.counts['m']))}]\n",
        )
        for name, text in product.KEYS.items():
            host.write(f"{product.STATE}/{name}", text, 0o600)
        host.enable("rollpatchd.service")

    # ------------------------------------------------------------ life

    def boot(self, wait=True, timeout=60):
        """All hosts at the same time; with `wait`, returns when every systemd has finished its start."""
        hosts = [self.bootstrap, *(node.host for node in self.nodes.values())]
        for host in hosts:
            host.boot()
        if wait:
            for host in hosts:
                host.wait_up(timeout)
            if self.configured:
                self.enrol()

    def enrol(self):
        """Every node gets what config management drops: a join token of its role."""
        wait_for(self.status, 10, "rollpatchd's answer")
        self.give_tokens({
            TOKEN_ROLES.get(role, role): [node.host for node in self.of_role(role)]
            for role in ROLES.values()
        })

    def turn_round(self):
        """All nodes have the target: from here on the other way, as if nothing had been."""
        self.installed, self.target = self.target, self.installed
        self.from_version, self.to_version = self.to_version, self.from_version
        self.replace_script(
            make_script(self.from_version, self.target, URL, self.script_seconds))
        for node in self.nodes.values():
            node.forget()
            node.scenario()

    def close(self):
        """Take all hosts away, so that names and addresses are free again, and the files."""
        for host in [self.bootstrap, *(node.host for node in self.nodes.values())]:
            if self.rig.hosts.get(host.name) is host:
                self.rig.remove_host(host.name)
        shutil.rmtree(self.dir, ignore_errors=True)

    # ------------------------------------------------------------ from outside

    def node(self, name):
        """DcosNode by name."""
        return self.nodes[name]

    def of_role(self, role):
        """The nodes with this role."""
        return [node for node in self.nodes.values() if node.role == role]

    def executions(self, name):
        """How often the script has been run on this node."""
        return self.node(name).executions()

    def zookeeper_modes(self):
        """{name of a master: what its ZooKeeper says}; None: no answer."""
        return {node.name: srvr_mode(node.address) for node in self.of_role("master")}

    def leader(self):
        """Name of the master to which all masters point; RigError when they do not."""
        pointed = {mesos_redirect(node.address) for node in self.of_role("master")}
        named = [node.name for node in self.nodes.values() if {f"{node.address}:5050"} == pointed]
        if not named:
            raise RigError(f"the masters point to {sorted(map(str, pointed))}")
        return named[0]

    def active_agents(self):
        """Addresses of the Mesos agents that the leading master calls active."""
        leader = self.node(self.leader()).address
        slaves = fetch_json(f"http://{leader}:5050/slaves")["slaves"]
        pids = [slave["pid"] for slave in slaves if slave["active"]]
        return sorted(pid.partition("@")[2].partition(":")[0] for pid in pids)

    def wait_healthy(self, timeout=90):
        """ZooKeeper with exactly one leader and all others following, one Mesos leader, agents active."""
        masters = self.of_role("master")
        modes = ["follower"] * (len(masters) - 1) + ["leader" if len(masters) > 1 else "standalone"]
        agents = sorted(node.address for node in self.nodes.values() if node.role != "master")
        wait_for(lambda: same(sorted(map(str, self.zookeeper_modes().values())), modes), timeout,
                 "ZooKeeper ensemble")
        wait_for(self.leader, timeout, "Mesos leader")
        wait_for(lambda: same(self.active_agents(), agents), timeout, "active agents")

    # ------------------------------------------------------------ rollpatch

    def cli(self, *arguments, timeout=20):
        """One command line in b0; CompletedProcess."""
        return self.bootstrap.run(["rollpatch", *arguments], check=False, timeout=timeout)

    def wait_claimed(self, timeout=60):
        """Until rollpatchd knows all nodes and every master has acknowledged its claim."""
        self.wait_known(self.nodes, timeout)

    def plan(self, **changes):
        """Write the plan file into b0 and return its path.

        Changes are keys of the plan file, with _ for the dot where it has one (dwell_master="5s",
        batch_max=1), or whole lists: masters=["m1"]. None leaves a key out.
        """
        values = {
            "cluster": self.name, "from": self.from_version, "to": self.target.version,
            "script.url": self.script_url, "script.size": len(self.script),
            "script.sha256": hashlib.sha256(self.script).hexdigest(),
            "masters": [node.name for node in self.of_role("master")],
            "agents": [node.name for node in self.of_role("agent")],
            "public_agents": [node.name for node in self.of_role("public")],
            **NUMBERS,
        }
        for name, value in changes.items():
            key = plan_key(name)
            if key not in values and key not in MORE_KEYS:
                raise RigError(f"a plan has no key {key}")
            values[key] = value
        path = "/etc/rollpatch/plan.yaml"
        self.bootstrap.write(path, plan_text(values))
        return path


def plan_key(name):
    """dwell_master -> dwell.master; public_agents is a key of its own."""
    group, _, rest = name.partition("_")
    return f"{group}.{rest}" if group in ("script", "batch", "timeouts", "dwell", "holds") else name


def plan_text(values):
    """YAML, which takes all of JSON's scalars and lists."""
    lines, groups = [], {}
    for key, value in values.items():
        group, dot, rest = key.partition(".")
        if value is None:
            continue
        if dot:
            groups.setdefault(group, []).append(f"  {rest}: {json.dumps(value)}")
        else:
            lines.append(f"{key}: {json.dumps(value)}")
    for group, members in groups.items():
        lines += [f"{group}:", *members]
    return "\n".join(lines) + "\n"


def same(seen, wanted):
    """True, or RigError that shows both."""
    if seen != wanted:
        raise RigError(f"seen {seen}, wanted {wanted}")
    return True


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None


_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), _NoRedirect)


def fetch(url, timeout=3):
    """(status, headers, body) of GET, redirects not followed; OSError without an answer."""
    try:
        with _opener.open(url, timeout=timeout) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers, error.read()


def fetch_json(url, timeout=3):
    """The document of a 200."""
    status, _, body = fetch(url, timeout)
    if status != 200:
        raise RigError(f"{url}: status {status}")
    return json.loads(body)


def mesos_redirect(address):
    """HOST:PORT of the leading master as this one knows it, None when it knows none."""
    try:
        _, headers, _ = fetch(f"http://{address}:5050/redirect")
    except (OSError, socket.timeout):
        return None
    location = headers.get("Location") or ""
    return location.partition("//")[2] or None
