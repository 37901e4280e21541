"""One POST and how it ended."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from harness.history.problem import _UNANSWERED, NEVER_SENT, Problem
from harness.patterns import lazily

Probe = Literal["chosen_token", "same_payload"]
Phase = Literal["sequence", "burst", "soak", "rollout", "chosen_token", "same_payload"]
Outcome = Literal["ok", "fail", "unknown"]
_RUN_ID = lazily(r"[0-9]{8}-[0-9]{6}-[0-9a-f]{8}")
# Somebody gave up waiting: RFC 9110; AWS (460), nginx (499), Cloudflare (520, 522, 524), other proxies (598, 599).
_GAVE_UP = frozenset({408, 460, 499, 502, 503, 504, 520, 522, 524, 598, 599})


def is_run_id(text: str) -> bool:
    """Whether a run may have given itself this id (`harness.run.settings.new_run`)."""
    return _RUN_ID.fullmatch(text) is not None


def attempt_name(run: str, n: int) -> str:
    """The unique name that attempt `n` of a run sends."""
    return f"smoke-{run}-{n}"


class Attempt(Struct, frozen=True):
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
        """Whether the deployment may still be at work on it: no whole answer came, or somebody gave up waiting for it.

        Whatever the answer was, a row may be stored: no status says that none is. This one says that it is likely.
        """
        return self.problem in _UNANSWERED or self.status in _GAVE_UP

    @property
    def may_have_stored(self) -> bool:
        """Whether a row of this attempt's name may exist."""
        return self.problem not in NEVER_SENT
