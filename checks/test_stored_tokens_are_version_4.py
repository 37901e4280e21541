"""Every stored token is a version 4 UUID.

By the version and variant bits (RFC 9562 section 5.4) of each token in the heap: the old tokens, padded into the shape
of a UUID or carried over by another generator, do not have them.
"""

from harness.checkers.rows import demand_the_heap
from harness.findings import finding
from harness.history.history import History
from harness.postgres.token_scan import StoredTokens


def test_stored_tokens_are_version_4(stored: StoredTokens, acknowledged: History | None) -> None:
    """Each stored token is a version 4 UUID."""
    demand_the_heap(stored, acknowledged)
    assert not stored.not_version_4, finding(
        want=f"version 4 in all {stored.tokens} stored tokens",
        have=[*stored.other_versions, f"{stored.not_version_4} of {stored.tokens} in all"],
        cause="tokens of before that the migration carried over, or another generator that still runs",
        remedy="give these rows new tokens, and find out what made them",
    )
