"""What a rehearsal of a migration cannot do is said in a line, with an exit code of its own and without a password."""

from __future__ import annotations

import socket
import subprocess
import sys
from types import SimpleNamespace
from typing import TYPE_CHECKING

import psycopg
import pytest

from rehearsal.dry_run import real_schema
from rehearsal.dry_run.command import demand_own_failure
from rehearsal.dry_run.real_schema import CannotRehearse, find_dumper
from rehearsal.dry_run.runner import Failure
from rehearsal.dry_run.splitting import Statement
from rehearsal.servers.postgres import SUPERUSER
from tests.support.gates import ROOT
from tests.support.migrations import PLAIN, SAFE, real_database, rehearse, run_rehearsal

if TYPE_CHECKING:
    from pathlib import Path

    from rehearsal.servers.postgres import Postgres
    from tests.support.gates import Run

USAGE, COULD_NOT_TELL = 2, 75


def demand(run: Run, exit_code: int, said: str) -> None:
    """The exit code, what is said, and nothing that should not be."""
    assert run.exit_code == exit_code, run.err
    assert said in run.err
    assert "Traceback" not in run.err
    assert "c4n4ry" not in run.err + run.out


@pytest.mark.parametrize(
    ("dsn", "said"),
    [
        ("mysql://u:c4n4ry@host/db", "its scheme is mysql://"),
        ("https://kv.example.com/c4n4ry", "its scheme is https://"),
        ("host=localhost password=c4n4ry", "it has no scheme"),
        ("postgresql://u:c4n4ry%zz@host/db", "percent-encode special characters in its password"),
        ("postgresql://u:c4n4ry@host:port/db", "is not a postgresql:// URL that can be read: its port is not a number"),
        ("postgresql://u:c4n4ry@host/db?ssl_mode=require", "it has a parameter after ? that libpq does not know"),
    ],
)
def test_address_that_is_none_of_a_postgres(tmp_path: Path, dsn: str, said: str) -> None:
    """2: what is wrong with it, not the address itself."""
    demand(rehearse(dsn, tmp_path, SAFE), USAGE, said)


def test_database_that_cannot_be_reached(tmp_path: Path) -> None:
    """75: who was asked, and what to look at."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    run = rehearse(f"postgresql://u:c4n4ry@127.0.0.1:{port}/db", tmp_path, SAFE)
    demand(run, COULD_NOT_TELL, f"could not tell: 127.0.0.1:{port}/db: ")
    assert "is the address right, and can it be reached from here?" in run.err


def test_wrong_password(postgres: Postgres, tmp_path: Path) -> None:
    """75, as Postgres says it."""
    run = rehearse(postgres.dsn("postgres", "locked_out", "c4n4ry"), tmp_path, SAFE)
    demand(run, COULD_NOT_TELL, "password authentication failed")
    assert "fix the user and the password" in run.err
    run = rehearse(postgres.dsn("no_such_database"), tmp_path, SAFE)
    demand(run, COULD_NOT_TELL, "name a database in --schema-of that this server has")


def test_report_that_cannot_be_written(tmp_path: Path) -> None:
    """2, before anything is read."""
    run = rehearse(
        "postgresql://u:c4n4ry@127.0.0.1:1/db", tmp_path, SAFE, "--report", str(tmp_path / "none" / "x.json")
    )
    demand(run, USAGE, "x.json: No such file or directory")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--table", "bots"], "there is no table bots on the search_path: name it with --table"),
        (["--table", "elsewhere.chatbots"], "there is no table elsewhere.chatbots"),
        (["--table", "shared"], "shared is a view: name its table"),
        (["--token", "token"], "chatbots has no column token: name it with --token"),
        (["--label", "title"], "chatbots has no column title: name it with --label"),
    ],
)
def test_table_or_column_that_is_not_there(postgres: Postgres, tmp_path: Path, arguments: list[str], said: str) -> None:
    """75, with the option that names another."""
    dsn = real_database(postgres, ["create view shared as select id, name, public_token from chatbots"])
    demand(rehearse(dsn, tmp_path, SAFE, *arguments), COULD_NOT_TELL, said)


def test_role_that_may_not_read(postgres: Postgres, tmp_path: Path) -> None:
    """75, with the GRANT; of a table that hides rows from it, what would show them."""
    name = postgres.new_name("role")
    own = [f"create role {name} login", "alter table chatbots enable row level security"]
    dsn = real_database(postgres, own, SUPERUSER)
    database = str(psycopg.conninfo.conninfo_to_dict(dsn)["dbname"])
    asked = postgres.dsn(database, name)
    demand(rehearse(asked, tmp_path, SAFE), COULD_NOT_TELL, f'GRANT SELECT ON "public"."chatbots" TO "{name}"')
    postgres.run(database, [f"grant select on chatbots to {name}"])
    demand(rehearse(asked, tmp_path, SAFE), COULD_NOT_TELL, "it owns it, or has BYPASSRLS")


def test_tables_that_the_role_may_not_read_are_left_out(postgres: Postgres, tmp_path: Path) -> None:
    """And named: what depends on them is not rehearsed."""
    name = postgres.new_name("role")
    own = [f"create role {name} login", "create table people ()", f"grant select on chatbots to {name}"]
    dsn = real_database(postgres, own, SUPERUSER)
    run = rehearse(postgres.dsn(str(psycopg.conninfo.conninfo_to_dict(dsn)["dbname"]), name), tmp_path, SAFE)
    demand(run, 0, "left out, since this role may not read it: public.people")


@pytest.mark.parametrize(
    ("text", "exit_code", "said"),
    [
        ("", USAGE, "there is no statement in it"),
        ("-- nothing\n/* ; */ ;;", USAGE, "there is no statement in it"),
        ("select 1;\n\\i other.sql\n", COULD_NOT_TELL, "line 2 of the migration is a command of psql, \\i"),
        ("copy chatbots from stdin;\n1\n\\.\n", COULD_NOT_TELL, "line 1 of the migration is a COPY FROM stdin"),
        ("\\i other.sql\n", COULD_NOT_TELL, "line 1 of the migration is a command of psql, \\i"),
        ("copy chatbots from stdin", COULD_NOT_TELL, "line 1 of the migration is a COPY FROM stdin"),
    ],
)
def test_file_that_cannot_be_run(tmp_path: Path, text: str, exit_code: int, said: str) -> None:
    """Before anybody is asked for anything: this address leads nowhere."""
    demand(rehearse("postgresql://u:c4n4ry@127.0.0.1:1/db", tmp_path, text), exit_code, said)


def test_file_that_is_not_there_or_no_text(tmp_path: Path) -> None:
    """2, with its name."""
    asked = ("--schema-of", "postgresql://u:c4n4ry@127.0.0.1:1/db", "--migration")
    demand(run_rehearsal(*asked, str(tmp_path / "none.sql")), USAGE, "none.sql: No such file or directory")
    demand(run_rehearsal(*asked, str(tmp_path)), USAGE, "Is a directory")
    (tmp_path / "latin.sql").write_bytes(b"select '\xe9'")
    demand(run_rehearsal(*asked, str(tmp_path / "latin.sql")), USAGE, "latin.sql: it is not UTF-8")


def test_commands_of_psql_that_change_nothing_are_passed_over(postgres: Postgres, tmp_path: Path) -> None:
    """As many files begin."""
    run = rehearse(real_database(postgres), tmp_path, f"\\set ON_ERROR_STOP on\n\\timing on\n{SAFE}")
    demand(run, 0, "8 statements in ")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--schema-of", "postgresql://u:c4n4ry@h/db"], "--schema-of and --migration go together"),
        (["--migration", "m.sql"], "--schema-of and --migration go together"),
        (["--schema-of", "postgresql://h/db", "--migration", "m", "--fault", "answers_200"], "without --fault"),
        (["--schema-of", "postgresql://h/db", "--migration", "m", "--rows", "0"], "must be a number from 1, or all"),
        (["--schema-of", "postgresql://h/db", "--migration", "m", "--rows", "few"], "must be a number from 1, or all"),
    ],
)
def test_options_that_do_not_go_together(arguments: list[str], said: str) -> None:
    """2, as every mistake on the command line."""
    demand(run_rehearsal(*arguments), USAGE, said)


def test_extension_that_is_only_missing_here_is_no_failure_of_the_migration() -> None:
    """75: the real server has it, this machine has not; and where neither has it, the migration is wrong."""
    server = SimpleNamespace(binaries=SimpleNamespace(has_extension=lambda name: False))
    real = SimpleNamespace(major=15, available=("uuid-ossp",))

    def failure(name: str) -> Failure:
        return Failure(Statement(1, f'create extension "{name}"'), 0.0, "0A000", "is not available", line=1)

    with pytest.raises(CannotRehearse, match="install the contrib package of PostgreSQL 15"):
        demand_own_failure(server, real, failure("uuid-ossp"))  # type: ignore[arg-type]  # all that it looks at
    assert demand_own_failure(server, real, failure("no_such_one")) is None  # type: ignore[arg-type,func-returns-value]


def test_dump_that_is_older_than_the_server_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """With both versions, and what to install; where there is none, that."""
    with pytest.raises(
        CannotRehearse, match=r"the server is PostgreSQL 99, and the newest pg_dump here is of PostgreSQL \d\d"
    ):
        find_dumper(99)
    monkeypatch.setattr(real_schema, "dumper_version", lambda folder: None)
    with pytest.raises(CannotRehearse, match="there is no pg_dump here: install the client programs of PostgreSQL 15"):
        find_dumper(15)


def test_help_says_it() -> None:
    """The options, and the exit codes."""
    done = subprocess.run(
        [sys.executable, "-m", "rehearsal", "--help"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    for word in (
        "--schema-of DSN",
        "--migration FILE",
        "--rows N|all",
        "--table NAME",
        "75 the migration could not be",
    ):
        assert word in " ".join(done.stdout.split())


def test_table_that_cannot_be_made_here(postgres: Postgres, tmp_path: Path) -> None:
    """75: what was missing, as Postgres said it. A function of an extension stands for whatever it may be."""
    dsn = real_database(postgres)
    database = str(psycopg.conninfo.conninfo_to_dict(dsn)["dbname"])
    postgres.run(
        database,
        [
            "create schema parts",
            "create function parts.make() returns text language sql as $$ select 'x'::text $$",
            "alter table chatbots add made text default parts.make()",
            # pg_dump passes over what belongs to an extension, as it does with one that is not to be had here
            (
                "insert into pg_depend select 'pg_proc'::regclass, 'parts.make'::regproc::oid, 0, "
                " 'pg_extension'::regclass, oid, 0, 'e' from pg_extension where extname = 'plpgsql'"
            ),
        ],
    )
    run = rehearse(dsn, tmp_path, PLAIN)
    demand(run, COULD_NOT_TELL, "public.chatbots could not be made on ")
    assert "CREATE TABLE public.chatbots: function parts.make() does not exist" in run.err
