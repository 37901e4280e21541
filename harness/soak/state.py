"""One soak as the process that a user started sees it: what it is to do, who is at work, what is known so far."""

from __future__ import annotations

import queue
import sys
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from harness.run.signals import SignalEvent

if TYPE_CHECKING:
    from pathlib import Path

    from harness.configuration.models import Environment, Soak
    from harness.redaction.redactor import Redactor
    from harness.soak.processes import Child, Event


@dataclass(frozen=True, slots=True)
class Ended:
    """What the master said last. `why` is done, asked, duplicate, failures, or a sentence; `repeated` counts tokens."""

    why: str
    sent: int
    failed: int
    repeated: int
    took_s: float
    peak_mb: int


@dataclass(slots=True)
class SoakState:
    """One soak as the process that a user started sees it. `interrupts` counts the signals to end."""

    run: str
    environment: Environment
    soak: Soak
    folder: Path
    file: Path
    redact: Redactor
    interrupts: int = 0
    hurry: threading.Event = field(default_factory=SignalEvent)
    stop: threading.Event = field(default_factory=SignalEvent)
    said: queue.Queue[Event] = field(default_factory=queue.Queue)
    children: list[Child] = field(default_factory=list)
    ended: Ended | None = None
    unavailable: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    judging: bool = False

    @property
    def histories(self) -> list[Path]:
        """What workers of this machine wrote."""
        return sorted(self.folder.glob("worker-*.jsonl"))

    def tell(self, line: str) -> None:
        """A line about what is under way, for whoever watches."""
        print(f"{self.environment.name}: {self.redact(line)}", file=sys.stderr, flush=True)
