"""How saved histories are judged: by the gate's own checks, in a pytest of its own."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

ROOT = Path(__file__).parents[2]


def judging(histories: Iterable[Path]) -> list[str]:
    """The command line that judges these files together; to be run in `ROOT`, with `alone()` around it."""
    command = [sys.executable, "-m", "pytest", str(ROOT / "checks"), "--rootdir", str(ROOT)]
    return [*command, *(word for path in histories for word in ("--judge", str(path.resolve())))]


def alone() -> dict[str, str]:
    """The environment of a pytest without the plugins that happen to be installed: loading them may outlast judging.

    Without what would have it list the checks, or run something else, as well.
    """
    kept = {name: value for name, value in os.environ.items() if name not in ("PYTEST_ADDOPTS", "PYTHONOPTIMIZE")}
    return {**kept, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_PLUGINS": "harness.options"}


def print_verdict(folder: Path) -> None:
    """Print the `verdict.json` of a report folder, if there is one."""
    verdict = folder / "verdict.json"
    if verdict.exists():
        print(verdict.read_text(encoding="utf-8").rstrip("\n"))
