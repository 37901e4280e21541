"""Tokens are version 4 UUIDs in canonical form.

RFC 9562: 8-4-4-4-12 hexadecimal digits in lower case, version 4, variant 10. This is the evidence that the tokens of 6
to 8 characters are gone. A handful of POSTs would not collide either way.

It cannot see who generated the token: an app that calls `randomUUID()` passes.
"""

from harness.checkers.history import demand_acknowledged, tokens_not_version_4
from harness.findings import finding
from harness.history.history import History


def test_tokens_are_version_4(history: History) -> None:
    """Each token that was returned is a canonical version 4 UUID."""
    demand_acknowledged(history)
    others = tokens_not_version_4(history)
    assert not others, finding(
        want="xxxxxxxx-xxxx-4xxx-[89ab]xxx-xxxxxxxxxxxx in lower case (RFC 9562)",
        have=others,
        cause="the app still makes the token, or the column's default is another generator",
        remedy="leave the column out of the INSERT, and set its default to uuid_generate_v4() or gen_random_uuid()",
    )
