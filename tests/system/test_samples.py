# SPDX-License-Identifier: Apache-2.0
"""The checks that need no other program, asked of a real systemd and a real journal: what one host
says of its own units, of what they log, and since when their processes run."""

import json
import os
import re

import pytest

from lab import BUILD
from rig import wait_for

SAMPLES = os.path.join(os.path.dirname(__file__), "..", "samples", "dcos")
TOOL = "/usr/local/bin/sample-node"
WANTS = "/etc/systemd/system/dcos.target.wants"
STATE = "/var/lib/sample-node"
STEP = "r1-0123abcd-m1-1"
DIGITS = "0123456789abcdef"

UNITS = {
    "dcos-exhibitor.service": "Type=simple\nRestart=always\nExecStart=/bin/sleep infinity",
    "dcos-net.service": "Type=simple\nRestart=always\nExecStart=/bin/sleep infinity",
    "dcos-once.service": "Type=oneshot\nExecStart=/bin/true",
    "dcos-timed.service": "Type=simple\nExecStart=/bin/true",
    "dcos-timed.timer": None,
    "dcos-ear.socket": None,
    "dcos-ear.service": "Type=simple\nRestart=always\nExecStart=/bin/sleep infinity",
    "dcos-checks-poststart.service": "Type=oneshot\nExecStart=/bin/false",
}
OTHER = {
    "dcos-timed.timer": "[Timer]\nOnActiveSec=1h\n",
    "dcos-ear.socket": "[Socket]\nListenStream=127.0.0.1:7777\n",
}
LOOPS = "Type=simple\nRestart=always\nRestartSec=300s\nExecStart=/bin/false"
FAILS = "Type=simple\nExecStart=/bin/false"


class Node:
    """A host with units of DC/OS' kinds, that can be asked."""

    def __init__(self, host):
        self.host = host
        with open(f"{BUILD}/tests/system/sample-node", "rb") as file:
            host.write(TOOL, file.read(), 0o755)
        with open(f"{BUILD}/node-agent/probe/rollpatch-probe", "rb") as file:
            host.write("/usr/local/bin/rollpatch-probe", file.read(), 0o755)
        for name, body in UNITS.items():
            self.add_unit(name, body)
        host.write("/opt/mesosphere/etc/dcos-version.json", '{"version": "2.1.1"}\n')
        host.write(f"{STATE}/.keep", "")

    def add_unit(self, name, body):
        text = OTHER.get(name) or f"[Service]\n{body}\n"
        self.host.write(f"/etc/systemd/system/{name}", f"[Unit]\nDefaultDependencies=no\n{text}")
        self.host.write(f"{WANTS}/{name}", "")

    def remove_unit(self, name):
        self.host.run(["systemctl", "stop", name])
        self.host.run(["systemctl", "reset-failed", name], check=False)
        self.host.run(["rm", f"{WANTS}/{name}", f"/etc/systemd/system/{name}"])
        self.host.run(["systemctl", "daemon-reload"])

    def start(self, *names):
        self.host.run(["systemctl", "daemon-reload"])
        self.host.run(["systemctl", "start", *names], check=False)

    def ask(self, check, step="-", version="-", seconds=0.5):
        """The newest sample of a check that is asked for a short while."""
        done = self.host.run(
            ["timeout", "--signal=TERM", str(seconds), TOOL, f"{STATE}/steps", "127.0.0.1", "100",
             step, version, check], check=False)
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        assert lines, done.stderr
        sample = lines[-1]
        sample["numbers"] = {n["name"]: n["value"] for n in sample.get("numbers", [])}
        sample["texts"] = {t["name"]: t["text"] for t in sample.get("texts", [])}
        return sample

    def put_step(self):
        """A step that is started now, as far as its files tell."""
        boot = self.host.run(["cat", "/proc/sys/kernel/random/boot_id"]).stdout.strip().replace("-", "")
        uptime = float(self.host.run(["cat", "/proc/uptime"]).stdout.split()[0])
        wall = int(float(self.host.run(["date", "+%s.%N"]).stdout) * 1e6)
        cursor = re.search(
            r"^-- cursor: (.*)$",
            self.host.run(["journalctl", "-n0", "--show-cursor"]).stdout, re.M).group(1)
        directory = f"{STATE}/steps/steps/{STEP}"
        self.host.write(f"{directory}/stage", json.dumps({
            "epoch": 1, "cluster": "lab", "step": STEP, "run": DIGITS * 2, "node": "m1", "from": "2.1.0",
            "to": "2.1.1", "url": "http://b/x", "sha256": DIGITS * 4, "size": 1, "timeout": 1000000,
            "signature": DIGITS * 8,
        }))
        self.host.write(f"{directory}/intent", json.dumps({
            "fence": 1, "boot_id": boot, "wall": wall, "boottime": int(uptime * 1e6),
            "cursor": cursor, "unit": f"rollpatch-step-{STEP}.service",
        }))
        order = f"boot_id={boot}\nstep={STEP}\nfence=1\n"
        self.host.write(f"{directory}/started", order)

    def end_step(self):
        boot = self.host.run(["cat", "/proc/sys/kernel/random/boot_id"]).stdout.strip().replace("-", "")
        now = int(float(self.host.run(["date", "+%s.%N"]).stdout) * 1e6)
        self.host.write(f"{STATE}/steps/steps/{STEP}/result", (
            f"exit_status=0\nexit_signal=0\nboot_id={boot}\nstarted_at={now}\nended_at={now}\n"
            "terminated=0\noutput_dropped=0\njournal_dropped=0\n"))


GOOD = [name for name in UNITS if not name.startswith(("dcos-once", "dcos-timed.s", "dcos-checks"))]


@pytest.fixture(scope="module", name="node")
def fixture_node(rig):
    host = rig.add_host("m1", "10.77.0.11")
    node = Node(host)
    host.boot()
    host.wait_up()
    node.start(*GOOD)
    return node


def test_units_of_all_kinds_in_their_normal_state_pass(node):
    sample = node.ask("units")
    assert sample["verdict"] == "pass", sample
    assert sample["numbers"]["units"] == len(UNITS) - 1
    assert sample["numbers"]["bad"] == 0
    assert sample["numbers"]["newest_age_ms"] < 60000


def test_a_unit_that_starts_again_and_again_is_unknown(node):
    node.add_unit("dcos-metronome.service", LOOPS)
    node.start("dcos-metronome.service")
    wait_for(lambda: "auto-restart" in node.host.run(
        ["systemctl", "show", "-pSubState", "dcos-metronome.service"]).stdout, 10, "auto-restart")
    sample = node.ask("units")
    node.remove_unit("dcos-metronome.service")
    assert sample["verdict"] == "unknown", sample
    assert sample["texts"]["worst"] == "dcos-metronome.service"


def test_a_unit_that_failed_fails_and_the_first_in_order_is_named(node):
    for name in ("dcos-adminrouter-agent.service", "dcos-mesos-dns.service"):
        node.add_unit(name, FAILS)
    node.start("dcos-adminrouter-agent.service", "dcos-mesos-dns.service")
    wait_for(lambda: node.host.run(["systemctl", "is-failed", "--quiet", "dcos-mesos-dns.service"],
                                   check=False).returncode == 0, 10, "a failed unit")
    sample = node.ask("units")
    for name in ("dcos-adminrouter-agent.service", "dcos-mesos-dns.service"):
        node.remove_unit(name)
    assert sample["verdict"] == "fail", sample
    assert sample["numbers"]["bad"] == 2
    assert sample["texts"]["worst"] == "dcos-mesos-dns.service"
    assert "exit status 1" in sample["evidence"]


def test_what_may_be_ill_between_masters_is_judged_apart(node):
    assert node.ask("front")["verdict"] == "not-applicable"
    node.add_unit("dcos-marathon.service", FAILS)
    node.start("dcos-marathon.service")
    wait_for(lambda: node.host.run(["systemctl", "is-failed", "--quiet", "dcos-marathon.service"],
                                   check=False).returncode == 0, 10, "a failed unit")
    units, front = node.ask("units"), node.ask("front")
    node.remove_unit("dcos-marathon.service")
    assert (units["verdict"], front["verdict"]) == ("pass", "fail")
    assert front["texts"]["worst"] == "dcos-marathon.service"


def test_the_old_process_of_a_unit_does_not_answer_for_the_new_version(node):
    node.put_step()
    sample = node.ask("units", step=STEP)
    assert sample["verdict"] == "unknown", sample  # the script has not ended yet
    assert sample["numbers"]["started_before"] == 3

    node.end_step()
    node.host.run(["systemctl", "restart", "dcos-exhibitor.service", "dcos-ear.service"])
    sample = node.ask("units", step=STEP)
    assert sample["verdict"] == "fail", sample
    assert sample["numbers"]["started_before"] == 1
    assert sample["texts"]["worst"] == "dcos-net.service"

    node.host.run(["systemctl", "restart", "dcos-net.service"])
    sample = node.ask("units", step=STEP)
    assert sample["verdict"] == "pass", sample
    assert sample["numbers"]["started_before"] == 0


def test_docker_is_not_restarted_by_a_step(node):
    assert node.ask("docker")["verdict"] == "not-applicable"
    node.host.write("/etc/systemd/system/docker.service",
                    "[Service]\nExecStart=/bin/sleep infinity\n")
    node.start("docker.service")
    try:
        node.put_step()
        sample = node.ask("docker", step=STEP)
        assert sample["verdict"] == "pass", sample

        node.host.run(["systemctl", "restart", "docker.service"])
        sample = node.ask("docker", step=STEP)
        assert sample["verdict"] == "fail", sample
        assert "its containers have ended" in sample["reason"]
        assert node.ask("docker")["verdict"] == "pass"

        node.host.run(["systemctl", "stop", "docker.service"])
        assert node.ask("docker")["verdict"] == "fail"
    finally:
        node.host.run(["rm", "/etc/systemd/system/docker.service"])
        node.host.run(["systemctl", "daemon-reload"])


def log_as_dcos_net(node, text):
    node.add_unit("dcos-net.service", "Type=simple\nRestart=always\n"
                  f"ExecStart=/bin/sh -c 'echo \"{text}\"; exec sleep infinity'")
    node.host.run(["systemctl", "daemon-reload"])
    node.host.run(["systemctl", "restart", "dcos-net.service"])
    wait_for(lambda: text in node.host.run(
        ["journalctl", "-u", "dcos-net.service", "-o", "cat"]).stdout, 10, "the line")


def test_what_was_fatal_since_the_step_and_only_that_is_found_in_the_journal(node):
    def log(text):
        log_as_dcos_net(node, text)

    log("ERROR: IP address was changed 10.0.0.1 -> 10.0.0.2")
    node.put_step()
    log("harmless")
    sample = node.ask("journal", step=STEP)
    assert sample["verdict"] == "pass", sample
    assert sample["numbers"]["fatal"] == 0
    assert sample["numbers"]["lines"] >= 1

    log("Bad detect_ip")
    sample = node.ask("journal", step=STEP)
    assert sample["verdict"] == "fail", sample
    assert sample["numbers"]["fatal"] == 1
    assert sample["texts"]["id"] == "dcos-net-ip"
    assert "s=" in sample["evidence"] and "Bad detect_ip" in sample["evidence"]

    # without a step it is what comes after the beginning of the watch
    assert node.ask("journal")["verdict"] == "pass"


def test_a_journal_that_is_read_seldom_is_read_on_from_where_it_was(node):
    """It is closed meanwhile. Whoever reads all of it at once finds as many lines, and the same."""
    out = "/var/tmp/seldom"

    def samples():
        lines = [json.loads(line) for line in node.host.run(["cat", out], check=False).stdout.splitlines()]
        return [{n["name"]: n["value"] for n in line["numbers"]} for line in lines]

    node.put_step()
    log_as_dcos_net(node, "harmless at first")
    node.host.run(["systemd-run", "--quiet", "--unit=seldom", f"--property=StandardOutput=file:{out}",
                   TOOL, f"{STATE}/steps", "127.0.0.1", "10000", STEP, "-", "journal"])
    try:
        first = wait_for(samples, 10, "a sample")[0]
        log_as_dcos_net(node, "Bad detect_ip")
        files = node.host.run(["sh", "-c", "ls -l /proc/$(systemctl show --value -pMainPID seldom)/fd"]).stdout
        second = wait_for(lambda: samples()[1:], 20, "a second sample")[0]
    finally:
        node.host.run(["systemctl", "stop", "seldom"])

    at_once = node.ask("journal", step=STEP)["numbers"]
    assert ".journal" not in files
    assert first["fatal"] == 0 and first["lines"] >= 1
    assert second == at_once
    assert second["fatal"] == 1 and second["lines"] > first["lines"]


def test_what_systemd_says_about_a_unit_counts_and_what_others_say_does_not(node):
    node.put_step()
    said = "dcos-telegraf.socket: Socket service dcos-telegraf.service already active, refusing."
    node.host.run(["logger", "--journald"], input=f"MESSAGE={said}\nUNIT=dcos-telegraf.socket\n")
    assert node.ask("journal", step=STEP)["verdict"] == "pass"

    node.host.write("/etc/systemd/system/dcos-telegraf.socket", "[Socket]\nListenStream=127.0.0.1:7778\n")
    node.add_unit("dcos-telegraf.service", "Type=simple\nExecStart=/bin/sleep infinity")
    node.start("dcos-telegraf.service")
    node.host.run(["systemctl", "start", "dcos-telegraf.socket"], check=False)
    sample = node.ask("journal", step=STEP)
    node.remove_unit("dcos-telegraf.service")
    assert sample["verdict"] == "fail", sample
    assert sample["texts"]["id"] == "telegraf-socket"


def test_the_version_is_compared_with_the_one_that_is_wanted(node):
    assert node.ask("version", version="2.1.1")["verdict"] == "pass"
    assert node.ask("version", version="2.1.2")["verdict"] == "fail"
    assert node.ask("version")["verdict"] == "not-applicable"


@pytest.mark.parametrize(
    "check", ["exhibitor", "mesos-master", "mesos-agent", "mesos-leader", "mesos-version", "check-runner", "zookeeper",
              "cockroachdb", "overlay", "cluster-checks"])
def test_where_nobody_answers_the_question_is_understood_and_the_answer_unknown(node, check):
    sample = node.ask(check, seconds=1)
    assert sample["verdict"] == "unknown", sample
    assert "usage" not in sample["reason"] and "ended with status" not in sample["reason"], sample
    assert "samples[" not in sample["reason"], sample


MARATHON = "/opt/standin/marathon"


def put_marathon(node, **answers):
    """Samples that Marathon answers with from now on; its leader runs here."""
    for name, sample in answers.items():
        with open(f"{SAMPLES}/marathon-{sample}.json", encoding="utf-8") as file:
            node.host.write(f"{MARATHON}/{name}", file.read().replace("10.0.0.12", "127.0.0.1"))


def test_marathon_is_waited_for_where_it_is_installed(node):
    assert node.ask("marathon", seconds=1)["verdict"] == "not-applicable"
    node.host.write("/opt/mesosphere/bin/marathon.sh", "#!/bin/bash\n")
    assert "connection refused" in node.ask("marathon", seconds=1)["reason"]
    with open(os.path.join(os.path.dirname(__file__), "marathon_single.py"), "rb") as file:
        node.host.write("/usr/local/bin/marathon-single", b"#!/usr/bin/python3\n" + file.read(), 0o755)
    put_marathon(node, nobody="leader-none-404", info="info", apps="apps-valid", pods="deployments-empty",
                 deployments="deployments-unfinished")
    node.add_unit("dcos-marathon.service", f"ExecStart=/usr/local/bin/marathon-single 127.0.0.1 {MARATHON}")
    node.start("dcos-marathon.service")
    wait_for(lambda: "there is no leader" in node.ask("marathon", seconds=1)["reason"], 20, "Marathon to answer")

    put_marathon(node, leader="leader")
    sample = node.ask("marathon", seconds=1)
    assert sample["verdict"] == "fail" and "1 deployment is not finished" in sample["reason"], sample
    assert sample["numbers"]["only_deployments"] == 1
    put_marathon(node, apps="apps-bad-constraints")
    sample = node.ask("marathon", seconds=1)
    assert sample["verdict"] == "fail" and sample["numbers"]["only_deployments"] == 0, sample
    put_marathon(node, apps="apps-valid", deployments="deployments-empty")
    sample = node.ask("marathon", seconds=1)
    assert sample["verdict"] == "pass" and sample["texts"]["leader"] == "127.0.0.1:8080", sample
    node.remove_unit("dcos-marathon.service")
    node.host.run(["rm", "/opt/mesosphere/bin/marathon.sh"])


def test_after_a_reboot_every_process_is_a_new_one(node):
    node.put_step()
    node.end_step()
    node.host.reboot()
    node.start(*GOOD)
    sample = node.ask("units", step=STEP)
    assert sample["verdict"] == "pass", sample
    assert sample["numbers"]["started_before"] == 0


def test_forty_units_asked_every_second_are_cheap(node):
    for number in range(40):
        node.add_unit(f"dcos-many{number}.service",
                      "Type=simple\nRestart=always\nExecStart=/bin/sleep infinity")
    node.start(*(f"dcos-many{number}.service" for number in range(40)))
    done = node.host.run(
        ["bash", "-c", f"time timeout 5.2 {TOOL} {STATE}/steps 127.0.0.1 1000 - - units"],
        check=False)
    samples = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(samples) >= 5 and all(s["verdict"] == "pass" for s in samples), samples[-1]
    spent = sum(int(m) * 60 + float(s) for m, s in re.findall(
        r"(?:user|sys)\s+(\d+)m([\d.]+)s", done.stderr))
    took = sorted(s["took"] for s in samples)[len(samples) // 2]
    with open(os.path.join(os.environ["RIG_LOGS"], "cost"), "w", encoding="utf-8") as file:
        file.write(f"{spent / len(samples) * 1000:.1f} ms CPU, {took / 1000:.1f} ms a sample\n")
    assert spent / len(samples) < 0.1
