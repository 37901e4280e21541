"""What a rehearsal reads of a real database and what it leaves: two columns, no write, no password, nothing behind."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import psycopg
import pytest

from rehearsal.servers.postgres import SUPERUSER, running
from tests.support.gates import ROOT, clean_environment
from tests.support.migrations import SAFE, command_lines, real_database, rehearse
from tests.support.server_log import LOGS_STATEMENTS, lines_until_now, logged, more_than_reading, outside_of_read_only

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from rehearsal.servers.postgres import Postgres

PATIENCE_S = 60
CANARIES = ("c4n4ry-name", "c4n4ry-mail", "c4n4ry-secret", "c4n4ry-other", "c4n4ry-statistics")
PERSONAL = [
    "update chatbots set name = 'c4n4ry-name ' || id",
    "alter table chatbots add email text not null default 'c4n4ry-statistics', add secret jsonb",
    "update chatbots set email = 'c4n4ry-mail' || id || '@example.com', secret = '{\"key\": \"c4n4ry-secret\"}'",
    "update chatbots set email = 'c4n4ry-statistics' where id < 25",
    "alter table chatbots alter email drop default",
    "create table people (id int primary key, about text)",
    "insert into people values (1, 'c4n4ry-other')",
    "create materialized view copies as select email, name from chatbots",
    "analyze",
]
# Everything that the throwaway server has written, files of tables as well as its log: both copies of the database have
# made it write what it held in memory.
SEARCH = """
import os, pathlib, psycopg
dsn = os.environ["PREVIEW_POSTGRES_URL"]
folder = pathlib.Path(psycopg.conninfo.conninfo_to_dict(dsn)["host"])
with psycopg.connect(dsn) as c:
    token = c.execute("select legacy_token from chatbots_legacy_tokens limit 1").fetchone()[0].encode()
texts = [file.read_bytes() for file in folder.rglob("*") if file.is_file()]
print("token", any(token in text for text in texts), "canary", any(b"c4n4ry" in text for text in texts))
print("environment", [name for name, value in os.environ.items() if "c4n4ry" in value])
"""


@pytest.fixture(scope="module")
def talkative(postgres: Postgres) -> Iterator[Postgres]:
    """A server that logs every statement, with a role that has a password and may read."""
    with running(postgres.binaries, *LOGS_STATEMENTS) as server:
        server.run("postgres", ["create role reader login password 'c4n4ry-password' in role pg_read_all_data"])
        yield server


def test_personal_data_does_not_travel(talkative: Postgres, tmp_path: Path) -> None:
    """No other column is named in a statement that reads rows, and no value of one is anywhere in the throwaway server.

    The same search finds a token, which did travel.
    """
    dsn = real_database(talkative, PERSONAL)
    name = str(psycopg.conninfo.conninfo_to_dict(dsn)["dbname"])
    run = rehearse(talkative.dsn(name, "reader", "c4n4ry-password"), tmp_path, SAFE, "--", sys.executable, "-c", SEARCH)
    assert run.exit_code == 0, run.err
    assert run.out == "token True canary False\nenvironment []\n"
    assert not [canary for canary in (*CANARIES, "c4n4ry-password") if canary in run.err]

    told = logged(talkative, name, "chatbots-rehearsal")
    texts = [each.text.replace("pg_catalog.count(", "count(") for each in told]
    own = [text for text in texts if "pg_catalog" not in text]
    lock = re.compile(r"lock table [\w., ]+ in access share mode")  # by pg_dump, each table or all at once
    rows = [text for text in own if "chatbots" in text and not lock.fullmatch(text)]
    assert sorted(set(rows)) == [
        'copy (select "id", "public_token" from "public"."chatbots") to stdout',
        'select count(*) from "public"."chatbots"',
    ]
    assert not [
        text for text in own if re.search(r"\b(email|secret|about)\b|\*\s+from\s+\"?(public|people|copies)", text)
    ]


def test_nothing_is_written_to_the_source(talkative: Postgres, tmp_path: Path) -> None:
    """Its own log: all that was sent reads, in READ ONLY transactions, and no transaction has had an id."""
    dsn = real_database(talkative, PERSONAL)
    name = str(psycopg.conninfo.conninfo_to_dict(dsn)["dbname"])
    run = rehearse(talkative.dsn(name, "reader", "c4n4ry-password"), tmp_path, SAFE)
    assert run.exit_code == 0, run.err
    told = logged(talkative, name, "chatbots-rehearsal")
    by_dump = {each.session for each in told if "repeatable read, read only" in each.text}
    ours = [each for each in told if each.session not in by_dump]
    assert len(by_dump) == 1
    assert [each for each in told if each.error or each.wrote] == []
    assert len(ours) > 5
    assert outside_of_read_only(ours) == []
    wrong = {text: found for each in ours if (found := more_than_reading(text := each.text))}
    assert {text.split(" (")[0] for text in wrong} <= {"copy"}  # which is COPY .. TO STDOUT, above
    applications = {line[22] for line in lines_until_now(talkative) if line[2] == name}
    assert {each for each in applications if each} >= {"chatbots-rehearsal", "chatbots-rehearsal pg_dump"}


def test_password_is_on_no_command_line(talkative: Postgres, tmp_path: Path) -> None:
    """Neither of the rehearsal itself, once it has begun, nor of pg_dump or of any other that it starts."""
    dsn = real_database(talkative)
    name = str(psycopg.conninfo.conninfo_to_dict(dsn)["dbname"])
    file = tmp_path / "migration.sql"
    file.write_text(SAFE)
    secret = talkative.dsn(name, "reader", "c4n4ry-password")
    arguments = ["--schema-of", secret, "--migration", str(file), "--", sys.executable, "-c", ""]
    with subprocess.Popen(
        [sys.executable, "-m", "rehearsal", *arguments], cwd=ROOT, env=clean_environment(), stderr=subprocess.PIPE
    ) as process:
        assert process.stderr is not None
        assert b"reads from" in process.stderr.readline()  # it has started itself anew
        seen = set()
        while process.poll() is None:
            seen |= command_lines(process.pid)
            time.sleep(0.002)
    assert process.returncode == 0
    assert any("pg_dump" in line for line in seen)
    assert any("--schema-of ${REHEARSAL_SCHEMA_OF}" in line for line in seen)
    assert [line for line in seen if "c4n4ry" in line] == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_in_the_middle_of_the_migration_leaves_nothing(
    postgres: Postgres, tmp_path: Path, number: signal.Signals
) -> None:
    """The throwaway server and its directory are gone, and so is the dump."""
    file = tmp_path / "migration.sql"
    file.write_text("select pg_sleep(600);")
    folder = tmp_path / "temporary"
    folder.mkdir()
    process = subprocess.Popen(
        [sys.executable, "-m", "rehearsal", "--schema-of", real_database(postgres), "--migration", str(file)],
        cwd=ROOT,
        env=clean_environment(TMPDIR="/tmp"),
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stderr is not None
    while "made up" not in process.stderr.readline():
        pass
    until_it_sleeps(process.pid)
    directories = {word for line in command_lines(process.pid) for word in re.findall(r"/\S*/rehearsal-\w{8}", line)}
    assert len(directories) == 1
    os.killpg(process.pid, number)
    assert process.wait(PATIENCE_S) == 128 + number
    assert "Traceback" not in process.stderr.read()
    process.stderr.close()
    give_up = time.monotonic() + PATIENCE_S
    while any(os.path.exists(directory) for directory in directories):  # noqa: PTH110
        assert time.monotonic() < give_up
        time.sleep(0.02)


def until_it_sleeps(pid: int) -> None:
    """Until the migration runs, which its server's process title tells."""
    give_up = time.monotonic() + PATIENCE_S
    while not any("app rehearsed" in line and "SELECT" in line for line in command_lines(pid)):
        assert time.monotonic() < give_up
        time.sleep(0.02)


def test_variable_may_be_named_instead_of_the_address(postgres: Postgres, tmp_path: Path) -> None:
    """'${NAME}' is looked up, so that a shell's history does not hold the password either."""
    dsn = real_database(postgres)
    run = rehearse("${REAL_ONE}", tmp_path, SAFE, REAL_ONE=dsn)
    assert run.exit_code == 0, run.err
    run = rehearse("${REAL_ONE}", tmp_path, SAFE)
    assert run.exit_code == 2
    assert run.err == "rehearsal: --schema-of: the variable REAL_ONE is not set\n"


def test_passwords_in_definitions_stay_where_they_are(postgres: Postgres, tmp_path: Path) -> None:
    """User mappings and foreign servers are not made again: the copy cannot reach another server."""
    if not postgres.binaries.has_extension("postgres_fdw"):
        pytest.skip("this PostgreSQL has no postgres_fdw")
    foreign = [
        "create extension postgres_fdw",
        "create server other foreign data wrapper postgres_fdw options (host 'db.example.com')",
        "create user mapping for public server other options (user 'u', password 'c4n4ry-mapping')",
        "create foreign table far (id int) server other",
    ]
    code = (
        "import os, psycopg\n"
        "with psycopg.connect(os.environ['PREVIEW_POSTGRES_URL']) as c:\n"
        "    servers = c.execute('select count(*) from pg_foreign_server').fetchone()\n"
        "    print(*servers, *c.execute('select count(*) from pg_user_mappings').fetchone())"
    )
    dsn = real_database(postgres, foreign, SUPERUSER)
    name = str(psycopg.conninfo.conninfo_to_dict(dsn)["dbname"])
    run = rehearse(postgres.dsn(name, SUPERUSER), tmp_path, SAFE, "--", sys.executable, "-c", code)
    assert run.exit_code == 0, run.err
    assert run.out == "0 0\n"
    assert "c4n4ry" not in run.err
