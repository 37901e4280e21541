"""Watches a deployment while it changes: POSTs at a low rate, and each second a look at column, locks and revision."""

from __future__ import annotations

import math
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, replace
from functools import partial
from typing import TYPE_CHECKING

from harness.errors import CouldNotTell
from harness.history.attempt import attempt_name
from harness.http.readiness import revisions_now
from harness.postgres.column_look import ColumnWatch
from harness.postgres.rows import rows_of_ids_query
from harness.rollout.evidence import SAMPLE_S, RowChange, RowLook, Served
from harness.rollout.rows import RowComparison
from harness.rollout.story import tell

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from harness.history.attempt import Attempt
    from harness.history.writing import Ledger
    from harness.http.client import Client
    from harness.postgres.table import TableFacts
    from harness.rollout.state import WatchState

MOST_UNDER_WAY = 64  # POSTs at the same moment: those of a deployment that does not answer
_SHORTEST_WAIT_S = 0.2  # of the loop that sends, so that it hears when it is to end


def watch(
    state: WatchState,
    client: Client,
    ledger: Ledger,
    facts: TableFacts | None,
    why_no_more: Callable[[Attempt], CouldNotTell | None] | None,
) -> None:
    """Watch until the time is up, the POSTs are used up, the revision is there and steady, or somebody ends it.

    Args:
        state: what is to be done, and where what is seen is kept.
        client: speaks to the deployment, logged in.
        ledger: where POSTs are written down before they leave.
        facts: of the table, None where there is no database to look into.
        why_no_more: asked once, of the first POST that was acknowledged; no further POST is sent where it has a reason.
    """
    state.began_s = state.now_s
    over = threading.Event()
    with _beside(state, over, client, ledger, facts):
        try:
            _Poster(state, client, ledger, why_no_more).post()
        finally:
            state.ended_s = state.now_s
            over.set()


@contextmanager
def _beside(
    state: WatchState, over: threading.Event, client: Client, ledger: Ledger, facts: TableFacts | None
) -> Iterator[None]:
    """What goes on beside the POSTs, each in a thread of its own, once a second until it is over."""
    works = [state.tell_now]
    column: ColumnWatch | None = None
    if facts is not None and state.environment.database is not None:
        column = ColumnWatch(state.environment.database, facts.in_sql, facts.token_column, state.stop)
        state.token_column = facts.token_column
        works.append(partial(_look, state, column, _Rows(state, facts, ledger), ledger))
    if state.environment.ready.revision is not None:
        works.append(partial(_ask_revision, state, client, ledger))
    threads = [threading.Thread(target=_each_second, args=(state, over, work), daemon=True) for work in works]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        over.set()
        for thread in threads:
            thread.join()
        if column is not None:
            column.close()


def _each_second(state: WatchState, over: threading.Event, work: Callable[[], None]) -> None:
    while True:
        next_s = time.monotonic() + SAMPLE_S
        try:
            work()
        except OSError as error:
            state.fail(f"the history cannot be written: {error.strerror}")
            return
        except Exception as error:  # our own mistake must not look like a rollout that nobody saw
            state.fail(f"the harness itself failed: {type(error).__name__}: {error}")
            return
        if over.wait(max(0.0, next_s - time.monotonic())):
            return


def _look(state: WatchState, column: ColumnWatch, rows: _Rows, ledger: Ledger) -> None:
    try:
        look = column.look()
    except CouldNotTell as unavailable:
        state.missed.append(unavailable.cause)
        return
    origin_s = state.origin_s
    look = replace(look, asked_s=look.asked_s - origin_s, answered_s=look.answered_s - origin_s)
    state.looks.append(look)
    ledger.look(state.environment.name, "look", **asdict(look))
    if look.type is not None:
        rows.compare(column, look.type)


class _Rows:
    """Compares the rows of the POSTs that were acknowledged by now with their answers, after each look."""

    def __init__(self, state: WatchState, facts: TableFacts, ledger: Ledger) -> None:
        self._state, self._facts, self._ledger = state, facts, ledger
        self._known = RowComparison(facts.id_type, state.environment.labels_for)

    def compare(self, column: ColumnWatch, token_type: str) -> None:
        """Read them once, if the table is not locked just now; what is seen of it is kept, and written down."""
        state = self._state
        query = rows_of_ids_query(self._facts._replace(token_type=token_type))
        wanted = self._known.wanted(list(state.attempts)) if query is not None else {}
        if query is None or not wanted:
            return
        asked_s = state.now_s
        rows = column.rows(query, [*wanted])
        if rows is None:
            return
        seen, changes = self._known.compare(wanted, rows)
        masked = tuple(RowChange(c.name, state.redact(c.was), state.redact(c.now)) for c in changes)
        look = RowLook(asked_s, state.now_s, seen, masked)
        state.row_looks.append(look)
        self._ledger.look(state.environment.name, "rows", **asdict(look))


def _ask_revision(state: WatchState, client: Client, ledger: Ledger) -> None:
    """Ask several fresh connections each time: one alone may meet the old instance, and date the new one late."""
    asked_s = state.now_s
    revisions = revisions_now(client, min(5.0, state.environment.api.timeout_s))
    served = Served(asked_s, revisions, state.now_s)
    state.served.append(served)
    named = [each.revision and state.redact(each.revision) for each in revisions]
    answered_s = served.answered_s
    ledger.look(state.environment.name, "served", asked_s=asked_s, answered_s=answered_s, revisions=named)


class _Poster:
    """Sends the POSTs of a watch, each once, none whose name is not on disk."""

    def __init__(
        self,
        state: WatchState,
        client: Client,
        ledger: Ledger,
        why_no_more: Callable[[Attempt], CouldNotTell | None] | None,
    ) -> None:
        self._state, self._client, self._ledger = state, client, ledger
        self._why_no_more = why_no_more
        self._alone = True  # until one was acknowledged, and its row found
        self._lock = threading.Lock()
        self._under_way = 0
        self._asked_s = 0.0

    def post(self) -> None:
        """Send until it is over; returns when the last one has ended."""
        state = self._state
        period_s, n = 1 / state.watch.rate, 0
        most = min(MOST_UNDER_WAY, math.ceil(state.watch.rate * state.environment.api.timeout_s) + 1)
        due_s = state.now_s
        with ThreadPoolExecutor(most, thread_name_prefix="post") as pool:
            while not self._over(n):
                if (wait_s := due_s - state.now_s) > 0:
                    state.stop.wait(min(wait_s, _SHORTEST_WAIT_S))
                    continue
                due_s = max(due_s + period_s, state.now_s)  # what was late is not caught up with
                if self._under_way >= most:
                    state.withheld += 1
                    continue
                n += 1
                state.sent = n
                self._under_way_by(1)
                if self._alone:
                    self._send(n)
                    self._look_for_its_row()
                else:
                    pool.submit(self._send, n)

    def _over(self, sent: int) -> bool:
        state = self._state
        if state.stop.is_set():
            state.ended = state.ended or ("somebody ended it" if state.interrupts else "no further POST could be sent")
        elif state.now_s >= state.began_s + state.for_s:
            state.ended = f"the time was up ({state.for_s:g} s)"
        elif sent >= state.watch.attempts:
            state.ended = f"the POSTs were used up (watch.attempts: {state.watch.attempts})"
        elif self._has_arrived():
            state.ended = f"revision {state.until} was everywhere, and steady"
        return bool(state.ended)

    def _has_arrived(self) -> bool:
        """Whether the revision that ends it is everywhere, and the POSTs are answered as they should be."""
        state = self._state
        if state.until is None or not state.served or state.now_s - self._asked_s < SAMPLE_S / 2:
            return False
        self._asked_s = state.now_s
        last = state.served[-1]
        return (
            len(last.revisions) > 1 and last.is_everywhere(state.until) and tell(state.watched()).steady_s is not None
        )

    def _send(self, n: int) -> None:
        state, environment = self._state, self._state.environment
        name = attempt_name(state.run, n)
        try:
            self._ledger.intend(environment.name, [(n, name, "rollout", environment.labels_for(name))])
            attempt = self._client.post_chatbot(n, name, "rollout")
            self._client.renew_connection()  # the next one may reach another instance
            with self._lock:
                state.attempts.append(attempt)
            self._ledger.settle(environment.name, attempt)
        except OSError as error:
            state.fail(
                f"the history cannot be written ({error.strerror}), and no POST is sent whose name is not on disk"
            )
        except Exception as error:  # a thread that dies silently would look like POSTs that were never due
            state.fail(f"the harness itself failed: {type(error).__name__}: {error}")
        finally:
            self._under_way_by(-1)

    def _under_way_by(self, number: int) -> None:
        with self._lock:
            self._under_way += number

    def _look_for_its_row(self) -> None:
        """Once one is acknowledged, look for its row; the others go on only where it was found."""
        state = self._state
        first = next((attempt for attempt in state.attempts if attempt.outcome == "ok"), None)
        if first is None:
            return
        self._alone = False
        try:
            why = self._why_no_more(first) if self._why_no_more is not None else None
        except OSError as error:
            state.fail(f"the history cannot be written: {error.strerror}")
            return
        if why is not None:
            state.fail(f"{why.cause}; {why.remedy}")
