# SPDX-License-Identifier: Apache-2.0
"""One request, one answer, and an end in any case."""

import json
import os
import pty
import socket

import documents
import pytest


@pytest.mark.parametrize("verb", ["status", "nodes", "runs", "report", "audit", "resume"])
def test_without_a_daemon_it_says_where_it_looked_and_what_to_try(cli, socket_path, verb):
    status, out, err = cli.run(verb)
    assert (status, out) == (4, "")
    assert err == (
        f"rollpatch: cannot reach rollpatchd at {socket_path}: No such file or directory - "
        "is it running? try: systemctl status rollpatchd\n"
    )


def test_a_socket_that_nobody_listens_on_is_no_daemon(cli, socket_path):
    stale = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    stale.bind(socket_path)
    stale.close()
    status, _, err = cli.run("status")
    assert status == 4
    assert "Connection refused - is it running?" in err


def test_the_path_is_an_option_before_it_is_in_the_environment(cli, tmp_path):
    status, _, err = cli.run("status", "--control", str(tmp_path / "other"))
    assert status == 4
    assert f"{tmp_path}/other" in err


def test_a_path_that_is_too_long_for_a_socket_is_named(cli):
    status, _, err = cli.run("status", "--control", "/" + "x" * 200)
    assert status == 4
    assert "File name too long" in err


def test_a_silent_daemon_is_waited_for_until_the_deadline(cli, daemon, socket_path):
    daemon.answers["status"] = None
    status, out, err = cli.run("status", "--timeout", "200ms")
    assert (status, out) == (4, "")
    assert f"rollpatchd at {socket_path} gave no answer in 200ms" in err


def test_a_daemon_that_does_not_accept_is_waited_for_until_the_deadline(cli, socket_path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as deaf:
        deaf.bind(socket_path)
        deaf.listen(0)
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as first:
            first.connect(socket_path)
            status, _, err = cli.run("status", "--timeout", "200ms")
    assert status == 4
    assert "gave no answer in 200ms" in err


@pytest.mark.parametrize(
    "answer, text",
    [
        (b"", "closed the connection without an answer"),
        (b'{"version":1,"verb":"status","exit":0,"ans', "rollpatchd's answer: "),
        (b"[]", "want object"),
        (b'{"version":2,"exit":0,"answer":{}}', "version is 2, want 1"),
        (b'{"version":1,"answer":{}}', "'exit' is missing"),
        (b'{"version":1,"exit":0}', "'error' is missing"),
        (b'{"version":1,"exit":0,"answer":[]}', "answer"),
    ],
)
def test_an_answer_that_makes_no_sense_is_no_answer(cli, daemon, answer, text):
    daemon.answers["status"] = answer
    status, out, err = cli.run("status")
    assert (status, out) == (4, "")
    assert text in err


@pytest.mark.parametrize("status", [0, 1, 2, 3, 5, 6])
def test_the_exit_status_is_the_daemons(cli, daemon, status):
    daemon.answers["status"] = documents.status(status)
    daemon.answers["resume"] = documents.error("resume", status, "blocked", "no run is open")
    assert cli.run("status")[0] == status
    assert cli.run("resume")[0] == (status or 1)


def test_a_refusal_is_said_on_stderr(cli, daemon):
    daemon.answers["resume"] = documents.error("resume", 3, "blocked", "m2 is failed\x1b[2J")
    assert cli.run("resume") == (3, "", "rollpatch: m2 is failed?[2J\n")


def test_json_is_exactly_the_document(cli, daemon):
    document = documents.status()
    daemon.answers["status"] = document
    status, out, err = cli.run("status", "--json")
    assert (status, err) == (0, "")
    assert out == json.dumps(document, separators=(",", ":")) + "\n"


def test_pretty_json_is_the_same_document(cli, daemon):
    daemon.answers["status"] = documents.status()
    _, out, _ = cli.run("status", "--json=pretty")
    assert json.loads(out) == documents.status()
    assert out.count("\n") > 20
    assert out.endswith("}\n") and not out.endswith("\n\n")


def test_json_of_a_refusal_is_the_document_too(cli, daemon):
    document = documents.error("abort", 6, "unsafe", "no")
    daemon.answers["abort"] = document
    status, out, err = cli.run("abort", "--reason", "x", "--json")
    assert (status, json.loads(out), err) == (6, document, "rollpatch: no\n")


def test_json_without_a_daemon_has_the_same_shape(cli):
    status, out, _ = cli.run("nodes", "--json")
    document = json.loads(out)
    assert (status, document["version"], document["exit"]) == (4, 1, 4)
    assert document["error"]["code"] == "unreachable"


def test_an_answer_of_many_packets_comes_whole(cli, daemon):
    daemon.answers["status"] = documents.big(3000)
    status, out, _ = cli.run("status", "--json")
    assert status == 0
    assert json.loads(out) == documents.big(3000)


def test_the_request_says_verb_arguments_and_terminal(cli, daemon):
    daemon.answers["pause"] = documents.answer("pause", {"text": "paused"})
    leader, follower = pty.openpty()
    process = cli.start("pause", "--reason", "disk swap", "--for=1h30min", stdin=follower)
    assert process.communicate(timeout=30) == ("paused\n", "")
    assert daemon.requests == [
        {
            "version": 1,
            "verb": "pause",
            "terminal": os.ttyname(follower),
            "arguments": {"for": 90 * documents.MINUTE, "reason": "disk swap"},
        }
    ]
    os.close(leader)
    os.close(follower)


@pytest.mark.parametrize("verb", ["retry", "release", "quarantine", "unquarantine"])
def test_verbs_on_a_node_send_it_with_the_reason(cli, daemon, verb):
    daemon.answers[verb] = documents.answer(verb, {"text": f"{verb}: m2"})
    assert cli.run(verb, "m2", "--reason", "why") == (0, f"{verb}: m2\n", "")
    assert daemon.requests[0]["verb"] == verb
    assert daemon.requests[0]["arguments"] == {"node": "m2", "reason": "why"}
    assert daemon.requests[0]["terminal"] == ""


def test_options_may_stand_before_the_verb(cli, daemon):
    daemon.answers["retry"] = documents.answer("retry", {"text": "ok"})
    assert cli.run("--reason", "why", "retry", "--", "m2")[0] == 0
    assert daemon.requests[0]["arguments"] == {"node": "m2", "reason": "why"}


def test_output_that_cannot_be_written_is_a_failure(cli, daemon):
    daemon.answers["status"] = documents.status()
    with open("/dev/full", "w", encoding="utf-8") as full:
        process = cli.start("status", stdout=full)
        _, err = process.communicate(timeout=30)
    assert process.returncode == 1
    assert err == "rollpatch: cannot write to stdout\n"


ACTS = [
    (["node", "approve", "K4VZ"], "node-approve", {"fingerprint": "K4VZ"}),
    (["node", "reject", "K4VZ", "--reason", "x"], "node-reject", {"fingerprint": "K4VZ", "reason": "x"}),
    (["node", "revoke", "m1", "--reason", "x"], "node-revoke", {"node": "m1", "reason": "x"}),
    (["node", "rekey", "m1"], "node-rekey", {"node": "m1"}),
    (["token", "revoke", "00ff"], "token-revoke", {"id": "00ff"}),
]


@pytest.mark.parametrize("words, verb, arguments", ACTS)
def test_verbs_of_two_words_are_asked_for_with_a_dash(cli, daemon, words, verb, arguments):
    daemon.answers[verb] = documents.answer(verb, {"text": "done"})
    assert cli.run(*words) == (0, "done\n", "")
    assert daemon.requests[0]["verb"] == verb
    assert daemon.requests[0]["arguments"] == arguments


def test_a_token_is_asked_for_with_its_terms(cli, daemon):
    daemon.answers["token-create"] = documents.answer("token-create", {"text": "made"})
    terms = ["--role", "agent", "--ttl", "2h", "--uses", "40", "--name", "a*"]
    assert cli.run("token", "create", *terms)[0] == 0
    assert daemon.requests[0]["arguments"] == {
        "role": "agent",
        "ttl": 120 * documents.MINUTE,
        "uses": 40,
        "name": "a*",
    }


def test_a_list_of_nodes_is_sent_as_it_stands(cli, daemon, tmp_path):
    daemon.answers["node-import"] = documents.answer("node-import", {"text": "2 imported"})
    path = tmp_path / "nodes.csv"
    path.write_text(f"# ours\nm1,master,{'a' * 64}\n\na1,agent,{'b' * 64}\n")
    assert cli.run("node", "import", str(path)) == (0, "2 imported\n", "")
    assert daemon.requests[0]["arguments"] == {
        "nodes": [
            {"name": "m1", "role": "master", "key": "a" * 64},
            {"name": "a1", "role": "agent", "key": "b" * 64},
        ]
    }


@pytest.mark.parametrize("line", ["m1,master", "m1", "m1,master,a,b", ","])
def test_a_line_that_is_no_node_is_named_and_nothing_is_sent(cli, daemon, tmp_path, line):
    path = tmp_path / "nodes.csv"
    path.write_text(f"m1,master,{'a' * 64}\n{line}\n")
    status, out, err = cli.run("node", "import", str(path))
    assert (status, out) == (2, "")
    assert err.startswith(f"rollpatch: {path}:2: want name,role,key")
    assert daemon.requests == []
