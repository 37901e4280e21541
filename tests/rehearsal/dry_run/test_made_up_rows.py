"""The values that stand for those which do not travel: every type, domain and constraint is satisfied, or said."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import psycopg
import pytest

from rehearsal.dry_run.made_up_rows import N, columns_of, fake
from rehearsal.servers.postgres import SUPERUSER
from tests.support.gates import write_environments
from tests.support.migrations import real_database, rehearse

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from rehearsal.servers.postgres import Postgres
    from tests.support.gates import Run

ROWS = 70_000  # more than a smallint can count

TYPES = [
    *("text", "varchar(3)", "char(2)", "citext_like", "name", "smallint", "bigint", "numeric(3,1)", "real", "money"),
    *("boolean", "date", "timestamptz", "timestamp(0)", "time", "timetz", "interval", "uuid", "json", "jsonb", "bytea"),
    *("text[]", "int4range", "tstzrange", "int4multirange", "inet", "cidr", "macaddr", "point", "polygon", "circle"),
    *("box", "line", "lseg", "path", "bit(3)", "varbit", "xml", "tsvector", "tsquery", "mood", "mood[]", "pair", "oid"),
    *("regclass", "pg_lsn", "email", "positive", "currency", "mood_domain", "jsonpath", "macaddr8", "txid_snapshot"),
]
DEFINITIONS = [
    "create type mood as enum ('it''s fine', 'bad')",
    "create type pair as (a int, b text)",
    "create domain citext_like as text",
    "create domain email as text not null check (value ~ '^[^@ ]+@[^@ ]+[.][a-z]+$')",
    "create domain positive as int check (value > 10)",
    "create domain currency as char(3) check (value in ('CHF', 'EUR'))",
    "create domain mood_domain as mood check (value <> 'it''s fine')",
]
CHECKED = {
    "status text check (c in ('draft', 'live'))": True,
    "slug text check (c ~ '^[a-z0-9-]+$')": True,
    "url text check (c like 'https://%')": True,
    "percent int check (c between 40 and 60)": True,
    "code text check (length(c) = 2)": True,
    "shape jsonb check (jsonb_typeof(c) = 'object')": True,
    "never text check (c = 'a' and c = 'b')": False,
}


@pytest.fixture
def connection(postgres: Postgres) -> Iterator[psycopg.Connection]:
    """A superuser's session in a database of its own that has some types."""
    name = postgres.new_name("fakes")
    postgres.create_database(name)
    with psycopg.connect(postgres.dsn(name, SUPERUSER), autocommit=True) as connection:
        for definition in DEFINITIONS:
            connection.execute(definition.encode())
        yield connection


@pytest.mark.parametrize("type_", TYPES)
def test_every_type_takes_its_value(connection: psycopg.Connection, type_: str) -> None:
    """Those of core, enums, composites and domains with checks, for the first and the last of many rows."""
    connection.execute(f"create table t (c {type_} not null)".encode())
    (column,) = columns_of(connection, "t")
    assert column.needs_a_value
    value = fake(connection, column, ROWS)
    assert value is not None
    stored = f"insert into t select {value.replace(N, 'n')} from unnest(array[1, 2, 77, {ROWS}]::bigint[]) n"
    assert connection.execute(stored.encode()).rowcount == 4


@pytest.mark.parametrize("definition", CHECKED)
def test_checks_are_satisfied_where_a_value_can_be_found(connection: psycopg.Connection, definition: str) -> None:
    """Its own literals are tried; where nothing will do, there is no value and none is pretended."""
    _, _, rest = definition.partition(" ")
    connection.execute(f"create table t (c {rest}, unrelated int check (unrelated > 5))".encode())
    value = fake(connection, columns_of(connection, "t")[0], ROWS)
    assert (value is not None) is CHECKED[definition]
    if value is not None:
        connection.execute(f"insert into t (c) select {value.replace(N, 'n')} from generate_series(1, 3) n".encode())


@pytest.mark.parametrize("type_", ["text", "int", "uuid", "timestamptz", "varchar(10)", "numeric", "inet", "bytea"])
def test_unique_columns_get_another_value_each(connection: psycopg.Connection, type_: str) -> None:
    """As many as there are rows."""
    connection.execute(f"create table t (c {type_} not null unique)".encode())
    value = fake(connection, columns_of(connection, "t")[0], 3000)
    assert value is not None
    stored = f"insert into t select {value.replace(N, 'n')} from generate_series(1, 3000) n"
    assert connection.execute(stored.encode()).rowcount == 3000


# --- through the real command -----------------------------------------------------------------------------------------

BOTS = [
    "create schema team",
    "create type team.plan as enum ('free', 'paid')",
    "create domain team.slug as text check (value ~ '^[a-z][a-z0-9-]+$')",
    "create table team.owners (tenant uuid, id int, primary key (tenant, id))",
    "insert into team.owners values ('3a7e0c52-43b5-4a3c-9d0e-0f9b8f6a1c11', 7)",
    """create table team."Bots" (
        "Bot Id" int primary key,
        "Title" varchar(60) not null,
        share_key text not null unique,
        plan team.plan not null,
        slug team.slug not null unique,
        tenant uuid not null,
        owner int not null,
        score numeric(3, 1) not null check (score between 5 and 9.5),
        settings jsonb not null,
        starts date not null,
        ends date not null,
        note text,
        made timestamptz not null default now(),
        check (ends > starts + 30),
        foreign key (tenant, owner) references team.owners (tenant, id)
    )""",
    """insert into team."Bots"
        select n, 'c4n4ry ' || n, 'k' || n, 'paid', 'bot-' || n, '3a7e0c52-43b5-4a3c-9d0e-0f9b8f6a1c11', 7, 7.5,
            '{}', '2026-01-01', '2026-12-31' from generate_series(1, 30) n""",
]
BOTS_SAFE = """
alter table team."Bots" rename column share_key to share_key_old;
alter table team."Bots" alter column share_key_old drop not null;
alter table team."Bots" add column share_key uuid not null unique default gen_random_uuid();
"""
NAMES = ["--table", "team.Bots", "--id", "Bot Id", "--label", "Title", "--token", "share_key"]


def gate_on_bots(postgres: Postgres, folder: Path, *more: str) -> Run:
    """The whole gate, on a table of other names with columns that the reference app knows nothing of."""
    table = {"name": "team.Bots", "id": "Bot Id", "label": "Title", "token": "share_key"}
    preview = {"url": "${PREVIEW_URL}", "database": "${PREVIEW_POSTGRES_URL}", "table": table, "late_rows_s": 1}
    file = write_environments(folder / "environments.yaml", {}, preview=preview)
    gate = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-q", "--environments", str(file)]
    report = ["--report-dir", str(folder / "report")]
    dsn = real_database(postgres, BOTS)
    return rehearse(dsn, folder, BOTS_SAFE, *NAMES, *more, "--", *gate, *report)


def test_gate_passes_on_a_table_of_other_names_and_columns(postgres: Postgres, tmp_path: Path) -> None:
    """What was made up, left out and changed for the reference app is said."""
    run = gate_on_bots(postgres, tmp_path)
    assert run.exit_code == 0, run.err + run.out
    assert "preview: PASS" in run.out
    assert "columns Bot Id and share_key of all 30 rows of team.Bots" in run.err
    assert "made up: Title = ('Title ' || n)::character varying(60), plan = ('free')::team.plan, slug = " in run.err
    assert "left out: Bots_check, which made-up values do not satisfy" in run.err
    assert "have defaults, after the migration: Bot Id, plan, slug, tenant, owner, score, settings" in run.err
    assert "foreign keys are dropped, after the migration: Bots_tenant_owner_fkey" in run.err
    assert "c4n4ry" not in run.err


def test_sample_of_it_passes_too(postgres: Postgres, tmp_path: Path) -> None:
    """New ids come after the stored ones, which are more than there are rows."""
    run = gate_on_bots(postgres, tmp_path, "--rows", "5")
    assert run.exit_code == 0, run.err + run.out
    assert "a sample of 5 of 30 rows of team.Bots" in run.err


def test_unvalidated_check_on_the_token_is_kept(postgres: Postgres, tmp_path: Path) -> None:
    """Rows that it would refuse are there for real, and are loaded; it stays in the migration's way."""
    unvalidated = [
        "alter table chatbots alter public_token type text",
        "update chatbots set public_token = gen_random_uuid()::text",
        "alter table chatbots add constraint long check (length(public_token) > 99) not valid",
    ]
    run = rehearse(real_database(postgres, unvalidated), tmp_path, "alter table chatbots validate constraint long")
    assert run.exit_code == 1, run.err
    assert "SQLSTATE 23514" in run.err
    assert 'check constraint "long" of relation "chatbots" is violated by some row' in run.err
