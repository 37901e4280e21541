"""Whom a rehearsed migration runs as, what that role may do, and what of the real database has to be in the copy."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
import pytest

from rehearsal.servers.postgres import SUPERUSER
from tests.support.migrations import PLAIN, SAFE, real_database, rehearse

if TYPE_CHECKING:
    from pathlib import Path

    from rehearsal.servers.postgres import Postgres

UUIDS = "update chatbots set public_token = gen_random_uuid()::text"
COULD_NOT_TELL = 75


def database_of(dsn: str) -> str:
    """Its name."""
    return str(psycopg.conninfo.conninfo_to_dict(dsn)["dbname"])


# --- what is left out -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("statements", "missing"),
    [
        (
            ["create table links (token varchar(64) references chatbots (public_token))"],
            "links_token_fkey on public.links",
        ),
        (["create table links () inherits (chatbots)"], "public.links"),
        (["create table links (id int)", "create view v as select c.* from chatbots c, links"], "public.v"),
        (
            ["create table links (id int)", "create rule r as on delete to links do also delete from chatbots"],
            "r on public.links",
        ),
        (
            [
                "create table links (token varchar(64) primary key)",
                "insert into links select public_token from chatbots",
                "alter table chatbots add constraint its foreign key (public_token) references links",
            ],
            "its on public.chatbots",
        ),
    ],
    ids=["foreign key", "child", "view", "rule", "foreign key of its own"],
)
def test_what_refers_to_the_table_and_may_not_be_read_is_asked_for(
    postgres: Postgres, tmp_path: Path, statements: list[str], missing: str
) -> None:
    """75 with the GRANT: without it the rehearsal would pass where the real migration fails."""
    role = postgres.new_name("role")
    dsn = real_database(postgres, [UUIDS, *statements])
    postgres.run(database_of(dsn), [f"create role {role} login", f"grant select on chatbots to {role}"])
    run = rehearse(postgres.dsn(database_of(dsn), role), tmp_path, PLAIN)
    assert run.exit_code == COULD_NOT_TELL, run.err
    assert missing in run.err
    assert f'GRANT SELECT ON "public"."links" TO "{role}"' in run.err


def test_foreign_partition_cannot_be_rehearsed(postgres: Postgres, tmp_path: Path) -> None:
    """It is not made here, and no GRANT helps."""
    if not postgres.binaries.has_extension("file_fdw"):
        pytest.skip("this PostgreSQL has no file_fdw")
    statements = [
        "create extension file_fdw",
        "create server other foreign data wrapper file_fdw",
        "create table bots (id bigint, name text not null, public_token text) partition by range (id)",
        (
            "create foreign table far partition of bots for values from (1) to (9) server other"
            " options (filename '/dev/null')"
        ),
        "alter table bots owner to app",
        "alter foreign table far owner to app",
    ]
    dsn = real_database(postgres, statements, SUPERUSER)
    run = rehearse(dsn, tmp_path, "select 1", "--table", "bots")
    assert run.exit_code == COULD_NOT_TELL, run.err
    assert "foreign tables are not made here" in run.err


# --- rights and settings ----------------------------------------------------------------------------------------------


def owned(postgres: Postgres, *statements: str) -> tuple[str, str]:
    """A database whose table belongs to a role that has nothing else; the role and its DSN."""
    role = postgres.new_name("owner")
    own = [UUIDS, f"create role {role} login", f"alter table chatbots owner to {role}"]
    dsn = real_database(postgres, [*own, "revoke create on schema public from public"], SUPERUSER)
    name = database_of(dsn)
    postgres.run(name, [statement.format(role=role, name=name) for statement in statements])
    return role, postgres.dsn(name, role)


def test_owner_that_may_create_nothing_may_not_here_either(postgres: Postgres, tmp_path: Path) -> None:
    """42501 in the schema and in the database; with the rights granted it passes."""
    role, dsn = owned(postgres)
    run = rehearse(dsn, tmp_path, PLAIN + "create table other ();")
    assert run.exit_code == 1, run.err
    assert "at line 5" in run.err
    assert "SQLSTATE 42501" in run.err
    run = rehearse(dsn, tmp_path, "create schema other")
    assert (run.exit_code, "permission denied for database" in run.err) == (1, True), run.err
    name = database_of(dsn)
    postgres.run(name, [f"grant create on schema public to {role}", f'grant create on database "{name}" to {role}'])
    run = rehearse(dsn, tmp_path, f"{SAFE}create schema other;")
    assert run.exit_code == 0, run.err


def test_settings_of_the_role_are_those_of_the_migration(postgres: Postgres, tmp_path: Path) -> None:
    """A role that is read-only, and one without a search_path."""
    dsn = owned(postgres, "alter role {role} set default_transaction_read_only = on")[1]
    run = rehearse(dsn, tmp_path, PLAIN)
    assert (run.exit_code, "SQLSTATE 25006" in run.err) == (1, True), run.err
    dsn = owned(postgres, "alter role {role} in database {name} set search_path = ''")[1]
    run = rehearse(dsn, tmp_path, "create table other ()", "--table", "public.chatbots")
    assert (run.exit_code, "SQLSTATE 3F000" in run.err) == (1, True), run.err


def test_role_that_only_reads_is_not_the_one_that_migrates(postgres: Postgres, tmp_path: Path) -> None:
    """It runs as the owner would, with the owner's settings and rights, and a line says so."""
    role = owned(
        postgres,
        "create role {role}_reads login",
        "grant select on chatbots to {role}_reads",
        "alter role {role}_reads set default_transaction_read_only = on",
        "alter role {role} in database {name} set lock_timeout = '7s'",
    )
    reader = postgres.dsn(database_of(role[1]), f"{role[0]}_reads")
    checks = "do $$ begin assert current_setting('lock_timeout') = '7s'; end $$;"
    run = rehearse(reader, tmp_path, PLAIN + checks)
    assert run.exit_code == 0, run.err
    assert f"{role[0]}_reads, is neither the owner of the table, {role[0]}, nor a member of it" in run.err
    assert f"runs here as {role[0]} would" in run.err


def test_member_of_the_owner_may_become_the_owner(postgres: Postgres, tmp_path: Path) -> None:
    """SET ROLE to the owner, as for real; to a role of which it is no member it is refused, as for real."""
    boss = postgres.new_name("boss")
    statements = [
        f"create role {boss}",
        f"create role {boss}_other",
        f"create role {boss}_deploys login noinherit in role {boss}",
        UUIDS,
        f"create schema {boss} authorization {boss}",
        f"alter table chatbots owner to {boss}",
        f"alter table chatbots set schema {boss}",
    ]
    name = database_of(real_database(postgres, statements, SUPERUSER))
    dsn = postgres.dsn(name, f"{boss}_deploys")
    postgres.run(name, [f"grant usage on schema {boss} to {boss}_deploys"])
    postgres.run(name, [f"grant select on {boss}.chatbots to {boss}_deploys"])
    alter = PLAIN.replace("chatbots", f"{boss}.chatbots")
    table = ["--table", f"{boss}.chatbots"]
    run = rehearse(dsn, tmp_path, f"set role {boss};\n{alter}create table {boss}.other ();", *table)
    assert run.exit_code == 0, run.err
    run = rehearse(dsn, tmp_path, alter, *table)
    assert (run.exit_code, "must be owner of table chatbots" in run.err) == (1, True), run.err
    run = rehearse(dsn, tmp_path, f"set role {boss}_other;", *table)
    assert (run.exit_code, "permission denied to set role" in run.err) == (1, True), run.err


# --- what is said of it -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("migration", "remedy"),
    [
        ("select no_such_function();", "create it, or its extension, first"),
        (
            "alter table chatbots alter public_token type uuid using (select gen_random_uuid())",
            "USING must not contain a subquery",
        ),
        ("do $$ begin raise exception 'no people'; end $$", "other tables are empty here"),
        ("alter table chatbots add check (name in ('one', 'two'))", "only ids and tokens are real here"),
        ("alter database no_such_database set lock_timeout = '3s'", "the copy has another name"),
        (
            "do $$ begin raise exception 'look: %', (select min(public_token) from chatbots); end $$",
            "look: tok... (10 characters)",
        ),
    ],
)
def test_remedy_is_of_this_failure(postgres: Postgres, tmp_path: Path, migration: str, remedy: str) -> None:
    """Not of another one with the same SQLSTATE; and no token is shown whole."""
    run = rehearse(
        real_database(postgres, ["update chatbots set public_token = 'token-' || id + 1000"]), tmp_path, migration
    )
    assert run.exit_code == 1, run.err
    assert remedy in run.err
    assert "token-1" not in run.err
