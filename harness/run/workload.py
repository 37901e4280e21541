"""The POSTs of a run on one environment: some one after another, then some at the same moment."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from harness.errors import CouldNotTell
from harness.history.attempt import Attempt, Phase, Probe, attempt_name
from harness.history.history import History, chosen_token
from harness.history.problem import Problem
from harness.http.reply import Withheld
from harness.progress import Progress
from harness.run.start_line import StartLine

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from harness.history.writing import Ledger
    from harness.http.client import Client

MOST_PROBES = 3  # POSTs that all probes together send
ON_ONE_CONNECTION = 8  # POSTs of the sequence: a prepared plan, or whatever else is kept, may fail from the sixth on
LONGEST_IDLE_S = 1.0  # of a connection that is used again; some servers close one after a few seconds


class Unrecorded(CouldNotTell):
    """The history cannot be written any more, so that no further POST was sent. `sent` are those that were."""

    def __init__(self, path: Path, error: OSError, sent: Sequence[Attempt]) -> None:
        super().__init__(
            f"{path} cannot be written ({error.strerror}), and no POST is sent whose name is not on disk; "
            f"{len(sent)} were sent before",
            "make room there, or name another folder with --report-dir, and run again",
        )
        self.sent = tuple(sent)


def post_all(
    client: Client,
    ledger: Ledger,
    run: str,
    first: int,
    stop: threading.Event,
    progress: Progress | None = None,
    why_no_more: Callable[[Attempt], CouldNotTell | None] | None = None,
    probes: Sequence[Probe] = (),
) -> History:
    """Send `posts` and then `burst` POSTs, and those of probes, each once, each written to the ledger before and after.

    Args:
        client: speaks to the environment.
        ledger: where intents and outcomes are written.
        run: the run's id.
        first: the number of the first attempt; numbers are unique in a run, also across environments, so that two
            environments on one database cannot be confused.
        stop: when set, no further POST is sent.
        progress: told how far it is.
        why_no_more: asked once, of the first POST that was acknowledged; no further POST is sent where it has a reason.
        probes: what is asked besides. Not where nothing was acknowledged, since nothing could be told from an answer.

    Raises:
        Unrecorded: the ledger cannot be written; what was sent until then is in it.
    """
    environment = client.environment
    numbers = range(first, first + environment.posts)
    progress = progress or Progress()
    sent: list[Attempt] = []
    cut_short: CouldNotTell | None = None
    try:
        for n in numbers:
            if stop.is_set():
                break
            progress.now("POSTing one after another", f"{len(sent)} of {environment.posts}")
            _post_one(client, ledger, run, n, sent)
            answered_s = time.monotonic()
            if why_no_more is not None and _says_that_it_is_stored(sent[-1]):
                cut_short, why_no_more = why_no_more(sent[-1]), None
            if cut_short is not None:
                return History.of(environment.name, sent, cut_short)
            if _ends_its_connection(n - first + 1, sent[-1], time.monotonic() - answered_s):
                client.renew_connection()
        client.renew_connection()
        progress.now(f"POSTing {environment.burst} at once")
        if environment.burst and not stop.is_set():
            together = range(numbers.stop, numbers.stop + environment.burst)
            _at_once(client, ledger, run, together, stop, sent)
        acknowledged = any(a.outcome == "ok" for a in sent)
        for probe in probes:
            if acknowledged and not stop.is_set():
                _probe(client, ledger, run, first + environment.posts + environment.burst, probe, sent)
    except OSError as error:
        raise Unrecorded(ledger.path, error, sent) from None
    return History.of(environment.name, sorted(sent, key=lambda a: a.n))


def _ends_its_connection(sent: int, last: Attempt, idle_s: float) -> bool:
    """Whether the next POST opens a connection of its own: it may reach another instance, and has not idled out."""
    return sent % ON_ONE_CONNECTION == 0 or last.outcome != "ok" or idle_s > LONGEST_IDLE_S


def _says_that_it_is_stored(attempt: Attempt) -> bool:
    """Whether an answer says so; one that is wrong in another way says that the deployment is broken."""
    return attempt.outcome == "ok" or attempt.problem is Problem.OTHER_KEY


def _probe(client: Client, ledger: Ledger, run: str, first: int, probe: Probe, sent: list[Attempt]) -> None:
    """One POST that brings a token, or two POSTs that are alike to the letter."""
    environment = client.environment
    # The numbers of the probes are the same whichever of them are asked for.
    numbers = [first] if probe == "chosen_token" else [first + 1, first + 2]
    name = attempt_name(run, numbers[0])
    ledger.intend(environment.name, [(n, name, probe, environment.labels_for(name)) for n in numbers])
    for n in numbers:
        token = chosen_token(name) if probe == "chosen_token" else None
        sent.append(client.post_chatbot(n, name, probe, token=token))
        client.renew_connection()
        ledger.settle(environment.name, sent[-1])


def _intend(client: Client, ledger: Ledger, run: str, numbers: Sequence[int], phase: Phase) -> None:
    names = [(n, attempt_name(run, n)) for n in numbers]
    ledger.intend(client.environment.name, [(n, name, phase, client.environment.labels_for(name)) for n, name in names])


def _post_one(client: Client, ledger: Ledger, run: str, n: int, sent: list[Attempt]) -> None:
    _intend(client, ledger, run, [n], "sequence")
    sent.append(client.post_chatbot(n, attempt_name(run, n), "sequence"))
    ledger.settle(client.environment.name, sent[-1])


def _at_once(
    client: Client, ledger: Ledger, run: str, numbers: Sequence[int], stop: threading.Event, sent: list[Attempt]
) -> None:
    _intend(client, ledger, run, numbers, "burst")
    start = StartLine(len(numbers))

    def post(n: int) -> None:
        ready = False

        def hold() -> None:
            nonlocal ready
            ready = True
            start.wait()
            if stop.is_set():
                raise Withheld

        try:
            # The connection is opened, and the request made, before all are let go: then each has only to be written.
            # No other request opens it: a worker that has answered one may wait for the next, and take no other.
            attempt = client.post_chatbot(n, attempt_name(run, n), "burst", hold=hold)
        except Withheld:
            return
        finally:
            if not ready:  # it failed before it could be sent, and the others must not wait for it
                start.ready()
        sent.append(attempt)
        client.renew_connection()
        ledger.settle(client.environment.name, attempt)

    with ThreadPoolExecutor(len(numbers)) as pool:
        try:
            posting = pool.map(post, numbers)
        except RuntimeError:  # no more threads: those that wait already would wait for ever
            start.now()
            raise
        list(posting)  # raises what a thread raised, when all are done
