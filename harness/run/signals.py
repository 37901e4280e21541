"""Signals to end: counted, so that a run ends softly wherever it happens to be."""

from __future__ import annotations

import math
import signal
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


ONE_SIGNAL_S = 0.3


class SignalEvent(threading.Event):
    """An event that a handler of signals may set at any moment, once and for all.

    That of the standard library takes a lock to be set, which the main thread may hold: it begins to wait, is
    interrupted by the signal, and its handler waits for ever.
    """

    def __init__(self) -> None:
        super().__init__()
        self._is_set = False
        self._opens = threading.Lock()  # held by nobody for longer than a moment once it is set
        self._opens.acquire()

    def is_set(self) -> bool:
        """Whether it was set."""
        return self._is_set

    def set(self) -> None:
        """Set it."""
        if not self._is_set:
            self._is_set = True
            with suppress(RuntimeError):  # two set it at the same moment
                self._opens.release()

    def clear(self) -> None:
        """Nobody takes it back. Raises RuntimeError."""
        raise RuntimeError("what a signal has set stays so")

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until it is set, or for so many seconds; returns whether it is."""
        if not self._is_set and self._opens.acquire(timeout=-1 if timeout is None else max(0.0, timeout)):
            self._opens.release()
        return self._is_set


def on_each_signal(act: Callable[[], None]) -> list[int]:
    """Call this for each signal to end that somebody means, instead of what Python does; returns their numbers."""
    last_s = -math.inf

    def count(*_: object) -> None:
        nonlocal last_s
        now_s, before_s = time.monotonic(), last_s
        last_s = now_s
        if now_s - before_s >= ONE_SIGNAL_S:  # else sent to the group, and passed on by a wrapper: it is meant once
            act()

    numbers = [getattr(signal, name) for name in ("SIGTERM", "SIGINT", "SIGHUP") if hasattr(signal, name)]
    heard = [number for number in numbers if signal.getsignal(number) is not signal.SIG_IGN]  # by nohup, a shell's &
    for number in heard:
        signal.signal(number, count)
    return heard
