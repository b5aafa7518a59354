# SPDX-License-Identifier: Apache-2.0
"""What scripts/bench runs inside the rig. Prints `name value unit`, judges nothing.

Times come from where they do not depend on who asks: events of the coordinator's log (stamped before
they are committed), marks that rollpatch-step leaves (stamped right after exec), and lines in the
hosts' journals. All hosts share this machine's clock.
"""

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path[:0] = [f"{HERE}/../cluster", f"{HERE}/../system"]
# pylint: disable=wrong-import-position
import rig_ssh  # noqa: E402
from lab import ADDRESS, FROM, TO, Lab  # noqa: E402
from rig import Rig, wait_for  # noqa: E402

LOGS = os.environ["RIG_LOGS"]
SECOND = 1_000_000
IDLE = 60  # seconds


def say(name, value, unit):
    """One figure."""
    print(f"{name} {value:.3g} {unit}" if value < 1000 else f"{name} {value:.0f} {unit}", flush=True)


def spread(name, values, unit):
    """Median, and the largest."""
    say(f"{name}_median", statistics.median(values), unit)
    say(f"{name}_max", max(values), unit)


# ---------------------------------------------------------------- idle
def in_host(host):
    """How to run a command there."""
    return lambda argv: host.run(argv).stdout


def in_rig(argv):
    """Or beside the hosts, where rollpatchd runs."""
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout


def usage(run, pid):
    """Resident and private bytes, and nanoseconds on a CPU."""
    memory = {}
    for line in run(["cat", f"/proc/{pid}/smaps_rollup"]).splitlines():
        key, _, rest = line.partition(":")
        if rest.endswith("kB"):
            memory[key] = int(rest.split()[0]) * 1024
    cpu = int(run(["cat", f"/proc/{pid}/schedstat"]).split()[0])
    return memory["Rss"], memory["Private_Clean"] + memory["Private_Dirty"], cpu


def bench_idle(lab):
    """Nothing to do: no run is open."""
    show = ["systemctl", "show", "--value", "--property=MainPID", "rollpatch-agent.service"]
    targets = {"rollpatchd_8_nodes_idle": (in_rig, lab.daemon.pid)}
    for name, node in (("agent", "a1"), ("master", "m1")):
        run = in_host(lab.nodes[node].host)
        targets[f"rollpatch_agent_idle_on_{name}"] = (run, int(run(show)))

    before = {name: usage(*target)[2] for name, target in targets.items()}
    begin = time.monotonic()
    time.sleep(IDLE)  # what is measured is the passing of time
    for name, target in targets.items():
        resident, private, cpu = usage(*target)
        minutes = (time.monotonic() - begin) / 60
        say(f"{name}_resident", resident / 1e6, "MB")
        say(f"{name}_private", private / 1e6, "MB")
        say(f"{name}_cpu", (cpu - before[name]) / 1e6 / minutes, "ms/min")


# ---------------------------------------------------------------- status
def timed(lab, *arguments):
    """Milliseconds of a command from its start to its end, and what it says in --json."""
    begin = time.monotonic()
    done = lab.cli(*arguments, "--json")
    took = (time.monotonic() - begin) * 1000
    if done.returncode != 0:
        raise SystemExit(f"bench: rollpatch {' '.join(arguments)}: {done.stdout}{done.stderr}")
    return took, json.loads(done.stdout)["answer"]


def longest_questions(answer):
    """Milliseconds of the slowest node's questions: only so many at a time, so no less than this."""
    def of_node(node):
        times = [check["took"] / 1000 for check in node["checks"]]
        return max(max(times), sum(times) / 3)
    return max(of_node(node) for node in answer["nodes"] if node["checks"])


def bench_status(lab):
    """The commands as an operator waits for them. How long the probes took, the nodes say."""
    spread("status", [timed(lab, "status")[0] for _ in range(30)], "ms")
    refreshes = [timed(lab, "status", "--refresh") for _ in range(15)]
    spread("status_refresh_8_nodes", [took for took, _ in refreshes], "ms")
    spread("status_refresh_8_nodes_probes_taken_out",
           [took - longest_questions(answer) for took, answer in refreshes], "ms")


# ---------------------------------------------------------------- run
DWELL = 1.0  # seconds; the shortest a plan may have
NUMBERS = """
canary: 1
batch: { percent: 100, max: 50 }
timeouts: { script: 60s, master: 60s, agent: 60s }
"""


class LightLab(Lab):
    """8 hosts, each with one process that plays a whole healthy node, so that what takes time in a run is
    rollpatch. Nodes as the gate wants them, in a cluster that never waits for anything."""

    ssh = None
    dwells = 6  # in a row in one run: 3 masters, the canary, the batch's own, the other agents

    def __init__(self, rig, directory):
        super().__init__(rig, directory)
        masters = [f"10.77.0.{11 + number}" for number in range(3)]
        for number, address in enumerate(masters):
            self.add_node(f"m{number + 1}", address, "master", masters)
        for number in range(5):
            self.add_node(f"a{number + 1}", f"10.77.0.{21 + number}", "slave", masters)
        if rig_ssh.is_installed():
            self._admit_ansible()

    def _admit_ansible(self):
        hosts = {letter: [node.host for name, node in self.nodes.items() if name[0] == letter]
                 for letter in "ma"}
        self.ssh = rig_ssh.Ssh(f"{self.dir}/ssh")
        for host in hosts["m"] + hosts["a"]:
            self.ssh.admit(host)
        self.ssh.inventory({"masters": hosts["m"], "agents": hosts["a"]})

    def turn_back(self):
        """To the version from before the run."""
        for node in self.nodes.values():
            node.host.run(["sed", "-i", f's/"{TO}"/"{FROM}"/', "/opt/mesosphere/etc/dcos-version.json"])
        wait_for(lambda: all(n["version"] == FROM for n in self.ask("status", "--refresh")["nodes"]),
                 30, "the old version")

    def plan(self, **changes):
        path = super().plan(**changes)
        with open(path, "a", encoding="utf-8") as file:
            file.write(NUMBERS)
        return path


def report_of(lab):
    """The report of the newest run; None while it goes on."""
    run = lab.status()["run"]
    if run["state"] == "halted":
        raise SystemExit(f"bench: the run has halted: {run['why']}")
    return lab.ask("report") if run["state"] == "finished" else None


def moments(report):
    """{node: {event: when, in microseconds}} of what the log and the nodes say."""
    at = {step["node"]: {"exec": step["started"], "exit": step["ended"]} for step in report["steps"]}
    for event in report["events"]:
        if event["type"] in ("step", "ordered"):
            at[event["node"]].setdefault(event.get("event", event["type"]), event["at"])
    return at


def commit_times(directory, count=200):
    """What one commit costs here: a small file, written, synced, renamed, its directory synced."""
    times = []
    for _ in range(count):
        begin = time.monotonic()
        with open(f"{directory}/commit.tmp", "wb") as file:
            file.write(b"x" * 200)
            file.flush()
            os.fsync(file.fileno())
        os.rename(f"{directory}/commit.tmp", f"{directory}/commit")
        folder = os.open(directory, os.O_RDONLY)
        os.fsync(folder)
        os.close(folder)
        times.append((time.monotonic() - begin) * 1000)
    return times


def look_times(lab):
    """Milliseconds that each node's last look took, as it says in its journal."""
    times = []
    for node in lab.nodes.values():
        for line in node.host.journal("rollpatch-agent.service").splitlines():
            match = re.search(r"last look took ([0-9.]+)ms", line)
            if match:
                times.append(float(match[1]))
    return times


def one_run(lab):
    """Wall seconds of a run as its operator waits for it, and its report."""
    lab.turn_back()
    waived = lab.cli("waive", "gate-floor", "--reason", "a bench")
    assert waived.returncode == 0, waived.stderr
    begin = time.monotonic()
    started = lab.cli("run", lab.plan(), "--yes", "--cluster", "lab")
    assert started.returncode == 0, started.stderr
    report = wait_for(lambda: report_of(lab), 120, "end of the run")
    return report["run"]["ended"] - report["run"]["started"], report


def bench_run(lab, runs=5):
    """3 masters and 5 agents whose script restarts the one process they have."""
    walls, own, grants, orders = [], [], [], []
    for _ in range(runs):
        wall, report = one_run(lab)
        at = moments(report)
        walls.append(wall / SECOND)
        own.append(wall / SECOND - lab.dwells * DWELL)
        grants += [(at[n]["exec"] - at[n]["slotted"]) / 1000 for n in at if n.startswith("m")]
        orders.append((at["a1"]["exec"] - at["a1"]["ordered"]) / 1000)  # the canary, alone
    with open(f"{LOGS}/report.json", "w", encoding="utf-8") as file:
        json.dump(report, file, indent=1)
    spread("grant_sample_to_exec", grants, "ms")
    spread("last_look", look_times(lab), "ms")
    spread("unit_order_to_exec_on_one_node", orders, "ms")
    spread("commit", commit_times(lab.dir), "ms")
    spread("run_3_masters_5_agents_wall", walls, "s")
    spread("run_3_masters_5_agents_dwell_taken_out", own, "s")


def bench_systemd(lab):
    """What a unit costs without us: its start by systemd's own command, on one idle host."""
    script = 'b=$(date +%s%N); systemd-run --quiet --collect true; e=$(date +%s%N); echo $(((e - b) / 1000))'
    host = lab.nodes["a1"].host
    times = [int(host.run(["bash", "-c", script]).stdout) / 1000 for _ in range(20)]
    spread("systemd_run_for_comparison", times, "ms")


# ---------------------------------------------------------------- ansible
def bench_ansible(lab):
    """The same hosts, the same script, the page's own checks, no dwell: tests/bench/patch.yml."""
    if not rig_ssh.is_installed():
        say("ansible_not_installed", 1, "-")
        return
    lab.turn_back()
    begin = time.monotonic()
    lab.ssh.playbook(f"{HERE}/patch.yml", {"url": f"http://{ADDRESS}/dcos_node_upgrade.sh"})
    say("ansible_3_masters_5_agents_wall", time.monotonic() - begin, "s")


BENCHES = {"idle": bench_idle, "status": bench_status, "run": bench_run,
           "systemd": bench_systemd, "ansible": bench_ansible}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("names", nargs="*", help=", ".join(BENCHES))
    names = parser.parse_args().names or list(BENCHES)
    with Rig(LOGS) as rig:
        lab = LightLab(rig, f"{rig.base}/light")
        lab.boot()
        for name in names:
            BENCHES[name](lab)


if __name__ == "__main__":
    main()
