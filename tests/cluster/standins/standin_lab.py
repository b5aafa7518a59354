# SPDX-License-Identifier: Apache-2.0
"""A ZooKeeper, masters and agents on loopback addresses of their own, without hosts or systemd."""

import glob
import http.client
import json
import os
import signal
import socket
import subprocess
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
JARS = [
    "zookeeper", "zookeeper-jute", "slf4j-api", "slf4j-simple", "snappy-java", "metrics-core",
    "commons-cli", "audience-annotations", "netty-*",
]
JAVA = [
    "/usr/bin/java", "-Xms16m", "-Xmx64m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1",
    "-XX:-UsePerfData", "-Xshare:auto", "-Djava.net.preferIPv4Stack=true",
]
CONFIG = """tickTime=500
admin.enableServer=false
maxClientCnxns=0
clientPortAddress={ip}
clientPort=2181
dataDir={data}
"""


class Answer:
    """What a stand-in answered; `error` instead when it did not."""

    def __init__(self, status=None, headers=(), body=b"", error=None):
        self.status, self.headers, self.body, self.error = status, list(headers), body, error

    @property
    def json(self):
        """The body."""
        return json.loads(self.body)

    def header(self, name):
        """Its value; None when it is absent."""
        return dict(self.headers).get(name)


def ask(address, path, method="GET", body=None, timeout=5.0, headers=None):
    """One request; never raises for what the other side does."""
    ip, _, port = address.rpartition(":")
    connection = http.client.HTTPConnection(ip, int(port), timeout=timeout)
    try:
        data = None if body is None else json.dumps(body)
        connection.request(method, path, data, headers or {})
        response = connection.getresponse()
        return Answer(response.status, response.getheaders(), response.read())
    except ConnectionRefusedError:
        return Answer(error="refused")
    except TimeoutError:
        return Answer(error="timeout")
    except (OSError, http.client.HTTPException) as error:
        return Answer(error=type(error).__name__)
    finally:
        connection.close()


def wait_for(condition, timeout, what):
    """The first true value of condition(); AssertionError when it is late."""
    deadline = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < deadline, f"not within {timeout} s: {what}"
        time.sleep(0.02)


class Standin:
    """One master or agent, and its files."""

    def __init__(self, lab, name, ip, port, program, extra):
        self.name, self.ip, self.port = name, ip, port
        self.address = f"{ip}:{port}"
        self.pid = f"{'master' if port == 5050 else 'slave(1)'}@{self.address}"
        directory = f"{lab.directory}/{name}"
        os.makedirs(directory, exist_ok=True)
        self._scenario = f"{directory}/scenario.json"
        self._log = f"{directory}/log"
        self.work_dir = f"{directory}/work"
        self._argv = [
            f"{HERE}/{program}", "--ip", ip, "--port", str(port), "--zk", lab.zk,
            "--work-dir", self.work_dir, "--version-file", f"{lab.directory}/version",
            "--scenario", self._scenario, *extra,
        ]
        self._process = None

    def start(self):
        """Returns itself, at once."""
        with open(self._log, "ab") as log:
            self._process = subprocess.Popen(  # pylint: disable=consider-using-with
                self._argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        return self

    def scenario(self, **values):
        """Replace it; no values: nothing is wrong any more."""
        with open(self._scenario + ".new", "w", encoding="utf-8") as file:
            json.dump({f"mesos_{key}": value for key, value in values.items()}, file)
        os.rename(self._scenario + ".new", self._scenario)
        return self

    def kill(self, number=signal.SIGKILL):
        """And wait."""
        if self._process:
            self._process.send_signal(number)
            self._process.wait()
            self._process = None

    def send(self, number):
        """A signal, and do not wait."""
        self._process.send_signal(number)

    def wait(self, timeout):
        """The exit status."""
        status = self._process.wait(timeout)
        self._process = None
        return status

    @property
    def log(self):
        """All it has written to stderr."""
        with open(self._log, encoding="utf-8") as file:
            return file.read()

    def ask(self, path, **options):
        """One request to it."""
        return ask(self.address, path, **options)

    def metric(self, key):
        """A number of /metrics/snapshot; None when it is missing or nobody answered."""
        answer = self.ask("/metrics/snapshot?timeout=2secs")
        return answer.json.get(key) if answer.status == 200 else None

    def health(self):
        """Status of GET_HEALTH."""
        return self.ask("/api/v1", method="POST", body={"type": "GET_HEALTH"}).status


class ZooKeeper:
    """A single server; may be shared by labs, which have different roots in it."""

    def __init__(self, number):
        self._temporary = tempfile.TemporaryDirectory()  # pylint: disable=consider-using-with
        self.ip = f"127.{os.getpid() % 250 + 1}.{number}.1"
        self._process = None

    def start(self):
        """Unless it runs; and wait until it serves."""
        if self._process:
            return
        data = self._temporary.name
        with open(f"{data}/zoo.cfg", "w", encoding="utf-8") as file:
            file.write(CONFIG.format(ip=self.ip, data=data))
        jars = [path for jar in JARS for path in sorted(glob.glob(f"/usr/share/java/{jar}.jar"))]
        with open(f"{data}/out", "ab") as output:
            self._process = subprocess.Popen(  # pylint: disable=consider-using-with
                [*JAVA, "-cp", ":".join(jars),
                 "org.apache.zookeeper.server.quorum.QuorumPeerMain", f"{data}/zoo.cfg"],
                stdin=subprocess.DEVNULL, stdout=output, stderr=output)
        wait_for(self._serves, 30, f"ZooKeeper, see {data}/out")

    def _serves(self):
        try:
            with socket.create_connection((self.ip, 2181), 1) as link:
                link.sendall(b"srvr")
                return b"Mode:" in link.recv(4096)
        except OSError:
            return False

    def kill(self):
        """SIGKILL."""
        if self._process:
            self._process.kill()
            self._process.wait()
            self._process = None

    def close(self):
        """For good."""
        self.kill()
        self._temporary.cleanup()


class Lab:
    """Masters and agents with a ZooKeeper which runs already; a context manager."""

    def __init__(self, number, zookeeper, masters=3):
        self._temporary = tempfile.TemporaryDirectory()  # pylint: disable=consider-using-with
        self.directory = self._temporary.name
        self._net = f"127.{os.getpid() % 250 + 1}.{number}"
        self._masters = masters
        self._standins = []
        self.zookeeper = zookeeper
        self.zk = f"{zookeeper.ip}:2181/lab{number}"
        with open(f"{self.directory}/version", "w", encoding="utf-8") as file:
            file.write("1.11.0\n")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for standin in self._standins:
            standin.kill()
        self._temporary.cleanup()

    def master(self, number, *extra):
        """Not started yet."""
        return self._add(f"m{number}", f"{self._net}.{10 + number}", 5050, "mesos_master.py",
                         ["--masters", str(self._masters), *extra])

    def agent(self, number, *extra):
        """Not started yet."""
        return self._add(f"a{number}", f"{self._net}.{20 + number}", 5051, "mesos_agent.py", extra)

    def _add(self, *args):
        made = Standin(self, *args)
        self._standins.append(made)
        return made


# ---------------------------------------------------------------- what masters and agents say
def leader_of(masters):
    """The one that is elected, with its registry read; None."""
    for master in masters:
        if master.ask("/redirect").header("Location") == f"//{master.address}":
            return master if master.health() == 200 else None
    return None


def entry(leader, agent):
    """The leader's entry of /slaves for an agent; None."""
    found = leader.ask("/slaves")
    slaves = found.json["slaves"] if found.status == 200 else []
    return next((slave for slave in slaves if slave["pid"] == agent.pid), None)


def is_active(leader, agent):
    """Whether the leader calls it active."""
    found = entry(leader, agent)
    return bool(found and found["active"])
