"""One POST and how it ended: the attempt, and what may be the matter with it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

Probe = Literal["chosen_token", "same_payload"]
Phase = Literal["sequence", "burst", "soak", "chosen_token", "same_payload"]
Outcome = Literal["ok", "fail", "unknown"]


class Problem(StrEnum):
    """Why an attempt did not end `ok`."""

    # Answered, but wrong: seen broken.
    WRONG_STATUS = "wrong status"
    REDIRECTED = "redirected"
    NOT_JSON = "not JSON"
    FIELD_MISSING = "field missing"
    TOO_LARGE = "too large"
    # No answer from a deployment that was ready: seen broken too, and a row may be stored.
    TIMED_OUT = "timed out"
    NO_ANSWER = "connection lost"
    CUT = "cut off"
    # Says nothing about the create route: could not tell.
    REFUSED = "connection refused"
    UNRESOLVED = "host not found"
    TLS = "TLS failed"
    UNAUTHORISED = "not authorised"
    FORBIDDEN = "forbidden"
    RATE_LIMITED = "rate limited"
    LOGIN_PAGE = "login page"
    PLACEHOLDER_PAGE = "placeholder page"
    # The run ended before the outcome was written.
    NOT_RECORDED = "not recorded"


COULD_NOT_TELL = frozenset(
    {
        Problem.REFUSED,
        Problem.UNRESOLVED,
        Problem.TLS,
        Problem.UNAUTHORISED,
        Problem.FORBIDDEN,
        Problem.RATE_LIMITED,
        Problem.LOGIN_PAGE,
        Problem.PLACEHOLDER_PAGE,
        Problem.NOT_RECORDED,
    }
)
_UNANSWERED = frozenset({Problem.TIMED_OUT, Problem.NO_ANSWER, Problem.CUT, Problem.NOT_RECORDED})
NEVER_SENT = frozenset({Problem.REFUSED, Problem.UNRESOLVED, Problem.TLS})


@dataclass(frozen=True, slots=True)
class Attempt:
    """One POST.

    `id` and `token` are set where the answer held them, as text. Times are seconds on the run's monotonic clock.
    `evidence` is the start of the body, masked; `error` says in words why the attempt did not end ok.
    """

    n: int
    name: str
    phase: Phase
    outcome: Outcome
    started_s: float
    ended_s: float
    problem: Problem | None = None
    status: int | None = None
    id: str | None = None
    token: str | None = None
    evidence: str = ""
    error: str = ""

    @property
    def took_s(self) -> float:
        """How long the whole exchange took, or how long it was waited for."""
        return self.ended_s - self.started_s

    @property
    def unanswered(self) -> bool:
        """Whether the deployment may still be at work on it: no whole answer came, or a proxy gave up waiting."""
        return self.problem in _UNANSWERED or self.status in (502, 503, 504)

    @property
    def may_have_stored(self) -> bool:
        """Whether a row of this attempt's name may exist."""
        return self.problem not in NEVER_SENT
