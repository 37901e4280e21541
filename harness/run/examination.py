"""Examines one environment: only what the selected checks need, in the order that disturbs it least.

The result is data; a part that could not be had is a `CouldNotTell` or `NotCovered` in its place, so that one missing
part never hides another.
"""

from __future__ import annotations

import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from enum import Flag, auto
from typing import TYPE_CHECKING, TypeVar

import psycopg

from harness.checkers.rows import rows_of_another_table
from harness.errors import CouldNotTell, NotCovered
from harness.history.history import History
from harness.history.revision import ServedRevision
from harness.http.readiness import WAITING, Readiness, revisions_now, wait_until_ready
from harness.postgres.connection import begin_again, connect, identity_of, limited, reading
from harness.postgres.default import DefaultEvaluation, evaluate_default
from harness.postgres.deletion import may_delete
from harness.postgres.failures import translated
from harness.postgres.inserts import InsertBaseline, ObservedInserts, look_after, look_before
from harness.postgres.rows import Row, SequenceState, read_rows, read_sequence
from harness.postgres.table import TableFacts, read_facts
from harness.postgres.token_scan import StoredTokens, scan_tokens
from harness.run.workload import Unrecorded, post_all
from harness.text import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pydantic import SecretStr

    from harness.configuration.models import Environment
    from harness.history.history import Attempt
    from harness.history.writing import Ledger
    from harness.http.client import Client
    from harness.postgres.connection import Connection
    from harness.preflight.facts import LockHolders, Preflight
    from harness.progress import Progress

T = TypeVar("T")
Unavailable = CouldNotTell | NotCovered


class Need(Flag):
    """What the selected checks look at."""

    READINESS = auto()
    HISTORY = auto()
    FACTS = auto()
    ROWS = auto()
    SEQUENCE = auto()
    STORED = auto()
    MADE = auto()
    SEEN = auto()
    SOURCE = auto()
    """A checkout of the app: nothing is asked of the deployment for it."""
    PREFLIGHT = auto()
    """What the migration would end in: asked of the database alone."""


_OF_THE_DEPLOYMENT = Need.READINESS | Need.HISTORY | Need.ROWS
_OF_THE_DATABASE = Need.FACTS | Need.ROWS | Need.SEQUENCE | Need.STORED | Need.MADE | Need.SEEN
_UNSEEN = NotCovered("the database was not watched while the POSTs were sent", "run again")
_NOT_ASKED = NotCovered("no selected check asked for it", "select a check that does")


@dataclass(slots=True)
class Examination:
    """What is known of one environment. Each part is its value, or why there is none.

    `sent` are the POSTs that have to be cleaned up, whether or not there is a history to judge.
    """

    environment: Environment
    readiness: Readiness | Unavailable = _NOT_ASKED
    served_revisions: tuple[ServedRevision, ...] = ()
    history: History | Unavailable = _NOT_ASKED
    sent: Sequence[Attempt] = ()
    facts: TableFacts | Unavailable = _NOT_ASKED
    rows: tuple[Row, ...] | Unavailable = _NOT_ASKED
    sequence: SequenceState | Unavailable | None = _NOT_ASKED
    stored: StoredTokens | Unavailable = _NOT_ASKED
    default_evaluation: DefaultEvaluation | Unavailable = _NOT_ASKED
    observed_inserts: ObservedInserts | Unavailable = _NOT_ASKED
    lock_holders: LockHolders | Unavailable = _NOT_ASKED
    preflight: Preflight | Unavailable = _NOT_ASKED
    began_s: float = field(default_factory=time.monotonic)
    took_s: float = 0.0

    def of_its_table(self, part: T | Unavailable) -> T:
        """A part that was read from the table, if that is the table that the deployment fills.

        Raises:
            CouldNotTell: there is no such part; or POSTs were acknowledged and the table shows no trace of any, so
                that whatever it says is said of another deployment.
            NotCovered: it was not to be asked.
        """
        history, rows = self.history, self.rows
        if isinstance(part, (CouldNotTell, NotCovered)):
            raise part
        if isinstance(history, History) and isinstance(rows, tuple) and rows_of_another_table(history, rows):
            raise CouldNotTell(
                f"none of {len(history.acknowledged)} acknowledged chatbots left a trace in this table, so it is not "
                "known to be the one that the deployment fills",
                "check database and table of this environment; if they are right, the create route stores nothing",
            )
        return part


@dataclass(frozen=True, slots=True)
class RunRequest:
    """What a run asks of every environment."""

    run: str
    needs: Need
    revision: str | None
    read_only: bool
    stop: threading.Event


def examine(client: Client, request: RunRequest, ledger: Ledger, first: int, progress: Progress) -> Examination:
    """Wait until it is ready, send the POSTs, ask what it serves now, and read its database. Blocks; one thread each.

    Args:
        client: speaks to the deployment.
        order: what is wanted.
        ledger: where POSTs are written down before they leave.
        first: the number of the first attempt on this environment.
        doing: told what is under way.
    """
    environment = client.environment
    done = Examination(environment)
    with ThreadPoolExecutor(1) as pool:
        connecting: Future[_Watching] | None = None
        if request.needs & _OF_THE_DATABASE and environment.database is not None:
            connecting = pool.submit(_connect, environment.database, request, environment.statement_timeout_s)
        # Before a migration it does not matter what serves, and nothing is asked of it.
        if request.needs & _OF_THE_DEPLOYMENT or (request.revision is not None and request.needs != Need.PREFLIGHT):
            progress.now(WAITING)
            done.readiness = _told(lambda: wait_until_ready(client, request.revision, request.stop, progress))
        if request.needs & (Need.HISTORY | Need.ROWS):
            done.history = _history(done, client, request, ledger, first, connecting, progress)
        if (
            request.needs & Need.READINESS
            and isinstance(done.readiness, Readiness)
            and environment.ready.revision is not None
        ):
            done.served_revisions = revisions_now(client)
        if request.needs & _OF_THE_DATABASE:
            progress.now("reading its database")
            _read_database(done, request, connecting, progress)
        if request.needs & Need.PREFLIGHT:
            progress.now("reading what the migration would meet")
            _look_before_migration(done, request)
    progress.now("")
    done.took_s = time.monotonic() - done.began_s
    return done


_Watching = tuple["Connection", InsertBaseline | None]


def _connect(dsn: SecretStr, request: RunRequest, statement_timeout_s: float) -> _Watching:
    connection = connect(dsn, request.stop, statement_timeout_s)
    if request.read_only or not request.needs & Need.SEEN:
        return connection, None  # no POST is sent, so there is nothing to watch
    try:
        with limited(connection, connection.budget_s, request.stop), reading(connection):
            return connection, look_before(connection)
    except psycopg.Error as error:
        connection.close()
        raise translated(error, dsn) from None


def _told(ask: Callable[[], T]) -> T | Unavailable:
    try:
        return ask()
    except (CouldNotTell, NotCovered) as unavailable:
        return unavailable


def _history(
    done: Examination,
    client: Client,
    request: RunRequest,
    ledger: Ledger,
    first: int,
    connecting: Future[_Watching] | None,
    progress: Progress,
) -> History | Unavailable:
    if request.read_only:
        return NotCovered("--read-only sends no POST", "run without --read-only to ask the create route")
    if not isinstance(done.readiness, Readiness):
        return done.readiness
    progress.now("connecting to its database")
    try:
        identity = demand_clean_up(done.environment, request.stop, connecting)
        if identity is not None:
            ledger.database(done.environment.name, identity)
        client.login()
    except CouldNotTell as unavailable:
        return unavailable
    except OSError as error:
        return Unrecorded(ledger.path, error, ())
    try:
        history = post_all(client, ledger, request.run, first, request.stop, progress)
    except Unrecorded as unavailable:
        done.sent = unavailable.sent
        return unavailable
    done.sent = history.sent
    return history


def demand_clean_up(
    environment: Environment,
    stop: threading.Event,
    connecting: Future[_Watching] | None = None,
    *,
    certain: bool = False,
) -> str | None:
    """Refuse to send where it is known beforehand that rows could not be removed again.

    Args:
        environment: where they would be stored.
        stop: when set, nothing is waited for.
        connecting: to its database, where that was begun already.
        certain: demand the right to delete, and a database to do it in; a protected environment always does.

    Returns:
        What tells that database from others (`identity_of`); None where rows are not removed by way of it.

    Raises:
        CouldNotTell: rows are to be removed by way of the database, and it or the table is not to be had.
    """
    certain = certain or environment.protected
    if environment.cleanup == "database" and environment.database is None and certain:
        why = ", and the environment is protected" if environment.protected else ""
        raise CouldNotTell(
            f"no POST was sent, since its row could not be removed: database: null{why}",
            "give it its database URL, or set cleanup to api or keep, or run with --read-only",
        )
    if environment.cleanup != "database" or environment.database is None:
        return None
    try:
        if connecting is not None:
            return _look_at_table(connecting.result()[0], environment, stop, certain)
        # no check looks at the database
        with connect(environment.database, stop, environment.statement_timeout_s) as connection:
            return _look_at_table(connection, environment, stop, certain)
    except (CouldNotTell, psycopg.Error) as error:
        unavailable = error if isinstance(error, CouldNotTell) else translated(error, environment.database)
        said = f"no POST was sent, since its row could not be removed: {unavailable.cause}"
        raise CouldNotTell(said, f"{unavailable.remedy}; or set cleanup to api or keep") from None


def _look_at_table(connection: Connection, environment: Environment, stop: threading.Event, certain: bool) -> str:
    with limited(connection, connection.budget_s, stop), reading(connection):
        facts = read_facts(connection, environment.table)
        if facts.in_recovery:
            raise CouldNotTell(
                "the database is a replica (pg_is_in_recovery), which can only be read",
                "use the URL of the primary, or run with --read-only",
            )
        if certain and not may_delete(connection, facts):
            why = ", and the environment is protected" if environment.protected else ""
            raise CouldNotTell(
                f"this role has no DELETE on {facts.shown}{why}",
                "grant it DELETE on the table, or run with --read-only",
            )
        return identity_of(connection)


def _read_database(
    done: Examination, request: RunRequest, connecting: Future[_Watching] | None, progress: Progress
) -> None:
    environment = done.environment
    if connecting is None or environment.database is None:
        _all_unavailable(done, NotCovered("database: null", "give this environment its database URL"))
        return
    if request.revision is not None and isinstance(done.readiness, CouldNotTell):
        # The release under test is not serving: what the database holds says nothing about it.
        _all_unavailable(done, done.readiness)
        _close(connecting)
        return
    try:
        connection, before = connecting.result()
        began = False
        try:
            with connection, limited(connection, connection.budget_s, request.stop), reading(connection):
                began = True
                _read_parts(done, request, connection, before, progress)
        except psycopg.Error:
            if began:
                raise
        if began:
            return
        # It was opened before the POSTs were sent; a pooler may have closed it since. A second one is not idle.
        with (
            connect(environment.database, request.stop, environment.statement_timeout_s) as connection,
            limited(connection, connection.budget_s, request.stop),
            reading(connection),
        ):
            _read_parts(done, request, connection, before, progress)
    except CouldNotTell as unavailable:
        _all_unavailable(done, unavailable)
    except psycopg.Error as error:
        _all_unavailable(done, translated(error, environment.database))


def _look_before_migration(done: Examination, request: RunRequest) -> None:
    from harness.preflight.reading import look  # a run after the deploy asks none of it

    try:
        if done.environment.database is None:
            raise NotCovered("database: null", "give this environment its database URL")  # noqa: TRY301
        done.lock_holders, done.preflight = look(done.environment, request.stop)
    except (CouldNotTell, NotCovered) as unavailable:
        done.lock_holders = done.preflight = unavailable


def _all_unavailable(done: Examination, why: Unavailable) -> None:
    done.facts = done.rows = done.sequence = done.stored = done.default_evaluation = done.observed_inserts = why


def _close(connecting: Future[_Watching]) -> None:
    if connecting.exception() is None:
        connecting.result()[0].close()


def _read_parts(
    done: Examination, request: RunRequest, connection: Connection, before: InsertBaseline | None, progress: Progress
) -> None:
    """All parts in the caller's transaction; a part that fails gets the rest a new one."""
    environment = done.environment
    history = done.history

    def read(part: Callable[[], T]) -> T | Unavailable:
        try:
            return part()
        except (CouldNotTell, NotCovered) as unavailable:
            return unavailable
        except psycopg.Error as error:
            assert environment.database is not None  # there is a connection
            begin_again(connection)
            return translated(error, environment.database)
        except (ValueError, KeyError, TypeError) as error:  # what a database of another encoding or shape provokes
            begin_again(connection)
            said = printable(f"{type(error).__name__}: {error}")
            return CouldNotTell(f"what the database answered was not understood ({said})", "report it")

    facts = done.facts = read(lambda: read_facts(connection, environment.table))
    if not isinstance(facts, TableFacts):
        _all_unavailable(done, facts)
        return
    if isinstance(history, (CouldNotTell, NotCovered)):
        done.rows = history
    else:
        labels = [label for a in history.sent for label in environment.labels_for(a.name)]
        tokens = [a.token for a in history.sent if a.token is not None]
        done.rows = read(lambda: read_rows(connection, facts, labels, tokens))
    if request.needs & Need.SEQUENCE:
        done.sequence = read(lambda: read_sequence(connection, facts))
    if request.needs & Need.MADE:
        done.default_evaluation = read(lambda: evaluate_default(connection, facts))
    if request.needs & Need.SEEN:
        done.observed_inserts = _UNSEEN if before is None else read(lambda: look_after(connection, facts, before))
    if request.needs & Need.STORED:
        done.stored = read(lambda: scan_tokens(connection, facts, progress))
