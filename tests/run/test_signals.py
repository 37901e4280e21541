"""A signal may come at any moment, also while the main thread begins to wait for what the signal sets."""

import subprocess
import sys

import pytest

from harness.run.signals import SignalEvent
from tests.support.gates import ROOT

# Each signal comes a little later than the one before, until one meets the moment at which the wait begins.
SET_BY_SIGNALS = """
import signal
from harness.run.signals import SignalEvent

def set_it(*_):
    event.set()

for n in range(3000):
    event = SignalEvent()
    signal.signal(signal.SIGALRM, set_it)
    signal.setitimer(signal.ITIMER_REAL, 0.00002 + n % 50 * 0.000002)
    while not event.is_set():
        event.wait(0.00001)
print("heard")
"""


def test_an_event_can_be_set_whatever_the_main_thread_does() -> None:
    """With that of the standard library this program waits for ever."""
    command = [sys.executable, "-c", SET_BY_SIGNALS]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert (done.stdout, done.returncode) == ("heard\n", 0), done.stderr


def test_an_event_that_was_set_stays_so() -> None:
    """However often it is set, and whoever waits for it, as often as they like."""
    event = SignalEvent()
    assert [event.is_set(), event.wait(0), event.wait(0.001)] == [False, False, False]
    for _ in range(2):
        event.set()
        assert [event.is_set(), event.wait(), event.wait(0)] == [True, True, True]
    with pytest.raises(RuntimeError, match="stays so"):
        event.clear()
