"""What a run is told once, and what interrupts it."""

from __future__ import annotations

import secrets
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from msgspec import Struct, field

from harness.redaction.redactor import Redactor

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from harness.configuration.models import Environment


def new_run() -> str:
    """An id that no other run has: the time, to be read, and 32 random bits, to be unique."""
    return f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(4)}"


class RunSettings(Struct, frozen=True):
    """A run as it was asked for.

    `redact` masks whatever leaves it. `began_s` is on the monotonic clock, `started_at` the time of day. `trials`
    are the URLs of what is deployed on this machine for a trial, and is none to release.
    """

    run: str
    environments: Sequence[Environment]
    report_dir: Path
    revision: str | None = None
    read_only: bool = False
    trials: frozenset[str] = frozenset()
    redact: Redactor = field(default_factory=Redactor)
    began_s: float = field(default_factory=time.monotonic)
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))

    def environment(self, name: str) -> Environment:
        """The environment of a name that this run has."""
        return next(environment for environment in self.environments if environment.name == name)


class Interrupts:
    """Signals to end, counted.

    The first ends the waiting for an examination, the second that for the clean-up, both by KeyboardInterrupt where
    somebody waits; a third one is raised wherever the run happens to be.
    """

    def __init__(self) -> None:
        self.count = 0

    @property
    def ends_examinations(self) -> bool:
        """Whether examinations are no longer waited for."""
        return self.count > 0

    @property
    def ends_clean_up(self) -> bool:
        """Whether not even the clean-up is waited for."""
        return self.count > 1

    @property
    def ends_at_once(self) -> bool:
        """Whether it lasts although neither was waited for."""
        return self.count > 2
