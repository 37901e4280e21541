"""The token column is NOT NULL.

If the column is nullable, an INSERT that names it can store a chatbot without a token.

It cannot see whether the stored rows already have a token: another claim reads them.
"""

from harness.findings import finding
from harness.postgres.table import TableFacts


def test_column_is_not_null(facts: TableFacts) -> None:
    """The catalog says NOT NULL (pg_attribute.attnotnull), and for the rows that are stored already too."""
    holds = facts.token_not_null and facts.token_not_null_is_validated
    state = "nullable" if not facts.token_not_null else "NOT NULL, but NOT VALID"
    assert holds, finding(
        want=f"{facts.shown}.{facts.token_column} NOT NULL",
        have=f"{facts.shown}.{facts.token_column} is {state}",
        cause="the migration left the constraint out, or could not set it because of stored NULLs",
        remedy=f"fill the NULLs, then ALTER TABLE {facts.in_sql} ALTER COLUMN {facts.token_in_sql} SET NOT NULL",
    )
