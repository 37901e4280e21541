"""Tokens are random in both halves.

A short token that is padded into the shape of a version 4 UUID passes every look at its form, but repeats the padding.
Among n random tokens, the chance that two share their first or last 8 bytes is about n^2 / 2 * (2^-60 + 2^-62): for 19
of them less than one in a million million. From 100 POSTs on, each of the 122 random bits must also be set about as
often as not. That alarms falsely once in a million runs.

It stays although such tokens are found in the table as well: without a database, nothing else sees them.

It cannot see a good hash of something guessable.
"""

from harness.checkers.history import demand_acknowledged
from harness.checkers.randomness import signs_of_order
from harness.findings import finding
from harness.history.history import History
from harness.history.token_sample import sample_of


def test_tokens_are_random(history: History) -> None:
    """No two different tokens share a half, and over many tokens no bit is set too often or too rarely."""
    demand_acknowledged(history)
    found = signs_of_order(sample_of(history.tokens))
    assert not found, finding(
        want="122 random bits in each token (RFC 9562 section 5.4)",
        have=found,
        cause="a short token padded into the shape of a UUID, a counter, or a clock with the version bits forced",
        remedy="find out what makes the token: it must be the database's generator and nothing else",
    )
