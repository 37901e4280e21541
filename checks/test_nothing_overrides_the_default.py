"""Nothing overrides the column's default.

A trigger that sets the token of a new row, before or after it is stored, at once or at COMMIT, a rule that rewrites
INSERT, or a generated column makes the default meaningless. So does what stands around the table: a partition or a view
with a default of its own for the token, and triggers and rules of such a view. What leaves the token alone does not
matter. What cannot be read could not be told. A trigger in C, which has no source, is taken to leave the token alone,
since the ones that Postgres brings do.

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
