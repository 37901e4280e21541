"""The database accepts writes.

A migration fails with 25006 on a replica, and for a role whose transactions are READ ONLY by default.

It cannot see a switch to a replica that happens later.
"""

from harness.findings import finding
from harness.preflight.checkers import let_it_write, read_only
from harness.preflight.facts import Preflight


def test_preflight_database_takes_writes(preflight: Preflight) -> None:
    """It is no replica, and transactions may write."""
    found = read_only(preflight)
    assert not found, finding(
        want="a primary, and default_transaction_read_only off",
        have=found,
        cause="the URL leads to a replica, or somebody made the database read only",
        remedy=f"use the URL of the primary; {let_it_write(preflight)}",
    )
