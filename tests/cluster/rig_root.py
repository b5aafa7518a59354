# SPDX-License-Identifier: Apache-2.0
"""Reading and writing below a host's root directory from outside, as if it were "/".

Every path is resolved by openat2(RESOLVE_IN_ROOT): an absolute symlink in the host's root, or "..",
leads to a place in that root, never to the real machine's files. `root` is the path of a directory,
such as a host's root or /proc/PID/root.
"""

import ctypes
import errno
import os
import stat
import struct

SYS_OPENAT2 = 437  # the same number on every architecture
RESOLVE_IN_ROOT = 0x10

_libc = ctypes.CDLL(None, use_errno=True)


def _openat2(root_fd, path, flags, mode=0):
    """open(2) of `path` with `root_fd` as "/"; raises OSError."""
    how = struct.pack("QQQ", flags | os.O_CLOEXEC, mode, RESOLVE_IN_ROOT)
    for _ in range(100):
        fd = _libc.syscall(SYS_OPENAT2, root_fd, os.fsencode(path), how, ctypes.c_size_t(len(how)))
        if fd >= 0:
            return fd
        error = ctypes.get_errno()
        # a rename or mount elsewhere at the same moment makes the kernel unsure: try again
        if error != errno.EAGAIN:
            break
    raise OSError(error, os.strerror(error), path)


def open_in(root, path, flags, mode=0):
    """Open `path` below `root`; returns a file descriptor, raises OSError."""
    root_fd = os.open(root, os.O_PATH | os.O_DIRECTORY)
    try:
        return _openat2(root_fd, path, flags, mode)
    finally:
        os.close(root_fd)


def _open_dir(root_fd, path):
    """A descriptor of the directory `path`, made with its parents where missing."""
    try:
        return _openat2(root_fd, path, os.O_RDONLY | os.O_DIRECTORY)
    except FileNotFoundError:
        parent = _open_dir(root_fd, os.path.dirname(path.rstrip("/")) or "/")
    try:
        os.mkdir(os.path.basename(path.rstrip("/")), 0o755, dir_fd=parent)
    finally:
        os.close(parent)
    return _openat2(root_fd, path, os.O_RDONLY | os.O_DIRECTORY)


def open_dir(root, path):
    """A descriptor of the directory `path` below `root`, made with its parents where missing."""
    root_fd = os.open(root, os.O_PATH | os.O_DIRECTORY)
    try:
        return _open_dir(root_fd, path)
    finally:
        os.close(root_fd)


def _replace(dir_fd, name, make):
    """`make(temporary name)`, then rename over `name`: replaces a symlink, does not follow it."""
    temporary = f".{name}.rig-{os.getpid()}"
    try:
        make(temporary)
        os.rename(temporary, name, src_dir_fd=dir_fd, dst_dir_fd=dir_fd)
    except BaseException:
        try:
            os.unlink(temporary, dir_fd=dir_fd)
        except FileNotFoundError:
            pass
        raise


def _put_file(dir_fd, name, data, mode):
    def make(temporary):
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
        with os.fdopen(os.open(temporary, flags, 0o600, dir_fd=dir_fd), "wb") as file:
            file.write(data)
            os.fchmod(file.fileno(), mode)

    _replace(dir_fd, name, make)


def _put_link(dir_fd, name, target):
    _replace(dir_fd, name, lambda temporary: os.symlink(target, temporary, dir_fd=dir_fd))


def write_file(root, path, data, mode=0o644):
    """Put a new file (bytes) at `path`, replacing what is there; parents are made."""
    dir_fd = open_dir(root, os.path.dirname(path))
    try:
        _put_file(dir_fd, os.path.basename(path), data, mode)
    finally:
        os.close(dir_fd)


def write_link(root, path, target):
    """Put a symlink at `path`, replacing a file or symlink there; parents are made."""
    dir_fd = open_dir(root, os.path.dirname(path))
    try:
        _put_link(dir_fd, os.path.basename(path), target)
    finally:
        os.close(dir_fd)


def read_file(root, path):
    """The content of `path` as bytes."""
    with os.fdopen(open_in(root, path, os.O_RDONLY), "rb") as file:
        return file.read()


def exists(root, path):
    """Whether `path` leads to something; a dangling symlink does not."""
    try:
        os.close(open_in(root, path, os.O_PATH))
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True


def remove_files(root, directory):
    """Remove the files and symlinks (not the directories) in `directory`, if it exists."""
    try:
        dir_fd = open_in(root, directory, os.O_RDONLY | os.O_DIRECTORY)
    except FileNotFoundError:
        return
    try:
        for name in os.listdir(dir_fd):
            if not stat.S_ISDIR(os.stat(name, dir_fd=dir_fd, follow_symlinks=False).st_mode):
                os.unlink(name, dir_fd=dir_fd)
    finally:
        os.close(dir_fd)


def copy_tree(source, root):
    """Copy the tree `source` over `root`: directories, files with modes, symlinks as they are.

    A directory of `source` may be a symlink in `root` (/lib -> usr/lib): it is followed, in `root`.
    """
    for directory, subdirs, files in os.walk(source):
        dir_fd = open_dir(root, "/" + os.path.relpath(directory, source))
        try:
            for name in subdirs + files:
                _copy_entry(os.path.join(directory, name), dir_fd, name)
        finally:
            os.close(dir_fd)


def _copy_entry(source, dir_fd, name):
    mode = os.lstat(source).st_mode
    if stat.S_ISLNK(mode):
        _put_link(dir_fd, name, os.readlink(source))
    elif stat.S_ISREG(mode):
        with open(source, "rb") as file:
            _put_file(dir_fd, name, file.read(), stat.S_IMODE(mode))
    elif not stat.S_ISDIR(mode):
        raise ValueError(f"{source}: neither file, symlink nor directory")
