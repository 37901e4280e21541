"""The role of the database URL may alter the table.

ALTER TABLE needs the owner of the table or a member of that role, also for each table that inherits the column. For any
other role it ends in 42501, whatever was granted. A missing unique index needs CREATE on the schema (42501). If the
role has a statement_timeout that is shorter than the rewrite, the rewrite ends in 57014. An event trigger may forbid a
command of the migration. The run does not try that, and the claim ends in "could not tell".

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
