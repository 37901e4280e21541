"""Packages of npm for a test, in a folder of its own."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.support.gates import GATE_LIMIT_S

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


def install(folder: Path, what_for: str, packages: Sequence[str] = ()) -> Path:
    """Install these packages, or those of the folder's package.json; returns `node_modules`.

    Where there is no Node, or no index answers, the test is left out, and says so.
    """
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip(f"there is no Node: {what_for}")
    command = ["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error", *packages]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=GATE_LIMIT_S, check=False)
    if done.returncode:
        pytest.skip(f"npm could not install from here: {what_for}: {done.stderr.strip()[-200:]}")
    return folder / "node_modules"
