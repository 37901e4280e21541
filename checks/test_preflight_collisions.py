"""No two stored tokens become the same UUID.

Text that differs in case, dashes or braces is one UUID. Each unique index that Postgres builds again then ends in
23505, and an exclusion constraint in 23P01. That holds for an index that is partial, of several columns, or invalid
until now, too. If no index guards the column, tokens that are stored twice prevent the unique index that the checks
after the deploy expect.

It cannot see tokens that are stored between the preflight and the migration.
"""

from harness.findings import finding
from harness.preflight.checkers import SAFE, collisions
from harness.preflight.facts import Preflight


def test_preflight_tokens_stay_distinct(preflight: Preflight) -> None:
    """The indexes can be built on the tokens as UUIDs."""
    found = collisions(preflight)
    assert not found, finding(
        want=f"distinct UUIDs in {preflight.column}, as its indexes compare them",
        have=found,
        cause="one UUID stored in several spellings, or a column that no unique index guards",
        remedy=f"decide which row keeps it, and give the others new tokens; {SAFE} lets the oldest keep it; "
        "a table that is partitioned by other columns needs a table of its own for them, or another way to be unique",
    )
