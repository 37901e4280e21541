"""A run that is ended from outside: softly it cleans up itself, killed it can be cleaned up after."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import psycopg
import pytest

from rehearsal.deployment.start import deployed
from tests.support.endings import going, ours, rows_of_ours
from tests.support.gates import Run, entry, run_harness, write_environments

if TYPE_CHECKING:
    from pathlib import Path

    from rehearsal.deployment.start import Deployment
    from rehearsal.servers.postgres import Postgres

LATE_S = 5  # the app takes 0.3 s for a POST, or longer on a machine that is busy


def end_in_the_middle(deployment: Deployment, folder: Path, how: signal.Signals) -> Run:
    """Start the gate with many POSTs, wait until the first rows are stored, and send it a signal."""
    settings = entry(deployment, posts=200, late_rows_s=LATE_S)
    file = write_environments(folder / "environments.yaml", {}, preview=settings)
    with going(folder, file) as gate:
        return gate.end_in_the_middle(deployment.database, how)


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_soft_end_cleans_up_and_reports(tmp_path: Path, postgres: Postgres, how: signal.Signals) -> None:
    """No further POST is sent, the rows are removed, the verdict is written, and the exit code is pytest's 2."""
    with deployed(postgres, variant="slow_within_budget") as deployment:
        run = end_in_the_middle(deployment, tmp_path, how)
        assert rows_of_ours(deployment.database) == 0
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
