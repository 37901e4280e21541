"""Reads what belongs together in one transaction, part by part: one that fails never hides another."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import psycopg

from harness.errors import CouldNotTell, Unavailable, attempted
from harness.postgres.connection import begin_again
from harness.postgres.failures import translated
from harness.postgres.own_path import with_names_found
from harness.text import printable

if TYPE_CHECKING:
    from collections.abc import Callable

    from pydantic import SecretStr

    from harness.postgres.connection import Connection

T = TypeVar("T")


def read_part(connection: Connection, dsn: SecretStr, read: Callable[[], T]) -> T | Unavailable:
    """Read one part in the transaction that is open.

    Returns:
        The part, or why it is missing; after a failure of Postgres the rest of the parts has a new transaction.
    """
    try:
        return attempted(lambda: with_names_found(connection, read))
    except psycopg.Error as error:
        begin_again(connection)
        return translated(error, dsn)
    except (ValueError, KeyError, TypeError) as error:  # what a database of another encoding or shape provokes
        begin_again(connection)
        said = printable(f"{type(error).__name__}: {error}")
        return CouldNotTell(f"what the database answered was not understood ({said})", "report it")
