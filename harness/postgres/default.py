"""Evaluates a column's default, as an INSERT would, without storing anything."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from psycopg import sql

from harness.errors import NotCovered
from harness.postgres.identifiers import as_text
from harness.postgres.uuid_v4 import is_version_4

if TYPE_CHECKING:
    from harness.postgres.connection import Connection
    from harness.postgres.table import TableFacts

TIMES = 10_000


class DefaultEvaluation(NamedTuple):
    """What the default made in `times` evaluations: how many distinct values, and how many of version 4."""

    times: int
    distinct: int
    version_4: int
    example: str


def evaluate_default(connection: Connection, facts: TableFacts) -> DefaultEvaluation:
    """Evaluate the catalog's own expression `TIMES` times, inside the caller's READ ONLY transaction.

    Raises:
        NotCovered: there is no default.
        psycopg.Error: it cannot be evaluated by this role, or wants to write.
    """
    if facts.default is None:
        raise NotCovered("the column has no default", "set one")
    query = evaluation_query(facts.default.expression, is_uuid=facts.token_type == "uuid")
    made = connection.execute(query).fetchone()
    assert made is not None  # an aggregate answers one row
    return DefaultEvaluation(TIMES, *made)


def evaluation_query(expression: str, *, is_uuid: bool = True) -> sql.Composed:
    """Selects (distinct values, values of version 4, one of them) over `TIMES` evaluations of an expression.

    The values of a uuid column are compared and tested as bytes, which takes half as long as their text.
    """
    return sql.SQL(
        "WITH made AS MATERIALIZED (SELECT ({expression})::{type} AS value FROM generate_series(1, {times})) "
        "SELECT count(DISTINCT value), count(*) FILTER (WHERE {version_4}), coalesce(min({text}), 'NULL'::text) "
        "FROM made"
    ).format(
        expression=sql.SQL(expression),  # printed by pg_get_expr
        type=sql.SQL("uuid" if is_uuid else "text"),
        times=sql.Literal(TIMES),
        text=as_text(sql.SQL("value"), "uuid" if is_uuid else "text"),
        version_4=is_version_4(sql.SQL("value"), is_uuid=is_uuid, in_lower_case=True),
    )
