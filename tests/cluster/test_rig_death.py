# SPDX-License-Identifier: Apache-2.0
"""Nothing of a rig is left, however it dies. Run directly, as root, not through `enter`."""

import os
import signal
import subprocess

import pytest

from rig import wait_for

HERE = os.path.dirname(os.path.abspath(__file__))
ENTER = os.path.join(HERE, "enter")

RIG = """
import os, signal
from rig import Rig
with Rig(os.environ["RIG_LOGS"]) as rig:
    disk = {"path": "/var/lib/rollpatch", "size": "16M"}
    hosts = [rig.add_host(f"d{n}", f"10.77.0.1{n}", disk=disk) for n in (1, 2)]
    rig.boot_all(hosts)
    rig.spawn("detached", ["setsid", "sleep", "1000"])
    print("ready", flush=True)
    signal.pause()
"""

pytestmark = pytest.mark.usefixtures("outside")


def descendants(top):
    """All processes below `top`, itself included: {pid: name}."""
    parents, names = {}, {}
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            with open(f"/proc/{entry}/stat", encoding="utf-8", errors="replace") as file:
                head, _, tail = file.read().rpartition(")")
        except OSError:
            continue
        parents[int(entry)] = int(tail.split()[1])
        names[int(entry)] = head.partition("(")[2]
    found = {top: names[top]}
    while more := {p: names[p] for p, q in parents.items() if q in found and p not in found}:
        found.update(more)
    return found


def namespaces(pid):
    """The pid, mount and network namespaces of a process; empty when it is gone."""
    try:
        return {os.readlink(f"/proc/{pid}/ns/{kind}") for kind in ("pid", "mnt", "net")}
    except OSError:
        return set()


def inhabitants(spaces):
    """The processes that live in any of the namespaces."""
    pids = [entry for entry in os.listdir("/proc") if entry.isdigit()]
    return [pid for pid in pids if namespaces(pid) & spaces]


def loop_devices(rig_id):
    """The loop devices that are backed by the rig's disks."""
    found = []
    for device in os.listdir("/sys/block"):
        try:
            with open(f"/sys/block/{device}/loop/backing_file", encoding="utf-8") as file:
                if f"{rig_id}-" in file.read():
                    found.append(device)
        except OSError:
            pass
    return found


def cgroups(rig_id):
    tops = ("/sys/fs/cgroup", "/sys/fs/cgroup/systemd", "/sys/fs/cgroup/unified")
    return [top for top in tops if os.path.exists(f"{top}/{rig_id}")]


def machine_state():
    """What of the real machine a rig could leak into: mounts, links, named network namespaces."""
    with open("/proc/self/mountinfo", encoding="utf-8") as file:
        mounts = {line for line in file if "rig" in line}
    netns = set(os.listdir("/run/netns")) if os.path.isdir("/run/netns") else set()
    return mounts, set(os.listdir("/sys/class/net")), netns


class LivingRig:
    """A rig with two booted hosts, and what has to be gone after its death."""

    def __init__(self, logs):
        self.process = subprocess.Popen(
            [ENTER, "/usr/bin/python3", "-c", RIG],
            env={**os.environ, "RIG_LOGS": str(logs), "PYTHONPATH": HERE},
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
        )
        assert self.process.stdout.readline() == "ready\n"
        self.id = f"rollpatch-rig-{self.process.pid}"
        self.processes = descendants(self.process.pid)
        inside = set().union(*map(namespaces, self.processes))
        self.namespaces = inside - namespaces("self")

    def pid(self, name):
        """The process `name` outside of the rig's pid namespace."""
        mine = namespaces("self")
        found = [p for p, n in self.processes.items() if n == name and namespaces(p) & mine]
        assert len(found) == 1
        return found[0]

    def is_gone(self):
        return not inhabitants(self.namespaces) and not loop_devices(self.id)

    def end(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


@pytest.fixture
def living(tmp_path):
    before = machine_state()
    rig = LivingRig(tmp_path)
    try:
        names = list(rig.processes.values())
        assert names.count("systemd") >= 2 and names.count("systemd-nspawn") == 2
        assert len(rig.namespaces) >= 3 * 3
        assert len(loop_devices(rig.id)) == 2
        assert cgroups(rig.id)
        assert machine_state() == before
        yield rig
        assert machine_state() == before
    finally:
        rig.end()


def test_nothing_is_left_when_the_wrapper_is_killed(living):
    living.process.kill()
    wait_for(living.is_gone, 10, "end of the rig")
    assert living.process.wait(10) == -signal.SIGKILL
    subprocess.run([ENTER, "true"], check=True)  # the next rig removes the empty cgroups
    assert not cgroups(living.id)


def test_nothing_is_left_when_unshare_is_killed(living):
    os.kill(living.pid("unshare"), signal.SIGKILL)
    wait_for(living.is_gone, 10, "end of the rig")
    assert living.process.wait(10) == 128 + signal.SIGKILL
    assert not cgroups(living.id)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_nothing_is_left_when_the_wrapper_is_told_to_stop(living, number):
    living.process.send_signal(number)
    wait_for(living.is_gone, 10, "end of the rig")
    assert living.process.wait(10) == 128 + number
    assert not cgroups(living.id)


# ---------------------------------------------------------------- the wrapper itself


def enter(*argv, **options):
    """Run something through `enter`: (status, stdout, stderr)."""
    done = subprocess.run([ENTER, *argv], capture_output=True, text=True, timeout=60, **options)
    return done.returncode, done.stdout, done.stderr


@pytest.fixture(name="clean")
def clean_environment(tmp_path):
    """The environment of `env -i CI=true PATH=... enter`, with logs where pytest removes them."""
    logs = tmp_path / "logs"
    logs.mkdir()
    return {"PATH": "/usr/bin:/bin", "CI": "true", "TMPDIR": str(logs)}


def test_the_exit_status_is_passed_on(clean):
    assert enter("true", env=clean, stdin=subprocess.DEVNULL) == (0, "", "")
    assert enter("sh", "-c", "exit 9", env=clean)[0] == 9
    assert enter("sh", "-c", "kill -9 $$", env=clean)[0] == 137


def test_input_reaches_the_command(clean):
    assert enter("cat", input="words", env=clean) == (0, "words", "")


def test_the_wrapper_works_without_stdin_and_in_a_session_of_its_own(clean):
    script = 'exec setsid --wait "$0" cat <&-'
    done = subprocess.run(["sh", "-c", script, ENTER], env=clean, timeout=60, check=False)
    assert done.returncode == 0


def test_logs_are_kept_and_named_only_after_a_failure(clean):
    assert enter("true", env=clean) == (0, "", "")
    assert os.listdir(clean["TMPDIR"]) == []
    _, _, words = enter("false", env=clean)
    (name,) = os.listdir(clean["TMPDIR"])
    logs = os.path.join(clean["TMPDIR"], name)
    assert words == f"rig: exit status 1, logs are in {logs}\n"


def test_only_the_named_directories_are_writable_inside(clean, tmp_path):
    (tmp_path / "kept").mkdir()
    (tmp_path / "other").mkdir()
    environment = {**clean, "RIG_RW": str(tmp_path / "kept")}
    enter("touch", str(tmp_path / "kept/file"), str(tmp_path / "other/file"), env=environment)
    assert (tmp_path / "kept/file").exists()
    assert not (tmp_path / "other/file").exists()


def test_a_missing_tool_or_right_is_told_in_one_line_and_77(clean, tmp_path):
    for tool in ("bash", "id", "readlink", "dirname"):
        (tmp_path / tool).symlink_to(f"/usr/bin/{tool}")
    script = f"PATH={tmp_path}:/usr/sbin:; . {ENTER} true"
    done = subprocess.run(
        ["/bin/bash", "-c", script], env=clean, capture_output=True, text=True, check=False
    )
    assert done.returncode == 77
    assert done.stderr.count("\n") == 1 and "systemd-nspawn is missing" in done.stderr
    done = subprocess.run(
        ["setpriv", "--reuid", "65534", "/bin/bash", ENTER, "true"],
        env=clean, capture_output=True, text=True, check=False,
    )
    assert (done.returncode, done.stderr) == (77, "rig: needs root\n")


def test_a_rig_within_a_rig_is_refused(clean):
    status, _, words = enter(ENTER, "true", env=clean)
    assert status == 2 and "already inside a rig" in words
