"""One look at the token column and at the locks on its table, on a real Postgres."""

from __future__ import annotations

import threading
from contextlib import closing
from typing import TYPE_CHECKING

import psycopg
import pytest
from pydantic import SecretStr

from harness.configuration.models import Table
from harness.errors import CouldNotTell
from harness.postgres.column_look import ColumnWatch
from harness.postgres.connection import connect_once, reading
from harness.postgres.rows import Row, rows_of_ids_query
from harness.postgres.table import read_facts
from rehearsal.rollouts.live import live

if TYPE_CHECKING:
    from harness.postgres.connection import Connection
    from harness.postgres.table import TableFacts
    from rehearsal.rollouts.live import Live
    from rehearsal.servers.postgres import Postgres

NOBODY = threading.Event()


def of(deployment: Live) -> SecretStr:
    return SecretStr(deployment.database)


def facts_of(connection: Connection) -> TableFacts:
    with reading(connection):
        return read_facts(connection, Table(name="bots"))


def test_it_sees_the_column_and_never_waits_for_the_table(postgres: Postgres) -> None:
    """Also while somebody holds the table alone, and others wait for it; what it finds is what is committed."""
    with (
        live(postgres) as deployment,
        closing(ColumnWatch(SecretStr(deployment.database), '"public"."chatbots"', "public_token", NOBODY)) as column,
    ):
        before = column.look()
        assert (before.type, before.not_null, before.default) == ("character varying(64)", True, "")
        assert (before.waiting, before.holders) == (0, ())
        assert before.answered_s >= before.asked_s
        with deployment.transaction("the migration") as migrating, deployment.transaction("a reader") as reader:
            migrating.execute("lock table chatbots in access exclusive mode")
            waits = threading.Thread(target=reader.execute, args=("select from chatbots",), daemon=True)
            waits.start()
            with psycopg.connect(deployment.database, autocommit=True) as connection:
                while not connection.execute("select from pg_locks where not granted").fetchall():
                    pass
            meanwhile = column.look()
            migrating.execute("rollback")
            waits.join()
        assert (meanwhile.waiting, meanwhile.type) == (1, before.type)
        (holder,) = meanwhile.holders
        assert (holder.application, holder.mode) == ("the migration", "AccessExclusiveLock")
        assert (holder.state, holder.doing) == ("idle in transaction", "LOCK TABLE")
        assert holder.shown.startswith(f"pid {holder.pid} (the migration), idle in transaction for ")
        deployment.migrate()
        after = column.look()
        assert (after.type, after.default) == (
            "uuid",
            "uuid_generate_v4()" if postgres.has_uuid_ossp else "gen_random_uuid()",
        )


@pytest.mark.parametrize(
    ("default", "shown"),
    [("''", "a constant"), ("gen_random_uuid()::text", "gen_random_uuid()"), ("md5(now()::text)", "md5()")],
)
def test_a_default_is_named_by_what_it_calls(postgres: Postgres, default: str, shown: str) -> None:
    """Without asking for its text, for which some versions lock the table."""
    with live(postgres) as deployment:
        deployment.run(f"alter table chatbots alter column public_token set default {default}")
        column = ColumnWatch(SecretStr(deployment.database), "chatbots", "public_token", NOBODY)
        with closing(column):
            # An unqualified name is not found where pg_catalog alone is searched: it is never guessed.
            assert column.look().type is None
        column = ColumnWatch(SecretStr(deployment.database), "public.chatbots", "public_token", NOBODY)
        with closing(column):
            assert column.look().default == shown


@pytest.mark.parametrize(
    ("type_", "id_"),
    [
        ("bigint", "7"),
        ("smallint", "7"),
        ("uuid", "7f0c1b1e-8a51-4c39-9d0e-1a2b3c4d5e6f"),
        ("text", 'a"b\\c,{}'),
        ("varchar(40)", "c7"),
    ],
)
def test_rows_are_read_by_their_ids(postgres: Postgres, type_: str, id_: str) -> None:
    """By the index of the ids, whatever their type; while the table is locked nothing is read, and nobody waits."""
    with live(postgres) as deployment, psycopg.connect(deployment.database, autocommit=True) as connection:
        connection.execute(f"create table bots (id {type_} primary key, name text, public_token text)")
        connection.execute("insert into bots values (%s, 'a', 'k3x9ab')", [id_])
        with closing(connect_once(of(deployment))) as own:
            facts = facts_of(own)
        query = rows_of_ids_query(facts)
        assert query is not None
        with closing(ColumnWatch(of(deployment), facts.in_sql, "public_token", NOBODY)) as column:
            column.look()
            assert column.rows(query, [id_]) == (Row(id_, "a", "k3x9ab"),)
            plan = "set enable_seqscan = off; explain " + query.as_string().replace("%s", "$a${}$a$").replace("%%", "%")
            cursor = connection.execute(plan)
            assert cursor.nextset()
            assert "Index" in "".join(line for (line,) in cursor.fetchall())
            with deployment.transaction("the migration") as migrating:
                migrating.execute("lock table bots in access exclusive mode")
                assert column.rows(query, [id_]) is None
                assert column.look().type == "text"
            assert column.rows(query, [id_]) is not None, "the next look can"


def test_ids_of_a_type_of_their_own_are_not_compared(postgres: Postgres) -> None:
    """Its equality may be a function that somebody wrote: the end of the watch looks for names instead."""
    with live(postgres) as deployment:
        deployment.run("create domain number as bigint", "create table bots (id number, name text, public_token text)")
        with closing(connect_once(of(deployment))) as own:
            assert rows_of_ids_query(facts_of(own)) is None


def test_a_connection_that_ends_is_opened_again(postgres: Postgres) -> None:
    """The look that meets its end could not tell; the next one can."""
    with live(postgres) as deployment:
        column = ColumnWatch(SecretStr(deployment.database), "public.chatbots", "public_token", NOBODY)
        with closing(column):
            column.look()
            postgres.administer(
                "select pg_terminate_backend(pid) from pg_stat_activity where application_name like 'chatbots-smoke/%'"
            )
            with pytest.raises(CouldNotTell):
                column.look()
            assert column.look().type == "character varying(64)"
