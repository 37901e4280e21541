"""How long POSTs took before, during and after a rollout: what happened tells the three apart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from harness.checkers.latency import durations_ms, percentile
from harness.history.history import History

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.history.attempt import Attempt

SpanName = Literal["before", "during", "after"]


@dataclass(frozen=True, slots=True)
class LatencySpan:
    """The POSTs that began in one stretch. What says nothing about the create route is left out, what failed is not."""

    name: SpanName
    attempts: tuple[Attempt, ...]
    p50_ms: float
    p95_ms: float
    max_ms: float


def latency_spans(
    attempts: Sequence[Attempt], changed_s: float | None, steady_s: float | None
) -> tuple[LatencySpan, ...]:
    """The stretches in which POSTs were answered or given up, in order.

    Args:
        attempts: all POSTs.
        changed_s: when the first change may have begun; None where nothing changed.
        steady_s: from when on all was as the change wants it; None where that never was.
    """
    end_s = float("inf") if steady_s is None else steady_s
    begin_s = end_s if changed_s is None else min(changed_s, end_s)
    bounds: list[tuple[SpanName, float, float]] = [
        ("before", float("-inf"), begin_s),
        ("during", begin_s, end_s),
        ("after", end_s, float("inf")),
    ]
    found = []
    for name, from_s, to_s in bounds:
        within = tuple(a for a in attempts if from_s <= a.started_s < to_s)
        took = durations_ms(History.of("", within)) if within else []
        if took:
            found.append(LatencySpan(name, within, percentile(took, 50), percentile(took, 95), took[-1]))
    return tuple(found)
