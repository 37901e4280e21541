"""The table is an ordinary, permanent one.

What the catalog says of the column holds of every row only then: a view has no default, an unlogged table is emptied by
a crash, and an index of a parent does not reach the rows of the tables that inherit from it.

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
        cause="the name resolves to something else than the app's table, or the table was made for a trial",
        remedy="name the table that the app fills in table.name, or make it permanent",
    )
