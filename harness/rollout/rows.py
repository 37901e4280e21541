"""Compares the rows of a watch with what was answered, at each look: not only when all is over.

A row is looked for by its id, so that no table is scanned. A row that carries another name is none of ours: the end of
the watch, which looks for names, decides about it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.checkers.rows import same_token
from harness.postgres.id_types import is_of_type
from harness.rollout.evidence import GONE, NULL, RowChange
from harness.text import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from harness.history.attempt import Attempt
    from harness.postgres.rows import Row

MOST_COMPARED = 500  # rows at one look, the newest: a long watch costs the database no more than a short one
_SHOWN = 100  # characters of a token


class RowComparison:
    """Knows what each row of a watch held last.

    Args:
        id_type: of the id column, as format_type prints it.
        labels_for: what the label column of a name may hold.
    """

    def __init__(self, id_type: str, labels_for: Callable[[str], Sequence[str]]) -> None:
        self._id_type, self._labels_for = id_type, labels_for
        self._held: dict[str, str] = {}

    def wanted(self, attempts: Sequence[Attempt]) -> dict[str, Attempt]:
        """By their ids, the acknowledged POSTs whose rows are to be read now."""
        newest = [a for a in attempts if a.outcome == "ok" and is_of_type(a.id or "", self._id_type)][-MOST_COMPARED:]
        return {a.id: a for a in newest if a.id is not None}

    def compare(self, wanted: dict[str, Attempt], rows: Sequence[Row]) -> tuple[int, tuple[RowChange, ...]]:
        """How many of the rows are there, and which hold something else than before. One is told of a change once."""
        found = {row.id: row for row in rows}
        changes, seen = [], 0
        for id_, attempt in wanted.items():
            row = found.get(id_)
            own = row is not None and row.label in self._labels_for(attempt.name)
            if not own and attempt.name not in self._held:
                continue  # it may be stored late, or under another id
            seen += own
            now = (row.token or NULL) if own and row is not None else GONE
            was = self._held.get(attempt.name, attempt.token or NULL)
            self._held[attempt.name] = now
            if not same_token(now, was):
                changes.append(RowChange(attempt.name, printable(was, _SHOWN), printable(now, _SHOWN)))
        return seen, tuple(changes)
