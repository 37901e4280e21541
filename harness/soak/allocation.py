"""Which numbers a worker sends, and whether a token came twice: what the master of a soak keeps."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

LARGEST_SHARE = 500  # numbers that a worker holds at once, and that are lost with it
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
KEY = 16  # bytes


@dataclass(slots=True)
class Allocation:
    """Hands out the numbers from 1 to `attempts`, each once: to whom, and how many of them are done with.

    A number is never handed out again, whatever became of the worker that had it: its POST may have left.
    """

    attempts: int
    size: int
    over: bool = False
    settled: int = 0
    _next: int = 1
    _open: dict[str, int] = field(default_factory=dict)

    @classmethod
    def among(cls, attempts: int, workers: int) -> Allocation:
        """Shares that are small enough for all workers to end at about the same time."""
        return cls(attempts, max(1, min(LARGEST_SHARE, attempts // (8 * workers))))

    @property
    def left(self) -> int:
        """How many were not handed out."""
        return self.attempts + 1 - self._next

    def share(self, worker: str) -> tuple[int, int]:
        """The next numbers for a worker: (first, how many); none where all are handed out or it is over."""
        count = 0 if self.over else min(self.size, self.left)
        first, self._next = self._next, self._next + count
        self._open[worker] = self._open.get(worker, 0) + count
        return first, count

    def settle(self, worker: str, settled: int, returned: int) -> None:
        """A worker is done with so many numbers: it sent them, or will not."""
        self.settled += settled
        self._open[worker] = self._open.get(worker, 0) - settled - returned

    def done(self, alive: Iterable[str]) -> bool:
        """Whether nothing more is to be expected of the workers that are there."""
        return (self.over or not self.left) and not any(self._open.get(worker) for worker in alive)


def key_of(token: str) -> bytes:
    """16 bytes that two tokens share only if they are the same one: a UUID in either case, or a digest of the text."""
    text = token.lower()  # as `checkers.repeated_tokens` compares them
    if _UUID.fullmatch(text):
        return bytes.fromhex(text.replace("-", ""))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:KEY]


@dataclass(slots=True)
class SeenTokens:
    """The tokens of all workers; about 100 bytes each."""

    keys: set[bytes] = field(default_factory=set)

    def repeated(self, keys: bytes) -> int:
        """Take more of them, behind each other; returns how many were there already."""
        new = [keys[at : at + KEY] for at in range(0, len(keys), KEY)]
        before = len(self.keys)
        self.keys.update(new)
        return len(new) - (len(self.keys) - before)
