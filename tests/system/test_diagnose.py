# SPDX-License-Identifier: Apache-2.0
"""What is wrong with a node is named, with the evidence, when somebody asks and by itself after every
failure; and what is not wrong is not. On booted hosts: every failure here is a unit, a file or a server
that really misbehaves (misbehave.py), so that the line, the property or the number is there for the same
reason as on a node of DC/OS.

The tests of one host go through the catalogue backwards: what only is a note first, then what waits, then
what is fatal, and of each the last component first. So what is broken last must be named first, before all
that is still broken."""

import json
import os
import tarfile

import pytest

from rig import wait_for

HERE = os.path.dirname(__file__)
PROGRAM = "/usr/bin/python3 -S /opt/standin/misbehave.py"
WRONG_PACKAGE = "http://10.77.0.254/packages/none.tar.xz"
# Between two samples of a bundle: every one of them must be gone.
SECRETS = {
    "password": "admin_password=PLANTED-1", "json": '{"token": "PLANTED-2"}',
    "header": "Authorization: token=PLANTED-3", "url": "zk://user:PLANTED-4@10.0.0.1:2181",
    "jwt": "eyJhbGciOiJSUzI1NiJ9.eyJQTEFOVEVELTUiOjF9.UExBTlRFRC01c2ln",
    "key": "-----BEGIN RSA PRIVATE KEY-----\nPLANTED-6\n-----END RSA PRIVATE KEY-----",
}
MORE = f"""
if [ -e /crash/repo-down ]; then {PROGRAM} fetch {WRONG_PACKAGE}; fi
"""


@pytest.fixture(name="small", scope="module")
def fixture_small(rig, tmp_path_factory):
    """A lone master and an agent, with units that are well."""
    from lab import Lab  # pylint: disable=import-outside-toplevel
    lab = Lab(rig, str(tmp_path_factory.mktemp("diagnose")), script_more="systemctl restart 'dcos-*.service'")
    lab.replace_script(lab.script.replace(b"sed -i", MORE.encode() + b"sed -i"))
    masters = ["10.77.0.11"]
    for name, address, role in (("m1", masters[0], "master"), ("a1", "10.77.0.21", "slave")):
        node = lab.add_node(name, address, role, masters)
        with open(f"{HERE}/misbehave.py", encoding="utf-8") as file:
            node.host.write("/opt/standin/misbehave.py", file.read())
    for name in SECRETS:
        lab.nodes["m1"].host.write(f"/opt/standin/secret-{name}", SECRETS[name] + "\n")
    # Old errors, of a unit that is well by now; a foreign unit that fails; an Exhibitor that took its time.
    unit(lab.nodes["m1"].host, "dcos-exhibitor.service", "exhibitor 10.77.0.99", restart="no")
    unit(lab.nodes["m1"].host, "backup.service", "bootstrap 1", restart="no")
    unit(lab.nodes["m1"].host, "dcos-cosmos.service", "serve")
    lab.nodes["m1"].host.enable("backup.service")
    lab.nodes["m1"].host.enable("dcos-exhibitor.service")
    lab.nodes["m1"].host.enable("dcos-cosmos.service")
    lab.boot()
    yield lab
    lab.close()


def unit(host, name, command, restart="always", more=""):
    """A unit of DC/OS."""
    program = command if command.startswith("/") else f"{PROGRAM} {command}"
    text = (f"[Service]\nExecStart={program}\nRestart={restart}\nRestartSec=1\n{more}\n"
            "[Install]\nWantedBy=multi-user.target\n")
    host.write(f"/etc/systemd/system/{name}", text)
    if name.startswith("dcos-"):
        host.write(f"/etc/systemd/system/dcos.target.wants/{name}", text)


def start(host, name, *arguments, **more):
    """The same, on a host that is up; whether it stays up is its own affair."""
    unit(host, name, *arguments, **more)
    host.run(["systemctl", "daemon-reload"])
    host.run(["systemctl", "restart", "--no-block", name])


def before_start(host, name, command):
    """Something that a unit does first, and must end well."""
    host.write(f"/etc/systemd/system/{name}.d/before.conf", f"[Service]\nExecStartPre={PROGRAM} {command}\n")
    host.run(["systemctl", "daemon-reload"])
    host.run(["systemctl", "restart", "--no-block", name])


def well_again(host, name):
    """Without what before_start() has added."""
    host.run(["rm", "-r", f"/etc/systemd/system/{name}.d"])
    host.run(["systemctl", "daemon-reload"])
    host.run(["systemctl", "restart", name])


def activate(host, folder, name):
    """The way of an activation with a file that somebody has put there: into FOLDER.old with all of it, and
    FOLDER is made anew without."""
    host.write(f"{folder}/{name}", "")
    host.run(["sh", "-c", f"cp -a {folder} {folder}.new && rm {folder}.new/{name} && mv {folder} {folder}.old && "
              f"mv {folder}.new {folder}"])


def metric(lab, name, key, value):
    """Have the Mesos of this node say another number."""
    host = lab.nodes[name].host
    text = host.read("/opt/standin/standin_single.py")
    assert f'"{key}": ' in text
    host.write("/opt/standin/standin_single.py", text.replace(f'"{key}": ', f'"{key}": {value} + 0 * '))
    host.run(["systemctl", "restart", "dcos-mesos-*.service"])


def diagnosed(lab, name):
    """The answer of `diagnose`."""
    return lab.ask("diagnose", name)


def expect(lab, node, wanted, failure_class, where, evidence, **members):
    """This finding comes first, with what shows it."""
    def named():
        answer = diagnosed(lab, node)
        first = answer["findings"][0] if answer["findings"] else {}
        seen.append([(one["id"], one["class"], one["evidence"]) for one in answer["findings"]])
        return first if first.get("id") == wanted and evidence in first["evidence"] else None
    seen = []
    try:
        first = wait_for(named, 15, f"{wanted} to be named first")
    except Exception:
        print(f"{node}: want {wanted}, seen {seen[-1] if seen else 'nothing'}")
        raise
    assert (first["class"], first["where"]) == (failure_class, where), first
    assert first["cause"] and first["advice"]
    if where == "journal":
        assert first["cursor"].startswith("s=") and first["at"] > 0
    for key, value in members.items():
        assert first[key] == value, first


# ---------------------------------------------------------------- by itself


def test_a_node_that_is_given_up_is_diagnosed_and_the_halt_names_the_cause(rig, tmp_path):
    """The script ends well, and what it has installed does not start; a check hangs for as long as
    dcos-check-runner lets it, and is found too, while who asks meanwhile has an answer at once. First of
    all, because its hosts have the names and addresses of the others."""
    from lab import Lab  # pylint: disable=import-outside-toplevel
    lab = Lab(rig, str(tmp_path / "given-up"), script_more=(
        "printf '#!/bin/sh\\necho no address\\n' > /opt/mesosphere/bin/detect_ip\nsystemctl restart dcos-net.service\n"
        f"printf '#!/bin/sh\\nexec {PROGRAM} check_runner 30 sleep 60\\n' > /opt/mesosphere/bin/dcos-check-runner\n"
        "chmod +x /opt/mesosphere/bin/dcos-check-runner"))
    try:
        host = lab.add_node("m1", "10.77.0.11").host
        with open(f"{HERE}/misbehave.py", encoding="utf-8") as file:
            host.write("/opt/standin/misbehave.py", file.read())
        unit(host, "dcos-net.service", "dcos_net")
        host.enable("dcos-net.service")
        lab.boot()
        with open(lab.plan(), "a", encoding="utf-8") as file:
            file.write("timeouts:\n  master: 3s\n")
        assert lab.cli("waive", "gate-floor", "--reason", "a test").returncode == 0
        begun = lab.cli("run", file.name, "--yes", "--cluster", "lab", "--accept-downtime")
        assert begun.returncode == 0, begun.stderr
        lab.wait_run("halted")
        shown = diagnosed(lab, "m1")
        assert shown["findings"][0]["id"] == "dcos-net-ip"
        assert "check-runner: no answer within" in shown["missing"]
        assert "cause: " not in lab.status()["run"]["why"]
        why = wait_for(lambda: "cause: " in lab.status()["run"]["why"] and lab.status()["run"]["why"],
                       60, "the cause of the halt")
        assert "not proven good within 3s" in why
        assert "cause: dcos-net-ip (dcos-net.service): Bad detect_ip" in why
        found = {event["finding"]["id"]: event["finding"] for event in lab.ask("report")["events"]
                 if event["type"] == "found"}
        assert found["checks-hang"]["where"] == "answer"
        assert "exceeded timeout 30s" in found["checks-hang"]["evidence"]
    finally:
        lab.close()


def test_a_run_that_halts_names_the_cause_by_itself_in_its_message_and_in_the_report(small):
    small.nodes["m1"].mark("repo-down")
    started = small.run()
    assert started.returncode == 0, started.stderr
    small.wait_run("halted")
    why = wait_for(lambda: "repo-down" in small.status()["run"]["why"] and small.status()["run"]["why"],
                   30, "the cause of the halt")
    assert "m1 is failed: script ended with status 1" in why and "Unable to fetch package" in why
    report = small.ask("report")
    found = [event["finding"] for event in report["events"] if event["type"] == "found"]
    assert found[0]["id"] == "repo-down" and found[0]["class"] == "fatal"
    assert found[0]["where"] == "output" and found[0]["place"].endswith("/output")
    assert WRONG_PACKAGE in found[0]["evidence"] and "bootstrap" in found[0]["cause"]
    assert [step["message"] for step in report["steps"] if "cause: repo-down" in step["message"]]
    shown = small.cli("report").stdout
    assert "repo-down (fatal)" in shown and "try: make the bootstrap URL answer" in shown


def test_a_bundle_holds_what_was_seen_and_no_secret_and_is_never_written_over_another(small):
    host = small.nodes["m1"].host
    start(host, "dcos-history.service", "/bin/sh -c 'cat /opt/standin/secret-*; exec sleep infinity'")
    wait_for(lambda: "PLANTED-6" in host.journal("dcos-history.service"), 10, "the secrets to be logged")
    file = f"{small.dir}/run.tar"
    made = small.cli("bundle", "1", "--output", file, timeout=90)
    assert made.returncode == 0, made.stdout + made.stderr
    assert os.stat(file).st_mode & 0o777 == 0o600
    with tarfile.open(file) as tar:
        texts = {member.name: tar.extractfile(member).read().decode() for member in tar}
    assert set(texts) == {"report.json"} | {
        f"m1/{name}" for name in ("answers.json", "findings.json", "units.txt", "journal.txt", "output.txt")}
    for name, text in texts.items():
        assert "PLANTED" not in text, name
    assert texts["m1/journal.txt"].count("[removed]") >= len(SECRETS)
    assert "dcos-exhibitor.service LoadState=loaded ActiveState=failed" in texts["m1/units.txt"]
    assert "Unable to fetch package" in texts["m1/output.txt"]
    assert json.loads(texts["m1/findings.json"])["findings"]
    assert json.loads(texts["report.json"])["run"]["state"] == "halted"

    before = open(file, "rb").read()
    again = small.cli("bundle", "m1", "--output", file)
    assert again.returncode == 3 and "is not replaced" in again.stderr
    assert open(file, "rb").read() == before
    host.run(["rm", "/etc/systemd/system/dcos-history.service",
              "/etc/systemd/system/dcos.target.wants/dcos-history.service"])
    host.run(["systemctl", "stop", "dcos-history.service"])


# ---------------------------------------------------------------- decoys


def test_old_errors_and_foreign_units_are_nothing_fatal(small):
    """What was before the step; what heals; what is no unit of DC/OS."""
    host = small.nodes["m1"].host
    start(host, "dcos-exhibitor.service", "slow_exhibitor 10.77.0.11")
    small.nodes["m1"].unmark("repo-down")
    assert small.cli("retry", "m1", "--reason", "the package is there now").returncode == 0
    small.cli("resume")
    small.wait_run("finished", "halted", timeout=60)
    assert small.run_state() == "finished", small.status()
    said = host.journal("dcos-exhibitor.service")
    assert "configured list of masters" in said and "waiting 1000 of 40000 ms" in said
    assert host.run(["systemctl", "is-failed", "backup.service"]).stdout.strip() == "failed"
    for name in ("m1", "a1") * 5:
        answer = diagnosed(small, name)
        assert [one for one in answer["findings"] if one["class"] != "note"] == [], answer
        assert answer["step"] and not answer["missing"], answer


# ---------------------------------------------------------------- the catalogue, on a master


def test_on_a_master_what_is_broken_last_is_named_first(small):
    host = small.nodes["m1"].host

    # notes
    start(host, "dcos-checks-poststart.service", "check_runner 5 /bin/false", restart="no")
    expect(small, "m1", "poststart-unit-failed", "note", "unit", "ActiveState=failed")
    version = host.read("/opt/mesosphere/etc/dcos-version.json")
    host.write("/opt/mesosphere/etc/dcos-version.json", '{"version": "2.0.3"}')
    expect(small, "m1", "metronome-jobs-lost", "note", "answer", "version=2.0.3", place="version")
    host.write("/opt/mesosphere/etc/dcos-version.json", version)
    start(host, "dcos-mesos-dns.service", "mesos_dns zk-5.zk")
    expect(small, "m1", "mesos-dns", "note", "journal", "lookup zk-5.zk")
    metric(small, "m1", "master/slaves_unreachable", "1.0")
    expect(small, "m1", "unreachable", "note", "metric", "slaves_unreachable is 1", place="mesos-master")

    # waits
    start(host, "dcos-cosmos.service", "/bin/false", more="RestartSec=60")
    expect(small, "m1", "unit-loops", "waits", "unit", "SubState=auto-restart", place="dcos-cosmos.service")
    start(host, "dcos-checks-poststart.service", "check_runner 0.3 sleep 60", restart="no")
    expect(small, "m1", "checks-hang", "waits", "journal", "exceeded timeout", place="dcos-checks-poststart.service")
    start(host, "dcos-etcd.service", "/bin/false", more="RestartSec=60")
    expect(small, "m1", "etcd", "waits", "unit", "auto-restart", place="dcos-etcd.service")
    start(host, "dcos-cockroach.service", "serve", more="Type=notify\nTimeoutStartSec=1")
    expect(small, "m1", "cockroach-start", "waits", "journal", "start operation timed out")
    start(host, "dcos-adminrouter.service", "admin_router 8101")
    expect(small, "m1", "iam-jwks", "waits", "journal", "JWKS retrieval failed")
    start(host, "dcos-metronome.service", "ping ready.spartan")
    expect(small, "m1", "dns-not-ready", "waits", "journal", "ready.spartan")
    start(host, "dcos-marathon.service", "mesos_logs /var/lib/dcos/mesos/log/mesos-master.log "
          "'Refusing registration of agent at slave(1)@10.77.0.99:5051'",
          more="ExecStartPre=/bin/mkdir -p /var/lib/dcos/mesos/log")
    expect(small, "m1", "not-reregistering", "waits", "log", "Refusing registration of agent at",
           place="/var/lib/dcos/mesos/log/mesos-master.log")
    metric(small, "m1", "registrar/log/recovered", "0.0")
    expect(small, "m1", "master-not-recovered", "waits", "metric", "recovered is 0", place="mesos-master")
    start(host, "dcos-history.service", "bootstrap 2182")
    expect(small, "m1", "waits-for-local-zk", "waits", "journal", "ZooKeeper not running")
    start(host, "dcos-backup-master.service", "old_bootstrap 3")
    expect(small, "m1", "waits-for-all-masters", "waits", "journal", "Expected 3 servers and 1 leader, got 1")
    start(host, "dcos-exhibitor.service", "exhibitor_backend 9000")
    expect(small, "m1", "exhibitor-backend", "waits", "journal", "AmazonClientException")

    # fatal
    start(host, "dcos-log-master.service", "/bin/false", restart="no")
    expect(small, "m1", "unit-failed", "fatal", "unit", "ActiveState=failed", place="dcos-log-master.service")
    telegraf = "/run/dcos/telegraf/dcos_statsd.sock"
    start(host, "dcos-telegraf.service", f"telegraf_perms {telegraf}",
          more="User=nobody\nExecStartPre=+/bin/mkdir -p /run/dcos/telegraf")
    expect(small, "m1", "telegraf-perms", "fatal", "journal", "permission denied")
    start(host, "dcos-telegraf.service", "serve")
    host.write("/etc/systemd/system/dcos-telegraf.socket", "[Socket]\nListenStream=/run/standin.sock\n")
    host.run(["systemctl", "daemon-reload"])
    host.run(["systemctl", "start", "dcos-telegraf.socket"], check=False)
    expect(small, "m1", "telegraf-socket", "fatal", "journal", "already active, refusing",
           place="dcos-telegraf.socket")
    start(host, "dcos-net.service", "/usr/sbin/sysctl net.ipv6.conf.absent.disable_ipv6")
    expect(small, "m1", "ipv6-off", "fatal", "journal", "sysctl: cannot stat /proc/sys/net/ipv6/")
    detect_ip = host.read("/opt/mesosphere/bin/detect_ip")
    host.write("/opt/mesosphere/bin/detect_ip", "#!/bin/sh\necho no address\n", 0o755)
    start(host, "dcos-net.service", "dcos_net")
    expect(small, "m1", "dcos-net-ip", "fatal", "journal", "Bad detect_ip", place="dcos-net.service")
    host.write("/opt/mesosphere/bin/detect_ip", detect_ip, 0o755)
    start(host, "dcos-exhibitor.service", "exhibitor 10.77.0.99")
    expect(small, "m1", "exhibitor-wrong-ip", "fatal", "journal", "10.77.0.11 is not in the configured list",
           place="dcos-exhibitor.service")
    start(host, "dcos-exhibitor.service", "check_time")
    expect(small, "m1", "time-sync", "fatal", "journal", "Time is not synchronized")
    host.write("/opt/mesosphere/install_progress", "{}\n")
    expect(small, "m1", "half-activated", "fatal", "file", "it is there",
           place="/opt/mesosphere/install_progress")

    answer = diagnosed(small, "m1")
    assert len(answer["findings"]) == 8 and answer["found"] > 8
    shown = small.cli("diagnose", "m1").stdout
    assert shown.index("half-activated (fatal)") < shown.index("What may follow from it")
    assert "time-sync (fatal)" in shown and "and " in shown and " more" in shown


# ---------------------------------------------------------------- the catalogue, on an agent


def test_on_an_agent_what_is_broken_last_is_named_first(small):
    host, slave = small.nodes["a1"].host, "dcos-mesos-slave.service"

    # notes
    activate(host, "/opt/mesosphere/etc", "mesos-slave-common")
    expect(small, "a1", "lost-edits", "note", "left", "mesos-slave-common was in /opt/mesosphere/etc",
           place="/opt/mesosphere/etc.old/mesos-slave-common")
    activate(host, "/etc/systemd/system/dcos.target.wants", "portworx.service")
    expect(small, "a1", "missing-thirdparty", "note", "left", "portworx.service was in",
           place="/etc/systemd/system/dcos.target.wants.old/portworx.service")
    host.write("/opt/mesosphere/lib/libltdl.so.7", "")
    expect(small, "a1", "libltdl", "note", "file", "it is there", place="/opt/mesosphere/lib/libltdl.so.7")
    start(host, "docker.service", "serve")
    start(host, "dcos-calico-libnetwork-plugin.service", "libnetwork_plugin")
    expect(small, "a1", "docker-restarted", "note", "journal", "Unable to reload daemon")

    # waits
    host.write("/opt/mesosphere/bin/dcos-check-runner", f"#!/bin/sh\nexec {PROGRAM} check_runner 0.3 sleep 60\n", 0o755)
    expect(small, "a1", "checks-hang", "waits", "answer", "exceeded timeout", place="check-runner")
    metric(small, "a1", "slave/registered", "0.0")
    expect(small, "a1", "not-reregistering", "waits", "metric", "registered is 0", place="mesos-agent")
    before_start(host, slave, "overlay")
    expect(small, "a1", "not-reregistering", "waits", "metric", "registered is 0")
    assert "overlay" in [one["id"] for one in diagnosed(small, "a1")["findings"]]
    well_again(host, slave)

    # fatal
    start(host, "dcos-telegraf.service", "telegraf_migrate /opt/standin /opt/mesosphere")
    expect(small, "a1", "telegraf-migrate", "fatal", "journal", "Can't migrate /opt/standin because")
    start(host, "docker.service", "/bin/false", more="RestartSec=0")
    expect(small, "a1", "docker-start-limit", "fatal", "journal", "tart request repeated too quickly")
    start(host, "dcos-adminrouter-agent.service", "illegal_instruction")
    expect(small, "a1", "cpu-sse42", "fatal", "journal", "status=4/ILL")
    metric(small, "a1", "slave/recovery_errors", "2.0")
    expect(small, "a1", "tasks-gone", "fatal", "metric", "recovery_errors is 2", place="mesos-agent")
    host.run(["mkdir", "-p", "/dcos/volume0"])
    host.run(["mount", "-t", "tmpfs", "-o", "size=1M", "tmpfs", "/dcos/volume0"])
    before_start(host, slave, "disk_resources /dcos/volume0")
    expect(small, "a1", "disk-resources", "fatal", "journal", "/dcos/volume0 has 1 MB net free space")
    before_start(host, slave, "recover 10.77.0.99")
    expect(small, "a1", "agent-refuses-recovery", "fatal", "journal",
           "Hostname changed from 10.77.0.99 to 10.77.0.21", place=slave)


def test_of_a_node_that_cannot_be_asked_it_is_said_why(small):
    small.nodes["a1"].host.cut()
    try:
        done = small.cli("diagnose", "a1", "--timeout", "3s")
    finally:
        small.nodes["a1"].host.heal()
    assert done.returncode == 1 and "a1: it " in done.stderr
