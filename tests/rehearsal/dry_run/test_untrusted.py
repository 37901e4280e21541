"""Definitions, rows and migrations that attack get nothing: no program, no file, no connection, no superuser.

Two things keep them from it, and each is tried without the other: the rights of the roles, and the kernel.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from rehearsal.deployment.plan import REVISION
from rehearsal.dry_run import command, real_schema, restoring, runner
from rehearsal.dry_run.command import MigrationFailed, Request, migrated
from rehearsal.dry_run.real_schema import CannotRehearse, Wanted
from rehearsal.servers import postgres as servers
from rehearsal.servers.postgres import SUPERUSER
from tests.support.gates import ROOT, clean_environment
from tests.support.migrations import real_database, rehearse
from tests.support.untrusted import (
    DEFINITIONS,
    MIGRATION,
    SETTING,
    VIEW,
    attacked,
    hostile_database,
    loot_of,
    start_attack,
)

if TYPE_CHECKING:
    from rehearsal.servers.postgres import Postgres

COULD_NOT_TELL = 75
WHILE_IT_IS_FILLED = {
    *("check", "check of one column", "default", "security definer", "domain", "domain of the token"),
    *("generated column", "index", "partial index"),
}
AFTER_THE_MIGRATION = {"check", "check of one column", "default", "domain", "index", "migration", "policy", "trigger"}


@pytest.fixture
def unconfined(monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel keeps nothing from the throwaway server, which writes down who connects to it."""
    guarded = servers.guarded

    monkeypatch.setattr(servers, "guarded", lambda order, what: guarded(order | {"confined": False}, what))
    monkeypatch.setattr(servers, "CONFINED", [*servers.CONFINED, "log_connections=on"])


def request(dsn: str, folder: Path, migration: str, traffic: int | None = None) -> Request:
    """What the command line would ask for."""
    file = folder / "migration.sql"
    file.write_text(migration, encoding="utf-8")
    return Request(dsn, file, None, Wanted(), None, REVISION, traffic=traffic)


def demand_ended(said: str, of: Request) -> None:
    """A rehearsal that cannot be told of, and says why; `said` is a pattern."""
    with pytest.raises(CannotRehearse, match=said), migrated(of):
        pass


def demand_no_superuser(database: str) -> None:
    """None was ever in a database that holds definitions of others, once there was one; its own log says it."""
    log = (Path(str(conninfo_to_dict(database)["host"])) / "log").read_text()
    sessions = re.findall(r"connection authorized: user=(\w+) database=(\w+)", log)
    copies = [user for user, name in sessions if re.match(r"rehearsed|traffic|preview|production", name)]
    assert len(copies) > 5
    assert re.match(r"rehearsal_\w{16}$", copies[0])  # which makes extensions, before anything else is there
    assert set(copies[1:]) <= {"app", "rehearsal_hand", *(user for user in copies if user.startswith("hostile"))}


# --- the rights of the roles ------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("unconfined")
def test_definitions_and_rows_have_no_rights(postgres: Postgres, tmp_path: Path) -> None:
    """Whatever calls it, of all that belongs to a table: no attack succeeds, and no superuser is there who could."""
    with attacked() as target:
        dsn = hostile_database(postgres, target.text(start_attack()), *DEFINITIONS)
        with migrated(request(dsn, tmp_path, "update chatbots set name = name", traffic=5)) as variables:
            called, won, roles = loot_of(variables["PREVIEW_POSTGRES_URL"])
            demand_no_superuser(variables["PREVIEW_POSTGRES_URL"])
        assert target.outside() == []
    assert won == []
    assert called >= WHILE_IT_IS_FILLED
    assert [re.sub(r"_\w{16}$", "", name) for name in roles] == ["rehearsal"]


@pytest.mark.usefixtures("unconfined")
def test_migration_has_no_rights_and_what_it_leaves_neither(postgres: Postgres, tmp_path: Path) -> None:
    """While it runs, and when the rehearsal looks at its tables afterwards, with a search_path of its own."""
    with attacked() as target:
        dsn = hostile_database(postgres)
        migration = ";\n".join([target.text(start_attack()), *MIGRATION])
        with migrated(request(dsn, tmp_path, migration)) as variables:
            called, won, roles = loot_of(variables["PREVIEW_POSTGRES_URL"])
            demand_no_superuser(variables["PREVIEW_POSTGRES_URL"])
        assert target.outside() == []
    assert won == []
    assert called >= AFTER_THE_MIGRATION
    assert [re.sub(r"_\w{16}$", "", name) for name in roles] == ["rehearsal"]


@pytest.mark.usefixtures("unconfined")
def test_view_in_place_of_the_table_has_no_rights(
    postgres: Postgres, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """The migration fails, and the rows that it is explained with are read through the view."""
    with attacked() as target:
        migration = ";\n".join([target.text(start_attack()), *VIEW])
        with pytest.raises(MigrationFailed), migrated(request(hostile_database(postgres), tmp_path, migration)):
            pass
        assert target.outside() == []
    assert "50 of the 50 tokens here are no UUID" in capfd.readouterr().err  # it has been read


def test_setting_of_the_real_database_is_no_statement(postgres: Postgres, tmp_path: Path) -> None:
    """A search_path may hold a semicolon and a statement: it stays a search_path."""
    dsn = real_database(postgres)
    database = str(conninfo_to_dict(dsn)["dbname"])
    keeps = f"perform set_config('search_path', '{SETTING}', false); alter database \"{database}\" set search_path"
    postgres.run(database, [f"do $$ begin {keeps} from current; end $$"])
    query = "select current_setting('search_path'), (select count(*) from pg_roles where rolname ~ 'evil')"
    code = f"import os, psycopg; print(*psycopg.connect(os.environ['POSTGRES_URL']).execute({query!r}).fetchone())"
    run = rehearse(dsn, tmp_path, "select 1", "--", sys.executable, "-c", code)
    assert run.exit_code == 0, run.err
    assert run.out == f"{SETTING} 0\n"


# --- the kernel -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("confined", [True, False])
def test_kernel_keeps_even_a_superuser_inside(
    postgres: Postgres, monkeypatch: pytest.MonkeyPatch, confined: bool
) -> None:
    """What a bug of Postgres might make of a role reaches no program, no file and no port; unconfined it does."""
    if not confined:
        guarded = servers.guarded
        monkeypatch.setattr(servers, "guarded", lambda order, what: guarded(order | {"confined": False}, what))
    with attacked() as target, servers.confined(postgres.binaries) as server:
        if confined and server.confinement != {"network": "namespace", "files": "landlock"}:
            pytest.skip(f"this machine confines no server: {server.confinement}")
        server.run("postgres", [target.text(start_attack())])
        if server.binaries.has_extension("dblink"):
            server.run("postgres", ["create extension dblink schema public", "create extension adminpack"])
        with psycopg.connect(server.dsn("postgres", server.superuser), autocommit=True) as connection:
            connection.execute("set search_path = public")
            connection.execute("select evil.attack('inside')")
        _, won, _ = loot_of(server.dsn("postgres", server.superuser))
        outside = target.outside()
    inside = {what.removeprefix("inside as a superuser: ") for what in won}
    reached = inside & {
        *("runs a program", "reads from a program", "writes a file", "reads a file with COPY", "reads a file"),
        *("reads the environment", "lists a folder", "exports a large object", "imports a large object", "calls C"),
    }
    assert "reads the server's files" in inside
    if confined:
        assert (outside, reached) == ([], set())
    else:
        assert {"inside_as_a_superuser-program", "inside_as_a_superuser-file"} <= set(outside)
        assert len(reached) > 5


def test_server_has_nothing_of_our_environment(postgres: Postgres, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither it nor its guard: not in the environment, not on the command line, and its folder is its own."""
    monkeypatch.setenv("C4N4RY", "c4n4ry")
    monkeypatch.setenv("PGPASSWORD", "c4n4ry")
    with servers.confined(postgres.binaries) as server:
        process = psutil.Process(int((server.directory / "data/postmaster.pid").read_text().splitlines()[0]))
        told = []
        for each in (process, *process.parents()[:1], *process.children()):
            with suppress(psutil.NoSuchProcess, ProcessLookupError):  # a server's child may end at any moment
                told.append((each.environ(), each.cmdline()))
        assert len(told) > 3
        assert "c4n4ry" not in str(told)
        assert server.password is not None
        assert server.password not in str(told)
        assert set(told[0][0]) <= {"PATH", "LC_ALL", "TZ"}
        assert process.cwd() == str(server.directory / "data")
        assert not (server.directory / "password").exists()
        with pytest.raises(psycopg.OperationalError, match="password"):
            psycopg.connect(server.dsn("postgres", server.superuser, "wrong"))


def test_machine_that_confines_nothing_is_told_of(
    postgres: Postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """In a line, and the rehearsal goes on."""
    guarded = servers.guarded
    monkeypatch.setattr(servers, "guarded", lambda order, what: guarded(order | {"confined": False}, what))
    with migrated(request(real_database(postgres), tmp_path, "select 1")):
        pass
    assert "this machine does not keep the server from the network and this user's files" in capfd.readouterr().err


# --- without an end ---------------------------------------------------------------------------------------------------

CATCHES = "begin perform pg_sleep(600); exception when query_canceled then null; end"


def test_migration_that_never_ends_is_ended(
    postgres: Postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also one that catches what a time-out raises: 75."""
    monkeypatch.setattr(runner, "MIGRATION_BUDGET_S", 0.5)
    dsn = real_database(postgres)
    loop = f"do $$ begin loop {CATCHES}; end loop; end $$"
    demand_ended(
        r"the migration was not ready within 0.5 s, and was ended",
        request(dsn, tmp_path, f"set statement_timeout = '100ms';\n{loop}"),
    )


def test_definition_that_never_ends_is_ended(
    postgres: Postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the table is filled."""
    monkeypatch.setattr(command, "READ_TIMEOUT_S", 1)
    waits = (
        "create function waits(name text) returns boolean language plpgsql as $$ begin"
        f" if current_database() = 'rehearsed' then loop {CATCHES}; end loop; end if; return true; end $$"
    )
    dsn = real_database(postgres, [waits, "alter table chatbots add check (waits(name))"])
    demand_ended(r"filling the table was not ready within 1 s, and was ended", request(dsn, tmp_path, "select 1"))


def test_server_that_fills_the_disk_is_ended(
    postgres: Postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """75, with how much it took; its data is gone at once."""
    monkeypatch.setenv("TMPDIR", "/tmp")  # then the server is not kept in memory
    monkeypatch.setattr(servers, "MOST_SPACE", 200e6 / shutil.disk_usage("/tmp").free)
    fill = "create table large as select repeat(md5(n::text), 30) as text from generate_series(1, 100000000) n"
    demand_ended(
        r"the throwaway server was ended: it took more than \d+ MB", request(real_database(postgres), tmp_path, fill)
    )


def test_rows_that_a_migration_selects_are_not_held(postgres: Postgres, tmp_path: Path) -> None:
    """Of 400 MB at most one row is in memory; INTO a table, which returns none, is taken as well."""
    file, peak = tmp_path / "migration.sql", tmp_path / "peak"
    statement = "with a as (select repeat('x', 1000000)) select * from a, generate_series(1, 400)"
    file.write_text(f"{statement};\nselect 1 as a into taken;\ninsert into taken select 2;", encoding="utf-8")
    asked = ["rehearsal", "--schema-of", "${REAL_ONE}", "--migration", str(file), "--", sys.executable, "-c", ""]
    done = subprocess.run(
        [sys.executable, str(ROOT / "tests/support/memory.py"), str(peak), *asked],
        cwd=ROOT,
        env=clean_environment(REAL_ONE=real_database(postgres)),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "3 statements in " in done.stderr
    assert int(peak.read_text()) < 200


# --- what needs more rights, and what does not ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (f"loop {CATCHES}; end loop", "was not ready within 1 s"),
        ("raise exception '%', repeat('x', 2000000)", "printed more than 1 MB, and was ended"),
    ],
)
def test_definition_that_is_never_made_is_ended(
    postgres: Postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str, said: str
) -> None:
    """An index calls a function while it is made, which waits, or whose message has no end."""
    monkeypatch.setattr(real_schema, "MOST_PRINTED_BYTES", 1 << 20)
    monkeypatch.setattr(restoring, "RESTORE_BUDGET_S", 1 if "loop" in body else 600)
    function = (
        "create function made() returns int immutable language plpgsql as $$ begin"
        f" if current_database() = 'rehearsed' then {body}; end if; return 1; end $$"
    )
    dsn = real_database(postgres, [function, "create index on chatbots (id) where made() = 1"])
    demand_ended(f"making the definitions here {said}", request(dsn, tmp_path, "select 1"))


def test_migration_that_shuts_the_database_is_said(postgres: Postgres, tmp_path: Path) -> None:
    """75, and no traceback."""
    name = str(conninfo_to_dict(dsn := real_database(postgres))["dbname"])
    postgres.run("postgres", [f'alter database "{name}" owner to app'])
    run = rehearse(dsn, tmp_path, "alter database rehearsed connection limit 0")
    assert run.exit_code == COULD_NOT_TELL, run.err
    assert "the throwaway server refuses what the rehearsal needs: no SQLSTATE" in run.err
    assert "Traceback" not in run.err


@pytest.mark.parametrize(
    ("migration", "said"),
    [
        ("copy (select 1) to program 'true'", "may become pg_execute_server_program, "),
        ("create extension if not exists dblink", "the real database has the extension dblink"),
    ],
)
def test_migration_that_needs_more_rights_cannot_be_told_of(
    postgres: Postgres, tmp_path: Path, migration: str, said: str
) -> None:
    """75: the real role has them, and here nobody has."""
    if "dblink" in migration and not postgres.binaries.has_extension("dblink"):
        pytest.skip("this PostgreSQL has no dblink")
    run = rehearse(hostile_database(postgres), tmp_path, migration)
    assert run.exit_code == COULD_NOT_TELL, run.err
    assert said in run.err
    assert "Traceback" not in run.err


def test_what_the_role_does_not_own_is_refused_as_for_real(postgres: Postgres, tmp_path: Path) -> None:
    """1, though the role may become a mighty one: none of those owns this."""
    run = rehearse(hostile_database(postgres), tmp_path, "alter table pg_catalog.pg_class add column a int")
    assert run.exit_code == 1, run.err
    assert "SQLSTATE 42501" in run.err


def test_definition_that_only_a_superuser_can_make_is_said(postgres: Postgres, tmp_path: Path) -> None:
    """A note where the table does without; 75 where it does not."""
    own = ["create function version_of() returns text language internal as 'pgsql_version'"]
    run = rehearse(real_database(postgres, own, SUPERUSER), tmp_path, "select 1")
    assert run.exit_code == 0, run.err
    assert "not made here: CREATE FUNCTION public.version_of() RETURNS text" in run.err
    own += ["alter table chatbots add made_by text default version_of()"]
    run = rehearse(real_database(postgres, own, SUPERUSER), tmp_path, "select 1")
    assert run.exit_code == COULD_NOT_TELL, run.err
    assert "for what only a superuser may make, try the migration on a restored backup" in run.err
    assert "Traceback" not in run.err


def test_extensions_of_the_real_table_are_there(postgres: Postgres, tmp_path: Path) -> None:
    """Those that reach nothing, in their schemas; the migration may create more of them, and drop its own."""
    wanted = ["citext", "pgcrypto", "uuid-ossp", "hstore", "moddatetime"]
    if not all(map(postgres.binaries.has_extension, wanted)):
        pytest.skip("this PostgreSQL has not all of the extensions")
    own = [
        "create schema parts",
        "create extension citext schema parts",
        "create extension pgcrypto schema parts",
        'create extension "uuid-ossp"',
        "create extension moddatetime",
        "alter table chatbots alter name type parts.citext, add made uuid not null default uuid_generate_v4()",
        "alter table chatbots add changed timestamptz, add check (parts.digest(name::text, 'md5') <> '')",
        "create trigger t before update on chatbots for each row execute function moddatetime(changed)",
    ]
    migration = "create extension hstore;\ndrop extension hstore;\nupdate chatbots set name = name"
    run = rehearse(real_database(postgres, own, SUPERUSER), tmp_path, migration)
    assert run.exit_code == 0, run.err
    assert "not made here" not in run.err


def test_table_of_a_role_called_like_a_superuser(postgres: Postgres, tmp_path: Path) -> None:
    """The owner may be called postgres: here that is a role without rights, which a member may become."""
    role = postgres.new_name("member")
    own = [f"create role {role} login in role {SUPERUSER}", f"alter table chatbots owner to {SUPERUSER}"]
    dsn = real_database(postgres, own, SUPERUSER)
    migration = f"set role {SUPERUSER};\nalter table chatbots add column a int"
    checks = "do $$ begin assert current_setting('is_superuser') = 'off'; end $$"
    own_dsn = postgres.dsn(str(conninfo_to_dict(dsn)["dbname"]), role)
    run = rehearse(own_dsn, tmp_path, f"{migration};\n{checks}")
    assert run.exit_code == 0, run.err
    run = rehearse(own_dsn, tmp_path, f"set role {SUPERUSER};\ncreate role other")
    assert run.exit_code == COULD_NOT_TELL, run.err
    assert f"may become {SUPERUSER}, and here nobody may" in run.err
