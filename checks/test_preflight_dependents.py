"""Nothing that depends on the token column blocks the change of its type.

Views, rules, policies, triggers of the column or with a WHEN of it, generated columns, functions with a SQL body,
column lists and row filters of publications, and columns of the table's row type end the migration in 0A000; a
partition key and an inherited column in 42P16. What pg_depend says of the column decides, in whatever schema; an object
of the table that does not use the column is not in the way. Of a function that a trigger or a CHECK hands the whole row
to it does not know what it uses: one whose source names the column may raise at each INSERT, and cannot be told.

It cannot see statements that the app builds at run time and that name the column.
"""

from harness.findings import finding
from harness.preflight.checkers import dependents
from harness.preflight.facts import Preflight


def test_preflight_nothing_depends_on_the_type(preflight: Preflight) -> None:
    """Postgres would let the type of the column change."""
    found = dependents(preflight)
    assert not found, finding(
        want=f"only indexes, checks, keys and statistics that use {preflight.column}",
        have=found,
        cause="objects that were made on the text, which Postgres does not create again by itself",
        remedy=f"in the migration's transaction drop them before ALTER TABLE {preflight.table.in_sql}, and create them "
        "again after it; a partition key or an inherited column needs a new table, or ALTER TABLE of the parent",
    )
