"""What a preflight says of a database, and what the plain migration of examples/migrations does to it."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import psycopg
from pydantic import SecretStr

from harness.configuration.models import Environment, Table
from harness.errors import demanded
from harness.preflight.checkers import causes
from harness.preflight.reading import look
from tests.support.gates import ROOT, run_pytest, write_environments
from tests.support.situations import SITUATIONS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from harness.preflight.checkers import Cause
    from harness.preflight.facts import LockHolders, Preflight
    from rehearsal.servers.postgres import Postgres
    from tests.support.gates import Run
    from tests.support.situations import Situation

OF_A_SUPERUSER = ("create extension", "for all tables", "update pg_index", "disable trigger all")
PLAIN_TABLE = next(situation for situation in SITUATIONS if situation.name == "nothing")
PLAIN = (ROOT / "examples" / "migrations" / "public_token_uuid.sql").read_text(encoding="utf-8")
TABLE_ONLY = PLAIN.replace('create extension if not exists "uuid-ossp";', "").replace(
    "uuid_generate_v4", "gen_random_uuid"
)


@contextmanager
def standing(postgres: Postgres, situation: Situation) -> Iterator[str]:
    """A database with the table of a situation; its name."""
    name = postgres.new_name("situation")
    dsn = postgres.create_database(name)
    try:
        if situation.extension:
            postgres.run(name, [f"create extension {situation.extension}"])
        with psycopg.connect(dsn, autocommit=True) as connection:
            for statement in (situation.base.replace("{type}", situation.type), situation.rows, *situation.ddl):
                if any(words in statement for words in OF_A_SUPERUSER):
                    postgres.run(name, [statement])
                else:
                    connection.execute(statement.encode())
        yield name
    finally:
        postgres.drop_database(name)


def predicted(dsn: str, table: Table | None = None) -> Preflight:
    """What the preflight knows of a database."""
    named = {} if table is None else {"table": table}
    environment = Environment(name="preview", url="http://127.0.0.1:9", database=SecretStr(dsn), **named)  # type: ignore[arg-type]
    return demanded(look(environment, threading.Event())[1])


def states(dsn: str, table: Table | None = None) -> set[str]:
    """The SQLSTATEs that are predicted."""
    return {cause.state for cause in causes(predicted(dsn, table))}


def ends_in(dsn: str, migration: str, *settings: str) -> str:
    """The SQLSTATE that the migration really ends in, "" where it passes; nothing of it stays."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        error = first_error(connection, *settings, migration)
    return "" if error is None else error.sqlstate or ""


def held(dsn: str, stop: threading.Event | None = None) -> LockHolders:
    """Who holds the table of a database; what waits in between waits for `stop`."""
    environment = Environment(name="preview", url="http://127.0.0.1:9", database=SecretStr(dsn))
    return look(environment, stop or threading.Event())[0]


def plain(postgres: Postgres) -> str:
    """The plain migration, without the extension where this server does not have it."""
    if postgres.has_uuid_ossp:
        return PLAIN
    without = PLAIN.replace('create extension if not exists "uuid-ossp";', "")
    return without.replace("uuid_generate_v4", "gen_random_uuid")


def of_the_table(postgres: Postgres, known: Preflight) -> list[Cause]:
    """What is predicted, but for the extension where this server does not have it."""
    found = causes(known)
    return found if postgres.has_uuid_ossp else [cause for cause in found if "uuid-ossp" not in cause.what]


def first_error(connection: psycopg.Connection, *steps: str) -> psycopg.Error | None:
    """What the first of these statements that fails raises, inside a transaction that is rolled back."""
    connection.execute("begin")
    try:
        for step in steps:
            connection.execute(step.encode())
    except psycopg.Error as error:
        return error
    finally:
        connection.execute("rollback")
    return None


def preflight(folder: Path, dsn: str | None, *arguments: str) -> Run:
    """The gate before the migration, on a deployment that nobody serves."""
    file = write_environments(folder / "environments.yaml", {}, preview={"url": "http://127.0.0.1:9", "database": dsn})
    return run_pytest(folder / "report", "--environments", str(file), *(arguments or ("-m", "preflight")))


@contextmanager
def session(dsn: str, statements: list[str], name: str = "a report") -> Iterator[psycopg.Connection[Any]]:
    """Another session that has run these, and still stands there."""
    with psycopg.connect(dsn, autocommit=True, application_name=name) as connection:
        for statement in statements:
            connection.execute(statement.encode())
        yield connection


@contextmanager
def role_of(postgres: Postgres, database: str, *statements: str) -> Iterator[str]:
    """A role that logs in, made with these statements ({role} is its name); its DSN."""
    role = postgres.new_name("role")
    postgres.run(database, [f"create role {role} login", *(text.replace("{role}", role) for text in statements)])
    try:
        yield postgres.dsn(database, role)
    finally:
        postgres.run(database, [f"reassign owned by {role} to app", f"drop owned by {role}", f"drop role {role}"])
