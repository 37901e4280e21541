"""Bodies of wrong answers: reports say of bounded ones what they say of whole ones, and memory is bounded."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.checkers.causes import usual_cause
from harness.checkers.history import alike_answers
from harness.history import bodies
from harness.history.bodies import Bodies
from tests.support.histories import failed

if TYPE_CHECKING:
    from harness.history.attempt import Attempt

LONG = "x" * 150
BODIES = [
    "",
    "short",
    LONG,
    f"{LONG}1",
    f"{LONG}2",
    f"{LONG}3",
    f"{LONG}\U0001f600",
    f"{LONG}\ud800",
    "duplicate key 23505",
]


def bounded(attempts: list[Attempt]) -> list[Attempt]:
    """What is held of them."""
    held = Bodies()
    return [held.bounded(a) for a in attempts]


@settings(deadline=None, derandomize=True, database=None)
@given(st.lists(st.tuples(st.sampled_from(BODIES), st.sampled_from(["500", "502"])), max_size=40))
def test_alike_answers_are_told_as_of_whole_bodies(made: list[tuple[str, str]]) -> None:
    """Few bodies of one error are shown whole, more are counted: as many as there are."""
    attempts = [failed(n, int(status), body, error=status) for n, (body, status) in enumerate(made)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bodies, "MOST_ALIKE", 4)
        held = bounded(attempts)
    assert alike_answers(held, 50) == alike_answers(attempts, 50)
    assert usual_cause(held, "public_token") == usual_cause(attempts, "public_token")


def test_a_body_is_held_once() -> None:
    """However often it came."""
    one, other = bounded([failed(1, 500, LONG), failed(2, 500, "".join(LONG))])
    assert one.evidence is other.evidence


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the number of bodies of one kind of answer, and by all of their bytes; they still differ."""
    monkeypatch.setattr(bodies, "MOST_HELD", 100_000)
    attempts = [failed(n % 100, 500, f"{n} {'y' * 1990}", error=f"error {n % 3}") for n in range(2000)]
    held = bounded(attempts)
    lengths = Counter(len(a.evidence) > 500 for a in held)
    assert lengths[True] <= 100_000 // 1990
    assert len({a.evidence for a in held}) == 2000
    assert held[0] == attempts[0]
    assert held[-1].evidence.startswith("1999 yyy")


def test_each_kind_of_answer_has_bodies_that_are_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that come after very many of another kind are read as well."""
    monkeypatch.setattr(bodies, "MOST_ALIKE", 2)
    many = [failed(n, 429, f"{n} {LONG}", error="429") for n in range(50)]
    few = [failed(n, 500, f"{n} {LONG} duplicate key", error="500") for n in range(50, 52)]
    assert bounded([*many, *few])[-2:] == few
