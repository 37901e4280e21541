"""Reads what a preflight judges, in one READ ONLY transaction: locks, the catalog, and the tokens in one pass.

Locks come first: a table that somebody holds exclusively cannot be read any further, and that is the finding then.
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any, LiteralString, TypeVar

import psycopg
from psycopg import sql

from harness.errors import Unavailable
from harness.postgres.connection import connect, limited, reading
from harness.postgres.failures import translated
from harness.postgres.identifiers import as_text, as_uuid
from harness.postgres.parts import read_part
from harness.postgres.table import read_facts
from harness.preflight.definitions import (
    ask_checks,
    ask_indexes,
    castable,
    find_collisions,
    has_expressions,
    parse_all,
    parse_cast,
    printed,
    read_definitions,
)
from harness.preflight.dependents import read_catalog, read_holders
from harness.preflight.facts import LONG_S, Preflight, Size, Tokens
from harness.redaction.row_values import shown_id

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable

    from pydantic import SecretStr

    from harness.configuration.models import Environment, Table
    from harness.postgres.connection import Connection
    from harness.postgres.table import TableFacts
    from harness.preflight.definitions import Definitions
    from harness.preflight.facts import Catalog, Check, Collision, IndexAsked, LockHolders, Parsed

T = TypeVar("T")
EXAMPLES = 5
_SHOWN = 3  # characters of a token: enough to find it by, and no key to what it opens


def look(environment: Environment, stop: threading.Event) -> tuple[LockHolders, Preflight | Unavailable]:
    """Who holds the table, and everything else that a preflight knows of an environment that has a database.

    Raises:
        CouldNotTell: no connection.
    """
    dsn = environment.database
    assert dsn is not None  # the caller looked
    try:
        with (
            connect(dsn, stop, environment.statement_timeout_s) as connection,
            limited(connection, connection.budget_s, stop),
            reading(connection),
        ):
            began_s = time.monotonic()
            lock_holders = read_holders(connection, environment.table)
            known = _read(connection, environment.table, dsn)
            return _that_stay(connection, environment.table, lock_holders, began_s, stop), known
    except psycopg.Error as error:
        raise translated(error, dsn) from None


def _read(connection: Connection, named: Table, dsn: SecretStr) -> Preflight | Unavailable:
    """All parts in the caller's transaction; a part that fails gets the rest a new one."""

    def part(read: Callable[[], T]) -> T | Unavailable:
        return read_part(connection, dsn, read)

    table = part(lambda: read_facts(connection, named))
    if isinstance(table, Unavailable):
        return table
    defined = part(lambda: _defined(connection, table))
    if isinstance(defined, Unavailable):
        return defined
    catalog, definitions, cast, parsed = defined
    size, tokens = part(lambda: read_size(connection, table)), part(lambda: read_tokens(connection, table))
    checks: tuple[Check, ...] | Unavailable
    indexes: tuple[IndexAsked, ...] | Unavailable
    collisions: tuple[Collision, ...] | Unavailable
    if isinstance(tokens, Unavailable):
        collisions = tokens
        indexes = tokens if any(has_expressions(index) for index in definitions.indexes) else ()
        checks = tokens if definitions.checks else ()  # where there is none, nothing has to be read
    else:
        surplus = tokens.surplus
        checks = part(lambda: ask_checks(connection, definitions, parsed))
        keys = catalog.index_keys
        indexes = part(lambda: ask_indexes(connection, definitions, parsed, keys))
        if isinstance(indexes, Unavailable):
            collisions = indexes
        else:
            collisions = part(lambda: find_collisions(connection, definitions, parsed, keys, indexes, surplus))
    return Preflight(table, catalog, cast, parsed, checks, indexes, tokens, collisions, size)


def _defined(connection: Connection, table: TableFacts) -> tuple[Catalog, Definitions, Parsed, tuple[Parsed, ...]]:
    definitions = read_definitions(connection, table)
    cast, parsed = parse_cast(connection, definitions), parse_all(connection, definitions)
    return read_catalog(connection, table), definitions, cast, parsed


def _that_stay(
    connection: Connection, table: Table, before: LockHolders, began_s: float, stop: threading.Event
) -> LockHolders:
    """Who holds the table, and of each whether it does so for `LONG_S` at least: nobody needs a right to see that."""
    if not before.transactions:
        return before
    stop.wait(max(0.0, LONG_S - (time.monotonic() - began_s)))
    held = {(holder.transaction, holder.mode) for holder in before.transactions}
    now = read_holders(connection, table)
    stayed = (replace(each, stayed=(each.transaction, each.mode) in held) for each in now.transactions)
    return replace(now, transactions=tuple(stayed))


def read_size(connection: Connection, table: TableFacts) -> Size:
    """Rows as the last ANALYZE counted them, and bytes of the table and of all that inherit from it."""
    query = sql.SQL(
        "WITH RECURSIVE tree AS (SELECT {}::regclass::oid AS oid UNION SELECT i.inhrelid FROM pg_inherits i "
        "JOIN tree t ON i.inhparent = t.oid) SELECT sum(greatest(c.reltuples, 0))::bigint, "
        "sum(pg_table_size(c.oid))::bigint, sum(pg_indexes_size(c.oid))::bigint FROM tree JOIN pg_class c USING (oid)"
    ).format(sql.Literal(table.identifier.as_string()))
    row = connection.execute(query).fetchone()
    assert row is not None  # an aggregate has a row
    return Size(*row)


def _cast_tokens(table: TableFacts) -> sql.Composed:
    """The rows as (id, t, u): the token as text, and as a UUID where the cast takes it."""
    token = sql.Identifier(table.token_column)
    return sql.SQL(
        "(SELECT id, t, CASE WHEN {castable} THEN {uuid} END AS u FROM (SELECT {id} AS id, "
        "CASE WHEN {token} IS NOT NULL THEN {printed} END AS t FROM {table} OFFSET 0) AS printed OFFSET 0) AS tokens"
    ).format(
        castable=sql.SQL("t IS NOT NULL") if table.token_type == "uuid" else castable(sql.SQL("t")),
        uuid=as_uuid(sql.SQL("t")),
        id=sql.Identifier(table.id_column),
        token=token,
        printed=printed(token),
        table=table.identifier,
    )


# Equal UUIDs have equal hashes, so as many hashes as UUIDs proves that all differ; fewer is counted exactly.
_COUNTED = (
    "SELECT count(*), count(*) - count(t), count(*) FILTER (WHERE t = ''::text), count(t) - count(u), "
    "count(u) - count(DISTINCT uuid_hash_extended(u, 0)) FROM {tokens}"
)
_SURPLUS = "SELECT count(u) - count(DISTINCT u) FROM {tokens}"
# In a database of SQL_ASCII a token may be bytes of no encoding, which cannot be sent: "?" is shown for them.
_BAD = (
    "SELECT {id}, CASE WHEN getdatabaseencoding() = 'SQL_ASCII' "
    "THEN regexp_replace(t COLLATE \"C\", '[^\\x01-\\x7f]', '?', 'g') ELSE t END "
    "FROM {tokens} WHERE t IS NOT NULL AND u IS NULL LIMIT {limit}"
)
_SAME = (
    "SELECT (array_agg({id} ORDER BY id))[1:3], count(*) FROM {tokens} WHERE u IS NOT NULL "
    "GROUP BY u HAVING count(*) > 1 LIMIT {limit}"
)


def read_tokens(connection: Connection, table: TableFacts) -> Tokens:
    """Count the stored tokens in one pass over the heap; name offenders only where there are any."""
    id_ = as_text(sql.SQL("id"), table.id_type)
    parts = {"tokens": _cast_tokens(table), "id": id_, "limit": sql.Literal(EXAMPLES)}

    def ask(query: LiteralString) -> list[tuple[Any, ...]]:
        return connection.execute(sql.SQL(query).format(**parts)).fetchall()

    [(rows, nulls, empty, bad, surplus)] = ask(_COUNTED)
    if surplus:
        [(surplus,)] = ask(_SURPLUS)
    bad_examples = tuple((shown_id(str(id_)), in_part(token)) for id_, token in (ask(_BAD) if bad else ()))
    same_examples = tuple((", ".join(map(shown_id, ids)), number) for ids, number in (ask(_SAME) if surplus else ()))
    return Tokens(rows, nulls, empty, bad, surplus, bad_examples, same_examples)


def in_part(token: str) -> str:
    """A token as it may be shown: it may open what it names, so its beginning, and how long it is."""
    if not token:
        return "''"
    return f"'{token[:_SHOWN] if len(token) > _SHOWN else ''}...' of {len(token)} character{'s'[: len(token) != 1]}"
