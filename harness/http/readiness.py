"""Waits until a deployment serves, and finds out which revision it is.

A GET may be repeated, so waiting is tenacity's. What cannot get better by waiting (a certificate, a missing
authorisation) ends it at once.
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, NamedTuple

from tenacity import RetryCallState, Retrying, retry_if_exception_type, sleep_using_event

from harness.errors import CouldNotTell
from harness.history.in_front import MOST_READ, remedy_of, sign_of
from harness.history.problem import Problem, remedy_for
from harness.history.revision import ServedRevision, same_revision
from harness.http.created import ONE_DOCUMENT, is_missing, is_page, lookup, parse_json
from harness.http.redirects import keys_that_follow
from harness.text import in_one_line, printable

if TYPE_CHECKING:
    import threading

    from harness.configuration.models import Environment
    from harness.http.client import Client
    from harness.http.reply import Reply
    from harness.progress import Progress

LONGEST_PAUSE_S = 10.0
SHORTEST_PAUSE_S = 0.1  # also where Retry-After says 0, or a time that is past
LONGEST_ATTEMPT_S = 10.0  # then it is asked again: what was lost, or held back by a cold start, costs no more
LONGEST_REVISION = 200  # characters; whatever the page holds there goes into reports
WAITING = "waiting until it is ready"
FINAL_TRIES = 6  # about 3 s: then an answer that was the same from the first try on does not get better by waiting
_MAY_PASS = frozenset({401, 403, 407, 408, 425, 429})  # 4xx that are not final, or are told at once
FRESH_CONNECTIONS = 8  # that are asked for their revision after the POSTs


class Readiness(NamedTuple):
    """The deployment answered. `revision` is what its page named, None where none is configured."""

    waited_s: float
    status: int
    revision: str | None


class _NotYet(Exception):
    """Not the answer that is waited for: what to do about it, and what it is where it seems to be `final`."""

    def __init__(
        self, reason: str, retry_after_s: float | None = None, *, remedy: str = "", final: str | None = None
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.retry_after_s = retry_after_s
        self.remedy = remedy
        self.final = final


def wait_until_ready(
    client: Client, revision: str | None, stop: threading.Event, progress: Progress | None = None
) -> Readiness:
    """Ask the ready page until it answers 2xx, and names `revision` where one is given; say in `progress` why not yet.

    Raises:
        CouldNotTell: it did not within `ready.timeout_s`, or waiting cannot help.
    """
    ready = client.environment.ready
    began = time.monotonic()
    deadline = began + ready.timeout_s
    last = deadline - min(1.0, ready.timeout_s / 4)  # no attempt begins later: it would only have time to time out

    def pause(state: RetryCallState) -> float:
        outcome = state.outcome.exception() if state.outcome is not None else None
        if progress is not None:
            progress.now(WAITING, str(outcome or ""))
        asked = outcome.retry_after_s if isinstance(outcome, _NotYet) else None
        wanted: float = min(0.1 * 2 ** (state.attempt_number - 1), 2.0)
        if asked is not None:
            wanted = max(asked, SHORTEST_PAUSE_S)
        return max(0.0, min(wanted, LONGEST_PAUSE_S, last - time.monotonic()))

    waited: list[str] = []
    finals: set[str | None] = set()  # what every try ended in so far

    def over(state: RetryCallState) -> bool:
        outcome = state.outcome.exception() if state.outcome is not None else None
        finals.add(outcome.final if isinstance(outcome, _NotYet) else None)
        # A release that is waited for may bring the page along.
        final = revision is None and len(finals) == 1 and None not in finals
        if stop.is_set() or time.monotonic() >= last:
            return True
        if final and state.attempt_number >= FINAL_TRIES:
            waited.append(f"in {FINAL_TRIES} tries")
        return bool(waited)

    def ask() -> Readiness:
        reply = client.get(ready.path, timeout_s=min(deadline - time.monotonic(), LONGEST_ATTEMPT_S))
        client.renew_connection()
        found = _serving(client.environment, reply, revision)
        return Readiness(waited_s=time.monotonic() - began, status=reply.status or 0, revision=found)

    attempts = Retrying(
        sleep=sleep_using_event(stop),
        stop=over,
        wait=pause,
        retry=retry_if_exception_type(_NotYet),
        reraise=True,
    )
    try:
        return attempts(ask)
    except _NotYet as not_yet:
        within = next(iter(waited), f"within {ready.timeout_s:g} s")
        raise _told(client.environment, not_yet, f" {within}") from None


def why_not_ready(environment: Environment, reply: Reply) -> CouldNotTell | None:
    """What one answer of the ready page lacks to be that of a deployment that serves; None where it lacks nothing."""
    try:
        _serving(environment, reply, None)
    except _NotYet as not_yet:
        return _told(environment, not_yet)
    except CouldNotTell as unavailable:
        return unavailable
    return None


def _told(environment: Environment, not_yet: _NotYet, within: str = "") -> CouldNotTell:
    remedy = "wait for the deployment and run again; if it is up, check url, ready.path and ready.timeout_s"
    said = f"GET {environment.url_of(environment.ready.path)} was not ready{within}: {not_yet.reason}"
    return CouldNotTell(said, not_yet.remedy or remedy, "ready.path" if not_yet.final is not None else "")


def _serving(environment: Environment, reply: Reply, wanted: str | None) -> str | None:
    """The revision that a reply names. Raises `_NotYet` or `CouldNotTell` where it is not the answer waited for."""
    url = environment.url_of(environment.ready.path)
    if reply.problem is Problem.TLS:
        raise CouldNotTell(f"{url}: {printable(reply.error)}", remedy_for(reply.problem, reply.error))
    status = reply.status or 0
    large = reply.problem is Problem.TOO_LARGE and environment.ready.revision is None  # a page is not read for itself
    if reply.problem is not None and not large:
        raise _NotYet(printable(reply.error))
    if in_front := in_front_of(reply):
        said, remedy = f"answered {status}, in its place by {printable(in_front)}", remedy_of(in_front)
        if status in (401, 403):
            raise CouldNotTell(f"{url} {said}", remedy)
        raise _NotYet(f"it {said}", _retry_after_s(reply.headers.get("Retry-After")), remedy=remedy)
    if status in (401, 403, 407):
        raise CouldNotTell(
            f"{url} answered {status}: not authorised", "check headers and login, or let ready.path be a public page"
        )
    if not 200 <= status < 300:
        raise _not_ready(environment, status, reply)
    if environment.ready.revision is None:
        return None
    found = revision_of(environment, reply)
    if wanted is not None and not same_revision(found, wanted):
        raise _NotYet(f"it serves revision {printable(found or 'none')}, want {wanted}")
    return found


def in_front_of(reply: Reply) -> str:
    """What answered a page in the deployment's place, "" where nothing tells that."""
    status = reply.status or 0
    # A page of the app's own may hold a form with a captcha.
    text = "" if 200 <= status < 300 else reply.body[:MOST_READ].decode("utf-8", "replace")
    return sign_of(status, reply.headers, text, html=is_page(reply.headers.get("Content-Type", ""), text))


def _not_ready(environment: Environment, status: int, reply: Reply) -> _NotYet:
    """What an answer that is no 2xx says of how long to wait, and what to write."""
    retry_after_s = _retry_after_s(reply.headers.get("Retry-After"))
    if 300 <= status < 400:
        location = reply.headers.get("Location", "")
        keys = keys_that_follow(environment.origin, environment.ready.path, "ready.path", status, location)
        remedy = f"set {printable(keys)}" if keys else ""
        said = f"it answered {status} to {printable(location or 'nowhere')}"
        return _NotYet(said, retry_after_s, remedy=remedy, final=said if keys else None)
    if 400 <= status < 500 and status not in _MAY_PASS:
        remedy = "set ready.path to a page that answers 2xx when the deployment serves; check url too"
        return _NotYet(f"it answered {status}", retry_after_s, remedy=remedy, final=str(status))
    return _NotYet(f"it answered {status}", retry_after_s)


def revision_of(environment: Environment, reply: Reply) -> str | None:
    """The revision at `ready.revision` of a page's JSON, None where it names none."""
    with ONE_DOCUMENT:
        return _named(environment, reply)


def _named(environment: Environment, reply: Reply) -> str | None:
    try:
        value = lookup(parse_json(reply.body), environment.ready.revision or "")
    except ValueError:
        return None
    if is_missing(value) or value is None:
        return None
    text = str(value)
    return in_one_line(text) if len(text) <= LONGEST_REVISION else printable(text, limit=LONGEST_REVISION)


def revisions_now(client: Client, timeout_s: float | None = None) -> tuple[ServedRevision, ...]:
    """Ask several fresh connections at once: a balancer that counts or hashes connections spreads them.

    `timeout_s` is for each, api.timeout_s where it is None.
    """
    ready = client.environment.ready

    def ask(_: int) -> ServedRevision:
        reply = client.get(ready.path, timeout_s=timeout_s or client.environment.api.timeout_s)
        client.renew_connection()
        if reply.problem is not None or not 200 <= (reply.status or 0) < 300:
            return ServedRevision(None, printable(reply.error or f"answered {reply.status}"))
        return ServedRevision(revision_of(client.environment, reply))

    with ThreadPoolExecutor(FRESH_CONNECTIONS) as pool:
        return tuple(pool.map(ask, range(FRESH_CONNECTIONS)))


def _retry_after_s(value: str | None) -> float | None:
    """Retry-After in seconds (RFC 9110 section 10.2.3: seconds or a date); None where it is neither."""
    if value is None:
        return None
    if value.strip().isdecimal():
        return float(value[:9])
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except (ValueError, TypeError, OverflowError):
        return None
