"""The history on disk: evidence and clean-up ledger in one, JSON Lines, readable after any ending.

Each line is an object whose `record` says what it is:

    {"record": "run", "format": 1, "run": "...", "environments": {"preview": {"url": "...", "table": {...}}}}
    {"record": "intent", "environment": "preview", "n": 1, "name": "smoke-...-1", "phase": "sequence", "labels": [..]}
    {"record": "attempt", "environment": "preview", "n": 1, ... every field of `Attempt`}
    {"record": "row", "environment": "preview", "id": "7", "label": "smoke-...-1"}   (to be removed)
    {"record": "removed", "environment": "preview", "id": "7", "label": "smoke-...-1"}

An intent is on disk before its POST leaves. An intent without an attempt is an attempt whose outcome is not known.
A last line that is torn is ignored; any other unreadable line is an error.
"""

from __future__ import annotations

import json
import os
import threading
from dataclasses import asdict, dataclass, field, replace
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


class Ledger:
    """Appends records to a history file. Thread-safe: one `write` call per line, on a descriptor opened to append."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        self._drop_torn_line()
        self._lock = threading.Lock()

    def _drop_torn_line(self) -> None:
        """Cut off what a killed run wrote of its last line: the next record would continue it."""
        content = self.path.read_bytes()
        if content and not content.endswith(b"\n"):
            os.ftruncate(self._descriptor, content.rfind(b"\n") + 1)

    def run(self, run: str, environments: dict[str, dict[str, Any]]) -> None:
        """The first record: which run, on which deployments."""
        self._append([{"record": "run", "format": FORMAT, "run": run, "environments": environments}])

    def intend(self, environment: str, planned: Iterable[tuple[int, str, Phase, Sequence[str]]]) -> None:
        """Write the POSTs that are about to leave, and return when the disk has them."""
        self._append(
            [
                {
                    "record": "intent",
                    "environment": environment,
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

    def close(self) -> None:
        """Close the file, if it is open. Later records are refused: the number of the descriptor is not used again."""
        with self._lock:
            if self._descriptor != _CLOSED:
                os.close(self._descriptor)
            self._descriptor = _CLOSED

    def _append(self, records: list[dict[str, Any]], *, sync: bool = False) -> None:
        lines = "".join(json.dumps(record, separators=(",", ":")) + "\n" for record in records).encode()
        with self._lock:
            while lines:
                lines = lines[os.write(self._descriptor, lines) :]
        if sync:
            os.fsync(self._descriptor)


@dataclass(slots=True)
class Recorded:
    """What a history file holds of one environment."""

    environment: str
    settings: dict[str, Any] = field(default_factory=dict)
    attempts: dict[int, Attempt] = field(default_factory=dict)
    labels: dict[int, list[str]] = field(default_factory=dict)
    rows: set[tuple[str, str]] = field(default_factory=set)
    removed: set[tuple[str, str]] = field(default_factory=set)

    @property
    def history(self) -> History:
        """The attempts in the order of their numbers."""
        return History.of(self.environment, (self.attempts[n] for n in sorted(self.attempts)))


def read(path: Path) -> tuple[str, dict[str, Recorded]]:
    """The run's id and what was recorded, by environment.

    Raises:
        UnreadableHistory: not there, not JSON Lines, or of another format.
    """
    try:
        lines = path.read_bytes().split(b"\n")
    except OSError as error:
        raise UnreadableHistory(f"{path}: cannot be read: {error.strerror}") from None
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
        raise UnreadableHistory(f"{path}: is empty{' but for a torn line' if torn else ''}: no run began to write it")
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
    elif kind in ("row", "removed"):
        (of.rows if kind == "row" else of.removed).add((record["id"], record["label"]))
