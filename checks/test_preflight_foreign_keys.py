"""No foreign key connects the token column to a text column.

In either direction: Postgres cannot compare a uuid with a text, so it cannot create the constraint again. The
migration then fails with 42804.

It cannot see references that no constraint declares.
"""

from harness.findings import finding
from harness.preflight.checkers import foreign_keys
from harness.preflight.facts import Preflight


def test_preflight_no_foreign_key_stays_text(preflight: Preflight) -> None:
    """Each foreign key of the column has a uuid at its other side."""
    found = foreign_keys(preflight)
    assert not found, finding(
        want=f"no foreign key between {preflight.column} and a column of another type",
        have=found,
        cause="another table refers to a chatbot by its token, or its token comes from another table",
        remedy="drop it, change both columns to uuid in one transaction, add it again NOT VALID, and VALIDATE it",
    )
