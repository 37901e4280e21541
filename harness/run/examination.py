"""Examines one environment: only what the selected checks need, in the order that disturbs it least.

The result is data; a part that could not be had is a `CouldNotTell` or `NotCovered` in its place, so that one missing
part never hides another.
"""

from __future__ import annotations

import time
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING

import psycopg

from harness.errors import CouldNotTell, Unavailable, Waived
from harness.postgres.connection import connect, limited, reading
from harness.postgres.failures import translated
from harness.postgres.watching import open_watch
from harness.run.evidence import OBSERVED_INSERTS, READINESS, TABLE, all_needed, in_order
from harness.run.gathering import Examination, Gathering, Phase, RunRequest

if TYPE_CHECKING:
    from harness.history.writing import Ledger
    from harness.http.client import Client
    from harness.postgres.connection import Connection
    from harness.progress import Progress
    from harness.run.gathering import Evidence
    from harness.run.source_reading import SourceReading

_DATABASE = (Phase.DATABASE, Phase.SCAN)


def examine(
    client: Client, sources: SourceReading, request: RunRequest, ledger: Ledger, first: int, progress: Progress
) -> Examination:
    """Wait until it is ready, send the POSTs, ask what it serves now, and read its database. Blocks; one thread each.

    Args:
        client: speaks to the deployment.
        sources: where a check finds the app's source.
        request: what is wanted.
        ledger: where POSTs are written down before they leave.
        first: the number of the first attempt on this environment.
        progress: told what is under way.
    """
    environment = client.environment
    known = Examination(environment, sources)
    at = Gathering(known, client, request, ledger, first, progress)
    with ThreadPoolExecutor(2) as pool:
        if request.needs_of(*_DATABASE) and environment.database is not None:
            at.connecting = pool.submit(connect, environment.database, request.stop, environment.statement_timeout_s)
            if OBSERVED_INSERTS in request.needs and not request.read_only:
                at.watching = pool.submit(open_watch, environment.database)
        for kind in in_order(request.needs_of(Phase.READY, Phase.POSTS, Phase.SERVED)):
            at.gather(kind)
        request.posted()
        if request.needs_of(*_DATABASE):
            progress.now("reading its database")
            _read_database(at)
        for kind in in_order(request.needs_of(Phase.MIGRATION)):
            at.gather(kind)
        if at.watching is not None and at.sightings is None and at.watching.exception() is None:
            at.watching.result().close()  # no POST was sent
    progress.now("")
    known.took_s = time.monotonic() - known.began_s
    return known


def needed_for(kinds: frozenset[Evidence[object]], revision: str | None) -> frozenset[Evidence[object]]:
    """What an examination gathers for checks that look at these kinds.

    A revision that was named is waited for, whatever is asked; before a migration it does not matter what serves.
    """
    needed = all_needed(kind for kind in kinds if kind.phase is not Phase.SOURCE)
    if revision is not None and any(kind.phase is not Phase.MIGRATION for kind in needed):
        needed |= {READINESS}
    return needed


def _read_database(at: Gathering) -> None:
    environment, request = at.environment, at.request
    if at.connecting is None or environment.database is None:
        _all_unavailable(at, Waived("database: null", "give this environment its database URL"))
        return
    readiness = at.known.of(READINESS)
    if request.revision is not None and isinstance(readiness, CouldNotTell):
        # The release under test is not serving: what the database holds says nothing about it.
        _all_unavailable(at, readiness)
        _close(at.connecting)
        return
    try:
        connection = at.connecting.result()
        began = False
        try:
            with connection, limited(connection, connection.budget_s, request.stop), reading(connection):
                began = True
                at.reading = connection
                _read_parts(at)
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
            at.reading = connection
            _read_parts(at)
    except CouldNotTell as unavailable:
        _all_unavailable(at, unavailable)
    except psycopg.Error as error:
        _all_unavailable(at, translated(error, environment.database))


def _all_unavailable(at: Gathering, why: Unavailable) -> None:
    for kind in at.request.needs_of(*_DATABASE):
        at.known.put(kind, why)


def _close(connecting: Future[Connection]) -> None:
    if connecting.exception() is None:
        connecting.result().close()


def _read_parts(at: Gathering) -> None:
    """All parts in the transaction that is open; without the table there is none of the others."""
    at.read(TABLE)
    table = at.known.of(TABLE)
    if isinstance(table, Unavailable):
        _all_unavailable(at, table)
        return
    for kind in in_order(at.request.needs_of(*_DATABASE)):
        if kind is not TABLE:
            at.read(kind)
