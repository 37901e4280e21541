"""A watch that is ended from outside: softly it removes its rows and tells what it saw, killed it can be cleaned up."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import psycopg
import pytest

from rehearsal.deployment.start import deployed
from rehearsal.rollouts.live import Live, live
from tests.support.gates import ROOT, Run, clean_environment, run_harness, write_environments

if TYPE_CHECKING:
    from pathlib import Path

    from rehearsal.servers.postgres import Postgres

PATIENCE_S = 60


def ours(connection: psycopg.Connection[tuple[int]]) -> int:
    """How many rows of this harness are stored."""
    (row,) = connection.execute("select count(*) from chatbots where name like 'smoke-%'").fetchall()
    return row[0]


def end_in_the_middle(deployment: Live, folder: Path, how: signal.Signals) -> Run:
    """Watch, wait until the first rows are stored, and send a signal."""
    bounds = {"rate": 10, "attempts": 600}
    entry = {"url": deployment.url, "database": deployment.database, "late_rows_s": 1, "watch": bounds}
    file = write_environments(folder / "environments.yaml", {}, preview=entry)
    words = ["watch", "--environments", str(file), "--report-dir", str(folder / "report"), "--for", "10m"]
    with (
        psycopg.connect(deployment.database, autocommit=True) as connection,
        subprocess.Popen(
            [sys.executable, "-m", "harness", *words],
            cwd=ROOT,
            env=clean_environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as watch,
    ):
        deadline = time.monotonic() + PATIENCE_S
        while ours(connection) < 5:
            assert time.monotonic() < deadline, "the watch has stored nothing"
            time.sleep(0.02)
        watch.send_signal(how)
        out, err = watch.communicate(timeout=PATIENCE_S)
    return Run(watch.returncode, out, err, folder / "report")


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_a_soft_end_removes_its_rows_and_tells(tmp_path: Path, postgres: Postgres, how: signal.Signals) -> None:
    """No further POST is sent, no row is left, the story is in the verdict, and the exit code is 2."""
    with live(postgres) as deployment:
        run = end_in_the_middle(deployment, tmp_path, how)
        with psycopg.connect(deployment.database) as connection:
            assert ours(connection) == 0
    assert run.exit_code == 2, run.out + run.err
    assert run.verdict["exit_code"] == 2
    assert run.verdict["error"] == "the watch was interrupted"
    assert run.verdict["watch"]["ended"] == "somebody ended it"
    assert run.verdict["watch"]["posts"] >= 5
    assert run.verdict["left_behind"] == []
    assert "Traceback" not in run.err
    assert not (run.report_dir / "history.jsonl").exists(), "no gate was run"


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_the_gate_of_a_watch_is_ended_softly_too(tmp_path: Path, postgres: Postgres, how: signal.Signals) -> None:
    """A signal that comes while the steady state is judged is handed on: the gate removes its rows, and exits 2."""
    with deployed(postgres, variant="slow_within_budget") as deployment:
        bounds = {"rate": 20, "attempts": 8}
        entry = {"url": deployment.url, "database": deployment.database, "late_rows_s": 5, "watch": bounds}
        file = write_environments(tmp_path / "environments.yaml", {}, preview={**entry, "posts": 200})
        report = tmp_path / "report"
        words = ["watch", "--environments", str(file), "--report-dir", str(report), "--for", "10m"]
        with (
            subprocess.Popen([sys.executable, "-m", "harness", *words], cwd=ROOT, env=clean_environment()) as watch,
            psycopg.connect(deployment.database, autocommit=True) as connection,
        ):
            deadline = time.monotonic() + PATIENCE_S
            while not (report / "history.jsonl").exists() or ours(connection) < 3:
                assert time.monotonic() < deadline, "no gate has stored anything"
                time.sleep(0.05)
            watch.send_signal(how)
            assert watch.wait(PATIENCE_S) == 2
            assert ours(connection) == 0
    verdict = json.loads((report / "verdict.json").read_text(encoding="utf-8"))
    assert (verdict["exit_code"], verdict["kind"], verdict["watch"]["posts"]) == (2, "rollout", 8)
    assert 0 < verdict["environments"][0]["posts"] < 200


def test_a_killed_watch_is_cleaned_up_after(tmp_path: Path, postgres: Postgres) -> None:
    """After a SIGKILL its history names every row that may be stored, and the cleanup command removes them."""
    with live(postgres) as deployment:
        run = end_in_the_middle(deployment, tmp_path, signal.SIGKILL)
        assert run.exit_code == -signal.SIGKILL
        history = str(run.report_dir / "rollout.jsonl")
        done = run_harness("cleanup", history, "--environments", str(tmp_path / "environments.yaml"))
        with psycopg.connect(deployment.database) as connection:
            assert ours(connection) == 0, done.out + done.err
    assert done.exit_code in (0, 76), done.out + done.err
    again = run_harness("judge", history, "--json")
    assert again.exit_code == 75, again.out + again.err
    assert json.loads(again.out)["watch"]["posts"] >= 4, "what it saw until then is told"
