"""The gate runs on the lowest and on the newest pytest that pyproject.toml allows.

A version that is not the installed one is installed beside it. Where the lowest, the newest and the installed one are
the same, as long as no newer one is released, the gate is run once.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from importlib.metadata import version
from typing import TYPE_CHECKING

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

from harness.pytest_internals import TRIED_ON
from tests.support.gates import ROOT, entry, run_pytest, write_environments

if TYPE_CHECKING:
    from pathlib import Path

    from rehearsal.deployment.start import Deployment

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
(ALLOWED,) = [one for one in map(Requirement, PROJECT["dependencies"]) if one.name == "pytest"]
(LOWEST,) = [Version(one.version) for one in ALLOWED.specifier if one.operator == ">="]
LIMIT_S = 120
PIP = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--retries=1", "--timeout=10"]


def newest() -> Version | None:
    """The newest pytest that is allowed, as the package index says; None where none can be reached."""
    command = [*PIP, "--dry-run", "--ignore-installed", "--no-deps", "--report=-", str(ALLOWED)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_S, check=False)
    return Version(json.loads(done.stdout)["install"][0]["metadata"]["version"]) if done.returncode == 0 else None


def demand_release(folder: Path, deployment: Deployment, wanted: Version) -> None:
    """The gate on this version of pytest releases a healthy deployment."""
    folder.mkdir()
    path = [str(ROOT)]
    if wanted != Version(version("pytest")):
        beside = folder / "packages"
        subprocess.run([*PIP, f"--target={beside}", f"pytest=={wanted}"], timeout=LIMIT_S, check=True)
        path.insert(0, str(beside))
    file = write_environments(folder / "environments.yaml", {}, preview=entry(deployment))
    run = run_pytest(folder / "report", "-v", "--environments", str(file), PYTHONPATH=os.pathsep.join(path))
    assert run.exit_code == 0, run.out + run.err
    assert f"pytest-{wanted.major}.{wanted.minor}.{wanted.micro}" in run.out
    assert run.verdict["verdict"] == "pass"


def test_the_gate_runs_on_every_pytest_that_is_allowed(tmp_path: Path, healthy: Deployment) -> None:
    """Lowest and newest: 0, by that version and no other; the lowest is one that was tried."""
    assert LOWEST in map(Version, TRIED_ON)
    last = newest()
    for wanted in sorted({LOWEST, last or LOWEST}):
        demand_release(tmp_path / str(wanted), healthy, wanted)
    if last is None:
        pytest.skip(f"no package index can be reached: the newest of {ALLOWED} was not tried, the lowest was")
