#!/usr/bin/python3 -B
# SPDX-License-Identifier: Apache-2.0
"""Looks at all masters ten times a second and writes down what answered; judges nothing.

    observer.py --out FILE m1=10.77.0.11 m2=10.77.0.12 m3=10.77.0.13

Not a part of rollpatch, and shares nothing with it: whoever is judged must not hold the pen.

A sample asks every master two questions at the same time: its ZooKeeper (`srvr` on port 2181) and
its Mesos master (GET /health on port 5050). Each has 90 ms, so that no sample reaches into the
next, and there are never more than two connections a master. Who has not answered by then was
"slow" if there was a connection, which the kernel makes for any process that listens; a "timeout"
if there was not even that. A port on which nobody listens is "refused". One line of JSON a sample:

    {"sample": 7, "at": boot time, "wall": time of day, "masters": {"m1": {
        "zookeeper": {"outcome": "follower", "at": ..., "took": ...},
        "mesos": {"outcome": "200", "at": ..., "took": ...}}}}

All times are microseconds; `at` is CLOCK_BOOTTIME when the question was put. The first line is a
head that says who is asked and how; the last, after SIGTERM, {"end": boot time}. A sample for which
there was no time (the machine was busy) is left out, never made up for: the judge sees the gap.
"""

import argparse
import errno
import json
import os
import selectors
import signal
import socket
import sys
import time

PERIOD = 100_000
TIMEOUT = 90_000
ANSWER_MAX = 65536
QUESTIONS = {
    "zookeeper": (2181, b"srvr"),
    "mesos": (5050, b"GET /health HTTP/1.1\r\nHost: observer\r\nConnection: close\r\n\r\n"),
}
ERRORS = {
    errno.ECONNREFUSED: "refused",
    errno.ECONNRESET: "reset",
    errno.EPIPE: "reset",
    errno.EHOSTUNREACH: "unreachable",
    errno.ENETUNREACH: "unreachable",
    errno.ETIMEDOUT: "timeout",
}


def now():
    """Microseconds since the boot of the machine; goes on while it sleeps, is never set."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000


def read_zookeeper(data, complete):
    """What `srvr` says of this server: leader, follower, standalone, not-serving; None: go on."""
    if not complete:
        return None
    if b"not currently serving" in data:
        return "not-serving"
    for line in data.decode("latin-1").splitlines():
        if line.startswith("Mode: "):
            return line.removeprefix("Mode: ").strip()
    return "garbage" if data else "reset"


def read_mesos(data, complete):
    """The status of the answer, as text; None: go on."""
    if b"\r\n\r\n" not in data:
        return ("garbage" if data else "reset") if complete else None
    words = data.decode("latin-1").split(None, 2)
    return words[1] if words[0].startswith("HTTP/1.") and len(words) > 1 else "garbage"


READERS = {"zookeeper": read_zookeeper, "mesos": read_mesos}


class Probe:
    """One question to one port. `outcome` is None until it is decided."""

    def __init__(self, selector, address, question):
        port, self._request = QUESTIONS[question]
        self._read = READERS[question]
        self._selector = selector
        self._data = b""
        self._connected = False
        self.outcome = None
        self.at = now()
        self.took = 0
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        selector.register(self._socket, selectors.EVENT_WRITE, self)
        error = self._socket.connect_ex((address, port))
        if error not in (0, errno.EINPROGRESS):
            self._fail(error)

    def on_ready(self, events):
        """The connection stands, or there is something to read."""
        try:
            if events & selectors.EVENT_WRITE:
                self._on_connected()
            else:
                self._on_answer()
        except OSError as error:
            self._fail(error.errno)

    def _on_connected(self):
        error = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if error:
            self._fail(error)
            return
        self._connected = True
        self._socket.send(self._request)  # so few bytes fit into any new connection
        self._selector.modify(self._socket, selectors.EVENT_READ, self)

    def _on_answer(self):
        data = self._socket.recv(ANSWER_MAX)
        self._data += data
        outcome = self._read(self._data, not data)
        if outcome is None and len(self._data) >= ANSWER_MAX:
            outcome = "garbage"
        if outcome is not None:
            self.end(outcome)

    def _fail(self, number):
        self.end(ERRORS.get(number) or errno.errorcode.get(number, str(number)).lower())

    def on_deadline(self):
        """There was no answer in time."""
        self.end("slow" if self._connected else "timeout")

    def end(self, outcome):
        """Decide, once."""
        self.outcome = outcome
        self.took = now() - self.at
        self._selector.unregister(self._socket)
        self._socket.close()

    def describe(self):
        """Its part of the sample."""
        return {"outcome": self.outcome, "at": self.at, "took": self.took}


def turn(selector, wait):
    """Hand out what is ready within `wait` microseconds; whether anything was."""
    ready = selector.select(max(0, wait) / 1e6)
    for key, events in ready:
        key.data.on_ready(events)
    return bool(ready)


def take_sample(selector, masters):
    """Ask everybody at once; {master: {question: answer}} after at most TIMEOUT."""
    probes = {
        name: {question: Probe(selector, address, question) for question in QUESTIONS}
        for name, address in masters.items()
    }
    deadline = now() + TIMEOUT
    while selector.get_map() and now() < deadline:
        turn(selector, deadline - now())
    # Answers that have come while the observer itself was kept waiting are answers.
    while selector.get_map() and turn(selector, 0):
        pass
    for key in list(selector.get_map().values()):
        key.data.on_deadline()
    return {
        name: {question: probe.describe() for question, probe in asked.items()}
        for name, asked in probes.items()
    }


class Stop:
    """Set by SIGTERM or SIGINT: the sample under way is finished."""

    def __init__(self):
        self.asked = False
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)

    def _on_signal(self, *_):
        self.asked = True


def observe(masters, write, stop):
    """Sample by sample until `stop.asked`."""
    selector = selectors.DefaultSelector()
    write({"head": 1, "masters": masters, "period": PERIOD, "timeout": TIMEOUT, "at": now()})
    begin = now()
    number = 0
    while not stop.asked:
        at, wall = now(), time.time_ns() // 1000
        answers = take_sample(selector, masters)
        write({"sample": number, "at": at, "wall": wall, "masters": answers})
        number = max(number + 1, (now() - begin) // PERIOD + 1)
        time.sleep(max(0, begin + number * PERIOD - now()) / 1e6)
    write({"end": now()})


def parse_master(text):
    """NAME=ADDRESS"""
    name, equals, address = text.partition("=")
    if not (name and equals and address):
        raise argparse.ArgumentTypeError(f"{text!r}: want NAME=ADDRESS")
    return name, address


def main():
    parser = argparse.ArgumentParser(description="Sample the ports of all masters.")
    parser.add_argument("--out", required=True, metavar="FILE", help="where the samples go")
    parser.add_argument("masters", nargs="+", type=parse_master, metavar="NAME=ADDRESS")
    options = parser.parse_args()
    stop = Stop()
    with open(options.out, "w", encoding="utf-8") as file:
        def write(line):
            file.write(json.dumps(line, separators=(",", ":")) + "\n")
            file.flush()
        observe(dict(options.masters), write, stop)
    return 0


if __name__ == "__main__":
    try:
        os.nice(-10)  # it must be on time, and needs little
    except OSError:
        pass
    sys.exit(main())
