"""Which evidence a check is taken to look at."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

from harness.pytest_plugin.evidence import evidence_of
from harness.run.evidence import HISTORY, ROWS

if TYPE_CHECKING:
    import pytest


def looking_at(*names: str) -> pytest.Item:
    """A check with these arguments; mocked, since nothing else of it is looked at."""
    return cast("pytest.Item", SimpleNamespace(fixturenames=names))


def test_what_is_made_of_the_history_asks_for_it() -> None:
    """A check that is handed labels alone would else be handed a history that nobody asked for."""
    assert evidence_of(looking_at("labels")) == {HISTORY}


def test_kinds_are_named_by_arguments() -> None:
    """An argument that is no evidence asks for none."""
    assert evidence_of(looking_at("history", "rows", "environment")) == {HISTORY, ROWS}
