"""Pure judgements of the id sequence: how much of it is left."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.postgres.id_types import INTEGERS

if TYPE_CHECKING:
    from harness.postgres.rows import SequenceState

LOW_SHARE = 0.01  # of all values
LOW = 1_000_000  # values of an integer column


def values_left(sequence: SequenceState, id_type: str) -> int | None:
    """How many values a sequence has left for a column, where they are few; None where they are not, or not known.

    Few are less than 1 % of all of them, or less than a million of an integer column. What the column's type does not
    hold is no value of it, whatever the sequence would give.
    """
    largest = INTEGERS.get(id_type)
    if sequence.min_value is None or sequence.max_value is None or largest is None:
        return None
    low, high = max(sequence.min_value, -largest - 1), min(sequence.max_value, largest)
    step = abs(sequence.increment)
    ahead = high - sequence.next_id if sequence.increment > 0 else sequence.next_id - low
    left = max(ahead // step + 1, 0)
    total = max((high - low) // step + 1, 0)
    few = left < LOW_SHARE * total or (id_type == "integer" and left < LOW)
    return left if few else None
