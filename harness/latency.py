"""How long POSTs took, and whether that is unusual."""

from __future__ import annotations

import math
from statistics import median
from typing import TYPE_CHECKING

from harness.history import COULD_NOT_TELL

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from harness.history import Attempt, History

FEWEST_RUNS = 5  # that a latency is compared with; fewer say nothing about what is usual
UNUSUAL = 3.0  # robust deviations above the median
_LEAST_DEVIATION = 0.05  # of the median: runs that are alike to the millisecond make no alarm


def took_ms(attempt: Attempt) -> float:
    """Milliseconds from its first byte sent to its last byte read, or to when it was given up."""
    return attempt.took_s * 1000


def timed(history: History) -> list[Attempt]:
    """The attempts that say how fast the create route is, the fastest first.

    One that was given up took at least as long as it was waited for; one that met a login or a limit says nothing.
    """
    return sorted((a for a in history.attempts if a.problem not in COULD_NOT_TELL), key=took_ms)


def percentile(ordered: Sequence[float], per_cent: int) -> float:
    """The nearest rank: the smallest of the values that at least so many per cent of them do not exceed."""
    return ordered[max(math.ceil(per_cent * len(ordered) / 100), 1) - 1]


def unusual_latency(p95_ms: float, earlier: Iterable[float]) -> str | None:
    """What is to be said of a p95 that lies far above that of earlier runs; None where it does not.

    Far is 3 robust deviations above the median: 1.4826 times the median absolute deviation, which equals the standard
    deviation where values are normal (Rousseeuw and Croux 1993), and which one slow run cannot move.
    """
    usual = list(earlier)
    if len(usual) < FEWEST_RUNS:
        return None
    middle = median(usual)
    deviation = max(1.4826 * median(abs(value - middle) for value in usual), _LEAST_DEVIATION * middle)
    if p95_ms <= middle + UNUSUAL * deviation:
        return None
    return (
        f"unusually slow: p95 of the POSTs is {p95_ms:.0f} ms; in the last {len(usual)} runs it was {middle:.0f} ms in "
        f"the middle, and {middle + UNUSUAL * deviation:.0f} ms would be {UNUSUAL:g} robust deviations above that"
    )
