"""How an exchange failed: exceptions of requests sorted into problems."""

from __future__ import annotations

from typing import TYPE_CHECKING

import requests
import urllib3

from harness.history.history import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator


def _sorted(error: Exception) -> tuple[Problem, str]:
    """Which ending an exception stands for. Wrapped exceptions say it better than their wrappers."""
    chain = list(_chain(error))
    for cause in chain:
        if isinstance(cause, (requests.exceptions.SSLError, urllib3.exceptions.SSLError)):
            return Problem.TLS, f"TLS failed: {_innermost(chain)}"
        if isinstance(cause, urllib3.exceptions.NameResolutionError):
            return Problem.UNRESOLVED, f"host not found: {_innermost(chain)}"
        if isinstance(cause, urllib3.exceptions.NewConnectionError):  # to urllib3 a kind of time-out
            return Problem.REFUSED, f"no connection: {_innermost(chain)}"
        if isinstance(cause, (requests.exceptions.Timeout, urllib3.exceptions.TimeoutError, TimeoutError)):
            return Problem.TIMED_OUT, "no answer within the time-out"
        if isinstance(cause, urllib3.exceptions.DecodeError):
            return Problem.NOT_JSON, "the body is not encoded as its Content-Encoding says"
    return Problem.NO_ANSWER, f"the connection was lost: {_innermost(chain)}"


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


def _innermost(chain: list[BaseException]) -> str:
    last = next((e for e in reversed(chain) if isinstance(e, OSError) and e.strerror), chain[-1])
    return f"{type(last).__name__}: {getattr(last, 'strerror', None) or last}"
