# SPDX-License-Identifier: Apache-2.0
"""A small ext4 disk of a host that loses un-synced data when its power is cut.

What makes that claim true:

  platter    an image file on tmpfs below a loop device. Only what the inner ext4 has submitted is
             in it; dirty pages and buffers of the inner file system are not, so the image file is
             copied, never the loop device.
  the cut    The caller has stopped all who use the disk. EXT4_IOC_SHUTDOWN (without a log flush)
             stops the kernel's own writeback, too: nothing more leaves the file system. What is in
             flight in the loop device is awaited, for copying a moving image could keep a later
             write without an earlier one. The next boot runs on the copy.
  no luck    commit=300 (else the journal commits every 5 s), noauto_da_alloc (else ext4 writes the
             data of a file by itself when it is renamed over another, and hides a missing fsync),
             no background initialisation.

What it cannot show: the loop device completes writes in order and has no volatile cache, so a write
that ext4 submitted is kept even without a flush.
"""

import errno
import fcntl
import os
import struct
import subprocess
import time

EXT4_IOC_SHUTDOWN = 0x8004587D
NO_LOG_FLUSH = 2
MOUNT_OPTIONS = "loop,commit=300,noauto_da_alloc,noinit_itable,nodiscard"


class Disk:
    """One disk: its image in `directory`, mounted at `mount_point` (a directory) by attach()."""

    def __init__(self, directory, name, mount_point, size):
        self.directory = directory
        self.name = name
        self.mount_point = mount_point
        self.generation = 0
        with open(self.image, "wb") as file:
            file.truncate(parse_size(size))
        _tool("mkfs.ext4", "-q", "-F", "-b", "4096", "-m", "0", "-J", "size=4", "-E",
              "lazy_itable_init=0,lazy_journal_init=0,nodiscard", self.image)

    @property
    def image(self):
        """The image file now in use. A power cut moves on to the next generation."""
        return f"{self.directory}/{self.name}-{self.generation}.img"

    def attach(self):
        """Mount the image, after the file system check that a booting host makes as well."""
        check = subprocess.run(["e2fsck", "-p", self.image], text=True, capture_output=True)
        if check.returncode > 1:  # 1: repaired
            raise RuntimeError(f"{self.image} is damaged: {check.stdout}{check.stderr}")
        # mount -o loop lets go of the loop device with the last user of the file system, however
        # that ends
        _tool("mount", "-o", MOUNT_OPTIONS, self.image, self.mount_point)

    def detach(self):
        """Unmount (all data is written); returns when nobody uses the image any more."""
        loop = self._loop()
        _tool("umount", self.mount_point)
        deadline = time.monotonic() + 10
        while self._backed_by_image(loop):
            if time.monotonic() > deadline:
                raise RuntimeError(f"{self.image}: somebody keeps the unmounted disk open")
            time.sleep(0.005)

    def cut(self):
        """The moment of the cut: leaves the mounted file system dead and a snapshot beside it."""
        fd = os.open(self.mount_point, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.ioctl(fd, EXT4_IOC_SHUTDOWN, struct.pack("I", NO_LOG_FLUSH))
        finally:
            os.close(fd)
        self._await_idle()
        _tool("cp", "--sparse=always", self.image, self._snapshot)

    def use_snapshot(self):
        """After cut(), with the host's processes gone: mount what was on the disk at the cut."""
        _tool("umount", self.mount_point)
        os.unlink(self.image)
        self.generation += 1
        self.attach()

    def force_read_only(self):
        """Make the disk read-only also for those who have files open for writing.

        What is dirty is written first. Ends when the disk is detached and attached again.
        """
        _tool("sync", "-f", self.mount_point)
        # a plain remount,ro is refused (EBUSY) while a file is open for writing
        _tool("mount", "-o", "remount,abort", self.mount_point)

    def fill(self):
        """Use up all free space, with a file; small steps at the end so that nothing remains."""
        with open(self._filler, "ab", buffering=0) as file:
            for step in (1 << 20, 1 << 16, 1 << 12, 1):
                try:
                    while True:
                        file.write(bytes(step))
                        os.fsync(file.fileno())
                except OSError as error:
                    if error.errno != errno.ENOSPC:
                        raise

    def unfill(self):
        """Give back what fill() took; no error if nothing."""
        try:
            os.unlink(self._filler)
        except FileNotFoundError:
            pass

    @property
    def _filler(self):
        return os.path.join(self.mount_point, ".rig-fill")

    @property
    def _snapshot(self):
        return f"{self.directory}/{self.name}-{self.generation + 1}.img"

    def _loop(self):
        """The /sys directory of the loop device below the mounted disk."""
        device = os.stat(self.mount_point).st_dev
        return f"/sys/dev/block/{os.major(device)}:{os.minor(device)}"

    def _backed_by_image(self, loop):
        try:
            with open(f"{loop}/loop/backing_file", encoding="utf-8") as file:
                return os.path.basename(self.image) in file.read()
        except OSError:
            return False

    def _await_idle(self):
        """Wait until no write is in flight between the file system and the image."""
        path = f"{self._loop()}/inflight"
        deadline = time.monotonic() + 10
        while True:
            with open(path, encoding="utf-8") as file:
                if file.read().split() == ["0", "0"]:
                    return
            if time.monotonic() > deadline:
                raise RuntimeError(f"{path}: writes do not end")
            time.sleep(0.001)


def parse_size(text):
    """Bytes of "512K", "32M", "1G" or a plain number."""
    factor = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30}.get(text[-1].upper())
    return int(text[:-1]) * factor if factor else int(text)


def _tool(*argv):
    """Run a tool that must succeed; its own words are in the error."""
    done = subprocess.run(argv, text=True, capture_output=True, stdin=subprocess.DEVNULL)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(argv)}: status {done.returncode}: {done.stderr.strip()}")
