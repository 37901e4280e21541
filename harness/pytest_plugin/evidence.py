"""Which evidence a check looks at, by the arguments that it is handed; and how it is handed them."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import pytest

from harness.run.evidence import BY_NAME, HISTORY, KINDS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from harness.run.gathering import Evidence, Examination


def evidence_of(item: pytest.Item) -> frozenset[Evidence[object]]:
    """The kinds that a check looks at."""
    return _kinds_named(tuple(getattr(item, "fixturenames", ())))


_MADE_OF = {"labels": HISTORY}  # what is no kind of its own, and is missing where this was not asked for


@cache  # a check is an item of each environment
def _kinds_named(names: tuple[str, ...]) -> frozenset[Evidence[object]]:
    own = (BY_NAME[name] for name in names if name in BY_NAME)
    return frozenset((*own, *(_MADE_OF[name] for name in names if name in _MADE_OF)))


@cache
def place_of(kinds: frozenset[Evidence[object]]) -> int:
    """Where a check that looks at these kinds stands among others: as a person would ask, the simplest first."""
    return sum(1 << KINDS.index(kind) for kind in kinds)


def fixture_of(name: str, hand_out: Callable[[Examination], object]) -> Callable[[Examination], object]:
    """The fixture of a part: it waits for the examination, and hands out the part or raises why it is missing."""

    @pytest.fixture(name=name)
    def part(examination: Examination) -> object:
        return hand_out(examination)

    return part


def hand_over(
    item: pytest.Item,
    environment: str,
    examined: Callable[[str], Examination],
    parts: Mapping[str, Callable[[Examination], object]],
) -> None:
    """Put in place what the fixtures of these parts would hand to a check; pytest asks no fixture for what is there.

    To set up a fixture takes pytest longer than most checks take to judge, and a check has five of them.

    Args:
        item: the check.
        environment: that it is asked of.
        examined: what is known of an environment; waits for it.
        parts: each part of it that a check may be handed, by its name.
    """
    names, handed = getattr(item, "fixturenames", ()), getattr(item, "funcargs", None)
    if handed is None or "examination" not in names or item.config.getoption("setupshow", default=False):
        return
    known = examined(environment)
    handed |= {"environment": environment, "examination": known, "pytestconfig": item.config}
    handed.update((name, parts[name](known)) for name in names if name in parts)
