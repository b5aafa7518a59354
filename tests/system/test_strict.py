# SPDX-License-Identifier: Apache-2.0
"""A strict cluster: its Mesos speaks TLS and wants a token of the IAM. rollpatchd logs in, the nodes are given
the token, and nobody finds it afterwards, anywhere; without one nothing is known, and so nothing moves."""

import http.server
import json
import os
import pathlib
import re
import sys
import threading
import time

import pytest

from lab import ADDRESS
from rig import wait_for

sys.path.insert(0, os.path.join(os.path.dirname(__file__), ".."))
# pylint: disable=wrong-import-position
from authority import Authority, make_account, make_token  # noqa: E402

MASTERS = ["10.77.0.11", "10.77.0.12", "10.77.0.13"]
LOGIN = "/acs/api/v1/auth/login"
PORT = 8443


class Iam:
    """Of the cluster: gives a new token to whoever logs in, and tells all servers that it is good."""

    def __init__(self, authority, folder, nodes):
        self.account = make_account(folder, f"https://{ADDRESS}:{PORT}{LOGIN}")
        self.tokens = []
        self.life = 3600
        self.status = 200
        self.tells = True
        self.nodes = nodes
        self.telling = threading.Lock()
        iam = self

        class Handler(http.server.BaseHTTPRequestHandler):
            """One login."""

            def do_POST(self):  # pylint: disable=invalid-name
                self.rfile.read(int(self.headers["Content-Length"]))
                body = json.dumps({"token": iam.give()} if iam.status == 200 else {}).encode()
                self.send_response(iam.status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer((ADDRESS, PORT), Handler)
        self.server.socket = authority.serve(ADDRESS).wrap_socket(self.server.socket, server_side=True)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def give(self):
        """The newest token is good, and the one before for those who are just asking with it."""
        self.tokens.append(make_token(
            uid="rollpatch", exp=int(time.time()) + self.life, planted=f"do-not-find-me-{len(self.tokens)}"))
        self.tell(self.tokens[-2:] if self.tells else [])
        return self.tokens[-1]

    def tell(self, tokens):
        """Which ones the servers take from now on. A login may be under way meanwhile."""
        with self.telling:
            for node in self.nodes.values():
                path = f"{node.crash_dir}/tokens"
                with open(f"{path}.new", "w", encoding="utf-8") as file:
                    file.write("\n".join(tokens))
                os.rename(f"{path}.new", path)

    def close(self):
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture(name="iam")
def fixture_iam(lab, tmp_path):
    """Of a strict cluster that is ready to boot: three masters and an agent."""
    authority = Authority(pathlib.Path(tmp_path / "authority"))
    for number, address in enumerate(MASTERS):
        lab.add_node(f"m{number + 1}", address, "master", MASTERS)
    lab.add_node("a1", "10.77.0.21", "slave", MASTERS)
    for node in lab.nodes.values():
        node.make_strict(authority)
    made = Iam(authority, tmp_path, lab.nodes)
    made.tell([])
    lab.more_config = f"login:\n  service_account: {made.account}\n  ca: {authority.ca}\n"
    yield made
    made.close()


def check(lab, node, name):
    """One check of a node as `status` shows it now, after it was asked."""
    shown = lab.ask("status", node, "--refresh")["nodes"][0]
    return next((one for one in shown["checks"] if one["id"] == name), None)


def wait_check(lab, node, name, verdict, text="", timeout=40):
    """Until it says that."""
    def says():
        found = check(lab, node, name)
        return found if found and found["verdict"] == verdict and text in json.dumps(found) else None
    return wait_for(says, timeout, f"{name} of {node} to be {verdict} {text}")


def problems(lab):
    return lab.status()["problems"]


# ---------------------------------------------------------------- looking for the token

class Onlooker(threading.Thread):
    """Somebody on the machine who reads all command lines and environments, again and again."""

    def __init__(self, secrets):
        super().__init__(daemon=True)
        self.secrets = secrets
        self.over = threading.Event()
        self.looks = self.probes = 0
        self.found = set()

    def run(self):
        while not self.over.is_set():
            self.looks += 1
            for pid in filter(str.isdigit, os.listdir("/proc")):
                for name in ("cmdline", "environ"):
                    self.look(pid, name)

    def look(self, pid, name):
        try:
            with open(f"/proc/{pid}/{name}", "rb") as file:
                text = file.read()
        except OSError:
            return  # it is over
        self.probes += b"rollpatch-probe" in text
        if any(secret in text for secret in self.secrets()):
            self.found.add((name, text[:200]))


def memory_with(pid, secrets):
    """Of a process: [(which mapping, its flags)] for each that has one of the secrets in it."""
    with open(f"/proc/{pid}/smaps", encoding="ascii") as file:
        maps = re.findall(r"^([0-9a-f]+)-([0-9a-f]+) (r[^\n]*)\n(?:(?![0-9a-f]+-)[^\n]*\n)*?VmFlags: ([^\n]*)",
                          file.read(), re.M)
    found = []
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        for begin, end, what, flags in maps:
            try:
                memory.seek(int(begin, 16))
                data = memory.read(int(end, 16) - int(begin, 16))
            except (OSError, ValueError):
                continue  # the kernel's own
            found += [(f"{pid} {what} at {data.index(secret)} of {len(data)}: "
                       f"{data[data.index(secret) - 80:data.index(secret)]!r}", flags.split())
                      for secret in secrets if secret in data]
    return found


def find_pid(host, program):
    """In the rig's eyes."""
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            if os.readlink(f"/proc/{pid}/exe").endswith(f"/{program}") and \
                    os.path.samefile(f"/proc/{pid}/ns/pid", f"/proc/{host.leader}/ns/pid"):
                return int(pid)
        except OSError:
            pass
    return None


def files_with(secrets, *tops):
    """All files under these that hold one of the secrets."""
    found = []
    for top in tops:
        paths = [top] if os.path.isfile(top) else [
            os.path.join(folder, name) for folder, _, names in os.walk(top) for name in names]
        for path in paths:
            if os.path.isfile(path) and not os.path.islink(path):
                with open(path, "rb") as file:
                    data = file.read()
                found += [path for secret in secrets if secret in data]
    return found


def test_a_strict_cluster_is_patched_and_the_token_is_found_nowhere(lab, iam):
    """One of its agents is not strict yet, as when a configuration makes a cluster strict node by node: it is
    asked in plain, and shown no token."""
    lab.nodes["a1"].make_permissive()

    def secrets():
        return [token.encode() for token in iam.tokens]

    onlooker = Onlooker(secrets)
    lab.boot()
    onlooker.start()
    assert lab.run().returncode == 0
    status = lab.wait_run("finished", "halted", timeout=150)
    onlooker.over.set()
    onlooker.join()
    assert status["run"]["state"] == "finished", status["run"]
    assert {name: node.executions() for name, node in lab.nodes.items()} == {
        "m1": 1, "m2": 1, "m3": 1, "a1": 1}
    assert status["problems"] == []
    assert onlooker.looks > 10 and onlooker.probes > 0 and not onlooker.found

    planted = secrets() + [token.split(".")[1].encode() for token in iam.tokens]
    assert files_with(planted, lab.nodes["m1"].crash_dir), "the search finds what is there"
    held = memory_with(lab.daemon.pid, planted)
    for name in MASTERS:
        node = lab.nodes[f"m{MASTERS.index(name) + 1}"]
        held += memory_with(find_pid(node.host, "rollpatch-agent"), planted)
        assert not node.reached("exhibitor-saw-a-token")
    assert not lab.nodes["a1"].reached("mesos-saw-a-token")
    wait_check(lab, "a1", "mesos-agent", "pass")
    assert len(held) >= 4, "the coordinator and each master have it"
    loose = [where for where, flags in held if "lo" not in flags or "dd" not in flags]
    assert not loose, "in memory that is swapped or dumped"

    for node in lab.nodes.values():
        journal = node.host.journal().encode()
        assert b"rollpatch" in journal and not [secret for secret in planted if secret in journal]
        top = os.path.dirname(node.host.root)
        assert files_with(planted, f"{top}/upper", node.host.disk.image, f"/proc/{node.host.leader}/root/run",
                          f"/proc/{node.host.leader}/root/tmp") == []
    assert files_with(planted, f"{lab.dir}/state", os.environ["RIG_LOGS"]) == []
    assert not any(secret.decode() in json.dumps(lab.ask(verb)) for verb in ("status", "report", "audit")
                   for secret in planted)


def test_a_token_is_renewed_and_one_that_is_refused_is_replaced_once(lab, iam):
    iam.life = 24
    lab.boot()
    wait_check(lab, "m1", "mesos-master", "pass")
    wait_for(lambda: len(iam.tokens) >= 3, 60, "two renewals")
    iam.tell(iam.tokens[-1:])
    wait_check(lab, "m1", "mesos-master", "pass")
    assert not [one for one in problems(lab) if "IAM" in one["message"]]

    iam.life, iam.tells = 3600, False
    before = len(iam.tokens)
    wait_for(lambda: len(iam.tokens) > before, 60, "a token that no server knows")
    before = len(iam.tokens)
    iam.tell([])
    wait_check(lab, "m1", "mesos-master", "unknown", "the token was refused")
    problem = wait_for(
        lambda: next((one for one in problems(lab) if "so was a new one" in one["message"]), None),
        40, "somebody to be told that the new one was refused, too")
    assert re.match(r"m[123]: the token of the IAM was refused \(401\)", problem["message"])
    assert "systemctl restart rollpatchd" in problem["try"] and problem["since"] > 0
    time_of_grace = time.monotonic() + 5
    wait_for(lambda: time.monotonic() > time_of_grace, 10, "five seconds of refusals")
    assert len(iam.tokens) == before + 1

    iam.tell(iam.tokens[-1:])
    wait_check(lab, "m1", "mesos-master", "pass")


def test_an_account_that_may_not_read_makes_it_unknown_with_that_reason(lab, iam):
    lab.boot()
    wait_check(lab, "m2", "mesos-master", "pass")
    lab.nodes["m2"].mark("forbidden")
    wait_check(lab, "m2", "mesos-master", "unknown", "the service account may not read this (403)")
    assert len(iam.tokens) == 1


def test_without_a_login_nothing_is_patched_and_the_run_says_why(lab, iam):
    iam.account.chmod(0o644)
    lab.boot()
    assert lab.run().returncode == 0
    problem = wait_for(
        lambda: next((one for one in problems(lab) if "login to the IAM" in one["message"]), None),
        40, "the problem to be told")
    assert "has mode 0644, want 0600: others may know its secret" in problem["message"]
    assert problem["level"] == "error" and f"ls -l {iam.account}" in problem["try"]

    def waits():
        run = lab.status()["run"]
        return run if "wants a token" in run["why"] else None
    run = wait_for(waits, 40, "the run to say that it waits for a token")
    assert run["state"] == "running" and "mesos-master" in run["why"]
    assert sum(node.executions() for node in lab.nodes.values()) == 0 and iam.tokens == []

    iam.account.chmod(0o600)
    lab.kill_coordinator("TERM")
    lab.start_coordinator()
    assert lab.wait_run("finished", "halted", timeout=150)["run"]["state"] == "finished"


def test_a_token_that_is_over_makes_the_gate_unknown(lab, iam):
    """The file is renewed by somebody else, who does not."""
    path = pathlib.Path(f"{lab.dir}/token")
    path.touch(0o600)
    path.write_text(iam.give() + "\n")
    lab.more_config = f"login:\n  token_file: {path}\n"
    iam.life = 20
    path.write_text(iam.give() + "\n")
    lab.boot()
    iam.tell([])
    wait_check(lab, "m1", "mesos-master", "unknown", "the token was refused")
    problem = wait_for(
        lambda: next((one for one in problems(lab) if "expired" in one["message"]), None), 60, "it to be over")
    assert "there is no token" in problem["message"] and str(path) in problem["try"]
    assert lab.run().returncode == 0
    wait_for(lambda: "mesos-master" in lab.status()["run"]["why"], 40, "the run to name what it waits for")
    assert sum(node.executions() for node in lab.nodes.values()) == 0
