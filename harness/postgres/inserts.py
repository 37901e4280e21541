"""Watches which INSERT statements a deployment sends, to learn who makes the token.

An app that makes a good version 4 UUID itself passes every test of form. Two views of Postgres show its statement:
`pg_stat_statements`, where installed, counts each one, so that a count before the POSTs and one after say for certain
which ones stored their rows; `pg_stat_activity` shows the last statement of each connection, if that was the INSERT and
not a COMMIT after it. Both show other roles' statements only to members of pg_read_all_stats.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import psycopg
from psycopg import sql

from harness.postgres.insert_statement import maker_of_token
from harness.text import printable

if TYPE_CHECKING:
    from datetime import datetime

    from harness.postgres.connection import Connection
    from harness.postgres.table import TableFacts


class InsertBaseline(NamedTuple):
    """What was there before the POSTs: the server's time, and how often each INSERT was counted, None if not shown."""

    at: datetime
    calls: dict[str, int] | None


class ObservedInserts(NamedTuple):
    """INSERTs into the table that were sent since `InsertBaseline`.

    `counted` tells whether `by_database` and `by_app` are numbers of rows' statements that Postgres counted, or only of
    connections whose last statement it was. `examples` are statements that name the token and give it a value.
    """

    counted: bool
    by_database: int
    by_app: int
    examples: tuple[str, ...]


def look_before(connection: Connection) -> InsertBaseline:
    """Take note of the time and the counts; a transaction that this is asked in may be of no use afterwards."""
    row = connection.execute("SELECT clock_timestamp()").fetchone()
    assert row is not None  # a SELECT without FROM
    return InsertBaseline(row[0], _calls(connection))


def look_after(connection: Connection, facts: TableFacts, before: InsertBaseline) -> ObservedInserts:
    """Compare with what was there before, inside or outside of a transaction."""
    if before.calls is not None:
        after = _calls(connection) or {}
        counts = {statement: calls - before.calls.get(statement, 0) for statement, calls in after.items()}
        observed_inserts = _sorted(counts, facts, counted=True)
        if observed_inserts.by_app or observed_inserts.by_database:
            return observed_inserts
    rows = connection.execute(
        "SELECT query FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() "
        "AND query_start >= %s AND query ILIKE '%%insert%%'",
        [before.at],
    )
    return _sorted({statement: 1 for (statement,) in rows}, facts, counted=False)


def _sorted(counts: dict[str, int], facts: TableFacts, *, counted: bool) -> ObservedInserts:
    by_database = by_app = 0
    examples = []
    for statement, calls in counts.items():
        maker = maker_of_token(statement, facts.name, facts.token_column) if calls > 0 else None
        if maker == "database":
            by_database += calls
        elif maker == "app":
            by_app += calls
            examples.append(printable(" ".join(statement.split()), 300))
    return ObservedInserts(counted, by_database, by_app, tuple(examples[:3]))


def _calls(connection: Connection) -> dict[str, int] | None:
    """How often each INSERT of this database was counted; None where pg_stat_statements does not tell."""
    try:
        found = connection.execute(
            "SELECT n.nspname FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace "
            "WHERE e.extname = 'pg_stat_statements'"
        ).fetchone()
        if found is None:
            return None
        query = sql.SQL(
            "SELECT query, sum(calls)::bigint FROM {} WHERE dbid = (SELECT oid FROM pg_database "
            "WHERE datname = current_database()) AND query ILIKE '%insert%' GROUP BY query"
        ).format(sql.Identifier(found[0], "pg_stat_statements"))
        return dict(connection.execute(query).fetchall())
    except (psycopg.errors.InsufficientPrivilege, psycopg.errors.ObjectNotInPrerequisiteState):
        return None  # not for this role, or installed without being preloaded
