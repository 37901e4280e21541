"""The history of one worker. POSTs that are about to leave share an fsync: while one lasts, the next group gathers."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import gevent
from gevent.event import AsyncResult, Event

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.history.attempt import Attempt, Phase
    from harness.history.writing import Ledger

PHASE: Phase = "soak"


@dataclass(slots=True)
class _Group:
    planned: list[tuple[int, str, Phase, Sequence[str]]] = field(default_factory=list)
    on_disk: AsyncResult[bool] = field(default_factory=AsyncResult)


class Journal:
    """Writes intents in groups, and outcomes as they come. One greenlet (`write`) does the first, any the rest."""

    def __init__(self, ledger: Ledger, environment: str) -> None:
        self._ledger = ledger
        self._environment = environment
        self._next = _Group()
        self._begun = Event()
        self.groups = 0
        self.intents = 0
        self.largest = 0
        self.sync_s = 0.0

    def intend(self, n: int, name: str, labels: Sequence[str]) -> None:
        """Return when the disk has the name of a POST that is about to leave.

        Raises:
            OSError: it cannot be written; the POST must not leave.
        """
        group = self._next
        group.planned.append((n, name, PHASE, labels))
        self._begun.set()
        group.on_disk.get()

    def write(self) -> None:
        """Write group after group, for ever."""
        while True:
            self._begun.wait()
            self._begun.clear()
            group, self._next = self._next, _Group()
            try:
                self._ledger.intend(self._environment, group.planned, sync=False)
                began_s = time.monotonic()
                gevent.get_hub().threadpool.apply(self._ledger.sync)  # the other greenlets go on meanwhile
            except OSError as error:
                group.on_disk.set_exception(error)
                continue
            self.sync_s += time.monotonic() - began_s
            self.groups += 1
            self.intents += len(group.planned)
            self.largest = max(self.largest, len(group.planned))
            group.on_disk.set(True)

    def settle(self, attempt: Attempt) -> None:
        """Write how a POST ended.

        Raises:
            OSError: it cannot be written.
        """
        self._ledger.settle(self._environment, attempt)
