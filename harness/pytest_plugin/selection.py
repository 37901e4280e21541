"""Which checks there are, of which kind: what a run was narrowed to leave out is told by it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from harness.report.verdict import Kind

_KINDS: dict[str, Kind] = {"test_preflight_": "preflight", "test_source_": "source"}


def kind_of(file: Path) -> Kind:
    """What a file of checks verifies, by its name."""
    return next((kind for begin, kind in _KINDS.items() if file.name.startswith(begin)), "deployment")


def checks_beside(folder: Path, kind: Kind) -> list[str]:
    """The ids of all checks that a run of a kind could have asked.

    Preflight is of another moment: a run of it leaves nothing else out, and any other run leaves nothing of it out.
    """
    return [
        name
        for file in sorted(folder.glob("test_*.py"))
        if (kind_of(file) == "preflight") == (kind == "preflight")
        for name in re.findall(r"^def test_(\w+)", file.read_text(encoding="utf-8"), re.MULTILINE)
    ]
