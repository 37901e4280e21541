"""Evaluates a column's default, as an INSERT would, without storing anything."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from psycopg import sql

from harness.findings import NotCovered

if TYPE_CHECKING:
    from harness.catalog import TableFacts
    from harness.database import Connection

TIMES = 10_000


@dataclass(frozen=True, slots=True)
class Made:
    """What the default made in `times` evaluations: how many distinct values, and how many of version 4."""

    times: int
    distinct: int
    version_4: int
    example: str


def evaluate_default(connection: Connection, facts: TableFacts) -> Made:
    """Evaluate the catalog's own expression `TIMES` times, inside the caller's READ ONLY transaction.

    Raises:
        NotCovered: there is no default.
        psycopg.Error: it cannot be evaluated by this role, or wants to write.
    """
    if facts.default is None:
        raise NotCovered("the column has no default", "set one")
    made = connection.execute(evaluation_query(facts.default.expression)).fetchone()
    assert made is not None  # an aggregate answers one row
    return Made(TIMES, *made)


def evaluation_query(expression: str) -> sql.Composed:
    """Selects (distinct values, values of version 4, one of them) over `TIMES` evaluations of an expression."""
    return sql.SQL(
        "WITH made AS MATERIALIZED (SELECT ({expression})::text AS value FROM generate_series(1, {times})) "
        "SELECT count(DISTINCT value), count(*) FILTER (WHERE value ~ {version_4}), coalesce(min(value), 'NULL') "
        "FROM made"
    ).format(
        expression=sql.SQL(expression),  # printed by pg_get_expr
        times=sql.Literal(TIMES),
        version_4=sql.Literal("^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$"),
    )
