# SPDX-License-Identifier: Apache-2.0
"""Every node can be asked for its status and for what its step has printed, now: on booted hosts, with
answers that only the node can have given."""

import json
import time

import pytest

from rig import wait_for


@pytest.fixture(name="small", scope="module")
def fixture_small(rig, tmp_path_factory):
    """A lone master and an agent, known to the coordinator, no run."""
    from lab import Lab  # pylint: disable=import-outside-toplevel
    lab = Lab(rig, str(tmp_path_factory.mktemp("asking")), script_more=MORE)
    masters = ["10.77.0.11"]
    lab.add_node("m1", masters[0], "master", masters)
    lab.add_node("a1", "10.77.0.21", "slave", masters)
    lab.boot()
    yield lab
    lab.close()


# More than one piece of output, a line that a terminal would obey, and the end of it.
MORE = r"""
for i in $(seq 1 2000); do echo "line $i of the output"; done
printf 'red \033[31m alert\n'
echo "the last line"
"""


def check(answer, name, check_id):
    """One check of one node, or None."""
    node = next(node for node in answer["nodes"] if node["name"] == name)
    return next((each for each in node["checks"] if each["id"] == check_id), None)


def refreshed(lab, *names):
    """`status --refresh` that everybody has answered."""
    document = json.loads(lab.cli("status", *names, "--refresh", "--json").stdout)
    assert document["exit"] == 0, document
    assert document["answer"]["refresh"]["missing"] == []
    return document["answer"]


def test_an_agent_is_asked_outside_a_run_and_its_answers_are_younger_than_the_question(small):
    begin = time.monotonic()
    answer = refreshed(small, "a1")
    span = (time.monotonic() - begin) * 1e6
    assert [node["name"] for node in answer["nodes"]] == ["a1"]
    for name in ("units", "journal", "mesos-agent", "check-runner", "version"):
        seen = check(answer, "a1", name)
        assert seen, f"{name} was not asked"
        assert seen["age"] <= span, f"{name} is from before the question"
    assert check(answer, "a1", "mesos-agent")["verdict"] == "pass"
    refreshed(small)  # from now on the leading master is known
    leader = check(refreshed(small, "a1"), "a1", "mesos-leader")
    assert leader["verdict"] == "pass" and leader["age"] < 2e6


def test_a_refresh_sees_what_has_just_gone_wrong_and_what_is_well_again(small):
    host = small.nodes["m1"].host
    assert check(refreshed(small, "m1"), "m1", "mesos-master")["verdict"] == "pass"
    host.run(["systemctl", "stop", "dcos-mesos-master.service"])
    sick = refreshed(small, "m1")
    assert check(sick, "m1", "mesos-master")["verdict"] == "unknown"
    assert check(sick, "m1", "units")["verdict"] == "fail"
    host.run(["systemctl", "start", "dcos-mesos-master.service"])
    wait_for(lambda: check(refreshed(small, "m1"), "m1", "mesos-master")["verdict"] == "pass", 20,
             "the master to be well again")


def test_a_node_that_is_cut_off_is_named_and_the_others_are_shown(small):
    small.nodes["a1"].host.cut()
    try:
        done = small.cli("status", "--refresh", "--timeout", "3s")
    finally:
        small.nodes["a1"].host.heal()
    assert done.returncode == 1
    assert "asked anew: a1 has no new answer: it " in done.stdout
    assert "m1" in done.stdout
    wait_for(lambda: small.shown("a1")["link"] == "fresh", 60, "the link to come back")


def test_the_output_of_a_step_is_read_from_the_node_also_while_it_runs(small):
    assert small.cli("logs", "m1").returncode == 1, "there was no step yet"
    node = small.nodes["m1"]
    node.mark("hold-script")
    started = small.run()
    assert started.returncode == 0, started.stderr
    wait_for(lambda: node.reached("script-running"), 60, "the script to run")
    shown = small.ask("logs", "m1")
    assert (shown["source"], shown["lines"]) == ("node", ["Upgrading DC/OS 2.1.0 -> 2.1.1"])
    node.mark("script-running.go")
    small.wait_run("finished", "halted")

    shown = small.ask("logs", "m1")
    assert len(shown["lines"]) == 200
    assert shown["lines"][-2:] == ["red ?[31m alert", "the last line"]
    whole = small.ask("logs", "m1", "--all")
    assert len(whole["lines"]) == 2003
    assert whole["lines"][1:3] == ["line 1 of the output", "line 2 of the output"]
    assert small.ask("logs", "m1", "--lines", "1")["lines"] == ["the last line"]


def test_of_a_node_that_cannot_be_asked_the_log_has_the_last_lines_and_says_why(small):
    small.nodes["m1"].host.run(["systemctl", "stop", "rollpatch-agent.service"])
    try:
        done = small.cli("logs", "m1", "--timeout", "3s")
    finally:
        small.nodes["m1"].host.run(["systemctl", "start", "rollpatch-agent.service"])
    assert done.returncode == 0
    assert "m1: it " in done.stdout and "as reported" in done.stdout
    assert done.stdout.rstrip().endswith("the last line")
