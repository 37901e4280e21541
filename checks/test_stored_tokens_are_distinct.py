"""No token is stored twice.

The run reads the table itself, in one pass. Postgres plans the usual query for duplicates on the unique index, and an
index that misses rows answers that there are none. So the run switches index scans off, and checks the plan.

It cannot see rows that were deleted.
"""

from harness.checkers.rows import demand_stored
from harness.findings import finding
from harness.history.history import History
from harness.postgres.token_scan import StoredTokens


def test_stored_tokens_are_distinct(stored: StoredTokens, acknowledged: History | None, own_rows: int) -> None:
    """No token is stored twice."""
    demand_stored(stored, acknowledged, own_rows)
    assert not stored.surplus, finding(
        want=f"{stored.tokens} distinct tokens in {stored.rows} rows",
        have=[
            f"one token in {number} rows, such as {', '.join(ids)}"
            for (_, number), ids in zip(stored.repeated, stored.repeated_ids, strict=True)
        ],
        total=stored.repeated_tokens,
        cause="duplicates that are older than the unique index, or an index that misses rows (amcheck shows it)",
        remedy="give the later rows of each duplicate new tokens, then REINDEX INDEX CONCURRENTLY the unique index",
    )
