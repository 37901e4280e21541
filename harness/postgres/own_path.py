"""Reads once more with the role's own search_path where a function of the database does not find its names without.

Planning a statement on a table may look into functions of its indexes, checks and views, and a function written in SQL
or PL/pgSQL finds what it names by the search_path of whoever runs it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import psycopg
from psycopg import sql

from harness.postgres.connection import SAFE_PATH, begin_again

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.postgres.connection import Connection

T = TypeVar("T")
UNDEFINED = ("42883", "42P01", "42704", "3F000")  # no such function, table, type, schema


def with_names_found(connection: Connection, read: Callable[[], T]) -> T:
    """What `read` reads in the transaction that is open; where a name is not found, in a new one with that path."""
    try:
        return read()
    except psycopg.Error as error:
        if error.sqlstate not in UNDEFINED:
            raise
    begin_again(connection)
    return in_own_path(connection, read)


def in_own_path(connection: Connection, read: Callable[[], T]) -> T:
    """What `read` reads with the role's own search_path, in the transaction that is open. An error ends that."""
    setting = sql.Literal(connection.search_path.setting)
    connection.execute(sql.SQL("SELECT set_config('search_path'::text, {}::text, true)").format(setting))
    part = read()
    connection.execute(SAFE_PATH)
    return part
