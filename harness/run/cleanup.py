"""Removes the rows of a run, and says exactly what may remain.

Only rows whose id and label are in the history are deleted. A label alone is found first, written to the history with
its id, and only then deleted, in one transaction on a connection of its own. A status says nothing about storage: the
row of a POST that was not acknowledged is looked for by its name, and again until a pause is over, one for all of them.
"""

from __future__ import annotations

import time
from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

import psycopg
from tenacity import (
    Retrying,
    retry_if_exception,
    sleep_using_event,
    stop_after_attempt,
    stop_after_delay,
    stop_any,
    stop_when_event_set,
)
from tenacity import wait_fixed as pause_of

from harness.errors import CouldNotTell
from harness.history.history import WithoutItsName
from harness.history.reading import UnreadableHistory
from harness.postgres.connection import connect, identity_of, limited, reading, role_of, same_database
from harness.postgres.deletion import PAUSE_S, TRIES, TRIES_FOR_S, Found, delete, find, may_pass
from harness.postgres.failures import translated
from harness.postgres.identifiers import in_sql
from harness.postgres.table import read_facts
from harness.report.verdict import LeftBehind
from harness.run.cleanup_task import Task, in_turns
from harness.text import printable, sentence

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from harness.configuration.models import Environment
    from harness.history.attempt import Attempt
    from harness.postgres.connection import Connection
    from harness.postgres.table import TableFacts

BY_HAND = "chatbots-smoke cleanup HISTORY"
_LOOKS_AGAIN_S = 0.5  # while a row may still come; after each further look twice as long
_LOOKS_AT_LEAST_EVERY_S = 4.0


class CleanUp(NamedTuple):
    """What was done: how many rows were removed, which may remain, and what a person should know besides."""

    removed: int = 0
    left: tuple[LeftBehind, ...] = ()
    note: str = ""


def clean_up(task: Task) -> CleanUp:
    """Remove what these attempts stored, in the environment's `cleanup` mode. Never raises for what a server does.

    Raises:
        UnreadableHistory: the history that this is about names what is not its run's own.
    """
    environment = task.environment
    task.attempts = [a for a in task.attempts if a.may_have_stored]
    if not task.attempts:
        return CleanUp()
    if environment.cleanup == "keep":
        return _keep(task)
    try:
        if environment.cleanup == "api":
            if task.login:
                task.client.login()
            return _by_api(task)
        return _by_database(task)
    except CouldNotTell as unavailable:
        reason: str = unavailable.cause
        remedy = f"{unavailable.remedy}; then {BY_HAND}"
        if task.hurry.is_set():  # whoever hurries has cut the connection
            reason, remedy = "the clean-up was interrupted", f"run {BY_HAND}"
    except UnreadableHistory:
        raise
    except Exception as error:  # whatever it is, the rows that may remain have to be named
        reason = f"the clean-up itself failed: {printable(f'{type(error).__name__}: {error}')}"
        remedy = f"report it; then {BY_HAND}"
    return CleanUp(len(task.removed), _not_removed(task, reason, remedy))


def left_as_it_is(environment: Environment, attempts: Sequence[Attempt]) -> CleanUp:
    """What may remain of a run that is not cleaned up."""
    may_be_stored = [a for a in attempts if a.may_have_stored]
    reason = "the run was ended before it could clean up"
    return CleanUp(left=_all(environment, may_be_stored, reason, f"run {BY_HAND}"))


def _not_removed(task: Task, reason: str, remedy: str) -> tuple[LeftBehind, ...]:
    """What may remain where a clean-up came to nothing: rows that were seen, and all that was not looked for enough."""
    there = [_still_there(task, row, reason, remedy) for row in task.kept]
    return _each_once([*there, *_all(task.environment, task.unaccounted, reason, remedy)])


def _all(environment: Environment, attempts: Iterable[Attempt], reason: str, remedy: str) -> tuple[LeftBehind, ...]:
    """All of these attempts, where nobody can tell, or could look, whether their rows are stored."""
    return _each_once(_left_behind(environment, a.name, a.id, _of(a) + reason, remedy) for a in attempts)


def _of(attempt: Attempt) -> str:
    """Of an attempt that was answered otherwise than asked: that this does not say whether its row is stored."""
    if attempt.outcome == "ok" or attempt.status is None:
        return ""
    return f"answered {attempt.status}, which does not say that nothing is stored; "


def _each_once(left: Iterable[LeftBehind]) -> tuple[LeftBehind, ...]:
    """What may remain, each name once where no id tells its rows apart: two POSTs of a probe have one name."""
    found: dict[tuple[str, str | None], LeftBehind] = {}
    for row in left:
        found.setdefault((row.name, row.id), row)
    return tuple(found.values())


def _still_there(task: Task, row: Found, reason: str, remedy: str) -> LeftBehind:
    """A row that was seen, whatever its POST was answered."""
    return _left_behind(task.environment, row.attempt.name, row.id, reason, remedy)


def _left_behind(environment: Environment, name: str, id_: str | None, reason: str, remedy: str) -> LeftBehind:
    shown = printable(id_) if id_ else None
    return LeftBehind(
        environment=environment.name, name=name, id=shown, reason=sentence(reason), remedy=sentence(remedy)
    )


def _by_database(task: Task) -> CleanUp:
    deadline = time.monotonic() + task.patience_s
    sittings = Retrying(
        sleep=sleep_using_event(task.hurry),
        stop=stop_any(
            stop_after_attempt(TRIES), stop_after_delay(TRIES_FOR_S * task.turns), stop_when_event_set(task.hurry)
        ),
        wait=pause_of(PAUSE_S),
        retry=retry_if_exception(may_pass),
        reraise=True,
    )
    try:
        sittings(_sit_down, task, deadline)
    except psycopg.Error as error:
        raise translated(error, task.database) from None
    reason = "DELETE did not remove it: a trigger, a rule or a policy keeps it"
    left = [_still_there(task, row, reason, "delete it by hand") for row in task.kept]
    return CleanUp(len(task.removed), (*left, *_not_found(task)))


def _sit_down(task: Task, deadline: float) -> None:
    """Delete what is there, again and again until nothing more can come or the time is up, on one connection."""
    patience_s = max(deadline - time.monotonic(), 0.0)
    with (
        connect(task.database, task.hurry, task.environment.statement_timeout_s) as connection,
        limited(connection, connection.budget_s * task.turns + patience_s, task.hurry),
    ):
        _demand_same_database(connection, task)
        facts, task.facts = task.facts, None
        if facts is None:
            with reading(connection):
                facts = _facts(connection, task)
        task.looked = False

        def look() -> None:
            for some in in_turns(task.to_look_for):
                found = find(connection, facts, some, task.labels)
                if found:
                    _name_database(connection, task)
                task.see(found)
                # Also gone is what was seen in a sitting before, whose connection was lost after its DELETE.
                task.settle(_delete(connection, facts, found) if found else [], some)
                task.progress.detail = f"{len(task.removed)} of {len(task.attempts)}"
            task.looked = True

        task.progress.now("removing its rows")
        _while_rows_may_come(task, deadline, look)


def _facts(connection: Connection, task: Task) -> TableFacts:
    facts = read_facts(connection, task.environment.table)
    if task.demand_ids is not None:
        task.demand_ids(facts.id_type)
    return facts


def _while_rows_may_come(task: Task, deadline: float, look: Callable[[], None]) -> None:
    """Look at once, while there is time again and again, and last when it is up, or until every row has been seen."""
    look()
    waiting = f"waiting at most {max(deadline - time.monotonic(), 0):.0f} s for rows of unacknowledged POSTs"
    pause_s = _LOOKS_AGAIN_S
    while task.awaited and (left_s := deadline - time.monotonic()) > 0 and not task.hurry.is_set():
        task.progress.now(waiting, f"{len(task.awaited)} may still come")
        task.hurry.wait(min(pause_s, left_s))
        look()
        pause_s = min(2 * pause_s, _LOOKS_AT_LEAST_EVERY_S)  # each may take a scan of the table


def _demand_same_database(connection: Connection, task: Task) -> None:
    if task.identity is None:
        return
    with reading(connection):
        identity = identity_of(connection)
    if not same_database(identity, task.identity):
        raise CouldNotTell(
            "this is not the database that the run stored its rows in (another system identifier or oid)",
            "give this environment the database URL that it had",
        )


def _name_database(connection: Connection, task: Task) -> None:
    """Before a row is removed in another database than the history names: write down that it is this one."""
    if task.elsewhere:
        with reading(connection):
            identity = identity_of(connection)
        with suppress(OSError):
            task.ledger.database(task.environment.name, identity)
        task.elsewhere = False


def _not_found(task: Task) -> tuple[LeftBehind, ...]:
    """Attempts whose row may be somewhere although no row has their name."""
    awaited = {a.name for a in task.awaited}
    left: list[LeftBehind] = []
    reason: str
    remedy: str
    for a in task.unseen:
        if a.outcome == "ok" and isinstance(task.cut_short, WithoutItsName):
            reason, remedy = task.cut_short.cause, task.cut_short.remedy  # it was looked for by its id and token
        elif a.outcome == "ok":
            reason = f"answered {a.status}, but no row of this table has its name: it may be stored elsewhere"
            remedy = "check database and table of this environment"
        elif a.name in awaited and (a.unanswered or task.hurry.is_set()):
            answered = f"was answered {a.status}" if a.status is not None else "had no answer"
            waited = f"within {task.patience_s:g} s" if task.patience_s else "yet"
            if task.hurry.is_set():
                waited = "before the clean-up was interrupted"
            reason = f"{answered}, and no row came {waited}: the deployment may still store it"
            remedy = "run chatbots-smoke cleanup HISTORY again later"
        elif a.outcome == "fail" and (a.status or 0) < 300:
            reason = f"was answered {a.status} ({a.problem}), but no row of this table has its name"
            remedy = "check database and table of this environment"
        else:
            continue
        left.append(_left_behind(task.environment, a.name, a.id, reason, remedy))
    return _each_once(left)


def _keep(task: Task) -> CleanUp:
    """List what is stored. Acknowledged POSTs are taken at their word; the rows of the others are looked for."""
    environment = task.environment
    remedy = f"when they have served, set cleanup: database or api, and run {BY_HAND}"
    acknowledged = [a for a in task.attempts if a.outcome == "ok"]
    left = list(_all(environment, acknowledged, "cleanup: keep", remedy))
    others = [a for a in task.attempts if a.outcome != "ok"]
    names = {a.name for a in others}
    task.attempts = [a for a in task.attempts if a.name in names]  # of two POSTs of one name, each has a row
    if others and environment.database is None:
        left += _all(environment, others, "cleanup: keep", remedy)
    elif others:
        task.progress.now("looking for rows of unacknowledged POSTs")

        def look() -> None:
            found = _find_in(task, task.attempts)
            task.see(found)
            task.settle(found)

        try:
            _while_rows_may_come(task, time.monotonic() + task.patience_s, look)
            left += [_still_there(task, row, "cleanup: keep", remedy) for row in task.kept]
            left += _not_found(task)
        except CouldNotTell as unavailable:
            left += _not_removed(task, f"cleanup: keep, and {unavailable.cause}", remedy)
    return CleanUp(left=_each_once(left))


def _delete(connection: Connection, facts: TableFacts, found: Sequence[Found]) -> list[Found]:
    try:
        return delete(connection, facts, found)
    except psycopg.errors.ForeignKeyViolation as error:
        said = printable(str(error).splitlines()[0])
        raise CouldNotTell(
            f"other rows refer to them (23503: {said})",
            "set cleanup: api, so that the app deletes what belongs to them",
        ) from None
    except psycopg.errors.InsufficientPrivilege:
        with reading(connection):
            role = in_sql(role_of(connection))
        raise CouldNotTell(
            "this role may not delete from the table (42501)",
            f"GRANT DELETE ON {facts.in_sql} TO {role}, or set cleanup: api",
        ) from None


def _by_api(task: Task) -> CleanUp:
    """DELETE each by its id.

    Where the database is readable, ids are taken from it, since an answer may name somebody else's row; and it is asked
    again afterwards, since an app may only mark a row as deleted.
    """
    environment = task.environment
    refused: dict[str, str] = {}
    asked: set[tuple[str, str]] = set()
    if environment.database is None:
        ours = _ids_of_ours(task)
        unsure = [a for a in task.attempts if a.id not in ours]
        left = list(_all(environment, unsure, "its id is not known for certain", "look for its name in the app"))
        found = [Found(id_, a.name, a) for id_, a in ours.items() if (id_, a.name) not in task.gone]
        task.see(found)
        refused = _delete_each(task, found)
        task.settle(row for row in found if row.id in refused)
    else:

        def look() -> None:
            found = _find_in(task, task.attempts)
            task.see(found)
            refused.update(_delete_each(task, [row for row in found if row.pair not in asked]))
            asked.update(row.pair for row in found)  # an app that only marks a row is not asked again and again
            task.settle(_find_in(task, [row.attempt for row in found]) if found else [])

        task.progress.now("removing its rows")
        _while_rows_may_come(task, time.monotonic() + task.patience_s, look)
        left = list(_not_found(task))
    for row in task.kept:
        reason = refused.get(row.id, f"DELETE of id {printable(row.id)} was answered, but its row is still stored")
        remedy = "check api.delete, or set cleanup: database; or delete it by hand"
        left.append(_still_there(task, row, reason, remedy))
    return CleanUp(len(task.removed), tuple(left))


def _delete_each(task: Task, found: Iterable[Found]) -> dict[str, str]:
    """Send a DELETE for each row; returns for those that were refused why."""
    refused: dict[str, str] = {}
    for row in found:
        if task.hurry.is_set():
            refused[row.id] = f"DELETE of id {printable(row.id)} was not sent any more"
            continue
        reply = task.client.delete(row.id)
        if reply.problem is not None:
            refused[row.id] = f"DELETE of id {printable(row.id)} {printable(reply.error)}"
        elif not 200 <= (reply.status or 0) < 300:
            refused[row.id] = f"DELETE of id {printable(row.id)} answered {reply.status}"
        elif reply.body.lstrip()[:1] == b"<":
            refused[row.id] = f"DELETE of id {printable(row.id)} answered {reply.status} with a page, as no API does"
    return refused


def _ids_of_ours(task: Task) -> dict[str, Attempt]:
    """The ids that answers gave for rows of this run, where there is no database to look them up in.

    An id that came twice is at least once another row's. Where answers repeat the name that was sent, one that does not
    may be an answer for another row as well.
    """
    given = [a for a in task.attempts if a.id is not None and 200 <= (a.status or 0) < 300]
    times = Counter(a.id for a in given)
    echoed = any(a.name in a.evidence for a in given)
    return {a.id: a for a in given if a.id and times[a.id] == 1 and (a.name in a.evidence or not echoed)}


def _find_in(task: Task, attempts: Sequence[Attempt]) -> list[Found]:
    try:
        with (
            connect(task.database, task.hurry, task.environment.statement_timeout_s) as connection,
            limited(connection, connection.budget_s * task.turns, task.hurry),
        ):
            with reading(connection):
                facts = _facts(connection, task)
            return [row for some in in_turns(attempts) for row in find(connection, facts, some, task.labels)]
    except psycopg.Error as error:
        raise translated(error, task.database) from None
