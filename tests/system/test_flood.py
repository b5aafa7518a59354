# SPDX-License-Identifier: Apache-2.0
"""Sixty seconds of everything that a stranger on the network can do, while a step runs: nobody who is
enrolled notices."""

import json
import os
import re
import subprocess
import sys

import product
import pytest
from capture import Capture
from lab import ADDRESS
from rig import wait_for

SECONDS = 60
ATTACKS = ["garbage", "half_handshake", "replay", "reset"]
GROWTH_MAX = 32 * 1024  # KiB
FILES_MAX = 2200  # those of 1000 slow sockets, 1024 to spare, and some
MASTERS = ["10.77.0.11"]


@pytest.fixture(name="site")
def fixture_site(lab):
    """A master and an agent at work on a step, and the first words that both have said."""
    lab.add_node("m1", MASTERS[0], "master", MASTERS)
    lab.add_node("a1", "10.77.0.21", "slave", MASTERS)
    lab.nodes["m1"].mark("hold-script")
    capture = Capture(product.PORT)
    lab.boot()
    host = lab.nodes["a1"].host
    host.run(["systemctl", "restart", "rollpatch-agent.service"])  # says HS1 now
    wait_for(lambda: host.journal("rollpatch-agent.service").count("A session with the coordinator") > 1,
             30, "the second session of a1")
    capture.stop()
    lab.first_words = {f.kind: f.body for f in capture.frames() if f.kind in ("join", "hs1")}
    assert set(lab.first_words) == {"join", "hs1"}
    return lab


def resident(pid):
    """KiB."""
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        return int(re.search(r"VmRSS:\s+(\d+)", file.read())[1])


def start_flood(lab):
    words = f"{lab.dir}/first-words"
    with open(words, "w", encoding="ascii") as file:
        file.writelines(body.hex() + "\n" for body in lab.first_words.values())
    return subprocess.Popen(
        [sys.executable, f"{os.path.dirname(__file__)}/flood.py", ADDRESS, str(product.PORT),
         str(SECONDS), words], stdout=subprocess.PIPE, text=True,
    )


def watch(lab, flood):
    """Until the flood is over: the largest size and the most files seen; nobody may be late even once."""
    largest, files, looks, node = 0, 0, 0, lab.nodes["m1"]
    while flood.poll() is None:
        status = lab.status()
        late = [(n["name"], n["link"], n["seen"]) for n in status["nodes"] if n["link"] != "fresh"]
        assert not late, f"{late} after {looks} looks"
        largest = max(largest, resident(lab.daemon.pid))
        files = max(files, len(os.listdir(f"/proc/{lab.daemon.pid}/fd")))
        looks += 1
        if looks == 40 and node.reached("script-running"):
            node.mark("script-running.go")  # the step ends in the middle of it
    assert looks > SECONDS, "rollpatchd was hardly asked"
    return largest, files


def test_a_flood_of_strangers_disturbs_nobody_who_is_enrolled(site):
    started = site.run()
    assert started.returncode == 0, started.stderr
    wait_for(lambda: site.nodes["m1"].reached("script-running"), 60, "the script")
    before = resident(site.daemon.pid)
    link_before = site.status()["coordinator"]["link"]

    flood = start_flood(site)
    try:
        largest, files = watch(site, flood)
        done, _ = flood.communicate(timeout=30)
    finally:
        flood.kill()
    with open(f"{os.environ['RIG_LOGS']}/flood.txt", "w", encoding="ascii") as file:
        file.write(f"the flood: {done.strip()}; resident {before} KiB, at most {largest} KiB, {files} files\n")
    assert files <= FILES_MAX
    assert largest - before <= GROWTH_MAX
    did = json.loads(done)
    assert did["slow sockets"] == 1000 and min(did[a] for a in ATTACKS) > 1000, did

    dropped = site.status()["coordinator"]["link"]["dropped"]
    grown = {kind for kind, count in dropped.items() if count > link_before["dropped"][kind]}
    assert {"garbage", "wrong_mac", "over_budget"} <= grown, dropped
    assert site.wait_run("finished", "halted", timeout=60)["run"]["state"] == "finished"
    assert [node.executions() for node in site.nodes.values()] == [1, 1]
    assert {node["name"] for node in site.ask("nodes")["nodes"]} == {"m1", "a1"}

    wait_for(lambda: site.status()["coordinator"]["link"]["zombies"] == 0, 180, "the last zombie to go")
    assert all(node["link"] == "fresh" for node in site.status()["nodes"])
