# SPDX-License-Identifier: Apache-2.0
"""What is common to the command lines of rollpatchd and rollpatch-agent."""

import os
import pathlib
import re
import subprocess

import pytest

BUILD = pathlib.Path(os.environ["ROLLPATCH_BUILD"])
MAN = pathlib.Path(__file__).parent.parent.parent / "man"
GOOD = {
    "rollpatchd": "cluster: lab\nmasters: [m1]\nlisten: 127.0.0.1:32070\n",
    "rollpatch-agent": (
        f"coordinator: 127.0.0.1:32070\ncoordinator_key: {'0f' * 32}\nsigning_key: {'f0' * 32}\n"
        "cluster: lab\n"
    ),
}


class Daemon:
    def __init__(self, name):
        self.name = name
        folder = "coordinator" if name == "rollpatchd" else "node-agent"
        self.program = BUILD / folder / name

    def run(self, *arguments):
        """(exit status, stdout, stderr); none of these goes on to serve."""
        done = subprocess.run(
            [self.program, *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True,
            timeout=30, check=False,
        )
        return done.returncode, done.stdout, done.stderr

    def manual(self):
        return (MAN / f"{self.name}.8.md").read_text(encoding="utf-8")


@pytest.fixture(name="daemon", params=sorted(GOOD))
def fixture_daemon(request):
    return Daemon(request.param)


@pytest.fixture(name="write")
def fixture_write(tmp_path):
    def write(text):
        path = tmp_path / "config.yaml"
        path.write_text(text, encoding="utf-8")
        return path
    return write


def test_help_and_manual_have_the_same_options(daemon):
    status, out, err = daemon.run("--help")
    assert (status, err) == (0, "")
    helped = set(re.findall(r"^  (?:-h, )?--([a-z-]+)", out, re.MULTILINE))
    described = set(re.findall(r"^\*\*--([a-z-]+)\*\*", daemon.manual(), re.MULTILINE))
    assert helped == described
    assert {"config", "check-config", "print-config", "verbose", "version", "help"} <= helped


def test_the_version_is_shown(daemon):
    status, out, _ = daemon.run("--version")
    assert status == 0
    assert re.fullmatch(rf"{daemon.name} \d+\.\d+\.\d+\n", out)


@pytest.mark.parametrize("arguments", [["word"], ["--unknown"], ["--config"], ["--check-config=yes"]])
def test_what_is_not_understood_is_refused(daemon, arguments):
    status, out, err = daemon.run(*arguments)
    assert (status, out) == (2, "")
    assert daemon.name in err


def test_a_good_configuration_is_good_and_says_nothing(daemon, write):
    assert daemon.run("--config", write(GOOD[daemon.name]), "--check-config") == (0, "", "")


def test_all_mistakes_of_a_configuration_are_shown_with_their_lines(daemon, write):
    path = write(GOOD[daemon.name] + "nonsense: 1\nmore: 2\n")
    for action in ("--check-config", "--print-config", "--verbose"):
        status, out, err = daemon.run("--config", path, action)
        assert (status, out) == (2, "")
        first = GOOD[daemon.name].count("\n") + 1
        assert f"{path}:{first}:1: unknown key 'nonsense'" in err
        assert f"{path}:{first + 1}:1: unknown key 'more'" in err


def test_a_configuration_that_is_not_there_is_named(daemon, tmp_path):
    status, _, err = daemon.run("--config", tmp_path / "none.yaml", "--check-config")
    assert status == 2
    assert "none.yaml" in err


def test_the_configuration_in_force_can_be_read_again(daemon, write):
    status, shown, err = daemon.run("--config", write(GOOD[daemon.name]), "--print-config")
    assert (status, err) == (0, "")
    assert "127.0.0.1:32070" in shown
    assert daemon.run("--config", write(shown), "--print-config") == (0, shown, "")
