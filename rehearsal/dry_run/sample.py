"""The ids and tokens of the real table: all of them, or a sample in which bad ones are likely to be."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
from psycopg import sql

from rehearsal.dry_run.real_schema import SMALL_BYTES, CannotRehearse, Real, RealConnection, remedy_for

Line = bytes | bytearray | memoryview

# Half of a sample are rows that a cast to uuid would refuse, as they come; the rest is random.
NO_UUID = (
    "{token} is null or pg_catalog.concat({token}) operator(pg_catalog.!~*) "
    "'^[0-9a-f]{{8}}(-[0-9a-f]{{4}}){{3}}-[0-9a-f]{{12}}$'::pg_catalog.text"
)
SUSPICIOUS = f"copy (select {{id}}, {{token}} from {{table}} where {NO_UUID} limit {{most}}) to stdout"
RANDOM = "copy (select {id}, {token} from {table} order by pg_catalog.random() limit {most}) to stdout"
BLOCKS = "copy (select {id}, {token} from {table} tablesample system ({percent}) limit {most}) to stdout"
ALL = "copy (select {id}, {token} from {table}) to stdout"


def tokens_of(connection: RealConnection, real: Real, rows: int | None) -> Iterator[Line]:
    """Lines of COPY, id and token, at most `rows` of them (None: all). No other column is named or read."""
    connection.own_search_path()
    if rows is None or (rows >= real.rows and not real.rows_are_estimated):
        yield from copied(connection, real, ALL)
        return
    seen: set[bytes] = set()
    random = RANDOM if real.size_bytes < SMALL_BYTES else BLOCKS
    for query, most in ((SUSPICIOUS, rows // 2), (random, rows)):
        for line in copied(connection, real, query, most):
            id_ = bytes(line).partition(b"\t")[0]
            if id_ not in seen and len(seen) < rows:
                seen.add(id_)
                yield line


def copied(connection: psycopg.Connection[Any], real: Real, query: str, most: int = 0) -> Iterator[Line]:
    """What one COPY sends. Raises CannotRehearse."""
    percent = min(100.0, 200.0 * most / max(real.rows, 1))  # blocks are full to different degrees
    statement = sql.SQL(query).format(
        id=sql.Identifier(real.id),
        token=sql.Identifier(real.token),
        table=real.identifier,
        most=sql.Literal(most),
        percent=sql.Literal(percent),
    )
    try:
        with connection.cursor().copy(statement) as copy:
            yield from copy
    except psycopg.Error as error:
        raise CannotRehearse(f"{real.place}: {' '.join(str(error).split())}{remedy_for(error)}") from None
