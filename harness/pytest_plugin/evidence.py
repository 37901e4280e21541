"""Which evidence a check looks at, by the arguments that it is handed; and the fixtures that hand it out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from harness.run.evidence import BY_NAME, KINDS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from harness.run.gathering import Evidence, Examination


def evidence_of(item: pytest.Item) -> frozenset[Evidence[object]]:
    """The kinds that a check looks at."""
    return frozenset(BY_NAME[name] for name in getattr(item, "fixturenames", ()) if name in BY_NAME)


def place_of(kinds: Iterable[Evidence[object]]) -> int:
    """Where a check that looks at these kinds stands among others: as a person would ask, the simplest first."""
    return sum(1 << KINDS.index(kind) for kind in kinds)


def fixture_of(kind: Evidence[object]) -> Callable[[Examination], object]:
    """The fixture of a kind: it waits for the examination, and hands out its part or raises why it is missing."""

    @pytest.fixture(name=kind.name)
    def evidence(examination: Examination) -> object:
        return kind.hand_out(examination)

    return evidence
