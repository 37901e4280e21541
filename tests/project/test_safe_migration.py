"""The safe migration of examples/migrations: on every kind of old token, half-way, and while others use the table."""

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from tests.support.documents import blocks
from tests.support.gates import ROOT
from tests.support.preflights import plain, standing
from tests.support.scripts import run_script, statements
from tests.support.situations import BASE, ONE, TWO, Situation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rehearsal.servers.postgres import Postgres

SAFE = (ROOT / "examples" / "migrations" / "public_token_uuid_safe.sql").read_text(encoding="utf-8")
LOCKS = SAFE.replace("'3s'", "'200ms'").replace("'60s'", "'200ms'")  # nobody waits for a test
NULLABLE = BASE.replace("public_token {type} not null", "public_token {type}")
VERSION_1 = "0b7e6f0e-7c35-1b8e-9d2f-6a4c8f3a1b20"
VERSION_4 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
TOKENS = {
    "short": ["abc123", "def4567", "ghi89012"],
    "mixed": ["abc123", ONE, TWO.upper(), VERSION_1, "{" + ONE.replace("0b7e", "1b7e") + "}"],
    "empty_and_null": ["", None, None, ONE],
    "same_in_two_cases": [ONE, TWO, ONE.upper(), "abc123"],
    "none": [],
}
Connection = psycopg.Connection[Any]


@contextmanager
def table_of(postgres: Postgres, tokens: list[str | None], *ddl: str) -> Iterator[Connection]:
    """A table with these tokens, in rows 1, 2, ..; a connection of its owner."""
    with (
        standing(postgres, Situation("tokens", ddl, base=NULLABLE, rows="select")) as database,
        psycopg.connect(postgres.dsn(database), autocommit=True) as connection,
    ):
        for token in tokens:
            connection.execute("insert into chatbots (name, public_token) values ('of before', %s)", [token])
        yield connection


def stored(connection: Connection) -> list[tuple[str, str | None]]:
    """(token, old token) of each row, by id."""
    query = "select public_token::text, public_token_legacy from chatbots order by id"
    return [(new, old) for new, old in connection.execute(query)]


@pytest.mark.parametrize("tokens", TOKENS.values(), ids=TOKENS)
def test_every_row_ends_with_a_version_4_uuid(postgres: Postgres, tokens: list[str | None]) -> None:
    """Those that had one keep it, the oldest of two that are alike; every old token is still there."""
    with table_of(postgres, tokens) as connection:
        run_script(connection, SAFE)
        found = stored(connection)
        new = connection.execute("insert into chatbots (name) values ('new') returning public_token").fetchone()
        columns = connection.execute(
            "select attname, format_type(atttypid, atttypmod), attnotnull from pg_attribute "
            "where attrelid = 'chatbots'::regclass and attname like 'public_token%'"
        ).fetchall()
        left = connection.execute(
            "select count(*) from pg_trigger where tgrelid = 'chatbots'::regclass and not tgisinternal"
        ).fetchone()
        functions = connection.execute("select count(*) from pg_proc where proname like 'chatbots%'").fetchone()
        with pytest.raises(psycopg.errors.UniqueViolation):
            connection.execute("insert into chatbots (name, public_token) values ('x', %s)", new)
    assert [old for _, old in found] == tokens
    assert all(VERSION_4.fullmatch(token) for token, _ in found)
    assert len({token for token, _ in found}) == len(tokens)
    kept: set[str] = set()
    for token, old in found:
        if old is not None and VERSION_4.fullmatch(old.lower()) and old.lower() not in kept:
            kept.add(old.lower())
            assert token == old.lower()
        else:
            assert token != old
    assert new is not None
    assert VERSION_4.fullmatch(str(new[0]))
    assert sorted(columns) == [("public_token", "uuid", True), ("public_token_legacy", "character varying(64)", False)]
    assert (left, functions) == ((0,), (0,))


@pytest.mark.parametrize("tokens", [TOKENS["short"], TOKENS["mixed"]], ids=["short", "mixed"])
def test_plain_one_fails_on_the_same_table_and_changes_nothing(postgres: Postgres, tokens: list[str | None]) -> None:
    """22P02: what the safe one is for."""
    with table_of(postgres, tokens) as connection:
        with pytest.raises(psycopg.errors.InvalidTextRepresentation, match="invalid input syntax for type uuid"):
            run_script(connection, plain(postgres))
        left = [token for (token,) in connection.execute("select public_token from chatbots order by id")]
    assert left == tokens


STEPS = list(statements(SAFE))


@pytest.mark.parametrize("stop", range(1, len(STEPS)))
def test_it_can_be_run_again_wherever_it_stopped(postgres: Postgres, stop: int) -> None:
    """After each statement; rows that come and change meanwhile are migrated like the others."""
    with table_of(postgres, ["abc123", ONE, "", None]) as connection:
        for statement in STEPS[:stop]:
            connection.execute(statement.encode())
        connection.execute("rollback")  # the connection is gone
        columns = [
            name for (name,) in connection.execute("select attname from pg_attribute where attname like '%legacy'")
        ]
        if not columns:
            connection.execute("insert into chatbots (name, public_token) values ('meanwhile', 'late01')")
            connection.execute("update chatbots set public_token = 'other1' where id = 2")
            run_script(connection, SAFE)
            assert [old for _, old in stored(connection)] == ["abc123", "other1", "", None, "late01"]
        else:
            with pytest.raises(
                psycopg.errors.ObjectNotInPrerequisiteState, match="is through, and changed nothing now"
            ):
                run_script(connection, SAFE)
        found = stored(connection)
    assert all(VERSION_4.fullmatch(token) for token, _ in found)
    assert len(found) >= 4


def test_it_gives_up_while_somebody_is_idle_in_a_transaction(postgres: Postgres) -> None:
    """55P03 after lock_timeout with nothing changed, so that others wait no longer; it passes when that one is gone."""
    with table_of(postgres, ["abc123", ONE]) as connection, psycopg.connect(connection.info.dsn) as reader:
        reader.execute("select * from chatbots")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            run_script(connection, LOCKS)
        before = connection.execute("select count(*) from pg_attribute where attname like 'public_token_%'").fetchone()
        reader.rollback()
        run_script(connection, LOCKS)
        assert len(stored(connection)) == 2
    assert before == (0,)


def test_it_gives_up_in_its_last_step_and_can_be_run_again(postgres: Postgres) -> None:
    """A reader that comes while the rows are filled: the swap waits for it, gives up, and is done the next time."""
    swap = next(n for n, step in enumerate(STEPS) if "set not null" in step) - 2  # before its BEGIN
    with table_of(postgres, ["abc123", ONE]) as connection, psycopg.connect(connection.info.dsn) as reader:
        for statement in list(statements(LOCKS))[:swap]:
            connection.execute(statement.encode())
        reader.execute("select * from chatbots")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            run_script(connection, "\n".join(list(statements(LOCKS))[swap:]))
        still = connection.execute("select public_token from chatbots order by id").fetchall()
        reader.rollback()
        run_script(connection, LOCKS)
        assert [old for _, old in stored(connection)] == ["abc123", ONE]
    assert still == [("abc123",), (ONE,)]


def test_an_index_that_failed_is_made_again(postgres: Postgres) -> None:
    """What CREATE INDEX CONCURRENTLY leaves behind is invalid, and takes no part."""
    with table_of(postgres, ["abc123", "def456"]) as connection:
        index = next(n for n, step in enumerate(STEPS) if "unique index concurrently" in step)
        for statement in STEPS[:index]:
            connection.execute(statement.encode())
        connection.execute(f"update chatbots set public_token_new = '{ONE}'")
        with pytest.raises(psycopg.errors.UniqueViolation):
            connection.execute(STEPS[index].encode())
        invalid = connection.execute("select count(*) from pg_index where not indisvalid").fetchone()
        run_script(connection, SAFE)
        valid = connection.execute(
            "select indisvalid from pg_index where indexrelid = 'chatbots_public_token_uuid_key'::regclass"
        ).fetchone()
        assert len({token for token, _ in stored(connection)}) == 2
    assert invalid == (1,)
    assert valid == (True,)


@pytest.mark.parametrize(
    ("ddl", "said"),
    [
        (["create view shown as select public_token from chatbots"], "rule _RETURN on view shown"),
        (["create policy p on chatbots using (public_token <> '')"], "policy p on table chatbots"),
        (
            ["create table links (token varchar(64) references chatbots (public_token))"],
            "constraint links_token_fkey on table links",
        ),
        (
            ["alter table chatbots add short text generated always as (left(public_token, 3)) stored"],
            "default value for column short of table chatbots",
        ),
        (["grant select (public_token) on chatbots to public"], "rights were granted on the column"),
        (["create table special () inherits (chatbots)"], "is partitioned or inherits"),
    ],
)
def test_it_refuses_what_would_go_on_with_the_old_tokens(postgres: Postgres, ddl: list[str], said: str) -> None:
    """Before it changes anything, by name: a view would show the old column under its new name."""
    with table_of(postgres, ["abc123"], *ddl) as connection:
        with pytest.raises(psycopg.Error, match=re.escape(said)):
            run_script(connection, SAFE)
        assert connection.execute(
            "select count(*) from pg_attribute where attname = 'public_token_new'"
        ).fetchone() == (0,)


def test_it_passes_beside_what_does_not_depend_on_the_token(postgres: Postgres) -> None:
    """An index, a check, a default, a view and a trigger of other columns stay as they are."""
    ddl = (
        "create index another on chatbots (lower(public_token))",
        "alter table chatbots add constraint shape check (length(public_token) < 40)",
        "alter table chatbots alter column public_token set default 'x'",
        "create view shown as select id, name from chatbots",
    )
    with table_of(postgres, ["abc123"], *ddl) as connection:
        run_script(connection, SAFE)
        connection.execute("insert into chatbots (name) values ('new')")
        found = stored(connection)
    assert [old for _, old in found] == ["abc123", None]


def test_it_refuses_to_run_inside_one_transaction(postgres: Postgres) -> None:
    """As a runner of migrations may do: it stops, and nothing has changed."""
    with table_of(postgres, ["abc123"]) as connection:
        connection.execute("begin")
        within = [step for step in STEPS if step.strip() not in ("begin;", "commit;")]  # a runner brings its own
        with pytest.raises(psycopg.Error) as refused:
            run_script(connection, "\n".join(within))
        connection.execute("rollback")
        left = connection.execute("select public_token from chatbots").fetchall()
    assert refused.value.sqlstate in ("2D000", "25001")
    assert left == [("abc123",)]


def test_the_way_back_gives_the_old_tokens_back(postgres: Postgres) -> None:
    """As docs/migrations.md has it: old rows have their old token, old code stores, and it can be migrated again."""
    _, way_back = (text for where, text in blocks("sql") if where.startswith("docs/migrations.md"))
    with table_of(postgres, ["abc123", ONE.upper()]) as connection:
        run_script(connection, SAFE)
        connection.execute("insert into chatbots (name) values ('new')")
        *_, (new, _) = stored(connection)
        run_script(connection, way_back)
        connection.execute("insert into chatbots (name, public_token) values ('old code', 'def456')")
        with pytest.raises(psycopg.errors.UniqueViolation):
            connection.execute("insert into chatbots (name, public_token) values ('old code', 'abc123')")
        with pytest.raises(psycopg.errors.NotNullViolation):
            connection.execute("insert into chatbots (name) values ('new code')")
        run_script(connection, SAFE)
        assert [old for _, old in stored(connection)] == ["abc123", ONE.upper(), new, "def456"]


def test_the_way_back_of_the_plain_one_keeps_the_tokens(postgres: Postgres) -> None:
    """As text: the old code stores short ones beside them, and the plain migration refuses these again."""
    way_back, _ = (text for where, text in blocks("sql") if where.startswith("docs/migrations.md"))
    with table_of(postgres, [ONE, TWO], "alter table chatbots alter public_token set not null") as connection:
        run_script(connection, plain(postgres))
        with pytest.raises(psycopg.errors.InvalidTextRepresentation):
            connection.execute("insert into chatbots (name, public_token) values ('old code', 'def456')")
        run_script(connection, way_back)
        connection.execute("insert into chatbots (name, public_token) values ('old code', 'def456')")
        left = [token for (token,) in connection.execute("select public_token from chatbots order by id")]
    assert left == [ONE, TWO, "def456"]
