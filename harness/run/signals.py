"""Signals to end: counted, so that a run ends softly wherever it happens to be."""

from __future__ import annotations

import math
import signal
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


ONE_SIGNAL_S = 0.3


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
