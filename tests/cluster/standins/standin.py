# SPDX-License-Identifier: Apache-2.0
"""What both Mesos stand-ins are as processes: scenario, log lines on stderr, life and death.

Times are seconds of the monotonic clock unless they are shown to somebody.
"""

import json
import os
import resource
import sys
import threading
import time

RED = "STANDIN_RED"  # environment of the process that follows itself: what it did before
TICK = 0.05

# Every key of a scenario that is ours, with its default; README.md says what they mean.
KEYS = {
    "mesos_start_delay": 0,
    "mesos_flap": None,
    "mesos_down": False,
    "mesos_exit_after": None,
    "mesos_version": None,
    "mesos_age": None,
    "mesos_hang": False,
    "mesos_refused": False,
    "mesos_refuse_recovery": False,
    "mesos_recovery_time": 0.5,
    "mesos_recovery_errors": 0,
    "mesos_tasks": 2,
    "mesos_tasks_failed": 0,
    "mesos_tasks_finished": 0,
    "mesos_tasks_stale": 0,
    "mesos_tasks_churn": None,
    "mesos_leaving": 1.5,
    "mesos_overlay": "STATUS_OK",
    "mesos_flags": {},
    "mesos_no_quorum": False,
    "mesos_no_registrar_keys": False,
    "mesos_unreachable_after": None,
    "mesos_drained": [],
}


# ---------------------------------------------------------------- log lines, as glog writes them
def log(level, place, text):
    """One line; level is I, W, E or F, place is FILE:LINE of the Mesos source."""
    now = time.time()
    clock = time.strftime("%m%d %H:%M:%S", time.localtime(now))
    head = f"{level}{clock}.{int(now % 1 * 1e6):06d} {threading.get_native_id():5d} {place}]"
    os.write(2, f"{head} {text}\n".encode())


def exit_with(place, text):
    """Mesos' EXIT: status 1, no matter which thread."""
    log("E", place, f"EXIT with status 1: {text}")
    os._exit(1)


def fatal(place, text):
    """Mesos' LOG(FATAL): SIGABRT."""
    log("F", place, text)
    os.write(2, b"*** Check failure stack trace: ***\n")
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.abort()


# ---------------------------------------------------------------- scenario
class Scenario:
    """The faults of this host; the file may appear, change and vanish at any time."""

    def __init__(self, path):
        self._path = path
        self._seen = None
        self._values = {}
        self.version = 0  # grows with each change
        self.reload()

    def reload(self):
        """True when the file is another one than before."""
        try:
            status = os.stat(self._path)
            seen = (status.st_mtime_ns, status.st_ino, status.st_size)
        except OSError:
            seen = ()
        if seen == self._seen:
            return False
        self._seen = seen
        self._values = self._read() if seen else {}
        self.version += 1
        return True

    def _read(self):
        try:
            with open(self._path, encoding="utf-8") as file:
                values = json.load(file)
        except (OSError, ValueError) as error:
            log("W", "standin.py", f"scenario {self._path}: {error}")
            return {}
        for key in values:
            if key.startswith("mesos_") and key not in KEYS:
                log("W", "standin.py", f"scenario {self._path}: no such key: {key}")
        return values

    def get(self, key):
        """The value of one of KEYS."""
        return self._values.get(key, KEYS[key])


# ---------------------------------------------------------------- life
def read_version(path):
    """The first line of the version file, "1.11.0" or "mesos 1.11.0"."""
    with open(path, encoding="utf-8") as file:
        return file.readline().split()[-1]


def wait_until_wanted(scenario):
    """Before the port opens: slow start, the red time of a flapping one, staying down."""
    delay = float(os.environ.get(RED, scenario.get("mesos_start_delay")))
    until = time.monotonic() + delay
    while time.monotonic() < until or scenario.get("mesos_down"):
        time.sleep(TICK)
        scenario.reload()


def start_again(red):
    """Close everything and stay away for `red` seconds, as the same process: its unit runs on.

    Nothing is told to anybody, so that ephemeral nodes outlive it as they outlive a killed one.
    """
    os.environ[RED] = str(red)
    os.execv(sys.executable, [sys.executable, "-SE", *sys.argv])


class Life:
    """When the process must die or vanish, by its scenario; look() is called all the time."""

    def __init__(self, scenario):
        self._scenario = scenario
        self._version = scenario.version
        self._flapped = os.environ.pop(RED, None) is not None
        self._since = time.monotonic()

    def look(self):
        """Does not come back when it is time."""
        if self._scenario.version != self._version:
            self._version = self._scenario.version
            self._flapped = False
            self._since = time.monotonic()
        age = time.monotonic() - self._since
        flap = self._scenario.get("mesos_flap")
        if flap and not self._flapped and age >= flap["green"]:
            start_again(flap["red"])
        if self._scenario.get("mesos_down"):
            start_again(0)
        after = self._scenario.get("mesos_exit_after")
        if after is not None and age >= after:
            exit_with("standin.py:1", "mesos_exit_after of the scenario")


# ---------------------------------------------------------------- files
def load(path, default):
    """JSON of a file; default when there is none."""
    try:
        with open(path, encoding="utf-8") as file:
            return json.load(file)
    except FileNotFoundError:
        return default


def save(path, value):
    """Atomic and synced."""
    with open(path + ".new", "w", encoding="utf-8") as file:
        json.dump(value, file)
        file.flush()
        os.fsync(file.fileno())
    os.rename(path + ".new", path)
