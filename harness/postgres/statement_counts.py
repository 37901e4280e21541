"""Counts what was run, by `pg_stat_statements`: created in the database, and loaded by the server."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
from psycopg import sql

from harness.postgres.token_writes import MOST_READ

if TYPE_CHECKING:
    from collections.abc import Mapping

    from harness.postgres.connection import Connection

    Calls = Mapping[tuple[int, int], int]

MOST_STATEMENTS = 1000  # that are read; a busy database has thousands


def counted_calls(connection: Connection) -> Calls | None:
    """How often each statement of this database was run, by role and query; None where that is not counted."""
    try:
        schema = _schema_of_statements(connection)
        if schema is None:
            return None
        query = sql.SQL(
            "SELECT userid::bigint, queryid, sum(calls)::bigint FROM {}(false) WHERE queryid IS NOT NULL "
            "AND dbid = (SELECT oid FROM pg_database WHERE datname = current_database()) GROUP BY 1, 2"
        ).format(sql.Identifier(schema, "pg_stat_statements"))
        return {(role, query_id): calls for role, query_id, calls in connection.execute(query)}
    except (psycopg.errors.InsufficientPrivilege, psycopg.errors.ObjectNotInPrerequisiteState):
        return None  # not for this role, or installed without being preloaded


def counted_since(connection: Connection, before: Calls) -> dict[str, int] | None:
    """The statements that were run since, each with how often; None where that is not counted."""
    after = counted_calls(connection)
    if after is None:
        return None
    grown = {key: calls - before.get(key, 0) for key, calls in after.items() if calls > before.get(key, 0)}
    schema = _schema_of_statements(connection)
    if not grown or schema is None:
        return {}
    query = sql.SQL(
        "SELECT userid::bigint, queryid, max(left(query, %s)) FROM {}(true) WHERE queryid = ANY(%s) "
        "GROUP BY 1, 2 LIMIT %s"
    ).format(sql.Identifier(schema, "pg_stat_statements"))
    found: dict[str, int] = {}
    for role, query_id, text in connection.execute(query, [MOST_READ, [key[1] for key in grown], MOST_STATEMENTS]):
        if (role, query_id) in grown and text is not None:
            found[text] = found.get(text, 0) + grown[role, query_id]
    return found


def _schema_of_statements(connection: Connection) -> str | None:
    found = connection.execute(
        "SELECT n.nspname FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace "
        "WHERE e.extname = 'pg_stat_statements'"
    ).fetchone()
    return found[0] if found else None
