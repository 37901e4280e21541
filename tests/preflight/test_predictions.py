"""What a preflight predicts is what Postgres does: each situation is judged first, and the migration is run then.

The plain migration of examples/migrations is run in a transaction, with what a deployment needs after it. Postgres
stops at the first error, so that of several causes each is mended in turn, until it passes: see `observed`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import psycopg
import pytest

from tests.support.preflights import first_error, of_the_table, plain, predicted, standing
from tests.support.situations import SITUATIONS, Situation

if TYPE_CHECKING:
    from rehearsal.servers.postgres import Postgres

UNIQUE = "create unique index after_the_cast on chatbots (public_token)"
AFTER = ("alter table chatbots alter column public_token set not null", UNIQUE)
INSERT = "insert into chatbots (name) values ('as the new code does')"
# Where a situation has several causes: what takes each away, so that the next is seen.
MENDS = {
    "22P02": """do $$ declare r record; begin
        for r in select tableoid, ctid, public_token from chatbots loop
            begin perform r.public_token::uuid;
            exception when invalid_text_representation then
                delete from chatbots where tableoid = r.tableoid and ctid = r.ctid;
            end;
        end loop; end $$""",
    "23502": "delete from chatbots where public_token is null",
    "23505": "delete from chatbots a using chatbots b "
    "where a.id > b.id and a.public_token::uuid = b.public_token::uuid",
    "23P01": "alter table chatbots drop constraint apart",
}


def observed(postgres: Postgres, database: str) -> dict[str, str]:
    """What the migration really ends in: SQLSTATE and message of each cause, mended one after another."""
    found: dict[str, str] = {}
    with psycopg.connect(postgres.dsn(database), autocommit=True) as connection:
        while (error := first_error(connection, plain(postgres), *AFTER, INSERT)) is not None:
            state = error.sqlstate or ""
            said = str(error.diag.message_primary)
            if said.partition('"')[0] == found.get(state, "").partition('"')[0] != "":
                break  # of a check or an index: no mend of a token helps
            assert state not in found, f"{state} again: {error}"
            found[state] = said
            if state not in MENDS:
                break
            try:
                connection.execute(MENDS[state].encode())
            except psycopg.Error:  # of a type, or a table, that this mend does not suit
                break
    return found


@pytest.mark.parametrize("situation", SITUATIONS, ids=lambda situation: situation.name)
def test_prediction_is_what_happens(postgres: Postgres, situation: Situation) -> None:
    """No cause is predicted that does not occur, and none occurs that was not predicted."""
    try:
        with standing(postgres, situation) as database:
            known = predicted(postgres.dsn(database))
            found = of_the_table(postgres, known)
            seen = observed(postgres, database)
    except psycopg.errors.FeatureNotSupported as error:
        pytest.skip(str(error).splitlines()[0])
    assert set(seen) == set(situation.states)
    assert {cause.state for cause in found} == set(seen), list(map(str, found))
    for cause in found:
        assert re.search(r"\(\w{5}\)$", str(cause))


def test_catalogue_is_of_the_promised_size() -> None:
    """At least 50 situations, of which many look harmful and are not; each name once."""
    assert len(SITUATIONS) >= 50
    assert len({situation.name for situation in SITUATIONS}) == len(SITUATIONS)
    assert sum(not situation.states for situation in SITUATIONS) >= 50
    seen = {state for situation in SITUATIONS for state in situation.states}
    assert seen >= {"22P02", "23502", "23505", "23P01", "23514"}
    assert seen >= {"0A000", "42804", "42883", "42704", "42809", "42P16", "42611", "42846"}
