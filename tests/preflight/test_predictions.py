"""What a preflight predicts is what Postgres does: each situation is judged first, and the migration is run then.

The plain migration of examples/migrations is run in a transaction, with what a deployment needs after it. Postgres
stops at the first error, so that of several causes each is mended in turn, until it passes: see `observed`.
"""

from __future__ import annotations

import re
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import psycopg
import pytest
from pydantic import SecretStr

from harness.configuration.models import Environment, Table
from harness.errors import CouldNotTell
from harness.preflight.checkers import causes
from harness.preflight.reading import look
from tests.support.gates import ROOT
from tests.support.situations import SITUATIONS, Situation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.preflight.checkers import Cause
    from harness.preflight.facts import LockHolders, Preflight
    from rehearsal.servers.postgres import Postgres

OF_A_SUPERUSER = ("create extension", "for all tables", "update pg_index", "disable trigger all")
PLAIN = (ROOT / "examples" / "migrations" / "public_token_uuid.sql").read_text(encoding="utf-8")
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


@contextmanager
def standing(postgres: Postgres, situation: Situation) -> Iterator[str]:
    """A database with the table of a situation; its name."""
    name = postgres.new_name("situation")
    dsn = postgres.create_database(name)
    try:
        if situation.extension:
            postgres.run(name, [f"create extension {situation.extension}"])
        with psycopg.connect(dsn, autocommit=True) as connection:
            for statement in (situation.base.replace("{type}", situation.type), situation.rows, *situation.ddl):
                if any(words in statement for words in OF_A_SUPERUSER):
                    postgres.run(name, [statement])
                else:
                    connection.execute(statement.encode())
        yield name
    finally:
        postgres.drop_database(name)


def predicted(dsn: str, table: Table | None = None) -> Preflight:
    """What the preflight knows of a database."""
    named = {} if table is None else {"table": table}
    environment = Environment(name="preview", url="http://127.0.0.1:9", database=SecretStr(dsn), **named)  # type: ignore[arg-type]
    _, known = look(environment, threading.Event())
    if isinstance(known, CouldNotTell):
        raise known
    return known


def held(dsn: str) -> LockHolders:
    """Who holds the table of a database."""
    environment = Environment(name="preview", url="http://127.0.0.1:9", database=SecretStr(dsn))
    return look(environment, threading.Event())[0]


def plain(postgres: Postgres) -> str:
    """The plain migration, without the extension where this server does not have it."""
    if postgres.has_uuid_ossp:
        return PLAIN
    without = PLAIN.replace('create extension if not exists "uuid-ossp";', "")
    return without.replace("uuid_generate_v4", "gen_random_uuid")


def of_the_table(postgres: Postgres, known: Preflight) -> list[Cause]:
    """What is predicted, but for the extension where this server does not have it."""
    found = causes(known)
    return found if postgres.has_uuid_ossp else [cause for cause in found if "uuid-ossp" not in cause.what]


def first_error(connection: psycopg.Connection, *steps: str) -> psycopg.Error | None:
    """What the first of these statements that fails raises, inside a transaction that is rolled back."""
    connection.execute("begin")
    try:
        for step in steps:
            connection.execute(step.encode())
    except psycopg.Error as error:
        return error
    finally:
        connection.execute("rollback")
    return None


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
