"""The history on disk: evidence and clean-up ledger in one, JSON Lines, readable after any ending.

docs/history.md describes its records. An intent is on disk before its POST leaves. An intent without an attempt is an
attempt whose outcome is not known. A last line that is torn is ignored; any other unreadable line is an error.
"""

from __future__ import annotations

import json
import os
import threading
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter, ValidationError

from harness.history import Attempt, History, Phase, Problem

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

FORMAT = 1
_CLOSED = -1  # no descriptor: the operating system refuses it (EBADF)


class UnreadableHistory(Exception):
    """A file is not a history. The message names file, line and reason."""


class EmptyHistory(UnreadableHistory):
    """No run began to write it: none was sent whose name would stand in it."""


class StillWritten(Exception):
    """A run that is still going on writes this history: only that run may clean up what it stores."""


class Ledger:
    """Appends records to a history file. Thread-safe: one `write` call per line, on a descriptor opened to append.

    As long as it is open, no other process can open the same file so. The lock ends with the process, however it ends.

    Raises:
        StillWritten: another process has it open.
        OSError: it cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            _lock_file(self._descriptor)
            self._drop_torn_line()
            _keep_name(path)
        except BaseException:
            os.close(self._descriptor)
            raise

    def _drop_torn_line(self) -> None:
        """Cut off what a killed run wrote of its last line: the next record would continue it."""
        content = self.path.read_bytes()
        if content and not content.endswith(b"\n"):
            os.ftruncate(self._descriptor, content.rfind(b"\n") + 1)

    def run(self, run: str, environments: dict[str, dict[str, Any]]) -> None:
        """The first record: which run, on which deployments."""
        self._append([{"record": "run", "format": FORMAT, "run": run, "at": _now(), "environments": environments}])

    def database(self, environment: str, identity: str) -> None:
        """Write which database the POSTs are about to be stored in (`harness.database.identity_of`)."""
        self._append([{"record": "database", "environment": environment, "identity": identity}])

    def intend(self, environment: str, planned: Iterable[tuple[int, str, Phase, Sequence[str]]]) -> None:
        """Write the POSTs that are about to leave, and return when the disk has them."""
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
            sync=True,
        )

    def settle(self, environment: str, attempt: Attempt) -> None:
        """Write the outcome of a POST."""
        self._append([{"record": "attempt", "environment": environment, **asdict(attempt)}])

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
        return _parsed(self.path, content)[1]

    def close(self) -> None:
        """Close the file, if it is open. Later records are refused: the number of the descriptor is not used again."""
        with self._lock:
            if self._descriptor != _CLOSED:
                os.close(self._descriptor)
            self._descriptor = _CLOSED

    def _append(self, records: list[dict[str, Any]], *, sync: bool = False) -> None:
        lines = "".join(json.dumps(record, separators=(",", ":")) + "\n" for record in records).encode()
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


@dataclass(slots=True)
class Recorded:
    """What a history file holds of one environment.

    `sent_at` is when each POST was about to leave; it and `identity` are None where an older version wrote the file.
    """

    environment: str
    settings: dict[str, Any] = field(default_factory=dict)
    identity: str | None = None
    attempts: dict[int, Attempt] = field(default_factory=dict)
    labels: dict[int, list[str]] = field(default_factory=dict)
    sent_at: dict[int, datetime | None] = field(default_factory=dict)
    rows: set[tuple[str, str]] = field(default_factory=set)
    removed: set[tuple[str, str]] = field(default_factory=set)

    @property
    def history(self) -> History:
        """The attempts in the order of their numbers."""
        return History.of(self.environment, (self.attempts[n] for n in sorted(self.attempts)))

    def age_s(self, n: int) -> float:
        """How long ago POST `n` was about to leave; 0 where that is not known."""
        at = self.sent_at.get(n)
        return (datetime.now(UTC) - at).total_seconds() if at is not None else 0.0


def read(path: Path) -> tuple[str, dict[str, Recorded]]:
    """The run's id and what was recorded, by environment.

    Raises:
        UnreadableHistory: not there, not JSON Lines, or of another format; EmptyHistory where nothing is in it.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UnreadableHistory(f"{path}: cannot be read: {error.strerror}") from None
    return _parsed(path, content)


def _parsed(path: Path, content: bytes) -> tuple[str, dict[str, Recorded]]:
    lines = content.split(b"\n")
    run = ""
    recorded: dict[str, Recorded] = {}
    torn = lines.pop()  # "" where the last line is whole
    for number, line in enumerate(lines, start=1):
        if not line:
            continue
        try:
            record = json.loads(line)
            if not isinstance(record, dict):
                raise TypeError("not an object")  # noqa: TRY301 (worded like any other)
            if number == 1:
                run = _begin(record, recorded)
            else:
                _take(record, recorded)
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise UnreadableHistory(f"{path}: line {number}: {type(error).__name__}: {error}") from None
    if not run:
        raise EmptyHistory(f"{path}: is empty{' but for a torn line' if torn else ''}: no run began to write it")
    return run, recorded


def read_together(files: Sequence[Path]) -> dict[str, History]:
    """The histories of several files, joined by environment.

    Each file counts its seconds from its own start, so that later files are moved behind the end of earlier ones: an
    overlap is claimed only of POSTs whose times can be compared.
    """
    joined: dict[str, list[Attempt]] = {}
    offset_s = 0.0
    for path in files:
        _, recorded = read(path)
        end_s = offset_s
        for name, of in recorded.items():
            attempts = joined.setdefault(name, [])
            for a in of.history.sent:
                moved = replace(a, started_s=a.started_s + offset_s, ended_s=a.ended_s + offset_s)
                end_s = max(end_s, moved.ended_s)
                attempts.append(moved)
        offset_s = end_s + 1.0
    return {name: History.of(name, attempts) for name, attempts in joined.items()}


def _begin(record: dict[str, Any], recorded: dict[str, Recorded]) -> str:
    if record.get("record") != "run" or record.get("format") != FORMAT:
        raise ValueError(f"not the first record of a history of format {FORMAT}")
    environments = record["environments"]
    if not isinstance(environments, dict) or not all(isinstance(of, dict) for of in environments.values()):
        raise TypeError("environments is not an object of objects")
    if not all(isinstance(of.get("url"), str) for of in environments.values()):
        raise TypeError("an environment without its url")
    for name, settings in environments.items():
        recorded[name] = Recorded(name, settings)
    return str(record["run"])


_ATTEMPT = TypeAdapter(Attempt)


def _take(record: dict[str, Any], recorded: dict[str, Recorded]) -> None:
    kind = record["record"]
    of = recorded[record["environment"]]
    if kind == "intent":
        n = record["n"]
        of.labels[n] = record["labels"]
        of.sent_at[n] = datetime.fromisoformat(record["at"]) if "at" in record else None
        of.attempts[n] = Attempt(
            n=n,
            name=record["name"],
            phase=record["phase"],
            outcome="unknown",
            started_s=0.0,
            ended_s=0.0,
            problem=Problem.NOT_RECORDED,
            error="the run ended before the outcome was written",
        )
    elif kind == "attempt":
        try:
            of.attempts[record["n"]] = _ATTEMPT.validate_python(record)
        except ValidationError as error:
            first = error.errors()[0]
            raise ValueError(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from None
    elif kind == "database":
        of.identity = record["identity"]
    elif kind in ("row", "removed"):
        (of.rows if kind == "row" else of.removed).add((record["id"], record["label"]))
