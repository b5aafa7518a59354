# SPDX-License-Identifier: Apache-2.0
"""The rig keeps its promises. Run: tests/cluster/enter /usr/bin/python3 -m pytest THIS_FILE"""

import os
import re
import signal
import time

import pytest

from rig import CommandFailed, RigError, RigTimeout, wait_for

DISK = "/var/lib/rollpatch"
POWER_CUTS = int(os.environ.get("RIG_POWER_CUTS", "2"))

SERVER = """
import socket
listener = socket.create_server(("", 7777))
while True:
    peer, _ = listener.accept()
    peer.sendall(socket.gethostname().encode())
    peer.close()
"""
CLIENT = """
import socket, sys
with socket.create_connection((sys.argv[1], 7777), 0.5) as server:
    print(server.recv(100).decode())
"""
# appends numbers to a file; one that is printed has been synced before
COUNTER = """
import os, sys
fd = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
n = 0
while True:
    n += 1
    os.write(fd, b"%d\\n" % n)
    os.fsync(fd)
    print(n, flush=True)
"""
# fsync(2) of each argument
SYNC = """
import os, sys
for path in sys.argv[1:]:
    fd = os.open(path, os.O_RDONLY)
    os.fsync(fd)
    os.close(fd)
"""


def python(script, *args):
    return ["/usr/bin/python3", "-c", script, *args]


def sync(host, *paths):
    host.run(python(SYNC, *paths))


@pytest.fixture(scope="module")
def hosts(rig):
    m1 = rig.add_host("m1", "10.77.0.11", disk={"path": DISK, "size": "32M"})
    m2 = rig.add_host("m2", "10.77.0.12")
    for host in (m1, m2):
        host.write("/opt/server.py", SERVER)
        host.write(
            "/etc/systemd/system/server.service",
            "[Service]\nExecStart=/usr/bin/python3 /opt/server.py\nRestart=always\n",
        )
        host.enable("server.service")
    rig.boot_all([m1, m2])
    return m1, m2


@pytest.fixture
def m1(hosts):
    """m1, up and healed, with an empty disk, whatever the test before left."""
    if hosts[0].is_down:
        hosts[0].start()
    hosts[0].heal()
    hosts[0].run(["find", DISK, "-mindepth", "1", "-delete"])
    sync(hosts[0], DISK)
    return hosts[0]


@pytest.fixture
def m2(hosts):
    if hosts[1].is_down:
        hosts[1].start()
    hosts[1].heal()
    return hosts[1]


def ask(host, server):
    """What the server of host `server` answers to `host`."""
    return host.run(python(CLIENT, server)).stdout.strip()


def reach(host, server):
    return host.run(python(CLIENT, server), check=False).returncode == 0


# ---------------------------------------------------------------- hosts


def test_two_hosts_reach_each_other_by_tcp(m1, m2):
    assert wait_for(lambda: ask(m1, "m2"), 20, "answer of m2") == "m2"
    assert wait_for(lambda: ask(m2, "m1"), 20, "answer of m1") == "m1"


def test_hosts_have_their_own_processes_and_names(m1, m2):
    for host in (m1, m2):
        assert host.run(["hostname"]).stdout == host.name + "\n"
        assert host.read("/proc/1/comm") == "systemd\n"
        assert host.run(["pgrep", "-fc", "/opt/server.py"]).stdout == "1\n"
    assert m1.read("/etc/machine-id") != m2.read("/etc/machine-id")


def test_a_host_is_not_degraded(m1):
    failed = m1.run(["systemctl", "--failed", "--no-legend", "--plain"]).stdout
    assert failed == ""


def test_a_transient_unit_is_started_and_its_status_passed_on(m1):
    assert "run-u" in m1.run_unit(["cat", "/proc/self/cgroup"]).stdout
    assert m1.run_unit(["sh", "-c", "exit 7"], check=False).returncode == 7


def test_stopping_a_unit_ends_its_detached_processes(m1):
    m1.run(["systemd-run", "--unit=detached", "sh", "-c", "setsid -f sleep 4711; exec sleep 4712"])
    wait_for(lambda: m1.run(["pgrep", "-f", "sleep 4711"]).stdout, 10, "detached process")
    m1.run(["systemctl", "stop", "detached.service"])
    assert m1.run(["pgrep", "-f", "sleep 471[12]"], check=False).stdout == ""


def test_a_failed_command_is_reported_with_its_words(m1):
    with pytest.raises(CommandFailed, match="no such thing"):
        m1.run(["sh", "-c", "echo no such thing >&2; exit 1"])


def test_a_command_reads_its_input(m1):
    assert m1.run(["tr", "a-z", "A-Z"], input="text").stdout == "TEXT"


def test_a_command_that_hangs_is_ended_in_the_host(m1):
    with pytest.raises(RigTimeout):
        m1.run(["sh", "-c", "sleep 4713; true"], timeout=0.3)
    wait_for(
        lambda: m1.run(["pgrep", "-f", "sleep 471[3]"], check=False).returncode == 1,
        10,
        "end of the command",
    )


# ---------------------------------------------------------------- guards


@pytest.mark.parametrize("capability", [("CAP_SYS_MODULE", 16), ("CAP_SYS_TIME", 25)])
def test_a_command_cannot_touch_the_real_clock_or_modules(m1, capability):
    status = m1.run(["cat", "/proc/self/status"]).stdout
    for name in ("CapPrm", "CapEff", "CapBnd"):
        held = int(re.search(rf"{name}:\s*([0-9a-f]+)", status)[1], 16)
        assert not held & 1 << capability[1], f"{name} holds {capability[0]}"


@pytest.mark.usefixtures("rig")
def test_the_real_machine_is_read_only_in_the_rig():
    for place in ("/", "/etc", os.path.dirname(os.path.abspath(__file__))):
        with pytest.raises(OSError, match="Read-only"):
            os.close(os.open(f"{place}/rig-was-here", os.O_CREAT | os.O_WRONLY))


def test_a_write_through_an_absolute_symlink_stays_in_the_host(m1):
    m1.run(["ln", "-sfn", "/etc/elsewhere", "/opt/absolute"])
    m1.run(["mkdir", "-p", "/etc/elsewhere"])
    m1.write("/opt/absolute/file", "inside\n", 0o600)
    assert m1.run(["stat", "-c", "%a %s", "/etc/elsewhere/file"]).stdout == "600 7\n"
    assert m1.read("/opt/absolute/file") == "inside\n"
    assert not os.path.exists("/etc/elsewhere")


def test_an_installed_tree_follows_the_hosts_own_symlinks(m1, tmp_path):
    (tmp_path / "lib/systemd/system").mkdir(parents=True)
    (tmp_path / "lib/systemd/system/rig-try.service").write_text("[Service]\nExecStart=true\n")
    (tmp_path / "usr/bin").mkdir(parents=True)
    (tmp_path / "usr/bin/rig-try").write_text("#!/bin/sh\necho installed\n")
    (tmp_path / "usr/bin/rig-try").chmod(0o755)
    (tmp_path / "usr/bin/rig-link").symlink_to("/usr/bin/rig-try")
    m1.install_tree(str(tmp_path))
    assert m1.run(["rig-link"]).stdout == "installed\n"
    assert m1.exists("/usr/lib/systemd/system/rig-try.service")
    assert m1.run(["readlink", "/lib"]).stdout == "usr/lib\n"


def test_run_and_tmp_of_an_up_host_are_its_own(m1):
    m1.write("/run/rig-try", "in run")
    m1.write("/tmp/rig-try", "in tmp")
    assert m1.run(["cat", "/run/rig-try", "/tmp/rig-try"]).stdout == "in runin tmp"
    assert not os.path.exists("/run/rig-try")


# ---------------------------------------------------------------- boots


def test_a_reboot_changes_the_boot_id_and_the_journal_keeps_both_boots(m1):
    before = m1.boot_id()
    machine = m1.read("/etc/machine-id")
    m1.run(["logger", "written before the reboot"])
    m1.reboot()
    after = m1.boot_id()
    assert before != after
    assert m1.read("/etc/machine-id") == machine
    boots = m1.run(["journalctl", "--list-boots"]).stdout
    assert before.replace("-", "") in boots and after.replace("-", "") in boots
    assert "written before the reboot" in m1.journal()


def test_a_crashed_host_starts_again_with_its_files(m1, m2):
    before = m1.boot_id()
    m1.write("/opt/kept", "kept")
    m1.crash()
    assert m1.is_down and m1.leader is None
    assert not reach(m2, "m1")
    with pytest.raises(RigError, match="down"):
        m1.run(["true"])
    assert m1.read("/opt/kept") == "kept"
    m1.start()
    assert m1.boot_id() != before
    assert m1.read("/opt/kept") == "kept"
    wait_for(lambda: reach(m2, "m1"), 20, "m1 answers again")


def test_a_powered_off_host_is_down_and_its_journal_readable(m1):
    m1.run(["logger", "written before the end"])
    m1.poweroff()
    assert m1.is_down
    assert "written before the end" in m1.journal()
    m1.start()


def test_the_peers_of_a_crashed_host_hear_nothing_of_it(m1, m2, rig):
    """Neither when it dies nor when it is back: its old sockets are gone without a word."""
    hold = (
        "import socket\n"
        "s = socket.create_server(('', 7778))\n"
        "c, _ = s.accept()\n"
        "print('connected', flush=True)\n"
        "try: print('heard', c.recv(1), flush=True)\n"
        "except OSError as error: print('heard', error, flush=True)\n"
    )
    server = rig.spawn("hold", m2.argv(python(hold)))
    talk = (
        "import socket, time\n"
        "def connect():\n"
        "    try: return socket.create_connection(('m2', 7778), 1)\n"
        "    except OSError: return None\n"
        "while not (s := connect()): time.sleep(0.02)\n"
        "time.sleep(1000)\n"
    )
    rig.spawn("talk", m1.argv(python(talk)))
    wait_for(lambda: "connected" in server.output(), 20, "connection")
    m1.crash()
    m1.start()
    wait_for(lambda: reach(m1, "m2"), 20, "m1 reaches m2 again")
    assert "heard" not in server.output()
    server.kill()


# ---------------------------------------------------------------- network


@pytest.mark.parametrize("fault", ["cut", "unplug"])
def test_a_host_without_network_is_reached_again_after_heal(m1, m2, fault):
    wait_for(lambda: reach(m1, "m2"), 20, "m1 reaches m2")
    getattr(m2, fault)()
    assert not reach(m1, "m2")
    carrier = "NO-CARRIER" not in m2.run(["ip", "link", "show", "eth0"]).stdout
    assert carrier == (fault == "cut")
    m2.heal()
    wait_for(lambda: reach(m1, "m2"), 20, "m1 reaches m2 again")


def test_a_process_of_the_rig_reaches_the_hosts(m1, rig):
    process = rig.spawn("client", python(CLIENT, m1.address), env={"A": "b"}, cwd="/")
    assert process.wait(10) == 0
    assert process.output() == "m1\n"


def test_a_process_of_the_rig_can_use_the_network_of_a_host(m1, rig):
    process = rig.spawn("client-m1", python(CLIENT, "127.0.0.1"), netns="m1")
    assert process.wait(10) == 0
    assert process.output() == "m1\n"


def test_a_process_of_the_rig_is_killed_and_terminated(rig):
    process = rig.spawn("sleeper", ["sleep", "1000"])
    process.terminate()
    assert process.wait(10) == -signal.SIGTERM
    process = rig.spawn("sleeper", ["sleep", "1000"])
    assert process.kill() == -signal.SIGKILL


# ---------------------------------------------------------------- disk


@pytest.mark.parametrize("attempt", range(POWER_CUTS))
def test_unsynced_data_is_lost_at_a_power_cut(m1, attempt):
    script = f"""
cd {DISK}
echo old >content; echo old >renamed; echo {attempt} >synced
/usr/bin/python3 -c '{SYNC}' content renamed synced .
echo new >>content
echo new >renamed.tmp; mv renamed.tmp renamed
echo new >created
mkdir made
cat content renamed created
"""
    assert m1.run(["sh", "-c", script]).stdout == "old\nnew\nnew\nnew\n"
    m1.power_cut()
    assert m1.is_down
    m1.start()
    assert m1.read(f"{DISK}/synced") == f"{attempt}\n"
    assert m1.read(f"{DISK}/content") == "old\n"
    assert m1.read(f"{DISK}/renamed") == "old\n"
    for name in ("created", "made", "renamed.tmp"):
        assert not m1.exists(f"{DISK}/{name}")


def test_a_synced_rename_of_unsynced_data_leaves_an_empty_file_at_a_power_cut(m1):
    """The classic mistake: fsync of the directory, but not of the file. The rig must show it."""
    m1.run(["sh", "-c", f"cd {DISK}; echo old >file; sync -f .; echo new >tmp; mv tmp file"])
    sync(m1, DISK)
    m1.power_cut()
    m1.start()
    assert m1.read(f"{DISK}/file") == ""


@pytest.mark.parametrize("attempt", range(POWER_CUTS))
@pytest.mark.parametrize("wrap", [[], ["systemd-run", "-q", "--pipe"]], ids=["command", "unit"])
def test_what_was_acknowledged_survives_a_power_cut_and_nothing_else_does(m1, rig, wrap, attempt):
    log = f"counter-{len(wrap)}-{attempt}"
    counter = rig.spawn(log, m1.argv(wrap + python(COUNTER, f"{DISK}/numbers")))
    wait_for(lambda: counter.output().count("\n") > 50, 20, "acknowledged numbers")
    m1.power_cut()
    counter.wait(10)
    acknowledged = re.findall(r"^\d+$", counter.output(), re.MULTILINE)
    m1.start()
    kept = m1.read(f"{DISK}/numbers").split()
    assert kept[: len(acknowledged)] == acknowledged
    assert len(kept) <= len(acknowledged) + 1


def test_a_power_cut_needs_a_disk(m2):
    with pytest.raises(RigError, match="no disk"):
        m2.power_cut()


def test_the_disk_is_seen_from_outside_while_its_host_is_down(m1):
    m1.run(["sh", "-c", f"echo seen >{DISK}/file"])
    m1.poweroff()
    assert m1.read(f"{DISK}/file") == "seen\n"
    m1.start()
    assert m1.read(f"{DISK}/file") == "seen\n"


def test_a_full_disk_refuses_data_until_there_is_room(m1):
    write = ["dd", "if=/dev/zero", f"of={DISK}/data", "bs=4096", "count=1", "conv=fsync"]
    m1.fill(DISK)
    refused = m1.run(write, check=False)
    assert refused.returncode == 1 and "No space left" in refused.stderr
    m1.unfill(DISK)
    m1.run(write)


def test_a_read_only_disk_refuses_even_open_files_until_the_next_boot(m1, rig):
    counter = rig.spawn("counter-ro", m1.argv(python(COUNTER, f"{DISK}/numbers")))
    wait_for(lambda: "\n" in counter.output(), 20, "first number")
    m1.remount_ro(DISK)
    assert counter.wait(10) == 1
    assert re.search("Read-only file system|Input/output error", counter.output())
    refused = m1.run(["touch", f"{DISK}/file"], check=False)
    assert "Read-only file system" in refused.stderr
    m1.reboot()
    m1.run(["touch", f"{DISK}/file"])


# ---------------------------------------------------------------- waiting


def test_wait_for_names_what_did_not_happen():
    start = time.monotonic()
    with pytest.raises(RigTimeout, match=r"rain \(last: ZeroDivisionError"):
        wait_for(lambda: 1 / 0, 0.1, "rain")
    with pytest.raises(RigTimeout, match=r"rain \(last: 0\)"):
        wait_for(lambda: 0, 0.1, "rain")
    assert time.monotonic() - start < 5
    assert wait_for(lambda: "sun", 0, "sun") == "sun"
