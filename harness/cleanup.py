"""Removes the rows of a run, and says exactly what may remain.

Only rows whose id and label are in the history are deleted. A label alone is found first, written to the history with
its id, and only then deleted, in one transaction on a connection of its own.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import psycopg
from psycopg import sql

from harness.catalog import TableFacts, read_facts
from harness.database import TRANSACTION_BUDGET_S, connect, limited, reading, worded, writing
from harness.findings import CouldNotTell, printable
from harness.stored import quoted
from harness.verdict import LeftBehind

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from harness.client import Client
    from harness.database import Connection
    from harness.environments import Environment
    from harness.history import Attempt
    from harness.ledger import Ledger
    from harness.stored import Names

_BY_HAND = "python -m harness cleanup HISTORY"
_NO_DATABASE = CouldNotTell(
    "database: null: there is no database to delete from", "delete them by hand, or set cleanup: api and api.delete"
)


@dataclass(frozen=True, slots=True)
class CleanUp:
    """What was done: how many rows were removed, and which may remain."""

    removed: int = 0
    left: tuple[LeftBehind, ...] = ()


@dataclass(frozen=True, slots=True)
class _Found:
    id: str
    label: str
    attempt: Attempt


def clean_up(
    client: Client,
    attempts: Sequence[Attempt],
    labels: Mapping[str, Sequence[str]],
    ledger: Ledger,
    *,
    login: bool = False,
) -> CleanUp:
    """Remove what these attempts stored, in the environment's `cleanup` mode. Never raises for what a server does.

    Args:
        client: speaks to the environment, logged in where it has a login, or to be logged in first (`login`).
        attempts: of one environment.
        labels: for each attempt's name, what its label column may hold.
        ledger: where ids are written before they are deleted.
    """
    environment = client.environment
    possible = [a for a in attempts if a.may_have_stored]
    if not possible:
        return CleanUp()
    if environment.cleanup == "keep":
        return CleanUp(left=_all(environment, possible, "cleanup: keep", "delete them when they have served"))
    try:
        if environment.cleanup == "api":
            if login:
                client.login()
            return _by_api(client, possible, labels)
        return _by_database(environment, possible, labels, ledger)
    except CouldNotTell as untold:
        return CleanUp(left=_all(environment, possible, untold.cause, f"{untold.remedy}; then {_BY_HAND}"))
    except Exception as error:  # whatever it is, the rows that may remain have to be named
        said = printable(f"the clean-up itself failed: {type(error).__name__}: {error}")
        return CleanUp(left=_all(environment, possible, said, f"report it; then {_BY_HAND}"))


def left_as_it_is(environment: Environment, attempts: Sequence[Attempt]) -> CleanUp:
    """What may remain of a run that is not cleaned up."""
    return CleanUp(left=_all(environment, attempts, "the run was ended before it could clean up", f"run {_BY_HAND}"))


def _all(environment: Environment, attempts: Iterable[Attempt], reason: str, remedy: str) -> tuple[LeftBehind, ...]:
    """Those of the attempts that may have stored a row; a 4xx says that it has not, however it is worded."""
    return tuple(
        LeftBehind(environment=environment.name, name=a.name, id=a.id and printable(a.id), reason=reason, remedy=remedy)
        for a in attempts
        if a.outcome != "fail" or not 400 <= (a.status or 0) < 500
    )


def _by_database(
    environment: Environment, attempts: Sequence[Attempt], labels: Mapping[str, Sequence[str]], ledger: Ledger
) -> CleanUp:
    if environment.database is None:
        raise _NO_DATABASE
    try:
        with connect(environment.database) as connection, limited(connection, TRANSACTION_BUDGET_S):
            with reading(connection):
                facts = read_facts(connection, environment.table)
                found = _find(connection, facts, attempts, labels)
            removed, remaining = _delete(connection, environment, facts, found, ledger) if found else ([], [])
    except psycopg.Error as error:
        raise worded(error, environment.database) from None
    left = [
        LeftBehind(
            environment=environment.name,
            name=row.attempt.name,
            id=row.id,
            reason="DELETE did not remove it: a trigger, a rule or a policy keeps it",
            remedy="delete it by hand",
        )
        for row in remaining
    ]
    return CleanUp(len(removed), (*left, *_not_found(environment, attempts, found)))


def find_query(names: Names) -> sql.Composed:
    """Selects (id, label) as text of the rows that carry one of the labels (%s)."""
    return sql.SQL("SELECT {id}::text, {label}::text FROM {table} WHERE {label}::text = ANY(%s::text[])").format(
        id=quoted(names.id_column), label=quoted(names.label_column), table=quoted(names.identifier)
    )


def delete_query(names: Names) -> sql.Composed:
    """Deletes the rows whose id and label stand beside each other in two arrays (%s, %s)."""
    return sql.SQL(
        "DELETE FROM {table} AS stored USING unnest(%s::text[], %s::text[]) AS ours(id, label) "
        "WHERE stored.{label}::text = ours.label AND stored.{id}::text = ours.id"
    ).format(table=quoted(names.identifier), id=quoted(names.id_column), label=quoted(names.label_column))


def _find(
    connection: Connection, facts: TableFacts, attempts: Sequence[Attempt], labels: Mapping[str, Sequence[str]]
) -> list[_Found]:
    of_label = {label: a for a in attempts for label in labels[a.name]}
    rows = connection.execute(find_query(facts), [list(of_label)])
    return [_Found(id_, label_, of_label[label_]) for id_, label_ in rows]


def _delete(
    connection: Connection, environment: Environment, facts: TableFacts, found: Sequence[_Found], ledger: Ledger
) -> tuple[list[tuple[str, str]], list[_Found]]:
    pairs = [(row.id, row.label) for row in found]
    ledger.rows("row", environment.name, pairs)
    arguments = [[row.id for row in found], [row.label for row in found]]
    try:
        with writing(connection):
            connection.execute(delete_query(facts), arguments)
    except psycopg.Error as error:
        raise _refused(error, environment) from None
    with reading(connection):  # what a trigger or a rule kept back is seen only afterwards
        remaining = {(row.id, row.label) for row in _find_again(connection, facts, found)}
    removed = [pair for pair in pairs if pair not in remaining]
    ledger.rows("removed", environment.name, removed)
    return removed, [row for row in found if (row.id, row.label) in remaining]


def _find_again(connection: Connection, facts: TableFacts, found: Sequence[_Found]) -> list[_Found]:
    return _find(connection, facts, [row.attempt for row in found], {r.attempt.name: [r.label] for r in found})


def _not_found(environment: Environment, attempts: Sequence[Attempt], found: Sequence[_Found]) -> list[LeftBehind]:
    """Attempts whose row may be somewhere although no row has their name."""
    known = {row.attempt.name for row in found}
    left: list[LeftBehind] = []
    for a in attempts:
        if a.name in known:
            continue
        if a.outcome == "ok":
            reason = "answered 201, but no row of this table has its name: it may be stored elsewhere"
            remedy = "check database and table of this environment"
        elif a.outcome == "unknown" or a.status in (502, 503, 504):
            answered = f"was answered {a.status}" if a.outcome == "fail" else "had no answer"
            reason = f"{answered} and has no row yet: the deployment may still store it"
            remedy = "run python -m harness cleanup HISTORY again later"
        elif (a.status or 0) < 300:
            reason = f"was answered {a.status} ({a.problem}), but no row of this table has its name"
            remedy = "check database and table of this environment"
        else:
            continue
        left.extend(_all(environment, [a], reason, remedy))
    return left


def _refused(error: psycopg.Error, environment: Environment) -> CouldNotTell:
    if error.sqlstate == "23503":
        said = printable(str(error).splitlines()[0])
        return CouldNotTell(
            f"other rows refer to them (23503: {said})",
            "set cleanup: api, so that the app deletes what belongs to them",
        )
    if error.sqlstate == "42501":
        return CouldNotTell(
            "this role may not delete from the table (42501)", "grant it DELETE on the table, or set cleanup: api"
        )
    assert environment.database is not None  # it raised the error
    return worded(error, environment.database)


def _by_api(client: Client, attempts: Sequence[Attempt], labels: Mapping[str, Sequence[str]]) -> CleanUp:
    """DELETE each by its id.

    Where the database is readable, ids are taken from it, since an answer may name somebody else's row; and it is asked
    again afterwards, since an app may only mark a row as deleted.
    """
    environment = client.environment
    if environment.database is None:
        ids = _ids_of_ours(attempts)
        unsure = [a for a in attempts if a.id not in ids]
        left = list(_all(environment, unsure, "its id is not known for certain", "look for its name in the app"))
    else:
        found = _find_in(environment, attempts, labels)
        left = _not_found(environment, attempts, found)
        ids = {row.id: row.attempt for row in found}
    refused: dict[str, str] = {}
    for id_ in ids:
        reply = client.delete(id_)
        if reply.problem is not None or not (200 <= (reply.status or 0) < 300 or reply.status in (404, 410)):
            refused[id_] = f"DELETE of id {printable(id_)} {printable(reply.error or f'answered {reply.status}')}"
    if environment.database is not None and ids:
        still = {row.id for row in _find_in(environment, list(ids.values()), labels)}
        refused = {
            id_: refused.get(id_, f"DELETE of id {id_} was answered, but its row is still stored") for id_ in still
        }
    for id_, reason in refused.items():
        left.extend(_all(environment, [ids[id_]], reason, "delete it by hand, or set cleanup: database"))
    return CleanUp(len(ids) - len(refused), tuple(left))


def _ids_of_ours(attempts: Sequence[Attempt]) -> dict[str, Attempt]:
    """The ids that answers gave for rows of this run, where there is no database to look them up in.

    An id that came twice is at least once another row's. Where answers repeat the name that was sent, one that does not
    may be an answer for another row as well.
    """
    given = [a for a in attempts if a.id is not None and 200 <= (a.status or 0) < 300]
    times = Counter(a.id for a in given)
    echoed = any(a.name in a.evidence for a in given)
    return {a.id: a for a in given if a.id and times[a.id] == 1 and (a.name in a.evidence or not echoed)}


def _find_in(
    environment: Environment, attempts: Sequence[Attempt], labels: Mapping[str, Sequence[str]]
) -> list[_Found]:
    if environment.database is None:
        raise _NO_DATABASE
    try:
        with (
            connect(environment.database) as connection,
            limited(connection, TRANSACTION_BUDGET_S),
            reading(connection),
        ):
            return _find(connection, read_facts(connection, environment.table), attempts, labels)
    except psycopg.Error as error:
        raise worded(error, environment.database) from None
