"""Reads a history from disk: what was sent, how it ended, which rows were seen and removed.

docs/history.md describes the records, `harness.history.records` declares them. An intent without an attempt is an
attempt whose outcome is not known. A last line that is torn is ignored; any other unreadable line is an error.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from harness.errors import CouldNotTell
from harness.history.attempt import Attempt
from harness.history.history import History, WithoutItsName
from harness.history.problem import Problem

if TYPE_CHECKING:
    from pathlib import Path

    from harness.history.attempt import Phase

FORMAT = 1


class UnreadableHistory(Exception):
    """A file is not a history. The message names file, line and reason."""


class EmptyHistory(UnreadableHistory):
    """No run began to write it: none was sent whose name would stand in it."""


@dataclass(slots=True)
class Recorded:
    """What a history file holds of one environment.

    `sent_at` is when each POST was about to leave; it and `identity` are None where an older version wrote the file.
    `absent` says that a row was looked for in the run's database, and is not there.
    """

    environment: str
    settings: dict[str, Any] = field(default_factory=dict)
    identity: str | None = None
    attempts: dict[int, Attempt] = field(default_factory=dict)
    labels: dict[int, list[str]] = field(default_factory=dict)
    sent_at: dict[int, datetime | None] = field(default_factory=dict)
    rows: set[tuple[str, str]] = field(default_factory=set)
    removed: set[tuple[str, str]] = field(default_factory=set)
    cut_short: CouldNotTell | None = None
    absent: bool = False

    @property
    def history(self) -> History:
        """The attempts in the order of their numbers."""
        return History.of(self.environment, (self.attempts[n] for n in sorted(self.attempts)), self.cut_short)

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
    return parsed(path, content)


def begun(path: Path) -> tuple[str, dict[str, dict[str, Any]]]:
    """What a history's first line says: the run's id, and its environments by name: `url`, `database`, `table`, `soak`.

    Raises:
        UnreadableHistory: as `read`.
    """
    try:
        with path.open("rb") as file:
            first = file.readline()
    except OSError as error:
        raise UnreadableHistory(f"{path}: cannot be read: {error.strerror}") from None
    run, recorded = parsed(path, first)
    return run, {name: of.settings for name, of in recorded.items()}


def parsed(path: Path, content: bytes) -> tuple[str, dict[str, Recorded]]:
    """The run's id and what was recorded, of a file's content.

    Raises:
        UnreadableHistory: as `read`; `path` is named in it.
    """
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


def _take(record: dict[str, Any], recorded: dict[str, Recorded]) -> None:
    from harness.history import records  # a run that reads none is spared it

    kind = records.WHOLE.get(record["record"])
    of = recorded[record["environment"]]
    match records.converted(record, kind) if kind is not None else None:
        case records.WholeIntent() as intent:
            of.labels[intent.n] = intent.labels
            of.sent_at[intent.n] = datetime.fromisoformat(intent.at) if intent.at is not None else None
            of.attempts[intent.n] = not_recorded(intent.n, intent.name, intent.phase)
        case records.WholeAttempt() as ended:
            of.attempts[ended.n] = ended.attempt
        case records.WholeDatabase() as database:
            of.identity = database.identity
        case records.CutShort() as cut:
            of.cut_short = (WithoutItsName if cut.found else CouldNotTell)(cut.cause, cut.remedy)
            of.absent = cut.absent
        case records.WholeRemoved() as row:
            of.removed.add((row.id, row.label))
        case records.WholeRow() as row:
            of.rows.add((row.id, row.label))


def not_recorded(n: int, name: str, phase: Phase) -> Attempt:
    """The attempt of an intent that has none: its row may be stored."""
    return Attempt(
        n=n,
        name=name,
        phase=phase,
        outcome="unknown",
        started_s=0.0,
        ended_s=0.0,
        problem=Problem.NOT_RECORDED,
        error="the run ended before the outcome was written",
    )
