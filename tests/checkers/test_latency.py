"""How long POSTs took, what is unusual, and the budget that an environment may have."""

from __future__ import annotations

import pytest

from checks.test_latency import test_latency_is_within_budget as within_budget
from harness.checkers.latency import FEWEST_RUNS, durations_ms, percentile, slower_than, took_ms, unusual_latency
from harness.errors import CouldNotTell, NotCovered
from harness.findings import last_finding
from harness.history.problem import Problem
from tests.support.histories import failed, history, ok, unanswered


@pytest.mark.parametrize(
    ("values", "per_cent", "want"),
    [
        ([7.0], 95, 7.0),
        ([1.0, 2.0], 50, 1.0),
        ([1.0, 2.0], 95, 2.0),
        (range(1, 20), 95, 19),
        (range(1, 21), 95, 19),
        (range(1, 101), 95, 95),
        (range(1, 101), 50, 50),
        ([1.0, 2.0], 0, 1.0),
    ],
)
def test_a_percentile_is_the_nearest_rank(values: list[float], per_cent: int, want: float) -> None:
    """It is always one of the values."""
    assert percentile(values, per_cent) == want


def test_what_says_nothing_about_the_route_is_not_timed() -> None:
    """A limit or a login answers fast; a POST that was given up took at least as long as it was waited for."""
    slow, fast = ok(1, started_s=0, ended_s=2), ok(2, started_s=0, ended_s=1)
    wrong = failed(3, started_s=0.0, ended_s=0.5)
    limited = ok(4, outcome="unknown", problem=Problem.RATE_LIMITED, status=429, ended_s=4.001)
    sent = history(slow, fast, wrong, limited, unanswered(5))
    assert durations_ms(sent) == [500, 500, 1000, 2000]
    assert [a.n for a in slower_than(sent, 500)] == [1, 2]
    assert took_ms(slow) == 2000


# --- the claim --------------------------------------------------------------------------------------------------------


def test_a_slow_tail_breaks_the_budget() -> None:
    """The slowest POSTs are named, and where to compare."""
    attempts = [ok(n, started_s=0.0, ended_s=0.1) for n in range(1, 19)] + [ok(19, ended_s=21.0)]
    with pytest.raises(AssertionError):
        within_budget(history(*attempts), 500)
    said = last_finding()
    assert said is not None
    assert said.want == "a p95 of at most 500 ms over 19 POSTs"
    assert said.have == ("a p95 of 2000 ms", "smoke-r-19 (sequence): 2000 ms")
    assert "chatbots-smoke runs" in said.remedy


def test_one_slow_post_of_a_hundred_keeps_the_budget() -> None:
    """That is what a percentile is for."""
    fast = [ok(n, token=f"{n}", started_s=0.0, ended_s=0.1) for n in range(1, 100)]
    within_budget(history(*fast, ok(99, started_s=0.0, ended_s=9.0)), 100.0)


def test_without_a_budget_nothing_is_claimed() -> None:
    """It is not covered, and the remedy names the key."""
    with pytest.raises(NotCovered) as caught:
        within_budget(history(ok(1)), None)
    assert "latency_p95_ms" in caught.value.remedy


def test_of_a_route_that_acknowledged_nothing_nothing_is_told() -> None:
    """A 500 may be fast."""
    with pytest.raises(CouldNotTell):
        within_budget(history(failed(1)), 500)


# --- what is unusual --------------------------------------------------------------------------------------------------

USUAL = [100.0, 104, 96, 102, 98, 101, 99, 100]


@pytest.mark.parametrize(
    ("p95_ms", "earlier", "unusual"),
    [
        (120, USUAL, True),
        (105, USUAL, False),
        (20, USUAL, False),  # faster is no worry
        (120, USUAL[: FEWEST_RUNS - 1], False),  # too few to know what is usual
        (120, [*USUAL, 9_000], True),  # one slow run before does not hide it
        (114, [100.0] * 20, False),  # nor do runs that are alike make every millisecond an alarm
        (116, [100.0] * 20, True),
        (1, [0.0] * 20, True),
        (0, [0.0] * 20, False),
    ],
)
def test_unusual_is_three_robust_deviations_above(p95_ms: float, earlier: list[float], unusual: bool) -> None:
    """Above the median of the last runs, in median absolute deviations."""
    assert (unusual_latency(p95_ms, earlier) is not None) is unusual


def test_the_note_says_what_it_is_compared_with() -> None:
    """In milliseconds, and over how many runs."""
    note = unusual_latency(150, USUAL)
    assert note == (
        "unusually slow: p95 of the POSTs is 150 ms; in the last 8 runs it was 100 ms in the middle, and 115 ms would "
        "be 3 robust deviations above that"
    )
