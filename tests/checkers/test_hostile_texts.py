"""Triggers' sources and answers are somebody's texts: judging them is linear, and breaks down on none."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given

from harness.checkers import schema, trigger_sources, wrong_keys
from harness.postgres import table_queries
from tests.support.hostile_texts import JUMBLED, jumbles, slowest

if TYPE_CHECKING:
    from collections.abc import Callable

TOKEN = "public_token"
SOURCES: dict[str, Callable[[str], object]] = {
    "sets the token of NEW": lambda text: trigger_sources.sets_new(text, TOKEN, instead_of=True),
    "hides what NEW is": lambda text: trigger_sources.hides_new(text, instead_of=False),
    "sets the stored token": lambda text: trigger_sources.sets_stored(text, TOKEN, frozenset({"chatbots"})),
    "writes behind an UPDATE": trigger_sources.is_behind_update,
    "uses the token": lambda text: schema.uses(text, TOKEN),
}


@pytest.mark.parametrize("read", SOURCES.values(), ids=SOURCES)
def test_a_source_is_read_in_linear_time(read: Callable[[str], object]) -> None:
    """The longest source that is read."""
    assert slowest(read, table_queries.MOST_READ) == {}


@given(text=jumbles)
@JUMBLED
def test_no_source_breaks_the_reading_down(text: str) -> None:
    """Each question has an answer, yes or no."""
    assert {type(read(text)) for read in SOURCES.values()} == {bool}


def test_a_refusal_is_read_in_linear_time() -> None:
    """The fields that a 400 names, in the longest body that is kept."""
    assert slowest(wrong_keys.refused_fields, 65536) == {}
