"""The geometry of the report page's plots: numbers in, places of bars and marks out. Draws and writes nothing.

Lengths along the horizontal axis are per cent of the plot's width, so that a page of any width shows them without
scaling its text; heights are pixels. Times are seconds.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from itertools import islice, pairwise
from operator import sub
from typing import TYPE_CHECKING, NamedTuple

from harness.checkers.latency import percentile
from harness.checkers.randomness import EVEN_WITHIN, FEWEST_FOR_BITS, RANDOM_BITS, uneven_bits
from harness.history.columnar import column, took_in_order, unacknowledged
from harness.history.out_of_core import Column
from harness.history.problem import Problem
from harness.text import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.history.attempt import Attempt, Outcome
    from harness.history.token_sample import Sample
    from harness.report.run_log import PastRun

MOST_BARS = 200  # of one timeline; more would be a grey wall, and a page too large to send around
WITH_LABELS = 60  # up to so many bars have room for a line of text each
ROW_WITH_LABEL, ROW = 15, 3  # pixels
MOST_BINS = 40
FEWEST_COLUMNS = 10  # that a trend leaves room for


class Tick(NamedTuple):
    """A line across a time axis."""

    x: float
    label: str


class Bar(NamedTuple):
    """One POST, from when it left to when its answer was whole or given up. `y` is the top of its row."""

    n: int
    outcome: Outcome
    x: float
    width: float
    y: int
    says: str


class Timeline(NamedTuple):
    """Some POSTs, a row each, in the order in which they left. `of` counts those that could have been drawn."""

    bars: tuple[Bar, ...]
    ticks: tuple[Tick, ...]
    row: int
    of: int
    span_s: float

    @property
    def height(self) -> int:
        """Of all rows."""
        return max(len(self.bars) * self.row, ROW_WITH_LABEL)

    @property
    def labelled(self) -> bool:
        """Whether each row has room for a line of text."""
        return self.row == ROW_WITH_LABEL

    @property
    def gutter(self) -> int:
        """Where bars begin, in per cent: there is room for the largest number, or for a mark."""
        return 3 + 2 * max((len(str(bar.n)) for bar in self.bars), default=0) if self.labelled else 4


def timeline(attempts: Sequence[Attempt]) -> Timeline:
    """Where each POST's bar stands. Those whose times are not known (the run was killed) have none."""
    starts_s, ends_s = column(attempts, "started_s"), column(attempts, "ended_s")
    timed: Sequence[int] = range(len(attempts))
    if min(ends_s, default=0.0) <= 0:
        timed = Column("Q", (place for place, end_s in enumerate(ends_s) if end_s > 0))
        starts_s = Column("d", (start_s for start_s, end_s in zip(starts_s, ends_s, strict=True) if end_s > 0))
    shown = sorted((attempts[place] for place in _worth_drawing(attempts, timed)), key=lambda a: (a.started_s, a.n))
    begin_s = min(starts_s, default=0.0)
    span_s = max(ends_s, default=0.0) - begin_s
    whole_s = span_s or 1.0
    row = ROW_WITH_LABEL if len(shown) <= WITH_LABELS else ROW
    bars = tuple(
        Bar(
            n=a.n,
            outcome=a.outcome,
            x=_percent((a.started_s - begin_s) / whole_s),
            width=max(_percent(a.took_s / whole_s), 0.2),
            y=index * row,
            says=f"{answer_in_words(a)}, {in_words(a.took_s)}",
        )
        for index, a in enumerate(shown)
    )
    return Timeline(bars, ticks(span_s), row, len(timed), span_s)


def marks(attempts: Sequence[Attempt], line: Timeline, moments: Sequence[tuple[float, str]]) -> tuple[Tick, ...]:
    """Where moments (seconds of the run, label) stand across a timeline of these attempts; none of those beside it."""
    begin_s = min(column(attempts, "started_s"), default=0.0)
    return tuple(
        Tick(_percent((at_s - begin_s) / line.span_s), label)
        for at_s, label in moments
        if line.span_s and 0 <= at_s - begin_s <= line.span_s
    )


def _worth_drawing(attempts: Sequence[Attempt], timed: Sequence[int]) -> Sequence[int]:
    """The places of all, or else of those that did not end ok, of the slowest, and of every k-th of the others."""
    if len(timed) <= MOST_BARS:
        return timed
    numbers, starts_s, ends_s = (column(attempts, name) for name in ("n", "started_s", "ended_s"))
    wrong = {a.n for a in [a for a in unacknowledged(attempts) if a.ended_s > 0][: MOST_BARS // 2]}
    kept = {place for place in timed if numbers[place] in wrong} if wrong else set()
    slow_s = took_in_order(attempts)[-MOST_BARS // 4]
    slow: list[int] = []
    alike: list[int] = []
    for place, s in enumerate(map(sub, ends_s, starts_s)):
        if s >= slow_s and (s > slow_s or len(alike) < MOST_BARS // 4):
            (slow if s > slow_s else alike).append(place)
    kept.update(slow, alike[: MOST_BARS // 4 - len(slow)])
    step = math.ceil((len(timed) - len(kept)) / (MOST_BARS - len(kept)))
    return [*kept, *islice((place for place in timed if place not in kept), 0, None, step)]


def answer_in_words(attempt: Attempt) -> str:
    """The status, and what else is wrong; or why there is no answer."""
    besides = None if attempt.problem == Problem.WRONG_STATUS else attempt.problem
    said = [str(part) for part in (attempt.status, besides) if part is not None]
    return " ".join(said) or "no answer"


def ticks(span_s: float, most: int = 3) -> tuple[Tick, ...]:
    """Round times from 0 on, at most that many steps."""
    if span_s <= 0:
        return (Tick(0.0, "0"),)
    power = 10 ** math.floor(math.log10(span_s / most))
    step = next(times * power for times in (1, 2, 5, 10, 20) if times * power * most >= span_s)
    steps = int(span_s / step + 1e-9)
    return tuple(Tick(_percent(i * step / span_s), in_words(i * step) if i else "0") for i in range(steps + 1))


def in_words(seconds: float) -> str:
    """A duration with three digits that matter and its unit."""
    if seconds >= 0.9995:
        return f"{seconds:.3g} s" if seconds < 1000 else f"{seconds:.0f} s"
    return f"{seconds * 1000:.3g} ms" if seconds < 0.0995 else f"{seconds * 1000:.0f} ms"


class Latency(NamedTuple):
    """How long the answered POSTs of one phase took, and a histogram of it: (x, width, height of 100) of each bin."""

    answered: int
    p50_s: float
    p95_s: float
    max_s: float
    bins: tuple[tuple[float, float, float], ...]
    p50_x: float
    p95_x: float
    max_x: float


def latency(ordered: Sequence[float], axis_s: float) -> Latency | None:
    """The latency of some POSTs, ascending, on an axis that ends at `axis_s`; None of none."""
    if not ordered:
        return None
    axis_s = axis_s or 1.0
    bins = min(MOST_BINS, max(8, math.isqrt(len(ordered)) * 4))
    edges = [bisect_left(ordered, axis_s * i / bins) for i in range(bins)]
    counts = [after - before for before, after in pairwise([*edges, len(ordered)])]
    highest = max(counts)
    width = 100 / bins
    drawn = tuple(
        (round(i * width, 2), round(width, 2), max(100 * count / highest, 2.0))
        for i, count in enumerate(counts)
        if count
    )
    p50_s, p95_s, max_s = percentile(ordered, 50), percentile(ordered, 95), ordered[-1]
    places = (_percent(value / axis_s) for value in (p50_s, p95_s, max_s))
    return Latency(len(ordered), p50_s, p95_s, max_s, drawn, *places)


class Bit(NamedTuple):
    """How often one of the 128 bits is set; `kind` is random, uneven, or fixed (version and variant)."""

    number: int
    x: float
    share: float
    kind: str


class Bits(NamedTuple):
    """The frequency of each bit over some tokens. `within` is how far from a half a random bit may be, if judged."""

    tokens: int
    bits: tuple[Bit, ...]
    within: float | None

    @property
    def uneven(self) -> int:
        """How many random bits are further from a half than they may be."""
        return sum(bit.kind == "uneven" for bit in self.bits)

    @property
    def extremes(self) -> tuple[Bit, Bit]:
        """The random bit that is set least often, and the one that is set most often."""
        random = sorted((bit for bit in self.bits if bit.kind != "fixed"), key=lambda bit: bit.share)
        return random[0], random[-1]


def bit_frequencies(sample: Sample) -> Bits | None:
    """How often each bit is set in a sample of version 4 tokens; None where there are none."""
    tokens = sample.bits_of
    if not tokens or len(sample.ones) != 128:
        return None
    uneven = {bit for bit, _ in uneven_bits(sample.ones, tokens)}
    random = frozenset(RANDOM_BITS)
    bits = tuple(
        Bit(
            number,
            x=round(number * 100 / 128, 3),
            share=ones / tokens,
            kind="uneven" if number in uneven else "random" if number in random else "fixed",
        )
        for number, ones in enumerate(sample.ones)
    )
    within = EVEN_WITHIN / (2 * math.sqrt(tokens)) if tokens >= FEWEST_FOR_BITS else None
    return Bits(tokens, bits, within)


class PlotColumn(NamedTuple):
    """One earlier run: its verdict, and its p95 in per cent of the highest; `says` is both in words."""

    verdict: str
    x: float
    width: float
    height: float
    says: str
    started_at: str
    failures: int
    run: str


def trend(runs: Sequence[PastRun]) -> tuple[PlotColumn, ...]:
    """The last runs on an environment, the oldest first, as columns of equal width."""
    highest = max((run.p95_ms or 0.0 for run in runs), default=0.0) or 1.0
    width = 100 / max(len(runs), FEWEST_COLUMNS)
    return tuple(
        PlotColumn(
            verdict=run.verdict,
            x=round(number * width + width * 0.1, 2),
            width=round(width * 0.8, 2),
            height=max(100 * (run.p95_ms or 0.0) / highest, 2.0),
            says="no POST" if run.p95_ms is None else f"p95 {in_words(run.p95_ms / 1000)}",
            started_at=printable(run.started_at),
            failures=run.failures,
            run=printable(run.run),
        )
        for number, run in enumerate(runs)
    )


def _percent(share: float) -> float:
    return round(100 * min(max(share, 0.0), 1.0), 2)
