"""Paths as a user would type them."""

from __future__ import annotations

from pathlib import Path


def as_typed(path: Path) -> str:
    """A path as somebody in the working directory would type it."""
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)
