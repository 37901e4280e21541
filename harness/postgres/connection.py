"""Connects to a deployment's Postgres, reads in READ ONLY transactions, and words what stood in the way.

Poolers drop start-up options and session settings, so every limit is SET LOCAL inside the transaction; they do not
keep prepared statements either, so none is made.

What reads finds every function, operator and type in pg_catalog, whatever the role's search_path says: tables of users
are always named with their schema. What writes keeps that search_path, since triggers of the table run with it, and
names pg_catalog itself.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, LiteralString, NamedTuple

import psycopg
from tenacity import (
    Retrying,
    retry_if_exception,
    sleep_using_event,
    stop_after_attempt,
    stop_after_delay,
    stop_any,
    stop_when_event_set,
    wait_exponential,
)

from harness import __version__
from harness.errors import CouldNotTell
from harness.postgres.failures import passes, translated
from harness.postgres.limits import LOCK_TIMEOUT_S, STATEMENT_TIMEOUT_S, STATEMENTS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic import SecretStr

CONNECT_BUDGET_S = 10.0
CANCEL_BUDGET_S = 2.0


class SearchPath(NamedTuple):
    """Where a session looks for names: the setting, and the schemas that it comes to; `searched` has implicit ones."""

    setting: str
    schemas: list[str]
    searched: list[str]


class Connection(psycopg.Connection[tuple[Any, ...]]):
    """A session, what a statement in it may take, and the search_path that it had when a transaction began to read."""

    statement_timeout_s: float = STATEMENT_TIMEOUT_S
    search_path: SearchPath = SearchPath("", [], [])

    @property
    def budget_s(self) -> float:
        """For all statements of a reading, or of a clean-up, together."""
        return STATEMENTS * self.statement_timeout_s


# pg_temp is searched first, for tables and types, unless it is named: a pooler hands on sessions of others.
SAFE_PATH = "SET LOCAL search_path = pg_catalog, pg_temp"
# What it was, by names that do not depend on it. In the same statement: a server that looks whether its client is still
# there ends what nobody waits for any more, from 14 on, where it can.
_OWN_PATH = (
    "SELECT pg_catalog.current_setting('search_path'), pg_catalog.current_schemas(false), "
    "pg_catalog.current_schemas(true), "
    "CASE WHEN pg_catalog.current_setting('client_connection_check_interval', true) IS NOT NULL "
    "AND pg_catalog.strpos(pg_catalog.version(), 'linux') OPERATOR(pg_catalog.>) 0 "
    "THEN pg_catalog.set_config('client_connection_check_interval', '2s', true) END"
)


def begin_reading(statement_timeout_s: float = STATEMENT_TIMEOUT_S) -> str:
    """Begins what reads.

    READ COMMITTED, since an older snapshot sees a table that was rewritten meanwhile as empty; row_security off turns
    rows that a policy would silently hide into an error.
    """
    begin = "BEGIN ISOLATION LEVEL READ COMMITTED READ ONLY"
    limits = f"{_limits(statement_timeout_s)}; SET LOCAL row_security = off"
    return f"{begin}; {limits}; {_OWN_PATH}; {SAFE_PATH}"


def _begin_reading(connection: Connection) -> None:
    cursor = connection.execute(begin_reading(connection.statement_timeout_s).encode())
    while cursor.description is None and cursor.nextset():
        pass
    connection.search_path = SearchPath(*cursor.fetchall()[0][:3])


def begin_writing(statement_timeout_s: float = STATEMENT_TIMEOUT_S) -> str:
    """Begins what writes."""
    return f"BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; {_limits(statement_timeout_s)}"


def _limits(statement_timeout_s: float) -> str:
    return (
        f"SET LOCAL statement_timeout = '{statement_timeout_s * 1000:.0f}ms'; "
        f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT_S}s'; SET LOCAL idle_in_transaction_session_timeout = '60s'"
    )


IDENTITY: LiteralString = (
    "SELECT system_identifier, oid FROM pg_control_system(), pg_database WHERE datname = current_database()"
)


def connect(
    dsn: SecretStr,
    stop: threading.Event | None = None,
    statement_timeout_s: float = STATEMENT_TIMEOUT_S,
    *,
    once_s: float | None = None,
) -> Connection:
    """Connect, retrying what passes (refused, starting up, no free connection) within `CONNECT_BUDGET_S`.

    With `once_s` it is tried once, for so long.

    Raises:
        CouldNotTell: no connection, worded by `translated`.
    """
    began = time.monotonic() - (CONNECT_BUDGET_S - once_s if once_s is not None else 0.0)
    stop = stop or threading.Event()
    over = stop_after_delay(CONNECT_BUDGET_S) if once_s is None else stop_after_attempt(1)
    attempts = Retrying(
        sleep=sleep_using_event(stop),
        stop=stop_any(over, stop_when_event_set(stop)),
        wait=wait_exponential(multiplier=0.1, max=2),
        retry=retry_if_exception(passes),
        reraise=True,
    )
    try:
        connection = attempts(_connect, dsn, began)
    except psycopg.Error as error:
        raise translated(error, dsn) from None
    except UnicodeError as error:
        raise CouldNotTell(
            f"the database URL cannot be used: {error}", "percent-encode its special characters", "database"
        ) from None
    connection.statement_timeout_s = statement_timeout_s
    return connection


def connect_once(dsn: SecretStr) -> Connection:
    """Connect without a second try. Raises psycopg.Error."""
    return _connect(dsn, time.monotonic())


def _connect(dsn: SecretStr, began: float) -> Connection:
    left = CONNECT_BUDGET_S - (time.monotonic() - began)
    return Connection.connect(
        dsn.get_secret_value(),
        autocommit=True,  # transactions are begun by hand, limits and all in one round trip
        prepare_threshold=None,
        connect_timeout=max(2, round(left)),  # libpq reads anything below 2 as 2
        application_name=f"chatbots-smoke/{__version__}",
        client_encoding="utf8",  # a database of SQL_ASCII would otherwise answer bytes
        keepalives_idle=15,
        keepalives_interval=5,
        keepalives_count=3,
    )


@contextmanager
def limited(connection: Connection, seconds: float, stop: threading.Event | None = None) -> Iterator[None]:
    """Cancel and cut the connection off when the time is up or `stop` is set: a silent peer keeps no run waiting.

    Every time-out of a statement is the server's own, and says nothing if the server or a proxy says nothing any more.
    The server is told first: on a cut connection it would go on with a scan until it has something to say.
    """
    finished = threading.Event()
    deadline = time.monotonic() + seconds

    def watch() -> None:
        while not finished.wait(0.1):
            if time.monotonic() >= deadline or (stop is not None and stop.is_set()):
                _cancel(connection)
                with suppress(OSError, psycopg.Error), socket.socket(fileno=os.dup(connection.fileno())) as held:
                    held.shutdown(socket.SHUT_RDWR)
                return

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        finished.set()
        watcher.join()


def _cancel(connection: Connection) -> None:
    """Ask the server to end the statement that is under way, if there is one; gives up after `CANCEL_BUDGET_S`."""

    def cancel() -> None:
        with suppress(psycopg.Error, OSError):
            connection.cancel_safe(timeout=CANCEL_BUDGET_S)

    if connection.pgconn.transaction_status != psycopg.pq.TransactionStatus.ACTIVE:
        return  # one that comes late must not meet whoever gets the session next from a pooler
    # Before libpq 17 it knows no time-out.
    canceller = threading.Thread(target=cancel, daemon=True)
    canceller.start()
    canceller.join(CANCEL_BUDGET_S)


@contextmanager
def reading(connection: Connection) -> Iterator[None]:
    """A READ ONLY transaction with local time-outs; it leaves nothing, so it always ends in a rollback."""
    _begin_reading(connection)
    try:
        yield
    finally:
        if not connection.closed:
            with suppress(psycopg.Error):
                connection.execute("ROLLBACK")


def begin_again(connection: Connection) -> None:
    """After an error inside `reading`: a new transaction with the same limits, for what is still to be read."""
    connection.execute("ROLLBACK")
    _begin_reading(connection)


@contextmanager
def writing(connection: Connection) -> Iterator[None]:
    """A transaction that commits if its body does, with the same time-outs."""
    connection.execute(begin_writing(connection.statement_timeout_s).encode())
    try:
        yield
    except BaseException:
        if not connection.closed:
            with suppress(psycopg.Error):
                connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def located(dsn: SecretStr) -> str:
    """Host, port and database of a URL as libpq reads it, e.g. db.example.com:5432/shop; nothing secret."""
    from psycopg.conninfo import conninfo_to_dict

    parts = conninfo_to_dict(dsn.get_secret_value())
    host = parts.get("host") or parts.get("hostaddr") or ""
    return f"{host}:{parts.get('port') or 5432}/{parts.get('dbname') or parts.get('user') or ''}"


def role_of(connection: Connection) -> str:
    """The role whose rights count, inside the caller's transaction. Raises psycopg.Error."""
    row = connection.execute("SELECT current_user").fetchone()
    assert row is not None  # a SELECT without FROM
    return str(row[0])


def identity_of(connection: Connection) -> str:
    """What tells this database from any other: its cluster's system identifier and its oid (pg_database).

    Without the right to read pg_control_system() it is the oid alone. To be asked last in a transaction, which a
    missing right breaks.
    """
    try:
        row = connection.execute(IDENTITY).fetchone()
    except psycopg.errors.InsufficientPrivilege:
        begin_again(connection)
        row = connection.execute("SELECT '', oid FROM pg_database WHERE datname = current_database()").fetchone()
    assert row is not None  # the current database is in pg_database
    return f"{row[0]}/{row[1]}"


def same_database(one: str, other: str) -> bool:
    """Whether two identities are of one database, as far as both roles could read."""
    cluster, _, oid = one.partition("/")
    other_cluster, _, other_oid = other.partition("/")
    return oid == other_oid and (cluster == other_cluster or not cluster or not other_cluster)
