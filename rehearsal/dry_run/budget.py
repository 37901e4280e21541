"""Ends what is not ready in time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def budget(seconds: float, end: Callable[[], None]) -> Iterator[threading.Event]:
    """Calls `end`, from another thread, where the block lasts longer; the event is set before that."""
    spent = threading.Event()

    def over() -> None:
        spent.set()
        end()

    timer = threading.Timer(seconds, over)
    timer.daemon = True
    timer.start()
    try:
        yield spent
    finally:
        timer.cancel()
