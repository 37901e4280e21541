"""The SQL of a remedy can be pasted as it stands, whatever tables, columns, sequences and roles are called."""

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from psycopg import sql

from harness.postgres.table import parts_of
from rehearsal.servers.postgres import SUPERUSER
from tests.support.gates import run_pytest, write_environments
from tests.support.servers import creating, serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from rehearsal.servers.postgres import Postgres
    from tests.support.gates import Run

SCHEMA, TABLE = 'The "New" Shop', "Chat Bots, All"
ID, NAME, TOKEN = "Bot Id", "Bot Name", 'Public "Token"'
ROLE = 'Smoke "Reader", 1'
PASSWORD = "pa55"
OLD = "00000000-0000-1000-8000-000000000001"
_STRING = "\"(?:[^\"]|\"\")*\"|'(?:[^']|'')*'"
_INSIDE = rf"(?:{_STRING}|[^()\"'])*"
for _ in range(4):  # parentheses in each other
    _INSIDE = rf"(?:{_STRING}|[^()\"']|\({_INSIDE}\))*"
_SQL = re.compile(
    r"\b(?:GRANT|ALTER (?:TABLE|ROLE|DATABASE)|CREATE UNIQUE INDEX|UPDATE|SELECT setval)"
    rf"(?:{_STRING}|\({_INSIDE}\)|[^()\"',;])+?(?=, (?:then|or|and)\b| where\b| \(links|[,;]|$)"
)


def name(*parts: str) -> str:
    """Parts of a name as SQL has them."""
    return sql.Identifier(*parts).as_string()


WHOLE = name(SCHEMA, TABLE)


@contextmanager
def odd(postgres: Postgres, *more: str, type_: str = "uuid") -> Iterator[tuple[str, str]]:
    """A database whose names all need quoting: its name, which does too, and the URL of a role that may do little."""
    database = postgres.new_name("OddNames")
    postgres.create_database(database)
    made = [
        f"create schema {name(SCHEMA)}",
        f"create table {WHOLE} ({name(ID)} serial primary key, {name(NAME)} text, {name(TOKEN)} {type_})",
        f"create role {name(ROLE)} login password '{PASSWORD}'",
        f"grant usage on schema {name(SCHEMA)} to {name(ROLE)}",
        *more,
    ]
    try:
        postgres.run(database, made)
        yield database, postgres.dsn(database, ROLE, PASSWORD)
    finally:
        postgres.run(database, [f"drop owned by {name(ROLE)}; drop role {name(ROLE)}"])
        postgres.drop_database(database)


def gate(folder: Path, dsn: str, *arguments: str, url: str = "http://127.0.0.1:9", **settings: Any) -> Run:
    """The gate on such a table."""
    table = {"name": WHOLE, "id": ID, "label": NAME, "token": TOKEN}
    entry = {"url": url, "database": dsn, "table": table, "probes": [], "posts": 1, "burst": 0, "late_rows_s": 1}
    file = write_environments(folder / "e.yaml", {}, preview={**entry, **settings})
    return run_pytest(folder / "report", "--environments", str(file), *arguments)


def pasted(postgres: Postgres, database: str, run: Run, claim: str) -> list[str]:
    """The statements of the remedy of a claim, each of which Postgres has taken."""
    statements = _SQL.findall(run.check(claim)["remedy"])
    with psycopg.connect(postgres.dsn(database, SUPERUSER), autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement.encode())
    return [statement.split(" ")[0] for statement in statements]


def test_what_the_catalog_shows_to_be_wrong(tmp_path: Path, postgres: Postgres) -> None:
    """NOT NULL, the default, the unique index, the sequence and old tokens: after the remedies the gate passes."""
    rows = f"insert into {WHOLE} values (1, 'one', '{OLD}'), (9, 'nine', gen_random_uuid())"
    reads = f"grant select on all tables in schema {name(SCHEMA)} to {name(ROLE)}"
    sequence = f"grant select on all sequences in schema {name(SCHEMA)} to {name(ROLE)}"
    claims = {
        "default_is_a_database_v4_generator": ["ALTER"],
        "column_is_not_null": ["ALTER"],
        "token_is_unique_by_index": ["CREATE"],
        "id_sequence_is_not_behind": ["SELECT"],
        "stored_tokens_are_version_4": ["UPDATE"],
    }
    with odd(postgres, rows, reads, sequence) as (database, dsn), serving(creating) as server:
        run = gate(tmp_path, dsn, "--read-only", url=server.url)
        assert run.exit_code == 1, run.out
        assert {claim: pasted(postgres, database, run, claim) for claim in claims} == claims
        again = gate(tmp_path, dsn, "--read-only", url=server.url)
        assert {claim: again.check(claim)["outcome"] for claim in claims} == dict.fromkeys(claims, "pass"), again.out


@pytest.mark.parametrize(
    ("has", "then"),
    [((), "this role has no DELETE on"), (("select",), "is not in table")],
)
def test_what_the_role_lacks_before_a_post(tmp_path: Path, postgres: Postgres, has: tuple[str, ...], then: str) -> None:
    """A right to read, and one to delete."""
    granted = [f"grant {right} on {WHOLE} to {name(ROLE)}" for right in has]
    with odd(postgres, *granted) as (database, dsn), serving(creating) as server:
        run = gate(tmp_path, dsn, "-k", "every_post", url=server.url)
        assert run.exit_code == 75, run.out
        assert pasted(postgres, database, run, "every_post_answers_201") == ["GRANT"]
        again = gate(tmp_path, dsn, "-k", "every_post", url=server.url)
        assert then in again.check("every_post_answers_201")["cause"]


def test_a_sequence_that_the_role_may_not_read(tmp_path: Path, postgres: Postgres) -> None:
    """Its name is told as Postgres quotes it, and the role's too."""
    with odd(postgres, f"grant select on {WHOLE} to {name(ROLE)}") as (database, dsn), serving(creating) as server:
        run = gate(tmp_path, dsn, "--read-only", "-k", "sequence", url=server.url)
        assert run.exit_code == 75, run.out
        assert pasted(postgres, database, run, "id_sequence_is_not_behind") == ["GRANT"]
        again = gate(tmp_path, dsn, "--read-only", "-k", "sequence", url=server.url)
        assert again.check("id_sequence_is_not_behind")["outcome"] == "pass", again.out


def test_what_a_preflight_names(tmp_path: Path, postgres: Postgres) -> None:
    """Rights, the database's mode, NULLs and the generator; and the table that something depends on."""
    more = [
        f"insert into {WHOLE} values (1, 'one', null)",
        f"grant select on {WHOLE} to {name(ROLE)}",
        f"create view {name(SCHEMA, 'Shown')} as select {name(TOKEN)} from {WHOLE}",
        f"alter role {name(ROLE)} set default_transaction_read_only = on",
    ]
    with odd(postgres, *more, type_="text") as (database, dsn):
        run = gate(tmp_path, dsn, "-m", "preflight")
        assert run.exit_code == 1, run.out
        cast = f"ALTER TABLE {WHOLE} ALTER COLUMN {name(TOKEN)} TYPE uuid USING {name(TOKEN)}::uuid"
        postgres.run(database, [f"drop view {name(SCHEMA, 'Shown')}", cast])
        assert pasted(postgres, database, run, "preflight_tokens_are_not_null") == ["UPDATE"]
        assert pasted(postgres, database, run, "preflight_role_may_alter_the_table") == ["GRANT"]
        assert pasted(postgres, database, run, "preflight_database_takes_writes") == ["ALTER", "ALTER"]
        assert f"before ALTER TABLE {WHOLE}," in run.check("preflight_nothing_depends_on_the_type")["remedy"]
        if postgres.has_uuid_ossp:
            assert pasted(postgres, database, run, "preflight_generator_is_to_be_had") == ["GRANT"]


@pytest.mark.parametrize("parts", [[SCHEMA, TABLE], ['"', "."], ['a""b', '"c'], ["chatbots"], ["a.b", 'c"']])
def test_a_quoted_name_is_read_as_it_is_written(parts: list[str]) -> None:
    """A quote that is doubled inside of one stands for itself, as in SQL."""
    assert parts_of(name(*parts)) == parts
