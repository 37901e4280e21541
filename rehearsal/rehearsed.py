"""`--schema-of DSN --migration FILE`: the real table's definition and tokens, the migration, and the app on the result.

What is said on the way goes to standard error: what is read before it is read, how the migration went, what failed.
"""

from __future__ import annotations

import os
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from rehearsal.deployment import deployed_copy
from rehearsal.fakes import load, stand_in
from rehearsal.migration import Course, Failure, created_extensions, demand_runnable, migrate, milliseconds
from rehearsal.plan import Plan, Stored
from rehearsal.postgres import SUPERUSER, TO_BE_DEMOTED, Postgres, running
from rehearsal.real_schema import (
    CannotRehearse,
    Misused,
    Real,
    Wanted,
    choose_server,
    demand_url,
    dump,
    find_dumper,
    look_at,
    make_roles,
    quoted,
    reading,
    restore,
)
from rehearsal.sample import tokens_of
from rehearsal.squawk import squawked
from rehearsal.statements import Script, split

DATABASE = "rehearsed"
DISK_FROM_ROWS = 500_000  # more rows than this are not kept in memory
LOOK_TIMEOUT_S, READ_TIMEOUT_S = 60, 900
LONGEST_STATEMENT_LINES, MOST_STATEMENTS = 12, 40
UUID = r"^(([0-9a-f]{4}-?){7}[0-9a-f]{4}|\{([0-9a-f]{4}-?){7}[0-9a-f]{4}\})$"  # what uuid_in of Postgres takes

REMEDIES = {
    "22P02": "decide what becomes of tokens that are no UUID: a new uuid column, or a new token where the cast fails",
    "23502": "fill the NULLs before NOT NULL is set",
    "23505": "decide who keeps the token: old tokens that are one UUID in two spellings become one value",
    "0A000": "drop what depends on the column before, and make it again afterwards, in the same transaction",
    "2BP01": "drop what depends on it before, and make it again afterwards, in the same transaction",
    "42804": "change the columns on both ends of the foreign key, in the same transaction, with the key dropped",
    "42883": "drop the check, index or default that takes the column for text before, and make another one for uuid",
    "42501": "it ran as the owner of the table, who is no superuser: who will run it for real?",
    "42601": "mend the syntax",
    "55P03": "its own lock_timeout ended it: it waits for itself, or asks for less than it needs",
    "57014": "its own statement_timeout ended it, on a table that may be smaller than the real one",
    "25001": "this statement cannot be inside of a transaction: take it out of BEGIN .. COMMIT",
    "42P01": "is it written for another schema, or has it been run already?",
    "42703": "is it written for another schema, or has it been run already?",
    "23503": "parents of foreign keys are not copied: what refers to them cannot be tried here",
}


@dataclass(frozen=True)
class Request:
    """What the command line asks for."""

    dsn: str
    file: Path
    rows: int | None  # None: all
    table: Wanted
    kind: str | None  # of Postgres, as in find_binaries
    revision: str


class MigrationFailed(Exception):
    """The migration is wrong. All there is to say has been said."""


@contextmanager
def migrated(request: Request) -> Iterator[dict[str, str]]:
    """The variables of two deployments of the reference app on the migrated table, for the time of the block.

    Raises Misused, CannotRehearse, MigrationFailed, and NoPostgres.
    """
    demand_url(request.dsn)
    script = read(request.file)
    with reading(request.dsn, LOOK_TIMEOUT_S) as connection:
        real = look_at(connection, request.dsn, request.table)
    rows = real.rows if request.rows is None else min(request.rows, real.rows)
    dumper = find_dumper(real.major)
    say_what_is_read(real, rows, request.rows)
    if rows > DISK_FROM_ROWS:
        os.environ.setdefault("TMPDIR", tempfile.gettempdir())  # where it is set, the server is not kept in memory
    with running(choose_server(real, created_extensions(script), request.kind), TO_BE_DEMOTED) as server:
        say(f"{server.binaries}" + ("" if server_is_alike(server, real) else f", while the real one is {real.version}"))
        with tempfile.TemporaryDirectory(prefix="rehearsal-") as folder:
            file = Path(folder) / "definitions.dump"
            dump(dumper, request.dsn, real, file)
            make_roles(server, real, words_of(script))
            for line in restore(dumper, file, server, DATABASE, real):
                say(f"  not made here: {line}")
        stored = fill(request, server, real)
        say_what_is_run(script)
        settings = settings_of(real)
        server.run("postgres", [f'alter database "{DATABASE}" set {setting}' for setting in settings])
        course = migrate(server.dsn(DATABASE), server.dsn(DATABASE, SUPERUSER), script)
        say_how_it_went(request, real, course, stored)
        for line in squawked(request.file, real.major, script.in_one_transaction):
            say(f"  note: {line}")
        if course.failure is not None:
            say_what_failed(server, real, course, course.failure, stored)
            raise MigrationFailed
        plan = prepare_app(request, server, real, stored)
        with (
            deployed_copy(server, DATABASE, plan, "preview", settings) as preview,
            deployed_copy(server, DATABASE, plan, "production", settings) as production,
        ):
            yield {
                "PREVIEW_URL": preview.url,
                "PREVIEW_POSTGRES_URL": preview.database,
                "PRODUCTION_URL": production.url,
                "POSTGRES_URL": production.database,
            }


def say(line: str) -> None:
    """One line to whoever rehearses."""
    print(f"rehearsal: {line}", file=sys.stderr, flush=True)


def read(file: Path) -> Script:
    """The statements of the file. Raises Misused where there are none, CannotRehearse where psql is needed."""
    try:
        text = file.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise Misused(f"--migration {file}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise Misused(f"--migration {file}: it is not UTF-8") from None
    if "\0" in text:
        raise Misused(f"--migration {file}: it holds a NUL character")
    script = split(text)
    if not script.statements:
        raise Misused(f"--migration {file}: there is no statement in it")
    demand_runnable(script)
    return script


def words_of(script: Script) -> set[str]:
    """Every name that stands in the statements."""
    text = "\n".join(statement.text for statement in script.statements)
    return {word.strip('"') for word in re.findall(r'"[^"]+"|[A-Za-z_][\w$]*', text)}


def server_is_alike(server: Postgres, real: Real) -> bool:
    """True if both are of one major version."""
    return server.binaries.version_numbers[0] == real.major


def say_what_is_read(real: Real, rows: int, asked: int | None) -> None:
    """Before any of it is read."""
    about = "about " if real.rows_are_estimated else ""
    which = f"all {about}{rows:,}" if rows == real.rows else f"a sample of {rows:,} of {about}{real.rows:,}"
    say(f"reads from {real.place} (PostgreSQL {real.version}), in READ ONLY transactions:")
    say("  all definitions of that database (pg_dump --schema-only), but for subscriptions and user mappings")
    say(f"  columns {real.id} and {real.token} of {which} rows of {real}; no other column, no other table's rows")
    if rows < real.rows:
        say("  half of a sample are tokens that are no UUID, as far as there are; duplicates show in --rows all only")
    if real.unreadable:
        left = ", ".join(f"{schema}.{name}" for schema, name in real.unreadable[:5])
        more = f" and {len(real.unreadable) - 5} more" if len(real.unreadable) > 5 else ""
        say(f"  left out, since this role may not read it: {left}{more}")


def say_what_is_run(script: Script) -> None:
    """Where it is not just the file from its first line to its last."""
    if script.in_one_transaction:
        say("  in one transaction, as the tool does whose marks the file carries")
    if script.down_from_line is not None:
        say(f"  from line {script.down_from_line} on the file takes the migration back: it is not run")


def settings_of(real: Real) -> list[str]:
    """What follows ALTER DATABASE .. SET, for a session that feels like one of the real database."""
    path = real.settings["search_path"] or quoted(real.schema)
    times = [f"{name} = '{real.settings[name]}ms'" for name in ("lock_timeout", "statement_timeout")]
    return [f"search_path = {path}", *times]


def fill(request: Request, server: Postgres, real: Real) -> int:
    """Copies the tokens into the throwaway table; returns how many rows it has."""
    with (
        psycopg.connect(server.dsn(DATABASE, SUPERUSER), autocommit=True) as into,
        reading(request.dsn, READ_TIMEOUT_S) as source,
    ):
        path = settings_of(real)[0]
        into.execute(f"set {path}".encode())
        stored, notes = load(into, real, tokens_of(source, real, request.rows), real.rows)
    for note in notes:
        say(f"  {note}")
    return stored


def say_how_it_went(request: Request, real: Real, course: Course, stored: int) -> None:
    """Times, locks, and what Postgres remarked."""
    share = (
        "all" if stored >= real.rows else f"{stored:,} of {'about ' if real.rows_are_estimated else ''}{real.rows:,}"
    )
    statements = f"{len(course.ran)} statement" + ("" if len(course.ran) == 1 else "s")
    say(f"{request.file}: {statements} in {milliseconds(course.took_s)}, on {share} rows")
    longest = sorted(course.ran, key=lambda ran: -ran.took_s)[:MOST_STATEMENTS]
    for ran in [ran for ran in course.ran if ran in longest]:
        say(f"  line {ran.statement.line:>4}  {milliseconds(ran.took_s):>12}  {first_words(ran.statement.text)}")
    if len(course.ran) > MOST_STATEMENTS:
        say(f"  (the longest {MOST_STATEMENTS} of {len(course.ran)})")
    for held in [str(lock) for lock in course.locks] or ["none that stops others was seen"]:
        say(f"  lock: {held}")
    say("  (as pg_locks showed it to another session and to DDL itself; from the start of the statement that took it)")
    for notice in dict.fromkeys(course.notices[:20]):
        say(f"  said by Postgres: {notice}")
    say(
        f"  the real table has {real.size_bytes / 1e6:,.1f} MB with its indexes, wider rows, other sessions and a disk:"
        " what rewrites or scans it takes longer there"
    )


def first_words(text: str) -> str:
    """The beginning of a statement, on one line."""
    line = " ".join(text.split())
    return line if len(line) <= 80 else f"{line[:77]}..."


def say_what_failed(server: Postgres, real: Real, course: Course, failure: Failure, stored: int) -> None:
    """SQLSTATE, statement, rows, what stands now, remedy. Raises CannotRehearse where this machine is to blame."""
    demand_own_failure(server, real, failure)
    lines = failure.statement.text.splitlines()
    shown = [*lines[:LONGEST_STATEMENT_LINES], *(["..."] if len(lines) > LONGEST_STATEMENT_LINES else [])]
    say(
        f"THE MIGRATION FAILS at line {failure.line}, after {milliseconds(failure.took_s)}: SQLSTATE {failure.sqlstate}"
    )
    say(f"  have: {failure.message}")
    for name in ("detail", "hint", "context"):
        if told := getattr(failure, name):
            say(f"  {name}: {' '.join(told.split())}")
    for number, line in enumerate(shown, failure.statement.line):
        say(f"  {number:>4} | {line}")
    with psycopg.connect(server.dsn(DATABASE, SUPERUSER), autocommit=True) as connection:
        for line in rows_concerned(connection, real, failure, stored):
            say(f"  rows: {line}")
        say(f"  changed: {what_stands(connection, course)}")
    if remedy := REMEDIES.get(failure.sqlstate):
        say(f"  remedy: {remedy}")


def demand_own_failure(server: Postgres, real: Real, failure: Failure) -> None:
    """Raises CannotRehearse where the real server has an extension that is only missing here."""
    for name in created_extensions(Script((failure.statement,))):
        if (
            failure.sqlstate in ("0A000", "58P01")
            and not server.binaries.has_extension(name)
            and name in real.available
        ):
            raise CannotRehearse(
                f"line {failure.line} creates the extension {name}, which the real server has and {server.binaries}"
                f" here has not: install the contrib package of PostgreSQL {real.major}"
            )


def rows_concerned(connection: psycopg.Connection[Any], real: Real, failure: Failure, stored: int) -> list[str]:
    """What of the stored tokens an error of class 22 (data) or 23 (integrity) may be about."""
    token = sql.SQL("{}::text").format(sql.Identifier(real.token))
    names = {"table": real.identifier, "token": token, "uuid": sql.Literal(UUID)}
    wrong = {
        "22": [("are no UUID", "{token} !~* {uuid}")],
        "23502": [("are NULL", "{token} is null")],
        "23505": [
            (
                "are one value in several rows, case aside",
                "lower({token}) in (select lower({token}) from {table} group by 1 having count(*) > 1)",
            )
        ],
    }
    told = []
    for what, condition in wrong.get(failure.sqlstate, wrong.get(failure.sqlstate[:2], [])):
        query = "select count(*), (array_agg({token} order by {token}))[:5] from {table} where " + condition
        try:
            row = connection.execute(sql.SQL(query).format(**names)).fetchone()
        except psycopg.Error:
            continue  # the migration has done away with the column
        if row and row[0]:
            examples = ", ".join(ascii(example) for example in row[1] if example is not None)
            told.append(
                f"{row[0]:,} of the {stored:,} tokens here {what}" + (f", such as {examples}" if examples else "")
            )
    return told


def what_stands(connection: psycopg.Connection[Any], course: Course) -> str:
    """What of a migration that failed is there to stay."""
    stays = f"what stands in line{'s'[: len(course.committed) - 1]} {', '.join(map(str, course.committed))} stays"
    told = [stays if course.committed else "nothing"]
    if course.pending:
        told.append(f"rolled back: line{'s'[: len(course.pending) - 1]} {', '.join(map(str, course.pending))}")
    invalid = connection.execute("select indexrelid::regclass::text from pg_index where not indisvalid").fetchall()
    if invalid:
        told.append(f"an invalid index is left: {', '.join(name for (name,) in invalid)}")
    return "; ".join(told)


def prepare_app(request: Request, server: Postgres, real: Real, stored: int) -> Plan:
    """Readies the migrated database for an app that knows nothing but the label. Raises MigrationFailed."""
    with psycopg.connect(server.dsn(DATABASE, SUPERUSER), autocommit=True) as connection:
        have = connection.execute(
            "select array_agg(attname) from pg_attribute where attrelid = to_regclass(%s) and not attisdropped",
            [f"{quoted(real.schema)}.{quoted(real.name)}"],
        ).fetchone()
        missing = {real.id, real.label, real.token} - set((have and have[0]) or [])
        if missing:
            say(f"THE MIGRATION FAILS: after it {real} has no {', '.join(sorted(missing))}")
            raise MigrationFailed
        for note in stand_in(connection, real, stored):
            say(f"  {note}")
    table, id_, label, token = (
        part.replace("%", "%%")
        for part in (f"{quoted(real.schema)}.{quoted(real.name)}", *map(quoted, (real.id, real.label, real.token)))
    )
    return Plan(
        insert_sql=f"insert into {table} ({label}) values (%(name)s) returning {id_}, {token}",
        delete_sql=f"delete from {table} where {id_} = %(id)s",
        autocommit=True,
        answer=answer,
        revision=request.revision,
    )


def answer(stored: Stored) -> dict[str, Any]:
    """The JSON of a 201, whatever the types of id and token are."""
    return {
        "id": stored.id if isinstance(stored.id, int) else str(stored.id),
        "name": stored.name,
        "public_token": None if stored.public_token is None else str(stored.public_token),
        "require_auth": stored.require_auth,
    }
