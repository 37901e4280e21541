"""How much of an id sequence is left, and when that is little."""

from __future__ import annotations

import pytest

from harness.checkers.sequences import values_left
from harness.postgres.rows import SequenceState

BIG, INT = 2**63 - 1, 2**31 - 1


@pytest.mark.parametrize(
    ("id_type", "next_id", "increment", "bounds", "left"),
    [
        ("integer", 1, 1, (1, INT), None),
        ("integer", INT - 30_000_000, 1, (1, INT), None),
        ("integer", INT - 20_000_000, 1, (1, INT), 20_000_001),
        ("integer", INT, 1, (1, INT), 1),
        ("integer", INT + 1, 1, (1, BIG), 0),
        ("integer", INT - 9, 1, (1, BIG), 10),
        ("integer", 1, 1, (1, 900_000), 900_000),
        ("integer", INT - 1_000_000, 10, (1, INT), 100_001),
        ("bigint", 2**53, 1, (1, BIG), None),
        ("bigint", BIG - 10, 1, (1, BIG), 11),
        ("bigint", 1, 1, (1, 1000), None),
        ("bigint", 995, 1, (1, 1000), 6),
        ("smallint", 1, 1, (1, BIG), None),
        ("smallint", 32_700, 1, (1, 32_767), 68),
        ("bigint", -BIG + 4, -1, (-BIG, -1), 5),
        ("uuid", 1, 1, (1, 1), None),
    ],
)
def test_few_values_are_counted(
    id_type: str, next_id: int, increment: int, bounds: tuple[int, int], left: int | None
) -> None:
    """By what the column holds as well: a bigint sequence does not help an integer column."""
    assert values_left(SequenceState("s", next_id, None, increment, *bounds), id_type) == left


def test_a_sequence_whose_bounds_are_not_known_has_no_end() -> None:
    """Nothing is said of it."""
    assert values_left(SequenceState("s", 1, None, 1), "integer") is None
