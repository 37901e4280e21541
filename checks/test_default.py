"""Postgres generates the token: the column's default makes version 4 UUIDs.

The run identifies the function, not its name. `uuid_generate_v4` must be the C function of the extension uuid-ossp, in
whatever schema; `gen_random_uuid` must be the one of Postgres or of pgcrypto. A function of the app with such a name
does not count.

The run does not call a function of the app. It reads its text. A function that only returns the value of a known
generator counts like that generator. If the text proves that the function is not a generator, the claim fails. If the
text proves neither, the claim ends in "could not tell".

A default that is known to have no effect is also evaluated 10,000 times in a READ ONLY transaction, if the role may do
so. A failure shows how bad these values are.

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
