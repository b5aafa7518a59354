# SPDX-License-Identifier: Apache-2.0
"""Following a run: a line a change, and an end when the run ends."""

import json
import signal

import documents
import pytest
from test_show import write_plan


def later(**more):
    """The status of a second later; nothing but `more` is another."""
    return documents.status(**{"now": documents.NOW + documents.SECOND, **more})


def finished():
    run = documents.run(state="finished", masters_done=3, agents_done=4, **{"why": "", "try": ""})
    return later(run=run)


def test_watch_without_a_terminal_prints_a_line_a_change(cli, daemon, golden):
    nodes = documents.masters() + documents.agents()
    nodes[1] = {**nodes[1], "assessment": "Failed", "phase": "failed", "message": "no gate"}
    nodes[3] = {**nodes[3], "link": "lost", "seen": documents.NOW - documents.MINUTE}
    halted = documents.run(state="halted", why="m2: no gate", masters_done=1)
    daemon.answers["status"] = [
        documents.status(),
        later(run=documents.run(why="m2: exhibitor serving on 2 of 3, since 10min; gives up in 10min")),
        later(run=halted, nodes=nodes),
        later(coordinator={"epoch": 4, "since": 0, "claim": "waiting for m1"}),
        finished(),
    ]
    status, out, err = cli.run("status", "--watch")
    assert (status, err) == (0, "")
    golden("watch", out)


def test_watch_without_a_terminal_and_without_a_run_ends(cli, daemon):
    daemon.answers["status"] = documents.quiet()
    assert cli.run("status", "--watch") == (0, "no run\n", "")


def test_watch_on_a_terminal_draws_the_status_again(cli, daemon):
    daemon.answers["status"] = [documents.status(), finished()]
    status, seen = cli.run_on_terminal(100, "status", "--watch")
    assert status == 0
    assert seen.count("\033[H\033[2J") == 2
    assert seen.count("= Masters =") == 2


def test_watch_as_json_prints_a_document_a_change(cli, daemon):
    daemon.answers["status"] = [documents.status(), documents.status(), finished()]
    status, out, _ = cli.run("status", "--watch", "--json")
    assert status == 0
    assert [json.loads(line) for line in out.splitlines()] == [documents.status(), finished()]


@pytest.mark.parametrize(
    "state, status", [("finished", 0), ("aborted", 1), ("halted", 3), ("paused", 5), ("held", 5)]
)
def test_run_wait_ends_with_the_runs_exit_status(cli, daemon, tmp_path, state, status):
    daemon.answers["run"] = documents.answer("run", {"text": "run 7 started"})
    daemon.answers["status"] = [
        documents.status(),
        later(run=documents.run(state=state, why="because")),
    ]
    code, out, _ = cli.run("run", write_plan(tmp_path), "--yes", "--wait")
    assert code == status
    assert out.startswith("run 7 started\n")
    assert f"run 7 (2.1.0 -> 2.1.1) is {state}: because" in out


def test_run_wait_finds_a_run_that_was_followed_by_another(cli, daemon, tmp_path):
    daemon.answers["run"] = documents.answer("run", {"text": "run 6 started"})
    daemon.answers["runs"] = documents.runs()
    daemon.answers["status"] = [
        documents.status(run=documents.run(number=6)),
        documents.status(run=documents.run(number=7)),
    ]
    code, out, _ = cli.run("run", write_plan(tmp_path), "--yes", "--wait")
    assert code == 1
    assert out.endswith("run 6 is aborted\n")


def test_run_wait_waits_for_the_run_that_it_started(cli, daemon, tmp_path):
    daemon.answers["run"] = documents.answer("run", {"text": "started", "run": {"number": 6}})
    daemon.answers["runs"] = documents.runs()
    daemon.answers["status"] = finished()
    assert cli.run("run", write_plan(tmp_path), "--yes", "--wait")[0] == 1


def test_run_wait_does_not_take_no_run_for_a_good_end(cli, daemon, tmp_path):
    daemon.answers["run"] = documents.answer("run", {"text": "run 7 started"})
    daemon.answers["status"] = documents.quiet()
    code, _, err = cli.run("run", write_plan(tmp_path), "--yes", "--wait")
    assert (code, err) == (1, "rollpatch: rollpatchd knows of no run\n")


def test_run_that_is_refused_is_not_waited_for(cli, daemon, tmp_path):
    daemon.answers["run"] = documents.error("run", 6, "unsafe", "no")
    assert cli.run("run", write_plan(tmp_path), "--yes", "--wait") == (6, "", "rollpatch: no\n")


def test_a_daemon_that_starts_anew_is_asked_again(cli, daemon, tmp_path):
    daemon.answers["run"] = documents.answer("run", {"text": "run 7 started"})
    daemon.answers["status"] = [
        b"",
        documents.error("status", 1, "blocked", "64 clients are connected already"),
        finished(),
    ]
    code, _, err = cli.run("run", write_plan(tmp_path), "--yes", "--wait")
    assert code == 0
    assert err.count("(asking again)") == 1


def test_interrupting_leaves_the_run_going_and_says_so(cli, daemon, tmp_path):
    daemon.answers["run"] = documents.answer("run", {"text": "run 7 started"})
    daemon.answers["status"] = documents.status()
    process = cli.start("run", write_plan(tmp_path), "--yes", "--wait")
    assert process.stdout.readline() == "run 7 started\n"
    assert "is running" in process.stdout.readline()
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "the run goes on without this command" in err
    assert {request["verb"] for request in daemon.requests} == {"run", "status"}


def test_interrupting_works_while_the_daemon_is_silent(cli, daemon, tmp_path):
    daemon.answers["run"] = documents.answer("run", {"text": "run 7 started"})
    daemon.answers["status"] = [documents.status(), None]
    process = cli.start("run", write_plan(tmp_path), "--yes", "--wait")
    assert process.stdout.readline() == "run 7 started\n"
    assert "is running" in process.stdout.readline()
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=5) == 130
    process.communicate()
