"""One HTTP exchange with requests: no retry, no redirect, bounded headers and body, a budget for all of it.

requests' own time-out is per socket read, so a server that trickles outlives it. Here a thread that watches over all
exchanges shuts the socket down when the budget is spent, whatever the exchange is doing: waiting for headers, inside a
body, or inside TLS.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import requests

from harness.history.history import Problem
from harness.http.deadline import _Budget
from harness.http.failures import _sorted
from harness.http.reply import Reply

if TYPE_CHECKING:
    from collections.abc import Callable

LARGEST_BODY = 1024 * 1024  # bytes, after decoding


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
    with _Budget(timeout_s, reply, hold) as budget:
        try:
            _read(session, method, url, reply, timeout_s=timeout_s, headers=headers, json=json)
        except Exception as error:  # whatever a hostile server provokes is an outcome of this POST
            reply.problem, reply.error = _sorted(error)
            if reply.problem is Problem.NO_ANSWER and reply.status is not None:
                reply.problem, reply.error = Problem.CUT, "the answer ended before its announced end"
        reply.ended_s = time.monotonic()
    if budget.spent:
        # A body without a length ends like a whole one when its socket is shut down.
        reply.problem = Problem.TIMED_OUT
        reply.error = f"no whole answer within {timeout_s:g} s" + (
            f" (the status was {reply.status})" if reply.status is not None else ""
        )
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
                reply.problem = Problem.TOO_LARGE
                reply.error = f"{reply.status} with a body of more than {LARGEST_BODY // 1024} KiB"
                break
        del body[LARGEST_BODY:]
        reply.body = bytes(body)
    finally:
        response.close()
