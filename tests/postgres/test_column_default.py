"""What is said of a column's default, on a real Postgres, whose own counts say that no function is called for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
import pytest

from harness.checkers.defaults import unproven_default, wrong_default, wrong_evaluations
from harness.checkers.overriding import demand_readable, overriding
from harness.configuration.models import Table
from harness.errors import CouldNotTell, NotCovered
from harness.postgres.connection import Connection, reading
from harness.postgres.default import evaluate_default
from harness.postgres.table import read_facts
from rehearsal.servers.postgres import SUPERUSER
from tests.support.defaults import ACTS, NOT_EVALUATED, SAMPLES, Sample

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rehearsal.servers.postgres import Postgres

TABLE = "create table chatbots (id bigserial primary key, name text not null, public_token {})"


@pytest.fixture
def database(postgres: Postgres) -> Iterator[str]:
    """A database whose server counts the calls of its functions."""
    name = postgres.new_name("default")
    postgres.create_database(name)
    postgres.run("postgres", [f"alter database {name} set track_functions = 'all'"])
    yield name
    postgres.drop_database(name)


def said_of(postgres: Postgres, database: str, sample: Sample) -> tuple[str, str, bool]:
    """Right, wrong or unclear, in which words, and whether it was evaluated."""
    postgres.run(
        database,
        [
            TABLE.format(sample.type),
            *sample.ddl,
            f"alter table chatbots alter column public_token set default {sample.default}",
        ],
    )
    with Connection.connect(postgres.dsn(database, SUPERUSER), autocommit=True) as connection, reading(connection):
        facts = read_facts(connection, Table())
        try:
            evaluation = evaluate_default(connection, facts)
        except (psycopg.Error, NotCovered):
            evaluation = None
    wrong = [wrong_default(facts.default), *(wrong_evaluations(evaluation) if evaluation else ())]
    found = [what for what in wrong if what is not None]
    if found:
        return "wrong", "; ".join(found), evaluation is not None
    unproven = unproven_default(facts.default)
    return "right" if unproven is None else "unclear", unproven or "", evaluation is not None


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.name)
def test_a_default_is_judged_without_calling_a_function_of_the_database(
    postgres: Postgres, database: str, sample: Sample
) -> None:
    """Right, wrong, or not known; and the server has counted no call of any function but those of libraries."""
    said, how, is_evaluated = said_of(postgres, database, sample)
    assert said == sample.said, how
    assert is_evaluated == (sample.name not in NOT_EVALUATED)
    assert called(postgres, database) == []
    assert "hunter22" not in how


def test_a_default_of_a_view_is_read_and_not_called(postgres: Postgres, database: str) -> None:
    """What its function is not proven to make, cannot be told."""
    postgres.run(
        database,
        [
            TABLE.format("uuid"),
            "alter table chatbots alter column public_token set default gen_random_uuid()",
            "create view bots as select * from chatbots",
            (
                "create function token() returns uuid language plpgsql as"
                f" $$ begin {ACTS}; return gen_random_uuid(); end $$"
            ),
            "alter view bots alter column public_token set default token()",
        ],
    )
    with Connection.connect(postgres.dsn(database, SUPERUSER), autocommit=True) as connection, reading(connection):
        facts = read_facts(connection, Table())
    assert overriding(facts) == []
    with pytest.raises(CouldNotTell, match=r"view public\.bots: .* public.token: plpgsql, begin raise log '…'; return"):
        demand_readable(facts)
    assert called(postgres, database) == []


def called(postgres: Postgres, database: str) -> list[tuple[str]]:
    """The functions of a database that were called, but for compiled ones; SQL that is inlined is not counted."""
    with psycopg.connect(postgres.dsn(database, SUPERUSER), autocommit=True) as connection:
        return connection.execute(
            "select funcname from pg_stat_user_functions u join pg_proc p on p.oid = u.funcid"
            " join pg_language l on l.oid = p.prolang where lanname not in ('c', 'internal')"
        ).fetchall()
