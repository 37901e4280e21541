"""Watches `pg_stat_activity` while the POSTs of a run are sent, on a connection of its own.

One look after the POSTs comes too late: a pool goes on with a COMMIT, a `SELECT 1` or a session store's UPDATE, and the
INSERT is gone. It writes nothing and needs no superuser.
"""

from __future__ import annotations

import threading
import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

import psycopg
from psycopg import sql

from harness.postgres.connection import SAFE_PATH, connect_once, limited, reading
from harness.postgres.inserts import Sightings
from harness.postgres.statement_counts import counted_calls, counted_since
from harness.postgres.token_writes import MOST_READ

if TYPE_CHECKING:
    from datetime import datetime

    from pydantic import SecretStr

    from harness.postgres.connection import Connection
    from harness.postgres.statement_counts import Counted

FIRST_PAUSE_S = 0.002
PAUSE_WHERE_COUNTED_S = 0.01  # pg_stat_statements misses none; what a look adds is when. All watches share it
LONGEST_PAUSE_S = 0.1
SLOWER = 1.05  # after every look, once `EAGER_S` are over
EAGER_S = 5.0
WATCHES_S = 600.0  # at most
MOST_SESSIONS = 500
MOST_STATEMENTS = 2000
ONE_MESSAGE = timedelta(milliseconds=5)  # longer apart are no two messages of one statement
_ENDS_S = 2.0  # for a look that is under way when the POSTs have ended

DATABASE = """
SELECT concat(pg_postmaster_start_time()), (SELECT oid::bigint FROM pg_database WHERE datname = current_database())
"""
# All in one round trip. Each look has a transaction of its own: within one, Postgres shows the same state of the view.
# It is asked of the function that the view is made of: planning the view takes longer than all the rest.
LOOK = """
BEGIN ISOLATION LEVEL READ COMMITTED READ ONLY; SET LOCAL statement_timeout = '2s'; {safe_path};
SELECT statement_timestamp(), pid, xact_start, query_start, left(query, {most_read})
FROM pg_catalog.pg_stat_get_activity(NULL)
WHERE datid = {oid} AND pid <> pg_backend_pid() AND query_start >= {since} LIMIT {most};
ROLLBACK
"""
LOOK_IN_WORDS = "SELECT the current statements of this database from pg_stat_activity"


def database_of(connection: Connection) -> tuple[int, str]:
    """The database's oid, and what tells it from every other one that a run has to do with. Raises psycopg.Error."""
    row = connection.execute(DATABASE).fetchone()
    assert row is not None  # a SELECT without FROM
    return row[1], f"{row[0]}/{row[1]}"


def open_watch(dsn: SecretStr) -> Watch:
    """Connect for a watch, without a second try. Raises psycopg.Error."""
    return Watch(connect_once(dsn))


class _Baseline(NamedTuple):
    """What was known before the first POST.

    Attributes:
        at: the server's time.
        calls: how often each counted statement was run; None where none is counted.
    """

    at: datetime
    calls: Counted | None


class _Sighting(NamedTuple):
    """What a session was last seen to do."""

    text: str
    transaction: datetime | None  # None where it was idle
    query: datetime


class _Looking:
    """How many watches of this process look now: twenty environments are not to cost twenty times the looks."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.watches = 0

    def __enter__(self) -> None:
        with self._lock:
            self.watches += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self.watches -= 1


_looking = _Looking()


class Watch:
    """Looks again and again between `begin` and `end`, in a thread of its own. What stops it is told, and not raised.

    Attributes:
        database: what tells the database from every other one that a run has to do with.
    """

    def __init__(self, connection: Connection) -> None:
        """Take the connection over, and close it at the end. Raises psycopg.Error."""
        with reading(connection):
            self._oid, self.database = database_of(connection)
        self._connection = connection
        self._enough = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="watch", daemon=True)
        self._times: dict[str, list[float]] = {}
        self._last: dict[int, _Sighting] = {}
        self._clock_s = 0.0
        self._looks, self._took_s, self._obstacle = 0, 0.0, ""
        self._since: _Baseline | None = None

    def close(self) -> None:
        """End a watch that was not begun."""
        self._connection.close()

    def begin(self, clock_s: float) -> None:
        """Take note of the time and the counts, and look from now on at what begins after that.

        Args:
            clock_s: when the run's clock began, on the monotonic clock; sightings are told by it.
        """
        self._clock_s = clock_s
        try:
            with limited(self._connection, _ENDS_S), reading(self._connection):
                row = self._connection.execute("SELECT clock_timestamp()").fetchone()
                assert row is not None  # a SELECT without FROM
                self._since = _Baseline(row[0], counted_calls(self._connection))
        except psycopg.Error as error:
            self._obstacle = _said(error)
            return
        self._thread.start()

    def end(self) -> Sightings:
        """Look once more, count what was run since, and close the connection."""
        self._enough.set()
        if self._since is None:
            self._connection.close()
            return Sightings(obstacle=self._obstacle)
        self._thread.join(_ENDS_S)
        calls = None
        if self._thread.is_alive():
            self._obstacle = f"Postgres gave no answer within {_ENDS_S:g} s"
        elif not self._obstacle and self._since.calls is not None:
            try:
                with limited(self._connection, _ENDS_S), reading(self._connection):
                    calls = counted_since(self._connection, self._since.calls)
            except psycopg.Error as error:
                self._obstacle = _said(error)
        if not self._thread.is_alive():
            self._connection.close()
        statements = {text: tuple(times) for text, times in self._times.items()}
        return Sightings(statements, self._looks, self._took_s, calls, self._obstacle)

    def _watch(self) -> None:
        assert self._since is not None  # it was begun
        since, began_s = self._since.at, time.monotonic()
        counted = self._since.calls is not None
        pause_s = PAUSE_WHERE_COUNTED_S if counted else FIRST_PAUSE_S
        try:
            with _looking, limited(self._connection, WATCHES_S):
                while True:
                    last = self._enough.is_set()
                    since = self._look(since)
                    if last or time.monotonic() - began_s > WATCHES_S:
                        return
                    if time.monotonic() - began_s > EAGER_S:
                        pause_s = min(pause_s * SLOWER, LONGEST_PAUSE_S)
                    self._enough.wait(pause_s * _looking.watches if counted else pause_s)
        except psycopg.Error as error:
            self._obstacle = _said(error)

    def _look(self, since: datetime) -> datetime:
        """One look at what began since the one before began; what was under way already was seen by that."""
        began_s = time.monotonic()
        rows = self._rows(
            sql.SQL(LOOK).format(
                safe_path=sql.SQL(SAFE_PATH), most_read=MOST_READ, oid=self._oid, since=since, most=MOST_SESSIONS
            )
        )
        now_s = time.monotonic()
        self._looks += 1
        self._took_s += now_s - began_s
        for at, pid, transaction, query, text in rows:
            since = at
            now = _Sighting(text, transaction, query)
            known = self._last.get(pid)
            self._last[pid] = now
            if known is not None and _same_execution(known, now):
                continue
            if text in self._times or len(self._times) < MOST_STATEMENTS:
                self._times.setdefault(text, []).append(now_s - self._clock_s)
        return since

    def _rows(self, look: sql.Composed) -> list[tuple[Any, ...]]:
        cursor = self._connection.execute(look)
        while cursor.description is None and cursor.nextset():
            pass
        return cursor.fetchall()


def _same_execution(before: _Sighting, now: _Sighting) -> bool:
    """Whether two sightings of a session, one right after the other, are of one execution of a statement.

    The time of a query changes with each message of the extended protocol, that of a transaction does not; a session
    that has become idle shows what it did last.
    """
    if before.text != now.text or (before.transaction is None and now.transaction is not None):
        return False
    if now.transaction is not None:
        return before.transaction == now.transaction
    apart = now.query - before.query
    return not apart or (before.transaction is not None and apart < ONE_MESSAGE)


def _said(error: psycopg.Error) -> str:
    return " ".join(str(error).split()) or type(error).__name__
