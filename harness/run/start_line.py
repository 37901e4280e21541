"""Where the POSTs of a burst wait for each other."""

from __future__ import annotations

import threading

LONGEST_WAIT_S = 10.0  # for the slowest of a burst to be ready to send


class StartLine:
    """Lets so many POSTs go together: when each is ready to leave or has failed before, or when one is late."""

    def __init__(self, number: int) -> None:
        self._missing = number
        self._lock = threading.Lock()
        self._begun = threading.Event()

    def ready(self) -> None:
        """One more need not be waited for."""
        with self._lock:
            self._missing -= 1
            if self._missing == 0:
                self._begun.set()

    def wait(self) -> None:
        """Be ready, and wait for the others."""
        self.ready()
        if not self._begun.wait(LONGEST_WAIT_S):
            self._begun.set()  # one that is late lets the others go

    def now(self) -> None:
        """Wait for nobody."""
        self._begun.set()
