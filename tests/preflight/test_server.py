"""What the server has and is: the extension, what is built on the table, a replica; predicted, then observed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
import pytest

from harness.configuration.models import Table
from harness.errors import CouldNotTell
from harness.preflight.checkers import causes, dependents, generator, locks, notes, refused_tokens
from rehearsal.servers.binaries import NoPostgres, find_binaries
from rehearsal.servers.postgres import TO_BE_DEMOTED, running
from tests.support.preflights import (
    PLAIN,
    PLAIN_TABLE,
    TABLE_ONLY,
    ends_in,
    held,
    predicted,
    role_of,
    session,
    standing,
    states,
)
from tests.support.server_log import LOGS_STATEMENTS, logged, more_than_reading, outside_of_read_only
from tests.support.situations import BASE, ONE, SITUATIONS, Situation

if TYPE_CHECKING:
    from rehearsal.servers.postgres import Postgres

GATE = "chatbots-smoke/"


# --- uuid-ossp --------------------------------------------------------------------------------------------------------

EXTENSIONS: dict[str, tuple[list[str], str]] = {
    "owner_of_the_database": (
        ["alter table chatbots owner to {role}", "alter database {database} owner to {role}"],
        "",
    ),
    "may_not_create": (["alter table chatbots owner to {role}"], "42501"),
    "there_already": (["alter table chatbots owner to {role}", 'create extension "uuid-ossp"'], ""),
    "in_a_schema_outside_the_path": (
        [
            "alter table chatbots owner to {role}",
            "create schema extensions",
            'create extension "uuid-ossp" schema extensions',
            "grant usage on schema extensions to {role}",
        ],
        "42883",
    ),
    "in_a_schema_on_the_path": (
        [
            "alter table chatbots owner to {role}",
            "create schema extensions",
            'create extension "uuid-ossp" schema extensions',
            "grant usage on schema extensions to {role}",
            "alter role {role} set search_path = public, extensions",
        ],
        "",
    ),
    "in_a_schema_without_usage": (
        [
            "alter table chatbots owner to {role}",
            "create schema extensions",
            'create extension "uuid-ossp" schema extensions',
            "alter role {role} set search_path = public, extensions",
        ],
        "42883",
    ),
    "no_schema_to_create_in": (
        [
            "alter table chatbots owner to {role}",
            "alter database {database} owner to {role}",
            "alter role {role} set search_path = ''",
        ],
        "3F000",
    ),
    "may_not_be_executed": (
        [
            "alter table chatbots owner to {role}",
            'create extension "uuid-ossp"',
            "revoke execute on function uuid_generate_v4() from public",
        ],
        "42501",
    ),
    "function_of_another_type": (
        [
            "alter table chatbots owner to {role}",
            "create schema extensions",
            'create extension "uuid-ossp" schema extensions',
            "create function uuid_generate_v4() returns text language sql as 'select gen_random_uuid()::text'",
        ],
        "42804",
    ),
    "function_of_that_name": (
        [
            "alter table chatbots owner to {role}",
            "alter database {database} owner to {role}",
            "create function uuid_generate_v4() returns uuid language sql as 'select gen_random_uuid()'",
        ],
        "42723",
    ),
}


@pytest.mark.parametrize(("statements", "state"), EXTENSIONS.values(), ids=EXTENSIONS)
def test_whether_the_default_can_be_set_is_predicted(postgres: Postgres, statements: list[str], state: str) -> None:
    """As rights, schemas and what is installed decide."""
    if not postgres.has_uuid_ossp:
        pytest.skip("this Postgres has no uuid-ossp")
    with standing(postgres, PLAIN_TABLE) as database:
        told = [text.replace("{database}", database) for text in statements]
        with role_of(postgres, database, *told) as dsn:
            known = predicted(dsn, Table(name="public.chatbots"))
            assert {cause.state for cause in generator(known)} == ({state} if state else set())
            migration = PLAIN.replace("alter table chatbots", "alter table public.chatbots")
            insert = "insert into public.chatbots (id, name) values (99, 'as the new code does')"
            assert ends_in(dsn, f"{migration}; {insert}") == state
            postgres.run(database, [f"alter database {database} owner to app"])


def test_server_without_the_extension_is_predicted() -> None:
    """0A000: the packaged Postgres has none."""
    try:
        binaries = find_binaries("packaged")
    except NoPostgres as error:
        pytest.skip(str(error))
    with running(binaries) as server, standing(server, PLAIN_TABLE) as database:
        dsn = server.dsn(database)
        [cause] = generator(predicted(dsn))
        assert str(cause) == "uuid-ossp is not available on this server (0A000)"
        assert ends_in(dsn, PLAIN) == "0A000"
        assert ends_in(dsn, TABLE_ONLY) == ""  # the remedy


def test_constraints_that_are_named_apart_are_predicted() -> None:
    """55000 on Postgres 18, where NOT NULL has a name, and nothing where a child has its parent's."""
    try:
        binaries = find_binaries("packaged")
    except NoPostgres as error:
        pytest.skip(str(error))
    apart = (
        "create table special (id int8 not null, name text not null, public_token varchar(64) not null)",
        "alter table special add require_auth bool not null",
        "alter table special inherit chatbots",
    )
    alike = ("create table special () inherits (chatbots)",)
    with running(binaries) as server:
        for ddl in (apart, alike):
            with standing(server, Situation("named", ddl)) as database:
                known = predicted(server.dsn(database))
                seen = ends_in(server.dsn(database), TABLE_ONLY)
                if known.table.server_version >= 180000:
                    assert seen == ("55000" if ddl is apart else "")
                assert {cause.state for cause in dependents(known)} == ({seen} if seen else set())


BODIES = {
    "sets_it": ("new.public_token := left(md5(random()::text), 8); return new;", "22P02"),
    "compares_it": ("if new.public_token = '' then raise 'empty'; end if; return new;", "22P02"),
    "quoted": ("""new."public_token" := 'x'; return new;""", "22P02"),
    "nothing": ("return new;", ""),
    "another_column": ("new.name := new.name || '!'; return new;", ""),
    "one_of_a_longer_name": ("new.name := 'the_public_token_of_old'; return new;", ""),
    "in_a_comment": ("-- public_token is left alone\n new.name := 'x'; return new;", ""),
    "with_a_test_for_null": ("if new.public_token is null then raise 'none'; end if; return new;", ""),
}


@pytest.mark.parametrize(("body", "state"), BODIES.values(), ids=BODIES)
@pytest.mark.parametrize("when", ["before", "after"])
def test_trigger_whose_function_uses_the_token_cannot_be_told(
    postgres: Postgres, body: str, state: str, when: str
) -> None:
    """pg_depend does not know what a body uses; one that does not name the token holds nothing up."""
    if when == "after" and ":=" in body and state:
        pytest.skip("what is set after the row was stored decides nothing")
    function = f"create function made() returns trigger language plpgsql as $$ begin {body} end $$"
    ddl = (function, f"create trigger made {when} insert on chatbots for each row execute function made()")
    with standing(postgres, Situation("triggered", ddl)) as database:
        dsn = postgres.dsn(database)
        known = predicted(dsn)
        insert = "insert into chatbots (name) values ('as the new code does')"
        assert ends_in(dsn, f"{TABLE_ONLY}; {insert}") == state
        if state:
            with pytest.raises(CouldNotTell, match=r"trigger made calls public.made\(\), which uses public_token"):
                dependents(known)
        else:
            assert dependents(known) == []


@pytest.mark.parametrize(("column", "state"), [("public_token", "22P02"), ("name", "")])
def test_check_whose_function_uses_the_token_cannot_be_told(postgres: Postgres, column: str, state: str) -> None:
    """It is handed the whole row, of which the column is none that pg_depend knows."""
    ddl = (
        f"create function fine(chatbots) returns boolean language sql immutable as 'select $1.{column} <> '''''",
        "alter table chatbots add check (fine(chatbots.*))",
    )
    with standing(postgres, Situation("checked", ddl)) as database:
        dsn = postgres.dsn(database)
        assert ends_in(dsn, f"{TABLE_ONLY}; insert into chatbots (name) values ('x')") == state
        if state:
            with pytest.raises(
                CouldNotTell, match=r"chatbots_check calls public.fine\(public.chatbots\), which uses public_token"
            ):
                dependents(predicted(dsn))
        else:
            assert dependents(predicted(dsn)) == []


def test_foreign_table_below_is_predicted(postgres: Postgres) -> None:
    """42809: as a partition, or by inheritance, of a table that is none itself."""
    below = (
        ("partition of chatbots for values from (0) to (9)", " partition by range (id)"),
        ("() inherits (chatbots)", ""),
    )
    for how, by in below:
        base = f"create table chatbots (id bigint, name text, public_token varchar(64) not null){by}"
        with standing(postgres, Situation("foreign", (), base=base, rows="select")) as database:
            postgres.run(
                database,
                [
                    "create foreign data wrapper nowhere",
                    "create server far foreign data wrapper nowhere",
                    f"create foreign table c1 {how.replace('()', '( )')} server far",
                    "alter foreign table c1 owner to app",
                ],
            )
            dsn = postgres.dsn(database)
            assert [str(cause) for cause in dependents(predicted(dsn))] == ["public.c1 is a foreign table (42809)"]
            assert ends_in(dsn, TABLE_ONLY) == "42809"


# --- the server -------------------------------------------------------------------------------------------------------


def test_transactions_that_only_read_by_default_are_predicted(postgres: Postgres) -> None:
    """25006."""
    with standing(postgres, PLAIN_TABLE) as database:
        postgres.run(database, [f"alter database {database} set default_transaction_read_only = on"])
        dsn = postgres.dsn(database)
        assert "25006" in states(dsn)
        assert ends_in(dsn, TABLE_ONLY) == "25006"


def test_replica_is_predicted() -> None:
    """25006, of a server in recovery; the rest can still be told."""
    with running(find_binaries(), TO_BE_DEMOTED) as server:
        dsn = server.create_database("replicated")
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute(BASE.replace("{type}", "text").encode())
        server.demote()
        known = predicted(dsn)
        assert "25006" in {cause.state for cause in causes(known)}
        assert refused_tokens(known) == []
        assert ends_in(dsn, TABLE_ONLY) == "25006"


def test_server_was_told_nothing_but_to_read() -> None:
    """Every statement of a preflight reads, inside a READ ONLY transaction, also where it asks checks and indexes."""
    ddl = (
        "alter table chatbots add constraint shape check (length(public_token) > 5)",
        "create unique index another on chatbots (lower(public_token), name)",
        f"insert into chatbots (name, public_token) values ('x', '{ONE.upper()}')",
    )
    with (
        running(find_binaries(), *LOGS_STATEMENTS) as server,
        standing(server, Situation("busy", ddl[:1] + ddl[2:])) as database,
        session(server.dsn(database), ["begin", "select * from chatbots"]),
    ):
        found = states(server.dsn(database)) | {cause.state for cause in locks(held(server.dsn(database)))}
        told = logged(server, database, GATE)
    assert found >= {"23505", "55P03"}
    assert len(told) > 8
    assert {each.text: found for each in told if (found := more_than_reading(each.text))} == {}
    assert outside_of_read_only(told) == []
    assert [each for each in told if each.wrote] == []


def test_token_of_no_encoding_is_counted_and_shown_in_ascii(postgres: Postgres) -> None:
    """22P02, of a database of SQL_ASCII, whose bytes may be no UTF-8."""
    name = postgres.new_name("ascii")
    postgres.run("postgres", [f"create database {name} owner app encoding 'SQL_ASCII' template template0 locale 'C'"])
    try:
        dsn = postgres.dsn(name)
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute(BASE.replace("{type}", "text").encode())
            connection.execute(rb"insert into chatbots (name, public_token) values ('x', e'a\xff\xfebcd')")
        assert [str(cause) for cause in refused_tokens(predicted(dsn))] == [
            "row 1: 'a??...' of 6 characters (22P02)",
            "1 of 1 stored tokens (22P02)",
        ]
        assert ends_in(dsn, TABLE_ONLY) == "22P02"
    finally:
        postgres.drop_database(name)


@pytest.mark.parametrize(
    ("base", "kind"),
    [
        ("create type chatbots as (id int, name text, public_token varchar(64))", "a composite type"),
        ("create table t (id int, name text, public_token text); create view chatbots as select * from t", "a view"),
    ],
)
def test_name_of_what_is_no_table_is_predicted(postgres: Postgres, base: str, kind: str) -> None:
    """42809."""
    with standing(postgres, Situation("named", (), base=base, rows="select")) as database:
        dsn = postgres.dsn(database)
        assert [str(cause) for cause in dependents(predicted(dsn))] == [f"public.chatbots is {kind} (42809)"]
        assert ends_in(dsn, TABLE_ONLY) == "42809"


# --- notes ------------------------------------------------------------------------------------------------------------


def test_notes_say_what_else_to_know(postgres: Postgres) -> None:
    """The rewrite with its numbers and where they come from, pools to recycle, subscribers, event triggers."""
    with standing(postgres, Situation("noted", ("create publication everything for table chatbots",))) as database:
        dsn = postgres.dsn(database)
        postgres.run(
            database,
            [
                "create function heard() returns event_trigger language plpgsql as $$ begin end $$",
                "create event trigger listens on ddl_command_end execute function heard()",
            ],
        )
        with session(dsn, ["select 1"], "the app's pool"):
            said = "\n".join(notes(predicted(dsn)))
    assert "the rewrite of about 2 rows, " in said
    assert "at 150 MB/s, measured on two shared cores" in said
    assert "1 other sessions (1 of the app's pool): one that prepared a statement on the column raises 0A000" in said
    assert "recycle the app's pool right after it" in said
    assert "logical replication (everything) does not carry the new type" in said
    assert "event triggers may forbid it, and nothing here shows whether they do: listens" in said


def test_note_says_that_the_column_is_a_uuid_already(postgres: Postgres) -> None:
    """Then nothing is rewritten."""
    with standing(postgres, next(s for s in SITUATIONS if s.name == "already_uuid")) as database:
        assert notes(predicted(postgres.dsn(database))) == [
            "public.chatbots.public_token is a uuid already: the migration rewrites nothing"
        ]


def test_tokens_are_shown_in_part(postgres: Postgres) -> None:
    """By row and beginning: a token may open what it names."""
    with standing(postgres, next(s for s in SITUATIONS if s.name == "short_token")) as database:
        said = [str(cause) for cause in refused_tokens(predicted(postgres.dsn(database)))]
    assert said == ["row 3: 'abc...' of 6 characters (22P02)", "1 of 3 stored tokens (22P02)"]
