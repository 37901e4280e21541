"""The stored rows of a run, and the id sequence."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID

from psycopg import sql

from harness.postgres.identifiers import as_it_is, quoted

if TYPE_CHECKING:
    from collections.abc import Sequence as Many

    from harness.postgres.connection import Connection
    from harness.postgres.identifiers import Names
    from harness.postgres.table import TableFacts


class Row(NamedTuple):
    """A stored row of this run, as text; `token` is None where the column is NULL."""

    id: str
    label: str | None
    token: str | None


class SequenceState(NamedTuple):
    """Where the id sequence stands: `next_id` is what it gives next, `extreme_id` the furthest stored id, if any."""

    name: str
    next_id: int
    extreme_id: int | None
    increment: int


def rows_query(names: Names) -> sql.Composed:
    """Selects (id, label, token) as text of the rows that carry one of the labels (%s) or of the tokens (%s)."""
    label, token = quoted(names.label_column), quoted(names.token_column)
    has_token = "{} = ANY(%s::uuid[])" if names.token_type == "uuid" else "{}::text = ANY(%s::text[])"
    return sql.SQL(
        "SELECT {id}::text, {label}::text, {token}::text FROM {table} "
        "WHERE {label}::text = ANY(%s::text[]) OR {has_token}"
    ).format(
        id=quoted(names.id_column),
        label=label,
        token=token,
        table=quoted(names.identifier),
        has_token=sql.SQL(has_token).format(token),
    )


def rows_of_token_query(names: Names) -> sql.Composed:
    """Selects (id, label, token) as text of the rows that carry a token (%s), by its index where it has one."""
    has_token = "{} = %s::uuid" if names.token_type == "uuid" else "{}::text = %s::text"
    return sql.SQL("SELECT {id}::text, {label}::text, {token}::text FROM {table} WHERE {has_token}").format(
        id=quoted(names.id_column),
        label=quoted(names.label_column),
        token=quoted(names.token_column),
        table=quoted(names.identifier),
        has_token=sql.SQL(has_token).format(quoted(names.token_column)),
    )


def read_rows(connection: Connection, facts: TableFacts, labels: Many[str], tokens: Many[str]) -> tuple[Row, ...]:
    """The rows that carry a label of this run or a token that it was given."""
    tokens = [token for token in tokens if _may_be_stored(facts, token)]
    return tuple(Row(*row) for row in connection.execute(rows_query(facts), [list(labels), list(tokens)]))


def read_rows_of_token(connection: Connection, facts: TableFacts, token: str) -> tuple[Row, ...]:
    """The rows that carry a token."""
    if not _may_be_stored(facts, token):
        return ()
    return tuple(Row(*row) for row in connection.execute(rows_of_token_query(facts), [token]))


def _may_be_stored(facts: TableFacts, token: str) -> bool:
    return _is_uuid(token) if facts.token_type == "uuid" else _is_storable(token)


def _is_storable(text: str) -> bool:
    """Whether Postgres could hold this text at all: no NUL, no half of a surrogate pair."""
    return "\0" not in text and not any("\ud800" <= character <= "\udfff" for character in text)


def _is_uuid(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True


def read_sequence(connection: Connection, facts: TableFacts) -> SequenceState | None:
    """Where the sequence of the id column stands; None where there is none or the role may not read it.

    One statement: the ids are of its snapshot and the sequence is read after that was taken, so a client that inserts
    meanwhile can only make the sequence look further ahead.
    """
    sequence = facts.sequence
    if sequence is None or not sequence.readable or facts.id_type not in ("smallint", "integer", "bigint"):
        return None
    query = sequence_query(facts, sequence.name, ascending=sequence.increment > 0)
    row = connection.execute(query).fetchone()
    if row is None:
        return None
    last_value, is_called, extreme = row
    return SequenceState(
        sequence.name, last_value + (sequence.increment if is_called else 0), extreme, sequence.increment
    )


def sequence_query(names: Names, sequence: str, *, ascending: bool = True) -> sql.Composed:
    """Selects (last_value, is_called, furthest id); `sequence` is quoted as Postgres printed it."""
    return sql.SQL(
        "SELECT s.last_value, s.is_called, (SELECT {furthest}({id})::bigint FROM {table}) FROM {name} s"
    ).format(
        furthest=sql.SQL("max" if ascending else "min"),
        id=sql.Identifier(names.id_column),
        table=names.identifier,
        name=as_it_is(sequence),
    )
