"""No row is without a token before the migration.

The cast leaves NULL as it is. SET NOT NULL has to follow, because the checks after the deploy expect it, and fails
with 23502.

It cannot see rows that are stored between the preflight and the migration.
"""

from harness.findings import finding
from harness.preflight.checkers import fill_nulls, nulls
from harness.preflight.facts import Preflight


def test_preflight_tokens_are_not_null(preflight: Preflight) -> None:
    """Each row has a token."""
    found = nulls(preflight)
    assert not found, finding(
        want=f"no NULL in {preflight.column}",
        have=found,
        cause="the column allows NULL, and code or people stored rows without a token",
        remedy=f"between the cast and SET NOT NULL give them tokens: {fill_nulls(preflight)}",
    )
