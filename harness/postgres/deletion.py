"""Finds and deletes the rows of a run in the database: only rows whose id and label are known to be ours."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import psycopg
from psycopg import sql

from harness.postgres.connection import reading, writing
from harness.postgres.identifiers import as_text, quoted
from harness.postgres.own_path import with_names_found

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from harness.history.attempt import Attempt
    from harness.postgres.connection import Connection
    from harness.postgres.identifiers import Names
    from harness.postgres.table import TableFacts

TRIES = 3  # of a sitting at the database: deleting the same rows a second time does no harm
PAUSE_S = 0.5
TRIES_FOR_S = 30.0


class Found(NamedTuple):
    """A stored row that carries a label of an attempt."""

    id: str
    label: str
    attempt: Attempt

    @property
    def pair(self) -> tuple[str, str]:
        """What it is recorded and deleted by."""
        return self.id, self.label


def find_query(names: Names) -> sql.Composed:
    """Selects (id, label) as text of the rows that carry one of the labels (%s)."""
    return sql.SQL(
        "SELECT {id}, {label} FROM {table} WHERE {label} OPERATOR(pg_catalog.=) ANY(%s::pg_catalog.text[])"
    ).format(
        id=as_text(quoted(names.id_column), names.id_type),
        label=as_text(quoted(names.label_column), names.label_type),
        table=quoted(names.identifier),
    )


def delete_query(names: Names) -> sql.Composed:
    """Deletes the rows whose id and label stand beside each other in two arrays (%s, %s).

    It names pg_catalog itself: triggers of the table run with the search_path of its transaction, and need the role's.
    """
    return sql.SQL(
        "DELETE FROM {table} AS stored USING ROWS FROM (pg_catalog.unnest(%s::pg_catalog.text[]), "
        "pg_catalog.unnest(%s::pg_catalog.text[])) AS ours(id, label) "
        "WHERE {label} OPERATOR(pg_catalog.=) ours.label AND {id} OPERATOR(pg_catalog.=) ours.id"
    ).format(
        table=quoted(names.identifier),
        id=as_text(sql.SQL("stored.{}").format(quoted(names.id_column)), names.id_type),
        label=as_text(sql.SQL("stored.{}").format(quoted(names.label_column)), names.label_type),
    )


class Rights(NamedTuple):
    """What this role may do with the rows of the table; `unhidden` says that no row-level security applies to it."""

    role: str
    reads: bool
    unhidden: bool
    deletes: bool


RIGHTS = """
SELECT current_user, bool_and(has_column_privilege(%(table)s::text, of, 'SELECT')),
  NOT row_security_active(%(table)s::text),
  has_table_privilege(%(table)s::text, 'DELETE') FROM unnest(%(columns)s::text[]) of
"""


def rights(connection: Connection, facts: TableFacts) -> Rights:
    """What this role may do, asked inside the caller's transaction."""
    columns = [facts.id_column, facts.label_column, facts.token_column]
    found = connection.execute(RIGHTS, {"table": facts.identifier.as_string(), "columns": columns}).fetchone()
    return Rights(*found) if found is not None else Rights("", reads=False, unhidden=False, deletes=False)


def find(
    connection: Connection, facts: TableFacts, attempts: Sequence[Attempt], labels: Mapping[str, Sequence[str]]
) -> list[Found]:
    """The rows that carry a label of these attempts, in a transaction of their own."""
    of_label = {label: a for a in attempts for label in labels[a.name]}
    with reading(connection):
        query = find_query(facts)
        rows = with_names_found(connection, lambda: connection.execute(query, [list(of_label)]).fetchall())
    return [Found(id_, label, of_label[label]) for id_, label in rows]


def delete(connection: Connection, facts: TableFacts, found: Sequence[Found]) -> list[Found]:
    """Delete these rows in one transaction; returns those that are there nevertheless."""
    with writing(connection):
        connection.execute(delete_query(facts), [[row.id for row in found], [row.label for row in found]])
    # What a trigger, a rule or a policy kept back is seen only afterwards.
    attempts = [row.attempt for row in found]
    labels: dict[str, list[str]] = {}
    for row in found:
        labels.setdefault(row.attempt.name, []).append(row.label)
    there = {row.pair for row in find(connection, facts, attempts, labels)}
    return [row for row in found if row.pair in there]


def may_pass(error: BaseException) -> bool:
    """Whether another sitting may succeed: the connection was lost, or another transaction was in the way."""
    if not isinstance(error, psycopg.Error):
        return False
    state = error.sqlstate or ""
    if not state:
        return isinstance(error, (psycopg.OperationalError, psycopg.InterfaceError))
    return state.startswith(("08", "57P", "40")) or state == "55P03"
