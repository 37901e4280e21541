"""No two stored tokens become the same UUID.

Texts that differ only in case, dashes or braces are one UUID. Each unique index that Postgres builds again then ends in
23505, and an exclusion constraint in 23P01. That also holds for an index that is partial, covers several columns, or
was invalid until now. If no index guards the column yet, tokens that are stored twice prevent the unique index that the
checks after the deploy require.

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
