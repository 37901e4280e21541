"""Every stored row has a token.

NOT NULL in the catalog says it of new rows. The run reads the rows that were stored before.

It cannot see anything in an empty table; then it does not apply.
"""

from harness.checkers.rows import demand_stored
from harness.findings import finding
from harness.history.history import History
from harness.postgres.token_scan import StoredTokens


def test_stored_tokens_are_not_null(stored: StoredTokens, acknowledged: History | None, own_rows: int) -> None:
    """Each stored row has a token."""
    demand_stored(stored, acknowledged, own_rows)
    assert not stored.nulls, finding(
        want=f"{stored.rows} tokens in {stored.rows} rows",
        have=f"{stored.nulls} rows whose token is NULL",
        cause="rows that are older than the default, or an INSERT that names the column and sends NULL",
        remedy="fill the tokens that are NULL with the column's default, then set the column NOT NULL",
    )
