"""The numbers that a worker may still send; asks the master for more before they run out."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from gevent.event import Event

if TYPE_CHECKING:
    from collections.abc import Callable


class Allotment:
    """Numbers of a worker's share, taken by its users one at a time."""

    def __init__(self, ask: Callable[[], None]) -> None:
        self.over = False
        self._ask = ask
        self._asked = False
        self._exhausted = False
        self._left: deque[int] = deque()
        self._low = 0
        self._changed = Event()

    def take(self) -> int | None:
        """The next number; waits for the master where there is none just now. None when there is none any more."""
        while not self.over:
            if len(self._left) <= self._low and not self._asked and not self._exhausted:
                self._asked = True
                self._ask()
            if self._left:
                return self._left.popleft()
            if self._exhausted:
                break
            self._changed.clear()
            self._changed.wait()
        return None

    def add(self, first: int, count: int) -> None:
        """What the master answered; none means that there are no more."""
        self._asked = False
        self._exhausted = count == 0
        self._low = count // 2
        self._left.extend(range(first, first + count))
        self._changed.set()

    def end(self) -> None:
        """Hand out no further number."""
        self.over = True
        self._changed.set()

    def give_back(self) -> int:
        """How many were left when it was over; they are nobody's from now on."""
        count = len(self._left) if self.over else 0
        if self.over:
            self._left.clear()
        return count
