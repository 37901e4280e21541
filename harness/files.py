"""Files and folders that nobody else can steer: opened without following links, ours, and closed to others."""

from __future__ import annotations

import errno
import os
import stat
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

_NO_LINKS = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
_NO_WAITING = getattr(os, "O_NONBLOCK", 0)  # for somebody at the other end of a FIFO


def open_own(path: Path, flags: int) -> int:
    """A descriptor of a regular file that is this user's, and from now on readable by nobody else.

    Raises:
        OSError: it cannot be had; `strerror` says why, also where it is a link, a FIFO, a device, or somebody else's.
    """
    try:
        descriptor = os.open(path, flags | _NO_LINKS | _NO_WAITING, 0o600)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise _refused(path, "is a link: nothing is written through one; remove it") from None
        raise
    try:
        _demand_own_file(path, os.fstat(descriptor))
        if os.name == "posix" and os.fstat(descriptor).st_mode & 0o077:
            os.fchmod(descriptor, 0o600)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def demand_own(path: Path) -> None:
    """Demand that a file which somebody else will open is not there, or is one that `open_own` would open.

    Raises:
        OSError: as `open_own`.
    """
    try:
        about = path.lstat()
    except FileNotFoundError:
        return
    _demand_own_file(path, about)


def own_folder(folder: Path, of_ours: Collection[str]) -> None:
    """Make a folder for its owner only, or take one that is there: a link to it must be ours, as the folder itself.

    A folder that others may enter is closed to them where it is empty, or holds what a run has written.

    Args:
        folder: the folder.
        of_ours: the names of files that tell a folder of ours.

    Raises:
        OSError: it cannot be made, or is somebody else's; `strerror` says why.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if os.name != "posix":
        return
    if folder.lstat().st_uid != os.geteuid():
        raise _refused(folder, "belongs to somebody else; name one that does not exist yet")
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        about = os.fstat(descriptor)
        if about.st_uid != os.geteuid():
            raise _refused(folder, "belongs to somebody else; name one that does not exist yet")
        if about.st_mode & 0o077:
            there = os.listdir(descriptor)  # noqa: PTH208 (of what is open, whatever its name leads to now)
            if about.st_mode & stat.S_ISVTX or (there and not any(name in of_ours for name in there)):
                raise _refused(folder, "is open to others and holds other files; chmod 700 it, or name a new one")
            os.fchmod(descriptor, 0o700)
    finally:
        os.close(descriptor)


def _demand_own_file(path: Path, about: os.stat_result) -> None:
    if stat.S_ISLNK(about.st_mode):
        raise _refused(path, "is a link: nothing is written through one; remove it")
    if not stat.S_ISREG(about.st_mode):
        raise _refused(path, "is not a regular file; remove it")
    if about.st_nlink > 1:
        raise _refused(path, "has another name too (a hard link), and would be changed under both; remove it")
    if os.name == "posix" and os.geteuid() not in (0, about.st_uid):  # root cleans up after others
        raise _refused(path, "belongs to somebody else")


def _refused(path: Path, why: str) -> OSError:
    return OSError(errno.EPERM, f"{path.name} {why}", str(path))
