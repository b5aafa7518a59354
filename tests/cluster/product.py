# SPDX-License-Identifier: Apache-2.0
"""rollpatch itself in a rig: what the build installs, and its command line as tests use it."""

import json
import os

from rig import RigError, wait_for

TOP = os.path.realpath(os.path.join(os.path.dirname(__file__), "..", ".."))
BUILD = os.environ.get("ROLLPATCH_BUILD", f"{TOP}/build-test")
STATE = "/var/lib/rollpatch"
PORT = 32070

# The coordinator's keys in all tests: nothing else was ever protected by them.
PUBLIC_KEY = "a9d84077480e3b73bc5ea29ae5c780da6c7a5bb675643a7604555dd15803c376"
CHANNEL_KEY = (
    "rollpatch channel key 1\n"
    "secret f8386d2f0a7d6047f6318265580480db30bd57602938c983d00cd599b9584c5e\n"
    f"public {PUBLIC_KEY}\n"
)
SIGNING_PUBLIC_KEY = "8106e33faaabe1c148b5d2145989322b3d6ee0d7423ec53792b475d2080c2070"
SIGNING_KEY = (
    "rollpatch signing key 1\n"
    "secret 0a951c9018a3a12cdef7e8fd198a2bd72cb2cbb5f0304f9e2d4f27f1f82cd9ba\n"
    f"public {SIGNING_PUBLIC_KEY}\n"
)
KEYS = {"channel.key": CHANNEL_KEY, "signing.key": SIGNING_KEY}
JOIN = "/etc/rollpatch/join"

# For one server that gives out files; {dir} is for its own ones.
NGINX = """
user root;
worker_processes 1;
error_log stderr;
pid {dir}/nginx.pid;
events {{}}
http {{
    access_log off;
    client_body_temp_path {dir}/body; proxy_temp_path {dir}/proxy; fastcgi_temp_path {dir}/fcgi;
    uwsgi_temp_path {dir}/uwsgi; scgi_temp_path {dir}/scgi;
    server {{ listen {address}:80; root {root}; }}
}}
"""


def installed_tree():
    """What the build installs, laid out by tests/system/install-tree."""
    tree = f"{BUILD}/tree"
    if not os.path.isdir(tree):
        raise RigError(f"{tree} is missing: run tests/system/install-tree {BUILD}")
    return tree


def agent_config(coordinator, name, cluster):
    """What config management drops as agent.yaml."""
    return (
        f"coordinator: {coordinator}:{PORT}\ncoordinator_key: {PUBLIC_KEY}\n"
        f"signing_key: {SIGNING_PUBLIC_KEY}\ncluster: {cluster}\nname: {name}\nspread: 0s\n"
    )


def install_node_agent(host, coordinator, name, cluster):
    """rollpatch-agent as an installed and enabled unit."""
    host.install_tree(installed_tree())
    host.write("/etc/rollpatch/agent.yaml", agent_config(coordinator, name, cluster))
    host.enable("rollpatch-agent.service")


def make_count_dir(directory):
    """A directory for /crash of a host, with the count of executions that the host cannot lose."""
    os.makedirs(directory)
    with open(f"{directory}/count", "w", encoding="utf-8"):
        pass
    return directory


def count_executions(directory):
    """How often the script has been run, whatever anybody says."""
    with open(f"{directory}/count", encoding="utf-8") as file:
        return len(file.readlines())


class Counted:
    """A node whose script and programs say what they do in `crash_dir` (/crash in the host), a directory
    that no host can lose; whoever inherits has it made by make_count_dir()."""

    def executions(self):
        """How often the script has been run on it, whatever anybody says."""
        return count_executions(self.crash_dir)

    def mark(self, name):
        """Put a file there, for script and programs to look at."""
        open(f"{self.crash_dir}/{name}", "w", encoding="utf-8").close()

    def unmark(self, name):
        """Take it away again; no error if it is not there."""
        if self.reached(name):
            os.unlink(f"{self.crash_dir}/{name}")

    def reached(self, name):
        """Whether this file is there."""
        return os.path.exists(f"{self.crash_dir}/{name}")

    def forget(self):
        """As if no script had been run."""
        for name in os.listdir(self.crash_dir):
            if name != "count":
                os.unlink(f"{self.crash_dir}/{name}")
        open(f"{self.crash_dir}/count", "w", encoding="utf-8").close()


class Client:
    """What tests ask of the command line; whoever inherits has cli(*arguments)."""

    def ask(self, *arguments):
        """The answer document of a command that must succeed."""
        done = self.cli(*arguments, "--json")
        if done.returncode != 0:
            raise RigError(f"rollpatch {' '.join(arguments)}: status {done.returncode}: {done.stderr}")
        document = json.loads(done.stdout)
        return document.get("answer", document)

    def give_tokens(self, hosts):
        """Drop a join token into every one of these hosts: {role: [host]}."""
        for role, some in hosts.items():
            if some:
                made = self.ask("token", "create", "--role", role, "--uses", str(len(some)))
            for host in some:
                host.write(JOIN, made["token"] + "\n", 0o600)

    def status(self):
        """All of it."""
        return self.ask("status")

    def shown(self, name):
        """One node as status shows it, or None."""
        return next((node for node in self.status()["nodes"] if node["name"] == name), None)

    def wait_known(self, names, timeout=60):
        """Until all these nodes are known and every master has acknowledged the claim."""
        wait_for(
            lambda: self.status()["coordinator"]["claim"] == "complete"
            and all(self.shown(name) for name in names),
            timeout, "acknowledged claim",
        )

    def run_state(self):
        """Of the last run, None when there was none."""
        run = self.status()["run"]
        return run["state"] if run else None

    def wait_run(self, *states, timeout=60):
        """Until the run is in one of these states; returns the whole status."""
        def arrived():
            status = self.status()
            return status if status["run"] and status["run"]["state"] in states else None
        return wait_for(arrived, timeout, f"run to be {' or '.join(states)}")
