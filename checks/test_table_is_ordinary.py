"""The table is an ordinary, permanent one.

Only then does the catalog's description of the column hold for every row. A view has no default, a crash empties an
unlogged table, and the index of a parent table does not cover the tables that inherit from it.

It cannot see other tables that the create route fills.
"""

from harness.checkers.schema import extraordinary
from harness.findings import finding
from harness.postgres.table import TableFacts


def test_table_is_ordinary(facts: TableFacts) -> None:
    """It is a table (or a partitioned one), logged, and neither inherits the token column nor passes it on."""
    found = extraordinary(facts)
    assert not found, finding(
        want=f"{facts.shown} as a permanent table",
        have=[f"{facts.shown} is {kind}" for kind in found],
        cause="table.name is not the table of the app, or the table was made for a trial",
        remedy="set table.name to the table that the app fills, or make it permanent",
    )
