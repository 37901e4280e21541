"""Looks for the row of the first POST before any other is sent, so that a wrong database costs one row.

Only where rows are to be removed by way of the database: a row that is not found there could not be removed either.
"""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import psycopg

from harness.checkers.causes import DROPPED
from harness.errors import CouldNotTell
from harness.history.history import WithoutItsName
from harness.postgres.connection import connect, limited, located, reading
from harness.postgres.failures import translated
from harness.postgres.own_path import with_names_found
from harness.postgres.rows import read_rows, read_rows_of_token, search_row
from harness.text import printable

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.history.attempt import Attempt
    from harness.postgres.connection import Connection
    from harness.postgres.rows import Row
    from harness.postgres.table import TableFacts
    from harness.run.gathering import Gathering

T = TypeVar("T")
LOOKS_FOR_S = 2.0  # an app may answer a moment before its transaction ends
_PAUSE_S = 0.1  # after the first look; twice as long after each further one
NOT_SENT = "the other POSTs were not sent"
SHOWN_COLUMNS = 12


class _Sought(NamedTuple):
    """The row of a POST, and where it should be."""

    attempt: Attempt
    labels: list[str]
    facts: TableFacts

    @property
    def token(self) -> str | None:
        """The token that the answer held, as Postgres prints a uuid."""
        token = self.attempt.token
        return token.strip().lower() if token is not None and self.facts.token_type == "uuid" else token

    def is_it(self, row: Row) -> bool:
        """Whether a row carries a label of the POST."""
        return row.label in self.labels


def why_no_more(at: Gathering, facts: TableFacts, attempt: Attempt) -> CouldNotTell | None:
    """Look for the row of a POST that was acknowledged: None where it was found, else why no further POST may be sent.

    What is found out is in the history, so that clean-up and whoever judges it again know it too.

    Args:
        at: the examination, with its database.
        facts: of the table that the row should be in.
        attempt: the POST.

    Raises:
        OSError: the history cannot be written.
    """
    sought = _Sought(attempt, at.environment.labels_for(attempt.name), facts)
    at.progress.now("looking for the row of the first POST")
    absent = False
    try:
        rows = _looked_for(at, sought)
        if any(map(sought.is_it, rows)):
            return None
        absent = not rows
        own = next((row for row in rows if (row.id, sought.token) == (attempt.id, row.token)), None)
        why = _absent(at, sought) if own is None else _without_its_name(at, sought, own)
    except CouldNotTell as unavailable:
        said = f"{_first(attempt)} could not be looked for: {unavailable.cause}; {NOT_SENT}"
        why = CouldNotTell(said, unavailable.remedy)
    at.ledger.cut_short(at.environment.name, attempt.n, why, absent=absent)
    return why


def _looked_for(at: Gathering, sought: _Sought) -> list[Row]:
    """The rows that carry a label or the token of the POST, as soon as one carries a label, or when the time is up.

    Raises:
        CouldNotTell: the database could not be asked.
    """
    until_s, pause_s = time.monotonic() + LOOKS_FOR_S, _PAUSE_S
    while True:
        rows = asked(at, lambda connection: _look(connection, sought))
        left_s = until_s - time.monotonic()
        if any(map(sought.is_it, rows)) or left_s <= 0 or at.request.stop.wait(min(pause_s, left_s)):
            return rows
        pause_s *= 2


def _look(connection: Connection, sought: _Sought) -> list[Row]:
    """By the token first: an index leads to it, while a label may take a scan of the table."""
    token = sought.attempt.token
    rows = read_rows_of_token(connection, sought.facts, token) if token is not None else ()
    if not any(map(sought.is_it, rows)):
        rows = read_rows(connection, sought.facts, sought.labels, [token] if token is not None else [])
    return [*rows]


def asked(at: Gathering, ask: Callable[[Connection], T]) -> T:
    """What the database answers, on the connection that is open; where that was lost meanwhile, on another one."""
    environment, stop = at.environment, at.request.stop
    assert environment.database is not None  # its table was looked at before
    try:
        if at.connecting is not None:
            connection = at.connecting.result()
            try:
                with limited(connection, connection.budget_s, stop), reading(connection):
                    return with_names_found(connection, partial(ask, connection))
            except psycopg.Error:
                if not connection.closed:
                    raise
        with (
            connect(environment.database, stop, environment.statement_timeout_s) as connection,
            limited(connection, connection.budget_s, stop),
            reading(connection),
        ):
            return with_names_found(connection, partial(ask, connection))
    except psycopg.Error as error:
        raise translated(error, environment.database) from None


def _first(attempt: Attempt) -> str:
    shown = f", id {printable(attempt.id, 100)}" if attempt.id is not None else ""
    return f"the row of the first POST ({attempt.name}{shown})"


def _absent(at: Gathering, sought: _Sought) -> CouldNotTell:
    assert at.environment.database is not None  # it was looked into
    place = f"table {printable(sought.facts.shown)} of database {printable(located(at.environment.database))}"
    return CouldNotTell(
        f"{_first(sought.attempt)} is not in {place}; {NOT_SENT}",
        "check database and table of this environment; then remove the row with chatbots-smoke cleanup HISTORY. If "
        "they are right, the create route stores nothing",
        "database",
    )


def _without_its_name(at: Gathering, sought: _Sought, own: Row) -> WithoutItsName:
    """Why a row of the POST's own id and token cannot be told by its label, and what that says.

    Raises:
        CouldNotTell: the database could not be asked.
    """
    name = sought.attempt.name
    columns, held = asked(at, lambda connection: search_row(connection, sought.facts, own, name, sought.labels))
    found = f"{_first(sought.attempt)} was found by its id and token"
    label = printable(sought.facts.label_column)
    if not held:
        shown = [printable(column) for column in columns[:SHOWN_COLUMNS]]
        more = ", .." if len(columns) > SHOWN_COLUMNS else ""
        seen = f"{found}, and none of its columns holds the name that was sent ({', '.join(shown)}{more})"
        return WithoutItsName(f"{seen}; {NOT_SENT}", DROPPED.remedy, seen)
    column, as_it_is, json = held[0]
    if as_it_is:
        return WithoutItsName(
            f"{found}; its name is in column {printable(column)}, not in {label}; {NOT_SENT}",
            f"set table.label: {printable(column)}, and run chatbots-smoke cleanup HISTORY",
        )
    where = f"inside column {printable(column)}" if json else f"changed in column {printable(column)}"
    return WithoutItsName(
        f"{found}; its name is {where}, so the run cannot find its row by that name; {NOT_SENT}",
        "let api.payload send the name in a field that is stored as it is, in a column that table.label names; or set "
        "cleanup to api or keep. Remove this row by hand",
    )
