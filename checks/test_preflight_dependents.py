"""Nothing that depends on the token column blocks the change of its type.

These end the migration in 0A000: views, rules, policies, triggers of the column or with the column in their WHEN,
generated columns, functions with a SQL body, column lists and row filters of publications, and columns of the table's
row type. A partition key and an inherited column end it in 42P16. The run goes by pg_depend, in every schema. An object
of the table that does not use the column does not matter.

A trigger or a CHECK may pass the whole row to a function. If the source of that function names the column, it may fail
at each INSERT. The run cannot know, and the claim ends in "could not tell".

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
