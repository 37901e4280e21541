"""A clock for what waits until a deployment is ready, so that no test of it depends on how busy this machine is."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from harness.http import readiness
from harness.http.client import Client

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable

    import pytest

    from harness.http.reply import Reply

AMPLE_S = 60.0  # for one answer of a server that answers at once


@dataclass(slots=True)
class Clock:
    """Goes on by what is slept, and by nothing else."""

    now_s: float = 1000.0

    def monotonic(self) -> float:
        return self.now_s

    def time(self) -> float:
        return time.time()

    def sleeping(self, _: threading.Event) -> Callable[[float], None]:
        def sleep(seconds: float) -> None:
            self.now_s += seconds

        return sleep


def pausing_in_no_time(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Let waiting for readiness pause in no time, and give each answer all the time that it needs.

    What is asked when, and how often, is as it is by the clock on the wall, on a machine that has nothing else to do.
    """
    clock = Clock()
    get = Client.get

    def ample(client: Client, path: str, **of: Any) -> Reply:
        return get(client, path, **{**of, "timeout_s": AMPLE_S})

    monkeypatch.setattr(readiness, "time", clock)
    monkeypatch.setattr(readiness, "sleep_using_event", clock.sleeping)
    monkeypatch.setattr(Client, "get", ample)
    return clock
