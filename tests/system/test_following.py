# SPDX-License-Identifier: Apache-2.0
"""What happens to a host while the script runs is neither taken for its end nor a reason to run it
again: systemd re-executed, dbus or the node agent restarted, rollpatch-step killed, a reboot."""

import itertools

import pytest

from rig import wait_for

counter = itertools.count(1)


@pytest.fixture(name="make_run")
def fixture_make_run(lab):
    """Start a run on one master; stops it at a crash point, or in the script when there is none."""

    def make(point=None):
        number = next(counter)
        node = lab.add_node(f"m{number}", f"10.77.0.{30 + number}")
        if point:
            node.crash_at(point)
        else:
            node.mark("hold-script")
        lab.start_coordinator()
        node.host.boot()
        node.host.wait_up()
        lab.wait_claimed()
        started = lab.run()
        assert started.returncode == 0, started.stderr
        wait_for(lambda: node.reached(point or "script-running"), 30, "the point to be reached")
        return node

    return make


def step_unit(node):
    listed = node.host.run(["ls", "/var/lib/rollpatch/steps"]).stdout.split()
    assert len(listed) == 1
    return f"rollpatch-step-{listed[0]}.service"


def finish(lab, node):
    node.mark("script-running.go")
    status = lab.wait_run("finished", "halted", timeout=60)
    assert status["run"]["state"] == "finished", status["run"]
    assert node.executions() == 1


def end_interrupted(lab, node, executions=1):
    status = lab.wait_run("finished", "halted", timeout=60)
    assert status["run"]["state"] == "halted"
    assert status["nodes"][0]["state"] == "interrupted"
    assert node.executions() == executions
    return status["run"]["why"]


@pytest.mark.parametrize("command", [
    ["systemctl", "daemon-reexec"],
    ["systemctl", "daemon-reload"],
    ["systemctl", "restart", "dbus.service"],
    ["systemctl", "kill", "--signal=KILL", "dbus.service"],
    ["systemctl", "restart", "rollpatch-agent.service"],
    ["systemctl", "restart", "systemd-journald.service"],
])
def test_a_running_script_is_followed_through(lab, make_run, command):
    node = make_run()
    node.host.run(command, check=False)
    wait_for(lambda: node.host.run(
        ["systemctl", "is-active", step_unit(node)], check=False).stdout.strip() == "active",
        20, "answer of systemd")
    finish(lab, node)


def test_a_rollpatch_step_that_is_killed_leaves_an_interrupted_step(lab, make_run):
    node = make_run()
    node.host.run(["systemctl", "kill", "--kill-who=main", "--signal=KILL", step_unit(node)])
    assert "no result" in end_interrupted(lab, node)


def test_a_reboot_tells_rollpatch_step_and_interrupts_the_step(lab, make_run):
    node = make_run()
    before = node.host.boot_id()
    node.host.run(["systemctl", "--no-block", "reboot"])
    wait_for(lambda: is_stopping(node), 20, "rollpatch-step to be told")
    node.mark("script-running.go")
    node.host.wait_rebooted(before)
    assert "went down" in end_interrupted(lab, node)


def is_stopping(node):
    unit = step_unit(node)
    return "deactivating" in node.host.run(["systemctl", "is-active", unit], check=False).stdout


def forget_everything(lab, node):
    """The node's files and the coordinator's log are lost; both programs are started anew."""
    lab.kill_coordinator()
    node.host.run(["sh", "-c", "rm -rf /var/lib/rollpatch/*"])
    node.host.run(["systemctl", "restart", "rollpatch-agent.service"])
    lab.wipe_state()
    lab.start_coordinator()
    lab.wait_claimed()


def assert_no_run(lab):
    refused = lab.run()
    assert refused.returncode != 0
    assert "unresolved step" in refused.stderr, refused.stderr
    assert lab.run_state() is None


def test_a_script_that_only_its_unit_knows_of_is_found_and_never_run_again(lab, make_run):
    node = make_run()
    unit = step_unit(node)
    step = unit.removeprefix("rollpatch-step-").removesuffix(".service")
    forget_everything(lab, node)
    assert f"has step {step} (running)" in lab.shown(node.name)["message"]
    assert_no_run(lab)

    node.host.run(["systemctl", "restart", "rollpatch-agent.service"])
    node.mark("script-running.go")
    wait_for(lambda: f"has step {step} (interrupted)" in lab.shown(node.name)["message"], 30,
             "the end of the script to be told")
    assert_no_run(lab)
    assert node.executions() == 1


def test_a_rollpatch_step_that_dies_before_the_marker_is_declined_and_tried_again(lab, make_run):
    node = make_run("step-before-started")
    node.host.run(["systemctl", "kill", "--signal=KILL", step_unit(node)])
    status = lab.wait_run("finished", "halted", timeout=60)
    assert status["run"]["state"] == "finished", status["run"]
    assert node.executions() == 1


def test_a_rollpatch_step_that_dies_behind_the_marker_is_never_tried_again(lab, make_run):
    node = make_run("step-started")
    node.host.run(["systemctl", "kill", "--signal=KILL", step_unit(node)])
    assert "no result" in end_interrupted(lab, node, executions=0)
