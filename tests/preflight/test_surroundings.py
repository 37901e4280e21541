"""What stands around the table: locks, rights, the extension, a server that only reads; predicted, then observed."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from harness.configuration.models import Table
from harness.errors import CouldNotTell
from harness.preflight.checkers import causes, definitions, dependents, generator, locks, notes, refused_tokens, rights
from harness.preflight.facts import LONG_S
from rehearsal.servers.binaries import NoPostgres, find_binaries
from rehearsal.servers.postgres import OWNER, SUPERUSER, TO_BE_DEMOTED, VERIFIER, running
from tests.support.preflights import PLAIN, first_error, held, plain, predicted, standing
from tests.support.server_log import LOGS_STATEMENTS, logged, more_than_reading, outside_of_read_only
from tests.support.situations import BASE, ONE, SITUATIONS, Situation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rehearsal.servers.postgres import Postgres

PLAIN_TABLE = next(situation for situation in SITUATIONS if situation.name == "nothing")
GATE = "chatbots-smoke/"


def states(dsn: str, table: Table | None = None) -> set[str]:
    """The SQLSTATEs that are predicted."""
    return {cause.state for cause in causes(predicted(dsn, table))}


def ends_in(dsn: str, migration: str, *settings: str) -> str:
    """The SQLSTATE that the migration really ends in, "" where it passes; nothing of it stays."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        error = first_error(connection, *settings, migration)
    return "" if error is None else error.sqlstate or ""


# --- locks ------------------------------------------------------------------------------------------------------------

SOON = "set local lock_timeout = '200ms'"
HELD = {
    "idle_reader": ["begin", "select * from chatbots"],
    "idle_writer": ["begin", "update chatbots set name = 'x'"],
    "idle_reader_of_repeatable_reads": ["begin isolation level repeatable read", "select count(*) from chatbots"],
    "row_locked": ["begin", "select * from chatbots for update"],
    "reader_through_a_view": ["create view shown as select id from chatbots", "begin", "select * from shown"],
    "read_of_nothing": ["begin", "select from chatbots where false"],
    "savepoint": ["begin", "savepoint s", "select * from chatbots", "release savepoint s"],
}
FREE = {
    "idle": ["select * from chatbots"],
    "idle_in_transaction_elsewhere": ["create table other ()", "begin", "select * from other"],
    "idle_in_transaction_without_anything": ["begin"],
    "rolled_back_to_before": ["begin", "savepoint s", "select * from chatbots", "rollback to savepoint s"],
    "advisory_lock": ["begin", "select pg_advisory_xact_lock(1)"],
}


@contextmanager
def session(dsn: str, statements: list[str], name: str = "a report") -> Iterator[psycopg.Connection[Any]]:
    """Another session that has run these, and still stands there."""
    with psycopg.connect(dsn, autocommit=True, application_name=name) as connection:
        for statement in statements:
            connection.execute(statement.encode())
        yield connection


@pytest.mark.parametrize("statements", HELD.values(), ids=HELD)
def test_transaction_that_holds_the_table_is_predicted(postgres: Postgres, statements: list[str]) -> None:
    """55P03 with a lock_timeout; it is named by process, application and age, and not by what it said."""
    with standing(postgres, PLAIN_TABLE) as database:
        dsn = postgres.dsn(database)
        with session(dsn, statements) as other:
            time.sleep(0.02)
            [lock] = locks(held(dsn))
            assert lock.state == "55P03"
            assert str(lock).startswith(f"process {other.info.backend_pid} of a report, idle in transaction: holds ")
            assert "select" not in str(lock).lower()
            assert ends_in(dsn, plain(postgres), SOON) == "55P03"
        assert locks(held(dsn)) == []
        assert ends_in(dsn, plain(postgres), SOON) == ""


@pytest.mark.parametrize("statements", FREE.values(), ids=FREE)
def test_session_that_does_not_hold_it_is_not(postgres: Postgres, statements: list[str]) -> None:
    """Neither predicted, nor in the way."""
    with standing(postgres, PLAIN_TABLE) as database:
        dsn = postgres.dsn(database)
        with session(dsn, statements):
            assert locks(held(dsn)) == []
            assert ends_in(dsn, plain(postgres), SOON) == ""


def test_lock_of_a_role_that_may_not_be_looked_at_is_seen(postgres: Postgres) -> None:
    """By the transaction that still holds it a while later: no right is needed for that."""
    with standing(postgres, PLAIN_TABLE) as database:
        postgres.run(database, ["grant select on chatbots to verifier"])
        with session(postgres.dsn(database, SUPERUSER), HELD["idle_reader"]):
            known = held(postgres.dsn(database, VERIFIER))
            assert {holder.age_s for holder in known.transactions} == {None}
            [lock] = locks(known)
    assert f"holds AccessShareLock on chatbots for more than {LONG_S:g} s" in str(lock)


def test_lock_of_a_passing_transaction_is_none(postgres: Postgres) -> None:
    """A holder that is gone when it is looked at again is a passing query."""

    class Meanwhile(threading.Event):
        """What is waited for between the two looks."""

        def wait(self, timeout: float | None = None) -> bool:
            assert timeout is not None
            assert 0 < timeout <= LONG_S
            other.rollback()
            return super().wait(timeout)

    with standing(postgres, PLAIN_TABLE) as database:
        dsn = postgres.dsn(database)
        with session(dsn, HELD["idle_reader"]) as other:
            assert locks(held(dsn, Meanwhile())) == []


def test_table_that_is_held_exclusively_cannot_be_read_and_that_is_found(postgres: Postgres) -> None:
    """A migration that hangs: the lock is predicted, and of the tokens it cannot be told."""
    with standing(postgres, PLAIN_TABLE) as database:
        dsn = postgres.dsn(database)
        with session(dsn, ["begin", "lock table chatbots"], "another migration"):
            assert [cause.state for cause in locks(held(dsn))] == ["55P03"]
            with pytest.raises(CouldNotTell, match="a lock was not granted within"):
                predicted(dsn)
            assert ends_in(dsn, plain(postgres), SOON) == "55P03"


def test_prepared_transaction_is_predicted(tmp_path_factory: pytest.TempPathFactory) -> None:
    """No session holds it, and nothing but ROLLBACK PREPARED ends it."""
    with running(find_binaries(), "max_prepared_transactions=2") as server, standing(server, PLAIN_TABLE) as database:
        dsn = server.dsn(database)
        with psycopg.connect(dsn, autocommit=True) as connection:
            for statement in ("begin", "update chatbots set name = 'x'", "prepare transaction 'left over'"):
                connection.execute(statement.encode())
            [lock] = locks(held(dsn))
            assert str(lock) == "prepared transaction left over holds RowExclusiveLock on chatbots (55P03)"
            assert ends_in(dsn, plain(server), SOON) == "55P03"
            connection.execute("rollback prepared 'left over'")
        assert locks(held(dsn)) == []


# --- rights -----------------------------------------------------------------------------------------------------------


@contextmanager
def role_of(postgres: Postgres, database: str, *statements: str) -> Iterator[str]:
    """A role that logs in, made with these statements ({role} is its name); its DSN."""
    role = postgres.new_name("role")
    postgres.run(database, [f"create role {role} login", *(text.replace("{role}", role) for text in statements)])
    try:
        yield postgres.dsn(database, role)
    finally:
        postgres.run(database, [f"reassign owned by {role} to app", f"drop owned by {role}", f"drop role {role}"])


TABLE_ONLY = PLAIN.replace('create extension if not exists "uuid-ossp";', "").replace(
    "uuid_generate_v4", "gen_random_uuid"
)


@pytest.mark.parametrize(
    ("statements", "state"),
    [
        (["grant select on chatbots to {role}"], "42501"),
        (["grant all on chatbots to {role}"], "42501"),
        (["grant select on chatbots to {role}", "grant all on schema public to {role}"], "42501"),
        (["alter role {role} noinherit", "grant app to {role}"], "42501"),
        (["grant app to {role}"], ""),
        (["alter table chatbots owner to {role}"], ""),
        (["alter table chatbots owner to {role}", "revoke create on schema public from public"], ""),
        (["alter role {role} superuser"], ""),
    ],
)
def test_right_to_alter_is_predicted(postgres: Postgres, statements: list[str], state: str) -> None:
    """The owner, or a member that inherits from it; no grant on table or schema makes up for it, nor is one needed."""
    with standing(postgres, PLAIN_TABLE) as database, role_of(postgres, database, *statements) as dsn:
        known = predicted(dsn)
        assert {cause.state for cause in rights(known)} == ({state} if state else set())
        assert ends_in(dsn, TABLE_ONLY) == state


def test_right_to_make_the_missing_index_is_predicted(postgres: Postgres) -> None:
    """CREATE on the schema, which an index that is built anew does not take; the safe migration always does."""
    may_not = ["alter table chatbots owner to {role}", "revoke create on schema public from public"]
    index = "create unique index missing on chatbots (public_token)"
    for name, state in (("nothing", ""), ("not_unique", "42501")):
        situation = next(each for each in SITUATIONS if each.name == name)
        with standing(postgres, situation) as database, role_of(postgres, database, *may_not) as dsn:
            known = predicted(dsn)
            assert {cause.state for cause in rights(known)} == ({state} if state else set())
            assert ends_in(dsn, index) == "42501"
            assert any("public_token_uuid_safe.sql makes a function and indexes" in note for note in notes(known))


def test_time_out_shorter_than_the_rewrite_is_predicted(postgres: Postgres) -> None:
    """57014, of a setting of the role; one that is long enough is none, and one that may be is a note."""
    rows = "insert into chatbots (name, public_token) select 'x', gen_random_uuid() from generate_series(1, 200000)"
    with (
        standing(postgres, Situation("large", (), rows=rows)) as database,
        role_of(postgres, database, "alter table chatbots owner to {role}") as dsn,
    ):
        role = psycopg.conninfo.conninfo_to_dict(dsn)["user"]
        for timeout, state, noted in (("20ms", "57014", False), ("1s", "", True), ("1h", "", False)):
            postgres.run(database, [f"alter role {role} set statement_timeout = '{timeout}'"])
            known = predicted(dsn)
            assert {cause.state for cause in rights(known)} == ({state} if state else set())
            assert any("statement_timeout" in note for note in notes(known)) == noted
            if state:
                assert ends_in(dsn, TABLE_ONLY) == state


def test_owner_of_the_parent_alone_may_not(postgres: Postgres) -> None:
    """A table that inherits the column is altered too, and belongs to somebody else."""
    situation = Situation("inherited", ("create table special () inherits (chatbots)",))
    with (
        standing(postgres, situation) as database,
        role_of(postgres, database, "alter table chatbots owner to {role}", "grant select on special to {role}") as dsn,
    ):
        [cause] = rights(predicted(dsn))
        assert str(cause).startswith(f"special belongs to {OWNER}, and role_")
        assert ends_in(dsn, TABLE_ONLY) == "42501"


def test_role_that_may_not_read_is_told_of_what_it_may_see(postgres: Postgres) -> None:
    """The catalog is open to everybody; of the tokens nothing is said, least of all that they are fine."""
    with (
        standing(postgres, next(s for s in SITUATIONS if s.name == "view")) as database,
        role_of(postgres, database) as dsn,
    ):
        known = predicted(dsn)
        assert [cause.state for cause in rights(known)] == ["42501"]
        assert [str(blocker.name) for blocker in known.catalog.blockers] == ["public.shown"]
        assert definitions(known) == []  # there is none to ask of the rows
        with pytest.raises(CouldNotTell) as unavailable:
            refused_tokens(known)
    assert "may not read" in unavailable.value.cause
    assert "grant it" in unavailable.value.remedy


def test_rows_that_a_policy_hides_are_not_taken_for_none(postgres: Postgres) -> None:
    """Under row-level security a role would count too few."""
    situation = Situation("hidden", ("alter table chatbots enable row level security",))
    with (
        standing(postgres, situation) as database,
        role_of(postgres, database, "grant select on chatbots to {role}") as dsn,
        pytest.raises(CouldNotTell, match="row-level security hides rows"),
    ):
        refused_tokens(predicted(dsn))


def test_remedy_for_an_owner_whose_rows_are_hidden_is_one(postgres: Postgres) -> None:
    """FORCE ROW LEVEL SECURITY is of the owner, who has what the remedy would ask for otherwise."""
    ddl = ("alter table chatbots enable row level security", "alter table chatbots force row level security")
    with standing(postgres, Situation("forced", ddl)) as database:
        dsn = postgres.dsn(database)
        with pytest.raises(CouldNotTell) as unavailable:
            refused_tokens(predicted(dsn))
        assert "ALTER TABLE .. NO FORCE ROW LEVEL SECURITY" in unavailable.value.remedy
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute("alter table chatbots no force row level security")
        assert refused_tokens(predicted(dsn)) == []


FORBIDS = "create function heard() returns event_trigger language plpgsql as $$ begin raise exception 'no'; end $$"


@pytest.mark.parametrize(
    ("event", "state"),
    [
        ("ddl_command_start", "P0001"),
        ("ddl_command_end when tag in ('ALTER TABLE', 'DROP TABLE')", "P0001"),
        ("table_rewrite", "P0001"),
        ("sql_drop when tag in ('DROP TABLE')", ""),
        ("ddl_command_end when tag in ('CREATE VIEW', 'DROP TABLE')", ""),
    ],
)
def test_event_trigger_that_may_forbid_it_cannot_be_told(postgres: Postgres, event: str, state: str) -> None:
    """Its function decides, which is not run; one of other commands is out of it."""
    with standing(postgres, PLAIN_TABLE) as database:
        event_, _, tags = event.partition(" ")
        postgres.run(database, [FORBIDS, f"create event trigger listens on {event_} {tags} execute function heard()"])
        dsn = postgres.dsn(database)
        assert ends_in(dsn, TABLE_ONLY) == state
        known = predicted(dsn)
        if state:
            with pytest.raises(CouldNotTell, match="event triggers may forbid the migration: listens") as unavailable:
                rights(known)
            assert "try the migration on a copy" in unavailable.value.remedy
        else:
            assert rights(known) == []
            assert not any("event trigger" in note for note in notes(known))


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
            with pytest.raises(CouldNotTell, match=r"trigger made calls made\(\), which uses public_token"):
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
            with pytest.raises(CouldNotTell, match=r"chatbots_check calls fine\(chatbots\), which uses public_token"):
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
            assert [str(cause) for cause in dependents(predicted(dsn))] == ["c1 is a foreign table (42809)"]
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
        session(server.dsn(database), HELD["idle_reader"]),
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
    assert "event triggers may forbid it, which cannot be told: listens" in said


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
