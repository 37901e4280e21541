"""A push of the schema file would change the column as the migration does.

A tool that compares its schema file with the database sends statements of its own, at a push or at the deploy. For text
that becomes a uuid, drizzle-kit sends `ALTER COLUMN .. SET DATA TYPE uuid` without USING. That ends in 42804, whatever
is stored. Prisma drops the column and adds it again, and every stored token is lost. The run checks this if you name a
checkout (`--source`) whose schema file declares a uuid that no migration makes.

It cannot see what other tools than drizzle-kit and Prisma send, or what these two change elsewhere.
"""

from harness.findings import finding
from harness.preflight.checkers import push
from harness.preflight.facts import Preflight
from harness.source.migrations.checkers import TokenInSource, pushed_by


def test_preflight_push_is_taken(preflight: Preflight, token_in_source: TokenInSource) -> None:
    """What the tool would send is not refused, and loses nothing."""
    found = push(preflight, pushed_by(token_in_source))
    assert not found, finding(
        want="a column that is a uuid before the schema file is pushed",
        have=found,
        cause="the schema file was changed, and no migration says how the stored tokens become UUIDs",
        remedy="run a migration with USING first, such as examples/migrations/public_token_uuid_safe.sql; then push",
    )
