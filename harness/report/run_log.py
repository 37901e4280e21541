"""Remembers every run in a small SQLite file beside the report folders, and tells what is unusual in a new one.

One row a run and environment. Whatever goes wrong with the file is said, and changes no verdict.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, TypeVar

from msgspec import Struct
from msgspec.structs import astuple
from tenacity import Retrying, retry_if_exception, stop_after_delay, wait_random

from harness.checkers.latency import unusual_latency
from harness.files import demand_own, open_own

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from harness.report.verdict import Verdict

VERSION = 1
FILE = "runs.sqlite"
SHOWN_RUNS = 30  # of an environment, in a report
COMPARED = 20  # earlier runs that a latency is compared with
_Result = TypeVar("_Result")
_BUSY_S = 5.0  # for other runs that write


class PastRun(Struct, frozen=True):
    """What is remembered of a run on one environment. Latencies are None where no POST was sent."""

    run: str
    environment: str
    url: str
    started_at: str
    verdict: str
    exit_code: int
    posts: int
    failures: int
    p50_ms: float | None
    p95_ms: float | None
    max_ms: float | None


_COLUMNS = ", ".join(PastRun.__struct_fields__)
_CREATE = f"""
CREATE TABLE IF NOT EXISTS runs (
  run TEXT NOT NULL, environment TEXT NOT NULL, url TEXT NOT NULL, started_at TEXT NOT NULL, verdict TEXT NOT NULL,
  exit_code INTEGER NOT NULL, posts INTEGER NOT NULL, failures INTEGER NOT NULL,
  p50_ms REAL, p95_ms REAL, max_ms REAL, PRIMARY KEY (run, environment)
);
CREATE INDEX IF NOT EXISTS by_environment ON runs (environment, started_at);
PRAGMA user_version = {VERSION};
"""


class NoTrend(Exception):
    """The file cannot be read or written. The message names file and reason."""


# Beside the runs, so that a file of an older version stays one: which POSTs an environment has ever acknowledged.
_ACKNOWLEDGED = """
CREATE TABLE IF NOT EXISTS acknowledged (
  environment TEXT NOT NULL, request TEXT NOT NULL, run TEXT NOT NULL, PRIMARY KEY (environment, request)
)
"""


def was_acknowledged(file: Path, environment: str, request: str) -> bool:
    """Whether a run on an environment ever had a POST acknowledged that was made as this one: `request` is its mark.

    Raises:
        NoTrend: the file cannot be read.
    """
    if not file.exists():
        return False
    query = "SELECT EXISTS (SELECT 1 FROM acknowledged WHERE environment = ? AND request = ?)"

    def ask(database: sqlite3.Connection) -> bool:
        database.execute(_ACKNOWLEDGED)
        return bool(database.execute(query, [environment, request]).fetchone()[0])

    return _in_turn(file, ask)


def remember(verdict: Verdict, file: Path, requests: Mapping[str, str] | None = None) -> Verdict:
    """Add a run to the file; returns its verdict with notes on what is unusual for an environment.

    `requests` marks how each environment's POSTs were made, for `was_acknowledged`.

    Raises:
        NoTrend: the file cannot be read or written.
    """
    if not verdict.environments:
        return verdict
    return _in_turn(file, lambda database: _remember(verdict, database, requests or {}))


def past_runs(file: Path, environment: str | None, last: int) -> list[PastRun]:
    """The last runs on an environment, or on any, the newest first.

    Raises:
        NoTrend: the file is not there or cannot be read.
    """
    if not file.exists():
        raise NoTrend(f"{file}: no run has been written there yet")
    return _in_turn(file, lambda database: _last(database, environment, last))


def environments_of(file: Path) -> list[str]:
    """The environments that runs are remembered of. Raises NoTrend as `past_runs` does."""
    if not file.exists():
        raise NoTrend(f"{file}: no run has been written there yet")
    names = "SELECT DISTINCT environment FROM runs ORDER BY environment"
    return _in_turn(file, lambda database: [str(name) for (name,) in database.execute(names)])


def _in_turn(file: Path, use: Callable[[sqlite3.Connection], _Result]) -> _Result:
    """What a use of the file gives, once no other run is in the way.

    SQLite does not always wait by itself: while another connection turns the file into a write-ahead log, or closes
    it as the last one, it answers "database is locked" at once (sqlite.org/wal.html, section 9).
    """
    turns = Retrying(
        retry=retry_if_exception(_is_busy),
        stop=stop_after_delay(_BUSY_S),
        wait=wait_random(0.005, 0.05),
        reraise=True,
    )

    def once() -> _Result:
        with closing(_open(file)) as database, database:
            return use(database)

    try:
        return turns(once)
    except (sqlite3.Error, OSError) as error:
        raise NoTrend(f"{file}: {error}") from None


def _is_busy(error: BaseException) -> bool:
    # The low byte is the code; the others say where (sqlite.org/rescode.html).
    return isinstance(error, sqlite3.Error) and getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_BUSY


def _remember(verdict: Verdict, database: sqlite3.Connection, requests: Mapping[str, str]) -> Verdict:
    noted = [
        environment.model_copy(update={"notes": [*environment.notes, *_notes(database, of)]})
        for environment, of in zip(verdict.environments, _rows(verdict), strict=True)
    ]
    marks = ", ".join("?" * len(PastRun.__struct_fields__))
    # Only our own field names stand in the statement.
    database.executemany(
        f"INSERT OR REPLACE INTO runs ({_COLUMNS}) VALUES ({marks})",  # noqa: S608
        map(astuple, _rows(verdict)),
    )
    database.execute(_ACKNOWLEDGED)
    made = [
        (of.name, requests[of.name], verdict.run)
        for of in verdict.environments
        if of.acknowledged and of.name in requests
    ]
    database.executemany("INSERT OR REPLACE INTO acknowledged VALUES (?, ?, ?)", made)
    return verdict.model_copy(update={"environments": noted})


def _open(file: Path) -> sqlite3.Connection:
    for beside in ("-journal", "-wal", "-shm"):
        demand_own(file.with_name(f"{file.name}{beside}"))
    os.close(open_own(file, os.O_RDWR | os.O_CREAT))
    database = sqlite3.connect(file, timeout=_BUSY_S)
    try:
        (version,) = database.execute("PRAGMA user_version").fetchone()
        if version not in (0, VERSION):
            said = f"is of version {version}, which this version of the harness does not know"
            raise sqlite3.DatabaseError(said)  # noqa: TRY301 (worded like any other)
        if version == 0:
            database.execute("PRAGMA journal_mode = WAL")
            database.executescript(_CREATE)
        database.execute("PRAGMA synchronous = NORMAL")
    except BaseException:
        database.close()
        raise
    return database


def _last(database: sqlite3.Connection, environment: str | None, last: int) -> list[PastRun]:
    query = (
        f"SELECT {_COLUMNS} FROM runs WHERE ?1 IS NULL OR environment = ?1 "  # noqa: S608 (our own field names)
        # Runs may start within one second: then the order in which they ended tells them apart.
        "ORDER BY started_at DESC, min(rowid) OVER (PARTITION BY run) DESC, rowid LIMIT ?2"
    )
    return [PastRun(*row) for row in database.execute(query, [environment, last])]


def _notes(database: sqlite3.Connection, of: PastRun) -> Iterator[str]:
    if of.p95_ms is None:
        return
    earlier = [run.p95_ms for run in _last(database, of.environment, COMPARED) if run.p95_ms is not None]
    note = unusual_latency(of.p95_ms, earlier)
    if note is not None:
        yield note


def _rows(verdict: Verdict) -> list[PastRun]:
    return [
        PastRun(
            run=verdict.run,
            environment=of.name,
            url=of.url,
            started_at=verdict.started_at,
            verdict=of.verdict,
            exit_code=verdict.exit_code,
            posts=of.posts,
            failures=of.posts - of.acknowledged,
            p50_ms=of.latency_p50_ms,
            p95_ms=of.latency_p95_ms,
            max_ms=of.latency_max_ms,
        )
        for of in verdict.environments
    ]
