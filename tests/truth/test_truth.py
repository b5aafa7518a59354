# SPDX-License-Identifier: Apache-2.0
"""scripts/truth: what it makes of captures and labels, here made by hand."""

import json
import os

import captures
import scores

PROGRAM = f"{os.environ['ROLLPATCH_BUILD']}/tests/truth/truth-replay"
WHOLE = {"registrar/log/recovered": 1.0, "registrar/log/ensemble_size": 3.0, "master/elected": 0.0}
LEADS = {**WHOLE, "master/elected": 1.0, "registrar/state_fetch_ms": 1.0,
         "registrar/state_store_ms": 1.0, "registrar/registry_size_bytes": 1.0}
LABELS = "folder\ttimeline_or_prefix\tt_from\tt_to\tsubject\ttruth\twhy\n"


def capture(folder, name, url, body, status=200, location=""):
    """One single capture, as curl leaves it."""
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.body").write_text(body)
    place = f"Location: {location}\r\n" if location else ""
    (folder / f"{name}.headers").write_text(f"HTTP/1.1 {status} X\r\n{place}\r\n")
    index = folder / "INDEX.tsv"
    if not index.exists():
        index.write_text("utc\tfile\turl\tcurl_exit\thttp\ttotal_s\tbody_bytes\tnote\n")
    with index.open("a") as file:
        file.write(f"23:00:00.000\t{name}\t{url}\t0\t{status}\t0.1\t{len(body)}\t\n")


def three_masters(folder, prefix, metrics):
    """Of whom m1 leads, by its own word and that of the others."""
    for number, one in enumerate(metrics, 1):
        base = f"http://127.0.5.{10 + number}:5050"
        capture(folder, f"{prefix}m{number}-metrics_snapshot", f"{base}/metrics/snapshot",
                json.dumps(one))
        capture(folder, f"{prefix}m{number}-redirect", f"{base}/redirect", "", 307,
                "//127.0.5.11:5050")
    capture(folder, f"{prefix}m1-slaves", "http://127.0.5.11:5050/slaves",
            '{"slaves":[],"recovered_slaves":[]}')


def score(tmp_path, rows, capsys):
    """(exit status, output) of one situation."""
    labels = tmp_path / "labels"
    labels.write_text(LABELS + "".join("\t".join(["one", *row, "why"]) + "\n" for row in rows))
    with scores.Replay(PROGRAM) as replay:
        status = scores.Scores(replay, str(tmp_path), str(labels)).tell(True)
    return status, capsys.readouterr().out


def timeline(tmp_path, lines):
    """Of refusals: (seconds, url)."""
    path = tmp_path / "x.timeline.tsv"
    path.write_text("# start 23:00:00 utc; columns\n" + "".join(
        f"{at}\t{url}\trefused\t\t{{}}\n" for at, url in lines))
    return captures.Timeline(str(path))


def test_good_masters_pass_and_a_leader_without_a_majority_does_not(tmp_path, capsys):
    """By the product's own readers and judges."""
    empty = {**WHOLE, "registrar/log/recovered": 0.0}
    three_masters(tmp_path / "one", "good-", [LEADS, WHOLE, WHOLE])
    three_masters(tmp_path / "one", "alone-", [LEADS, empty, empty])
    _, out = score(tmp_path, [("good-", "-", "-", "quorum", "healthy"),
                              ("good-", "-", "-", "m m1", "healthy"),
                              ("alone-", "-", "-", "quorum", "sick"),
                              ("alone-", "-", "-", "m m2", "sick")], capsys)
    assert "sick samples passed: 0 of 2 (by the page's own check: 1)" in out
    assert "healthy snapshots passed: 2 of 2" in out


def test_a_sick_sample_that_passes_is_told_and_fails_the_run(tmp_path, capsys):
    """Here it is the label that is wrong."""
    three_masters(tmp_path / "one", "good-", [LEADS, WHOLE, WHOLE])
    status, out = score(tmp_path, [("good-", "-", "-", "quorum", "sick")], capsys)
    assert status == 1
    assert "one good-  quorum: sick: passes" in out


def test_a_healthy_interval_that_never_passes_fails_the_run(tmp_path, capsys):
    """And all of its samples after the first 15 s count as later ones that did not."""
    folder = tmp_path / "one"
    folder.mkdir()
    timeline(folder, [(0, "http://127.0.5.11:5050/metrics/snapshot")])
    status, out = score(tmp_path, [("x.timeline.tsv", "0", "20", "m m1", "healthy")], capsys)
    assert status == 1
    assert "did not pass within 15 s: 1 of 1" in out
    assert "later healthy samples passed: 0 of 9" in out


def test_the_last_answer_counts_for_two_minutes_and_is_unknown_then(tmp_path):
    """It is never taken for one that nobody was asked for."""
    key = "m1", "/metrics/snapshot"
    found = timeline(tmp_path, [(1, "http://127.0.5.11:5050/metrics/snapshot")])
    assert found.until(0.5)[key].location == "no answer yet"
    assert found.until(121)[key].location == "refused"
    assert found.until(121.1)[key].location == "nothing new for 120 s"
    assert captures.is_asked(found.until(121), "m1")
    assert not captures.is_asked(found.until(121.1), "m1")


def test_a_prefix_names_its_files_exactly(tmp_path):
    """`two-dead-` does not include `two-dead-early-`."""
    for prefix, body in (("two-dead-", "{}"), ("two-dead-early-", "[]")):
        capture(tmp_path / "one", f"{prefix}m1-state", "http://127.0.5.11:5050/state", body)
    capture(tmp_path / "one", "m2-down-state", "http://127.0.5.12:5050/state", "1")
    found = captures.Folder(str(tmp_path / "one"))
    for name, who, body in (("two-dead-", "m1", "{}"), ("two-dead-early-", "m1", "[]"),
                            ("m2-down-", "m2", "1")):
        known = found.snapshot(name)
        assert {key: one.text() for key, one in known.items()} == {(who, "/state"): body}
    assert not found.snapshot("two-")


def test_what_nobody_asked_is_told_by_other_answers(tmp_path):
    """Who leads by any answer of the leader alone; its health by its registry, a moment later."""
    folder = tmp_path / "one"
    capture(folder, "m2-state", "http://127.0.5.12:5050/state", "", 307,
            "//127.0.5.11:5050/master/state")
    capture(folder, "m1-state", "http://127.0.5.11:5050/state", "{}")
    capture(folder, "m1-metrics_snapshot", "http://127.0.5.11:5050/metrics/snapshot",
            json.dumps(LEADS))
    known = captures.Folder(str(folder)).snapshot("m")
    told = captures.completed(known, known, {}, "good", "bad")
    assert told["m1", "/redirect"].location == "//127.0.5.11:5050"
    assert told["m2", "/redirect"].location == "//127.0.5.11:5050/master/state"
    assert told["m1", "/slaves"].text() == "{}"
    assert (told["m1", "GET_HEALTH"].status, told["m1", "GET_HEALTH"].body) == (200, "good")
    before = {**known, ("m1", "/metrics/snapshot"): known["m2", "/state"]}
    assert captures.completed(known, before, {}, "good", "bad")["m1", "GET_HEALTH"].status == 503
