# SPDX-License-Identifier: Apache-2.0
"""Runs observer.py beside a cluster and has judge.py judge what it saw.

    with Watcher(rig, {"m1": "10.77.0.11", ...}) as watcher:
        ...
        verdict = watcher.verdict(judge.steps_of(cluster.ask("report")))
"""

import json
import os

import judge
from rig import wait_for

OBSERVER = os.path.join(os.path.dirname(os.path.realpath(__file__)), "observer.py")


class Watcher:
    """An observer of these masters, {name: address}; it has taken its first sample when it is made.

    Its samples and the verdict are kept in the rig's logs: NAME.samples, NAME.judgement.
    """

    def __init__(self, rig, masters, name="observer"):
        self._masters = dict(masters)
        self._files = f"{rig.logs_dir}/{name}"
        self._remove_stale()
        targets = [f"{master}={address}" for master, address in self._masters.items()]
        self._process = rig.spawn(
            name, ["/usr/bin/python3", "-B", OBSERVER, "--out", f"{self._files}.samples", *targets]
        )
        wait_for(self.samples, 5, "first sample of the observer")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.kill()

    def _remove_stale(self):
        """Another run's samples are not ours, and the logs may have been kept."""
        if os.path.exists(f"{self._files}.samples"):
            os.unlink(f"{self._files}.samples")

    def samples(self):
        """Those written so far."""
        path = f"{self._files}.samples"
        return judge.load(path)[1] if os.path.exists(path) else []

    def wait_samples(self, count=5):
        """So many more from now on: of what is before, or after, a run."""
        wanted = len(self.samples()) + count
        wait_for(lambda: len(self.samples()) >= wanted, 10, f"{count} more samples")

    def verdict(self, steps=None, limits=judge.Limits()):
        """End the observer, and judge."""
        early = self._process.poll()
        self._process.terminate()
        self._process.wait(5)
        verdict = judge.judge(self.samples(), list(self._masters), steps, limits)
        if early is not None:
            verdict.problems.append(f"the observer ended by itself, with status {early}")
        with open(f"{self._files}.judgement", "w", encoding="utf-8") as file:
            json.dump(verdict.describe(), file, indent=2)
        return verdict
