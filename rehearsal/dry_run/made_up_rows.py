"""Rows for the throwaway table: two columns come from the real one, whatever else it demands is made up here.

A made-up value is an expression of `n`, the number of the row from 1. It is tried before it is used: the column's type,
its domain and its CHECK constraints have to take it, and where the column is unique it has to be another for every n.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql

from rehearsal.dry_run.masking import without_values
from rehearsal.dry_run.real_schema import CannotRehearse, Real, quoted

Connection = psycopg.Connection[Any]

N = "\0"  # stands for n in an expression until it is known what n is

BY_CATEGORY = {  # pg_type.typcategory; a domain has that of its base type
    "A": ["'{}'"],
    "B": ["false", "true"],
    "D": [f"timestamp '2000-01-01' + {N} * interval '1 minute'", "now()"],
    "I": [f"inet '10.0.0.0' + {N}"],
    "N": [N, "1", "0", f"{N} % 100", "0.5", f"{N} + 1000000000", f"-{N}"],
    "R": ["'empty'"],
    "T": [f"{N} * interval '1 second'"],
}
ANYTHING = [
    *("gen_random_uuid()", "'{}'", f"decode(md5({N}::text), 'hex')", "''", "'0'", "'1'", "'a'", "'empty'", "'(0,0)'"),
    *("'2000-01-01'", "'12:00'", "'127.0.0.1'", "'08:00:2b:01:02:03'", "'<a/>'", "'((0,0),(1,1))'", "'{0,0,1}'"),
    *("'<(0,0),1>'", "'0/0'", "'1:1:'", "'(,)'", "'(,,)'", "'(,,,)'", "'[]'", "B'0'"),
]
LONGEST_CONSTRAINT = 10_000  # looking for literals takes the longer the more quotes there are, squared
LITERAL = re.compile(r"'(?:[^']|'')*'(?=::|\)|,|\]|$)|\b\d+(?:\.\d+)?\b")

COLUMNS = """
SELECT a.attname, format_type(a.atttypid, a.atttypmod),
  a.attnotnull OR coalesce(t.typtype = 'd' AND t.typnotnull, false),
  a.atthasdef OR a.attidentity <> '' OR coalesce(t.typdefault IS NOT NULL, false),
  a.attgenerated <> '', t.typcategory,
  coalesce((SELECT json_agg(quote_literal(e.enumlabel) ORDER BY e.enumsortorder) FROM pg_enum e
    WHERE e.enumtypid IN (t.oid, t.typbasetype)), '[]'),
  coalesce((SELECT json_agg(pg_get_constraintdef(k.oid)) FROM pg_constraint k
    WHERE k.contype = 'c' AND (k.contypid = t.oid OR (k.conrelid = a.attrelid AND a.attnum = ANY (k.conkey)))), '[]'),
  coalesce((SELECT json_agg(pg_get_expr(k.conbin, k.conrelid)) FROM pg_constraint k
    WHERE k.contype = 'c' AND k.conrelid = a.attrelid AND k.conkey = ARRAY[a.attnum]), '[]'),
  EXISTS (SELECT FROM pg_index i WHERE i.indrelid = a.attrelid AND i.indisunique AND i.indnkeyatts = 1
    AND i.indkey[0] = a.attnum)
FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
WHERE a.attrelid = %s::regclass AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum
"""


@dataclass(frozen=True)
class Column:
    """One column of the throwaway table."""

    name: str
    type: str
    required: bool
    has_default: bool
    generated: bool
    category: str
    labels: list[str]  # of its enum, as literals
    constraints: list[str]  # definitions of the CHECKs that concern it, its domain's included
    checks: list[str]  # expressions of those that concern it alone
    unique: bool

    @property
    def identifier(self) -> str:
        """Its name, quoted."""
        return quoted(self.name)

    @property
    def needs_a_value(self) -> bool:
        """True if an INSERT has to name it."""
        return self.required and not self.has_default and not self.generated


def columns_of(connection: Connection, table: str) -> list[Column]:
    """The columns of a table that is named as SQL writes it."""
    return [Column(*row) for row in connection.execute(COLUMNS, [table])]


def candidates(column: Column) -> Iterator[str]:
    """Expressions that may do, with `N` in them, the likely ones first."""
    text = column.name.replace("'", "''")
    texts = [
        f"'{text} ' || {N}",
        f"'chatbot-' || {N}",
        f"'chatbot' || {N} || '@example.invalid'",
        f"'https://example.invalid/' || {N}",
        f"{N}::text",
        f"md5({N}::text)",
    ]
    yield from column.labels
    yield from BY_CATEGORY.get(column.category, [])
    if column.category == "S":
        yield from texts
    for constraint in column.constraints:
        yield from LITERAL.findall(constraint[:LONGEST_CONSTRAINT])
    yield from ANYTHING
    yield from ("'en'", "'EUR'", "'#000000'", "'active'", *(texts if column.category != "S" else []))


def fake(connection: Connection, column: Column, rows: int) -> str | None:
    """An expression of `N` that the column takes, for n from 1 to `rows`; None if none was found."""
    for candidate in dict.fromkeys(candidates(column)):
        if column.unique and N not in candidate and "random" not in candidate:
            continue
        value = f"({candidate})::{column.type}"
        holds = " and ".join(f"coalesce(({check}), true)" for check in column.checks) or "true"
        different = "distinct " if column.unique else ""  # counted in any case, so that the value is made in any case
        counted = f"count({different}{column.identifier}{'::text' if column.unique else ''}) = count(*)"
        query = (
            f"select bool_and({holds}) and {counted}"
            f" from (select {value.replace(N, 'n')} as {column.identifier}"
            f" from (select distinct n from (values (1::bigint), (2), ({rows})) as given(n)) as numbers) as made"
        )
        try:
            with connection.transaction():
                row = connection.execute(query.encode()).fetchone()
        except psycopg.Error:
            continue
        if row and row[0]:
            return value
    return None


CONSTRAINT = """
SELECT coalesce(k.oid, 0) <> 0, ARRAY(SELECT a.attname FROM pg_attribute a
  WHERE a.attrelid = r.oid AND a.attnum = ANY (coalesce(k.conkey, i.indkey::int2[])))
FROM (SELECT %(table)s::regclass::oid AS oid) r
LEFT JOIN pg_constraint k ON k.conrelid = r.oid AND k.conname = %(name)s
LEFT JOIN (pg_index i JOIN pg_class x ON x.oid = i.indexrelid) ON i.indrelid = r.oid AND x.relname = %(name)s
WHERE k.oid IS NOT NULL OR i.indexrelid IS NOT NULL
"""


def load(
    connection: Connection, real: Real, lines: Iterable[bytes | bytearray | memoryview], rows: int
) -> tuple[int, list[str]]:
    """Fills the table from lines of COPY, id and token; returns how many rows, and what was made up or left out.

    The session is a replica's: triggers and foreign keys are not asked. Raises CannotRehearse.
    """
    table, names = f"{quoted(real.schema)}.{quoted(real.name)}", f"{quoted(real.id)}, {quoted(real.token)}"
    try:
        connection.execute(f"create temp table arrived as select {names} from {table} with no data".encode())
        connection.execute("alter table arrived add n bigint generated always as identity")
        with connection.cursor().copy(f"copy arrived ({names}) from stdin".encode()) as copy:
            for line in lines:
                copy.write(line)
        always = set_aside(connection, table)
        notes, values = made_up(connection, real, table, rows)
        stored = insert(connection, real, table, values, notes)
        for statement in always:
            connection.execute(statement.encode())
        forward_sequences(connection, table, real)
        connection.execute("drop table arrived")
        connection.execute(f"analyze {table}".encode())
    except psycopg.Error as error:
        raise CannotRehearse(
            f"the tokens of {real} could not be stored in a table of its definition:"
            f" {error.sqlstate} {without_values(error.diag.message_primary or '', error.sqlstate or '')}"
        ) from None
    return stored, notes


def made_up(connection: Connection, real: Real, table: str, rows: int) -> tuple[list[str], dict[str, str]]:
    """The expression for each column that needs a value, and what to say of it."""
    values: dict[str, str] = {}
    for column in columns_of(connection, table):
        if not column.needs_a_value or column.name in (real.id, real.token):
            continue
        value = fake(connection, column, rows)
        if value is None:
            connection.execute(f"alter table {table} alter column {column.identifier} drop not null".encode())
            value = f"null::{column.type}"
        values[column.name] = value.replace(N, "n")
    notes = [f"made up: {', '.join(f'{name} = {value}' for name, value in values.items())}"] if values else []
    return notes, values


def insert(connection: Connection, real: Real, table: str, values: dict[str, str], notes: list[str]) -> int:
    """Stores what has arrived. A constraint that made-up values do not satisfy is left out, and said."""
    own = [quoted(real.id), quoted(real.token)]
    names = ", ".join([*own, *map(quoted, values)])
    made = ", ".join([*own, *values.values()])
    for _ in range(100):
        try:
            with connection.transaction():
                done = connection.execute(
                    f"insert into {table} ({names}) overriding system value select {made} from arrived".encode()
                )
                return done.rowcount
        except psycopg.errors.IntegrityError as error:
            notes.append(leave_out(connection, real, table, error))
    raise CannotRehearse(f"{real}: more than 100 constraints refuse made-up values")


def leave_out(connection: Connection, real: Real, table: str, error: psycopg.Error) -> str:
    """Takes the constraint away that refused a row, unless it is about the real columns; returns what to say."""
    name, column = error.diag.constraint_name, error.diag.column_name
    if error.sqlstate == "23502" and column and column not in (real.id, real.token):
        connection.execute(f"alter table {table} alter column {quoted(column)} drop not null".encode())
        return f"left out: NOT NULL of {column}, whose default is NULL"
    constraint = connection.execute(CONSTRAINT, {"table": table, "name": name}).fetchone()
    if name is None or constraint is None or set(constraint[1]) <= {real.id, real.token}:
        raise error
    if constraint[0]:
        connection.execute(f"alter table {table} drop constraint {quoted(name)}".encode())
    else:
        connection.execute(f"drop index {quoted(real.schema)}.{quoted(name)}".encode())
    return f"left out: {name}, which made-up values do not satisfy"


def set_aside(connection: Connection, table: str) -> list[str]:
    """Takes away, while rows are loaded, what holds in a replica's session too and may refuse them: CHECKs that were
    never validated, triggers that fire ALWAYS. Returns the statements that bring it back.
    """
    back = []
    checks = connection.execute(
        "select conname, pg_get_constraintdef(oid) from pg_constraint"
        " where conrelid = %s::regclass and contype = 'c' and not convalidated",
        [table],
    ).fetchall()
    for name, definition in checks:
        connection.execute(f"alter table {table} drop constraint {quoted(name)}".encode())
        back.append(f"alter table {table} add constraint {quoted(name)} {definition}")
    triggers = connection.execute(
        "select tgname, tgenabled::text from pg_trigger"
        " where tgrelid = %s::regclass and not tgisinternal and tgenabled in ('A', 'R')",
        [table],
    ).fetchall()
    for name, enabled in triggers:
        connection.execute(f"alter table {table} disable trigger {quoted(name)}".encode())
        back.append(f"alter table {table} enable {'always' if enabled == 'A' else 'replica'} trigger {quoted(name)}")
    return back


SEQUENCES = """
SELECT DISTINCT d.refobjid::regclass::text FROM pg_attrdef f
  JOIN pg_depend d ON d.classid = 'pg_attrdef'::regclass AND d.objid = f.oid AND d.refclassid = 'pg_class'::regclass
  JOIN pg_class s ON s.oid = d.refobjid AND s.relkind = 'S'
  JOIN pg_attribute a ON a.attrelid = f.adrelid AND a.attnum = f.adnum
  WHERE f.adrelid = %(table)s::regclass AND a.attname = %(id)s
UNION
SELECT d.objid::regclass::text FROM pg_depend d
  JOIN pg_class s ON s.oid = d.objid AND s.relkind = 'S'
  JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
  WHERE d.refobjid = %(table)s::regclass AND d.deptype IN ('i', 'a') AND a.attname = %(id)s
"""


def forward_sequences(connection: Connection, table: str, real: Real) -> None:
    """Ids of new rows come after those that are there. The real sequence's place is no definition, and is not read."""
    for (sequence,) in connection.execute(SEQUENCES, {"table": table, "id": real.id}).fetchall():
        connection.execute(
            sql.SQL("select setval({}, max({})) from {} having max({}) >= 1").format(
                sql.Literal(sequence), sql.Identifier(real.id), real.identifier, sql.Identifier(real.id)
            )
        )


def stand_in(connection: Connection, real: Real, rows: int) -> list[str]:
    """After the migration, what lets an app INSERT that knows nothing but the label: defaults for the other required
    columns, and no foreign keys on columns whose parents are not here. Returns what to say of it.
    """
    table, notes = f"{quoted(real.schema)}.{quoted(real.name)}", []
    columns = columns_of(connection, table)
    highest = rows
    if any(column.name == real.id and column.category == "N" for column in columns):
        row = connection.execute(
            sql.SQL("select max({})::bigint from {}").format(sql.Identifier(real.id), real.identifier)
        )
        highest = max(rows, (row.fetchone() or [0])[0] or 0)
    connection.execute(f"create sequence rehearsal_only.n start {highest + 1}".encode())
    connection.execute("grant usage on sequence rehearsal_only.n to public")
    given = []
    for column in columns:
        if not column.needs_a_value or column.name in (real.label, real.token):
            continue
        value = fake(connection, column, highest + 1000)
        if value is None:
            connection.execute(f"alter table {table} alter column {column.identifier} drop not null".encode())
        else:
            made = value.replace(N, "nextval('rehearsal_only.n')")
            connection.execute(f"alter table {table} alter column {column.identifier} set default {made}".encode())
        given.append(column.name)
    if given:
        notes.append(f"for the reference app these have defaults, after the migration: {', '.join(given)}")
    keys = connection.execute(
        """
        SELECT conname FROM pg_constraint WHERE conrelid = %s::regclass AND contype = 'f' AND conparentid = 0
          AND NOT conkey && ARRAY(SELECT attnum FROM pg_attribute WHERE attrelid = conrelid AND attname = %s)
        """,
        [table, real.token],
    ).fetchall()
    for (name,) in keys:
        connection.execute(f"alter table {table} drop constraint {quoted(name)}".encode())
    if keys:
        dropped = ", ".join(name for (name,) in keys)
        notes.append(f"for the reference app these foreign keys are dropped, after the migration: {dropped}")
    return notes
