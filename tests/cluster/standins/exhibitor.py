#!/usr/bin/python3 -B
# SPDX-License-Identifier: Apache-2.0
"""Stands in for Exhibitor: its REST answers on port 8181, and a real ZooKeeper as its child.

    exhibitor.py --ip IP --ensemble 1:10.77.0.11,2:10.77.0.12,... --dir DIR --scenario FILE

Like Exhibitor it starts ZooKeeper, starts it again when it has been down or not serving for a while, and
asks the other Exhibitors only now and then: an answer may be as old as "exhibitor_cache" seconds.

The scenario is a JSON file, read again all the time. Keys of this program:

    exhibitor_cache    30 (2 with a single master); seconds between two looks at the others
    exhibitor_restart  40; seconds without serving after which ZooKeeper is started again
    exhibitor_delay    0; seconds after its own start in which it leaves ZooKeeper alone (latent)
    exhibitor_flap     6; seconds that a flapping ZooKeeper is up
    exhibitor          what is wrong with it; but for http-500, this master's ZooKeeper is really sick:
        time           Exhibitor ends at its start, because the clock is not synchronized
        latent, down   ZooKeeper is stopped, and Exhibitor says so
        not-serving    ZooKeeper runs, but finds no peers
        flapping       ZooKeeper is killed again and again
        too-few        ZooKeeper is stopped, and this server is not in Exhibitor's answer
        empty          ZooKeeper is stopped, and the answer is []
        two-leaders    ZooKeeper is stopped, and Exhibitor calls it a serving leader
        no-leader      ZooKeeper is stopped, and Exhibitor calls all serving, and none the leader
        stale          ZooKeeper is stopped, and Exhibitor calls it serving, as it was a moment ago
        http-500       the answer is Jetty's page for an error; ZooKeeper is well
"""

import argparse
import glob
import http.client
import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

LATENT, DOWN, NOT_SERVING, SERVING = range(4)
WORDS = ["latent", "down", "not serving", "serving"]
STOPPED = {"latent", "down", "too-few", "empty", "two-leaders", "no-leader", "stale"}
CLAIMS = {"latent": (LATENT, False), "two-leaders": (SERVING, True), "no-leader": (SERVING, False),
          "stale": (SERVING, False)}
FLAP_DOWN = 2  # seconds that a flapping ZooKeeper is down
TICK = 0.2

ERROR_PAGE = b"""<html><head><meta http-equiv="Content-Type" content="text/html;charset=utf-8"/>
<title>Error 500 </title>
</head>
<body><h2>HTTP ERROR: 500</h2><p>Problem accessing /exhibitor/v1/cluster/status. Reason:
<pre>    INTERNAL_SERVER_ERROR</pre></p>
</body></html>
"""

JARS = [
    "zookeeper", "zookeeper-jute", "slf4j-api", "slf4j-simple", "snappy-java", "metrics-core",
    "commons-cli", "audience-annotations", "netty-*",
]
JAVA = [
    "/usr/bin/java", "-Xms16m", "-Xmx64m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1",
    "-XX:-UsePerfData", "-Xshare:auto", "-Djava.net.preferIPv4Stack=true",
    "-Dzookeeper.cnxTimeout=1000", "-Dzookeeper.fastleader.maxNotificationInterval=1000",
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-Dorg.slf4j.simpleLogger.showDateTime=true",
]
MAIN = "org.apache.zookeeper.server.quorum.QuorumPeerMain"
CONFIG = """tickTime=500
initLimit=10
syncLimit=5
maxClientCnxns=0
admin.enableServer=false
4lw.commands.whitelist=*
clientPort=2181
dataDir={data}
{servers}
"""


def say(text, level="INFO"):
    """A line in the journal of dcos-exhibitor, as Exhibitor's log writes it."""
    where = "com.netflix.exhibitor.core.activity.ActivityLog"
    print(f" {level:5} {where}  {text} [ActivityQueue-0]", flush=True)


def srvr(address):
    """ZooKeeper's answer to `srvr`, None without one."""
    try:
        with socket.create_connection((address, 2181), 1) as link:
            link.sendall(b"srvr")
            return b"".join(iter(lambda: link.recv(4096), b"")).decode(errors="replace")
    except OSError:
        return None


def srvr_mode(address):
    """What it says there: its mode, "" while it serves nobody, None without an answer."""
    answer = srvr(address)
    if answer is None:
        return None
    modes = [line[6:] for line in answer.splitlines() if line[:6] == "Mode: "]
    return modes[0].strip() if modes else ""


class ZooKeeper:
    """The real server, as a child process."""

    def __init__(self, directory, ensemble, ip):
        self._dir = directory
        self._ensemble = ensemble
        self._ip = ip
        self._child = None
        self._lonely = False
        os.makedirs(f"{directory}/snapshot", exist_ok=True)

    def _configure(self):
        # Where nobody listens, a lonely server looks for its peers in vain.
        ports = "2999:3999" if self._lonely else "2888:3888"
        servers = [f"server.{number}={ip}:{ports}" for number, ip in self._ensemble.items()]
        if len(servers) == 1 and not self._lonely:
            servers = []
        with open(f"{self._dir}/zoo.cfg", "w", encoding="utf-8") as file:
            file.write(CONFIG.format(data=f"{self._dir}/snapshot", servers="\n".join(servers)))
        (own,) = (number for number, ip in self._ensemble.items() if ip == self._ip)
        with open(f"{self._dir}/snapshot/myid", "w", encoding="utf-8") as file:
            file.write(f"{own}\n")

    @property
    def runs(self):
        """Whether the process is there."""
        return self._child is not None and self._child.poll() is None

    def start(self, lonely=False):
        """Start it, unless it runs in just this way."""
        if self.runs and self._lonely == lonely:
            return
        self.stop()
        self._lonely = lonely
        self._configure()
        jars = [path for jar in JARS for path in sorted(glob.glob(f"/usr/share/java/{jar}.jar"))]
        with open(f"{self._dir}/zookeeper.out", "ab") as output:
            self._child = subprocess.Popen(  # pylint: disable=consider-using-with
                [*JAVA, "-cp", ":".join(jars), MAIN, f"{self._dir}/zoo.cfg"],
                stdin=subprocess.DEVNULL, stdout=output, stderr=output,
            )

    def stop(self):
        """Kill it."""
        if self._child:
            self._child.kill()
            self._child.wait()
            self._child = None


class Exhibitor:
    """What one Exhibitor does and believes."""

    def __init__(self, options):
        self._scenario_file = options.scenario
        self.ip = options.ip
        self.servers = list(options.ensemble.values())
        self._zookeeper = ZooKeeper(options.dir, options.ensemble, options.ip)
        self._started = time.monotonic()
        self._state = (LATENT, False)
        self._serving = self._started  # when it did, or was given a new chance
        self._due = True  # ZooKeeper is to be started at once, not only after a while
        self._said = self._started
        self._others = {ip: (LATENT, False) for ip in self.servers if ip != self.ip}
        self._garbage = False
        self._asked = None  # when the others were; None: never

    def scenario(self):
        """The scenario of now; {} when there is none, or while it is being replaced."""
        try:
            with open(self._scenario_file, encoding="utf-8") as file:
                return json.load(file)
        except (OSError, ValueError):
            return {}

    # ------------------------------------------------------------ ZooKeeper

    def supervise(self):
        """One turn: is ZooKeeper as it should be?"""
        scenario = self.scenario()
        wrong = scenario.get("exhibitor")
        age = time.monotonic() - self._started
        if wrong in STOPPED or age < scenario.get("exhibitor_delay", 0):
            self._zookeeper.stop()
            self._due = True
        elif wrong == "flapping" and self._is_flap_down(age, scenario):
            self._zookeeper.stop()
        elif wrong in ("not-serving", "flapping"):
            self._zookeeper.start(lonely=wrong == "not-serving")
        else:
            self._keep_up(scenario.get("exhibitor_restart", 40))
        self._note(self._look(latent=age < scenario.get("exhibitor_delay", 0)))

    @staticmethod
    def _is_flap_down(age, scenario):
        up = scenario.get("exhibitor_flap", 6)
        return age % (up + FLAP_DOWN) > up

    def _keep_up(self, patience):
        now = time.monotonic()
        if self._state[0] == SERVING:
            self._serving = now
        waited = now - self._serving
        if waited > patience:
            say(f"Restarting down/not-serving ZooKeeper after {waited * 1000:.0f} ms pause", "ERROR")
            self._zookeeper.stop()
            self._due = True
        elif waited > 2 and now - self._said > 2:
            say(f"ZooKeeper down/not-serving waiting {waited * 1000:.0f} of {patience * 1000:.0f} ms "
                "before restarting")
            self._said = now
        if self._due:
            self._serving = now
        if self._due or self._zookeeper.runs:
            self._zookeeper.start()
        self._due = False

    def _note(self, state):
        if state[0] != self._state[0]:
            say(f"State: {WORDS[state[0]]}")
        self._state = state

    def _look(self, latent):
        mode = srvr_mode(self.ip)
        if mode is None:
            return (LATENT if latent else DOWN, False)
        return (SERVING, mode in ("leader", "standalone")) if mode else (NOT_SERVING, False)

    def state(self):
        """(code, whether it leads), as this Exhibitor tells it of its own server."""
        return CLAIMS.get(self.scenario().get("exhibitor"), self._state)

    # ------------------------------------------------------------ the others

    def ask_others(self):
        """Look at the other Exhibitors, if the last look is old enough."""
        cache = self.scenario().get("exhibitor_cache", 30 if len(self.servers) > 1 else 2)
        if self._asked is not None and time.monotonic() - self._asked < cache:
            return
        self._garbage = False
        for ip in self._others:
            self._others[ip] = self._ask(ip)
        self._asked = time.monotonic()

    def _ask(self, ip):
        try:
            link = http.client.HTTPConnection(ip, 8181, timeout=2)
            link.request("GET", "/exhibitor/v1/cluster/state")
            answer = link.getresponse().read()
            link.close()
        except (OSError, http.client.HTTPException):
            return (DOWN, False)
        try:
            document = json.loads(answer)
            return (document["state"], document["isLeader"])
        except (ValueError, KeyError, TypeError):
            self._garbage = True
            return (DOWN, False)

    # ------------------------------------------------------------ answers

    def cluster_status(self):
        """The array of all servers, in any order; None: HTTP 500."""
        wrong = self.scenario().get("exhibitor")
        if wrong == "http-500" or self._garbage:
            return None
        if wrong == "empty":
            return []
        states = dict(self._others)
        if wrong != "too-few":
            states[self.ip] = self.state()
        rows = [
            {"code": code, "description": WORDS[code], "hostname": ip,
             "isLeader": leads and wrong != "no-leader"}
            for ip, (code, leads) in states.items()
        ]
        random.shuffle(rows)
        return rows

    def cluster_state(self):
        """Of this server alone."""
        code, leads = self.state()
        switches = {"restarts": True, "cleanup": True, "backups": False}
        return {"switches": switches, "state": code, "description": WORDS[code], "isLeader": leads}

    def cluster_list(self):
        """Who belongs to the ensemble."""
        return {"servers": self.servers, "port": 2181}


def handler(exhibitor):
    """The class that answers in its name."""
    answers = {
        "/exhibitor/v1/cluster/status": exhibitor.cluster_status,
        "/exhibitor/v1/cluster/state": exhibitor.cluster_state,
        "/exhibitor/v1/cluster/list": exhibitor.cluster_list,
    }

    class Handler(BaseHTTPRequestHandler):
        """One connection."""

        protocol_version = "HTTP/1.1"
        server_version = "Jetty(1.0)"
        timeout = 10

        def do_GET(self):  # pylint: disable=invalid-name
            """All that is ever asked."""
            answer = answers.get(self.path.partition("?")[0].rstrip("/"))
            document = answer() if answer else None
            if not answer:
                self._send(404, "text/html", b"<html><body><h2>HTTP ERROR: 404</h2></body></html>\n")
            elif document is None:
                self._send(500, "text/html;charset=ISO-8859-1", ERROR_PAGE)
            else:
                text = json.dumps(document, separators=(",", ":"))
                self._send(200, "application/json", text.encode())

        def _send(self, status, kind, body):
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            """The journal is not for requests."""

    return Handler


def repeat(what):
    """Do it for ever, in a thread of its own; a failure ends the program, as it would Exhibitor."""
    def loop():
        while True:
            try:
                what()
            except Exception as error:  # pylint: disable=broad-except
                say(f"{type(error).__name__}: {error}", "ERROR")
                os.kill(os.getpid(), signal.SIGKILL)
            time.sleep(TICK)
    threading.Thread(target=loop, daemon=True).start()


def parse_ensemble(text):
    """1:ADDRESS,2:ADDRESS"""
    pairs = (part.split(":") for part in text.split(","))
    return {int(number): ip for number, ip in pairs}


def main():
    """Serve until killed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--ip", required=True)
    parser.add_argument("--ensemble", required=True, type=parse_ensemble)
    parser.add_argument("--dir", required=True)
    parser.add_argument("--scenario", required=True)
    options = parser.parse_args()
    if options.ip not in options.ensemble.values():
        sys.exit(f"ERROR: ip-detect returned {options.ip}. {options.ip} is not in the configured list "
                 "of masters.")
    exhibitor = Exhibitor(options)
    if exhibitor.scenario().get("exhibitor") == "time":
        sys.exit("Time is not synchronized / marked as bad by the kernel.")
    repeat(exhibitor.supervise)
    repeat(exhibitor.ask_others)
    ThreadingHTTPServer(("", 8181), handler(exhibitor)).serve_forever()


if __name__ == "__main__":
    main()
