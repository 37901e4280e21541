"""The numbers that a worker may still send; asks the master for more before they run out."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

from gevent.event import Event

from harness.soak.allocation import LARGEST_SHARE
from harness.soak.bounds import NotBelieved

if TYPE_CHECKING:
    from collections.abc import Callable


class Allotment:
    """Numbers of a worker's share, taken by its users one at a time: `most` in all, whatever the master hands out."""

    def __init__(self, ask: Callable[[], None], most: int) -> None:
        self.over = False
        self._most = most
        self._highest = 0
        self._beyond = 0
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

    def add(self, said: Any) -> None:
        """What the master answered; none means that there are no more.

        Raises:
            NotBelieved: numbers that were handed out before, or more than a master hands out at once.
        """
        first, count = (said.get("first"), said.get("count")) if isinstance(said, dict) else (None, None)
        if type(first) is not int or type(count) is not int or not 0 <= count <= LARGEST_SHARE:
            raise NotBelieved("the master hands out what are no numbers, or too many")
        if count and first <= self._highest:
            raise NotBelieved("the master hands out a number twice, and no POST is sent twice")
        accepted = min(count, self._most)
        self._most -= accepted
        self._beyond += count - accepted
        self._highest = max(self._highest, first + count - 1) if count else self._highest
        self._asked = False
        self._exhausted = count == 0 or not self._most
        self._low = count // 2
        self._left.extend(range(first, first + accepted))
        self._changed.set()

    def end(self) -> None:
        """Hand out no further number."""
        self.over = True
        self._changed.set()

    def give_back(self) -> int:
        """How many were left when it was over, or are more than may be sent; they are nobody's from now on."""
        count, self._beyond = self._beyond, 0
        if self.over:
            count += len(self._left)
            self._left.clear()
        return count
