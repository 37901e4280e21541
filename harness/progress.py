"""What is under way on an environment and for how long, for somebody who watches a terminal."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from msgspec import Struct, field

if TYPE_CHECKING:
    from collections.abc import Callable

PATIENCE_S = 1.0  # what is done sooner is not worth a word
_SLOWER = 3.0  # each word about the same comes after three times as long


class Progress(Struct):
    """What is under way on one environment: its thread writes it, another may read it at any time.

    `said` is called at once with what begins to be waited for, where somebody wants to hear it without asking.
    """

    said: Callable[[str], None] | None = None
    what: str = ""
    detail: str = ""
    _since_s: float = field(default_factory=time.monotonic)
    _next_s: float = PATIENCE_S

    def now(self, what: str, detail: str = "") -> None:
        """Begin with something, or go on with the same and know more about it."""
        self.detail = detail
        if what != self.what:
            self.what, self._since_s, self._next_s = what, time.monotonic(), PATIENCE_S
            if self.said is not None and what:
                self.said(what)

    def due(self) -> str | None:
        """A line about what has been under way for a while, None where it has not or was just told."""
        lasts_s = time.monotonic() - self._since_s
        if not self.what or lasts_s < self._next_s:
            return None
        self._next_s = max(self._next_s, lasts_s) * _SLOWER
        return f"{self.what} ({lasts_s:.0f} s so far{f'; {self.detail}' if self.detail else ''})"
