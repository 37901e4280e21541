"""What a watch of a rollout leaves for the gate that judges the steady state."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.deferred import DeferredModel
from harness.report.verdict import CheckResult, LeftBehind, WatchVerdict

if TYPE_CHECKING:
    from pathlib import Path


HISTORY = "rollout.jsonl"
"""The file of a report folder that a watch writes its POSTs into; the gate has one of its own."""


class WatchResult(DeferredModel):
    """The story, what the claims about the way came to, and what became of the rows of the watch."""

    environment: str
    watch: WatchVerdict
    checks: list[CheckResult]
    removed: int
    left_behind: list[LeftBehind]


def read_watch_result(path: Path) -> WatchResult:
    """What a watch wrote there."""
    return WatchResult.model_validate_json(path.read_bytes())
