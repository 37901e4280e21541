"""Which checks there are, of which kind: what a run was narrowed to leave out is told by it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from harness.pytest_plugin.command_line import CHECKS, named_paths

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

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


def is_left_out(file: Path, config: pytest.Config) -> bool:
    """Whether a file of checks is of another moment, and nobody asked for it.

    Preflight checks are asked for by `-m` or `-k` with the word in it, or by the path of one.
    """
    if file.parent != CHECKS or kind_of(file) != "preflight":
        return False
    asked = f"{getattr(config.option, 'markexpr', '')} {getattr(config.option, 'keyword', '')}"
    return "preflight" not in asked and file not in named_paths(config)
