"""Counts what was run, by `pg_stat_statements`: created in the database, and loaded by the server."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import psycopg
from psycopg import sql

from harness.postgres.token_writes import MOST_READ

if TYPE_CHECKING:
    from harness.postgres.connection import Connection

MOST_STATEMENTS = 1000  # that are read; a busy database has thousands
_SCHEMA = """
SELECT n.nspname FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace
WHERE e.extname = 'pg_stat_statements'
"""
_CALLS = """
SELECT userid::bigint, queryid, sum(calls)::bigint FROM {statements}(false) WHERE queryid IS NOT NULL
AND dbid = (SELECT oid FROM pg_database WHERE datname = current_database()) GROUP BY 1, 2
"""
_SINCE = """
SELECT now.text, sum(now.calls - coalesce(before.calls, 0))::bigint
FROM (
  SELECT userid::bigint AS role, queryid AS id, sum(calls)::bigint AS calls, max(left(query, %(most_read)s)) AS text
  FROM {statements}(true) WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database()) GROUP BY 1, 2
) AS now
LEFT JOIN unnest(%(roles)s::bigint[], %(ids)s::bigint[], %(calls)s::bigint[]) AS before (role, id, calls)
  ON before.role = now.role AND before.id = now.id
WHERE now.calls > coalesce(before.calls, 0) AND now.text IS NOT NULL GROUP BY 1 LIMIT %(most)s
"""


class Counted(NamedTuple):
    """How often each statement of a database was run: roles, statements and counts, in one order.

    `statements` names the function of the extension, in its schema.
    """

    statements: sql.Identifier
    roles: list[int]
    ids: list[int]
    calls: list[int]


def counted_calls(connection: Connection) -> Counted | None:
    """How often each statement of this database was run; None where that is not counted."""
    found = connection.execute(_SCHEMA).fetchone()
    if found is None:
        return None
    statements = sql.Identifier(found[0], "pg_stat_statements")
    try:
        rows = connection.execute(sql.SQL(_CALLS).format(statements=statements)).fetchall()
    except (psycopg.errors.InsufficientPrivilege, psycopg.errors.ObjectNotInPrerequisiteState):
        return None  # not for this role, or created without being loaded
    return Counted(statements, [row[0] for row in rows], [row[1] for row in rows], [row[2] for row in rows])


def counted_since(connection: Connection, before: Counted) -> dict[str, int]:
    """The statements that were run since, each with how often."""
    given = {"roles": before.roles, "ids": before.ids, "calls": before.calls}
    query = sql.SQL(_SINCE).format(statements=before.statements)
    return dict(connection.execute(query, {**given, "most_read": MOST_READ, "most": MOST_STATEMENTS}).fetchall())
