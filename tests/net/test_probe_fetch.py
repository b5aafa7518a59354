# SPDX-License-Identifier: Apache-2.0
"""rollpatch-probe fetch, against a server that misbehaves: exactly the pinned file, or nothing."""

import fcntl
import hashlib
import json
import os
import resource
import signal
import socket
import subprocess
import threading
import time

import pytest

PROBE = os.path.join(os.environ["ROLLPATCH_BUILD"], "node-agent/probe/rollpatch-probe")
BODY = b"#!/bin/bash\n" + b"echo patching; " * 300
SHA256 = hashlib.sha256(BODY).hexdigest()
SLACK = 3.0  # seconds that starting, hashing and syncing may take on a loaded machine


def answer(status="200 OK", body=BODY, length=None, content_type="application/x-sh", more=""):
    head = f"HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\n{more}"
    if length is not False:
        head += f"Content-Length: {len(body) if length is None else length}\r\n"
    return head.encode() + b"\r\n" + body


class Server:
    """Answers each connection by calling `serve(connection)`, until the test is over."""

    def __init__(self, serve):
        self.over = threading.Event()
        self.requests = []
        self.serve = serve
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}/script.sh"
        self.threads = [threading.Thread(target=self.accept)]
        self.threads[0].start()

    def accept(self):
        while True:
            connection, _ = self.listener.accept()
            if self.over.is_set():
                return
            self.threads.append(threading.Thread(target=self.talk, args=[connection]))
            self.threads[-1].start()

    def talk(self, connection):
        with connection:
            connection.settimeout(0.1)
            try:
                self.requests.append(connection.recv(65536))
                self.serve(connection)
            except OSError:
                pass  # the probe hung up, as it should

    def close(self):
        if self.over.is_set():
            return
        self.over.set()
        socket.create_connection(self.listener.getsockname()).close()
        for thread in self.threads:
            thread.join()
        self.listener.close()


@pytest.fixture
def start():
    """start(answer-or-function) gives a running Server."""
    servers = []

    def make(serve):
        if isinstance(serve, bytes):
            data = serve
            serve = lambda connection: connection.sendall(data)
        servers.append(Server(serve))
        return servers[-1]

    yield make
    for server in servers:
        server.close()


class Fetch:
    """What became of one fetch."""

    def __init__(self, url, path, size=len(BODY), sha256=SHA256, deadline=10, **options):
        begin = time.monotonic()
        done = subprocess.run(
            [PROBE, "fetch", "--url", url, "--file", str(path), "--size", str(size),
             "--sha256", sha256, "--deadline", str(deadline)],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False,
            **options,
        )
        self.seconds = time.monotonic() - begin
        assert done.stdout.count("\n") == 1 and done.stdout.endswith("\n"), done
        assert done.stderr == ""
        self.status = done.returncode
        self.answer = json.loads(done.stdout)
        assert self.seconds < deadline + SLACK

    def fails_with(self, *texts):
        assert self.status == 1
        assert list(self.answer) == ["ok", "error"] and self.answer["ok"] is False
        for text in texts:
            assert text in self.answer["error"]


@pytest.fixture
def path(tmp_path):
    """Where to put the file. Afterwards nothing else may lie there."""
    yield tmp_path / "script.sh"
    assert set(os.listdir(tmp_path)) <= {"script.sh"}


def fetch_fails(server, path, *texts, **options):
    Fetch(server.url, path, **options).fails_with(server.url + ": ", *texts)
    assert not path.exists()


def test_the_right_file_arrives_whole_under_its_name(start, path):
    fetched = Fetch(start(answer()).url, path)
    assert fetched.status == 0
    assert fetched.answer == {"ok": True, "size": len(BODY), "sha256": SHA256}
    assert path.read_bytes() == BODY
    assert path.stat().st_mode & 0o7777 == 0o600


def test_a_body_in_chunks_is_put_together(start, path):
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(c), c) for c in (BODY[:7], BODY[7:])) + b"0\r\n\r\n"
    server = start(answer(body=chunks, length=False, more="Transfer-Encoding: chunked\r\n"))
    assert Fetch(server.url, path).status == 0
    assert path.read_bytes() == BODY


def test_early_hints_before_the_answer_are_skipped(start, path):
    server = start(b"HTTP/1.1 103 Early Hints\r\nContent-Type: text/html\r\n\r\n" + answer())
    assert Fetch(server.url, path).status == 0


def test_a_file_in_the_present_directory_needs_no_slash(start, path):
    assert Fetch(start(answer()).url, path.name, cwd=path.parent).status == 0
    assert path.read_bytes() == BODY


def test_an_old_file_is_replaced_only_by_the_right_one(start, path):
    path.write_text("old")
    Fetch(start(answer(body=BODY[:-1] + b"?")).url, path).fails_with("SHA-256")
    assert path.read_text() == "old"
    assert Fetch(start(answer()).url, path).status == 0
    assert path.read_bytes() == BODY


def test_not_found_is_an_error(start, path):
    fetch_fails(start(answer("404 Not Found", b"", content_type="")), path, "got 404, want 200")


def test_a_body_with_another_status_than_200_is_refused_even_if_right(start, path):
    fetch_fails(start(answer("206 Partial Content")), path, "got 206")


def test_a_redirect_is_not_followed(start, path):
    target = start(answer())
    server = start(answer("302 Found", b"", more=f"Location: {target.url}\r\n", content_type=""))
    fetch_fails(server, path, f"got 302 to {target.url}, want 200")
    assert target.requests == []


def test_an_html_page_is_named_with_any_status(start, path):
    page = b"<html>Please log in</html>"
    html = {"content_type": "Text/HTML; charset=utf-8"}
    fetch_fails(start(answer("503 Unavailable", page, **html)), path, "got 503 of type text/html")
    fetch_fails(start(answer(body=page, **html)), path, "of type text/html is 26 bytes, want 4512")
    fetch_fails(start(answer(body=page * 999, **html)), path, "text/html is longer than 4512 bytes")
    same_size = page.ljust(len(BODY))
    fetch_fails(start(answer(body=same_size, **html)), path, "of type text/html has SHA-256")


def test_an_endless_error_page_is_not_waited_for(start, path):
    def serve(connection):
        connection.sendall(answer("500 Oops", b"", length=10**12, content_type="text/html"))
        server.over.wait()

    server = start(serve)
    fetched = Fetch(server.url, path, deadline=30)
    fetched.fails_with("got 500 of type text/html")
    assert fetched.seconds < SLACK


def test_a_body_that_is_cut_is_an_error(start, path):
    fetch_fails(
        start(answer(body=BODY[:100], length=len(BODY))), path, "closed after 100 of 4512 bytes"
    )


def test_a_body_that_is_cut_without_a_stated_length_is_an_error(start, path):
    fetch_fails(start(answer(body=BODY[:100], length=False)), path, "is 100 bytes, want 4512")


def test_a_body_that_is_longer_stops_at_once(start, path):
    sent = []

    def serve(connection):
        connection.sendall(answer(body=b"", length=False))
        while True:
            sent.append(connection.send(b"x" * 65536))

    server = start(serve)
    fetch_fails(server, path, "is longer than 4512 bytes", deadline=30)
    server.close()
    assert sum(sent) < 64 * 2**20


def test_one_byte_a_second_ends_at_the_deadline(start, path):
    def serve(connection):
        connection.sendall(answer(body=b"", length=len(BODY)))
        for i in range(len(BODY)):
            connection.sendall(BODY[i:i + 1])
            if server.over.wait(1):
                return

    server = start(serve)
    fetch_fails(server, path, "not finished within 2s, got ", " bytes", deadline=2)


def test_a_connection_that_is_never_closed_ends_at_the_deadline(start, path):
    def serve(connection):
        connection.sendall(answer(length=False))
        server.over.wait()

    server = start(serve)
    fetch_fails(server, path, "not finished within 1s, got 4512 bytes", deadline=1)


def test_a_server_that_never_says_a_word_ends_at_the_deadline(start, path):
    server = start(lambda connection: server.over.wait())
    fetch_fails(server, path, "not finished within 1s, got 0 bytes", deadline=1)


def test_a_tls_handshake_that_nobody_answers_ends_at_the_deadline(start, path):
    server = start(lambda connection: server.over.wait())
    fetched = Fetch(server.url.replace("http:", "https:"), path, deadline=1)
    fetched.fails_with("no connection within 1s")


def test_a_connection_closed_without_an_answer_is_an_error(start, path):
    fetch_fails(start(b""), path, "without an answer")


def test_what_is_not_http_is_an_error(start, path):
    fetch_fails(start(b"SSH-2.0-OpenSSH_9.2\r\n"), path)


def test_a_wrong_hash_is_an_error(start, path):
    wrong = "0" * 64
    fetch_fails(start(answer()), path, f"has SHA-256 {SHA256}, want {wrong}", sha256=wrong)


def test_a_refused_connection_is_an_error(path):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    Fetch(f"http://127.0.0.1:{port}/x", path).fails_with("cannot connect: Connection refused")


@pytest.mark.parametrize("url", ["file:///etc/hostname", "ftp://127.0.0.1/x", "http://"])
def test_nothing_but_http_is_spoken(url, path):
    Fetch(url, path).fails_with(url + ": ")
    assert not path.exists()


def test_a_user_name_in_the_url_is_refused(start, path):
    server = start(answer())
    Fetch(server.url.replace("//", "//me:secret@"), path).fails_with("user name")
    assert server.requests == []


def test_the_environment_names_no_proxy(start, path):
    proxy = start(answer("502 Proxied"))
    names = ("http_proxy", "all_proxy", "ALL_PROXY")
    environment = dict(os.environ, **dict.fromkeys(names, proxy.url.removesuffix("/script.sh")))
    assert Fetch(start(answer()).url, path, env=environment).status == 0
    assert proxy.requests == []


def test_what_a_killed_fetch_left_is_removed_and_not_continued(start, path):
    part = path.with_name("script.sh.part")
    part.write_bytes(b"left over")
    assert Fetch(start(answer()).url, path).status == 0
    assert path.read_bytes() == BODY and not part.exists()


def test_a_part_file_that_another_fetch_writes_is_left_alone(start, path):
    part = path.with_name("script.sh.part")
    server = start(answer())
    with open(part, "wb") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        Fetch(server.url, path).fails_with("another fetch is writing script.sh.part")
        assert part.exists()
    assert server.requests == []
    part.unlink()


def test_a_link_in_place_of_the_part_file_is_not_followed(start, path, tmp_path_factory):
    part = path.with_name("script.sh.part")
    victim = tmp_path_factory.mktemp("elsewhere") / "victim"
    victim.write_text("precious")
    part.symlink_to(victim)
    Fetch(start(answer()).url, path).fails_with("script.sh.part")
    assert victim.read_text() == "precious" and part.is_symlink()
    part.unlink()


def test_a_link_under_the_name_is_replaced_and_not_followed(start, path, tmp_path_factory):
    victim = tmp_path_factory.mktemp("elsewhere") / "victim"
    victim.write_text("precious")
    path.symlink_to(victim)
    assert Fetch(start(answer()).url, path).status == 0
    assert victim.read_text() == "precious"
    assert not path.is_symlink() and path.read_bytes() == BODY


def test_a_missing_directory_is_an_error(start, path):
    server = start(answer())
    Fetch(server.url, path.parent / "missing/x").fails_with("missing/: No such file or directory")
    assert server.requests == []


def test_a_disk_that_takes_no_more_is_an_error(start, path):
    def limit_files():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))

    fetch_fails(start(answer()), path, "writing the body: File too large", preexec_fn=limit_files)


USAGE = ["--url", "http://127.0.0.1:1/", "--file", "x", "--size", "1", "--sha256", SHA256,
         "--deadline", "1"]


def changed(name, value):
    arguments = list(USAGE)
    arguments[arguments.index(name) + 1] = value
    return arguments


@pytest.mark.parametrize(
    "arguments, told",
    [
        ([], "a verb is missing"),
        (["fecth"], "unknown verb"),
        (["fetch"], "--url is missing"),
        (["fetch", *USAGE[:-2]], "--deadline is missing"),
        (["fetch", *USAGE[:-1]], "--deadline needs a value"),
        (["fetch", *USAGE, "--url=x"], "--url is given twice"),
        (["fetch", *USAGE, "--urls", "x"], "unknown option '--urls'"),
        (["fetch", *USAGE, "x"], "got 'x', want an option"),
        (["fetch", *changed("--size", "0")], "--size: got '0'"),
        (["fetch", *changed("--size", "-1")], "--size: got '-1'"),
        (["fetch", *changed("--size", "1k")], "--size: got '1k'"),
        (["fetch", *changed("--sha256", SHA256.upper())], "--sha256: got"),
        (["fetch", *changed("--sha256", SHA256[1:])], "--sha256: got"),
        (["fetch", *changed("--deadline", "0")], "--deadline: got '0'"),
        (["fetch", *changed("--deadline", "86401")], "--deadline: got '86401'"),
    ],
)
def test_a_wrong_command_line_is_refused_with_status_2(arguments, told):
    done = subprocess.run([PROBE, *arguments], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert told in done.stderr and done.stderr.count("\n") == 1


def test_options_may_be_written_with_an_equals_sign(start, path):
    server = start(answer())
    arguments = [f"--url={server.url}", f"--file={path}", f"--size={len(BODY)}",
                 f"--sha256={SHA256}", "--deadline=10"]
    done = subprocess.run([PROBE, "fetch", *arguments], capture_output=True, check=False)
    assert done.returncode == 0


def test_a_path_that_names_no_file_is_an_error(start, path):
    server = start(answer())
    Fetch(server.url, f"{path.parent}/").fails_with("want the path of a file")
    Fetch(server.url, path.with_name("x" * 251)).fails_with("want the path of a file")
    assert server.requests == []


def test_an_answer_that_cannot_be_written_is_no_success(start, path):
    server = start(answer())
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [PROBE, "fetch", *changed("--url", server.url)], stdout=full,
            stderr=subprocess.PIPE, check=False, cwd=path.parent,
        )
    assert done.returncode == 1
    assert b"cannot write the answer" in done.stderr


def test_help_goes_to_stdout_and_names_the_verb():
    for option in ("-h", "--help"):
        done = subprocess.run([PROBE, option], capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")
        assert "fetch --url URL --file PATH" in done.stdout
        assert max(map(len, done.stdout.splitlines())) <= 80
