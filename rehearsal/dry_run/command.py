"""`--schema-of DSN --migration FILE`: the real table's definition and tokens, the migration, and the app on the result.

What is said on the way goes to standard error: what is read before it is read, how the migration went, what failed.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg

from rehearsal.deployment.plan import Plan
from rehearsal.deployment.start import deployed_copy
from rehearsal.dry_run.made_up_rows import load, stand_in
from rehearsal.dry_run.masking import without_tokens, without_values
from rehearsal.dry_run.real_schema import (
    CannotRehearse,
    Dumper,
    Misused,
    Real,
    Wanted,
    choose_server,
    demand_url,
    dump,
    find_dumper,
    look_at,
    quoted,
    reading,
)
from rehearsal.dry_run.reference_app import new_code
from rehearsal.dry_run.relatives import Relatives, demand_all, relatives_of
from rehearsal.dry_run.report import (
    Report,
    say,
    say_how_it_went,
    say_what_confines,
    say_what_failed,
    say_what_is_read,
    say_what_is_run,
)
from rehearsal.dry_run.restoring import restore
from rehearsal.dry_run.rights import Rights, inherit, make_roles, owner_here, remarks, reproduce, rights_of
from rehearsal.dry_run.runner import Failure, created_extensions, demand_runnable, migrate
from rehearsal.dry_run.sample import tokens_of
from rehearsal.dry_run.sessions import DATABASE, by_hand
from rehearsal.dry_run.splitting import Script, split
from rehearsal.dry_run.squawk import squawked
from rehearsal.dry_run.traffic import copy_for_traffic, meet
from rehearsal.servers.binaries import NoPostgres
from rehearsal.servers.postgres import Postgres, confined

EXTENSION = re.compile(r"\bextension\s+(?:if\s+(?:not\s+)?exists\s+)?(?:\"([^\"]+)\"|([a-z_][\w$]*))", re.IGNORECASE)
# What no role lets its members do but the owner, or one that the owner has granted it to: it is refused for real too.
OF_AN_OWNER = re.compile(
    r"must be owner of (?!extension)|permission denied for (table|schema|database|sequence|type|view)"
)
DISK_FROM_ROWS = 500_000  # more rows than this are not kept in memory
LOOK_TIMEOUT_S, READ_TIMEOUT_S = 60, 900


@dataclass(frozen=True)
class Request:
    """What the command line asks for."""

    dsn: str
    file: Path
    rows: int | None  # None: all
    table: Wanted
    kind: str | None  # of Postgres, as in find_binaries
    revision: str
    report: Path | None = None  # where the JSON goes
    traffic: int | None = None  # POSTs a second while the migration runs once more


@dataclass(frozen=True)
class Source:
    """What the catalog says: of the table, of the role that migrates, of what has to be in the copy."""

    real: Real
    rights: Rights
    relatives: Relatives


class MigrationFailed(Exception):
    """The migration is wrong. All there is to say has been said."""


@contextmanager
def migrated(request: Request) -> Iterator[dict[str, str]]:
    """The variables of two deployments of the reference app on the migrated table, for the time of the block.

    Raises Misused, CannotRehearse, MigrationFailed, and NoPostgres.
    """
    report = Report()
    if request.report is not None:
        demand_writable(request.report)
    with ExitStack() as stack:
        try:
            variables = prepare(request, report, stack)
            report.outcome = "passed"
        except MigrationFailed:
            report.outcome = "failed"
            raise
        except (Misused, CannotRehearse, NoPostgres) as error:
            report.error = str(error)
            raise
        finally:
            if request.report is not None:
                report.write(request.report)
        yield variables


@contextmanager
def explained(server: Postgres) -> Iterator[None]:
    """Raises CannotRehearse for an error of the throwaway server that nothing else has made sense of."""
    try:
        yield
    except (psycopg.Error, CannotRehearse) as error:
        if spent := server.spent():
            raise CannotRehearse(
                f"the throwaway server was ended: {spent}: free some space, or try the migration on a restored backup"
            ) from None
        if isinstance(error, CannotRehearse):
            raise
        said = without_values(error.diag.message_primary or " ".join(str(error).split()), error.sqlstate or "")
        raise CannotRehearse(
            f"the throwaway server refuses what the rehearsal needs: {error.sqlstate or 'no SQLSTATE'} {said}:"
            " something in the definitions or in the migration keeps the owner from reading or changing the table;"
            " try it on a restored backup"
        ) from None


def demand_writable(report: Path) -> None:
    """Raises Misused where the report could not be written, before anything is read."""
    try:
        os.close(os.open(report, os.O_WRONLY | os.O_CREAT, 0o600))
    except OSError as error:
        raise Misused(f"--report {report}: {error.strerror}") from None


def prepare(request: Request, report: Report, stack: ExitStack) -> dict[str, str]:
    """Everything until the reference app serves; what has to be ended is put on the stack."""
    demand_url(request.dsn)
    script = read(request.file)
    with reading(request.dsn, LOOK_TIMEOUT_S) as connection:
        real = look_at(connection, request.dsn, request.table)
        source = Source(real, rights_of(connection, real), relatives_of(connection, real))
    rows = real.rows if request.rows is None else min(request.rows, real.rows)
    dumper = find_dumper(real.major)
    say_what_is_read(report, real, rows)
    for remark in remarks(source.rights):
        report.note(remark)
    if rows > DISK_FROM_ROWS:
        os.environ.setdefault("TMPDIR", tempfile.gettempdir())  # where it is set, the server is not kept in memory
    binaries = choose_server(real, created_extensions(script), request.kind)
    server = stack.enter_context(confined(binaries))
    with explained(server):
        settings, plan = copy_and_migrate(request, report, server, dumper, source, script)
        preview, production = (
            stack.enter_context(deployed_copy(server, DATABASE, plan, name, settings))
            for name in ("preview", "production")
        )
    return {
        "PREVIEW_URL": preview.url,
        "PREVIEW_POSTGRES_URL": preview.database,
        "PRODUCTION_URL": production.url,
        "POSTGRES_URL": production.database,
    }


def copy_and_migrate(
    request: Request, report: Report, server: Postgres, dumper: Dumper, source: Source, script: Script
) -> tuple[dict[str, str], Plan]:
    """Everything on the throwaway server but the copies that are served: their settings, and the app of both."""
    roles = copy_table(request, report, server, dumper, source, words_of(script))
    say_what_is_run(script)
    settings = settings_of(source.rights)
    server.set_for(DATABASE, settings)
    copy = copy_for_traffic(server) if request.traffic else None
    if copy is not None:
        server.set_for(copy.name, settings)
    failed: MigrationFailed | None = None
    try:
        try_it(request, report, server, source, script)
    except MigrationFailed as error:
        failed = error
    with psycopg.connect(server.dsn("postgres", server.superuser), autocommit=True) as connection:
        inherit(connection, source.rights, roles, always=True)  # the reference app knows no SET ROLE
    if copy is not None and request.traffic and (report.failure or {}).get("sqlstate") == "42501":
        report.note(
            "what users would have met was not tried: the migration lacks rights that the app's copy would grant"
        )
    elif copy is not None and request.traffic:
        meet(report, copy, source.real, source.rights, script, request.traffic)
        copy.drop()
    if failed is not None:
        raise failed
    return settings, prepare_app(request, report, server, source)


def copy_table(
    request: Request, report: Report, server: Postgres, dumper: Dumper, source: Source, words: set[str]
) -> set[str]:
    """Makes the real database's definitions again, and fills the table. Returns the roles that `app` may become."""
    real = source.real
    report.server = str(server.binaries)
    alike = server.binaries.version_numbers[0] == real.major
    say(f"{server.binaries}" + ("" if alike else f", while the real one is {real.version}"))
    say_what_confines(report, server.confinement)
    with tempfile.TemporaryDirectory(prefix="rehearsal-") as folder:
        file = Path(folder) / "definitions.dump"
        dump(dumper, request.dsn, real, file)
        roles = make_roles(server, source.rights, real, words)
        for line in restore(dumper, file, server, owner_here(source.rights, roles), real):
            report.note(f"not made here: {line}")
    with by_hand(server) as connection:
        demand_all(real, source.rights.asked, source.relatives, relatives_of(connection, real))
    report.rows = fill(request, report, server, source)
    reproduce(server, source.rights, roles)
    return roles


def try_it(request: Request, report: Report, server: Postgres, source: Source, script: Script) -> None:
    """Runs the migration and says how it went. Raises MigrationFailed, CannotRehearse."""
    real = source.real
    course = migrate(server, script)
    with by_hand(server) as connection:
        course.notices = [without_tokens(connection, real, notice) for notice in course.notices]
    say_how_it_went(report, request.file, real, course, report.rows or 0)
    report.squawk = squawked(request.file, real.major, script.in_one_transaction)
    for line in report.squawk:
        say(f"  note: {line}")
    if course.failure is None:
        return
    demand_own_failure(server, real, course.failure)
    demand_own_rights(source, course.failure)
    with by_hand(server) as connection:
        say_what_failed(report, connection, real, course, course.failure)
    raise MigrationFailed


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
    demand_runnable(script)
    if not script.statements:
        raise Misused(f"--migration {file}: there is no statement in it")
    return script


def words_of(script: Script) -> set[str]:
    """Every name that stands in the statements."""
    text = "\n".join(statement.text for statement in script.statements)
    return {word.strip('"') for word in re.findall(r'"[^"]+"|[A-Za-z_][\w$]*', text)}


def settings_of(rights: Rights) -> dict[str, str]:
    """The settings of the database, for a session that feels like one of the real one."""
    times = {name: rights.settings[name] for name in ("lock_timeout", "statement_timeout")}
    return {**times, "search_path": rights.search_path()}


def fill(request: Request, report: Report, server: Postgres, source: Source) -> int:
    """Copies the tokens into the throwaway table; returns how many rows it has."""
    real = source.real
    with (
        by_hand(server, source.rights.search_path(), READ_TIMEOUT_S, "filling the table") as into,
        reading(request.dsn, READ_TIMEOUT_S) as connection,
    ):
        stored, notes = load(into, real, tokens_of(connection, real, request.rows), real.rows)
    for note in notes:
        report.note(note)
    return stored


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


def demand_own_rights(source: Source, failure: Failure) -> None:
    """Raises CannotRehearse where the migration may for real what nobody may here."""
    rights, told = source.rights, f"line {failure.line}: {failure.message}"
    if failure.sqlstate == "42501" and rights.is_superuser:
        raise CannotRehearse(
            f"{told}: the real role, {rights.role}, is a superuser, and here it is not: try the migration on a"
            " restored backup"
        )
    if failure.sqlstate != "42501" or OF_AN_OWNER.match(failure.message):
        return
    extensions = EXTENSION.findall(failure.statement.text) if "extension" in failure.message else []
    if named := {quoted_name or plain.lower() for quoted_name, plain in extensions} & set(source.real.installed):
        raise CannotRehearse(
            f"{told}: the real database has the extension {', '.join(sorted(named))}, which is made here by a superuser"
            " or not at all: take the statement out, or try the migration on a restored backup"
        )
    if rights.withheld:
        raise CannotRehearse(
            f"{told}: the real role, {rights.role}, may become {', '.join(rights.withheld)}, and here nobody may:"
            " try the migration on a restored backup"
        )


def prepare_app(request: Request, report: Report, server: Postgres, source: Source) -> Plan:
    """Readies the migrated database for an app that knows nothing but the label. Raises MigrationFailed."""
    real = source.real
    with by_hand(server, source.rights.search_path(), what="readying the table for the reference app") as connection:
        have = connection.execute(
            "select array_agg(a.attname) from pg_attribute a join pg_class c on c.oid = a.attrelid"
            " where c.oid = to_regclass(%s) and c.relkind in ('r', 'p') and a.attnum > 0 and not a.attisdropped",
            [f"{quoted(real.schema)}.{quoted(real.name)}"],
        ).fetchone()
        missing = {real.id, real.label, real.token} - set((have and have[0]) or [])
        if missing:
            told = f"after it {real} has no {', '.join(sorted(missing))}"
            say(f"THE MIGRATION FAILS: {told}")
            report.failure = {"message": told}
            raise MigrationFailed
        for note in stand_in(connection, real, report.rows or 0):
            report.note(note)
    return new_code(real, request.revision)
