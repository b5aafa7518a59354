# SPDX-License-Identifier: Apache-2.0
"""The registry and its replicated log, near enough: a file on each master; a quorum counts.

Every master has a Replica. It says "recovered" as soon as it may vote, which tells nothing of the
others. Only the leader has a Registrar: it reads the newest registry from a quorum, writes each
change to a quorum, and kills the master when it cannot. Unlike Mesos, replicas know no promises:
two leaders at a time would overwrite each other.
"""

import os
import queue
import threading
import time

import standin
import standin_http

EMPTY, STARTING, VOTING = "EMPTY", "STARTING", "VOTING"
PATH = "/standin/replica"
RETRY = 0.1
TIMEOUT = 1.0


def ask(address, value):
    """A replica's answer; None when there is none."""
    try:
        status, answer = standin_http.post(address, PATH, value, TIMEOUT)
        return answer if status == 200 else None
    except (OSError, ValueError):
        return None


class Replica(threading.Thread):
    """This master's copy. A new one may vote only when all are new, or when a quorum votes."""

    def __init__(self, work_dir, own, quorum, peers):
        super().__init__(daemon=True)
        os.makedirs(work_dir, exist_ok=True)
        self._path = f"{work_dir}/replicated_log.json"
        self.own, self._quorum, self._peers = own, quorum, peers
        self._lock = threading.Lock()
        nothing = {"slaves": [], "unreachable": []}
        self._state = standin.load(
            self._path, {"status": EMPTY, "version": 0, "registry": nothing}
        )

    @property
    def recovered(self):
        """This replica may vote. Nothing more."""
        return self._state["status"] == VOTING

    def run(self):
        while not self.recovered:
            self._recover()
            time.sleep(RETRY)

    def _recover(self):
        others = [ask(address, {}) for address in self._peers() if address != self.own]
        others = [answer for answer in others if answer]
        voting = [answer for answer in others if answer["status"] == VOTING]
        everybody = len(others) + 1 == 2 * self._quorum - 1
        if len(voting) >= self._quorum:
            self._become(VOTING, max(voting, key=lambda answer: answer["version"]))
        elif everybody and self._state["status"] == STARTING:
            if all(answer["status"] in (STARTING, VOTING) for answer in others):
                self._become(VOTING)
        elif everybody and all(answer["status"] in (EMPTY, STARTING) for answer in others):
            self._become(STARTING)

    def _become(self, status, source=None):
        with self._lock:
            made = dict(source or self._state, status=status)
            standin.save(self._path, made)
            self._state = made
        standin.log("I", "replica.cpp:324", f"Persisted replica status to {status}")

    def answer(self, value):
        """{}: read; otherwise a newer version to be kept. None: not by this replica."""
        with self._lock:
            if not value:
                return self._state
            if not self.recovered or value["version"] <= self._state["version"]:
                return None
            made = dict(value, status=VOTING)
            standin.save(self._path, made)
            self._state = made
            return {"status": VOTING}


class Registrar(threading.Thread):
    """The leader's. `registry` is None until a quorum has answered; then it must not be changed."""

    def __init__(self, group, replica, quorum, fetch_timeout, store_timeout, scenario):
        super().__init__(daemon=True)
        self._group, self._replica, self._quorum = group, replica, quorum
        self._fetch_timeout, self._store_timeout = fetch_timeout, store_timeout
        self._scenario = scenario
        self._operations = queue.Queue()
        self._version = 0
        self.registry = None
        self.fetch_ms = None
        self.recovered = False  # read, and written with the new leader in it
        self.stores = 0

    def apply(self, change):
        """change(registry) makes a new registry; comes back when a quorum has it."""
        done = threading.Event()
        self._operations.put((change, done))
        done.wait()

    def run(self):
        begin = time.monotonic()
        self._repeat(self._fetch, self._fetch_timeout, self._no_fetch)
        self.fetch_ms = (time.monotonic() - begin) * 1000
        self._store(lambda registry: registry)
        self.recovered = True
        while True:
            change, done = self._operations.get()
            self._store(change)
            done.set()

    def _repeat(self, attempt, timeout, give_up):
        deadline = time.monotonic() + timeout
        while self._scenario.get("mesos_no_quorum") or not attempt():
            if time.monotonic() > deadline and not self._scenario.get("mesos_no_quorum"):
                give_up(duration(timeout))
            time.sleep(RETRY)

    def _no_fetch(self, timeout):
        standin.fatal("master.cpp:2025", "Recovery failed: Failed to recover registrar: "
                      f"Failed to perform fetch within {timeout}")

    def _no_store(self, timeout):
        standin.fatal("master.cpp:1890", "Failed to update registry: "
                      f"Failed to perform store within {timeout}")

    def _fetch(self):
        answers = [self._ask(address, {}) for address in self._group.replicas]
        voting = [answer for answer in answers if answer and answer["status"] == VOTING]
        if len(voting) < self._quorum:
            return False
        newest = max(voting, key=lambda answer: answer["version"])
        self._version, self.registry = newest["version"], newest["registry"]
        return True

    def _store(self, change):
        registry = change(self.registry)
        self._version += 1
        self._repeat(lambda: self._write(registry), self._store_timeout, self._no_store)
        self.registry = registry
        self.stores += 1

    def _write(self, registry):
        # Each attempt is a version of its own: a replica that has it already would refuse.
        self._version += 1
        value = {"version": self._version, "registry": registry}
        kept = [address for address in self._group.replicas if self._ask(address, value)]
        return len(kept) >= self._quorum

    def _ask(self, address, value):
        return self._replica.answer(value) if address == self._replica.own else ask(address, value)


def duration(seconds):
    """As Mesos prints it: 1mins, 20secs."""
    for size, unit in [(3600, "hrs"), (60, "mins"), (1, "secs")]:
        if seconds % size == 0 and seconds >= size:
            return f"{seconds // size:g}{unit}"
    return f"{seconds * 1000:g}ms"
