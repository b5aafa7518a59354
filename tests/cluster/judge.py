# SPDX-License-Identifier: Apache-2.0
"""Was never more than one master down, and did ZooKeeper keep its quorum? Judged from the samples
of observer.py alone. Pure: no clock, no network; the same samples give the same verdict.

Down. A master is down in a sample when its ZooKeeper gave no answer to `srvr`, or its Mesos master
no 200 to /health. A refused connection is a fact. Silence may also be a busy machine: silent
samples between two good answers of the same port are *lost*, that is counted and printed, and taken
as the answer before them, when these answers are at most `gap` apart, and in at most `tolerance`
of the samples there was not even a connection ("timeout"; "slow" is a process that listens). No
ZooKeeper, no Mesos is stopped and started again in that time without a refusal. Silence at the edge
of an outage belongs to the outage.

Overlap. Two masters down in the same sample is an overlap, however short; nothing excuses it. What
begins and ends between two samples (0.1 s) is not seen.

Quorum. Answers are not enough: a server that lost its quorum goes on answering. A sample is *led*
when exactly one server says "leader" and leader and followers are a majority. When the leader goes
down for its own step the others elect a new one, and are leaderless meanwhile: that is ZooKeeper at
work, not a lost quorum, if (a) a majority answers all the while, (b) the last leader was down
during it or in the sample before, (c) it ends in a led sample, and (d) it takes at most `election`
(10 s: by then the sessions of Mesos masters end). Such samples count as held and are told apart as
an election. Every other sample that is not led is a lost quorum.

Suspicion. A master that was never seen down was not patched, or not watched; an observer that was
away for more than `gap` has not seen what happened meanwhile; one that did not see the whole run
has not seen the run. Each of these is bad: unknown is closed.
"""

import json
from dataclasses import asdict, dataclass, field

QUESTIONS = ("zookeeper", "mesos")
MODES = ("leader", "follower", "standalone", "not-serving")
SILENT = ("slow", "timeout")


@dataclass(frozen=True)
class Limits:
    """What is still let pass; times in microseconds."""

    tolerance: int = 1
    gap: int = 500_000
    election: int = 10_000_000


@dataclass
class Verdict:
    """What the samples say. `good` iff there are no problems."""

    samples: int = 0
    held: int = 0
    lost: int = 0
    limits: Limits = Limits()
    longest_gap: int = 0
    elections: list = field(default_factory=list)  # [first, last] sample, each
    overlaps: list = field(default_factory=list)  # [first, last, [master, ...]]
    outages: dict = field(default_factory=dict)  # master: [[first wall time, last], ...]
    problems: list = field(default_factory=list)

    @property
    def good(self):
        return not self.problems

    @property
    def sentence(self):
        """One line for people, the last line of the demo."""
        if self.good:
            return (
                "each master seen down only during its own step; "
                f"ZooKeeper quorum held in {self.held} of {self.samples} samples"
            )
        more = len(self.problems) - 3
        return "; ".join(self.problems[:3]) + (f"; and {more} more" if more > 0 else "")

    def describe(self):
        """As a dict, for a file."""
        return {**asdict(self), "good": self.good, "sentence": self.sentence}


# ---------------------------------------------------------------- reading
def load(path):
    """(head, samples) of an observer's file. A last line that is cut short is not read."""
    head, samples = {}, []
    with open(path, encoding="utf-8") as file:
        for line in file:
            if not line.endswith("\n"):
                break
            document = json.loads(line)
            if "head" in document:
                head = document
            elif "sample" in document:
                samples.append(document)
    return head, samples


def steps_of(report):
    """[(node, began, ended)], wall times, of the answer of `rollpatch report --json`.

    A step lasts from the commit that lets its node be down to the one that takes this back.
    """
    begins, steps = {}, []
    for event in report["events"]:
        node, what = event.get("node"), event.get("event")
        if what == "slotted":
            begins[node] = event["at"]
        elif what in ("verified", "released", "quarantined", "retried") and node in begins:
            steps.append((node, begins.pop(node), event["at"]))
        elif what == "declined":
            begins.pop(node, None)
    return steps + [(node, began, None) for node, began in begins.items()]


# ---------------------------------------------------------------- answers
def is_up(question, outcome):
    """Whether this is the answer of a server that is there."""
    return outcome in MODES if question == "zookeeper" else outcome == "200"


def runs_of(flags):
    """[first, last] of each run of true ones."""
    runs = []
    for i, flag in enumerate(flags):
        if not flag:
            continue
        if runs and runs[-1][1] == i - 1:
            runs[-1][1] = i
        else:
            runs.append([i, i])
    return runs


def forgive_silence(question, outcomes, at, limits):
    """(outcomes without lost ones, how many were lost)"""
    result = list(outcomes)
    lost = 0
    for first, last in runs_of([outcome in SILENT for outcome in outcomes]):
        before, after = first - 1, last + 1
        if (
            before >= 0 and after < len(result)
            and is_up(question, result[before]) and is_up(question, result[after])
            and at[after] - at[before] <= limits.gap
            and outcomes[first:after].count("timeout") <= limits.tolerance
        ):
            result[first:after] = [result[before]] * (after - first)
            lost += after - first
    return result, lost


class Timeline:
    """The samples turned: per master and question, what it answered, lost ones forgiven."""

    def __init__(self, samples, masters, limits):
        self.masters = masters
        self.at = [sample["at"] for sample in samples]
        self.wall = [sample["wall"] for sample in samples]
        self.lost = 0
        self.answers = {name: {} for name in masters}
        for name in masters:
            for question in QUESTIONS:
                raw = [sample["masters"][name][question]["outcome"] for sample in samples]
                answers, lost = forgive_silence(question, raw, self.at, limits)
                self.answers[name][question] = answers
                self.lost += lost

    def __len__(self):
        return len(self.at)

    def mode(self, name, i):
        return self.answers[name]["zookeeper"][i]

    def is_down(self, name, i):
        return not all(is_up(each, self.answers[name][each][i]) for each in QUESTIONS)

    def down_at(self, i):
        return [name for name in self.masters if self.is_down(name, i)]

    def leader(self, i):
        """The one that leads a majority in this sample, or None."""
        modes = {name: self.mode(name, i) for name in self.masters}
        leaders = [name for name, mode in modes.items() if mode in ("leader", "standalone")]
        serving = sum(mode in ("leader", "follower", "standalone") for mode in modes.values())
        return leaders[0] if len(leaders) == 1 and 2 * serving > len(modes) else None

    def answers_majority(self, i):
        answering = sum(self.mode(name, i) in MODES for name in self.masters)
        return 2 * answering > len(self.masters)


# ---------------------------------------------------------------- judging
def spell(span):
    return f"{span / 1e6:.1f} s"


def judge_observer(verdict, line, steps, limits):
    gaps = [later - earlier for earlier, later in zip(line.at, line.at[1:])]
    verdict.longest_gap = max(gaps, default=0)
    for i, gap in enumerate(gaps):
        if gap > limits.gap:
            verdict.problems.append(f"the observer was away for {spell(gap)} after sample {i}")
    begins = [began for _, began, _ in steps]
    ends = [ended for _, _, ended in steps if ended is not None]
    if begins and min(begins) < line.wall[0]:
        verdict.problems.append("the observer began after the first step")
    if ends and max(ends) > line.wall[-1]:
        verdict.problems.append("the observer ended before the last step")


def judge_overlap(verdict, line):
    for first, last in runs_of([len(line.down_at(i)) > 1 for i in range(len(line))]):
        names = sorted({name for i in range(first, last + 1) for name in line.down_at(i)})
        verdict.overlaps.append([first, last, names])
        verdict.problems.append(
            f"{' and '.join(names)} down at the same time for {last - first + 1} samples "
            f"from sample {first} on"
        )


def judge_outages(verdict, line, steps, timed):
    for name in line.masters:
        runs = runs_of([line.is_down(name, i) for i in range(len(line))])
        verdict.outages[name] = [[line.wall[first], line.wall[last]] for first, last in runs]
        if not runs:
            verdict.problems.append(f"{name} was never seen down: was it patched, was it watched?")
        for first, last in runs:
            inside = any(
                node == name and began <= line.wall[first]
                and (ended is None or line.wall[last] <= ended)
                for node, began, ended in steps
            )
            if timed and not inside:
                verdict.problems.append(
                    f"{name} down outside its own step, from sample {first} to {last}"
                )


def was_election(line, first, last, limits):
    """Whether the samples without a leader were the others' choice of a new one."""
    if first == 0 or last == len(line) - 1:
        return False
    old = line.leader(first - 1)
    return (
        all(line.answers_majority(i) for i in range(first, last + 1))
        and any(line.is_down(old, i) for i in range(first - 1, last + 1))
        and line.at[last + 1] - line.at[first - 1] <= limits.election
    )


def judge_quorum(verdict, line, limits):
    verdict.held = len(line)
    for first, last in runs_of([line.leader(i) is None for i in range(len(line))]):
        if was_election(line, first, last, limits):
            verdict.elections.append([first, last])
            continue
        verdict.held -= last - first + 1
        verdict.problems.append(
            f"ZooKeeper without quorum in {last - first + 1} samples from sample {first} on"
        )


def judge(samples, masters, steps=None, limits=Limits()):
    """The Verdict on a run. `steps`: [(node, began, ended)] in wall time; None: not known, then it
    is not judged whether a master was down only in its own step."""
    verdict = Verdict(samples=len(samples), limits=limits)
    if not samples:
        verdict.problems.append("there are no samples")
        return verdict
    line = Timeline(samples, list(masters), limits)
    verdict.lost = line.lost
    judge_overlap(verdict, line)
    judge_outages(verdict, line, steps or [], steps is not None)
    judge_quorum(verdict, line, limits)
    judge_observer(verdict, line, steps or [], limits)
    return verdict


def summarize(verdict, samples):
    """A few lines for people: what stands behind the sentence."""
    begin = samples[0]["wall"] if samples else 0
    lines = [
        f"observer: {verdict.samples} samples, longest gap {spell(verdict.longest_gap)}, "
        f"{verdict.lost} answers lost (forgiven: {verdict.limits.tolerance} in a row without "
        f"a connection, {spell(verdict.limits.gap)} with one)"
    ]
    for name, outages in verdict.outages.items():
        spans = ", ".join(
            f"{spell(first - begin)} to {spell(last - begin)}" for first, last in outages
        )
        lines.append(f"observer: {name} down {spans or 'never'}")
    waits = [samples[last + 1]["at"] - samples[first]["at"] for first, last in verdict.elections]
    if waits:
        lines.append(
            f"observer: {len(waits)} election(s) of a ZooKeeper leader, "
            f"the longest {spell(max(waits))}"
        )
    return lines
