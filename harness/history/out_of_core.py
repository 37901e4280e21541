"""Columns of numbers that leave memory when there are very many: kept in a temporary file, sorted part by part.

Up to `MOST_IN_MEMORY` numbers a column is an array. Beyond that it is read from its file piece by piece, and what needs
order or distinctness deals it out by ranges into `PARTS` parts, each of which fits into memory and is sorted by itself.
"""

from __future__ import annotations

import math
import os
from array import array
from bisect import bisect_left
from collections.abc import Sequence
from itertools import chain, islice, pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

N = TypeVar("N", int, float)

MOST_IN_MEMORY = 3_500_000  # numbers of a column
PIECE = 1 << 16  # numbers that are read of it at once
RUN = 1 << 18  # numbers that are sorted at once, to be dealt out
PARTS = 256
_MOST_PASSES = 16  # over all numbers, which cost less than dealing them out
_SAMPLED = 64  # numbers for each part that say where parts end


class Column(Sequence[Any]):
    """Numbers of one kind (a type code of `array`): added at the end, read in any order."""

    __slots__ = ("_begins", "_block", "_file", "_length", "_recent", "typecode")

    def __init__(self, typecode: str, numbers: Iterable[Any] = ()) -> None:
        self.typecode = typecode
        self._file: Any = None  # what is on disk of it, whole pieces
        self._length = 0  # of that
        self._recent = array(typecode)  # what follows
        self._block = array(typecode)  # what was read last
        self._begins = 0  # the place of its first
        self.extend(numbers)

    def append(self, number: Any) -> None:
        """Add one."""
        self._recent.append(number)
        self._leave_memory()

    def extend(self, numbers: Iterable[Any]) -> None:
        """Add some."""
        if isinstance(numbers, Column):
            for piece in numbers.pieces():
                self._recent.extend(piece)
                self._leave_memory()
            return
        if isinstance(numbers, (array, list)) and len(numbers) <= RUN:
            self._recent.extend(numbers)
            self._leave_memory()
            return
        rest = iter(numbers)
        while piece := array(self.typecode, islice(rest, RUN)):
            self._recent.extend(piece)
            self._leave_memory()

    def add_bytes(self, packed: bytes | bytearray | memoryview) -> None:
        """Add some as this machine has them in memory."""
        self._recent.frombytes(packed)
        self._leave_memory()

    def _leave_memory(self) -> None:
        if len(self._recent) < (PIECE if self._file is not None else MOST_IN_MEMORY):
            return
        if self._file is None:
            import tempfile  # few runs have so many

            self._file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 (gone with the last reference to it)
        whole = len(self._recent) // PIECE * PIECE
        os.pwrite(self._file.fileno(), memoryview(self._recent)[:whole], self._length * self._recent.itemsize)
        self._length += whole
        self._recent = self._recent[whole:]

    def __len__(self) -> int:
        return self._length + len(self._recent)

    def __iter__(self) -> Iterator[Any]:
        return chain.from_iterable(self.pieces()) if self._length else iter(self._recent)

    def __getitem__(self, place: Any) -> Any:
        if isinstance(place, slice):
            return self.at(range(*place.indices(len(self))))
        if not self._length:
            return self._recent[place]
        place = range(len(self))[place]
        if place >= self._length:
            return self._recent[place - self._length]
        if not self._begins <= place < self._begins + len(self._block):
            self._begins = place // PIECE * PIECE
            self._block = self.read(self._begins, self._begins + PIECE)
        return self._block[place - self._begins]

    def read(self, start: int, end: int) -> array[Any]:
        """Those from a place up to another."""
        if start >= self._length:
            return self._recent[start - self._length : end - self._length]
        size, stored = self._recent.itemsize, min(end, self._length)
        found: array[Any] = array(self.typecode)
        found.frombytes(os.pread(self._file.fileno(), (stored - start) * size, start * size))
        return found + self._recent[: end - stored] if end > stored else found

    def pieces(self, numbers: int = 0) -> Iterator[array[Any]]:
        """All of them, so many at a time."""
        numbers = numbers or PIECE
        for start in range(0, len(self), numbers):
            yield self.read(start, min(start + numbers, len(self)))

    def at(self, places: Iterable[int]) -> Column:
        """Those at these places, which are read together where they are near each other."""
        chosen = Column(self.typecode)
        rest = iter(places)
        while some := list(islice(rest, PIECE)):
            low, high = min(some), max(some) + 1
            if high - low <= 4 * len(some):
                read = self.read(low, high)
                chosen.extend(list(map(read.__getitem__, [place - low for place in some])))
            else:
                chosen.extend(list(map(self.__getitem__, some)))
        return chosen


def in_parts(numbers: Iterable[N], typecode: str, many: int) -> Iterator[list[N]]:
    """The same numbers in ascending order, in lists that follow each other; equal ones are in the same list.

    Args:
        numbers: read once.
        typecode: of `array`, which holds them on disk.
        many: about how many they are.
    """
    if many <= MOST_IN_MEMORY:
        yield sorted(numbers)
        return
    column = numbers if isinstance(numbers, Column) else Column(typecode, numbers)
    edges: list[Any] = _edges(column)
    import tempfile

    with tempfile.TemporaryDirectory(prefix="chatbots-smoke-") as folder:
        parts = [Path(folder, str(number)) for number in range(len(edges) + 1)]
        for piece in column.pieces(RUN):
            run: list[Any] = sorted(piece)
            begin = 0
            ends = [*(bisect_left(run, edge) for edge in edges), len(run)]
            for part, end in zip(parts, ends, strict=True):
                if end > begin:
                    with part.open("ab") as out:
                        array(typecode, run[begin:end]).tofile(out)
                begin = end
        for part in parts:
            if part.exists():
                dealt: array[Any] = array(typecode)
                dealt.frombytes(part.read_bytes())
                part.unlink()
                alike = len(dealt) > RUN and min(dealt) == max(dealt)  # one object for one number very many times
                yield [dealt[0]] * len(dealt) if alike else sorted(dealt)


def _edges(column: Column) -> list[Any]:
    """Where parts of about the same size begin; a number that comes very often is a part by itself."""
    step = max(1, len(column) // (PARTS * _SAMPLED))
    sample = sorted(column.at(range(0, len(column), step)))
    edges = sample[:: max(1, len(sample) // PARTS)][1:]
    often = {one for one, other in pairwise(edges) if one == other}
    return sorted({*edges, *(n + 1 if isinstance(n, int) else math.nextafter(n, math.inf) for n in often)})


def ascending(numbers: Iterable[float], many: int) -> Sequence[float]:
    """Numbers in ascending order: a list, or a column where they are very many."""
    if many <= MOST_IN_MEMORY:
        return sorted(numbers)
    ordered = Column("d")
    for part in in_parts(numbers, "d", many):
        ordered.extend(part)
    return ordered


def distinct(numbers: Callable[[], Iterable[int]], typecode: str, many: int) -> int:
    """How many values they have: a set for each part, of those that a pass over all of them finds in it.

    Args:
        numbers: begins a pass.
        typecode: of `array`, which holds them on disk where they would take very many passes.
        many: how many they are.
    """
    if many <= MOST_IN_MEMORY:
        return len(set(numbers()))
    if many > MOST_IN_MEMORY * _MOST_PASSES:
        return sum(len(set(part)) for part in in_parts(numbers(), typecode, many))
    sample = sorted(islice(numbers(), 0, None, max(1, many // (PARTS * _SAMPLED))))
    edges = sorted({*sample[:: max(1, len(sample) * MOST_IN_MEMORY // many)][1:]})
    found = len({n for n in numbers() if n < edges[0]}) if edges else 0
    for low, high in pairwise(edges):
        found += len({n for n in numbers() if low <= n < high})
    return found + len({n for n in numbers() if not edges or n >= edges[-1]})


def repeated(numbers: Iterable[int], typecode: str, many: int) -> set[int]:
    """The values that come more than once."""
    found: set[int] = set()
    for part in in_parts(numbers, typecode, many):
        found.update(one for one, other in pairwise(part) if one == other)
    return found
