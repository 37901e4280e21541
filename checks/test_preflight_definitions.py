"""Checks, indexes and statistics on the token column accept a uuid.

Postgres builds them again from their printed definition: `lower(public_token)` of a text column is then a function that
does not exist (42883), while that of a varchar is printed with a cast and passes. So Postgres is let parse each of
them on a row whose token is a uuid, and a CHECK or index that parses is evaluated on the stored tokens as UUIDs, and on
new ones: a CHECK refuses them (23514), or either raises what it raises. Operator classes and collations of text end in
42804, an access method without one for uuid in 42704.

It cannot see what a function does that a CHECK or an index calls; then it could not be told.
"""

from harness.findings import finding
from harness.preflight.checkers import definitions
from harness.preflight.facts import Preflight


def test_preflight_definitions_take_a_uuid(preflight: Preflight) -> None:
    """Each of them can be built again on the uuid."""
    found = definitions(preflight)
    assert not found, finding(
        want=f"definitions that hold of {preflight.column} as a uuid",
        have=found,
        cause="they were written for text: its length, its case, its pattern",
        remedy=f"drop them in the migration's transaction, and write again what still makes sense of a uuid; a cast "
        f"such as ({preflight.table.token_column}::text) keeps an expression as it is",
    )
