"""One HTTP exchange with requests: no retry, no redirect, bounded headers and body, a budget for all of it.

requests' own time-out is per socket read, so a server that trickles outlives it. Here a thread that watches over all
exchanges shuts the socket down when the budget is spent, whatever the exchange is doing: waiting for headers, inside a
body, or inside TLS.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import requests
import urllib3

from harness.http.deadline import Budget
from harness.http.failures import LARGEST_BODY, Failed, Failure, described, meaning, out_of_time
from harness.http.reply import Reply

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def exchange(
    session: requests.Session,
    method: str,
    url: str,
    *,
    timeout_s: float,
    headers: dict[str, str] | None = None,
    json: Any = None,
    hold: Callable[[], None] | None = None,
) -> Reply:
    """Send one request and read its answer within `timeout_s`. Never raises: every ending is a `Reply`.

    `hold` is called when the request is made and its connection open, so that all that is left to do is to write; it
    returns when it may leave, and its time begins then, or raises `Withheld`, which alone comes through.
    """
    reply = Reply(started_s=time.monotonic())
    with Budget(timeout_s, reply, hold) as budget:
        try:
            _read(session, method, url, reply, timeout_s=timeout_s, headers=headers, json=json)
        except Exception as error:  # whatever a hostile server provokes is an outcome of this POST
            reply.problem, reply.error = meaning(_failed(error, sent=budget.sent), reply.status)
        reply.ended_s = time.monotonic()
    if budget.spent:
        # A body without a length ends like a whole one when its socket is shut down.
        reply.problem, reply.error = out_of_time(timeout_s, reply.status)
    return reply


def _read(session: requests.Session, method: str, url: str, reply: Reply, *, timeout_s: float, **send: Any) -> None:
    response = session.request(method, url, timeout=timeout_s, allow_redirects=False, stream=True, **send)
    try:
        reply.status = response.status_code
        reply.headers = response.headers
        body = bytearray()
        for chunk in response.raw.stream(65536, decode_content=True):
            body += chunk
            if len(body) > LARGEST_BODY:
                reply.problem, reply.error = meaning(Failed(Failure.TOO_LARGE), reply.status)
                break
        del body[LARGEST_BODY:]
        reply.body = bytes(body)
    finally:
        response.close()


def _failed(error: Exception, *, sent: bool) -> Failed:
    """What an exception of requests or urllib3 stands for. Wrapped exceptions say it better than their wrappers.

    `sent` says that the request has begun to leave: whatever failed then, a row may be stored.
    """
    chain = list(_chain(error))
    detail = described(next((e for e in reversed(chain) if isinstance(e, OSError) and e.strerror), chain[-1]))
    for cause in chain:
        for kinds, failure in _KINDS:
            if isinstance(cause, kinds) and not (sent and failure in _BEFORE_IT_IS_SENT):
                return Failed(failure, detail)
    return Failed(Failure.LOST, detail)


_KINDS: tuple[tuple[tuple[type[BaseException], ...], Failure], ...] = (
    ((requests.exceptions.SSLError, urllib3.exceptions.SSLError), Failure.TLS),
    ((urllib3.exceptions.NameResolutionError,), Failure.UNRESOLVED),
    ((urllib3.exceptions.NewConnectionError,), Failure.NOT_CONNECTED),  # to urllib3 a kind of time-out
    ((requests.exceptions.Timeout, urllib3.exceptions.TimeoutError, TimeoutError), Failure.SOCKET_TIMED_OUT),
    ((urllib3.exceptions.DecodeError,), Failure.NOT_DECODED),
)


_BEFORE_IT_IS_SENT = (Failure.TLS, Failure.UNRESOLVED, Failure.NOT_CONNECTED)


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    pending = [error]
    while pending:
        current = pending.pop(0)
        if id(current) in seen:
            continue
        seen.add(id(current))
        yield current
        inner = [*current.args, getattr(current, "reason", None), current.__cause__, current.__context__]
        pending.extend(item for item in inner if isinstance(item, BaseException))
