"""Writes the history: evidence and clean-up ledger in one, JSON Lines, readable after any ending.

docs/history.md describes its records. An intent is on disk before its POST leaves. `harness.history.reading` reads it.
"""

from __future__ import annotations

import json
import os
import threading
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

from harness.files import open_own
from harness.history.attempt import Attempt
from harness.history.history import WithoutItsName
from harness.history.reading import FORMAT, UnreadableHistory, parsed

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from harness.errors import CouldNotTell
    from harness.history.attempt import Phase
    from harness.history.reading import Recorded

_COMPACT = json.JSONEncoder(separators=(",", ":"))  # made once: every POST is written by it, twice
_CLOSED = -1  # no descriptor: the operating system refuses it (EBADF)


class StillWritten(Exception):
    """A run that is still going on writes this history: only that run may clean up what it stores."""


class Ledger:
    """Appends records to a history file. Thread-safe: one `write` call per line, on a descriptor opened to append.

    As long as it is open, no other process can open the same file so. The lock ends with the process, however it ends.

    Raises:
        StillWritten: another process has it open.
        OSError: it cannot be written, or is a link, no file, or somebody else's.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._descriptor = open_own(path, os.O_RDWR | os.O_CREAT | os.O_APPEND)
        try:
            _lock_file(self._descriptor)
            self._drop_torn_line()
            _keep_name(path)
        except BaseException:
            os.close(self._descriptor)
            raise

    def _drop_torn_line(self) -> None:
        """Cut off what a killed run wrote of its last line: the next record would continue it."""
        content = os.pread(self._descriptor, os.fstat(self._descriptor).st_size, 0)
        if content and not content.endswith(b"\n"):
            os.ftruncate(self._descriptor, content.rfind(b"\n") + 1)

    def run(self, run: str, environments: dict[str, dict[str, Any]]) -> None:
        """The first record: which run, on which deployments."""
        self._append([{"record": "run", "format": FORMAT, "run": run, "at": _now(), "environments": environments}])

    def database(self, environment: str, identity: str) -> None:
        """Write which database the POSTs are about to be stored in (`harness.postgres.connection.identity_of`)."""
        self._append([{"record": "database", "environment": environment, "identity": identity}])

    def cut_short(self, environment: str, n: int, why: CouldNotTell, *, absent: bool) -> None:
        """Write why the POSTs after number `n` are not sent; `absent`: its row is not in that database."""
        record = {"record": "cut_short", "environment": environment, "n": n, "cause": why.cause, "remedy": why.remedy}
        self._append([{**record, "absent": absent, "found": isinstance(why, WithoutItsName)}], sync=True)

    def intend(
        self, environment: str, planned: Iterable[tuple[int, str, Phase, Sequence[str]]], *, sync: bool = True
    ) -> None:
        """Write the POSTs that are about to leave, and return when the disk has them; or else the caller `sync`s."""
        at = _now()
        self._append(
            [
                {
                    "record": "intent",
                    "environment": environment,
                    "at": at,
                    "n": n,
                    "name": name,
                    "phase": phase,
                    "labels": [*labels],
                }
                for n, name, phase, labels in planned
            ],
            sync=sync,
        )

    def sync(self) -> None:
        """Return when the disk has all that was written before."""
        os.fsync(self._descriptor)

    def settle(self, environment: str, attempt: Attempt) -> None:
        """Write the outcome of a POST."""
        outcome = {field: getattr(attempt, field) for field in Attempt.__struct_fields__}
        self._append([{"record": "attempt", "environment": environment, **outcome}])

    def look(self, environment: str, record: Literal["look", "served", "rows"], **seen: object) -> None:
        """Write what a watch of a rollout saw: the column (`look`), the revision (`served`), its rows (`rows`)."""
        self._append([{"record": record, "environment": environment, **seen}])

    def rows(self, record: str, environment: str, rows: Iterable[tuple[str, str]]) -> None:
        """Write (id, label) pairs: `row` before they are deleted, `removed` after."""
        self._append(
            [{"record": record, "environment": environment, "id": id_, "label": label} for id_, label in rows],
            sync=True,
        )

    def recorded(self) -> dict[str, Recorded]:
        """What this file holds by now, by environment, also where another file has got its name meanwhile.

        Raises:
            UnreadableHistory: it cannot be read.
        """
        try:
            content = os.pread(self._descriptor, os.fstat(self._descriptor).st_size, 0)
        except OSError as error:
            raise UnreadableHistory(f"{self.path}: cannot be read: {error.strerror}") from None
        return parsed(self.path, content)[1]

    def close(self) -> None:
        """Close the file, if it is open. Later records are refused: the number of the descriptor is not used again."""
        with self._lock:
            if self._descriptor != _CLOSED:
                os.close(self._descriptor)
            self._descriptor = _CLOSED

    def _append(self, records: list[dict[str, Any]], *, sync: bool = False) -> None:
        lines = "".join(_COMPACT.encode(record) + "\n" for record in records).encode()
        with self._lock:
            end = os.lseek(self._descriptor, 0, os.SEEK_END)
            try:
                while lines:
                    lines = lines[os.write(self._descriptor, lines) :]
            except OSError:
                with suppress(OSError):  # a part of a line must not stand before what may be written later
                    os.ftruncate(self._descriptor, end)
                raise
        if sync:
            os.fsync(self._descriptor)


def _lock_file(descriptor: int) -> None:
    try:
        import fcntl
    except ImportError:  # not on this platform
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise StillWritten from None
    except OSError:  # a file system without locks
        return


def _keep_name(path: Path) -> None:
    """Have the folder's entry on disk too: a file whose name is lost with the power is no ledger."""
    with suppress(OSError):  # a folder that cannot be opened or synced, as on some platforms
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
