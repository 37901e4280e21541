"""Every stored token is a version 4 UUID.

The run reads the version and variant bits (RFC 9562 section 5.4) of each token in the table. Old tokens that were
padded into the shape of a UUID, or that another generator made, do not have them. Rows up to `stored.legacy_until` may
hold a UUID of any version: they were stored before the migration, and stay as they are.

It cannot see whether a token of version 4 is random: another claim looks at that.
"""

from harness.checkers.history import difference
from harness.checkers.rows import demand_ages, demand_stored, stored_before
from harness.findings import finding
from harness.history.history import History
from harness.postgres.table import TableFacts
from harness.postgres.token_scan import StoredTokens


def test_stored_tokens_are_version_4(
    stored: StoredTokens, facts: TableFacts, legacy_until: int | None, acknowledged: History | None, own_rows: int
) -> None:
    """Each stored token is a version 4 UUID, except those that are known to be older than the migration."""
    demand_stored(stored, acknowledged, own_rows)
    demand_ages(facts, legacy_until)
    before = stored_before(stored)
    assert not stored.not_version_4, finding(
        want=f"version 4 in all {stored.tokens} stored tokens",
        have=[
            f"{facts.id_column} {id_}: {difference(token.get_secret_value())}" for id_, token in stored.other_versions
        ],
        total=stored.not_version_4,
        of=f"{stored.tokens} stored tokens",
        cause=before.cause,
        remedy=before.remedy,
    )
