# SPDX-License-Identifier: Apache-2.0
"""The kill tests: whoever dies at whatever moment, the script is executed exactly once, and the run
ends, or stops with the right state and reason."""

import itertools

import pytest

from rig import wait_for

# Where somebody is stopped, and in which program. `halt-script` lets the script wait meanwhile, where
# it would otherwise be a matter of luck how far it gets.
POINTS = {
    "before-intent": "node agent",
    "after-intent": "node agent",
    "start-called": "node agent",
    "script-running": "script",
    "step-ended": "step",  # the script is done, its result not written
    "result-seen": "node agent",
    "report-sent": "node agent",
    "report-received": "coordinator",  # not committed
    "report-committed": "coordinator",  # not acknowledged
    "slot-committed": "coordinator",  # committed, nothing sent
    "start-sent": "coordinator",
    "start-received": "node agent",  # sent, not applied
}
VICTIMS = ["coordinator", "node agent", "both", "power"]

# A script that was running when its host lost power has neither succeeded nor failed: nobody may run
# it again, and nobody may call the node patched.
INTERRUPTED = {("script-running", "power"), ("step-ended", "power")}

counter = itertools.count(1)


@pytest.mark.parametrize("victim", VICTIMS)
@pytest.mark.parametrize("point", POINTS)
def test_the_script_is_executed_exactly_once(lab, point, victim):
    strike_at(lab, point, victim, "KILL")


@pytest.mark.parametrize("point", ["start-called", "script-running", "report-sent", "report-committed"])
def test_an_abort_inside_the_transport_library_is_survived_by_both(lab, point):
    strike_at(lab, point, "both", "ABRT")


def strike_at(lab, point, victim, signal):
    """One node, one run, and somebody who ends so at that point."""
    where = POINTS[point]
    number = next(counter)
    node = lab.add_node(f"m{number}", f"10.77.0.{10 + number}")
    if where in ("node agent", "step"):
        node.crash_at(point)
    if where == "script":
        node.mark("hold-script")

    lab.start_coordinator(crash_at=point if where == "coordinator" else None)
    node.host.boot()
    node.host.wait_up()
    lab.wait_claimed()
    started = lab.run()
    assert started.returncode == 0, started.stderr

    held_by = lab.crash_dir if where == "coordinator" else node.crash_dir
    wait_for(lambda: exists(held_by, point), 30, f"{point} to be reached")
    if victim == "power" and point in ("start-called", "start-sent"):
        # Nobody holds the script back here: let it end, so that it is known what the disk must say.
        wait_for(lambda: has_result(node), 30, "result of the script on disk")

    strike(lab, node, victim, held_by, point, signal)

    status = lab.wait_run("finished", "halted", timeout=90)
    assert node.executions() == 1
    seen = status["nodes"][0]
    if (point, victim) in INTERRUPTED:
        assert status["run"]["state"] == "halted"
        assert seen["state"] == "interrupted"
        assert node.name in status["run"]["why"] and "interrupted" in status["run"]["why"]
    else:
        assert status["run"]["state"] == "finished", status["run"]
        assert seen["state"] == "done"
    assert_report_tells(lab, node, status["run"]["state"])


def exists(directory, name):
    import os
    return os.path.exists(f"{directory}/{name}")


def has_result(node):
    return node.host.run(
        ["sh", "-c", "ls /var/lib/rollpatch/steps/*/result"], check=False
    ).returncode == 0


def strike(lab, node, victim, held_by, point, signal):
    """End the victim, let whoever is left go on, and bring the victim back."""
    if victim in ("coordinator", "both"):
        lab.kill_coordinator(signal)
    if victim in ("node agent", "both"):
        node.kill_agent(signal)
    if victim == "power":
        node.host.power_cut()
    open(f"{held_by}/{point}.go", "w", encoding="utf-8").close()
    if victim in ("coordinator", "both"):
        lab.start_coordinator()
    if victim == "power":
        node.host.start()


def assert_report_tells(lab, node, state):
    """The log has the whole story, and only one start of the script in it."""
    report = lab.ask("report")
    assert report["run"]["state"] == state
    step = [row for row in report["steps"] if row["node"] == node.name][-1]
    assert step["attempt"] == 1
    texts = [row["text"] for row in report["events"]]
    assert any("got the slot" in text for text in texts), texts
