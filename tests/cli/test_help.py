# SPDX-License-Identifier: Apache-2.0
"""What the program says of itself, and that nothing else in the tree says it differently."""

import re
import subprocess

import pytest
from conftest import SOURCE

MAN = SOURCE / "man" / "rollpatch.1.md"
COMPLETION = SOURCE / "data" / "rollpatch.bash"


@pytest.fixture
def verbs(cli):
    status, out, _ = cli.run("--words")
    assert status == 0
    return out.split()


@pytest.fixture
def commands(cli, verbs):
    """Every verb as the words that are typed: ["status"], ["token", "create"]."""
    found = []
    for verb in verbs:
        words = cli.run(verb, "--words")[1].split()
        group = [word for word in words if not word.startswith("--")]
        found += [[verb, word] for word in group] or [[verb]]
    return found


def synopses(text):
    """The verbs of a help text with what must follow them: 'pause --reason TEXT'."""
    rows = text.split("Verbs:\n")[1].split("\nOptions:")[0]
    return [re.split(r"  +", row.strip())[0] for row in rows.splitlines() if row[2] != " "]


def test_help_is_at_most_80_columns_wide(cli, verbs, commands):
    for arguments in [[], *[[verb] for verb in verbs], *commands]:
        _, out, _ = cli.run(*arguments, "--help")
        assert max(len(line) for line in out.splitlines()) <= 80


def test_help_goes_to_stdout_and_is_no_mistake(cli, verbs, commands):
    every = [*[[verb] for verb in verbs], *commands]
    for arguments in [["--help"], ["-h"], ["help"], *[[*words, "--help"] for words in every]]:
        status, out, err = cli.run(*arguments)
        assert (status, err) == (0, "")
        assert "Options:" in out


def test_short_and_long_help_are_the_same(cli):
    assert cli.run("-h") == cli.run("--help") == cli.run("help")
    assert cli.run("pause", "-h") == cli.run("help", "pause") == cli.run("--help", "pause")


def test_help_of_a_verb_shows_what_it_takes_and_nothing_else(cli):
    _, out, _ = cli.run("pause", "--help")
    assert out.startswith("rollpatch pause [--for SPAN] --reason TEXT\n")
    assert "--reason TEXT" in out
    assert "--yes" not in out


def test_help_names_every_verb_of_the_table(cli, commands):
    _, out, _ = cli.run("--help")
    rows = synopses(out)
    assert len(rows) == len(commands)
    assert all(row.split()[: len(words)] == words for row, words in zip(rows, commands))


def test_help_of_a_group_names_its_verbs_and_no_others(cli):
    _, out, _ = cli.run("token", "--help")
    assert [row.split()[:2] for row in synopses(out)] == [
        ["token", "create"],
        ["token", "list"],
        ["token", "revoke"],
    ]


def test_version_is_one_line(cli):
    status, out, err = cli.run("--version")
    assert (status, err) == (0, "")
    assert re.fullmatch(r"rollpatch \d+\.\d+\.\d+\n", out)


def test_the_man_page_has_the_verbs_of_the_table(cli):
    _, out, _ = cli.run("--help")
    text = MAN.read_text().split("# VERBS\n")[1].split("# OPTIONS\n")[0]
    rows = re.findall(r"^\*\*([a-z].*)\*\*$", text, re.M)
    assert sorted(row.replace("_", "") for row in rows) == sorted(synopses(out))


def test_the_man_page_has_the_options_of_the_table(cli, commands):
    options = set()
    for words in commands:
        options |= set(cli.run(*words, "--words")[1].split())
    man = set(re.findall(r"^\*\*(--[a-z-]+)", MAN.read_text(), re.M))
    assert man == options | {"--help", "--version"}


def complete(cli, *words):
    """What bash offers for the last of `words`."""
    script = (
        f'source "{COMPLETION}"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); '
        '_rollpatch; printf "%s\\n" "${COMPREPLY[@]}"'
    )
    build = {**cli.environment, "PATH": f"{cli.program_folder}:{cli.environment['PATH']}"}
    done = subprocess.run(
        ["bash", "-c", script, "bash", *words],
        env=build,
        text=True,
        capture_output=True,
        check=True,
        timeout=30,
    )
    assert done.stderr == ""
    return done.stdout.split()


def test_completion_knows_the_verbs(cli, verbs):
    assert complete(cli, "rollpatch", "") == verbs
    assert complete(cli, "rollpatch", "qu") == ["quarantine"]


def test_completion_knows_the_options_of_a_verb(cli):
    assert complete(cli, "rollpatch", "pause", "--") == cli.run("pause", "--words")[1].split()
    assert complete(cli, "rollpatch", "pause", "--rea") == ["--reason"]


def test_completion_knows_the_verbs_of_a_group_and_their_options(cli):
    assert complete(cli, "rollpatch", "token", "") == ["create", "list", "revoke"]
    assert complete(cli, "rollpatch", "token", "re") == ["revoke"]
    assert complete(cli, "rollpatch", "token", "create", "--ro") == ["--role"]


def test_completion_knows_the_nodes(cli, daemon):
    nodes = [{"name": "m1"}, {"name": "m2"}, {"name": "a1"}]
    daemon.answers["nodes"] = {"version": 1, "verb": "nodes", "exit": 0, "answer": {"nodes": nodes}}
    assert complete(cli, "rollpatch", "retry", "m") == ["m1", "m2"]
    assert complete(cli, "rollpatch", "node", "revoke", "m") == ["m1", "m2"]


def test_completion_without_a_daemon_offers_no_nodes(cli):
    assert complete(cli, "rollpatch", "retry", "") == []


def mistakes():
    return [
        ([], "no verb given"),
        (["stauts"], "did you mean 'status'?"),
        (["unq"], "did you mean 'unquarantine'?"),
        (["xyzzy"], "unknown verb 'xyzzy' - try"),
        (["help", "stauts"], "did you mean 'status'?"),
        (["status", "--jsno"], "did you mean '--json'?"),
        (["status", "--xyzzy=1"], "unknown option '--xyzzy' - try"),
        (["status", "-j"], "unknown option '-j'"),
        (["status", "--json=yaml"], "--json is 'yaml', want pretty"),
        (["status", "--yes"], "'status' takes no --yes"),
        (["status", "--watch=1"], "--watch takes no value"),
        (["status", "--watch", "m1"], "--watch"),
        (["pause"], "'pause' needs --reason TEXT"),
        (["pause", "--reason"], "--reason needs a value"),
        (["pause", "--reason="], "--reason needs a value"),
        (["pause", "--reason", "--for", "5min"], "--reason needs a value"),
        (["pause", "--reason", "x", "--for", "soon"], "--for is 'soon', want a span"),
        (["pause", "--reason", "x", "--for", "0"], "--for is '0', want a span"),
        (["retry", "--reason", "x"], "'retry' needs NODE"),
        (["retry", "m1", "m2", "--reason", "x"], "takes only NODE, got 'm2' too"),
        (["runs", "m1"], "takes no argument, got 'm1' too"),
        (["token"], "'token' needs a verb of its own, as in 'token create'"),
        (["token", "cr"], "unknown verb 'token cr', did you mean 'token create'?"),
        (["token", "create"], "'token create' needs --role ROLE"),
        (["token", "create", "--role", "agent", "--uses", "0"], "--uses wants a number"),
        (["token", "list", "x"], "'token list' takes no argument, got 'x' too"),
        (["node", "revoke", "m1"], "'node revoke' needs --reason TEXT"),
        (["help", "node", "sow"], "did you mean 'node show'?"),
        (["report", "last"], "a run has a number"),
        (["\x1b[31mred"], "unknown verb '?[31mred'"),
    ]


@pytest.mark.parametrize("arguments, text", mistakes())
def test_a_mistake_is_one_line_on_stderr_and_exit_2(cli, arguments, text):
    status, out, err = cli.run(*arguments)
    assert (status, out) == (2, "")
    assert err.startswith("rollpatch: ") and err.count("\n") == 1
    assert text in err
