"""Checks, indexes and statistics on the token column accept a uuid.

Postgres builds them again from their printed definition. On a text column, `lower(public_token)` then becomes a call of
a function that does not exist (42883). On a varchar column the definition is printed with a cast, and passes. So the
run lets Postgres parse each definition on a row whose token is a uuid. It then evaluates each CHECK and index on the
stored tokens as UUIDs, and on new ones. A CHECK may refuse them (23514), and both may raise an error of their own.
Operator classes and collations of text end in 42804. An access method that has no operator class for uuid ends in
42704.

It cannot see what a function does that a CHECK or an index calls. Then the claim ends in "could not tell".
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
