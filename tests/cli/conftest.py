# SPDX-License-Identifier: Apache-2.0
import fcntl
import os
import pathlib
import pty
import struct
import subprocess
import termios

import pytest
from fake_daemon import FakeDaemon

HERE = pathlib.Path(__file__).parent
SOURCE = HERE.parent.parent
PROGRAM = pathlib.Path(os.environ["ROLLPATCH_BUILD"]) / "coordinator" / "cli" / "rollpatch"


class Cli:
    """Runs the real program, with nothing of our own environment but what it needs."""

    program_folder = PROGRAM.parent

    def __init__(self, socket_path):
        self.environment = {
            "ROLLPATCH_CONTROL": socket_path,
            "PATH": os.environ["PATH"],
            "LC_ALL": "C.UTF-8",
            "TERM": "xterm",
        }

    def start(self, *arguments, **more):
        environment = {**self.environment, **more.pop("environment", {})}
        more = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **more}
        return subprocess.Popen([PROGRAM, *arguments], env=environment, text=True, **more)

    def run(self, *arguments, **more):
        """(exit status, stdout, stderr), no terminal anywhere."""
        process = self.start(*arguments, stdin=subprocess.DEVNULL, **more)
        out, err = process.communicate(timeout=30)
        return process.returncode, out, err

    def run_on_terminal(self, columns, *arguments, **more):
        """(exit status, what the terminal got)."""
        leader, follower = pty.openpty()
        fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
        process = self.start(
            *arguments, stdin=follower, stdout=follower, stderr=follower, **more
        )
        os.close(follower)
        seen = read_terminal(leader)
        return process.wait(timeout=30), seen


def read_terminal(leader):
    seen = b""
    while True:
        try:
            part = os.read(leader, 65536)
        except OSError:  # EIO: the last one has closed it
            break
        if not part:
            break
        seen += part
    os.close(leader)
    return seen.decode().replace("\r\n", "\n")


@pytest.fixture
def socket_path(tmp_path):
    return str(tmp_path / "control")


@pytest.fixture
def cli(socket_path):
    return Cli(socket_path)


@pytest.fixture
def daemon(socket_path):
    fake = FakeDaemon(socket_path)
    yield fake
    fake.stop()


@pytest.fixture
def golden():
    """Compares a text with golden/NAME.txt; $ROLLPATCH_GOLDEN=write replaces that."""

    def compare(name, text):
        path = HERE / "golden" / f"{name}.txt"
        if os.environ.get("ROLLPATCH_GOLDEN") == "write":
            path.write_text(text)
        assert text == path.read_text()

    return compare
