"""Signals to end: counted, so that a run ends softly wherever it happens to be."""

from __future__ import annotations

import math
import signal
import time
from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

    from harness.gate import Gate

ONE_SIGNAL_S = 0.3


def listen_to_signals(config: pytest.Config, gate: Gate) -> None:
    """End softly on SIGTERM, and when the terminal goes, as on Ctrl-C: clean up and report.

    A signal is counted, and the run looks: an exception that is raised wherever the main thread happens to be may come
    in a destructor, which swallows it, or between a resource and its release.
    """

    def interrupt() -> None:
        gate.interrupts += 1
        # Neither the end of the run nor that of its clean-up was waited for, and yet it lasts.
        if gate.interrupts > 2 and not gate.concluded:
            raise KeyboardInterrupt

    for number in on_each_signal(interrupt):
        # When all is said, Python's own end must not make one that comes late the exit code.
        config.add_cleanup(partial(_ignore, number))


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


def _ignore(number: int) -> None:
    signal.signal(number, signal.SIG_IGN)
