"""A run that is ended from outside: softly it cleans up itself, killed it can be cleaned up after."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import psycopg
import pytest

from rehearsal.deployment.start import deployed
from tests.support.gates import ROOT, Run, clean_environment, entry, run_harness, write_environments

if TYPE_CHECKING:
    from pathlib import Path

    from rehearsal.deployment.start import Deployment
    from rehearsal.servers.postgres import Postgres

PATIENCE_S = 60
LATE_S = 5  # the app takes 0.3 s for a POST, or longer on a machine that is busy


def end_in_the_middle(deployment: Deployment, folder: Path, how: signal.Signals) -> Run:
    """Start the gate with many POSTs, wait until the first rows are stored, and send it a signal."""
    settings = entry(deployment, posts=200, late_rows_s=LATE_S)
    file = write_environments(folder / "environments.yaml", {}, preview=settings)
    command = [sys.executable, "-m", "pytest", "--environments", str(file), "--report-dir", str(folder / "report")]
    with (
        psycopg.connect(deployment.database, autocommit=True) as connection,
        subprocess.Popen(
            command, cwd=ROOT, env=clean_environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as gate,
    ):
        deadline = time.monotonic() + PATIENCE_S
        while ours(connection) < 3:
            assert time.monotonic() < deadline, "the gate has stored nothing"
            time.sleep(0.02)
        gate.send_signal(how)
        out, err = gate.communicate(timeout=PATIENCE_S)
    return Run(gate.returncode, out, err, folder / "report")


def ours(connection: psycopg.Connection[tuple[int]]) -> int:
    """How many rows of this harness are stored."""
    row = connection.execute("select count(*) from chatbots where name like 'smoke-%'").fetchone()
    assert row is not None
    return row[0]


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_soft_end_cleans_up_and_reports(tmp_path: Path, postgres: Postgres, how: signal.Signals) -> None:
    """No further POST is sent, the rows are removed, the verdict is written, and the exit code is pytest's 2."""
    with deployed(postgres, variant="slow_within_budget") as deployment:
        run = end_in_the_middle(deployment, tmp_path, how)
        with psycopg.connect(deployment.database) as connection:
            assert ours(connection) == 0
    assert run.exit_code == 2, run.out + run.err
    assert run.verdict["exit_code"] == 2
    assert run.verdict["verdict"] == "unknown"
    assert "Traceback" not in run.err
    posts = run.verdict["environments"][0]["posts"]
    assert posts < 200
    page = (run.report_dir / "report.html").read_text(encoding="utf-8")
    assert "Hold: the run was interrupted." in page
    assert f"{posts} acknowledged in" in page


def test_killed_run_is_cleaned_up_after(tmp_path: Path, postgres: Postgres) -> None:
    """After a SIGKILL the history names every row that may be stored, and the cleanup command removes them."""
    with deployed(postgres, variant="slow_within_budget") as deployment:
        run = end_in_the_middle(deployment, tmp_path, signal.SIGKILL)
        assert run.exit_code == -signal.SIGKILL
        with psycopg.connect(deployment.database, autocommit=True) as connection:
            connection.execute("insert into chatbots (name) values ('smoke-of-somebody-else')")
            # The app may still be storing the POST that was under way: the clean-up waits for its row.
            done = run_harness(
                *("cleanup", str(run.report_dir / "history.jsonl")),
                *("--environments", str(tmp_path / "environments.yaml")),
            )
            assert ours(connection) == 1, done.out + done.err
    assert done.exit_code in (0, 76), done.out + done.err
