"""Listens to the signals that end a run."""

from __future__ import annotations

import signal
from functools import partial
from typing import TYPE_CHECKING

from harness.run.signals import on_each_signal

if TYPE_CHECKING:
    import pytest

    from harness.run.gate import Gate


def listen_to_signals(config: pytest.Config, gate: Gate) -> None:
    """End softly on SIGTERM, and when the terminal goes, as on Ctrl-C: clean up and report.

    A signal is counted, and the run looks: an exception that is raised wherever the main thread happens to be may come
    in a destructor, which swallows it, or between a resource and its release.
    """

    for number in on_each_signal(gate.interrupt):
        # When all is said, Python's own end must not make one that comes late the exit code.
        config.add_cleanup(partial(_ignore, number))


def _ignore(number: int) -> None:
    signal.signal(number, signal.SIG_IGN)
