# SPDX-License-Identifier: Apache-2.0
"""What `diagnose` shows, and what a bundle is made of, whatever the coordinator has of it."""

import json
import os
import stat
import tarfile

import documents
import pytest

FINDING = {
    "id": "dcos-net-ip", "class": "fatal", "where": "journal", "place": "dcos-net.service", "cursor": "s=1;i=2",
    "offset": 0, "at": 1795406712000000, "count": 12, "evidence": "Bad detect_ip",
    "cause": "ip-detect fails, or finds another address than at the installation", "advice": "correct ip-detect",
}
WAITS = {**FINDING, "id": "unit-loops", "class": "waits", "where": "unit", "place": "dcos-net.service",
         "cursor": "", "at": 0, "count": 1, "evidence": "SubState=auto-restart", "cause": "A unit ends",
         "advice": "journalctl -u UNIT"}
LOG = {**FINDING, "id": "vtep", "where": "log", "place": "/mesos.log", "cursor": "", "offset": 4711}
DIAGNOSIS = {"node": "m1", "step": "r7-1a2b3c4d-m1-1", "since": 1795406645000000, "found": 4,
             "findings": [FINDING, WAITS, LOG], "missing": "mesos-master: connection refused"}


def test_diagnose_names_the_first_cause_and_sets_apart_what_may_follow_from_it(cli, daemon, golden):
    daemon.answers["diagnose"] = documents.answer("diagnose", DIAGNOSIS)
    status, out, _ = cli.run("diagnose", "m1")
    assert status == 0
    golden("diagnose", out)
    assert daemon.requests[0]["arguments"]["node"] == "m1"


def test_a_node_on_which_nothing_is_found_says_so(cli, daemon):
    nothing = {**DIAGNOSIS, "step": "", "found": 0, "findings": [], "missing": ""}
    daemon.answers["diagnose"] = documents.answer("diagnose", nothing)
    assert cli.run("diagnose", "m1")[1] == "m1: 0 findings since 2026-11-23 04:04:05Z\n"


@pytest.fixture(name="node")
def fixture_node(daemon):
    """Everything that is asked of a node and a run, with a secret in each."""
    secret = "password=PLANTED"
    daemon.answers["status"] = documents.answer("status", {"nodes": [{"name": "m1", "evidence": secret}]})
    daemon.answers["diagnose"] = documents.answer("diagnose", {**DIAGNOSIS, "missing": secret})
    daemon.answers["logs"] = documents.answer("logs", {"text": "", "lines": ["one", secret]})
    report = documents.report()
    report["answer"]["run"]["why"] = secret
    daemon.answers["report"] = report
    return daemon


def read(path):
    with tarfile.open(path) as tar:
        return {member.name: tar.extractfile(member).read().decode() for member in tar}


def test_a_bundle_of_a_node_has_all_of_it_and_no_secret(cli, node, tmp_path):
    path = tmp_path / "m1.tar"
    status, out, err = cli.run("bundle", "m1", "--output", str(path))
    assert (status, err) == (0, "")
    assert out == f"{path}: 6 files, without what looks like a secret\n"
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    texts = read(path)
    assert list(texts) == ["m1/answers.json", "m1/findings.json", "m1/units.txt", "m1/journal.txt",
                           "m1/output.txt", "report.json"]
    assert not [name for name, text in texts.items() if "PLANTED" in text or "[removed]" not in text]
    assert texts["m1/journal.txt"] == "one\npassword=[removed]\n"
    assert json.loads(texts["m1/findings.json"])["findings"][0]["id"] == "dcos-net-ip"
    asked = [(request["verb"], request["arguments"].get("what")) for request in node.requests]
    assert asked == [("status", None), ("diagnose", None), ("logs", "units"), ("logs", "journal"),
                     ("logs", "output"), ("report", None)]


def test_a_bundle_of_a_run_has_its_masters_and_who_went_wrong(cli, node, tmp_path):
    path = tmp_path / "run.tar"
    report = {"run": {"state": "halted"}, "steps": [
        {"node": "m1", "role": "master", "state": "done", "slotted": 1},
        {"node": "a1", "role": "agent", "state": "failed", "slotted": 1},
        {"node": "a1", "role": "agent", "state": "failed", "slotted": 2},
        {"node": "a2", "role": "agent", "state": "done", "slotted": 1},
        {"node": "a3", "role": "agent", "state": "staged"}]}
    node.answers["report"] = documents.answer("report", report)
    assert cli.run("bundle", "7", "--output", str(path))[0] == 0
    assert node.requests[0]["arguments"]["run"] == 7
    assert {name.split("/")[0] for name in read(path)} == {"report.json", "m1", "a1"}


def test_a_bundle_never_replaces_a_file(cli, node, tmp_path):
    path = tmp_path / "m1.tar"
    path.write_text("mine")
    status, _, err = cli.run("bundle", "m1", "--output", str(path))
    assert status == 3
    assert "is there already and is not replaced" in err
    assert path.read_text() == "mine"
    assert node.requests == []


def test_what_cannot_be_got_is_named_in_the_bundle_and_in_the_answer(cli, node, tmp_path):
    path = tmp_path / "m1.tar"
    node.answers["diagnose"] = documents.error("diagnose", 1, "unreachable", "m1: it is not heard now")
    status, out, _ = cli.run("bundle", "m1", "--output", str(path), "--json")
    document = json.loads(out)
    assert status == 1
    assert document["answer"]["missing"] == ["m1/findings.json: m1: it is not heard now"]
    assert read(path)["missing.txt"] == "m1/findings.json: m1: it is not heard now\n"


def test_a_bundle_of_nothing_is_no_bundle(cli, daemon, tmp_path):
    path = tmp_path / "x.tar"
    for verb in ("status", "diagnose", "logs", "report"):
        daemon.answers[verb] = documents.error(verb, 1, "not-found", "no node 'x' has reported here")
    status, _, err = cli.run("bundle", "x", "--output", str(path))
    assert status == 1
    assert "nothing was got of 'x'" in err
    assert not path.exists()


def test_without_a_name_it_is_called_after_what_is_in_it(cli, node, tmp_path):
    assert cli.run("bundle", "m1", cwd=tmp_path)[0] == 0
    (made,) = tmp_path.glob("*.tar")
    assert made.name.startswith("rollpatch-bundle-m1-")
