"""Reads a history from disk: what was sent, how it ended, which rows were seen and removed.

docs/history.md describes the records, `harness.history.records` declares them. An intent without an attempt is an
attempt whose outcome is not known. A last line that is torn is ignored; any other unreadable line is an error, and so
is what no run writes: a key twice, NaN, an attempt without its intent, a second run. Who removes rows by a history
demands besides that it names nothing but what its run can have stored (`harness.history.ownership`).
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NoReturn

from msgspec import Struct, field

from harness.errors import CouldNotTell
from harness.history.attempt import Attempt
from harness.history.history import History, WithoutItsName
from harness.history.problem import Problem
from harness.text import printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path
    from typing import BinaryIO

    from harness.history.attempt import Phase

FORMAT = 1
LONGEST_LINE = 4 * 1024 * 1024  # bytes; the largest record of a run is some tens of kilobytes
_MOST_EMPTY = 1000  # lines
_LONGEST_SAID = 300  # characters of what is wrong with a line
RESTORE = (
    "Nothing was done with it: restore the file as its run wrote it, or look for the names smoke-<run>-<n> by hand"
)


class UnreadableHistory(Exception):
    """A file is not a history. The message names file, line and reason."""


class EmptyHistory(UnreadableHistory):
    """No run began to write it: none was sent whose name would stand in it."""


class Recorded(Struct):
    """What a history file holds of one environment.

    `sent_at` is when each POST was about to leave; it and `identity` are None where an older version wrote the file.
    `absent` says that a row was looked for in the run's database, and is not there. `lines` has the line of each row;
    `own` holds all labels where those were demanded to be the run's own.
    """

    environment: str
    settings: dict[str, Any] = field(default_factory=dict)
    identity: str | None = None
    attempts: dict[int, Attempt] = field(default_factory=dict)
    labels: dict[int, list[str]] = field(default_factory=dict)
    sent_at: dict[int, datetime | None] = field(default_factory=dict)
    rows: set[tuple[str, str]] = field(default_factory=set)
    removed: set[tuple[str, str]] = field(default_factory=set)
    lines: dict[tuple[str, str], int] = field(default_factory=dict)
    own: set[str] = field(default_factory=set)
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


Demand = Callable[[dict[str, Any], Recorded, str], None]
"""Refuses a record, by a ValueError: it, what was recorded of its environment with it, and the run's id."""


def read(path: Path, demands: Mapping[str, Demand] | None = None) -> tuple[str, dict[str, Recorded]]:
    """The run's id and what was recorded, by environment.

    Args:
        path: the file.
        demands: what else is demanded of each record, by environment.

    Raises:
        UnreadableHistory: not there, not JSON Lines, of another format, or not of its run alone; EmptyHistory where
            nothing is in it.
    """
    try:
        with path.open("rb") as file:
            return _parsed(path, file, demands or {})
    except OSError as error:
        raise UnreadableHistory(f"{path}: cannot be read: {error.strerror}") from None


def begun(path: Path) -> tuple[str, dict[str, dict[str, Any]]]:
    """What a history's first line says: the run's id, and its environments by name: `url`, `database`, `table`, `soak`.

    Raises:
        UnreadableHistory: as `read`.
    """
    try:
        with path.open("rb") as file:
            first = file.readline(LONGEST_LINE + 1)
    except OSError as error:
        raise UnreadableHistory(f"{path}: cannot be read: {error.strerror}") from None
    run, recorded = parsed(path, first)
    return run, {name: of.settings for name, of in recorded.items()}


def parsed(path: Path, content: bytes) -> tuple[str, dict[str, Recorded]]:
    """The run's id and what was recorded, of a file's content.

    Raises:
        UnreadableHistory: as `read`; `path` is named in it.
    """
    return _parsed(path, io.BytesIO(content), {})


def _parsed(path: Path, file: BinaryIO, demands: Mapping[str, Demand]) -> tuple[str, dict[str, Recorded]]:
    reading = _Reading(demands)
    torn, empty = False, 0
    for number, line in _lines(file):
        if not line.strip():
            empty += 1
            if empty <= _MOST_EMPTY:  # somebody's editor leaves one, and no more
                continue
        try:
            if empty > _MOST_EMPTY:
                raise ValueError(f"more than {_MOST_EMPTY} lines are empty")  # noqa: TRY301 (worded like any other)
            if len(line) > LONGEST_LINE:
                raise ValueError(f"is longer than {LONGEST_LINE // 1024} KiB")  # noqa: TRY301 (worded like any other)
            if not line.endswith(b"\n"):
                torn = True
            else:
                reading.take(_record(line), number)
        except (ValueError, TypeError, RecursionError) as error:
            said = "is nested too deeply" if isinstance(error, RecursionError) else str(error)
            raise UnreadableHistory(f"{path}: line {number}: {printable(said, _LONGEST_SAID)}. {RESTORE}") from None
    if not reading.run:
        raise EmptyHistory(f"{path}: is empty{' except a torn line' if torn else ''}: no run began to write it")
    return reading.run, reading.recorded


def _lines(file: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """Each line with its number, read no further than is worth it."""
    number = 0
    while line := file.readline(LONGEST_LINE + 1):
        number += 1
        yield number, line


def _record(line: bytes) -> dict[str, Any]:
    """One line as JSON, strictly: each key once, and numbers that are some.

    Raises:
        ValueError: it is not; RecursionError: it is nested too deeply.
    """
    try:
        record = _DECODER.decode(line.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise ValueError(f"byte {error.start + 1} is not UTF-8") from None
    except json.JSONDecodeError as error:
        raise ValueError(f"is not JSON: {error.msg} at character {error.pos + 1}") from None
    if not isinstance(record, dict):
        raise ValueError("is not a JSON object")  # noqa: TRY004 (what is wrong with a line is one kind)
    return record


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise ValueError(f"{printable(twice, 50)}: the key comes twice")
    return found


def _refuse_constant(word: str) -> NoReturn:
    raise ValueError(f"{word} is not a JSON number")


_DECODER = json.JSONDecoder(object_pairs_hook=_each_once, parse_constant=_refuse_constant)


class _Reading:
    """Takes one record after another."""

    def __init__(self, demands: Mapping[str, Demand]) -> None:
        from harness.history import records  # a run that reads none is spared it

        self._records = records
        self.run = ""
        self.recorded: dict[str, Recorded] = {}
        self._demands = demands

    def take(self, record: dict[str, Any], number: int) -> None:
        """Take the record of a line.

        Raises:
            ValueError: it is not one of a run; the message says why.
        """
        kind = record.get("record")
        if not isinstance(kind, str):
            raise ValueError("record: Field required" if kind is None else "record: Expected `str`")  # noqa: TRY004
        if not self.run:
            self._begin(record)
        elif kind == "run":
            raise ValueError("another run begins here: each has a file of its own")
        elif kind in self._records.WHOLE:
            of = self.recorded.get(name) if isinstance(name := record.get("environment"), str) else None
            if of is None:
                raise ValueError(f"environment: {name!r} is not one that the first line names")
            self._take(self._records.converted(record, self._records.WHOLE[kind]), of, number)
            if of.environment in self._demands:
                self._demands[of.environment](record, of, self.run)

    def _begin(self, record: dict[str, Any]) -> None:
        if record.get("record") != "run" or record.get("format") is True or record.get("format") != FORMAT:
            raise ValueError(f"not the first record of a history of format {FORMAT}")
        self.run = self._records.converted(record, self._records.WholeRun).run
        self.recorded = {name: Recorded(name, settings) for name, settings in record["environments"].items()}

    def _take(self, record: object, of: Recorded, number: int) -> None:
        records = self._records
        match record:
            case records.WholeIntent() as intent:
                if intent.n in of.attempts:
                    raise ValueError(f"n: {intent.n} is sent a second time")
                of.labels[intent.n] = intent.labels
                of.sent_at[intent.n] = intent.left_at
                of.attempts[intent.n] = not_recorded(intent.n, intent.name, intent.phase)
            case records.WholeAttempt() as ended:
                sent = of.attempts.get(ended.n)
                if sent is None or (sent.name, sent.phase) != (ended.name, ended.phase):
                    raise ValueError(f"n: {ended.n} was not sent before with this name and phase")
                of.attempts[ended.n] = ended.attempt
            case records.WholeDatabase() as database:
                of.identity = database.identity
            case records.CutShort() as cut:
                of.cut_short = (WithoutItsName if cut.found else CouldNotTell)(cut.cause, cut.remedy)
                of.absent = cut.absent
            case records.WholeRow() as row:
                rows = of.removed if isinstance(row, records.WholeRemoved) else of.rows
                rows.add((row.id, row.label))
                of.lines[row.id, row.label] = number


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
