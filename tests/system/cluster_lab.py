# SPDX-License-Identifier: Apache-2.0
"""What tests of whole clusters share: healthy clusters as fixtures, how an operator asks, and how is
judged from outside: by an observer that knows nothing of rollpatch, and by the lines the script
writes when it is executed."""

import json

import pytest

import judge
from dcos import DcosCluster
from rig import RigError, wait_for
from watcher import Watcher

MASTERS = ["m1", "m2", "m3"]
EVERYBODY = MASTERS + ["a1", "a2", "p1"]
STEPS = "/var/lib/rollpatch/steps"

# In the script right behind the line that says it was executed: it ends there, without effect, as
# long as a test wants that.
HOOK_END = b"# ---- end of test hook\n"
FAIL_HOOK = HOOK_END + b"[ ! -e /crash/fail-script ] || { echo no such package >&2; exit 1; }\n"


# ---------------------------------------------------------------- clusters
class Shelf:
    """Healthy clusters for the tests of one module. A cluster that a test has left patched and well is
    handed out again, for the way back; any other is taken down."""

    def __init__(self, rig, factory):
        self._rig = rig
        self._factory = factory
        self._cluster = None
        self._options = None

    def take(self, **options):
        """A cluster whose nodes all have its `from_version`, with no run open and no counts."""
        if self._cluster and options == self._options and self._is_clean():
            self._cluster.turn_round()
        else:
            self.clear()
            self._cluster, self._options = self.make(**options), options
        return self._cluster

    def make(self, **options):
        """A new one, that the caller closes; its hosts replace all others."""
        for host in list(self._rig.hosts):
            self._rig.remove_host(host)
        cluster = DcosCluster(self._rig, str(self._factory.mktemp("cluster") / "dcos"), **options)
        cluster.boot()
        cluster.wait_healthy(90)
        cluster.wait_claimed(30)
        return cluster

    def clear(self):
        """Take down what is there."""
        if self._cluster:
            self._cluster.close()
        self._cluster = None

    def _is_clean(self):
        try:
            status = self._cluster.status()
            patched = all(
                node["version"] == self._cluster.to_version and not node.get("slot")
                for node in status["nodes"]
            )
            over = status["run"] and status["run"]["state"] in ("finished", "aborted")
            return patched and over and not status["problems"]
        except Exception:  # pylint: disable=broad-except
            return False  # whatever it is, it is not clean


@pytest.fixture(scope="module", name="shelf")
def fixture_shelf(rig, tmp_path_factory):
    made = Shelf(rig, tmp_path_factory)
    yield made
    made.clear()


@pytest.fixture(name="make")
def fixture_make(shelf):
    """Makes healthy clusters, and takes them down."""
    made = []

    def make(**options):
        made.append(shelf.make(**options))
        return made[-1]

    yield make
    for cluster in made:
        cluster.close()


# ---------------------------------------------------------------- operators
def act(cluster, *words, status=0):
    """One command line as programs use it, that must end with this status; its sentence."""
    done = cluster.cli(*words, "--json")
    assert done.returncode == status, f"{' '.join(words)}: {done.returncode}: {done.stdout}{done.stderr}"
    document = json.loads(done.stdout)
    assert (document["version"], document["verb"], document["exit"]) == (1, words[0], status)
    if status == 0:
        return document["answer"]["text"]
    assert document["error"]["text"] in done.stderr, "people and programs are told the same"
    return document["error"]["text"]


def start(cluster, **changes):
    """A run with gates far below their floors."""
    act(cluster, "waive", "gate-floor", "--reason", "a test")
    return act(cluster, "run", cluster.plan(**changes), "--yes", "--cluster", cluster.name)


def audit(cluster, after=0):
    """Entries of the audit that are newer than `after`, a time of day in seconds."""
    return [entry for entry in cluster.ask("audit")["entries"] if entry["at"] >= after * 1e6]


# ---------------------------------------------------------------- from outside
def observe(rig, cluster):
    """A Watcher of all masters, with some samples from before."""
    watcher = Watcher(rig, {node.name: node.address for node in cluster.of_role("master")})
    watcher.wait_samples()
    return watcher


def judge_run(cluster, watcher):
    """The observer's verdict on the newest run."""
    watcher.wait_samples()
    return watcher.verdict(judge.steps_of(cluster.ask("report")))


def executed(cluster):
    """{name: how often the script has been executed there}, of those where it has."""
    counts = {name: cluster.executions(name) for name in cluster.nodes}
    return {name: count for name, count in counts.items() if count}


def patched(cluster):
    """Who has executed the script, in that order."""
    begun = {}
    for row in cluster.ask("report")["steps"]:
        if row.get("started"):
            begun[row["node"]] = row["started"]
    return sorted(begun, key=begun.get)


def under_way(cluster):
    """The node whose script runs now."""
    return wait_for(
        lambda: next((node["name"] for node in cluster.status()["nodes"]
                      if node.get("state") == "started"), None),
        60, "a node to be under way",
    )


def waits_for_health(cluster, name):
    """Why the run, which goes on, waits, when that is this master's health, or what others see of it."""
    run = cluster.status()["run"]
    seen = f"master {name} is not" in run["why"] or cluster.node(name).address in run["why"]
    if run["state"] != "running" or "is not proven healthy" not in run["why"] or not seen:
        raise RigError(f"{run['state']}: {run['why']}")
    return run["why"]
