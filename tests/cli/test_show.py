# SPDX-License-Identifier: Apache-2.0
"""What people see: golden/ holds every word of it."""

import re

import documents

PLAN = """\
cluster: demo
from: 2.1.0
to: 2.1.1
script:
  url: http://10.0.0.1/upgrade.sh
  sha256: {sha256}
  size: 4711
masters: [m1, m2, m3]
agents: [a1]
public_agents: []
dwell:
  master: 2s
"""


def write_plan(tmp_path, text=PLAN):
    path = tmp_path / "plan.yaml"
    path.write_text(text.replace("{sha256}", "a" * 64))
    return str(path)


def test_status_of_a_run_that_waits(cli, daemon, golden):
    daemon.answers["status"] = documents.status()
    golden("status", cli.run("status")[1])


def test_status_fits_a_terminal_of_100_and_of_80_columns(cli, daemon, golden):
    daemon.answers["status"] = documents.status()
    for columns in (100, 80):
        status, seen = cli.run_on_terminal(columns, "status", environment={"NO_COLOR": "1"})
        assert status == 0
        assert max(len(line) for line in seen.splitlines()) <= columns
        golden(f"status-{columns}", seen)


def test_status_without_a_run(cli, daemon, golden):
    daemon.answers["status"] = documents.quiet()
    golden("status-quiet", cli.run("status")[1])


def test_of_many_agents_only_those_in_trouble_are_listed(cli, daemon, golden):
    daemon.answers["status"] = documents.big(2000)
    golden("status-big", cli.run("status")[1])


def test_the_status_for_a_person_needs_no_more_than_is_shown(cli, daemon, golden):
    def in_brief(node):
        ordinary = node["link"] == "fresh" and node["assessment"] in ("Pending", "Idle", "Done")
        if node["role"] == "master" or not ordinary:
            return node
        return {key: node[key] for key in ("name", "role", "link", "assessment")}

    document = documents.big(2000)
    document["answer"]["nodes"] = [in_brief(node) for node in document["answer"]["nodes"]]
    daemon.answers["status"] = document
    golden("status-big", cli.run("status")[1])
    assert daemon.requests[-1]["arguments"] == {"brief": True}
    for arguments in (["--json"], ["m1"]):
        cli.run("status", *arguments)
        assert "brief" not in daemon.requests[-1].get("arguments", {})


def test_a_refresh_waits_a_little_less_than_the_command_and_names_who_did_not_answer(cli, daemon):
    missing = [{"node": "m2", "why": "it is not heard now"}]
    daemon.answers["status"] = documents.status(1, refresh={"asked": 3, "missing": missing})
    status, stdout, _ = cli.run("status", "--refresh", "--timeout", "5s")
    assert status == 1
    assert stdout.splitlines()[-1] == "asked anew: m2 has no new answer: it is not heard now"
    assert daemon.requests[-1]["arguments"] == {"refresh": True, "wait": 4_000_000}


def test_a_refresh_that_everybody_answered_says_so(cli, daemon):
    daemon.answers["status"] = documents.status(refresh={"asked": 6, "missing": []})
    status, stdout, _ = cli.run("status", "--refresh")
    assert (status, stdout.splitlines()[-1]) == (0, "asked anew: all 6 nodes have answered")


def test_logs_asks_for_the_last_200_lines_unless_told_otherwise(cli, daemon):
    daemon.answers["logs"] = documents.answer("logs", {"text": "", "lines": []})
    for arguments, lines in (([], 200), (["--lines", "5"], 5), (["--all"], None)):
        assert cli.run("logs", "m2", *arguments)[0] == 0
        assert daemon.requests[-1]["arguments"].get("lines") == lines


def test_logs_refuses_a_number_of_lines_that_is_none(cli):
    for arguments in (["--lines", "0"], ["--lines", "x"], ["--lines", "5", "--all"]):
        status, _, stderr = cli.run("logs", "m2", *arguments)
        assert status == 2 and "--lines wants a number" in stderr


def test_status_of_a_node_has_a_check_a_row(cli, daemon, golden):
    daemon.answers["status"] = documents.status()
    golden("status-node", cli.run("status", "m2")[1])
    assert daemon.requests[0]["arguments"] == {"nodes": ["m2"]}


def test_status_of_a_node_that_is_not_there_is_a_failure(cli, daemon):
    daemon.answers["status"] = documents.status()
    status, _, err = cli.run("status", "m9")
    assert (status, err) == (1, "rollpatch: no node 'm9' - try: rollpatch nodes\n")


def test_an_empty_answer_is_shown_as_what_it_is(cli, daemon):
    daemon.answers["status"] = documents.answer("status", {})
    status, out, err = cli.run("status")
    assert (status, err) == (0, "")
    assert "no run" in out and "claim unknown" in out and "none has reported" in out


def test_colour_is_for_terminals_without_no_color(cli, daemon):
    daemon.answers["status"] = documents.status()
    assert "\033[" in cli.run_on_terminal(100, "status")[1]
    assert "\033[" not in cli.run_on_terminal(100, "status", environment={"NO_COLOR": "1"})[1]
    assert "\033[" not in cli.run_on_terminal(100, "status", environment={"TERM": "dumb"})[1]
    assert "\033[" not in cli.run("status")[1]


def test_colour_changes_no_letter(cli, daemon):
    daemon.answers["status"] = documents.status()
    coloured = cli.run_on_terminal(100, "status")[1]
    plain = cli.run_on_terminal(100, "status", environment={"NO_COLOR": "1"})[1]
    assert re.sub(r"\033\[[0-9;]*m", "", coloured) == plain


def test_without_legend_there_are_no_headings(cli, daemon):
    daemon.answers["nodes"] = documents.answer("nodes", {"nodes": documents.masters()})
    assert cli.run("nodes")[1].startswith("NODE ")
    assert cli.run("nodes", "--no-legend")[1].startswith("m1 ")


def test_what_nodes_say_cannot_command_the_terminal(cli, daemon):
    evil = documents.node("m1", "master", "Failed", message="\x1b]0;owned\x07\r\n\x9b31m")
    problem = {"level": "error", "impact": "\x1b[2J", "message": "\x1b[2J", "try": "\x1b[2J"}
    run = documents.run(why="\x1b[2J", state="\x1b[2J")
    daemon.answers["status"] = documents.status(nodes=[evil], problems=[problem], run=run)
    for arguments in (["status"], ["status", "m1"], ["status", "--watch"]):
        daemon.answers["status"]["answer"]["run"]["state"] = "finished"
        out = cli.run(*arguments)[1]
        assert not set(out) & {chr(i) for i in [*range(32), *range(127, 160)]} - {"\n"}


def test_nodes_runs_report_and_audit(cli, daemon, golden):
    daemon.answers = {
        "nodes": documents.answer(
            "nodes", {"now": documents.NOW, "nodes": documents.masters() + documents.agents()}
        ),
        "runs": documents.runs(),
        "report": documents.report(),
        "audit": documents.audit(),
    }
    for verb in daemon.answers:
        status, out, err = cli.run(verb)
        assert (status, err) == (0, "")
        golden(verb, out)


def test_nodes_with_their_keys_and_who_asks_to_be_one(cli, daemon, golden):
    nodes = [documents.enrolled(one, "A") for one in documents.masters()] + documents.strangers()
    daemon.answers["nodes"] = documents.answer("nodes", {"now": documents.NOW, "nodes": nodes})
    golden("nodes-enrolled", cli.run("nodes")[1])


def test_nodes_are_selected_by_rollpatchd(cli, daemon):
    daemon.answers["nodes"] = documents.answer("nodes", {"now": documents.NOW, "nodes": []})
    assert cli.run("nodes", "pending") == (0, "no such node\n", "")
    assert daemon.requests[0]["arguments"] == {"selector": "pending"}


def test_tokens_and_keys(cli, daemon, golden):
    daemon.answers = {
        "token-create": documents.token_create(),
        "token-list": documents.token_list(),
        "node-show": documents.node_show(),
    }
    for words in (
        ["token", "create", "--role", "agent"],
        ["token", "list"],
        ["node", "show", "a1"],
    ):
        status, out, err = cli.run(*words)
        assert (status, err) == (0, "")
        golden("-".join(words[:2]), out)


def test_lists_without_rows_say_so(cli, daemon):
    for verb, text in (
        ("nodes", "no node has joined yet\n"),
        ("runs", "no run yet\n"),
        ("audit", "nobody has acted in that time\n"),
        ("token list", "no join token was made yet\n"),
    ):
        daemon.answers[verb.replace(" ", "-")] = documents.answer(verb, {})
        assert cli.run(*verb.split()) == (0, text, "")


def test_report_names_an_exit_status_that_nobody_has_seen(cli, daemon):
    document = documents.report()
    step = document["answer"]["steps"][0]
    del step["exit_status"], step["exit_signal"]
    step["exit_unknown"] = True
    daemon.answers["report"] = document
    _, out, _ = cli.run("report")
    assert any("m1" in line and " unknown " in line for line in out.splitlines()), out


def test_report_asks_for_the_run_it_is_given(cli, daemon):
    daemon.answers["report"] = documents.report()
    cli.run("report")
    cli.run("report", "7")
    assert [request["arguments"] for request in daemon.requests] == [{}, {"run": 7}]


def test_logs_are_printed_line_by_line(cli, daemon):
    lines = {"text": "last 2 lines of m2", "lines": ["one", "two \x1b[2J"]}
    daemon.answers["logs"] = documents.answer("logs", lines)
    assert cli.run("logs", "m2")[1] == "last 2 lines of m2\none\ntwo ?[2J\n"


def test_plan_shows_what_speaks_against_it(cli, daemon, golden, tmp_path):
    daemon.answers["plan"] = documents.plan(6)
    status, out, _ = cli.run("plan", write_plan(tmp_path))
    assert status == 6
    golden("plan", out)


def test_run_without_yes_only_shows_the_plan_and_how_to_go_on(cli, daemon, tmp_path):
    daemon.answers["plan"] = documents.plan()
    path = write_plan(tmp_path)
    status, out, _ = cli.run("run", path)
    assert status == 0
    assert [request["verb"] for request in daemon.requests] == ["plan"]
    assert out.endswith(
        f"nothing was done; to start this run - try: rollpatch run {path} --yes\n"
    )


def test_run_of_a_plan_that_is_blocked_gives_no_way_to_start_it(cli, daemon, tmp_path):
    daemon.answers["plan"] = documents.plan(6)
    status, out, _ = cli.run("run", write_plan(tmp_path))
    assert status == 6
    assert out.endswith("nothing was done, and this run would be refused: see Findings\n")
    assert "--yes" not in out


def test_run_sends_the_plan_and_what_was_confirmed(cli, daemon, tmp_path):
    daemon.answers["run"] = documents.answer("run", {"text": "run 7 started"})
    status, out, _ = cli.run(
        "run", write_plan(tmp_path), "--yes", "--cluster", "demo", "--accept-downtime"
    )
    assert (status, out) == (0, "run 7 started\n")
    arguments = daemon.requests[0]["arguments"]
    assert arguments["yes"] is True
    assert arguments["cluster"] == "demo"
    assert arguments["accept_downtime"] is True
    assert arguments["plan"]["masters"] == ["m1", "m2", "m3"]
    assert arguments["plan"]["numbers"]["dwell_master"] == 2 * documents.SECOND


def test_every_mistake_of_a_plan_is_named_before_anybody_is_asked(cli, daemon, tmp_path):
    path = write_plan(tmp_path, PLAN.replace("cluster:", "clutser:").replace("2s", "soon"))
    status, out, err = cli.run("run", path, "--yes")
    assert (status, out, daemon.requests) == (2, "", [])
    assert f"{path}:1:1: unknown key 'clutser', did you mean 'cluster'?" in err
    assert "'cluster' is missing" in err
    assert "dwell.master" in err
    assert "3 mistakes in the plan, nothing was asked for" in err
