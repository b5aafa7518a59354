# SPDX-License-Identifier: Apache-2.0
"""What `scripts/bench scale` runs inside the rig's namespaces: one rollpatchd, and N node agents in
processes of 500 (fleet.c), in a network of their own that can be cut. Prints `name value unit`.

The nodes are let in from a list and have real sessions and the real waiting times. All of them run on
this machine, which is more work than the coordinator has with them; so they come after it there.
"""

import argparse
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path[:0] = [f"{HERE}/../cluster"]
# pylint: disable=wrong-import-position
import product  # noqa: E402
from product import BUILD, PORT  # noqa: E402
from rig import wait_for  # noqa: E402

ADDRESS, MAC = "10.79.0.254", "02:00:00:79:00:fe"
FLEET_ADDRESS, FLEET_MAC = "10.79.0.1", "02:00:00:79:00:01"
NOWHERE = "02:00:00:79:00:ff"
PER_PROCESS = 500
IMPORT_MAX = 1000
MASTERS = 3
IDLE = 60  # seconds
CUT = 30  # seconds
RESTARTS = 5
ASKS = 5
STUCK = 90  # seconds after which a node that is not back counts as stuck
TICKS = os.sysconf("SC_CLK_TCK")


def say(name, value, unit):
    """One figure."""
    print(f"{name} {value:.3g} {unit}" if value < 1000 else f"{name} {value:.0f} {unit}", flush=True)


def percentile(values, share):
    """The value that so many of them do not exceed."""
    values = sorted(values)
    return values[min(len(values) - 1, int(len(values) * share))]


def run(*argv):
    """A command that must succeed."""
    subprocess.run(argv, check=True)


def network():
    """Another network namespace, and a cable to it."""
    run("ip", "netns", "add", "fleet")
    run("ip", "link", "add", "v-fleet", "address", MAC, "type", "veth",
        "peer", "name", "eth0", "netns", "fleet", "address", FLEET_MAC)
    run("ip", "addr", "add", f"{ADDRESS}/24", "dev", "v-fleet")
    run("ip", "link", "set", "v-fleet", "up")
    for command in (["ip", "link", "set", "lo", "up"],
                    ["ip", "addr", "add", f"{FLEET_ADDRESS}/24", "dev", "eth0"],
                    ["ip", "link", "set", "eth0", "up"],
                    ["sysctl", "-qw", "net.ipv4.ip_local_port_range=1024 65000"]):
        run("ip", "netns", "exec", "fleet", *command)
    cable(MAC, FLEET_MAC)


def cable(mac, fleet_mac):
    """Where the two send their packets. To an address that nobody has: they vanish, both ways, and neither
    end notices."""
    run("ip", "neigh", "replace", FLEET_ADDRESS, "lladdr", fleet_mac, "nud", "permanent", "dev", "v-fleet")
    run("ip", "netns", "exec", "fleet",
        "ip", "neigh", "replace", ADDRESS, "lladdr", mac, "nud", "permanent", "dev", "eth0")


# ---------------------------------------------------------------- the two sides
class Fleet:
    """All node agents."""

    def __init__(self, count):
        self.keys = []
        self.processes = []
        for first in range(0, count, PER_PROCESS):
            self._start(first, min(PER_PROCESS, count - first))
        for process in self.processes:
            for line in process.stdout:
                if line == "ready\n":
                    break
                self.keys.append(line)
        if len(self.keys) != count:
            raise SystemExit(f"bench: {len(self.keys)} of {count} node agents could be made")

    def _start(self, first, count):
        argv = ["nice", "-n", "10", "ip", "netns", "exec", "fleet", f"{BUILD}/tests/bench/fleet", f"{ADDRESS}:{PORT}", "lab",
                product.PUBLIC_KEY, str(first), str(count), str(MASTERS)]
        self.processes.append(subprocess.Popen(  # pylint: disable=consider-using-with
            argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))

    def tell(self, command):
        """All of them."""
        for process in self.processes:
            process.stdin.write(command + "\n")
            process.stdin.flush()

    def count(self):
        """Sessions that stand, nodes that have made one since the mark, how long the last one took (s)."""
        self.tell("count")
        rows = [[int(word) for word in process.stdout.readline().split()] for process in self.processes]
        return sum(row[0] for row in rows), sum(row[1] for row in rows), max(row[3] for row in rows) / 1e6

    def close(self):
        """End them."""
        for process in self.processes:
            process.stdin.close()
        for process in self.processes:
            process.wait(30)


class Coordinator(product.Client):
    """rollpatchd and its command line."""

    def __init__(self, directory):
        self.dir = directory
        self.control = f"{os.environ['TMPDIR']}/control"
        self.process = None
        self.log = open(f"{os.environ['RIG_LOGS']}/rollpatchd-scale.log", "ab")  # pylint: disable=consider-using-with
        os.makedirs(f"{directory}/state", mode=0o700)
        with open(f"{directory}/rollpatchd.yaml", "w", encoding="utf-8") as file:
            file.write(f"cluster: lab\nlisten: {ADDRESS}:{PORT}\nstate_dir: {directory}/state\n"
                       f"control: {self.control}\n"
                       f"masters: [{', '.join(f'm{number + 1}' for number in range(MASTERS))}]\n")
        for name, text in product.KEYS.items():
            with open(os.open(f"{directory}/state/{name}", os.O_CREAT | os.O_WRONLY, 0o600), "w",
                      encoding="utf-8") as file:
                file.write(text)

    def start(self):
        """Until it answers. Seconds that this took."""
        argv = [f"{BUILD}/coordinator/rollpatchd", "--config", f"{self.dir}/rollpatchd.yaml"]
        begin = time.monotonic()
        self.process = subprocess.Popen(argv, stderr=self.log)  # pylint: disable=consider-using-with
        wait_for(lambda: self.cli("token", "list").returncode == 0, 60, "answer of rollpatchd")
        return time.monotonic() - begin

    def kill(self):
        """As a crash would."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def cli(self, *arguments):
        """CompletedProcess."""
        return subprocess.run(
            [f"{BUILD}/coordinator/cli/rollpatch", *arguments],
            env={"PATH": "/usr/bin:/bin", "ROLLPATCH_CONTROL": self.control, "LANG": "C.UTF-8"},
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120, check=False)

    def resident(self):
        """MB."""
        with open(f"/proc/{self.process.pid}/smaps_rollup", encoding="utf-8") as file:
            return next(int(line.split()[1]) for line in file if line.startswith("Rss:")) * 1024 / 1e6

    def cpu(self):
        """Seconds, of all its threads."""
        with open(f"/proc/{self.process.pid}/stat", encoding="utf-8") as file:
            fields = file.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS


# ---------------------------------------------------------------- what is measured
class Bench:
    """With so many nodes."""

    def __init__(self, count, directory):
        self.count = count
        self.coordinator = Coordinator(directory)
        self.fleet = Fleet(count)
        self.dir = directory

    def say(self, name, value, unit):
        """One figure of these nodes."""
        say(f"scale_{self.count}_{name}", value, unit)

    def let_in(self):
        """From a list of names, roles and keys."""
        path = f"{self.dir}/nodes.csv"
        begin = time.monotonic()
        for first in range(0, self.count, IMPORT_MAX):
            with open(path, "w", encoding="utf-8") as file:
                file.writelines(self.fleet.keys[first:first + IMPORT_MAX])
            done = self.coordinator.cli("node", "import", path)
            if done.returncode != 0:
                raise SystemExit(f"bench: node import: {done.stderr}")
        self.say("import", time.monotonic() - begin, "s")

    def wait_sessions(self):
        """Until all have made one since the mark, or are stuck. How long it took, how many are stuck, and
        the most that were made within a second."""
        begin = time.monotonic()
        made, seen, last = 0, [(0.0, 0)], 0.0
        while made < self.count and time.monotonic() - begin < STUCK:
            time.sleep(0.1)  # between two looks
            _, made, last = self.fleet.count()
            seen.append((time.monotonic() - begin, made))
        rate = max(now - max(before for when, before in seen if when <= at - 1)
                   for at, now in seen if at >= 1) if seen[-1][0] >= 1 else made
        return last, self.count - made, rate

    def wait_claimed(self):
        """Until every node has said that it obeys this coordinator."""
        def are_claimed():
            status = self.coordinator.status()
            return all(node["epoch"] == status["coordinator"]["epoch"] for node in status["nodes"])
        wait_for(are_claimed, 60, "acknowledgements")

    def wait_calm(self):
        """Until nothing is under way but heartbeats: what they cost is what is measured then."""
        self.wait_claimed()
        wait_for(lambda: self._cpu_share(2) < 20, 60, "calm")

    def _cpu_share(self, seconds):
        begin, cpu = time.monotonic(), self.coordinator.cpu()
        time.sleep(seconds)  # what is measured is the passing of time
        return (self.coordinator.cpu() - cpu) / (time.monotonic() - begin) * 100

    def connect(self):
        """All at once, as after a power cut."""
        self.coordinator.start()
        self.let_in()
        empty = self.coordinator.resident()
        self.fleet.tell("go")
        took, stuck, rate = self.wait_sessions()
        self.say("connect_all", took, "s")
        self.say("connect_stuck", stuck, "nodes")
        self.say("handshakes_most", rate, "1/s")
        self.wait_calm()
        self.say("resident_without_sessions", empty, "MB")
        self.say("resident", self.coordinator.resident(), "MB")
        self.say("resident_per_node", self.coordinator.resident() * 1000 / self.count, "kB")

    def idle(self):
        """Heartbeats of 10 s +-20 %."""
        self.say("heartbeats_cpu", self._cpu_share(IDLE), "% of a core")

    def status(self):
        """As an operator waits for it."""
        times = []
        for _ in range(11):
            begin = time.monotonic()
            done = self.coordinator.cli("status")
            times.append((time.monotonic() - begin) * 1000)
            assert done.returncode == 0, done.stderr
        self.say("status_median", statistics.median(times), "ms")
        self.say("status_max", max(times), "ms")

    def ask(self):
        """Every node is asked every check. How long until the coordinator has heard its first answer, and
        its last one, which is a heartbeat and half a second of the node's own later."""
        firsts, lasts, walls, missing = [], [], [], 0
        for _ in range(ASKS):
            begin = time.time()
            answer = json.loads(self.coordinator.cli("status", "--refresh", "--json").stdout)["answer"]
            walls.append(time.time() - begin)
            missing += len(answer["refresh"]["missing"])
            firsts.append([check["at"] / 1e6 - begin for node in answer["nodes"] for check in node["checks"]
                           if check["id"] == "version"])
            lasts.append([node["seen"] / 1e6 - begin for node in answer["nodes"]])
        for name, rounds in (("first_answer", firsts), ("all_answers", lasts)):
            self.say(f"ask_all_{name}_median", statistics.median(percentile(one, 0.5) for one in rounds), "s")
            self.say(f"ask_all_{name}_p99", statistics.median(percentile(one, 0.99) for one in rounds), "s")
        self.say("ask_all_wall", statistics.median(walls), "s")
        self.say("ask_all_unanswered", missing, "nodes")
        self.say("resident_after_ask", self.coordinator.resident(), "MB")

    def dropped(self):
        """First words that got no session: all kinds but those that are asked for again."""
        kinds = self.coordinator.status()["coordinator"]["link"]["dropped"]
        return kinds["refused"] + kinds["no_room"] + kinds["unopened"]

    def restarts(self):
        """kill -9, and started anew."""
        took, starts, stuck, refused = [], [], 0, 0
        for _ in range(RESTARTS):
            self.fleet.tell("mark")
            self.coordinator.kill()
            starts.append(self.coordinator.start())
            last, missing, _ = self.wait_sessions()
            took.append(last)
            stuck += missing
            refused += self.dropped()
            self.wait_claimed()
        self.say("restart_listens", statistics.median(starts), "s")
        self.say("restart_all_back_median", statistics.median(took), "s")
        self.say("restart_all_back_max", max(took), "s")
        self.say("restart_stuck", stuck, "nodes")
        self.say("restart_refused", refused, "nodes")

    def black_hole(self):
        """Packets vanish for a while, both ways."""
        cable(NOWHERE, NOWHERE)
        time.sleep(CUT)  # what is measured is what comes after it
        cable(MAC, FLEET_MAC)
        healed = time.time()

        def missing():
            return sum(node.get("seen", 0) / 1e6 < healed or node["link"] != "fresh"
                       for node in self.coordinator.status()["nodes"])

        while missing() > 0 and time.time() - healed < STUCK:
            time.sleep(1)  # between two looks
        self.say("black_hole_all_back", time.time() - healed, "s")
        self.say("black_hole_stuck", missing(), "nodes")

    def run(self):
        """All of it."""
        try:
            self.connect()
            self.idle()
            self.status()
            self.ask()
            self.restarts()
            self.black_hole()
        finally:
            self.coordinator.kill()
            self.fleet.close()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("counts", nargs="*", type=int, metavar="N", help="how many nodes; 1000 5000 10000")
    counts = parser.parse_args().counts or [1000, 5000, 10000]
    network()
    for count in counts:
        # Beside the logs: what a commit costs is part of what is measured, and TMPDIR is no disk.
        with tempfile.TemporaryDirectory(dir=os.environ["RIG_LOGS"], prefix="scale-") as directory:
            Bench(count, directory).run()


if __name__ == "__main__":
    main()
