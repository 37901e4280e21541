"""How an exchange failed, whatever library sent it: which problem that is, and in which words.

The gate sends by requests, a soak by geventhttpclient. Each reduces the exceptions of its library to a `Failure`; what
a failure means is decided here, once.
"""

from __future__ import annotations

from enum import Enum, auto

from harness.history.problem import Problem

LARGEST_BODY = 1024 * 1024  # bytes of an answer, after decoding


class Failure(Enum):
    """What went wrong in an exchange."""

    TLS = auto()
    UNRESOLVED = auto()
    NOT_CONNECTED = auto()
    SOCKET_TIMED_OUT = auto()
    NOT_DECODED = auto()
    TOO_LARGE = auto()
    LOST = auto()
    """The connection, before or while the answer was read."""


class Failed(Exception):
    """An exchange failed; `detail` is what the library or the system said of it."""

    def __init__(self, failure: Failure, detail: str = "") -> None:
        super().__init__(detail)
        self.failure = failure
        self.detail = detail


_MEANINGS = {
    Failure.TLS: (Problem.TLS, "TLS failed: {detail}"),
    Failure.UNRESOLVED: (Problem.UNRESOLVED, "host not found: {detail}"),
    Failure.NOT_CONNECTED: (Problem.REFUSED, "no connection: {detail}"),
    Failure.SOCKET_TIMED_OUT: (Problem.TIMED_OUT, "no answer within the time-out"),
    Failure.NOT_DECODED: (Problem.NOT_JSON, "the body is not encoded as its Content-Encoding says"),
    Failure.TOO_LARGE: (Problem.TOO_LARGE, f"{{status}} with a body of more than {LARGEST_BODY // 1024} KiB"),
    Failure.LOST: (Problem.NO_ANSWER, "the connection was lost: {detail}"),
}


def meaning(failed: Failed, status: int | None) -> tuple[Problem, str]:
    """Which problem a failure is, and in words; `status` is that of the answer, where one had begun."""
    if failed.failure is Failure.LOST and status is not None:
        return Problem.CUT, "the answer ended before its announced end"
    problem, words = _MEANINGS[failed.failure]
    return problem, words.replace("{status}", str(status)).replace("{detail}", failed.detail)


def out_of_time(timeout_s: float, status: int | None) -> tuple[Problem, str]:
    """The same of an exchange whose whole time was spent."""
    said = f" (the status was {status})" if status is not None else ""
    return Problem.TIMED_OUT, f"no whole answer within {timeout_s:g} s{said}"


def described(error: BaseException) -> str:
    """What an exception says, as briefly as it can be told from others: the system's own words where it has some."""
    return f"{type(error).__name__}: {getattr(error, 'strerror', None) or error}"
