"""The role of the database URL may alter the table.

ALTER TABLE takes the owner or a member of it, also of the tables that inherit the column; it ends in 42501 for any
other role, whatever it was granted. An event trigger that a command of the migration calls may forbid it nevertheless;
that is not tried, and cannot be told. A missing unique index takes CREATE on the schema (42501), and a
statement_timeout that the role has, shorter than the rewrite, ends it in 57014.

It cannot see the rights of another role than the one in `database`.
"""

from harness.findings import finding
from harness.preflight.checkers import let_it_create, rights
from harness.preflight.facts import Preflight


def test_preflight_role_may_alter_the_table(preflight: Preflight) -> None:
    """The role owns the table, or is a member of its owner."""
    found = rights(preflight)
    assert not found, finding(
        want=f"{preflight.catalog.role} as owner of {preflight.table.shown}",
        have=found,
        cause="the URL belongs to the app or to a reader; the migration runs as another role",
        remedy="run the preflight, and the migration, with the URL of the role that owns the table; "
        f"{let_it_create(preflight)} where that is missing; SET statement_timeout = 0 in the migration where one is "
        "too short",
    )
