"""The stored tokens are random.

Migrations that keep old tokens sometimes pad them into the shape of a version 4 UUID. Such tokens share the padded
half: two of them among a million rows are found. The frequency of each of the 122 random bits shows other patterns,
from about one row in twenty-five on. Each of the two tests alarms falsely at most once in a million runs. Halves are
compared over all rows up to 2 million, and on a sample of about 2 million beyond that; bits on about 20,000 rows.

It cannot see a good hash of something guessable, such as md5 of the id with the version bits set, or fewer than three
padded rows in a table of more than two million.
"""

from harness.checkers.randomness import signs_of_order
from harness.checkers.rows import demand_stored, remedy_without_version_4
from harness.errors import NotCovered
from harness.findings import finding
from harness.history.history import History
from harness.postgres.token_scan import StoredTokens


def test_stored_tokens_are_random(stored: StoredTokens, acknowledged: History | None, own_rows: int) -> None:
    """Among the stored tokens of version 4, no more share a half than chance allows, and no bit is uneven."""
    demand_stored(stored, acknowledged, own_rows)
    if not stored.sample.tokens:
        raise NotCovered("no stored token has the form of version 4", remedy_without_version_4(stored))
    found = signs_of_order(stored.sample)
    assert not found, finding(
        want="122 random bits in each token (RFC 9562 section 5.4)",
        have=found,
        cause="old tokens that a migration padded into the shape of a UUID, or a generator that counts or tells time",
        remedy="give the rows of tokens that are not random new ones: whoever knows one token can guess the others",
    )
