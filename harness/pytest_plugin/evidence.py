"""Which evidence a check looks at, by the fixtures that it is handed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.run.examination import Need

if TYPE_CHECKING:
    import pytest

_NEEDS = {
    "readiness": Need.READINESS,
    "served_revisions": Need.READINESS,
    "history": Need.HISTORY,
    "other_histories": Need.HISTORY,
    "facts": Need.FACTS,
    "rows": Need.HISTORY | Need.ROWS,
    "rows_if_any": Need.HISTORY | Need.ROWS,
    "sequence": Need.SEQUENCE,
    "stored": Need.STORED,
    "default_evaluation": Need.MADE,
    "observed_inserts": Need.HISTORY | Need.SEEN,
    "checkout": Need.SOURCE,
    "lock_holders": Need.PREFLIGHT,
    "preflight": Need.PREFLIGHT,
    "analysis": Need.SOURCE,
}


def needs_of(item: pytest.Item) -> Need:
    """What an examination must gather for this check."""
    needs = Need(0)
    for name in getattr(item, "fixturenames", ()):
        needs |= _NEEDS.get(name, Need(0))
    return needs
