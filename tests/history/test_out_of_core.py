"""Columns in temporary files, and what is asked of them part by part, say what arrays and sets say."""

from __future__ import annotations

from array import array
from collections import Counter
from itertools import chain
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.history import out_of_core
from harness.history.out_of_core import Column, ascending, distinct, in_parts, repeated

SMALL = {"MOST_IN_MEMORY": 6, "PIECE": 4, "RUN": 8, "PARTS": 3, "_SAMPLED": 2}
numbers = st.lists(st.one_of(st.integers(0, 5), st.integers(0, 2**64 - 1)), max_size=80)
quick = settings(
    deadline=None, derandomize=True, database=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in SMALL.items():
        monkeypatch.setattr(out_of_core, name, value)


@quick
@given(numbers, st.integers(1, 9))
def test_a_column_is_a_sequence(made: list[int], step: int) -> None:
    """However it was filled: one by one, by lists, by another column, by bytes."""
    column = Column("Q")
    for number in made[::2]:
        column.append(number)
    column.extend(made[1::2])
    whole = [*made[::2], *made[1::2]]
    copied = Column("Q", column)
    copied.add_bytes(array("Q", made).tobytes())
    assert list(column) == [column[place] for place in range(len(column))] == whole
    assert list(column[::step]) == whole[::step]
    assert list(copied) == [*whole, *made]
    assert list(chain.from_iterable(column.pieces(step))) == whole


@quick
@given(numbers, st.lists(st.integers(0, 79), max_size=40))
def test_places_are_read_in_any_order(made: list[int], places: list[int]) -> None:
    """Near each other or not."""
    wanted = [place for place in places if place < len(made)]
    assert list(Column("Q", made).at(wanted)) == [made[place] for place in wanted]


@quick
@given(numbers, st.sampled_from([1, 16]))
def test_parts_say_what_all_together_say(made: list[int], passes: int) -> None:
    """Order, distinctness and repetition; by few passes over all or by dealing them out."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(out_of_core, "_MOST_PASSES", passes)
        assert distinct(lambda: made, "Q", len(made)) == len(set(made))
    parts = list(in_parts(made, "Q", len(made)))
    assert list(chain.from_iterable(parts)) == sorted(made)
    assert sum(len(set(part)) for part in parts) == len(set(made))
    assert repeated(made, "Q", len(made)) == {number for number, times in Counter(made).items() if times > 1}


@quick
@given(st.lists(st.floats(-10, 10, allow_nan=False), max_size=80))
def test_times_are_ordered(made: list[float]) -> None:
    """As `sorted` does it."""
    assert list(ascending(made, len(made))) == sorted(made)


def test_few_are_in_memory_and_many_are_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of these no more than a piece; their file has no name, so that nothing is left of a run that is killed."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    few, many = Column("d", [1.0] * 5), Column("d", [float(n) for n in range(101)])
    assert list(tmp_path.iterdir()) == []
    assert few._file is None
    assert many._file is not None
    assert len(many._recent) < out_of_core.PIECE
