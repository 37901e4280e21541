"""The token column is of type uuid.

The run reads the type from the catalog (pg_attribute, format_type). Text that holds UUIDs passes every other claim.

It cannot see who fills the column, or with what.
"""

from harness.findings import finding
from harness.postgres.table import TableFacts


def test_column_is_uuid(facts: TableFacts) -> None:
    """The catalog's type of the column is uuid."""
    assert facts.token_type == "uuid", finding(
        want=f"{facts.shown}.{facts.token_column} uuid",
        have=f"{facts.shown}.{facts.token_column} {facts.token_type}",
        cause="the migration has not run in this database, or a later one changed the column back",
        remedy="run the migration on this environment's database",
    )
