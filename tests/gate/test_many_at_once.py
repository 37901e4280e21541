"""A burst of more POSTs than a process may have files open: none goes unsent for want of one."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from tests.support.gates import entry, run_command, write_environments
from tests.support.steps import rows_of

if TYPE_CHECKING:
    from pathlib import Path

    from rehearsal.deployment.start import Deployment
    from tests.support.gates import Run


def run_within(limit: str, folder: Path, deployment: Deployment) -> Run:
    """A burst of 300 in a shell with another limit of open files."""
    file = write_environments(folder / "environments.yaml", {}, preview=entry(deployment, posts=1, burst=300))
    gate = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--environments", str(file), "-k", "at_once"]
    gate += ["--report-dir", str(folder / "report")]
    return run_command(["sh", "-c", f'ulimit {limit}; exec "$@"', "sh", *gate], folder / "report")


def test_a_low_soft_limit_is_raised(healthy: Deployment, tmp_path: Path) -> None:
    """Many systems set it to 256 or 1,024, and the hard one far above."""
    run = run_within("-S -n 128", tmp_path, healthy)
    assert run.exit_code == 0, run.out
    assert rows_of(healthy) == 0


def test_a_low_hard_limit_is_named_before_anything_is_sent(healthy: Deployment, tmp_path: Path) -> None:
    """It cannot be raised, and some POSTs of the burst would not be sent."""
    run = run_within("-n 300", tmp_path, healthy)
    assert run.exit_code == 4, run.out
    said = "300 POSTs at once need up to 364 open files, and this process may have 300 (ulimit -Hn). Lower burst"
    assert said in run.err
    assert said in run.verdict["error"]
    assert not (tmp_path / "report" / "history.jsonl").exists()
