"""Postgres generates the token: the column's default makes version 4 UUIDs.

By identity, not by name: `uuid_generate_v4` must be the C function of the extension uuid-ossp (in whatever schema), or
`gen_random_uuid` the one that Postgres or pgcrypto brings. A function of the app with such a name is not taken for it.
No function of the database is called: its text is read. One that only hands on the value of a known generator is as
good as that. One whose text proves that it is none fails, and what its text does not prove is "could not tell".
Besides, what is known to act on nothing is evaluated 10,000 times in a READ ONLY transaction, where this role may: what
it makes is evidence of its own, and says in a failure how bad it is.

It cannot see whether the default is used: an app that sends a token of its own never evaluates it.
"""

from harness.checkers.defaults import demand_proven, wrong_default, wrong_evaluations
from harness.findings import finding
from harness.postgres.default import DefaultEvaluation
from harness.postgres.table import TableFacts


def test_default_is_a_database_v4_generator(facts: TableFacts, default_evaluation: DefaultEvaluation | None) -> None:
    """The default calls a known generator, as its stored expression tells, and makes distinct version 4 UUIDs."""
    wrong = [
        wrong_default(facts.default),
        *(wrong_evaluations(default_evaluation) if default_evaluation is not None else ()),
    ]
    found = [what for what in wrong if what is not None]
    assert not found, finding(
        want="DEFAULT uuid_generate_v4() of uuid-ossp, or the built-in gen_random_uuid()",
        have=found,
        cause="the migration has not set the default, or an impostor function of that name is found first",
        remedy=f"ALTER TABLE {facts.in_sql} ALTER COLUMN {facts.token_in_sql} SET DEFAULT gen_random_uuid()",
    )
    demand_proven(facts)
