"""Where the POSTs of a burst wait for each other."""

from __future__ import annotations

import threading
import time

LONGEST_WAIT_S = 10.0  # for the slowest of a burst to be ready to send
SHORTEST_WAIT_S = 0.05  # for one more to be ready; a busy machine takes so long to begin a thread
TIMES_A_CONNECTION = 1.0  # for one more to be ready, over what the latest has taken


class StartLine:
    """Lets so many POSTs go together: when each is ready to leave or has failed before, or when one is late.

    One is late when no other has become ready for longer than a connection takes: the server takes no more of them now.
    A server of two blocking workers takes two, and takes the others when these have sent what they wait with.
    """

    def __init__(self, number: int) -> None:
        self._missing = number
        self._began_s = time.monotonic()
        self._latest_s = 0.0  # when the latest became ready, after the beginning
        self._lock = threading.Lock()
        self._begun = threading.Event()

    def ready(self) -> None:
        """One more need not be waited for."""
        with self._lock:
            self._missing -= 1
            self._latest_s = time.monotonic() - self._began_s
            if self._missing == 0:
                self._begun.set()

    def wait(self) -> None:
        """Be ready, and wait for the others."""
        self.ready()
        while not self._begun.wait(self._left_s()):
            if self._left_s() <= 0:
                self._begun.set()

    def _left_s(self) -> float:
        """How long the next one may still take to be ready."""
        with self._lock:
            patience_s = max(SHORTEST_WAIT_S, TIMES_A_CONNECTION * self._latest_s)
            until_s = min(LONGEST_WAIT_S, self._latest_s + patience_s)
        return max(0.0, self._began_s + until_s - time.monotonic())

    def now(self) -> None:
        """Wait for nobody."""
        self._begun.set()
