#!/usr/bin/python3 -B
# SPDX-License-Identifier: Apache-2.0
"""tap.py FILE... - runs pytest, and tells meson of each test case (TAP), so that each counts.

What pytest itself prints goes to stderr.
"""

import os
import sys

import pytest


class Tap:
    """One line a case, when its teardown is over: that may fail as well."""

    def __init__(self, out):
        self.out = out
        self.number = 0
        self.outcomes = {}

    def say(self, text):
        print(text, file=self.out, flush=True)

    def pytest_collection_finish(self, session):
        self.say(f"1..{len(session.items)}")

    def pytest_runtest_logreport(self, report):
        outcomes = self.outcomes.setdefault(report.nodeid, [])
        outcomes.append(report.outcome)
        if report.when != "teardown":
            return
        self.number += 1
        verdict = "not ok" if "failed" in outcomes else "ok"
        skip = " # SKIP" if "skipped" in outcomes and verdict == "ok" else ""
        name = report.nodeid.rpartition("::")[2].replace("#", "_")
        self.say(f"{verdict} {self.number} - {name}{skip}")


def main():
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as out:
        os.dup2(2, 1)
        arguments = ["-q", "-p", "no:cacheprovider", *sys.argv[1:]]
        sys.exit(pytest.main(arguments, plugins=[Tap(out)]))


main()
