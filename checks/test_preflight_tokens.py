"""Every stored token can be cast to uuid.

One that cannot ends the migration in 22P02, with nothing changed. They are counted as Postgres' own input function
judges (braces, missing dashes and upper case pass), in one pass. A token may open what it names: of each example only
the beginning is shown.

It cannot see tokens that are stored between the preflight and the migration.
"""

from harness.findings import finding
from harness.preflight.checkers import SAFE, refused_tokens
from harness.preflight.facts import Preflight


def test_preflight_tokens_can_be_cast(preflight: Preflight) -> None:
    """The cast takes each stored token."""
    found = refused_tokens(preflight)
    assert not found, finding(
        want=f"a UUID in each of the rows of {preflight.column} that have a token",
        have=found,
        cause="tokens of before, which the app made up itself",
        remedy=f"let the migration give these rows new tokens and keep the old ones to redirect by: {SAFE} does both",
    )
