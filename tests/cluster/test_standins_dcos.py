# SPDX-License-Identifier: Apache-2.0
"""The stand-ins of DC/OS answer as the samples do; and who compares them sees whatever differs."""

import json
import os
import subprocess
import sys

import pytest

from fixtures import refuse

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [f"{HERE}/standins", f"{HERE}/standins/compare"]

import samples  # noqa: E402  pylint: disable=wrong-import-position
from checks import Samples, said  # noqa: E402  pylint: disable=wrong-import-position

STATUS = "exhibitor-status-single.json"
SERVING = {"code": 3, "description": "serving", "hostname": "10.0.0.11", "isLeader": True}
VERSION = "dcos-version-2.1.0.json"
UNITS = "dcos-target-wants-2.1-agent.txt"
REFUSAL = "journal/agent-recovery-hostname.txt"


def test_the_answers_have_the_form_of_the_samples():
    if os.environ.get("RIG_INNER") != "1":
        refuse("not inside a rig: run pytest through tests/cluster/enter")
    done = subprocess.run([f"{HERE}/../../scripts/standin-check", "dcos"], text=True, check=False,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert done.returncode == 0, done.stdout
    assert "not imitated: marathon-leader.json (no stand-in of Marathon" in done.stdout


# ---------------------------------------------------------------- what differs is seen
def differences(name, seen):
    """Lines, of one comparison with the kept samples."""
    check = Samples(samples.kept())
    check.compare(name, seen)
    return check.differences


def exhibitor(rows=(SERVING,), status=200, media="application/json", **layout):
    """An answer of Exhibitor's; layout is for json.dumps()."""
    layout = layout or {"separators": (",", ":")}
    return {"text": json.dumps(list(rows), **layout), "status": status, "type": media}


def test_an_answer_like_the_sample_is_no_difference():
    assert not differences(STATUS, exhibitor())


@pytest.mark.parametrize("seen, told", [
    (exhibitor([{**SERVING, "more": 1}]), "has more, which the sample has not"),
    (exhibitor([{key: SERVING[key] for key in ("code", "description", "hostname")}]), "lacks isLeader"),
    (exhibitor([{**SERVING, "hostname": 11}]), "'int', but the sample: 'string'"),
    (exhibitor([{**SERVING, "description": "up"}]), "'up', but the sample: 'serving'"),
    (exhibitor([SERVING, SERVING]), "document"),
    (exhibitor(status=204), "status is 204, but the sample's 200"),
    (exhibitor(media="text/plain"), "type is 'text/plain', but the sample's 'application/json'"),
    (exhibitor(indent=2), "'indented, without line end', but the sample: 'compact"),
    ({**exhibitor(), "text": "<html>"}, "JSONDecodeError"),
    ({"error": "refused"}, "no answer: refused"),
])
def test_an_answer_that_differs_is_told(seen, told):
    (line,) = differences(STATUS, seen)
    assert line.startswith(STATUS) and told in line


@pytest.mark.parametrize("name, seen, told", [
    ("check-runner-cluster-empty.json", {"text": '{\n  "status": 0,\n  "checks": {}\n}\n', "exit": 1},
     "exit is 1, but the sample's 0"),
    ("check-runner-fatal-stderr.txt", {"text": "panic", "exit": 1, "stdout": ""}, "'panic'"),
    ("node-script-ok-config-only.stdout.txt",
     {"text": "Upgrading DC/OS agent 2.1.0 -> 2.1.1\n", "exit": 0}, "VERSION1 -> VERSION2"),
    (VERSION, said('{\n  "version": "2.1.0"\n}\n'), "lacks dcos-variant"),
    (UNITS, said("dcos-net.service\ndcos-new.service\n"),
     "members of the stand-in, but not members of the sample: dcos-new.service"),
    (REFUSAL, said("EXIT with status 1: no reason"), "nothing says: EXIT with status N: Failed to"),
    ("no-such-sample.json", said("{}"), "there is no such sample"),
])
def test_whatever_else_differs_is_told(name, seen, told):
    assert told in "\n".join(differences(name, seen))


def test_what_was_not_compared_is_told():
    check = Samples(samples.kept())
    check.compare(STATUS, exhibitor())
    assert check.missing([STATUS, VERSION]) == [f"{VERSION}: not compared"]


# ---------------------------------------------------------------- no sample is forgotten
@pytest.fixture(name="folder")
def fixture_folder(tmp_path):
    """Samples of which all are accounted for: empty files, of all that are known."""
    names = {key.partition(" ")[0] for key in (*samples.kept(), *samples.not_imitated())}
    rows = ["file\treader\tcontext\texpected\treason", *(f"{name}\t-\t-\t-\t-" for name in sorted(names))]
    (tmp_path / "MANIFEST.tsv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    assert not list(samples.unaccounted(tmp_path))
    return tmp_path


def test_a_new_sample_that_is_listed_is_a_difference(folder):
    with open(folder / "MANIFEST.tsv", "a", encoding="utf-8") as file:
        file.write("etcd-health.json\t-\t-\t-\t-\n")
    assert list(samples.unaccounted(folder)) == [
        "etcd-health.json: neither compared nor in not-imitated.tsv"]


def test_a_new_sample_that_only_lies_there_is_a_difference(folder):
    (folder / "etcd-health.json").write_text("{}", encoding="utf-8")
    assert list(samples.unaccounted(folder)) == [
        "etcd-health.json: neither compared nor in not-imitated.tsv"]


def test_a_sample_that_is_gone_is_a_difference(folder):
    text = (folder / "MANIFEST.tsv").read_text(encoding="utf-8")
    (folder / "MANIFEST.tsv").write_text(text.replace("marathon-pods.json", "zk-srvr-new.txt"),
                                         encoding="utf-8")
    assert list(samples.unaccounted(folder)) == [
        "marathon-pods.json: in not-imitated.tsv, but there is no such sample"]


def test_a_sample_that_rollpatch_begins_to_read_is_a_difference():
    seen = list(samples.needed({"node-agent/new.c": 'get("/acs/api/v1/auth/login")', "node-agent/old.c": "nothing"}))
    assert seen and all("acs/api" in line and "but node-agent/new.c" in line for line in seen)


def test_every_sample_that_is_not_imitated_has_a_reason():
    assert all(len(why) > 20 for why in samples.not_imitated().values())
    compared = {key.partition(" ")[0] for key in samples.kept()}
    assert not compared & {*samples.not_imitated()}
