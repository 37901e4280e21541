"""Which files of checks a run leaves out by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.claims import kind_of
from harness.invocation import named_paths
from harness.run.pytest_process import CHECKS

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def is_left_out(file: Path, config: pytest.Config) -> bool:
    """Whether a file of checks is of another moment, and nobody asked for it.

    Preflight checks are asked for by `-m` or `-k` with the word in it, or by the path of one.
    """
    if file.parent != CHECKS or kind_of(file) != "preflight":
        return False
    asked = f"{getattr(config.option, 'markexpr', '')} {getattr(config.option, 'keyword', '')}"
    return "preflight" not in asked and file not in named_paths(config)
