"""What a soak leaves for whoever judges it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.deferred import DeferredModel
from harness.report.verdict import LeftBehind

if TYPE_CHECKING:
    from pathlib import Path


class SoakResult(DeferredModel):
    """What a soak did besides sending: handed to whoever judges it, for the verdict."""

    run: str
    environment: str
    notes: list[str]
    error: str
    interrupted: bool
    removed: int
    left_behind: list[LeftBehind]


def read_soak_result(path: Path) -> SoakResult:
    """What `judged` wrote there."""
    return SoakResult.model_validate_json(path.read_bytes())
