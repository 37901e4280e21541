"""A unique index guards the token.

One index must guarantee it for every row at any time: unique, valid, ready, immediate, on this column only, not
partial, not on an expression (pg_index). Constraint views would mislead here. A unique index without a constraint
guards as well, and an invalid index that a failed CREATE INDEX CONCURRENTLY left behind does not.

It cannot see whether the index misses rows: another claim reads the table without it.
"""

from harness.checkers.schema import is_unique_by, shortcomings
from harness.findings import finding
from harness.postgres.table import TableFacts


def test_token_is_unique_by_index(facts: TableFacts) -> None:
    """At least one index guarantees that no token is stored twice."""
    near = [f"{index.definition}: {', '.join(shortcomings(index))}" for index in facts.indexes]
    assert any(is_unique_by(index) for index in facts.indexes), finding(
        want=f"a valid, immediate unique index on ({facts.token_column}) alone",
        have=near or f"no index on {facts.token_column}",
        cause="the migration dropped the index, or building it failed",
        remedy=f"CREATE UNIQUE INDEX CONCURRENTLY ON {facts.in_sql} ({facts.token_in_sql}), then drop the broken one",
    )
