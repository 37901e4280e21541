"""Nothing overrides the column's default.

These make the default meaningless: a trigger that sets the token of a new row (before or after it is stored, at once
or at COMMIT), a rule that rewrites INSERT, a generated column, a partition or a view with a default of its own, and
triggers and rules of such a view. What leaves the token alone does not matter. What cannot be read could not be told.
A trigger in C has no source. The run takes it to leave the token alone, because the triggers that come with Postgres
do.

It cannot see what the app itself sends.
"""

from harness.checkers.overriding import demand_readable, overriding
from harness.findings import finding
from harness.postgres.table import TableFacts


def test_nothing_overrides_the_default(facts: TableFacts) -> None:
    """No trigger, rule, generation expression or other default of the table, its partitions or views decides it."""
    found = overriding(facts)
    assert not found, finding(
        want="no trigger, rule, generated column or default of a partition or view that makes the token",
        have=found,
        cause="the old generator still runs inside the database",
        remedy="drop it, so that the column's default generates the token",
    )
    demand_readable(facts)
