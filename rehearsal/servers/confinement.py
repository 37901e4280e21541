"""What the kernel keeps from a Postgres that runs somebody else's definitions, beside what Postgres itself forbids.

Landlock (Linux 5.13 or newer) leaves it the files of its own directory, what it was installed with, and no program to
start but itself; from Linux 6.7 on no TCP either. A network namespace leaves it no network at all. Neither needs root.
Where a machine has or allows neither, the server runs without, and its owner is told.

Imported by the guard, which has no third-party package: only the standard library is used, and the kernel is called as
include/uapi/linux/landlock.h and sched.h say.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import os
import resource
import socket
import struct
import sys
from collections.abc import Iterable
from pathlib import Path

MOST_MEMORY_BYTES = 8 << 30  # of one session's address space
CLONE_NEWUSER, CLONE_NEWNET = 0x10000000, 0x40000000
SET_INTERFACE_FLAGS, UP = 0x8914, 0x1  # SIOCSIFFLAGS, IFF_UP
NO_NEW_PRIVILEGES = 38  # of prctl
CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446  # the same on every architecture
PATH_BENEATH = 1

EXECUTE, WRITE_FILE, READ_FILE, READ_FOLDER, TRUNCATE = 1 << 0, 1 << 1, 1 << 2, 1 << 3, 1 << 14
READ = READ_FILE | READ_FOLDER
OF_FILES = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE  # what a rule for a file, not a folder, may allow
RIGHTS_BY_VERSION = {1: 13, 2: 14, 3: 15, 4: 15}  # how many rights on files each version knows; 16 from 5 on
NO_TCP, ONLY_ITS_OWN = 0b11, 0b11  # bind and connect; abstract sockets and signals of its own processes

LOADERS = ("lib64/ld-*.so*", "lib/ld-*.so*", "lib/*/ld-*.so*", "usr/lib/ld-*.so*")
LIBRARIES = ("/usr", "/lib", "/lib64", "/nix/store", "/etc/crypto-policies")
SETTINGS = ("/etc/ld.so.cache", "/etc/ssl/openssl.cnf", "/etc/pki/tls/openssl.cnf", "/etc/localtime")
DEVICES = ("/dev/null", "/dev/zero", "/dev/random", "/dev/urandom")


def landlock_version() -> int:
    """Which version of Landlock the kernel has; 0 where it has none or it is turned off."""
    if not sys.platform.startswith("linux"):
        return 0
    return max(0, call(CREATE_RULESET, None, 0, 1))


def call(number: int, *arguments: object) -> int:
    """A system call; -1 where it failed."""
    return int(ctypes.CDLL(None, use_errno=True).syscall(number, *arguments))


def restrict(version: int, directory: Path, installation: Path, program: Path) -> None:
    """Takes from this process, and what it starts, all but what a Postgres in `directory` needs.

    To be called in the child, before it becomes `program`. Raises OSError.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with contextlib.suppress(ValueError):  # there is a stricter one already
        resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY_BYTES, MOST_MEMORY_BYTES))
    if not version:
        return
    known = (1 << RIGHTS_BY_VERSION.get(version, 16)) - 1
    attributes = struct.pack("=QQQ", known, NO_TCP if version >= 4 else 0, ONLY_ITS_OWN if version >= 6 else 0)
    size = 24 if version >= 6 else 16 if version >= 4 else 8
    ruleset = demand(call(CREATE_RULESET, ctypes.c_char_p(attributes), ctypes.c_size_t(size), 0))
    allow(ruleset, [directory], known & ~EXECUTE)
    packaged = installation.parent.glob(f"{installation.name}.libs")  # where a wheel keeps further libraries
    allow(ruleset, [*LIBRARIES, *SETTINGS, installation, *packaged], READ)
    allow(ruleset, DEVICES, READ_FILE | WRITE_FILE)
    allow(ruleset, [program, *(path for pattern in LOADERS for path in Path("/").glob(pattern))], EXECUTE | READ_FILE)
    demand(ctypes.CDLL(None, use_errno=True).prctl(NO_NEW_PRIVILEGES, 1, 0, 0, 0))
    demand(call(RESTRICT_SELF, ruleset, 0))
    os.close(ruleset)


def allow(ruleset: int, paths: Iterable[str | Path], rights: int) -> None:
    """Adds a rule for each path that is there."""
    for path in paths:
        try:
            beneath = os.open(path, os.O_PATH | os.O_CLOEXEC)
        except OSError:
            continue
        try:
            its = rights if os.path.isdir(path) else rights & OF_FILES  # noqa: PTH112
            rule = struct.pack("=Qi", its, beneath)
            demand(call(ADD_RULE, ruleset, PATH_BENEATH, ctypes.c_char_p(rule), 0))
        finally:
            os.close(beneath)


def demand(result: int) -> int:
    """The result of a system call. Raises OSError where that failed."""
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


def leave_the_network() -> bool:
    """Moves this process, and what it starts, into a network of its own; False where that is not allowed.

    A process that is not root needs a namespace of users for it, in which it stays who it is.
    """
    if not sys.platform.startswith("linux"):
        return False
    # In a child first: half of a namespace of users, as some machines allow it, is of no use and cannot be left.
    child = os.fork()
    if child == 0:
        with contextlib.suppress(OSError):
            enter_a_network()
            os._exit(0)
        os._exit(1)
    if os.waitpid(child, 0)[1] != 0:
        return False
    enter_a_network()
    return True


def enter_a_network() -> None:
    """The same. Raises OSError."""
    user, group = os.geteuid(), os.getegid()
    unshare = ctypes.CDLL(None, use_errno=True).unshare
    demand(unshare(CLONE_NEWNET if user == 0 else CLONE_NEWUSER | CLONE_NEWNET))
    if user != 0:
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
        Path("/proc/self/gid_map").write_text(f"{group} {group} 1")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:  # up to version 14 Postgres talks to itself
        fcntl.ioctl(any_socket, SET_INTERFACE_FLAGS, struct.pack("16sH14x", b"lo", UP))
