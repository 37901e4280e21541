"""Sessions in the copy, none of them a superuser's, and none without an end.

A function in a check, a default, an index, a policy or a view runs with the rights of whoever reads or changes the
table. So from the first definition on the superuser connects to other databases only. What the rehearsal itself does in
the copy is done by a role that is no more than a member of the owners there, and that row security does not stop.
"""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg

from rehearsal.dry_run.budget import budget
from rehearsal.dry_run.real_schema import CannotRehearse
from rehearsal.servers.postgres import Postgres

DATABASE = "rehearsed"
HAND = "rehearsal_hand"
BUDGET_S = 300

# Over what the definitions or the migration have set for a database or a role.
OPTIONS = "-c search_path=pg_catalog -c statement_timeout=0 -c lock_timeout=0 -c default_transaction_read_only=off"


@contextmanager
def by_hand(
    server: Postgres,
    search_path: str | None = None,
    budget_s: float = BUDGET_S,
    what: str = "a look at the copy",
    database: str = DATABASE,
) -> Iterator[psycopg.Connection[Any]]:
    """A session in which each statement is committed by itself. Raises CannotRehearse where its budget is spent."""
    with (
        psycopg.connect(server.dsn(database, HAND), autocommit=True, options=OPTIONS) as connection,
        bounded(server, connection, budget_s, what),
    ):
        if search_path is not None:
            connection.execute("select pg_catalog.set_config('search_path', %s, false)", [search_path])
        yield connection


@contextmanager
def bounded(server: Postgres, connection: psycopg.Connection[Any], budget_s: float, what: str) -> Iterator[None]:
    """Ends a session that is not ready in time. Raises CannotRehearse then.

    statement_timeout would not do: a function may catch it, or set it to another value.
    """
    process = connection.info.backend_pid

    def end() -> None:
        with contextlib.suppress(psycopg.Error):
            server.run("postgres", [f"select pg_terminate_backend({process})"])
        with contextlib.suppress(OSError, psycopg.Error), socket.socket(fileno=os.dup(connection.fileno())) as own:
            own.shutdown(socket.SHUT_RDWR)  # nor do we wait for a session that cannot be ended

    with budget(budget_s, end) as spent:
        try:
            yield
        except (psycopg.Error, CannotRehearse):  # however it was told of
            if not spent.is_set():
                raise
    if spent.is_set():
        raise CannotRehearse(
            f"{what} was not ready within {budget_s:g} s, and was ended: does a function, a trigger or the migration"
            " itself wait or loop? Try it on a restored backup"
        )
