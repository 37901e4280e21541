"""Nothing overrides the column's default.

A trigger before INSERT that sets the token, a rule that rewrites INSERT, or a generated column makes the default
meaningless. Triggers that leave the token alone are none of our business. A source is read; a trigger in C, which has
none, is taken to leave it alone, since the ones that Postgres brings do.
"""

from harness.checkers.schema import demand_readable_triggers, overriding
from harness.findings import finding
from harness.postgres.table import TableFacts


def test_nothing_overrides_the_default(facts: TableFacts) -> None:
    """No enabled trigger, rule or generation expression of the table decides the token."""
    found = overriding(facts)
    assert not found, finding(
        want="no trigger, rule or generated column that sets the token",
        have=found,
        cause="the old generator lives on inside the database",
        remedy="drop what sets the token, so that the column's default does",
    )
    demand_readable_triggers(facts)
