# SPDX-License-Identifier: Apache-2.0
"""What scripts/demo runs inside the rig: boot a cluster, show it, patch it, judge it from outside.

What rollpatch says about itself is shown but decides nothing: nodes count as patched when their own
version file says so and the script has left exactly one line for it, and masters are judged by the
observer. The verdict goes to RIG_LOGS/verdict; scripts/demo prints it last.
"""

import argparse
import json
import os
import shlex
import subprocess
import sys
import time

import judge
from dcos import DcosCluster
from rig import Rig, RigError
from watcher import Watcher

LOGS = os.environ["RIG_LOGS"]
BOOT, RUN, CONTROL = 60, 240, 60  # seconds


class DemoFailed(Exception):
    """The demo did not show what it is to show."""


def say(text=""):
    """One line for the person who watches."""
    print(text, flush=True)


def headline(text):
    say(f"\n==== {text}")


def write_log(name, text):
    """A file that outlives the rig."""
    with open(f"{LOGS}/{name}", "w", encoding="utf-8") as file:
        file.write(text)


# ---------------------------------------------------------------- the cluster
def boot(rig):
    """A healthy cluster; where its hosts are is written for `scripts/demo --in`."""
    headline("boot: bootstrap host, 3 masters, 2 agents, 1 public agent")
    begin = time.monotonic()
    cluster = DcosCluster(rig, f"{rig.base}/demo", masters=3, agents=2, public_agents=1)
    cluster.boot()
    os.makedirs(f"{LOGS}/hosts")
    for name, host in rig.hosts.items():
        write_log(f"hosts/{name}", f"{host.leader}\n")
    cluster.wait_healthy(BOOT)
    cluster.wait_claimed(BOOT)
    say(f"{len(rig.hosts)} hosts are up and the cluster is healthy after "
        f"{time.monotonic() - begin:.0f} s; every node has made a key and joined with a token")
    show(cluster, "token", "list")
    return cluster


def show(cluster, *arguments):
    """One command line as an operator types it in b0, and what it answers."""
    say(f"\n# rollpatch {shlex.join(arguments)}")
    done = cluster.cli(*arguments)
    say((done.stdout + done.stderr).rstrip())
    return done.returncode


def stream(host, command, timeout):
    """Run a command in a host, its output straight to ours; its exit status."""
    say(f"\n# {shlex.join(command)}")
    with subprocess.Popen(
        host.argv(command), stdin=subprocess.DEVNULL, stderr=subprocess.STDOUT
    ) as run:
        try:
            return run.wait(timeout)
        except subprocess.TimeoutExpired:
            run.kill()
            raise DemoFailed(f"the run has not ended within {timeout} s") from None


def watch(rig, cluster):
    """The observer of all masters, with half a second of samples from before."""
    watcher = Watcher(rig, {node.name: node.address for node in cluster.of_role("master")})
    watcher.wait_samples()
    return watcher


def hear(watcher, steps):
    """What the observer saw, and the verdict on it."""
    headline("what the observer saw")
    watcher.wait_samples()
    verdict = watcher.verdict(steps)
    for line in judge.summarize(verdict, watcher.samples()):
        say(line)
    for problem in verdict.problems:
        say(f"observer: {problem}")
    return verdict


# ---------------------------------------------------------------- the run
def count_patched(cluster, target):
    """Nodes with the new version and exactly one execution of the script; says what is odd."""
    patched = 0
    for name in cluster.nodes:
        version, executions = cluster.node(name).version(), cluster.executions(name)
        if version == target and executions == 1:
            patched += 1
        else:
            say(f"{name}: version {version or 'unknown'}, script executed {executions} times")
    return patched


def patch(rig, cluster):
    """The whole run, seen from outside; the last line of the demo."""
    plan = cluster.plan()
    headline("the cluster, and what a run would do")
    show(cluster, "nodes")
    show(cluster, "waive", "gate-floor", "--reason", "a demo is in a hurry")
    if show(cluster, "plan", plan) != 0:
        raise DemoFailed("the plan has findings that block it")

    headline("the run")
    watcher = watch(rig, cluster)
    command = ["rollpatch", "run", plan, "--yes", "--cluster", cluster.name, "--wait"]
    status = stream(cluster.bootstrap, command, RUN)

    headline("the report")
    show(cluster, "status")
    show(cluster, "report")
    report = cluster.ask("report")
    write_log("report.json", json.dumps(report, indent=2) + "\n")

    verdict = hear(watcher, judge.steps_of(report))
    patched = count_patched(cluster, report["run"]["to"])
    result = f"{patched} of {len(cluster.nodes)} nodes patched; {verdict.sentence}"
    if status != 0:
        raise DemoFailed(f"the run ended with status {status}; {result}")
    if patched != len(cluster.nodes) or not verdict.good:
        raise DemoFailed(result)
    return f"demo: {result}"


def control(rig, cluster):
    """Two masters at once, by hand: the observer must call it bad, or it is worth nothing."""
    headline("by hand, without rollpatch: m1 and m2 at the same time")
    watcher = watch(rig, cluster)
    begun = []
    for name in ("m1", "m2"):
        host = cluster.node(name).host
        host.write("/run/by-hand.sh", cluster.script)
        begun.append(rig.spawn(f"by-hand-{name}", host.argv(["bash", "/run/by-hand.sh"])))
    for each in begun:
        say(f"status {each.wait(CONTROL)}: {each.output().strip()}")
    cluster.wait_healthy(CONTROL)
    verdict = hear(watcher, None)
    if not any({"m1", "m2"} <= set(names) for _, _, names in verdict.overlaps):
        raise DemoFailed("two masters were patched at once, and the observer has not noticed")
    return "demo: control: the observer called this run bad, as it must: " + verdict.problems[0]


def keep(line):
    """Until somebody ends it: scripts/demo then leaves a file `stop`."""
    say(f"\n{line}")
    say("\nThe cluster stays up. From another terminal:\n"
        "  scripts/demo --in b0 rollpatch status\n"
        "  scripts/demo --in b0 rollpatch audit\n"
        "  scripts/demo --in m1 journalctl --unit=rollpatch-agent\n"
        "  scripts/demo --stop                    or Ctrl-C here")
    write_log("kept", "")
    while not os.path.exists(f"{LOGS}/stop"):
        time.sleep(0.2)


def main():
    parser = argparse.ArgumentParser(description="The demo of rollpatch, inside the rig.")
    parser.add_argument("--keep", action="store_true")
    parser.add_argument("--control", action="store_true")
    options = parser.parse_args()
    with Rig(LOGS) as rig:
        try:
            cluster = boot(rig)
            line = control(rig, cluster) if options.control else patch(rig, cluster)
        except (DemoFailed, RigError, subprocess.TimeoutExpired) as error:
            line = f"demo: FAILED: {' '.join(str(error).split())}"
        write_log("verdict", line + "\n")
        if options.keep:
            keep(line)
    return 1 if line.startswith("demo: FAILED") else 0


if __name__ == "__main__":
    sys.exit(main())
