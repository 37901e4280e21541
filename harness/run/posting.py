"""Sends the POSTs of a run on one environment, once it is known that their rows can be removed again."""

from __future__ import annotations

import json
from contextlib import contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import psycopg

from harness.errors import CouldNotTell
from harness.history.attempt import attempt_name
from harness.history.history import chosen_token
from harness.postgres.connection import IDENTITY, begin_reading, connect, identity_of, limited, reading
from harness.postgres.deletion import RIGHTS, rights
from harness.postgres.failures import translated
from harness.postgres.identifiers import in_sql
from harness.postgres.inserts import Sightings
from harness.postgres.rows import rows_of_token_query
from harness.postgres.table import read_facts
from harness.postgres.table_queries import IN_WORDS
from harness.postgres.watching import database_of, open_watch
from harness.redaction.redactor import MASK
from harness.run.first_row import asked, why_no_more
from harness.run.gathering import Step
from harness.run.workload import ON_ONE_CONNECTION, Unrecorded, post_all
from harness.text import printable

if TYPE_CHECKING:
    import threading
    from collections.abc import Iterator, Sequence
    from concurrent.futures import Future

    from harness.configuration.models import Environment, Login
    from harness.history.attempt import Probe
    from harness.history.history import History
    from harness.postgres.connection import Connection
    from harness.postgres.deletion import Rights
    from harness.postgres.table import TableFacts
    from harness.postgres.watching import Watch
    from harness.run.gathering import Gathering, Planned

SESSIONS_STAY = "login: the app may store a session for it, and sessions are not removed"
RUN = "RUN"  # stands for the id that a run gives itself


class Place(NamedTuple):
    """Where the rows of POSTs will be: what tells that database from others (`identity_of`), and their table."""

    identity: str
    facts: TableFacts


def send_posts(at: Gathering, probes: Sequence[Probe] = ()) -> History:
    """Send all POSTs of a run, those of these probes last, and keep those that have to be cleaned up.

    Raises:
        CouldNotTell: their rows could not be removed, the login failed, or the history cannot be written.
    """
    at.progress.now("connecting to its database")
    try:
        place = demand_clean_up(at.environment, at.request.stop, at.connecting)
        if place is not None:
            at.ledger.database(at.environment.name, place.identity)
        at.client.login()
    except OSError as error:
        raise Unrecorded(at.ledger.path, error, ()) from None
    look = partial(why_no_more, at, place.facts) if place is not None else None
    with _watched(at):
        try:
            history = post_all(
                at.client, at.ledger, at.request.run, at.first, at.request.stop, at.progress, look, probes
            )
        except Unrecorded as unrecorded:
            at.known.sent = unrecorded.sent
            raise
    at.known.sent = history.sent
    return history


@contextmanager
def _watched(at: Gathering) -> Iterator[None]:
    """Watch the statements of its database meanwhile; where another environment uses that too, one after the other."""
    watch = _opened_watch(at)
    with _its_turn(at, watch.database if not isinstance(watch, str) else None):
        if isinstance(watch, str):
            at.sightings = Sightings(obstacle=watch)
            yield
            return
        watch.begin(at.client.origin_s)
        try:
            yield
        finally:
            at.sightings = watch.end()


@contextmanager
def _its_turn(at: Gathering, database: str | None) -> Iterator[None]:
    """Wait for other environments that use its database: also where it is not watched itself, since they may be.

    `database` tells it from others, None where that is still to be asked. Where nobody knows it, nobody is waited for.
    """
    turns = at.request.turns
    if turns is None:
        yield
        return
    if database is None and at.environment.database is not None:
        with suppress(CouldNotTell):  # what is said of the POSTs says it too
            database = asked(at, lambda connection: database_of(connection)[1])
    if database is None:
        yield
        return
    at.known.database = database
    at.progress.now("waiting for another environment that uses the same database")
    with turns.of(database, at.request.stop):
        yield


def _opened_watch(at: Gathering) -> Watch | str:
    """What watches the database; where there is none, why.

    It is tried again when the database was reached meanwhile. One connection is enough for all else: where there is no
    second one, the rest is asked all the same.
    """
    database = at.environment.database
    if at.watching is None or at.connecting is None or database is None:
        return ""
    try:
        return at.watching.result()
    except (psycopg.Error, UnicodeError):
        if at.connecting.exception() is not None:
            return "its database was not reached"
    try:
        return open_watch(database)
    except psycopg.Error as error:
        return f"a second connection failed: {translated(error, database).cause}"


def demand_clean_up(
    environment: Environment,
    stop: threading.Event,
    connecting: Future[Connection] | None = None,
    *,
    certain: bool = False,
) -> Place | None:
    """Refuse to send where it is known beforehand that rows could not be removed again.

    Args:
        environment: where they would be stored.
        stop: when set, nothing is waited for.
        connecting: to its database, where that was begun already.
        certain: demand a database to remove them from; a protected environment always does.

    Returns:
        Where their rows will be; None where rows are not removed by way of the database.

    Raises:
        CouldNotTell: rows are to be removed by way of the database, and it or the table is not to be had.
    """
    certain = certain or environment.protected
    if environment.cleanup == "database" and environment.database is None and certain:
        why = ", and the environment is protected" if environment.protected else ""
        raise CouldNotTell(
            f"no POST was sent, because its row could not be removed: database: null{why}",
            "give it its database URL, or set cleanup to api or keep, or run with --read-only",
        )
    if environment.cleanup != "database" or environment.database is None:
        return None
    try:
        if connecting is not None:
            return _look_at_table(connecting.result(), environment, stop)
        # no check looks at the database
        with connect(environment.database, stop, environment.statement_timeout_s) as connection:
            return _look_at_table(connection, environment, stop)
    except (CouldNotTell, psycopg.Error) as error:
        unavailable = error if isinstance(error, CouldNotTell) else translated(error, environment.database)
        said = f"no POST was sent, because its row could not be removed: {unavailable.cause}"
        raise CouldNotTell(said, f"{unavailable.remedy}; or set cleanup to api or keep") from None


def _look_at_table(connection: Connection, environment: Environment, stop: threading.Event) -> Place:
    with limited(connection, connection.budget_s, stop), reading(connection):
        facts = read_facts(connection, environment.table)
        if facts.in_recovery:
            raise CouldNotTell(
                "the database is a replica (pg_is_in_recovery), which can only be read",
                "use the URL of the primary, or run with --read-only",
            )
        _demand_rights(rights(connection, facts), facts)
        return Place(identity_of(connection), facts)


def _demand_rights(has: Rights, facts: TableFacts) -> None:
    """Refuse a role that could not remove rows: it would leave those of every run behind.

    Raises:
        CouldNotTell: a right that it lacks.
    """
    for lacking in missing_rights(has, facts):
        raise lacking


def missing_rights(has: Rights, facts: TableFacts, *, deletes: bool = True) -> Iterator[CouldNotTell]:
    """Each right that a role lacks to find rows and, with `deletes`, to remove them."""
    table, role = printable(facts.in_sql), printable(in_sql(has.role))
    if not has.reads:
        yield CouldNotTell(
            f"this role may not read {table}, and rows are found by reading it (42501)",
            f"GRANT SELECT ON {table} TO {role}, or run with --read-only once it may read",
            "database",
        )
    if not has.unhidden:
        yield CouldNotTell(
            f"row-level security of {table} applies to this role, and hides rows from it",
            "use a role that has BYPASSRLS, or that owns the table; after FORCE ROW LEVEL SECURITY the owner needs "
            "BYPASSRLS too",
            "database",
        )
    if deletes and not has.deletes:
        yield CouldNotTell(
            f"this role has no DELETE on {table}",
            f"GRANT DELETE ON {table} TO {role}, or run with --read-only",
            "database",
        )


def explain_posts(planned: Planned) -> Iterator[Step]:
    """The login, the check whether rows can be removed, and each POST but those of probes."""
    environment = planned.environment
    if environment.login is not None:
        body = json.dumps(masked_login(environment.login))
        yield Step(
            f"POST {environment.url_of(environment.login.path)} {body}",
            "once",
            mutates=True,
            purpose="cookies for what follows",
        )
    if environment.cleanup == "database" and environment.database is not None:
        asks = [
            begin_reading(environment.statement_timeout_s),
            IN_WORDS,
            " ".join(RIGHTS.split()),
            IDENTITY,
            "ROLLBACK",
        ]
        yield Step(
            "; ".join(asks),
            "once: can the run delete its rows?",
            purpose="can the run delete its rows?",
        )
    usual = _post(environment)
    yield Step(
        usual,
        f"{environment.posts} times, one after another, up to {ON_ONE_CONNECTION} on one connection",
        mutates=True,
        purpose="is each answer right?",
    )
    if environment.cleanup == "database" and environment.database is not None:
        begin, look = begin_reading(environment.statement_timeout_s), rows_of_token_query(planned.names).as_string()
        yield Step(
            f"{begin}; {look}; ROLLBACK",
            "after the first of them; the others are sent once its row is found",
            purpose="is the first row in this database?",
        )
    if environment.burst:
        together = f"{environment.burst} times at the same moment, each on a connection that is open already"
        yield Step(usual, together, mutates=True, purpose="and when they arrive together?")


def explain_probe(planned: Planned, probe: Probe) -> Iterator[Step]:
    """The POSTs of a probe, where this environment is sent it."""
    if probe not in planned.environment.probes_sent:
        return
    token = chosen_token(attempt_name(RUN, 1)) if probe == "chosen_token" else None
    times, purpose = {
        "chosen_token": ("once", "can a client choose the token?"),
        "same_payload": ("twice with the same payload", "does the same payload make two chatbots?"),
    }[probe]
    when = f"{times}, after others were acknowledged"
    yield Step(_post(planned.environment, token), when, mutates=True, purpose=purpose)


def _post(environment: Environment, token: str | None = None) -> str:
    sent = json.dumps(environment.payload_for(attempt_name(RUN, 1), token=token))
    return f"POST {environment.url_of(environment.api.create)} {sent}"


def masked_login(login: Login) -> dict[str, str]:
    """What a login sends, each value masked."""
    return dict.fromkeys(login.body.get_secret_value(), MASK)
