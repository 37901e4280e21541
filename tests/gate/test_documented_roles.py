"""The SQL of docs/database-roles.md, as it stands, gives its roles what a run needs and nothing else."""

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import psycopg
import pytest

from rehearsal.deployment.start import deployed
from rehearsal.faults.catalogue import ON_DEMAND
from rehearsal.servers.postgres import SUPERUSER
from tests.support.gates import ABOUT_SOURCE, READY, ROOT, Run, run_gate

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from rehearsal.deployment.start import Deployment
    from rehearsal.servers.postgres import Postgres

ROLES = (ROOT / "docs" / "database-roles.md").read_text(encoding="utf-8")
READER, CLEANER = "smoke_reader", "smoke"
PASSWORD = "c4n4ry-pa55"
WATCHES = "app_leaves_the_token_to_postgres"
SEQUENCE = "id_sequence_is_not_behind"


def sql_of_document() -> str:
    """The SQL that makes the roles."""
    [block] = re.findall(r"^```sql\n(.*?)^```$", ROLES, re.MULTILINE | re.DOTALL)
    return str(block)


def command_of_document(beginning: str) -> str:
    """The one command of the running text that begins so."""
    [command] = re.findall(rf"`({re.escape(beginning)}[^`]*)`", ROLES.replace("\n", " "))
    return str(command)


def name_of(deployment: Deployment) -> str:
    """The name of its database."""
    return urlsplit(deployment.database).path.lstrip("/")


def ask(server: Postgres, deployment: Deployment, statement: str, role: str = SUPERUSER) -> list[tuple[Any, ...]]:
    """What a statement answers to a role; what it did is not kept."""
    dsn = server.dsn(name_of(deployment), role, None if role == SUPERUSER else PASSWORD)
    with psycopg.connect(dsn) as connection:
        cursor = connection.execute(statement.encode())
        rows = cursor.fetchall() if cursor.description else []
        connection.rollback()
        return rows


@contextmanager
def roles(server: Postgres, deployment: Deployment, script: str | None = None) -> Iterator[None]:
    """The document's roles, made in a deployment's database by its SQL, for the time of the block."""
    made = (script or sql_of_document()).replace("'...'", f"'{PASSWORD}'")
    server.run(name_of(deployment), [made])
    try:
        yield
    finally:
        server.run(name_of(deployment), [f"drop owned by {READER}, {CLEANER}; drop role {READER}, {CLEANER}"])


def gate_as(server: Postgres, deployment: Deployment, role: str | None, folder: Path, *arguments: str) -> Run:
    """The gate, with all checks, as a role of the document or as the role that owns the database."""
    folder.mkdir()
    dsn = server.dsn(name_of(deployment), role, PASSWORD) if role is not None else deployment.database
    return run_gate(folder, [deployment], "--revision", deployment.revision, *arguments, database=dsn, ready=READY)


def ours(server: Postgres, deployment: Deployment, table: str = "chatbots", label: str = "name") -> int:
    """How many rows of the harness are stored."""
    return len(ask(server, deployment, f"select 1 from {table} where {label} like 'smoke-%'"))


# --- what they can ----------------------------------------------------------------------------------------------------


def test_reader_sees_what_the_owner_sees(tmp_path: Path, postgres: Postgres) -> None:
    """With --read-only every claim comes out as it does for the owner: a right to SELECT is all that is needed."""
    with deployed(postgres) as deployment, roles(postgres, deployment):
        owner = gate_as(postgres, deployment, None, tmp_path / "owner", "--read-only")
        reader = gate_as(postgres, deployment, READER, tmp_path / "reader", "--read-only")
    assert owner.exit_code == reader.exit_code == 0, reader.out
    assert reader.outcomes("preview") == owner.outcomes("preview")
    assert {reader.check(id_)["outcome"] for id_ in ("stored_tokens_are_random", SEQUENCE)} == {"pass"}


def test_sequence_that_may_not_be_read_is_named(tmp_path: Path, postgres: Postgres) -> None:
    """Without the document's right to it one required claim could not be told: 75, and which right is missing."""
    script = sql_of_document().replace(", public.chatbots_id_seq", "")
    with deployed(postgres) as deployment, roles(postgres, deployment, script):
        run = gate_as(postgres, deployment, READER, tmp_path / "reader", "--read-only", "-k", "stored or sequence")
    assert run.exit_code == 75, run.out
    assert run.check(SEQUENCE)["outcome"] == "unknown"
    assert run.check(SEQUENCE)["remedy"] == f'GRANT SELECT ON SEQUENCE public.chatbots_id_seq TO "{READER}"'


def test_cleaner_releases_and_leaves_nothing(tmp_path: Path, postgres: Postgres) -> None:
    """A full run as the clean-up role; without the right to see the app's statements it could not tell."""
    with deployed(postgres, variant="statements_are_counted") as deployment, roles(postgres, deployment):
        owner = gate_as(postgres, deployment, None, tmp_path / "owner")
        cleaner = gate_as(postgres, deployment, CLEANER, tmp_path / "with")
        postgres.run(name_of(deployment), [f"revoke pg_read_all_stats from {CLEANER}"])
        without = gate_as(postgres, deployment, CLEANER, tmp_path / "without")
        assert ours(postgres, deployment) == 0
    assert (owner.exit_code, cleaner.exit_code, without.exit_code) == (0, 0, 75), without.out
    for run in (owner, without, cleaner):
        assert run.verdict["left_behind"] == []
        assert run.verdict["environments"][0]["rows_removed"] == 22
    assert owner.check(WATCHES)["outcome"] == "pass"
    assert without.outcomes("preview") == {**owner.outcomes("preview"), WATCHES: "unknown"}
    assert "GRANT pg_read_all_stats TO " in without.check(WATCHES)["remedy"]
    assert cleaner.outcomes("preview") == owner.outcomes("preview")


@pytest.mark.parametrize(
    ("variant", "table"),
    [
        ("other_names", "tenant.bots"),
        ("id_is_an_identity_column", "public.chatbots"),
        ("table_is_partitioned", "public.chatbots"),
        ("extension_in_another_schema", "public.chatbots"),
    ],
)
def test_other_tables_need_other_names_and_no_other_rights(
    tmp_path: Path, postgres: Postgres, variant: str, table: str
) -> None:
    """The SQL with another schema and table, and the sequence that the query names, is enough for a full run."""
    with deployed(postgres, variant=variant) as deployment:
        column = "bot_id" if variant == "other_names" else "id"
        query = command_of_document("SELECT pg_get_serial_sequence").replace("public.chatbots", table)
        [(sequence,)] = ask(postgres, deployment, query.replace("'id'", f"'{column}'"))
        script = sql_of_document().replace("public.chatbots_id_seq", sequence).replace("public.chatbots", table)
        script = script.replace("SCHEMA public", f"SCHEMA {table.partition('.')[0]}")
        with roles(postgres, deployment, script):
            run = gate_as(postgres, deployment, CLEANER, tmp_path / "cleaner")
            label = deployment.settings.get("table", {}).get("label", "name")
            assert ours(postgres, deployment, table, label) == 0
    assert run.exit_code == 0, run.out
    assert {check for check, outcome in run.outcomes("preview").items() if outcome == "not_covered"} <= {
        *("tokens_differ_between_environments", *ON_DEMAND, *ABOUT_SOURCE)
    }
    assert run.verdict["environments"][0]["rows_removed"] == 22


def test_rows_that_refer_go_with_theirs(postgres: Postgres) -> None:
    """ON DELETE CASCADE needs no right of the role that deletes: it happens as the owner of the other table."""
    legacy = "select count(*) from chatbots_legacy_tokens"
    with deployed(postgres) as deployment, roles(postgres, deployment):
        [(before,)] = ask(postgres, deployment, legacy)
        dsn = postgres.dsn(name_of(deployment), CLEANER, PASSWORD)
        with psycopg.connect(dsn) as connection:
            assert connection.execute("delete from chatbots where id = 1").rowcount == 1
        [(after,)] = ask(postgres, deployment, legacy)
    assert (before, after) == (50, 49)


# --- what they cannot -------------------------------------------------------------------------------------------------

DELETES = "delete from chatbots"
FORBIDDEN = (
    "insert into chatbots (name) values ('x')",
    "update chatbots set name = name",
    "truncate chatbots cascade",
    "select id from chatbots for update",
    "select nextval('chatbots_id_seq')",
    "select setval('chatbots_id_seq', 1)",
    "select * from chatbots_legacy_tokens",
    "delete from chatbots_legacy_tokens",
    "alter table chatbots add column x int",
    "create index on chatbots (name)",
    "drop table chatbots cascade",
    "create table x ()",
    "create function x() returns int language sql as 'select 1'",
    "create schema x",
    "create role x",
    "set role app",
    "copy chatbots to program 'cat > /dev/null'",
    "select pg_stat_reset()",
)


def test_roles_are_refused_everything_else(postgres: Postgres) -> None:
    """Neither role can write, make or read anything but what it was made for; the superuser could, so each is valid."""
    with deployed(postgres) as deployment, roles(postgres, deployment):
        for statement in (DELETES, *FORBIDDEN):
            ask(postgres, deployment, statement)
        ask(postgres, deployment, DELETES, CLEANER)
        for role, statements in ((READER, (DELETES, *FORBIDDEN)), (CLEANER, FORBIDDEN)):
            for statement in statements:
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    ask(postgres, deployment, statement, role)


def test_roles_need_their_password(postgres: Postgres) -> None:
    """The SQL gives them one; a server that asks for it admits nobody without."""
    with deployed(postgres) as deployment, roles(postgres, deployment):
        for role in (READER, CLEANER):
            assert ask(postgres, deployment, "select current_user::text", role) == [(role,)]
            with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
                psycopg.connect(postgres.dsn(name_of(deployment), role, "wrong"))


def test_old_databases_let_everybody_create(postgres: Postgres) -> None:
    """In a database as Postgres 14 made them a role can create tables, until the document's command is run."""
    creates = "create table public.x ()"
    with deployed(postgres) as deployment, roles(postgres, deployment):
        postgres.run(name_of(deployment), ["grant create on schema public to public"])
        ask(postgres, deployment, creates, READER)
        postgres.run(name_of(deployment), [command_of_document("REVOKE CREATE")])
        for role in (READER, CLEANER):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                ask(postgres, deployment, creates, role)
