"""Lets environments that use one database send their POSTs one after the other.

Postgres shows which statements were run, and not for whom: only so do those that were seen belong to one environment.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_LOOKS_EVERY_S = 0.1


class DatabaseTurns:
    """Whose turn it is, for each database. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._turns: dict[str, threading.Lock] = {}

    @contextmanager
    def of(self, database: str, stop: threading.Event) -> Iterator[None]:
        """The turn of whoever asks; waits for it, but not longer than until `stop` is set.

        Args:
            database: what tells its database from others.
            stop: when set, nothing is waited for: no further POST is sent then.
        """
        with self._lock:
            turn = self._turns.setdefault(database, threading.Lock())
        taken = False
        while not taken and not stop.is_set():
            taken = turn.acquire(timeout=_LOOKS_EVERY_S)
        try:
            yield
        finally:
            if taken:
                turn.release()
