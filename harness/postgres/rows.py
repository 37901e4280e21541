"""The stored rows of a run, and the id sequence."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID

from psycopg import sql

from harness.errors import CouldNotTell
from harness.postgres.connection import role_of
from harness.postgres.id_types import INTEGERS
from harness.postgres.identifiers import as_it_is, as_text, in_sql, quoted

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


class Held(NamedTuple):
    """A column of a row that holds a name: `as_it_is`, or changed or among other text, as JSON would have it."""

    column: str
    as_it_is: bool
    json: bool


class Search(NamedTuple):
    """Which columns of a row were searched for a name, and those that hold it."""

    columns: tuple[str, ...]
    held: tuple[Held, ...]


class SequenceState(NamedTuple):
    """Where the id sequence stands: `next_id` is what it gives next, `extreme_id` the furthest stored id, if any.

    `min_value` and `max_value` are those of the sequence (pg_sequence), None where they were not read.
    """

    name: str
    next_id: int
    extreme_id: int | None
    increment: int
    min_value: int | None = None
    max_value: int | None = None


def rows_query(names: Names) -> sql.Composed:
    """Selects (id, label, token) as text of the rows that carry one of the labels (%s) or of the tokens (%s)."""
    token = quoted(names.token_column)
    of_uuid = "{} OPERATOR(pg_catalog.=) ANY(%s::pg_catalog.uuid[])"
    of_text = "{} OPERATOR(pg_catalog.=) ANY(%s::pg_catalog.text[])"
    is_uuid = names.token_type == "uuid"
    has_token = sql.SQL(of_uuid).format(token) if is_uuid else sql.SQL(of_text).format(_texts(names)["token"])
    return sql.SQL(
        "SELECT {id}, {label}, {token} FROM {table} "
        "WHERE {label} OPERATOR(pg_catalog.=) ANY(%s::pg_catalog.text[]) OR {has_token}"
    ).format(table=quoted(names.identifier), has_token=has_token, **_texts(names))


def _texts(names: Names) -> dict[str, sql.Composed]:
    """The three columns as text."""
    return {
        "id": as_text(quoted(names.id_column), names.id_type),
        "label": as_text(quoted(names.label_column), names.label_type),
        "token": as_text(quoted(names.token_column), names.token_type),
    }


def rows_of_token_query(names: Names) -> sql.Composed:
    """Selects (id, label, token) as text of the rows that carry a token (%s), by its index where it has one."""
    return sql.SQL("SELECT {id}, {label}, {token} FROM {table} WHERE {has_token}").format(
        table=quoted(names.identifier), has_token=_has_token(names), **_texts(names)
    )


def rows_of_ids_query(names: Names) -> sql.Composed | None:
    """Selects (id, label, token) as text of the rows of some ids (%s, a list of text), by the index of the ids.

    None for a type whose comparison may be somebody's own.
    """
    array = "pg_catalog.int8[]" if names.id_type in INTEGERS else "pg_catalog.uuid[]" if names.id_type == "uuid" else ""
    column: sql.Composable = quoted(names.id_column)
    if not array:
        if not _is_plain_text(names.id_type):
            return None
        array, column = "pg_catalog.text[]", _texts(names)["id"]
    return sql.SQL("SELECT {id}, {label}, {token} FROM {table} WHERE {column} OPERATOR(pg_catalog.=) {ids}").format(
        table=quoted(names.identifier), column=column, ids=sql.SQL(f"ANY(%s::{array})"), **_texts(names)
    )


def _is_plain_text(type_: str) -> bool:
    return type_ == "text" or type_.startswith("character varying")


def _has_token(names: Names) -> sql.Composed:
    if names.token_type == "uuid":
        return sql.SQL("{} OPERATOR(pg_catalog.=) %s::pg_catalog.uuid").format(quoted(names.token_column))
    return sql.SQL("{} OPERATOR(pg_catalog.=) %s::pg_catalog.text").format(_texts(names)["token"])


MOST_COLUMNS = 200  # of a table that are searched
MOST_SEARCHED = 20_000  # characters of each
RECOGNISED = 20  # characters of a name; an app may shorten it
_TEXT_COLUMNS = """
SELECT a.attname, t.typcategory = 'U', format_type(a.atttypid, a.atttypmod) FROM pg_attribute a
JOIN pg_type t ON t.oid = a.atttypid LEFT JOIN pg_type e ON e.oid = t.typelem
WHERE a.attrelid = to_regclass(%s::text) AND a.attnum > 0 AND NOT a.attisdropped
  AND (t.typcategory = 'S' OR t.typname IN ('json', 'jsonb') OR (t.typcategory = 'A' AND e.typcategory = 'S'))
  AND has_column_privilege(a.attrelid, a.attnum, 'SELECT')
ORDER BY a.attnum LIMIT %s
"""


def search_row(connection: Connection, facts: TableFacts, row: Row, name: str, labels: Many[str]) -> Search:
    """Search the text columns of one row for a name.

    Args:
        connection: in a transaction of the caller.
        facts: of the row's table.
        row: the row, told by its id and token.
        name: what was sent for {name}.
        labels: each text that was sent and carries it.
    """
    found = connection.execute(_TEXT_COLUMNS, [facts.identifier.as_string(), MOST_COLUMNS]).fetchall()
    columns = {str(column): (bool(json), str(type_)) for column, json, type_ in found}
    if not columns or row.token is None:
        return Search(tuple(columns), ())
    values = sql.SQL(", ").join(
        sql.SQL("({name}::text, left({column}, {most}))").format(
            name=sql.Placeholder(),
            column=as_text(sql.SQL("r.{}").format(quoted(column)), type_),
            most=sql.Literal(MOST_SEARCHED),
        )
        for column, (_, type_) in columns.items()
    )
    query = sql.SQL(
        "SELECT held.name, held.text = ANY(%s::text[]) FROM (SELECT * FROM {table} s "
        "WHERE {has_token} AND {id} = %s::text LIMIT 1) r, LATERAL (VALUES {values}) AS held(name, text) "
        "WHERE held.text = ANY(%s::text[]) OR position(lower(%s::text) IN lower(held.text)) > 0"
    ).format(table=quoted(facts.identifier), has_token=_has_token(facts), id=_texts(facts)["id"], values=values)
    wanted = [[*labels], row.token, row.id, *columns, [*labels], name[:RECOGNISED]]
    held = [Held(column, as_it_is, columns[column][0]) for column, as_it_is in connection.execute(query, wanted)]
    return Search(tuple(columns), tuple(sorted(held, key=lambda of: not of.as_it_is)))


def read_rows(connection: Connection, facts: TableFacts, labels: Many[str], tokens: Many[str]) -> tuple[Row, ...]:
    """The rows that carry a label of this run or a token that it was given."""
    tokens = [token for token in tokens if _may_be_stored(facts, token)]
    # A list would be an array of text, for a cast to uuid[] that may be somebody's own.
    sought = f"{{{','.join(str(UUID(token)) for token in tokens)}}}" if facts.token_type == "uuid" else tokens
    return tuple(Row(*row) for row in connection.execute(rows_query(facts), [list(labels), sought]))


def read_rows_of_token(connection: Connection, facts: TableFacts, token: str) -> tuple[Row, ...]:
    """The rows that carry a token."""
    if not _may_be_stored(facts, token):
        return ()
    return tuple(Row(*row) for row in connection.execute(rows_of_token_query(facts), [token]))


def _may_be_stored(facts: TableFacts, token: str) -> bool:
    return is_uuid(token) if facts.token_type == "uuid" else _is_storable(token)


def _is_storable(text: str) -> bool:
    """Whether Postgres could hold this text at all: no NUL, no half of a surrogate pair."""
    return "\0" not in text and not any("\ud800" <= character <= "\udfff" for character in text)


def is_uuid(text: str) -> bool:
    """Whether a text is a UUID, of whatever version and however it is written."""
    try:
        UUID(text)
    except ValueError:
        return False
    return True


def read_sequence(connection: Connection, facts: TableFacts) -> SequenceState | None:
    """Where the sequence of the id column stands; None where there is none.

    One statement: the ids are of its snapshot and the sequence is read after that was taken, so a client that inserts
    meanwhile can only make the sequence look further ahead.

    Raises:
        CouldNotTell: the role may not read it.
    """
    sequence = facts.sequence
    if sequence is None or facts.id_type not in INTEGERS:
        return None
    if not sequence.readable:
        raise CouldNotTell(
            f"this role may not read the sequence {sequence.name}",
            f"GRANT SELECT ON SEQUENCE {sequence.name} TO {in_sql(role_of(connection))}",
            "database",
        )
    query = sequence_query(facts, sequence.name, ascending=sequence.increment > 0)
    row = connection.execute(query).fetchone()
    if row is None:
        return None
    last_value, is_called, extreme, min_value, max_value = row
    next_id = last_value + (sequence.increment if is_called else 0)
    return SequenceState(sequence.name, next_id, extreme, sequence.increment, min_value, max_value)


def sequence_query(names: Names, sequence: str, *, ascending: bool = True) -> sql.Composed:
    """Selects (last_value, is_called, furthest id, seqmin, seqmax); `sequence` is quoted as Postgres printed it."""
    return sql.SQL(
        "SELECT s.last_value, s.is_called, (SELECT pg_catalog.{furthest}({id})::bigint FROM {table}), "
        "q.seqmin, q.seqmax FROM {name} s LEFT JOIN pg_catalog.pg_sequence q "
        "ON q.seqrelid OPERATOR(pg_catalog.=) s.tableoid"
    ).format(
        furthest=sql.SQL("max" if ascending else "min"),
        id=sql.Identifier(names.id_column),
        table=names.identifier,
        name=as_it_is(sequence),
    )
