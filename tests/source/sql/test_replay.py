"""The replay of migrations, held against a real Postgres that ran the same files: type, default and NOT NULL agree."""

from __future__ import annotations

import random
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
import yaml

from harness.source.checkout import read_checkout
from harness.source.migrations.reading import read_token
from harness.source.sql.columns import makes_version_4
from harness.source.sql.parser import read_sql
from harness.source.sql.replay import Replay
from rehearsal.servers.postgres import SUPERUSER

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.source.migrations.checkers import Migrated
    from rehearsal.servers.postgres import Postgres

HISTORIES: dict[str, list[str]] = yaml.safe_load(
    Path(__file__).with_name("migration_histories.yaml").read_text(encoding="utf-8")
)
# Whether the condition holds only the database knows: the replay says so, and does not guess.
EITHER_WAY = {"do_returns"}


def replayed(folder: Path, files: list[str]) -> Migrated | None:
    """What the harness makes of the files, as numbered migrations of a checkout."""
    (folder / "migrations").mkdir()
    for number, text in enumerate(files, 1):
        (folder / "migrations" / f"{number}_step.sql").write_text(text, encoding="utf-8")
    return read_token(read_checkout(folder), "chatbots", "public_token").migrated


def run(
    postgres: Postgres, database: str, files: list[str]
) -> tuple[tuple[str, str | None, bool] | None, psycopg.Error | None]:
    """Type, default and NOT NULL of the column, None as far as Postgres takes the files, and its error."""
    refused = None
    with psycopg.connect(postgres.dsn(database, SUPERUSER), autocommit=True) as connection:
        for text in files:
            try:
                connection.execute(text.encode())
            except psycopg.Error as error:
                refused = error
                break
            connection.execute("reset all")  # each file has a session of its own
        found = connection.execute(COLUMN).fetchone()
    return found, refused


@pytest.fixture
def database(postgres: Postgres) -> Iterator[str]:
    """A database without tables."""
    name = postgres.new_name("replayed")
    postgres.create_database(name)
    yield name
    postgres.drop_database(name)


@pytest.mark.parametrize("history", HISTORIES)
def test_fold_is_what_postgres_makes(history: str, tmp_path: Path, postgres: Postgres, database: str) -> None:
    """Type, default and NOT NULL after the last statement that Postgres takes, or that no column is left."""
    migrated = replayed(tmp_path, HISTORIES[history])
    real, refused = run(postgres, database, HISTORIES[history])
    assert migrated is not None
    assert not migrated.unclear
    assert bool(migrated.refused) == (refused is not None), refused
    if refused is not None:
        assert refused.sqlstate is not None
        assert migrated.refused[0].why.endswith(refused.sqlstate)
    told = list({column and (column.type, column.default, column.not_null) for column in migrated.columns})
    if history in EITHER_WAY:
        assert len(told) > 1
        assert real is not None
        assert real[0] in [named(column[0]) for column in told if column]
        return
    assert len(told) == 1
    if real is None or told[0] is None:
        assert told == [real]
        return
    type_, default, not_null = told[0]
    if not history.startswith("domain"):  # judged by what it stands for
        assert named(type_) == real[0]
    assert not_null == real[2]
    if refused is not None:  # what stands behind it is read, and never run
        return
    if real[1] is None or default is None:
        assert history == "domain" or default == real[1]
        return
    if "function" not in history:  # the catalog is asked for the function's owner, by another check
        assert makes_version_4(default) == makes_version_4(real[1])


def named(type_: str) -> str:
    """A type as format_type() prints it."""
    return type_.replace("varchar", "character varying")


STATEMENTS = """
create table chatbots (id int, public_token text)
create table chatbots (id int, public_token uuid default gen_random_uuid())
create table if not exists chatbots (public_token varchar(8) default '' not null)
create table public.chatbots (id int)
drop table if exists chatbots
drop table chatbots
alter table chatbots add column public_token uuid default gen_random_uuid()
alter table chatbots add column if not exists public_token text
alter table chatbots add t uuid not null default gen_random_uuid()
alter table chatbots add t text default 'x'
alter table chatbots drop column public_token
alter table chatbots drop column if exists t
alter table chatbots rename t to public_token
alter table chatbots rename column public_token to t
alter table chatbots alter public_token type uuid using null
alter table chatbots alter public_token type text
alter table chatbots alter public_token set default gen_random_uuid()
alter table chatbots alter public_token drop default
alter table chatbots alter public_token set not null
alter table if exists chatbots alter public_token set default null
alter table chatbots alter public_token set default gen_random_uuid(), alter public_token type uuid using null
alter table chatbots rename to other
alter table other rename to chatbots
create table other (like chatbots including all)
create table other as select * from chatbots
create schema s
alter table chatbots set schema s
alter table s.chatbots set schema public
drop table if exists other
do $$ begin alter table chatbots add public_token uuid; exception when others then null; end $$
""".strip().splitlines()
COLUMN = """
select format_type(atttypid, atttypmod), pg_get_expr(adbin, adrelid), attnotnull from pg_attribute
left join pg_attrdef on adrelid = attrelid and adnum = attnum
where attrelid = to_regclass('public.chatbots') and attname = 'public_token' and not attisdropped
"""


@pytest.mark.parametrize("seed", range(4))
def test_fold_is_what_postgres_makes_of_any_history(
    seed: int, tmp_path: Path, postgres: Postgres, database: str
) -> None:
    """A hundred histories that Postgres takes, put together by chance from the statements above."""
    chance = random.Random(seed)
    with psycopg.connect(postgres.dsn(database, SUPERUSER)) as connection:
        for _ in range(100):
            taken = history_that_is_taken(connection, chance)
            real = connection.execute(COLUMN).fetchone()
            connection.rollback()
            replay = Replay(("chatbots", "public_token"))
            replay.run(read_sql("history.sql", ";\n".join(taken)))
            (catalog,) = replay.catalogs
            assert not replay.unclear
            assert catalog.refusals == 0
            table = catalog.tables.get(("public", "chatbots"))
            column = table.columns.get("public_token") if table is not None else None
            assert (column is None) == (real is None), taken
            if column is not None and real is not None:
                assert (named(column.type), column.not_null) == (real[0], real[2]), taken
                assert makes_version_4(column.default or "NULL") == makes_version_4(real[1] or "NULL"), taken


def history_that_is_taken(connection: psycopg.Connection[Any], chance: random.Random) -> list[str]:
    """Statements by chance, those left out that Postgres refuses."""
    taken: list[str] = []
    for _ in range(chance.randint(2, 9)):
        statement = chance.choice(STATEMENTS if taken else STATEMENTS[:4])
        connection.execute("savepoint before")
        try:
            connection.execute(statement.encode())
        except psycopg.Error:
            connection.execute("rollback to before")
        else:
            taken.append(statement)
    return taken


def test_histories_are_several_dozen() -> None:
    """So that what the replay knows of Postgres is held against Postgres."""
    assert len(HISTORIES) >= 70
