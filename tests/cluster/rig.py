# SPDX-License-Identifier: Apache-2.0
"""Real systemd hosts inside the namespaces made by tests/cluster/enter.

    with Rig(logs_dir) as rig:
        m1 = rig.add_host("m1", "10.77.0.11")
        m2 = rig.add_host("m2", "10.77.0.12", disk={"path": "/var/lib/rollpatch", "size": "32M"})
        rig.boot_all([m1, m2])
        m1.run(["systemctl", "is-active", "dbus.service"])
        m2.power_cut()
        m2.start()

A host is an overlay over the real machine's root, booted by systemd-nspawn in a network namespace
of its own, which is joined to the rig's bridge by a veth pair. Host file systems other than the
`disk` are memory that outlives the host: they keep all data over a crash, synced or not.
"""

import hashlib
import os
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import time

import rig_root
from rig_disk import Disk

BASE = "/run/rig"
CLEAN_ENV = [
    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME=/root",
    "LANG=C.UTF-8",
]
MASKED_UNITS = [
    "console-getty", "e2scrub_reap", "hwclock", "ldconfig", "nginx", "postgresql", "postgresql@",
    "systemd-hwdb-update", "systemd-pstore", "systemd-sysusers", "systemd-timesyncd",
    "systemd-update-utmp", "systemd-update-utmp-runlevel", "x11-common", "zookeeper",
]
UNIT_DIRS = ["/etc/systemd/system", "/usr/local/lib/systemd/system", "/usr/lib/systemd/system"]
PAYLOADS = ["payload", "commands"]  # cgroups of a host: nspawn's for its processes, ours for run()
EXIT_REBOOT = 133  # nspawn's status when the host asked for a reboot


class RigError(Exception):
    """The rig cannot do what was asked."""


class RigTimeout(RigError):
    """Something awaited did not happen in time."""


class CommandFailed(RigError):
    """A command in a host ended with a status other than 0; `result` is the CompletedProcess."""

    def __init__(self, host, result):
        super().__init__(
            f"{host}: {' '.join(result.args)}: status {result.returncode}\n"
            f"{result.stdout}{result.stderr}"
        )
        self.result = result


def wait_for(condition, timeout, what):
    """Poll `condition()` until it is true and return its value; an exception counts as false.

    Raises RigTimeout after `timeout` seconds, naming `what` and the last value or exception. What takes long
    to look at is looked at less often: asking must not take the time of those who are waited for.
    """
    deadline = time.monotonic() + timeout
    while True:
        begin = time.monotonic()
        try:
            value = condition()
            if value:
                return value
            last = repr(value)
        except Exception as error:  # pylint: disable=broad-except
            last = f"{type(error).__name__}: {error}"
        if time.monotonic() >= deadline:
            raise RigTimeout(f"not within {timeout} s: {what} (last: {last})")
        time.sleep(min(max(0.02, 4 * (time.monotonic() - begin)), 0.2))


def _tool(*argv, text=None):
    """Run a tool of the real machine that must succeed; its own words are in the error."""
    stdin = {"input": text} if text is not None else {"stdin": subprocess.DEVNULL}
    done = subprocess.run(argv, text=True, capture_output=True, **stdin)
    if done.returncode != 0:
        raise RigError(f"{' '.join(argv)}: status {done.returncode}: {done.stderr.strip()}")
    return done.stdout


def run_command(argv, timeout, text=None):
    """subprocess.run with captured text; ends in time even when grandchildren hold the pipes."""
    with subprocess.Popen(
        argv, text=True, errors="replace", start_new_session=True,
        stdin=subprocess.DEVNULL if text is None else subprocess.PIPE,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as process:
        try:
            stdout, stderr = process.communicate(text, timeout)
        except BaseException:
            # nsenter forks: killing only it would leave the command alive in the host
            os.killpg(process.pid, signal.SIGKILL)
            for pipe in (process.stdin, process.stdout, process.stderr):
                if pipe:
                    pipe.close()
            raise
    return subprocess.CompletedProcess(argv, process.returncode, stdout, stderr)


class Process:
    """A process in the rig itself, made by Rig.spawn()."""

    def __init__(self, argv, log, env, cwd):
        self.log = log
        with open(log, "ab") as output:
            self._popen = subprocess.Popen(
                argv, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
                env={**os.environ, **env}, cwd=cwd, start_new_session=True,
            )

    @property
    def pid(self):
        """As seen in the rig."""
        return self._popen.pid

    def poll(self):
        """The exit status, None while it runs, -N when killed by signal N."""
        return self._popen.poll()

    def kill(self):
        """SIGKILL and wait. A nsenter'ed command's own process goes with it (same group)."""
        self._signal(signal.SIGKILL)
        return self._popen.wait()

    def terminate(self):
        """SIGTERM; does not wait."""
        self._signal(signal.SIGTERM)

    def wait(self, timeout=30):
        """The exit status; RigTimeout if it does not end in time."""
        try:
            return self._popen.wait(timeout)
        except subprocess.TimeoutExpired:
            raise RigTimeout(f"not within {timeout} s: end of {self._popen.args}") from None

    def output(self):
        """What it has written so far (stdout and stderr)."""
        with open(self.log, encoding="utf-8", errors="replace") as file:
            return file.read()

    def _signal(self, number):
        if self._popen.poll() is None:
            os.killpg(self._popen.pid, number)


def in_cgroups(cgroups, argv):
    """The command line that enters the (existing) cgroups, then becomes `argv`."""
    enter = 'for c in $0; do echo $$ >"$c/cgroup.procs" || exit 1; done; exec "$@"'
    return ["/bin/sh", "-c", enter, " ".join(cgroups), *argv]


class Supervisor(threading.Thread):
    """Runs a host's nspawn, again whenever the host asks for a reboot, until the host is down."""

    def __init__(self, argv, cgroups, console, prepare):
        super().__init__(daemon=True)
        self._argv = in_cgroups(cgroups, argv)
        self._console = console
        self._prepare = prepare
        self._leader = None
        self.no_reboot = False
        self.process = None
        self.end = None  # why it ended: nspawn's status, or an exception of `prepare`

    def run(self):
        while True:
            try:
                self._prepare()
                with open(self._console, "ab") as output:
                    self.process = subprocess.Popen(
                        self._argv, stdin=subprocess.DEVNULL, stdout=output, stderr=output
                    )
            except Exception as error:  # pylint: disable=broad-except
                self.end = error
                return
            status = self.process.wait()
            if status != EXIT_REBOOT or self.no_reboot:
                self.end = status
                return

    def leader(self):
        """Pid (as seen in the rig) of the host's pid 1, None while there is none."""
        process = self.process
        if process is None or process.poll() is not None:
            return None
        if self._leader is None or not self._is_leader(self._leader, process.pid):
            found = (pid for pid in all_pids() if self._is_leader(pid, process.pid))
            self._leader = next(found, None)
        return self._leader

    @staticmethod
    def _is_leader(pid, nspawn):
        """A child of nspawn in another pid namespace: by then its root is the host's root."""
        try:
            same = os.readlink(f"/proc/{pid}/ns/pid") == os.readlink("/proc/self/ns/pid")
            return not same and parent_of(pid) == nspawn
        except OSError:
            return False


def all_pids():
    """The processes of the rig, its hosts included."""
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def parent_of(pid):
    """The parent's pid; raises OSError when there is no such process."""
    with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
        return int(file.read().rpartition(")")[2].split()[1])


class Host:
    """One host. Made by Rig.add_host(), prepared but not booted."""

    def __init__(self, rig, name, address, disk=None, binds=None, hosts=None):
        if not re.fullmatch(r"[a-z][a-z0-9-]{0,11}", name):
            raise RigError(f"{name!r}: a host's name has 1 to 12 characters a-z, 0-9, -")
        self.name = name
        self.address = address
        self.extra_hosts = dict(hosts or {})
        self._rig = rig
        self._binds = dict(binds or {})
        self._dir = f"{rig.base}/{name}"
        self.root = f"{self._dir}/root"
        self._cgroups = [f"{top}/{name}" for top in rig.cgroups]
        for cgroup in self._cgroups:
            os.makedirs(f"{cgroup}/commands")  # for run(): so these freeze with the host, too
        self._console = f"{rig.logs_dir}/{name}.console"
        self._supervisor = None
        self._boots = 0
        self.disk = None
        self._make_root()
        self._make_network()
        if disk:
            self._make_disk(disk["path"], disk.get("size", "32M"))

    def __repr__(self):
        return f"<host {self.name}>"

    # ------------------------------------------------------------ preparation

    def _make_root(self):
        for part in ("upper", "work", "root"):
            os.makedirs(f"{self._dir}/{part}")
        _tool(
            "mount", "-t", "overlay", "overlay", "-o",
            f"lowerdir=/,upperdir={self._dir}/upper,workdir={self._dir}/work", self.root,
        )
        machine_id = hashlib.md5(f"rig-{self.name}".encode()).hexdigest()
        self.write("/etc/machine-id", machine_id + "\n", 0o444)
        self.write("/etc/hostname", self.name + "\n")
        self.write("/etc/fstab", "")
        os.close(rig_root.open_dir(self.root, "/var/log/journal"))  # makes the journal persistent
        self._drop_units()

    def _drop_units(self):
        """Nothing that is enabled on the real machine runs in a host unless a test enables it."""
        for top in os.listdir(f"{self.root}/etc/systemd/system"):
            if top.endswith((".wants", ".requires")):
                rig_root.remove_files(self.root, f"/etc/systemd/system/{top}")
        for level in "0123456S":
            rig_root.remove_files(self.root, f"/etc/rc{level}.d")
        for unit in MASKED_UNITS:
            self._link_unit(f"{unit}.service", "/dev/null")
        self._link_unit("default.target", "/usr/lib/systemd/system/multi-user.target")

    def _link_unit(self, name, target):
        rig_root.write_link(self.root, f"/etc/systemd/system/{name}", target)

    def _make_network(self):
        """A network namespace with eth0, not yet joined to the bridge; outlives host and reboot."""
        mac = "02:77:" + ":".join(f"{int(part):02x}" for part in self.address.split("."))
        _tool("ip", "netns", "add", self.name)
        _tool("ip", "-batch", "-", text=(
            f"link add v-{self.name} type veth peer name eth0 netns {self.name} address {mac}\n"
            f"link set v-{self.name} up\n"
        ))
        _tool("ip", "-n", self.name, "-batch", "-", text=(
            f"link set lo up\naddr add {self.address}/24 dev eth0\nlink set eth0 up\n"
        ))

    def _drop_network(self):
        _tool("ip", "link", "del", f"v-{self.name}")
        _tool("ip", "netns", "del", self.name)

    def _make_disk(self, path, size):
        os.close(rig_root.open_dir(self.root, path))
        mount_point = self.root + path
        if os.path.realpath(mount_point) != mount_point:
            raise RigError(f"{path}: a disk cannot be mounted through a symlink")
        # nspawn takes the root with the mounts below it, so the disk is seen in the host, too
        self.disk = Disk(self._dir, f"{self._rig.id}-{self.name}", mount_point, size)
        self.disk.attach()

    # ------------------------------------------------------------ files

    def _view(self):
        """The root to read and write: with the host's own /run and /tmp while it is up."""
        leader = self.leader
        return f"/proc/{leader}/root" if leader else self.root

    def install_tree(self, directory):
        """Copy a DESTDIR tree into the host's root, before the boot or while it is up."""
        rig_root.copy_tree(directory, self._view())

    def write(self, path, text, mode=0o644):
        """Replace the file at `path` (str or bytes), parents made; a symlink there is replaced."""
        data = text.encode() if isinstance(text, str) else text
        rig_root.write_file(self._view(), path, data, mode)

    def read(self, path):
        """The text at `path`, up or down (/run and /tmp are there only while it is up)."""
        return rig_root.read_file(self._view(), path).decode(errors="replace")

    def exists(self, path):
        """Whether `path` leads to something in the host."""
        return rig_root.exists(self._view(), path)

    def enable(self, unit):
        """Have multi-user.target want `unit`, whose file is already there. Up: daemon-reload it."""
        for directory in UNIT_DIRS:
            if self.exists(f"{directory}/{unit}"):
                self._link_unit(f"multi-user.target.wants/{unit}", f"{directory}/{unit}")
                return
        raise RigError(f"{self.name}: no {unit} in {', '.join(UNIT_DIRS)}")

    # ------------------------------------------------------------ up and down

    @property
    def leader(self):
        """Pid of the host's pid 1 as seen in the rig, None while down or between two boots."""
        return self._supervisor.leader() if self._supervisor else None

    @property
    def is_down(self):
        """Whether nothing of the host runs and no reboot is under way."""
        return self._supervisor is None or not self._supervisor.is_alive()

    def boot(self):
        """Begin to boot, joined to the network; see wait_up()."""
        if not self.is_down:
            raise RigError(f"{self.name} is up")
        self.heal()
        self._supervisor = Supervisor(
            self._nspawn(), self._cgroups, self._console, self._before_boot
        )
        self._supervisor.start()

    def _nspawn(self):
        return [
            "systemd-nspawn", "--quiet", f"--directory={self.root}", f"--machine={self.name}",
            "--boot", "--register=no", "--keep-unit", "--link-journal=no", "--resolv-conf=off",
            "--timezone=off", "--console=pipe",
            "--system-call-filter=@memlock",  # as on a real host: keys are locked in memory
            f"--network-namespace-path=/run/netns/{self.name}",
            *(f"--bind={outside}:{inside}" for outside, inside in self._binds.items()),
        ]

    def _before_boot(self):
        """Every boot mounts the disk anew, as a real host does."""
        self._boots += 1
        if self.disk and self._boots > 1:
            self.disk.detach()
            self.disk.attach()

    def wait_up(self, timeout=60):
        """Return when the host's systemd has finished its start (running or degraded)."""
        wait_for(self._is_up, timeout, f"boot of {self.name}, see {self._console}")

    def _is_up(self):
        self._require_up()
        if not self.exists("/run/systemd/private"):
            return False
        state = self.run(["systemctl", "is-system-running", "--wait"], check=False).stdout.strip()
        if state not in ("running", "degraded"):
            raise RigError(f"systemd says {state!r}")
        return True

    def start(self, timeout=60):
        """Boot again after crash(), power_cut() or poweroff(), healed; returns when it is up."""
        self.boot()
        self.wait_up(timeout)

    def reboot(self, timeout=60):
        """systemctl reboot in the host; returns when it is up again."""
        before = self.boot_id()
        self.run(["systemctl", "reboot"], check=False)
        self.wait_rebooted(before, timeout)

    def wait_rebooted(self, before, timeout=60):
        """Wait until the host, which reboots by itself, is up and no longer in boot `before`."""
        wait_for(lambda: self.boot_id() != before, timeout, f"new boot id of {self.name}")
        self.wait_up(timeout)

    def poweroff(self, timeout=60):
        """Orderly shutdown; returns when the host is down."""
        self.run(["systemctl", "poweroff"], check=False)
        wait_for(lambda: self.is_down, timeout, f"end of {self.name}")

    def crash(self):
        """The host stops at once and silently: no packet leaves it. Files keep what was written.

        Its network namespace is made anew, so that no socket of it speaks up after a later heal.
        """
        self._require_up()
        self.cut()
        self._kill()
        self._drop_network()
        self._make_network()

    def power_cut(self):
        """crash() that also loses what was not synced on the disk; the next boot has the rest."""
        if not self.disk:
            raise RigError(f"{self.name} has no disk")
        self._require_up()
        self.cut()
        self._freeze(True)  # nobody in the host sees the dying disk, nor tells anybody
        self.disk.cut()
        self._kill()
        self._freeze(False)
        self._drop_network()
        self._make_network()
        self.disk.use_snapshot()

    def _require_up(self):
        if self.is_down:
            end = self._supervisor.end if self._supervisor else "never booted"
            raise RigError(f"{self.name} is down ({end})")

    def _require_leader(self):
        self._require_up()
        leader = self.leader
        if not leader:
            raise RigError(f"{self.name} is between two boots")
        return leader

    def _kill(self):
        """Kill the host's pid 1, and so all its processes; returns when nspawn has ended, too.

        Never nspawn itself: the host would survive it.
        """
        self._supervisor.no_reboot = True
        self._kill_commands()
        wait_for(self._killed, 20, f"death of {self.name}")
        self._supervisor.join()

    def _kill_commands(self):
        """End what run() and argv() started.

        A frozen nsenter would not reap its child, for which the host's dying pid 1 waits.
        """
        for cgroup in self._cgroups:
            path = f"{cgroup}/commands/cgroup.kill"
            if os.path.exists(path):
                with open(path, "w", encoding="utf-8") as file:
                    file.write("1")

    def _killed(self):
        leader = self.leader
        if leader:
            os.kill(leader, signal.SIGKILL)
        return self.is_down

    def _freeze(self, frozen):
        """Stop (or let go) all processes of the host; without effect where there is no cgroup v2.

        Without it a process that is in the middle of an fsync while ext4 is shut down may be told
        that it succeeded, although the data is lost (seen in about 1 of 10 cuts).
        """
        payloads = [f"{cgroup}/{part}" for cgroup in self._cgroups for part in PAYLOADS]
        payloads = [path for path in payloads if os.path.exists(f"{path}/cgroup.freeze")]
        for path in payloads:
            with open(f"{path}/cgroup.freeze", "w", encoding="utf-8") as file:
                file.write("1" if frozen else "0")
        if frozen:
            wait_for(lambda: all(map(is_frozen, payloads)), 10, f"standstill of {self.name}")

    # ------------------------------------------------------------ commands

    def argv(self, command):
        """The command line that runs `command` in the host, with a clean environment.

        For Rig.spawn(). The leader is looked up now, so it is good for this boot only.
        """
        leader = self._require_leader()
        enter = ["nsenter", "-t", str(leader), "-m", "-u", "-i", "-n", "-p", "-C"]
        commands = [f"{cgroup}/commands" for cgroup in self._cgroups]
        return in_cgroups(commands, [*enter, "env", "-i", *CLEAN_ENV, *command])

    def run(self, command, check=True, timeout=30, input=None):
        """Run a command in the host; it is in none of its units' cgroups. CompletedProcess (text).

        Raises CommandFailed (if `check`), RigTimeout, or RigError when the host is down.
        """
        try:
            result = run_command(self.argv(command), timeout, input)
        except subprocess.TimeoutExpired:
            what = f"{' '.join(command)} in {self.name}"
            raise RigTimeout(f"not within {timeout} s: {what}") from None
        result.args = list(command)
        if check and result.returncode != 0:
            raise CommandFailed(self.name, result)
        return result

    def run_unit(self, command, check=True, timeout=30, input=None):
        """run() as a transient unit of the host's systemd."""
        wrap = ["systemd-run", "--quiet", "--wait", "--pipe", "--collect"]
        return self.run(wrap + list(command), check, timeout, input)

    def boot_id(self):
        """The id of this boot; RigError when the host is down."""
        leader = self._require_leader()
        path = "/proc/sys/kernel/random/boot_id"
        return rig_root.read_file(f"/proc/{leader}/root", path).decode().strip()

    def journal(self, unit=None):
        """All of the host's journal, of every boot (of `unit` if given), up or down."""
        if self.leader:
            self.run(["journalctl", "--sync"], check=False)
        return _tool(
            "journalctl", "--quiet", "--no-pager", "--output=short-precise",
            f"--directory={self.root}/var/log/journal", *([f"--unit={unit}"] if unit else []),
        )

    # ------------------------------------------------------------ faults

    def cut(self):
        """Packets vanish silently, the carrier stays."""
        _tool("ip", "link", "set", f"v-{self.name}", "nomaster")

    def unplug(self):
        """The host sees that its link is down."""
        _tool("ip", "link", "set", f"v-{self.name}", "down")

    def heal(self):
        """Undo cut() and unplug()."""
        _tool("ip", "link", "set", f"v-{self.name}", "master", "br0", "up")

    def remount_ro(self, path):
        """The disk at `path` turns read-only (EROFS), also for open files, until the next boot.

        An fsync under way at that moment fails with EIO.
        """
        self._disk_at(path).force_read_only()

    def fill(self, path):
        """The disk at `path` becomes full (ENOSPC; a new empty file can still be made)."""
        self._disk_at(path).fill()

    def unfill(self, path):
        """Undo fill()."""
        self._disk_at(path).unfill()

    def _disk_at(self, path):
        if not self.disk or self.disk.mount_point != self.root + path.rstrip("/"):
            raise RigError(f"{self.name} has no disk at {path}")
        return self.disk

    # ------------------------------------------------------------ teardown

    def ask_poweroff(self):
        """Tell the host's systemd to power off; does not wait."""
        if not self.is_down:
            self._supervisor.no_reboot = True
        leader = self.leader
        if leader:
            os.kill(leader, signal.SIGRTMIN + 4)

    def remove(self, deadline):
        """Take everything of the host away, by force after `deadline` (time.monotonic)."""
        if self._supervisor:
            self._supervisor.join(max(0, deadline - time.monotonic()))
            if not self.is_down:
                self._kill()
        self._save_journal()
        self._drop_network()
        if self.disk:
            subprocess.run(["umount", "--lazy", self.disk.mount_point], check=False)
        _tool("umount", "--lazy", self.root)
        for cgroup in self._cgroups:
            remove_cgroup(cgroup)
        shutil.rmtree(self._dir, ignore_errors=True)

    def _save_journal(self):
        with open(f"{self._rig.logs_dir}/{self.name}.journal", "w", encoding="utf-8") as file:
            file.write(self.journal())


def is_frozen(cgroup):
    """Whether all processes of the cgroup stand still, none of them in a system call."""
    with open(f"{cgroup}/cgroup.events", encoding="utf-8") as file:
        return "frozen 1" in file.read()


def remove_cgroup(path):
    """Remove a cgroup without processes, and those below it; what is not there is no error."""
    for directory, _, _ in os.walk(path, topdown=False):
        try:
            os.rmdir(directory)
        except OSError:
            pass


class Rig:
    """The hosts and processes of one test module. A context manager: all is taken down at its end.

    Logs go to `logs_dir`: NAME.console and NAME.journal of each host, NAME.log of each process.
    """

    def __init__(self, logs_dir):
        if os.environ.get("RIG_INNER") != "1":
            raise RigError("not inside a rig: run this through tests/cluster/enter")
        self.id = os.environ["RIG_ID"]
        self.cgroups = os.environ["RIG_CGROUPS"].split()
        self.logs_dir = str(logs_dir)
        os.makedirs(self.logs_dir, exist_ok=True)
        self.base = tempfile.mkdtemp(prefix="hosts-", dir=BASE)
        self.hosts = {}
        self._processes = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def add_host(self, name, address, disk=None, binds=None, hosts=None):
        """Prepare a host (not booted). /etc/hosts names all hosts of the rig, and `hosts`.

        disk   {"path": where it is mounted in the host, "size": "32M"}: see rig_disk.py
        binds  {path in the rig: path in the host}; read-only unless listed in RIG_RW
        hosts  {name: address} added to this host's /etc/hosts
        """
        if name in self.hosts:
            raise RigError(f"host {name} exists")
        host = Host(self, name, address, disk, binds, hosts)
        self.hosts[name] = host
        for each in self.hosts.values():
            self._write_etc_hosts(each)
        return host

    def remove_host(self, name):
        """Take a host away, by force if it is up, so that its name and address are free again."""
        host = self.hosts.pop(name)
        if not host.is_down:
            host.crash()
        host.remove(time.monotonic() + 5)

    def _write_etc_hosts(self, host):
        names = {each.name: each.address for each in self.hosts.values()} | host.extra_hosts
        lines = ["127.0.0.1 localhost", *(f"{ip} {name}" for name, ip in names.items())]
        host.write("/etc/hosts", "\n".join(lines) + "\n")

    def boot_all(self, hosts=None, timeout=60):
        """Boot hosts (default: all that are down) at the same time; returns when all are up."""
        hosts = list(hosts or [host for host in self.hosts.values() if host.is_down])
        for host in hosts:
            host.boot()
        for host in hosts:
            host.wait_up(timeout)

    def spawn(self, name, argv, env=None, cwd=None, netns=None):
        """Start a process in the rig itself (not in a host); its output goes to logs_dir/NAME.log.

        env    added to the rig's environment
        netns  name of the host whose network it uses (until that host's next crash)
        """
        enter = ["nsenter", f"--net=/run/netns/{netns}"] if netns else []
        process = Process([*enter, *argv], f"{self.logs_dir}/{name}.log", env or {}, cwd)
        self._processes.append(process)
        return process

    def close(self):
        """Orderly but quick: processes get 2 s, hosts 5 s, then all is killed and removed."""
        running = [process for process in self._processes if process.poll() is None]
        for process in running:
            process.terminate()
        for host in self.hosts.values():
            host.ask_poweroff()
        deadline = time.monotonic() + 2
        for process in running:
            try:
                process.wait(max(0, deadline - time.monotonic()))
            except RigTimeout:
                process.kill()
        deadline = time.monotonic() + 5
        for host in self.hosts.values():
            host.remove(deadline)
        self.hosts.clear()
        self._processes.clear()
        shutil.rmtree(self.base, ignore_errors=True)
