"""One watch as its process sees it: what it is to do, who has asked it to end, what is known so far."""

from __future__ import annotations

import sys
import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from harness.errors import Waived
from harness.http.deadline import abandon_exchanges
from harness.rollout.evidence import Watched, failed
from harness.run.signals import SignalEvent
from harness.run.watch_result import HISTORY
from harness.text import printable

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from harness.configuration.models import Environment, Watch
    from harness.errors import Unavailable
    from harness.history.attempt import Attempt
    from harness.postgres.column_look import ColumnLook
    from harness.postgres.rows import Row
    from harness.redaction.redactor import Redactor
    from harness.rollout.evidence import RowLook, Served

NO_ROWS = Waived("no row was read: database: null, or cleanup is another way", "give this environment its database URL")
_TELLS_EVERY_S = 10.0  # where nobody sits at a terminal
_WIDTH = 100
_DIGITS = 12  # of a revision


@dataclass(slots=True)
class WatchState:
    """One watch.

    Attributes:
        run: its id.
        environment: what is watched.
        watch: its bounds.
        for_s: how long, at most.
        until: the revision that ends it, None where none does.
        folder: of the reports.
        file: environments.yaml.
        redact: masks secrets.
        stop: set when no further POST is to be sent.
        hurry: set when nothing is waited for any more.
        interrupts: signals to end, counted.
        ended: why it ended.
        unavailable: why it could not go on, "" where it could.
        rows: of the POSTs, read when the watch has ended, or why not.
    """

    run: str
    environment: Environment
    watch: Watch
    for_s: float
    until: str | None
    folder: Path
    file: Path
    redact: Redactor
    stop: threading.Event = field(default_factory=SignalEvent)
    hurry: threading.Event = field(default_factory=SignalEvent)
    interrupts: int = 0
    origin_s: float = field(default_factory=time.monotonic)
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    began_s: float = 0.0
    ended_s: float = 0.0
    ended: str = ""
    unavailable: str = ""
    attempts: list[Attempt] = field(default_factory=list)
    looks: list[ColumnLook] = field(default_factory=list)
    missed: list[str] = field(default_factory=list)
    served: list[Served] = field(default_factory=list)
    row_looks: list[RowLook] = field(default_factory=list)
    withheld: int = 0
    sent: int = 0
    token_column: str = ""
    rows: Sequence[Row] | Unavailable = NO_ROWS
    _told_s: float = 0.0
    _told: str = ""

    @property
    def history(self) -> Path:
        """Where its POSTs are written."""
        return self.folder / HISTORY

    @property
    def now_s(self) -> float:
        """Seconds since it began, monotonic."""
        return time.monotonic() - self.origin_s

    def watched(self) -> Watched:
        """What has been seen until now."""
        until_s = self.ended_s or self.now_s
        seen = (list(self.attempts), list(self.looks), list(self.served), self.began_s, until_s, self.watch.rate)
        column = self.token_column or self.environment.table.token
        return Watched(
            *seen,
            withheld=self.withheld,
            missed=tuple(self.missed),
            token_column=column,
            row_looks=list(self.row_looks),
        )

    def interrupt(self) -> None:
        """Take a signal to end: the first ends the watch, the second what is waited for.

        Raises:
            KeyboardInterrupt: at the third.
        """
        self.interrupts += 1
        self.stop.set()
        if self.interrupts > 1:
            self.hurry.set()
            abandon_exchanges()
        if self.interrupts > 2:
            raise KeyboardInterrupt

    def fail(self, why: str) -> None:
        """End, since no further POST can be sent; the first reason counts."""
        self.unavailable = self.unavailable or why
        self.stop.set()

    def tell(self, line: str) -> None:
        """A line about what is under way."""
        if sys.stderr.isatty():
            print("\r\x1b[K", end="", file=sys.stderr)
        print(f"{self.environment.name}: {self.redact(line)}", file=sys.stderr, flush=True)

    def tell_now(self) -> None:
        """How it stands: in one line of a terminal, or else when something has changed or time has passed."""
        column = self.looks[-1].type or "no column" if self.looks else ""
        revisions = [printable(name)[:_DIGITS] for name in self.served[-1].named] if self.served else []
        wrong = sum(map(failed, list(self.attempts)))
        rate = self.sent / max(self.now_s - self.began_s, 1.0)
        parts = [f"{len(self.attempts)} POSTs, {rate:.1f} a second", f"{wrong} failed", column, *revisions]
        line = f"{self.now_s:.0f} s: {', '.join(filter(None, parts))}"
        if sys.stderr.isatty():
            text = f"{self.environment.name}: {self.redact(line)}"[:_WIDTH]
            print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)
            return
        fails = bool(self.attempts) and failed(self.attempts[-1])
        about = f"{column} {revisions} {fails}"
        if about != self._told or self.now_s - self._told_s > _TELLS_EVERY_S:
            self._told, self._told_s = about, self.now_s
            self.tell(line)
