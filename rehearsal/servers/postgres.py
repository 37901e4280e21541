"""One throwaway Postgres.

    with embedded_postgres() as server:
        dsn = server.create_database("preview", template="chatbots_new")

It listens on a Unix socket in a temporary directory of its own, so that any number can run side by side, and it is gone
with its directory when the block or this process ends, however it ends (see `guard.py`).

Roles: `postgres` (superuser), `app` (owns the databases; what deployments publish), `verifier` (has no rights but what
a fault or variant grants it) and `locked_out` (needs a password, for trying a wrong one). Roles of the names that
docs/database-roles.md makes need their passwords too.
"""

from __future__ import annotations

import json
import os
import pwd
import secrets
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from rehearsal.servers.binaries import Binaries, NoPostgres, find_binaries
from rehearsal.servers.guard import SPENT, Order, Program

if TYPE_CHECKING:
    import psycopg

SUPERUSER, OWNER, VERIFIER, LOCKED_OUT = "postgres", "app", "verifier", "locked_out"

SETTINGS = [
    "listen_addresses=",
    "port=5432",
    "max_connections=300",
    "shared_buffers=64MB",
    "fsync=off",
    "synchronous_commit=off",
    "full_page_writes=off",
    "wal_level=minimal",
    "max_wal_senders=0",
    "max_wal_size=256MB",  # the directory may be in memory
    # A vacuum in the middle of a run would move the row counters that are looked at, and hold a template database.
    "autovacuum=off",
    "jit=off",
]

# Statements of all databases share the places: of many rehearsals on one server none may lose its own.
COUNTS_STATEMENTS = ["shared_preload_libraries=pg_stat_statements", "pg_stat_statements.max=50000"]

# A server that runs what others have written. Shared memory of /dev/shm would be shared with everybody's.
CONFINED = [
    "wal_level=replica",
    "dynamic_shared_memory_type=mmap",
    "temp_file_limit=1GB",  # of one session
    "max_parallel_workers_per_gather=0",
]

MOST_SPACE = 0.5  # of what is free, which may be memory

TO_BE_DEMOTED = "wal_level=replica"  # a server that was less talkative cannot be read while it is in recovery

# All that the guard gets of our environment: no secret.
KEPT = ("PATH", "TMPDIR", "TEMP", "TMP", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")

PG_HBA = f"""\
local all {LOCKED_OUT},smoke_reader,smoke scram-sha-256
local all all trust
"""

# There the superuser has a name and a password that nobody else knows: no role of a real database has that name.
PG_HBA_CONFINED = """\
local all {superuser} scram-sha-256
local all all trust
"""
HIDES = [  # run by the superuser as initdb has made it, whom no ALTER ROLE could rename: it is the session's
    "set password_encryption = 'scram-sha-256'",
    f"alter role {SUPERUSER} password '{{password}}'",
    "update pg_authid set rolname = '{superuser}' where oid = 10",
    "revoke connect on database postgres, template1 from public",
    f"create role {OWNER} login",
]
# Over what a database sets for every session in it, a superuser's included.
PINNED = "-c search_path=pg_catalog"


@dataclass
class Postgres:
    """A running server."""

    directory: Path
    binaries: Binaries
    superuser: str = SUPERUSER
    password: str | None = None  # the superuser's, where it needs one
    confinement: dict[str, str] = field(default_factory=dict)  # by what the kernel keeps it from `network` and `files`
    lock: threading.Lock = field(default_factory=threading.Lock)
    count: int = 0
    session: psycopg.Connection[Any] | None = None  # of the superuser, for `administer`; under lock
    template_lock: threading.Lock = field(default_factory=threading.Lock)
    templates: set[str] = field(default_factory=set)  # the migrated ones; under template_lock
    demote: Callable[[], None] = lambda: None  # start it again as a standby that follows nobody: needs TO_BE_DEMOTED

    @property
    def has_uuid_ossp(self) -> bool:
        """True if migrations can use the extension uuid-ossp here."""
        return self.binaries.has_uuid_ossp

    @property
    def counts_statements(self) -> bool:
        """True if a database here can have the extension pg_stat_statements."""
        return self.binaries.counts_statements

    def dsn(self, database: str, role: str = OWNER, password: str | None = None) -> str:
        """The address of a database for a role. The port is named because PGPORT would change it otherwise."""
        login, pinned = quote(role, safe=""), ""
        if role == self.superuser and self.password is not None:
            password, pinned = password or self.password, f"&options={quote(PINNED)}"
        if password is not None:
            login += f":{quote(password, safe='')}"
        return f"postgresql://{login}@/{database}?host={quote(str(self.directory), safe='')}&port=5432{pinned}"

    def spent(self) -> str | None:
        """Why the server was ended before its time; None where it was not."""
        try:
            return (self.directory / SPENT).read_text()
        except OSError:
            return None

    def run(self, database: str, statements: Iterable[str], role: str | None = None) -> None:
        """Runs statements one by one, each committed by itself, as the superuser where no role is named.

        A statement may be a whole script of several.
        """
        import psycopg

        with psycopg.connect(self.dsn(database, role or self.superuser), autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement.encode())

    def create_database(self, name: str, template: str | None = None) -> str:
        """Creates a database that the role `app` owns, as a copy of `template` where one is named; returns its DSN."""
        copied = f' template "{template}"' if template else ""
        if self.binaries.version_numbers >= (15,):  # elsewhere the only way: not to write the copy twice, as WAL too
            copied += " strategy file_copy"
        self.administer(f'create database "{name}" owner {OWNER}{copied}')
        return self.dsn(name)

    def set_for(self, database: str, settings: Mapping[str, str]) -> None:
        """Sets what holds for every session in a database. A value is no part of a statement, whatever it may be."""
        import psycopg
        from psycopg import sql

        with psycopg.connect(self.dsn("postgres", self.superuser), autocommit=True) as connection:
            for name, value in settings.items():
                its = sql.SQL("alter database {} set {}").format(sql.Identifier(database), sql.Identifier(name))
                if name != "search_path":
                    connection.execute(its + sql.SQL(" = {}").format(sql.Literal(value)))
                    continue
                connection.execute("select pg_catalog.set_config(%s, %s, false)", [name, value])  # a list, not one name
                connection.execute(its + sql.SQL(" from current"))
                connection.execute("reset search_path")

    def drop_database(self, name: str) -> None:
        """Removes a database and ends its sessions. It is no error if it does not exist."""
        self.administer(f'drop database if exists "{name}" with (force)')

    def administer(self, statement: str) -> None:
        """Runs a statement on databases, on a session that stays: beginning one takes half as long as a copy does.

        One after another: two copies of one template at the same time may meet each other's session there.
        """
        import psycopg

        with self.lock:
            if self.session is not None and not self._goes_on(self.session):
                self.session = None
            if self.session is None:
                self.session = psycopg.connect(self.dsn("postgres", self.superuser), autocommit=True)
            try:
                self.session.execute(statement.encode())
            except BaseException:  # a signal may have left it in the middle of the statement
                self.session.close()
                raise

    @staticmethod
    def _goes_on(session: psycopg.Connection[Any]) -> bool:
        """Whether a session is still there: the server may have started again meanwhile."""
        import psycopg

        try:
            session.execute("")
        except psycopg.OperationalError:
            session.close()
            return False
        return True

    def close(self) -> None:
        """Ends that session."""
        with self.lock:
            if self.session is not None:
                self.session.close()

    def new_name(self, stem: str) -> str:
        """A database name that this server has not used yet."""
        with self.lock:
            self.count += 1
            return f"{stem}_{self.count}"


@contextmanager
def embedded_postgres(kind: str | None = None) -> Iterator[Postgres]:
    """A Postgres for the time of the block. `kind` as in `find_binaries`. Raises NoPostgres where none can be had."""
    with running(find_binaries(kind)) as server:
        yield server


@contextmanager
def running(binaries: Binaries, *settings: str) -> Iterator[Postgres]:
    """A Postgres of this installation for the time of the block. Raises NoPostgres if it does not start."""
    order = order_for(binaries)
    order["settings"] = [*order["settings"], *settings]
    with guarded(order, str(binaries)) as (answer, demote):
        server = Postgres(Path(answer["directory"]), binaries, demote=demote)
        server.run(
            "postgres",
            [
                f"create role {OWNER} login",
                f"create role {VERIFIER} login",
                f"create role {LOCKED_OUT} login password 'known to nobody'",
            ],
        )
        try:
            yield server
        finally:
            server.close()


@contextmanager
def confined(binaries: Binaries) -> Iterator[Postgres]:
    """A Postgres that runs what others have written, for the time of the block. Raises NoPostgres.

    Its superuser has no business in a database of theirs. Beside it there is only the role `app`.
    """
    order = order_for(binaries)
    superuser, password = f"rehearsal_{secrets.token_hex(8)}", secrets.token_hex(16)
    order["settings"] = [*order["settings"], *CONFINED]
    order["pg_hba"] = PG_HBA_CONFINED.format(superuser=superuser)
    order["confined"] = True
    with guarded(order, str(binaries)) as (answer, _):
        kept = {what: answer.get(what, "") for what in ("network", "files")}
        server = Postgres(Path(answer["directory"]), binaries, confinement=kept)
        server.run("postgres", [statement.format(superuser=superuser, password=password) for statement in HIDES])
        server.superuser, server.password = superuser, password
        try:
            yield server
        finally:
            server.close()


@contextmanager
def guarded(order: Order, what: str) -> Iterator[tuple[dict[str, str], Callable[[], None]]]:
    """What was ordered, for the time of the block: what its guard says of it, and how it is demoted.

    Raises NoPostgres, also in the demotion, if it does not start.
    """
    guard = subprocess.Popen(
        [sys.executable, "-I", "-S", str(Path(__file__).with_name("guard.py"))],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
        env={name: os.environ[name] for name in KEPT if name in os.environ},
    )
    assert guard.stdin is not None
    assert guard.stdout is not None
    with guard:
        try:
            answer = ask(guard, json.dumps(order), what)

            def demote() -> None:
                ask(guard, "", what)

            yield answer, demote
        finally:
            guard.stdin.close()
            guard.wait()


def ask(guard: subprocess.Popen[bytes], line: str, what: str) -> dict[str, str]:
    """Sends a line to a guard and returns its answer. Raises NoPostgres if that is an error."""
    assert guard.stdin is not None
    assert guard.stdout is not None
    guard.stdin.write(line.encode() + b"\n")
    guard.stdin.flush()
    answer: dict[str, str] = json.loads(guard.stdout.readline() or b'{"error": "its guard ended at once"}')
    if "error" in answer:
        raise NoPostgres(f"{what} did not start: {answer['error']}")
    return answer


def order_for(binaries: Binaries) -> Order:
    """What the guard has to start. Postgres refuses to run as root, so that root lends it another user."""
    settings = [*SETTINGS, *COUNTS_STATEMENTS] if binaries.counts_statements else SETTINGS
    order = Order(
        binaries=str(binaries.folder),
        copy=False,
        uid=None,
        gid=None,
        cluster=cluster_for(binaries),
        settings=settings,
        pg_hba=PG_HBA,
        confined=False,
        most_space=MOST_SPACE,
        program=None,
    )
    if os.geteuid() != 0:
        return order
    user = unprivileged_user()
    order["uid"], order["gid"] = user.pw_uid, user.pw_gid
    order["copy"] = not can_run(binaries.folder / "postgres", user)
    return order


def cluster_for(binaries: Binaries) -> str | None:
    """The data directory in `INITDB_TEMPLATE`, if it is of this version; PostgreSQL's own tests use that variable too.

    All its copies have one system identifier: servers whose databases are to be told apart must not share it.
    """
    cluster = os.environ.get("INITDB_TEMPLATE")
    if not cluster or not Path(cluster, "PG_VERSION").exists():
        return None
    version = Path(cluster, "PG_VERSION").read_text().strip()
    return cluster if version == str(binaries.version_numbers[0]) else None


def order_for_program(program: Program) -> Order:
    """The same for a program that stands beside Postgres, whose socket it has to reach: as the same user."""
    user = unprivileged_user() if os.geteuid() == 0 else None
    return Order(
        binaries="",
        copy=False,
        uid=user and user.pw_uid,
        gid=user and user.pw_gid,
        cluster=None,
        settings=[],
        pg_hba="",
        confined=False,
        most_space=MOST_SPACE,
        program=program,
    )


def unprivileged_user() -> pwd.struct_passwd:
    """The user that root runs Postgres as. Raises NoPostgres."""
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise NoPostgres("Postgres refuses to run as root, and there is neither a user postgres nor a user nobody")


@cache
def can_run(program: Path, user: pwd.struct_passwd) -> bool:
    """False if the user may not read the program where it is, e.g. below root's home."""
    try:
        done = subprocess.run(
            [program, "--version"],
            capture_output=True,
            user=user.pw_uid,
            group=user.pw_gid,
            extra_groups=[],
            cwd="/",
            timeout=20,
        )
    except (OSError, subprocess.SubprocessError):
        return False
    return done.returncode == 0
