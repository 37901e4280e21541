"""Tables of stored tokens to scan: a throwaway Postgres on disk, rows made by the server, vacuumed and analysed.

Server and tables are there until this process ends: several parts read the same tables, and ten million rows take half
a minute to make.
"""

from __future__ import annotations

import atexit
import os
import tempfile
import threading
import time
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import SecretStr

from harness.postgres.connection import connect
from rehearsal.servers.binaries import find_binaries
from rehearsal.servers.postgres import running

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from harness.postgres.connection import Connection
    from rehearsal.servers.postgres import Postgres

SIZES = (100_000, 1_000_000, 10_000_000)
WORK_MEM_MB = 4
MADE = """
create extension if not exists "uuid-ossp";
create table chatbots (
    id           bigserial,
    name         text not null,
    public_token uuid not null default gen_random_uuid(),
    require_auth boolean not null default false,
    created_at   timestamptz not null default now()
);
alter table chatbots owner to app;
"""
# Made when the rows are there, as by a migration that changes the column; row by row it would take twice the time.
KEYS = "set maintenance_work_mem = '256MB'; alter table chatbots add primary key (id), add unique (public_token)"


@cache
def _server() -> Postgres:
    """A Postgres with `WORK_MEM_MB`, its data on disk and not in memory."""
    os.environ.setdefault("TMPDIR", tempfile.gettempdir())
    until_the_end = ExitStack()
    atexit.register(until_the_end.close)
    return until_the_end.enter_context(running(find_binaries(), f"work_mem={WORK_MEM_MB}MB"))


@cache
def dsn_of_table(rows: int) -> str:
    """The address of a database with a table of so many rows."""
    postgres, name = _server(), f"rows_{rows}"
    dsn = postgres.create_database(name)
    fill = f"insert into chatbots (name) select 'chatbot ' || n from generate_series(1, {rows}) n"
    extension = MADE if postgres.has_uuid_ossp else MADE.partition(";")[2]
    postgres.run(name, [extension, fill, KEYS, "vacuum analyze chatbots", "checkpoint"])
    return dsn


@contextmanager
def table(rows: int) -> Iterator[Connection]:
    """A session on that database."""
    with connect(SecretStr(dsn_of_table(rows)), statement_timeout_s=600) as connection:
        yield connection


@dataclass(slots=True)
class Watched:
    """The most private memory, in MB, that one server process had while it was watched, and how many there were."""

    pids: set[int] = field(default_factory=set)
    peak_mb: float = 0.0


@contextmanager
def watched(connection: Connection) -> Iterator[Watched]:
    """Watch a session's process and its parallel workers (RssAnon of proc_pid_status(5), which Linux has).

    Memory that all processes share, such as shared_buffers, is not counted, nor are the pages of files.
    """
    leader = connection.info.backend_pid
    found, enough = Watched(), threading.Event()

    def watch() -> None:
        while not enough.wait(0.01):
            for pid in (leader, *_workers(leader)):
                with suppress(OSError, KeyError, StopIteration):
                    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
                    kb = next(int(line.split()[1]) for line in lines if line.startswith("RssAnon"))
                    found.pids.add(pid)
                    found.peak_mb = max(kb / 1024, found.peak_mb)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        time.sleep(0.05)
        yield found
    finally:
        enough.set()
        watcher.join()


def _workers(leader: int) -> list[int]:
    with suppress(OSError, IndexError):
        postmaster = Path(f"/proc/{leader}/stat").read_text().rpartition(")")[2].split()[1]
        children = Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split()
        return [int(pid) for pid in children if f"worker for PID {leader}" in _title(pid)]
    return []


def _title(pid: str) -> str:
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace")
    return ""


def written_temporarily_mb(connection: Connection) -> float:
    """How many MB of temporary files this database has written so far."""
    connection.execute("SELECT pg_stat_clear_snapshot()")
    row = connection.execute("SELECT temp_bytes FROM pg_stat_database WHERE datname = current_database()").fetchone()
    assert row is not None  # it is the current one
    return float(row[0]) / 1e6


def within_transaction(connection: Connection, statements: Sequence[str]) -> None:
    """Run statements in one READ ONLY transaction and fetch what the last one answers."""
    connection.execute("BEGIN READ ONLY")
    try:
        for statement in statements:
            cursor = connection.execute(statement.encode())
        cursor.fetchall()
    finally:
        connection.execute("ROLLBACK")
