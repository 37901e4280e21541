"""Evaluates what a column's default makes, without storing anything, and without calling what is not known."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from psycopg import sql

from harness.errors import NotCovered
from harness.postgres.connection import SAFE_PATH
from harness.postgres.default_text import generator_of
from harness.postgres.harmless_text import harmless_sql
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
    """Evaluate an expression that makes the same `TIMES` times, inside the caller's READ ONLY transaction.

    Raises:
        NotCovered: there is no default, or it is not known to be harmless.
        psycopg.Error: it cannot be evaluated by this role.
    """
    if facts.default is None:
        raise NotCovered("the column has no default", "set one")
    expression = harmless_sql(facts.default)
    if expression is None:
        raise NotCovered("the default is not known to be harmless, and was not evaluated", "read what it calls")
    query = evaluation_query(expression, is_uuid=facts.token_type == "uuid")
    if generator_of(facts.default) is not None:
        made = connection.execute(query).fetchone()
    else:  # operators and casts have no schema to keep others out, not even where reading is tried with another path
        with connection.transaction(force_rollback=True):  # a savepoint, since there is a transaction
            connection.execute(SAFE_PATH)
            made = connection.execute(query).fetchone()
    assert made is not None  # an aggregate answers one row
    return DefaultEvaluation(TIMES, *made)


def evaluation_query(expression: sql.Composable, *, is_uuid: bool = True) -> sql.Composed:
    """Selects (distinct values, values of version 4, one of them) over `TIMES` evaluations of an expression.

    The values of a uuid column are compared and tested as bytes, which takes half as long as their text; of text no
    more is kept than shows what it is.
    """
    return sql.SQL(
        "WITH made AS MATERIALIZED (SELECT {value} AS value FROM pg_catalog.generate_series(1, {times}) AS smoke_row) "
        "SELECT count(DISTINCT value), count(*) FILTER (WHERE {version_4}), coalesce(min({text}), 'NULL'::text) "
        "FROM made"
    ).format(
        value=sql.SQL("({})::uuid" if is_uuid else "pg_catalog.left(pg_catalog.concat({}), 100)").format(expression),
        times=sql.Literal(TIMES),
        text=as_text(sql.SQL("value"), "uuid" if is_uuid else "text"),
        version_4=is_version_4(sql.SQL("value"), is_uuid=is_uuid, in_lower_case=True),
    )
