"""What Postgres shows of statements while they run, seen by a watch on a real server."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import psycopg
import pytest
from pydantic import SecretStr

from harness.configuration.models import Table
from harness.postgres.connection import connect_once, reading
from harness.postgres.inserts import ObservedInserts, observed_inserts
from harness.postgres.table import read_facts
from harness.postgres.watching import Watch
from rehearsal.servers.postgres import OWNER, VERIFIER

if TYPE_CHECKING:
    from collections.abc import Callable

    from rehearsal.deployment.start import Deployment
    from rehearsal.servers.postgres import Postgres

    Session = psycopg.Connection[tuple[object, ...]]

PAUSE_S = 0.1  # many looks long
END_THE_WATCH = """
select pg_terminate_backend(pid) from pg_stat_activity
where application_name like 'chatbots-smoke%' and query like '%pg_stat_get_activity%'
"""
PLAIN = "insert into chatbots (name) values ('smoke-1')"
GIVEN = "insert into chatbots (name, public_token) values ('smoke-2', '3a7e0c52-43b5-4a3c-9d0e-0f9b8f6a1c11')"


def name_of(deployment: Deployment) -> str:
    """The database's name."""
    return str(psycopg.conninfo.conninfo_to_dict(deployment.database)["dbname"])


def observe(
    postgres: Postgres, deployment: Deployment, act: Callable[[Session], None], role: str = OWNER, counts: bool = False
) -> ObservedInserts:
    """What is observed while a client of the role `app` acts on an autocommit connection."""
    database = name_of(deployment)
    if not counts:
        postgres.run(database, ["drop extension if exists pg_stat_statements"])
    watched = SecretStr(postgres.dsn(database, role))
    with psycopg.connect(deployment.database, autocommit=True) as client:
        watch = Watch(connect_once(watched))
        watch.begin(time.monotonic())
        try:
            act(client)
            time.sleep(PAUSE_S)
        finally:
            sightings = watch.end()
    with connect_once(SecretStr(deployment.database)) as connection, reading(connection):
        facts = read_facts(connection, Table())
    with connect_once(watched) as connection, reading(connection):
        return observed_inserts(connection, facts, sightings)


def test_last_statement_of_a_connection(postgres: Postgres, healthy: Deployment) -> None:
    """An INSERT outside of a transaction stays in sight until the next statement, and is one execution."""

    def act(client: Session) -> None:
        for _ in range(3):
            client.execute(PLAIN)
            time.sleep(PAUSE_S)

    observed = observe(postgres, healthy, act)
    assert (observed.by_database, observed.by_app, observed.unclear) == (3, 0, 0)
    assert len(observed.seen_s) == 3
    assert observed.counted is None
    assert observed.looks > 10


def test_statement_behind_a_commit(postgres: Postgres, healthy: Deployment) -> None:
    """It is seen while its transaction goes on, although the connection shows a COMMIT and a SELECT afterwards."""

    def act(client: Session) -> None:
        with client.transaction():
            client.execute(GIVEN)
            time.sleep(PAUSE_S)
        client.execute("select 1")

    observed = observe(postgres, healthy, act)
    assert (observed.by_database, observed.by_app) == (0, 1)
    assert observed.given == ("insert into chatbots (name, public_token) values (?, ?)",)


def test_statements_of_before_and_of_other_databases_are_not_its(postgres: Postgres, healthy: Deployment) -> None:
    """What a connection did last before the first POST is not seen, nor counted."""
    with psycopg.connect(healthy.database, autocommit=True) as other:
        other.execute(GIVEN)
        observed = observe(postgres, healthy, lambda client: time.sleep(PAUSE_S), counts=True)
    assert (observed.by_database, observed.by_app, observed.unclear) == (0, 0, 0)
    assert "no statement that stores a chatbot was seen" in observed.cause


def test_counted_statements(postgres: Postgres, healthy: Deployment) -> None:
    """Where Postgres counts, nothing depends on being seen in time."""
    if not postgres.counts_statements:
        pytest.skip("pg_stat_statements is not to be had")

    def act(client: Session) -> None:
        for _ in range(50):
            client.execute(PLAIN)
        client.execute("update chatbots set public_token = %s where name = 'smoke-1' and id < 0", ["0" * 32])

    observed = observe(postgres, healthy, act, counts=True)
    assert (observed.counted, observed.by_database, observed.by_app) == (50, 50, 1)
    assert observed.given == ("update chatbots set public_token = $1 where name = $2 and id < $3",)


FUNCTIONS = {
    "leaves it out": ("language sql as $$ insert into chatbots (name) values (p_name) $$", "database"),
    "atomic": ("language sql begin atomic insert into chatbots (name) values (p_name); end", "database"),
    "is handed it": (
        "language sql as $$ insert into chatbots (name, public_token) values (p_name, p_token) $$",
        "app",
    ),
    "makes it": (
        (
            "language plpgsql as $$ begin insert into chatbots (name, public_token)"
            " values (p_name, md5(random()::text)::uuid); end $$"
        ),
        "app",
    ),
    "puts it together": (
        "language plpgsql as $$ begin execute 'insert into chatbots (name) values ($1)' using p_name; end $$",
        "unclear",
    ),
    "calls another": ("language plpgsql as $$ begin perform inner_one(p_name); end $$", "database"),
}


@pytest.mark.parametrize("kind", FUNCTIONS)
def test_functions_are_followed(postgres: Postgres, healthy: Deployment, kind: str) -> None:
    """A statement that calls a function does what the function does."""
    body, writer = FUNCTIONS[kind]
    if kind == "atomic" and postgres.binaries.version_numbers < (14,):
        pytest.skip("BEGIN ATOMIC came with PostgreSQL 14")
    postgres.run(
        name_of(healthy),
        [
            "create function inner_one(n text) returns void language sql as 'insert into chatbots (name) values (n)'",
            f"create function make_one(p_name text, p_token uuid) returns void {body}",
        ],
    )

    def act(client: Session) -> None:
        client.execute("select make_one(%s, %s)", ["smoke-1", "3a7e0c52-43b5-4a3c-9d0e-0f9b8f6a1c11"])

    observed = observe(postgres, healthy, act)
    by = {"database": observed.by_database, "app": observed.by_app, "unclear": observed.unclear}
    assert {who for who, times in by.items() if times} == {writer}  # a busy machine may show one execution twice


@pytest.mark.parametrize("by_view", [True, False])
def test_what_leads_to_the_table(postgres: Postgres, healthy: Deployment, by_view: bool) -> None:
    """An INSERT into a view of the table, or into a table that inherits from it, is one into the table."""
    name = "bots" if by_view else "bots_2026"
    made = "create view bots as select * from chatbots" if by_view else "create table bots_2026 () inherits (chatbots)"
    postgres.run(name_of(healthy), [made, f"grant all on {name} to {OWNER}"])

    def act(client: Session) -> None:
        client.execute(f"insert into {name} (name, public_token) values ('a', gen_random_uuid())")
        time.sleep(PAUSE_S)
        client.execute(f"insert into {name} (name, public_token) values ('b', md5('b')::uuid)")

    observed = observe(postgres, healthy, act)
    assert (observed.by_database, observed.by_app) == (1, 1)


VIEWS = {
    "given by its name there": ("insert into bots (name, link) values ('a', md5('b')::uuid)", (0, 1, 0)),
    "left out": ("insert into bots (name) values ('a')", (1, 0, 0)),
    "made by the database": ("insert into bots (name, link) values ('a', gen_random_uuid())", (1, 0, 0)),
    "updated": ("update bots set link = md5('b')::uuid where id < 0", (0, 1, 0)),
    "without columns": ("insert into bots values (default, 'a', md5('b')::uuid)", (0, 0, 1)),
    "by a function": ("select make_one('a')", (0, 1, 0)),
    "another column of the token's name": ("insert into odd (public_token) values ('a name')", (1, 0, 0)),
    "the token beside that column": (
        "insert into odd (public_token, link) values ('a name', md5('b')::uuid)",
        (0, 1, 0),
    ),
    "the table itself": ("insert into chatbots (name) values ('a')", (1, 0, 0)),
    "the table itself, given": ("insert into chatbots (name, public_token) values ('a', md5('b')::uuid)", (0, 1, 0)),
}


@pytest.mark.parametrize("statement", VIEWS)
def test_a_view_that_calls_the_token_otherwise(postgres: Postgres, healthy: Deployment, statement: str) -> None:
    """What an INSERT gives to that column of the view, it gives to the token."""
    sent, want = VIEWS[statement]
    by_view = "$$ begin insert into bots (name, link) values (p_name, md5(p_name)::uuid); end $$"
    postgres.run(
        name_of(healthy),
        [
            "create view bots as select id, name, public_token as link from chatbots",
            "create view odd as select id, name as public_token, public_token as link from chatbots",
            f"create function make_one(p_name text) returns void language plpgsql as {by_view}",
            f"grant all on bots, odd to {OWNER}",
        ],
    )

    def act(client: Session) -> None:
        client.execute(sent.encode())

    observed = observe(postgres, healthy, act)
    # One execution may be seen as two where the machine is busy.
    assert tuple(map(bool, (observed.by_database, observed.by_app, observed.unclear))) == tuple(map(bool, want))


def test_role_that_may_not_look_is_told_what_to_grant(postgres: Postgres, healthy: Deployment) -> None:
    """The remedy is the statement for this role; with it, the same is seen."""

    def act(client: Session) -> None:
        client.execute(PLAIN)

    unseen = observe(postgres, healthy, act, role=VERIFIER)
    assert "may not see the statements of" in unseen.cause
    assert "GRANT pg_read_all_stats TO " in unseen.remedy
    postgres.run("postgres", [f"grant pg_read_all_stats to {VERIFIER}"])
    try:
        assert observe(postgres, healthy, act, role=VERIFIER).by_database == 1
    finally:
        postgres.run("postgres", [f"revoke pg_read_all_stats from {VERIFIER}"])


def test_lost_connection_is_told(postgres: Postgres, healthy: Deployment) -> None:
    """A watch that ends early says why, and raises nothing."""

    def act(client: Session) -> None:
        time.sleep(PAUSE_S)  # it is told by its last statement, which the first look is
        postgres.run("postgres", [END_THE_WATCH])

    observed = observe(postgres, healthy, act)
    assert "pg_stat_activity was not watched during the POSTs" in observed.cause
    assert "terminat" in observed.cause
