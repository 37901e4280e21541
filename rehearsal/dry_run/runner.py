"""Runs a migration file statement by statement, as `psql -v ON_ERROR_STOP=1` does, and watches what it locks.

Each statement is committed by itself unless the file says BEGIN, so that CREATE INDEX CONCURRENTLY and the file's own
transactions and time-outs are what they would be. A second session looks at pg_locks the whole time.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg.pq import TransactionStatus

from rehearsal.dry_run.real_schema import CannotRehearse
from rehearsal.dry_run.sessions import DATABASE, bounded, by_hand
from rehearsal.dry_run.splitting import Script, Statement
from rehearsal.servers.postgres import Postgres

MIGRATION_BUDGET_S = 3600
LONGEST_NOTICE, MOST_NOTICES = 2000, 1000

COPY_FROM_STDIN = re.compile(r"copy\b.*\bfrom\s+stdin\b", re.IGNORECASE | re.DOTALL)
CREATES_EXTENSION = re.compile(
    r"create\s+extension\s+(?:if\s+not\s+exists\s+)?(?:\"([^\"]+)\"|([a-z_][\w$]*))", re.IGNORECASE
)
RETURNS_ROWS = re.compile(r"\(*\s*(select|with|values|table|show|explain|fetch)\b", re.IGNORECASE)
HARMLESS_COMMANDS = re.compile(
    r"\\(set\s+(ON_ERROR_STOP|VERBOSITY|ECHO|QUIET)\b|echo|timing|pset|x\b|[at]\b|qecho|warn|unset)"
)

READS_TOO = "readers and writers"
# DDL tells by itself what it has locked, at its end: a look from outside may come too late for a short one. INFO is
# sent whatever client_min_messages is.
TELLS = """
create schema rehearsal_only authorization {hand};
grant usage on schema rehearsal_only to public;
create function rehearsal_only.tell() returns event_trigger language plpgsql set search_path = pg_catalog as $$
declare
    held record;
begin
    for held in
        select relation::bigint as oid, mode from pg_locks
        where pid = pg_backend_pid() and locktype = 'relation' and granted and mode <> 'AccessShareLock'
    loop
        raise info 'rehearsal holds % %', held.oid, held.mode;
    end loop;
end
$$;
create event trigger rehearsal_only_tells on ddl_command_end execute function rehearsal_only.tell();
"""
# By the schema's owner: the function is the superuser's, for it runs where CREATE EXTENSION runs as one.
TELLS_NO_MORE = "drop function rehearsal_only.tell() cascade"
TOLD = re.compile(r"rehearsal holds (\d+) (\w+)")
BLOCKING = {  # modes of pg_locks that stop others: whom
    "ShareLock": "writers",
    "ShareRowExclusiveLock": "writers",
    "ExclusiveLock": "writers",
    "AccessExclusiveLock": READS_TOO,
}
WORDS = {
    "ShareLock": "SHARE",
    "ShareRowExclusiveLock": "SHARE ROW EXCLUSIVE",
    "ExclusiveLock": "EXCLUSIVE",
    "AccessExclusiveLock": "ACCESS EXCLUSIVE",
}


@dataclass(frozen=True)
class Ran:
    """A statement that was executed, and how long it took."""

    statement: Statement
    took_s: float


@dataclass(frozen=True)
class Failure:
    """What Postgres said of the statement that failed."""

    statement: Statement
    took_s: float
    sqlstate: str
    message: str
    detail: str = ""
    hint: str = ""
    context: str = ""
    line: int = 0  # where in the file Postgres points to, or where the statement begins


@dataclass(frozen=True)
class Span:
    """From the beginning of the statement that took a lock until it was gone, on the monotonic clock."""

    from_s: float
    to_s: float
    statement: Statement

    @property
    def lasted_s(self) -> float:
        """For how long it was held at most."""
        return self.to_s - self.from_s


@dataclass(frozen=True)
class Held:
    """A lock that stopped others, on a table that was there before."""

    table: str
    mode: str  # as in pg_locks
    spans: tuple[Span, ...]  # each time

    @property
    def at_most_s(self) -> tuple[float, ...]:
        """For how long it was held, each time."""
        return tuple(span.lasted_s for span in self.spans)

    def __str__(self) -> str:
        longest, times = milliseconds(max(self.at_most_s)), len(self.at_most_s)
        held = f"{times} times, at most {longest} at a time" if times > 1 else f"at most {longest}"
        return f"{WORDS[self.mode]} on {self.table}, which stops {BLOCKING[self.mode]}: {held}"


@dataclass
class Course:
    """How a migration went. Lines are those of the file."""

    ran: list[Ran] = field(default_factory=list)
    committed: list[int] = field(default_factory=list)
    pending: list[int] = field(default_factory=list)  # in a transaction that is not committed
    notices: list[str] = field(default_factory=list)
    locks: list[Held] = field(default_factory=list)
    failure: Failure | None = None
    took_s: float = 0.0


def milliseconds(seconds: float) -> str:
    """1.2 ms, 1,234 ms."""
    return f"{seconds * 1000:,.1f} ms" if seconds < 0.1 else f"{seconds * 1000:,.0f} ms"


def demand_runnable(script: Script) -> None:
    """Raises CannotRehearse for what only psql itself can do."""
    for statement in script.statements:
        if COPY_FROM_STDIN.match(statement.text):
            raise CannotRehearse(f"line {statement.line} of the migration is a COPY FROM stdin: use INSERT or a file")
    for command in script.commands:
        if not HARMLESS_COMMANDS.match(command.text):
            raise CannotRehearse(
                f"line {command.line} of the migration is a command of psql, {command.text.split()[0]}:"
                " write into the file what it does"
            )


def created_extensions(script: Script) -> set[str]:
    """The extensions that a file creates."""
    text = "\n".join(statement.text for statement in script.statements)
    return {quoted or plain.lower() for quoted, plain in CREATES_EXTENSION.findall(text)}


def migrate(server: Postgres, script: Script, database: str = DATABASE) -> Course:
    """Runs the file as `app` until its end or its first error, and looks on. Raises CannotRehearse."""
    with by_hand(server, budget_s=2 * MIGRATION_BUDGET_S, database=database) as looking:
        course = run(server, looking, script, database)
    with by_hand(server, database=database) as connection:
        connection.execute(TELLS_NO_MORE.encode())
    return course


def run(server: Postgres, looking: psycopg.Connection[Any], script: Script, database: str) -> Course:
    """The same, with DDL that tells of its locks."""
    course = Course()
    with (
        psycopg.connect(
            server.dsn(database), autocommit=True, application_name="migration", prepare_threshold=None
        ) as connection,
        bounded(server, connection, MIGRATION_BUDGET_S, "the migration"),
        watched(looking, connection.info.backend_pid, course) as watch,
    ):

        def listen(said: psycopg.errors.Diagnostic) -> None:
            told = TOLD.fullmatch((said.message_primary or "")[:LONGEST_NOTICE])
            if told is not None:
                watch.tell(int(told[1]), told[2])
            elif len(course.notices) < MOST_NOTICES:
                course.notices.append(worded(said))

        connection.add_notice_handler(listen)
        began = time.monotonic()
        if script.in_one_transaction:
            connection.execute("begin")
        for statement in script.statements:
            if not step(connection, statement, course, watch):
                break
        else:
            finish(connection, script, course)
        course.took_s = time.monotonic() - began
    return course


def step(connection: psycopg.Connection[Any], statement: Statement, course: Course, watch: Watch) -> bool:
    """Runs one statement; False if it failed."""
    began = watch.begin(statement)
    try:
        execute(connection, statement.text)
    except psycopg.Error as error:
        course.failure = failed(error, statement, time.monotonic() - began)
        return False
    course.ran.append(Ran(statement, time.monotonic() - began))
    course.pending.append(statement.line)
    if connection.info.transaction_status == TransactionStatus.IDLE:
        if re.match(r"rollback\b(?!\s+to\b)|abort\b", statement.text, re.IGNORECASE):
            course.pending.clear()
        course.committed += course.pending
        course.pending.clear()
        watch.end()
    else:
        watch.look()  # what it holds now it holds until its transaction ends
    return True


def execute(connection: psycopg.Connection[Any], text: str) -> None:
    """Executes it. Rows are passed over one by one: there may be more than this process could hold."""
    if not RETURNS_ROWS.match(text):
        connection.execute(text.encode())
        return
    try:
        for _ in connection.cursor().stream(text.encode()):
            pass
    except psycopg.ProgrammingError as error:
        if error.sqlstate is not None:
            raise  # without one it says no more than that there were no rows, as of SELECT INTO


def finish(connection: psycopg.Connection[Any], script: Script, course: Course) -> None:
    """The end of the file: a transaction that is still open there is rolled back, as psql does by leaving."""
    if connection.info.transaction_status == TransactionStatus.IDLE:
        return
    last = script.statements[-1]
    if script.in_one_transaction:
        try:
            connection.execute("commit")
        except psycopg.Error as error:
            course.failure = failed(error, Statement(last.line, "commit"), 0.0)
        else:
            course.committed += course.pending
            course.pending.clear()
        return
    course.failure = Failure(
        last, 0.0, "none", "the file ends inside of a transaction: nothing of it is kept", line=last.line
    )


def failed(error: psycopg.Error, statement: Statement, took_s: float) -> Failure:
    """The failure of a statement, with the line of the file that Postgres points to."""
    said = error.diag
    position = int(said.statement_position) - 1 if said.statement_position else 0
    return Failure(
        statement,
        took_s,
        error.sqlstate or "none",
        said.message_primary or " ".join(str(error).split()),
        said.message_detail or "",
        said.message_hint or "",
        said.context or "",
        statement.line + statement.text.count("\n", 0, position),
    )


def worded(said: psycopg.errors.Diagnostic) -> str:
    """A notice or warning, on one line."""
    return f"{said.severity} {said.sqlstate}: {(said.message_primary or '')[:LONGEST_NOTICE]}"


@contextmanager
def watched(connection: psycopg.Connection[Any], process: int, course: Course) -> Iterator[Watch]:
    """Looks at what a backend holds until the block ends, and then notes it."""
    connection.prepare_threshold = None
    watch = Watch(connection, process)
    ended = threading.Event()
    thread = threading.Thread(target=watch.until, args=(ended,), daemon=True)
    thread.start()
    try:
        yield watch
    finally:
        ended.set()
        thread.join()
        watch.look()
        course.locks = watch.locks()


class Watch:
    """What one backend holds on tables that were there at the beginning, from one look to the next."""

    def __init__(self, connection: psycopg.Connection[Any], process: int) -> None:
        self.connection, self.process, self.lock = connection, process, threading.Lock()
        rows = connection.execute(
            "select c.oid, n.nspname || '.' || c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace"
            " where c.relkind in ('r', 'p') and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'"
        )
        self.tables: dict[int, str] = dict(rows.fetchall())
        self.statement_began = time.monotonic()
        self.statement = Statement(1, "")
        self.held: dict[tuple[int, str], tuple[float, Statement]] = {}  # since when at the earliest, and by what
        self.over: dict[tuple[int, str], list[Span]] = {}
        self.told: set[tuple[int, str]] = set()  # what the current statement itself has told of
        self.counts: dict[tuple[int, str], int] = {}  # how often each was over when it began

    def look(self) -> None:
        """Compares what is held now with what was held at the last look."""
        with self.lock:
            began = self.statement_began, self.statement
            try:
                held = self.blocking()
            except psycopg.Error:  # the server has gone, which the migration says
                held = set()
            now = time.monotonic()
            for key in held - set(self.held):
                self.held[key] = began
            for key in set(self.held) - held:
                since, statement = self.held.pop(key)
                self.over.setdefault(key, []).append(Span(since, now, statement))

    def tell(self, relation: int, mode: str) -> None:
        """What DDL tells of itself; of what it could not know nothing is kept."""
        if relation in self.tables and mode in BLOCKING:
            self.told.add((relation, mode))

    def begin(self, statement: Statement) -> float:
        """The next statement begins; returns when."""
        self.look()
        self.told.clear()
        self.counts = {key: len(times) for key, times in self.over.items()}
        self.statement, self.statement_began = statement, time.monotonic()
        return self.statement_began

    def end(self) -> None:
        """A statement has ended, and its transaction with it: what it told of and nobody saw is noted."""
        self.look()
        now = time.monotonic()
        with self.lock:
            for key in self.told:
                if len(self.over.get(key, ())) == self.counts.get(key, 0):
                    self.over.setdefault(key, []).append(Span(self.statement_began, now, self.statement))

    def blocking(self) -> set[tuple[int, str]]:
        """The tables and modes that are held now and stop others."""
        rows = self.connection.execute(
            "select relation, mode from pg_locks where pid = %s and locktype = 'relation' and granted", [self.process]
        )
        return {(relation, mode) for relation, mode in rows if relation in self.tables and mode in BLOCKING}

    def until(self, ended: threading.Event) -> None:
        """Looks again and again, the more seldom the longer it takes: what is seen is exact to about a hundredth."""
        began = time.monotonic()
        while not ended.wait(min(0.02, max(0.0005, (time.monotonic() - began) / 200))):
            self.look()

    def locks(self) -> list[Held]:
        """All that was held, the longest first; of one table nothing that its ACCESS EXCLUSIVE has outlasted."""
        found = [Held(self.tables[oid], mode, tuple(times)) for (oid, mode), times in self.over.items()]
        strongest = {held.table: max(held.at_most_s) for held in found if BLOCKING[held.mode] == READS_TOO}
        told = [
            held
            for held in found
            if BLOCKING[held.mode] == READS_TOO or max(held.at_most_s) > strongest.get(held.table, 0.0)
        ]
        return sorted(told, key=lambda one: -max(one.at_most_s))
