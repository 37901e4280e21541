"""What a soak leaves for whoever judges it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from harness.report.verdict import LeftBehind

if TYPE_CHECKING:
    from pathlib import Path


class Soaked(BaseModel):
    """What a soak did besides sending: handed to whoever judges it, for the verdict."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    run: str
    environment: str
    notes: list[str]
    error: str
    interrupted: bool
    removed: int
    left_behind: list[LeftBehind]


def read_soaked(path: Path) -> Soaked:
    """What `judged` wrote there."""
    return Soaked.model_validate_json(path.read_bytes())
