# SPDX-License-Identifier: Apache-2.0
"""A coordinator in one file: what goes in comes out, and what is not whole is not called good."""

import fcntl
import json
import os
import sqlite3
import stat
import subprocess
import tarfile

import pytest

import documents

SCHEMA = """
PRAGMA application_id = 1917870952;
PRAGMA user_version = 1;
CREATE TABLE event (
  seq INTEGER PRIMARY KEY, at INTEGER NOT NULL, kind TEXT NOT NULL, node TEXT NOT NULL,
  body TEXT NOT NULL
) STRICT;
"""
AT = 1795406400000000  # 2026-11-23 04:00:00Z
NODE = {"node": "m1", "key": "a" * 64, "role": "master"}
EVENTS = [
    ("started", {"epoch": 1, "software": "0.1.0"}),
    ("key", {"change": "imported", **NODE}),
    ("node", {"node": "m1", "role": "master", "boot_id": "b" * 32}),
]


class Place:
    """A bootstrap node's files, made by init, and a log beside them that is in use."""

    def __init__(self, cli, folder):
        self.cli = cli
        self.folder = folder
        self.config = folder / "etc" / "rollpatchd.yaml"
        self.lib = folder / "lib"
        words = ["--cluster", "prod", "--masters", "m1,m2,m3", "--config", self.config]
        assert cli.run("init", *words, "--state-dir", self.lib)[0] == 0
        self.log = sqlite3.connect(self.lib / "log.db", isolation_level=None)
        self.log.executescript("PRAGMA journal_mode = WAL;" + SCHEMA)
        for kind, body in EVENTS:
            self.add(kind, body)

    def add(self, kind, body):
        self.log.execute(
            "INSERT INTO event (at, kind, node, body) VALUES (?, ?, '', ?)",
            (AT, kind, json.dumps(body)),
        )

    def save(self, name="saved.tar", *more):
        """While rollpatchd is down, unless the test has one."""
        path = self.folder / name
        return path, self.cli.run("state", "save", path, "--config", self.config, *more)


@pytest.fixture
def place(cli, tmp_path):
    return Place(cli, tmp_path)


def test_what_is_saved_is_read_back_and_told(cli, place):
    path, (status, out, err) = place.save()
    assert (status, err.count("\n")) == (0, 1)
    assert err.startswith("rollpatch: this is not in the audit: cannot reach rollpatchd at ")
    assert out.startswith(f"saved in {path}: cluster prod, coordinator ")
    assert out.endswith(
        ": 3 events, the newest 2026-11-23 04:00:00Z; epoch 1, 1 nodes, 1 keys enrolled, 0 runs\n"
    )
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    status, again, err = cli.run("state", "check", path)
    assert (status, err) == (0, "")
    assert again == out.replace("saved in", "good:")


def test_rollpatchd_is_told_for_its_audit_where_it_is_saved(daemon, place):
    daemon.answers["state-save"] = documents.answer("state-save", {"text": "noted"})
    path, (status, out, err) = place.save()
    assert (status, err) == (0, "")
    assert out.startswith(f"saved in {path}")
    assert [request["arguments"] for request in daemon.requests] == [{"file": str(path)}]


def test_it_is_saved_although_rollpatchd_cannot_write_and_this_is_said(daemon, place):
    daemon.answers["state-save"] = documents.error("state-save", 1, "no-space", "log.db: disk is full")
    path, (status, _, err) = place.save()
    assert (status, err) == (0, "rollpatch: this is not in the audit: log.db: disk is full\n")
    assert path.exists()


def test_it_is_saved_while_a_daemon_writes_and_holds_its_lock(place):
    lock = os.open(place.lib, os.O_RDONLY)
    fcntl.flock(lock, fcntl.LOCK_EX)
    place.log.execute("BEGIN IMMEDIATE")
    place.add("started", {"epoch": 2})
    _, (status, out, err) = place.save()
    place.log.execute("COMMIT")
    os.close(lock)
    assert status == 0, err
    assert "3 events" in out
    assert "4 events" in place.save("later.tar")[1][1]


def test_saving_changes_nothing_and_leaves_nothing_beside_it(place):
    def listing():
        return {
            path: path.read_bytes()
            for path in place.folder.rglob("*")
            if path.is_file() and path.suffix != ".db-shm"
        }

    before = listing()
    path, _ = place.save()
    after = listing()
    del after[path]
    assert after == before


def test_any_tar_unpacks_it_into_the_same_files(place, tmp_path):
    path, _ = place.save()
    target = tmp_path / "restored"
    target.mkdir()
    subprocess.run(["tar", "-xpf", path, "-C", target], check=True)
    for name in ("channel.key", "signing.key"):
        assert (target / name).read_bytes() == (place.lib / name).read_bytes()
        assert stat.S_IMODE((target / name).stat().st_mode) == 0o600
    assert (target / "rollpatchd.yaml").read_bytes() == place.config.read_bytes()
    rows = sqlite3.connect(target / "log.db").execute("SELECT kind FROM event").fetchall()
    assert [kind for kind, in rows] == [kind for kind, _ in EVENTS]


def test_a_file_that_exists_is_not_touched(place):
    path = place.folder / "saved.tar"
    path.write_text("mine")
    _, (status, out, err) = place.save()
    assert (status, out) == (3, "")
    assert "exists already; not touched" in err
    assert path.read_text() == "mine"


@pytest.mark.parametrize("name", ["channel.key", "signing.key", "log.db"])
def test_without_one_of_its_parts_nothing_is_saved(place, name):
    place.log.close()
    (place.lib / name).unlink()
    path, (status, out, err) = place.save()
    assert (status, out) == (1, "")
    assert name in err or "unable to open database" in err
    assert not path.exists()
    assert not (place.folder / "saved.tar.log").exists()


def test_a_state_that_was_cut_anywhere_is_not_good(cli, place):
    path, _ = place.save()
    whole = path.read_bytes()
    cut = place.folder / "cut.tar"
    for size in [*range(0, len(whole) - 1024, 1700), len(whole) - 1]:
        cut.write_bytes(whole[:size])
        status, out, err = cli.run("state", "check", cut)
        assert (status, out) == (1, ""), size
        assert str(cut) in err


def test_a_damaged_log_or_key_is_not_good(cli, place):
    path, _ = place.save()
    whole = path.read_bytes()
    bad = place.folder / "bad.tar"
    for seen, other in ((b'"epoch": 1', b'"epoch": x'), (b"secret ", b"sEcret "), (b"imported", b"impOrted")):
        assert seen in whole
        bad.write_bytes(whole.replace(seen, other))
        status, out, _ = cli.run("state", "check", bad)
        assert (status, out) == (1, ""), seen


def test_a_log_that_contradicts_itself_is_not_good(cli, place):
    place.add("started", {"epoch": 1})
    path, (status, out, err) = place.save()
    assert (status, out) == (1, "")
    assert "event 4: epoch is 1, want more than 1" in err
    assert cli.run("state", "check", path)[0] == 1


def test_what_is_no_saved_state_is_refused(cli, place, tmp_path):
    other = tmp_path / "other.tar"
    with tarfile.open(other, "w") as tar:
        tar.add(place.config, "../../etc/passwd")
    for path in (other, place.config, tmp_path / "missing"):
        status, out, err = cli.run("state", "check", path)
        assert (status, out) == (1, "")
        assert str(path) in err


def test_as_json(place):
    _, (status, out, _) = place.save("saved.tar", "--json")
    document = json.loads(out)
    assert (status, document["verb"], document["answer"]["events"]) == (0, "state-save", 3)
    _, (status, out, _) = place.save("saved.tar", "--json")
    assert (status, json.loads(out)["error"]["code"]) == (3, "conflict")
