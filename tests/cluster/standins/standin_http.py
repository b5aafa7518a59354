# SPDX-License-Identifier: Apache-2.0
"""HTTP/1.1 as libprocess speaks it: which headers in which order, no Server, no chunks.

One thread for each connection. A handler may never come back: that is how a hung Mesos looks.
"""

import gzip
import json
import socket
import threading
import time
from email.utils import formatdate
from urllib.parse import parse_qsl, unquote, urlsplit

REASONS = {
    200: "OK", 307: "Temporary Redirect", 400: "Bad Request", 401: "Unauthorized", 404: "Not Found",
    405: "Method Not Allowed", 503: "Service Unavailable",
}
UNITS = {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "secs": 1, "mins": 60, "hrs": 3600, "days": 86400,
         "weeks": 604800}
SNAPSHOT_INTERVAL = 0.5  # 2 requests a second


# ---------------------------------------------------------------- answers
class Answer:
    """`before` and `after`: headers on either side of Content-Length."""

    def __init__(self, status, body=b"", before=(), after=()):
        self.status, self.body, self.before, self.after = status, body, before, after


def dump(value):
    """JSON without blanks, as Mesos writes it."""
    return json.dumps(value, separators=(",", ":")).encode()


def ok(value=None):
    """200; without a value, an empty body."""
    if value is None:
        return Answer(200)
    return Answer(200, dump(value), after=[("Content-Type", "application/json")])


def ok_api(value):
    """200 of /api/v1, whose headers stand in another order."""
    return Answer(200, dump(value), before=[("Content-Type", "application/json")])


def text(status, body):
    """An error."""
    return Answer(status, body.encode(), before=[("Content-Type", "text/plain; charset=utf-8")])


def redirect(location):
    """307 without a scheme, and without a body."""
    return Answer(307, before=[("Location", location)])


def not_found():
    """404."""
    return text(404, "404 Not Found.")


class Request:
    """What a client sent; `connection` is a Connection."""

    def __init__(self, method, target, headers, body, connection):
        parts = urlsplit(target)
        self.method, self.headers, self.body, self.connection = method, headers, body, connection
        self.path = unquote(parts.path)
        self.query = dict(parse_qsl(parts.query, keep_blank_values=True))

    def json(self):
        """The body; {} when it is none."""
        try:
            return json.loads(self.body)
        except ValueError:
            return {}


# ---------------------------------------------------------------- server
class Connection:
    """One client; `on_close` is called once when it is gone."""

    def __init__(self, link, handler):
        self._link, self._handler = link, handler
        self.on_close = None

    def serve(self):
        """Until the client goes."""
        stream = self._link.makefile("rb")
        try:
            while (request := self._read(stream)) is not None:
                answer = self._handler(request)
                self._write(request, answer)
                if request.headers.get("connection", "").lower() == "close":
                    break
        except (OSError, ValueError):
            pass
        finally:
            self._link.close()
            if self.on_close:
                self.on_close()

    def _read(self, stream):
        first = stream.readline(65536).decode("latin-1").split()
        if len(first) != 3:
            return None
        headers = {}
        while (line := stream.readline(65536).decode("latin-1").strip()):
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        body = stream.read(int(headers.get("content-length", 0)))
        return Request(first[0], first[1], headers, body, self)

    def _write(self, request, answer):
        body, headers = answer.body, list(answer.before)
        date = ("Date", formatdate(usegmt=True))
        if body and answer.status == 200 and "gzip" in request.headers.get("accept-encoding", ""):
            body = gzip.compress(body)
            headers = [("Content-Encoding", "gzip"), date, *headers]
        else:
            headers = [date, *headers]
        headers += [("Content-Length", len(body)), *answer.after]
        head = f"HTTP/1.1 {answer.status} {REASONS[answer.status]}\r\n"
        head += "".join(f"{name}: {value}\r\n" for name, value in headers) + "\r\n"
        self._link.sendall(head.encode() + (b"" if request.method == "HEAD" else body))


def listen(ip, port, handler):
    """Serve for ever, in threads; on this address only."""
    server = socket.socket()
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    server.bind((ip, port))
    server.listen(128)

    def accept():
        while True:
            link, _ = server.accept()
            link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=Connection(link, handler).serve, daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()


def hang():
    """Never."""
    threading.Event().wait()


# ---------------------------------------------------------------- client
class Link:
    """A connection that is kept: agent to leader, registrar to replica."""

    def __init__(self, address, timeout):
        ip, _, port = address.rpartition(":")
        self._link = socket.create_connection((ip, int(port)), timeout)
        self._stream = self._link.makefile("rb")

    def close(self):
        """The other side notices."""
        self._stream.close()
        self._link.close()

    def post(self, path, value, timeout):
        """Status and JSON (None when it is none); OSError when the connection is of no use."""
        self._link.settimeout(timeout)
        body = dump(value)
        head = f"POST {path} HTTP/1.1\r\nHost: mesos\r\nContent-Length: {len(body)}\r\n\r\n"
        self._link.sendall(head.encode() + body)
        first = self._stream.readline().split()
        if len(first) < 2:
            raise ConnectionResetError("closed")
        length = 0
        while (line := self._stream.readline().strip()):
            name, _, number = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(number)
        data = self._stream.read(length)
        return int(first[1]), json.loads(data) if data[:1] == b"{" else None


def post(address, path, value, timeout):
    """One request on a connection of its own."""
    link = Link(address, timeout)
    try:
        return link.post(path, value, timeout)
    finally:
        link.close()


# ---------------------------------------------------------------- /metrics/snapshot
def parse_duration(value):
    """Seconds of "2secs"; None when it is no duration."""
    number = value.rstrip("abcdefghijklmnopqrstuvwxyz")
    try:
        return float(number) * UNITS[value[len(number):]]
    except (ValueError, KeyError):
        return None


class Snapshot:
    """The endpoint, with its queue and its bad manners in the first seconds of a process.

    `phases`: ascending (age from which on, function that returns the metrics of that phase);
    `frozen`: function that returns the age to be pretended, or None.
    """

    HANG = (0.35, 0.5)  # ages at which a request without time-out is never answered

    def __init__(self, phases, frozen):
        self._phases, self._frozen = phases, frozen
        self._start = time.monotonic()
        self._lock = threading.Lock()
        self._next = 0.0

    @property
    def age(self):
        """Since the port opened."""
        frozen = self._frozen()
        return time.monotonic() - self._start if frozen is None else frozen

    def _queue(self):
        with self._lock:
            now = time.monotonic()
            turn = max(now, self._next)
            self._next = turn + SNAPSHOT_INTERVAL
        time.sleep(turn - now)

    def answer(self, request):
        """Comes late, and perhaps never."""
        timeout = None
        if "timeout" in request.query:
            timeout = parse_duration(request.query["timeout"])
            if timeout is None:
                wrong = request.query["timeout"]
                return text(400, f"Invalid timeout '{wrong}': Failed to convert '' to number.\n")
        self._queue()
        metrics = [make for since, make in self._phases if self.age >= since][-1]
        if self.HANG[0] <= self.age < self.HANG[1]:
            if timeout is None:
                hang()
            time.sleep(timeout)
        return ok(metrics())
