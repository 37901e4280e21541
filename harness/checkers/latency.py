"""How long POSTs took, and whether that is unusual."""

from __future__ import annotations

import math
from collections import Counter
from operator import sub
from statistics import median
from typing import TYPE_CHECKING

from harness.history.columnar import column, took_in_order, unacknowledged
from harness.history.out_of_core import Column
from harness.history.problem import COULD_NOT_TELL

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from harness.history.attempt import Attempt
    from harness.history.history import History

FEWEST_RUNS = 5  # that a latency is compared with; fewer say nothing about what is usual
UNUSUAL = 3.0  # robust deviations above the median
_LEAST_DEVIATION = 0.05  # of the median: runs that are alike to the millisecond make no alarm


def took_ms(attempt: Attempt) -> float:
    """Milliseconds from its first byte sent to its last byte read, or to when it was given up."""
    return attempt.took_s * 1000


def durations_ms(history: History) -> Sequence[float]:
    """How long those attempts took that say how fast the create route is, ascending.

    One that was given up took at least as long as it was waited for; one that met a login or a limit says nothing.
    """
    silent = [a.took_s for a in history.unacknowledged if a.problem in COULD_NOT_TELL]
    return _without(took_in_order(history.attempts), silent, times=1000)


def answered_s(attempts: Sequence[Attempt]) -> Sequence[float]:
    """How long the attempts took that were answered, ascending."""
    unanswered = [a.took_s for a in unacknowledged(attempts) if a.status is None or a.ended_s <= 0]
    return _without(took_in_order(attempts), unanswered)


def _without(ordered: Sequence[float], others: Sequence[float], times: float = 1) -> Sequence[float]:
    """The same without each of others, which are among them, multiplied so many times."""
    if not others and times == 1:
        return ordered
    left = Counter(others)
    numbers = (number * times for number in ordered if not left or not _taken(left, number))
    return list(numbers) if isinstance(ordered, list) else Column("d", numbers)


def _taken(left: Counter[float], number: float) -> bool:
    """Whether it is one of those that are left; it is then no more."""
    if left[number] <= 0:
        return False
    left[number] -= 1
    return True


def slower_than(history: History, budget_ms: float) -> list[Attempt]:
    """The attempts of `durations_ms` that took longer, the slowest first."""
    attempts = history.attempts
    took_s = map(sub, column(attempts, "ended_s"), column(attempts, "started_s"))
    slow = (attempts[place] for place, s in enumerate(took_s) if s * 1000 > budget_ms)
    return sorted((a for a in slow if a.problem not in COULD_NOT_TELL), key=took_ms, reverse=True)


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
