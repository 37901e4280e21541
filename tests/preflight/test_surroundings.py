"""What stands around the table, and who may do what: locks and rights; predicted, then observed."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import psycopg
import pytest

from harness.errors import CouldNotTell
from harness.preflight.checkers import definitions, locks, notes, refused_tokens, rights
from harness.preflight.facts import LONG_S
from rehearsal.servers.binaries import find_binaries
from rehearsal.servers.postgres import OWNER, SUPERUSER, VERIFIER, running
from tests.support.preflights import (
    PLAIN_TABLE,
    TABLE_ONLY,
    ends_in,
    held,
    plain,
    predicted,
    role_of,
    session,
    standing,
)
from tests.support.situations import SITUATIONS, Situation

if TYPE_CHECKING:
    from rehearsal.servers.postgres import Postgres


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
    assert f"holds AccessShareLock on public.chatbots for more than {LONG_S:g} s" in str(lock)


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
            assert str(lock) == "prepared transaction left over holds RowExclusiveLock on public.chatbots (55P03)"
            assert ends_in(dsn, plain(server), SOON) == "55P03"
            connection.execute("rollback prepared 'left over'")
        assert locks(held(dsn)) == []


# --- rights -----------------------------------------------------------------------------------------------------------


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
        assert str(cause).startswith(f"public.special belongs to {OWNER}, and role_")
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
