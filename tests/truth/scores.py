# SPDX-License-Identifier: Apache-2.0
"""How often the checks are right: what they say of captures, against the labels."""

import os
import subprocess
import tempfile

import captures

STEP = 0.5  # seconds between two samples of a timeline; each change is one too
SOON = 15.0
SHARE = 0.95


class Replay:
    """truth-replay, the product's readers and judges."""

    def __init__(self, program):
        self.folder = tempfile.TemporaryDirectory()  # pylint: disable=consider-using-with
        self.healthy = self.write("healthy", '{"type":"GET_HEALTH","get_health":{"healthy":true}}')
        self.unhealthy = self.write("unhealthy", "Master has not finished recovery")
        # pylint: disable-next=consider-using-with
        self.child = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                      text=True)

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.child.stdin.close()
        self.child.wait()
        self.folder.cleanup()

    def write(self, name, text):
        """A body that no capture has."""
        path = os.path.join(self.folder.name, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path

    def judge(self, names, known, before, flags):
        """{name or "quorum": reason why it does not pass, or ""}"""
        known = captures.completed(known, before, flags, self.healthy, self.unhealthy)
        by_address = {captures.address(name): name for name in names}
        lines = [f"{'master' if name[0] == 'm' else 'agent'}\t{captures.address(name)}"
                 for name in names]
        for (who, question), one in sorted(known.items()):
            if who in names:
                lines.append("\t".join(["answer", captures.address(who), question, str(one.status),
                                        one.location, one.body]))
        self.child.stdin.write("\n".join([*lines, "judge", ""]))
        self.child.stdin.flush()
        said = {}
        for line in iter(self.child.stdout.readline, "\n"):
            if not line:
                raise RuntimeError("truth-replay has ended")
            who, verdict, why = line.rstrip("\n").split("\t")
            said[by_address.get(who, who)] = "" if verdict == "pass" else why or "no"
        return said


class Row:
    """Of one subject in one timeline, or in all snapshots of a folder."""

    def __init__(self):
        self.sick = self.sick_ours = 0
        self.page = {"sick": [0, 0], "healthy": [0, 0]}  # passed by the page's check, of all asked
        self.until = []  # of each healthy interval; None: never
        self.later = self.later_passed = 0
        self.snapshots = self.snapshots_passed = 0

    def add(self, truth, page, ours):
        """One sample; `page` is None where the page's check cannot be asked."""
        if page is not None:
            self.page[truth][0] += page
            self.page[truth][1] += 1
        if truth == "sick":
            self.sick += 1
            self.sick_ours += ours

    def text(self):
        """For a line of the table."""
        until = " ".join("never" if one is None else f"{one:.1f}" for one in self.until)
        pairs = (self.page["sick"], (self.sick_ours, self.sick), self.page["healthy"],
                 (self.later_passed, self.later), (self.snapshots_passed, self.snapshots))
        return " ".join([*(f"{f'{passed}/{count}':>9}" for passed, count in pairs), until])


def names_of(rows):
    """Processes of a cluster, masters first: those the labels speak of, and all of its masters."""
    names = {row.subject for row in rows if row.subject != "quorum"}
    masters = {name for name in names if name[0] == "m"}
    if masters <= {"m1", "m2", "m3"}:
        masters = {"m1", "m2", "m3"}
    return sorted(masters) + sorted(name for name in names if name[0] == "a")


class Scores:
    """All situations."""

    def __init__(self, replay, folder, labels):
        self.replay = replay
        self.rows, self.remarks = {}, []
        self.not_asked = 0  # healthy samples of a process that nobody asked
        rows = captures.labels(labels)
        for name in sorted({row.folder for row in rows}):
            path = os.path.join(folder, name)
            if not os.path.isdir(path):
                raise FileNotFoundError(f"{path}: labelled, and not there")
            self.score(captures.Folder(path), [row for row in rows if row.folder == name])

    def row(self, folder, name, subject):
        """To count in."""
        return self.rows.setdefault((folder, name, subject), Row())

    def score(self, folder, rows):
        """One folder."""
        names = names_of(rows)
        said = {}
        for row in rows:
            if row.truth in ("transition", "unobservable"):
                continue
            if row.start is None:
                if row.name not in said:
                    known = folder.snapshot(row.name)
                    said[row.name] = known, known and self.replay.judge(names, known, known, folder.flags)
                self.score_snapshot(row, *said[row.name])
            else:
                self.score_interval(folder, names, row, said)

    def remark(self, row, where, truth, why):
        """A wrong answer."""
        self.remarks.append(f"{row.folder} {row.name} {where} {row.subject}: {truth}: {why}")

    def score_snapshot(self, row, known, said):
        """One labelled prefix."""
        if not known:
            self.remark(row, "", "not scored", "it has no answers")
            return
        found, page = self.row(row.folder, "snapshots", row.subject), captures.page(known, row.subject)
        why = said[row.subject]
        found.add(row.truth, page, not why)
        if row.truth == "healthy":
            found.snapshots += 1
            found.snapshots_passed += not why
        if (row.truth == "sick") == (not why):
            self.remark(row, "", row.truth, why or "passes")

    @staticmethod
    def moments(timeline, row):
        """When it is sampled: not before the first round of questions is over."""
        steps = [row.start + STEP * i for i in range(int((row.end - row.start) / STEP) + 1)]
        changes = [one.at for one in timeline.answers]
        return sorted({at for at in [*steps, *changes]  # labels are to the hundredth
                       if at >= timeline.first_round and row.start <= round(at, 2) < row.end})

    def score_interval(self, folder, names, row, said):
        """One labelled interval of a timeline."""
        timeline = folder.timelines[row.name]
        found = self.row(row.folder, row.name, row.subject)
        begun, passed_at = None, None
        for at in self.moments(timeline, row):
            key = row.name, at
            if key not in said:
                known = timeline.until(at)
                before = timeline.until(max(at - captures.LATER, timeline.first_round))
                said[key] = known, self.replay.judge(names, known, before, folder.flags)
            if row.truth == "healthy" and not captures.is_asked(said[key][0], row.subject):
                self.not_asked += 1
                continue
            page, why = captures.page(said[key][0], row.subject), said[key][1][row.subject]
            found.add(row.truth, page, not why)
            if row.truth == "healthy":
                begun = row.start if begun is None else begun
                if passed_at is not None or at - begun > SOON:
                    found.later += 1
                    found.later_passed += not why
                if passed_at is None and not why:
                    passed_at = at
            if (row.truth == "sick") == (not why):
                self.remark(row, f"{at:.3f}", row.truth, why or "passes")
        if begun is not None:
            found.until.append(None if passed_at is None else passed_at - begun)

    def tell(self, with_why):
        """Prints all; exit status."""
        print(f"{'':58} sick passed by  healthy passed by       healthy  seconds")
        print(f"{'situation':28} {'':21} {'subject':7}  the page    by ours  the page "
              f"ours later snapshots until pass")
        for (folder, name, subject), row in self.rows.items():
            print(f"{folder:28} {name:21} {subject:7} {row.text()}")
        if with_why:
            print(*self.remarks, sep="\n")
        rows = self.rows.values()
        sick, ours = sum(row.sick for row in rows), sum(row.sick_ours for row in rows)
        page = sum(row.page["sick"][0] for row in rows)
        later, passed = sum(row.later for row in rows), sum(row.later_passed for row in rows)
        until = [one for row in rows for one in row.until]
        late = sum(one is None or one > SOON for one in until)
        shots = sum(row.snapshots for row in rows), sum(row.snapshots_passed for row in rows)
        print(f"sick samples passed: {ours} of {sick} (by the page's own check: {page})")
        print(f"healthy intervals that did not pass within {SOON:.0f} s: {late} of {len(until)}")
        print(f"later healthy samples passed: {passed} of {later} ({100 * passed / max(later, 1):.2f} %)")
        print(f"not applicable, because nobody asked: {self.not_asked} healthy samples")
        print(f"healthy snapshots passed: {shots[1]} of {shots[0]}")
        good = ours == 0 and late == 0 and later > 0 and passed >= SHARE * later
        return 0 if good else 1
