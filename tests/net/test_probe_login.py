# SPDX-License-Identifier: Apache-2.0
"""rollpatch-probe in a strict cluster: it logs in over TLS alone, shows the token to nobody but the
server that it was told to ask, and what servers make of it is never a pass and never shows it."""

import base64
import contextlib
import json
import os
import subprocess
import sys
import time

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), ".."))
# pylint: disable=wrong-import-position
from authority import Authority, decode, make_account, make_token  # noqa: E402
from test_probe_ask import (  # noqa: E402  pylint: disable=unused-import
    ALL, MASTER, PROBE, address, answer, good_routes, redirect, start,
)

MESOS = [row for row in ALL if row[1] in (5050, 5051)]
each_mesos = pytest.mark.parametrize("verb, port, options", MESOS, ids=[row[0] for row in MESOS])
LOGIN = "/acs/api/v1/auth/login"
PORT = 8443


TOKEN = make_token(uid="rollpatch", exp=1795406645, planted="only-for-the-right-server")


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path / "authority")


@pytest.fixture
def account(tmp_path, address):
    return make_account(tmp_path, f"https://{address}:{PORT}{LOGIN}")


# ---------------------------------------------------------------- login

class LoggedIn:
    """What `rollpatch-probe login` printed."""

    def __init__(self, *options):
        done = subprocess.run([PROBE, "login", "--timeout", "5", *map(str, options)],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=60, check=False)
        self.status, self.text = done.returncode, done.stdout + done.stderr
        self.answer = json.loads(done.stdout)

    def is_refused(self, *texts, denied=False):
        assert self.status == 1 and self.answer["ok"] is False, self.text
        assert self.answer.get("denied", False) is denied, self.text
        for text in texts:
            assert text in self.answer["error"], self.text
        assert not any(secret in self.text for secret in ("NOT A REAL", "MIIE", "eyJ"))
        return self


def start_iam(start, tls, reply):
    return start(PORT, {LOGIN: reply}, tls=tls)


def test_a_service_account_shows_that_it_has_the_key_and_is_given_a_token(
        start, address, authority, account, tmp_path):
    iam = start_iam(start, authority.serve(address), answer({"token": TOKEN}))
    before = time.time()
    done = LoggedIn("--account", account, "--ca", authority.ca)
    assert done.answer == {"ok": True, "expires": 1795406645, "token": TOKEN}, done.text

    (request,) = iam.requests
    assert request.startswith(f"POST {LOGIN} ") and "Content-Type: application/json" in request
    body = json.loads(request.split("\r\n\r\n")[1])
    assert sorted(body) == ["token", "uid"] and body["uid"] == "rollpatch"
    header, claims, signature = body["token"].split(".")
    assert decode(header) == {"alg": "RS256", "typ": "JWT"}
    assert sorted(decode(claims)) == ["exp", "uid"] and decode(claims)["uid"] == "rollpatch"
    assert before + 60 < decode(claims)["exp"] <= time.time() + 300

    (tmp_path / "signature").write_bytes(base64.urlsafe_b64decode(signature + "=="))
    subprocess.run(["openssl", "pkey", "-in", tmp_path / "account.key", "-pubout", "-out", tmp_path / "public"], check=True)
    subprocess.run(["openssl", "dgst", "-sha256", "-verify", tmp_path / "public", "-signature",
                    tmp_path / "signature"], input=f"{header}.{claims}".encode(), check=True)


def test_another_place_than_the_accounts_may_be_asked(start, address, authority, account):
    iam = start(9443, {"/login": answer({"token": TOKEN})}, tls=authority.serve(address))
    done = LoggedIn("--account", account, "--ca", authority.ca, "--url",
                    f"https://{address}:9443/login")
    assert done.answer["token"] == TOKEN and iam.paths() == ["POST /login"]


def test_a_token_that_does_not_say_until_when_it_is_good_is_given_without(
        start, address, authority, account):
    start_iam(start, authority.serve(address), answer({"token": make_token(uid="rollpatch")}))
    assert "expires" not in LoggedIn("--account", account, "--ca", authority.ca).answer


@pytest.mark.parametrize("wrong", ["authority", "name", "expired"])
def test_an_iam_that_cannot_prove_who_it_is_gets_nothing(
        start, address, authority, account, tmp_path, wrong):
    tls = {
        "authority": lambda: Authority(tmp_path / "other").serve(address),
        "name": lambda: authority.serve("127.9.9.9"),
        "expired": lambda: authority.serve(address, days="-1"),
    }[wrong]()
    iam = start_iam(start, tls, answer({"token": TOKEN}))
    LoggedIn("--account", account, "--ca", authority.ca).is_refused(
        "expired" if wrong == "expired" else "SSL", denied=True)
    assert iam.requests == []


def test_bad_credentials_are_told_apart_from_an_iam_that_is_away(start, address, authority, account):
    options = ["--account", account, "--ca", authority.ca]
    LoggedIn(*options).is_refused("connection refused")
    start_iam(start, authority.serve(address), answer({"title": "x"}, "401 Unauthorized"))
    LoggedIn(*options).is_refused("does not let the service account 'rollpatch' in", denied=True)


@pytest.mark.parametrize("reply, text", [
    (answer(b"<html>", "502 Bad Gateway", "text/html"), "got 502"),
    (answer(b"<html>", content_type="text/html"), "body of type text/html"),
    (answer({"token": "no.token"}), "no JWT"), (answer({}), "no JWT"), (answer([]), "want object"),
    (answer({"token": "a.b." + "c" * 8000}), "no JWT"),
], ids=["502", "html", "two parts", "none", "list", "huge"])
def test_what_is_no_token_is_none(start, address, authority, account, reply, text):
    start_iam(start, authority.serve(address), reply)
    LoggedIn("--account", account, "--ca", authority.ca).is_refused(text)


def test_a_login_is_not_carried_elsewhere_by_a_redirect(start, address, authority, account):
    tls = authority.serve(address)
    elsewhere = start(9443, {"*": answer({"token": TOKEN})}, tls=tls)
    iam = start_iam(start, tls, redirect(f"https://{address}:9443/"))
    LoggedIn("--account", account, "--ca", authority.ca).is_refused("got 307")
    assert len(iam.requests) == 1 and elsewhere.requests == []


def test_nothing_is_sent_in_plain(start, address, account):
    server = start(PORT, {"*": answer({"token": TOKEN})})
    LoggedIn("--account", account, "--url", f"http://{address}:{PORT}/").is_refused("want https://")
    assert server.requests == []


def repeat_request(connection, over):
    """As a server that explains what it did not understand."""
    body = json.dumps({"you said": repeat_request.server.requests[-1]})
    connection.sendall(answer(body.encode(), "500 Internal Server Error"))


def test_an_iam_that_repeats_the_signed_login_does_not_get_it_into_our_words(
        start, address, authority, account):
    repeat_request.server = start_iam(start, authority.serve(address), repeat_request)
    LoggedIn("--account", account, "--ca", authority.ca).is_refused("got 500")


@pytest.mark.parametrize("option", ["--account", "--token-file"])
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o622])
def test_a_secret_that_others_may_know_is_refused(account, option, mode):
    account.chmod(mode)
    LoggedIn(option, account).is_refused("others may know its secret", denied=True)


def test_a_token_file_is_read_as_it_is(tmp_path):
    path = tmp_path / "token"
    path.touch(0o600)
    path.write_text(TOKEN + "\n")
    assert LoggedIn("--token-file", path).answer == {
        "ok": True, "expires": 1795406645, "token": TOKEN}
    path.write_text("hello\n")
    LoggedIn("--token-file", path).is_refused("want a token")
    LoggedIn("--token-file", tmp_path / "absent").is_refused("absent")


def test_an_account_whose_key_cannot_sign_is_refused_without_showing_it(tmp_path, account):
    whole = json.loads(account.read_text())
    for key in ("no key", "-----BEGIN PRIVATE KEY-----\nNOT A REAL KEY\n-----END PRIVATE KEY-----\n"):
        account.write_text(json.dumps({**whole, "private_key": key}))
        LoggedIn("--account", account).is_refused(str(account), "private_key")
    account.write_text(json.dumps({**whole, "scheme": "HS256"}))
    LoggedIn("--account", account).is_refused("scheme is 'HS256', want RS256")


# ---------------------------------------------------------------- with a token

@pytest.fixture
def root(tmp_path, authority):
    """Where a node of a strict cluster has its files."""
    etc = tmp_path / "root/opt/mesosphere/etc"
    etc.mkdir(parents=True)
    (etc / "package.json").write_text('{"security": "strict", "ssl_enabled": true}')
    (etc / "bootstrap-config.json").symlink_to("package.json")
    pki = tmp_path / "root/run/dcos/pki/CA"
    pki.mkdir(parents=True)
    (pki / "ca-bundle.crt").symlink_to(authority.ca)
    program = tmp_path / "root/opt/mesosphere/bin/mesos-master"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\necho mesos 1.11.0\n")
    program.chmod(0o755)
    return tmp_path / "root"


@contextlib.contextmanager
def asking(verb, *options, token):
    """The running probe, which has been given the token."""
    with subprocess.Popen(
            [PROBE, verb, *map(str, options), *(["--token", "-"] if token else [])],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as probe:
        with contextlib.suppress(BrokenPipeError):  # it may know already that it will ask nobody
            if token:
                probe.stdin.write(token)
            probe.stdin.close()
        yield probe


def ask(verb, *options, token=TOKEN):
    """The first sample, and everything that was printed."""
    with asking(verb, *options, token=token) as probe:
        text = probe.stdout.read() + probe.stderr.read()
    assert probe.returncode == 0, text
    assert not token or (token not in text and token[:60] not in text)
    sample = json.loads(text)["samples"][0]
    sample["all"] = text
    return sample


def strict_routes():
    return {**good_routes(), "/metrics/snapshot?timeout=2secs": answer(MASTER)}


@each_mesos
def test_a_strict_mesos_is_asked_over_tls_and_shown_the_token(
        start, address, authority, root, verb, port, options):
    server = start(port, strict_routes(), tls=authority.serve(address))
    sample = ask(verb, "--address", address, "--root", root, *options)
    assert "SSL" not in sample["reason"] and "token" not in sample["reason"]
    assert server.requests
    for request in server.requests:
        assert f"\r\nAuthorization: token={TOKEN}\r\n" in request


def test_a_strict_master_passes(start, address, authority, root):
    start(5050, strict_routes(), tls=authority.serve(address))
    sample = ask("mesos-master", "--address", address, "--masters", "3", "--root", root)
    assert sample["verdict"] == "pass", sample


@each_mesos
@pytest.mark.parametrize("wrong", ["authority", "name", "expired", "plain"])
def test_a_server_that_cannot_prove_that_it_is_this_mesos_is_shown_no_token(
        start, address, authority, root, tmp_path, wrong, verb, port, options):
    tls = {
        "authority": lambda: Authority(tmp_path / "other").serve(address),
        "name": lambda: authority.serve("127.9.9.9"),
        "expired": lambda: authority.serve(address, days="-1"),
        "plain": lambda: None,
    }[wrong]()
    server = start(port, strict_routes(), tls=tls)
    sample = ask(verb, "--address", address, "--root", root, "--timeout", "5", *options)
    assert sample["verdict"] == "unknown", sample
    assert not [request for request in server.requests if TOKEN in request]


@each_mesos
@pytest.mark.parametrize("status, token, text, numbers", [
    ("401 Unauthorized", TOKEN, "the token was refused (401)", 401),
    ("401 Unauthorized", None, "it wants a token, and there is none here", None),
    ("403 Forbidden", TOKEN, "the service account may not read this (403)", None),
], ids=["refused", "none", "forbidden"])
def test_who_may_not_ask_does_not_know(
        start, address, authority, root, verb, port, options, status, token, text, numbers):
    start(port, {"*": answer(b"no", status, "text/plain")}, tls=authority.serve(address))
    sample = ask(verb, "--address", address, "--root", root, *options, token=token)
    assert sample["verdict"] == "unknown" and text in sample["reason"], sample
    assert sample["numbers"].get("login_refused") == numbers


@each_mesos
def test_a_server_that_repeats_the_token_does_not_get_it_into_our_words(
        start, address, authority, root, verb, port, options):
    def repeat(connection, over):
        connection.sendall(answer(
            f"you said {TOKEN}".encode(), "500 Internal Server Error", f"text/{TOKEN[:90]}",
            more=f"Location: https://elsewhere/{TOKEN * 4}\r\n"))

    start(port, {"*": repeat}, tls=authority.serve(address))
    sample = ask(verb, "--address", address, "--root", root, *options)
    assert sample["verdict"] == "unknown" and TOKEN[:20] not in sample["all"], sample
    assert "***" in sample["all"]


@each_mesos
def test_the_token_is_not_carried_elsewhere_by_a_redirect(
        start, address, authority, root, verb, port, options):
    tls = authority.serve(address)
    elsewhere = start(9443, {"*": answer({})}, tls=tls)
    server = start(port, {"*": redirect(f"https://{address}:9443/")}, tls=tls)
    sample = ask(verb, "--address", address, "--root", root, *options)
    assert sample["verdict"] == "unknown" and server.requests
    assert elsewhere.requests == []


# ---------------------------------------------------------------- who is asked how

def write_config(root, name, text):
    path = root / "opt/mesosphere/etc" / name
    path.unlink(missing_ok=True)
    if text is not None:
        path.write_text(text)


@pytest.mark.parametrize("bootstrap, expanded", [
    (None, None), ('{"security": "disabled"}', None), ('{"security": "permissive"}', None),
    ("{}", '{"security": "permissive"}'), ("{}", "{}"),
    ('{"security": "permissive"}', '{"security": "strict"}'),
])
def test_an_open_or_permissive_mesos_is_asked_in_plain_and_shown_no_token(
        start, address, root, bootstrap, expanded):
    write_config(root, "bootstrap-config.json", bootstrap)
    write_config(root, "expanded.config.json", expanded)
    server = start(5050, strict_routes())
    sample = ask("mesos-master", "--address", address, "--masters", "3", "--root", root)
    assert sample["verdict"] == "pass", sample
    assert server.requests and not any("uthorization" in one for one in server.requests)


def test_without_a_bootstrap_configuration_the_expanded_one_says_that_it_is_strict(
        start, address, authority, root):
    write_config(root, "bootstrap-config.json", None)
    write_config(root, "expanded.config.json", '{"security": "strict"}')
    start(5050, strict_routes(), tls=authority.serve(address))
    sample = ask("mesos-master", "--address", address, "--masters", "3", "--root", root)
    assert sample["verdict"] == "pass", sample


@each_mesos
@pytest.mark.parametrize("text", ['{"security": "lax"}', '{"security": 1}', "[]", "<html>", ""])
def test_until_it_is_known_how_to_ask_nobody_is_asked(
        start, address, root, verb, port, options, text):
    write_config(root, "bootstrap-config.json", text)
    server = start(port, strict_routes())
    sample = ask(verb, "--address", address, "--root", root, *options)
    assert sample["verdict"] == "unknown" and "bootstrap-config.json" in sample["reason"], sample
    assert server.requests == []


@pytest.mark.parametrize("token", ["hello", "a.b.c\r\nX: y", "a.b." + "c" * 5000])
def test_what_is_no_token_is_not_sent(start, address, authority, root, token):
    server = start(5050, strict_routes(), tls=authority.serve(address))
    sample = ask("mesos-master", "--address", address, "--masters", "3", "--root", root, token=token)
    assert sample["verdict"] == "unknown" and "token" in sample["reason"], sample
    assert server.requests == []


# ---------------------------------------------------------------- while it runs

def test_the_token_is_in_no_argument_and_environment_and_in_no_core(start, address, authority, root):
    def look(connection, over):
        seen.update({name: open(f"/proc/{probe.pid}/{name}", "rb").read()
                     for name in ("cmdline", "environ", "limits", "status", "maps")})
        connection.sendall(answer(MASTER))

    seen = {}
    start(5050, {"*": look}, tls=authority.serve(address))
    with asking("mesos-master", "--address", address, "--masters", "3", "--root", root,
                token=TOKEN) as probe:
        printed = probe.stdout.read()
    assert TOKEN not in printed
    for name, content in seen.items():
        assert TOKEN[:40].encode() not in content, name
    (cores,) = [line for line in seen["limits"].splitlines() if line.startswith(b"Max core file")]
    assert cores.split()[4:6] == [b"0", b"0"]
    if b"libasan" not in seen["maps"]:  # which makes locking do nothing
        (locked,) = [line for line in seen["status"].splitlines() if line.startswith(b"VmLck")]
        assert int(locked.split()[1]) > 0


@pytest.mark.parametrize("strict_leader", [True, False])
def test_each_agent_is_asked_for_its_tasks_in_its_own_way(start, address, authority, root, strict_leader):
    """By the leading master, whatever that one is itself: who is not strict is shown no token."""
    if not strict_leader:
        write_config(root, "bootstrap-config.json", '{"security": "permissive"}')
    plain, other = "127.9.8.7", "127.9.8.8"
    start(5050, strict_routes(), tls=authority.serve(address) if strict_leader else None)
    asked_plain = start(5051, strict_routes(), on=plain)
    asked_strict = start(5051, strict_routes(), on=other, tls=authority.serve(other))
    ask("mesos-tasks", "--address", address, "--root", root, "--agents", f"{plain},https://{other}")
    assert len(asked_plain.requests) == len(asked_strict.requests) == 1
    assert "uthorization" not in asked_plain.requests[0]
    assert f"\r\nAuthorization: token={TOKEN}\r\n" in asked_strict.requests[0]
