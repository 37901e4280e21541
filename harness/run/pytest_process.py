"""The pytest that runs checks: where it is rooted, and what it is kept away from."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

ROOT = Path(__file__).parents[2]
"""Where `harness` and `checks` stand: a checkout, or the site-packages of an installation."""
CHECKS = ROOT / "checks"
SETTINGS = ROOT / "harness" / "pytest.toml"
"""pytest's settings for `chatbots-smoke`. Those of the working directory belong to another program."""


def arguments_of_gate(words: Sequence[str]) -> list[str]:
    """The arguments of a pytest that runs the checks with these options, and nothing of the working directory.

    Its environment is `alone()`. Neither a conftest.py nor settings of the working directory have a part in it, and
    nothing is written where the package is installed.
    """
    fixed = ["-c", str(SETTINGS), "--rootdir", str(ROOT), "--confcutdir", str(CHECKS), "-p", "no:cacheprovider"]
    return [*fixed, *words, str(CHECKS)]


def judging(histories: Iterable[Path]) -> list[str]:
    """The options that judge these files together."""
    return [word for path in histories for word in ("--judge", str(path.resolve()))]


def gate_process(words: Sequence[str]) -> list[str]:
    """The command line of a process of its own; to be run in `ROOT`, with `alone()` around it."""
    return [sys.executable, "-m", "pytest", *arguments_of_gate(words)]


def alone() -> dict[str, str]:
    """The environment of a pytest without the plugins that happen to be installed: loading them may outlast judging.

    Without what would have it list the checks, or run something else, as well.
    """
    kept = {name: value for name, value in os.environ.items() if name not in ("PYTEST_ADDOPTS", "PYTHONOPTIMIZE")}
    plugins = "harness.options,harness.pytest_plugin.registration"
    return {**kept, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_PLUGINS": plugins}


def print_verdict(folder: Path) -> None:
    """Print the `verdict.json` of a report folder, if there is one."""
    verdict = folder / "verdict.json"
    if verdict.exists():
        print(verdict.read_text(encoding="utf-8").rstrip("\n"))
