"""A watch that is ended from outside: softly it removes its rows and tells what it saw, killed it can be cleaned up."""

from __future__ import annotations

import json
import signal
import time
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from rehearsal.deployment.start import deployed
from rehearsal.rollouts.live import Live, live
from tests.support.endings import WATCH, Going, going, names_of, ours, rows_of_ours, told
from tests.support.gates import Run, run_harness, write_environments

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from pathlib import Path

    from rehearsal.deployment.start import Deployment
    from rehearsal.servers.postgres import Postgres

FOR = ("--for", "10m")


def file_for(folder: Path, deployment: Live | Deployment, **more: Any) -> Path:
    """The configuration of one environment that is watched."""
    own = {"url": deployment.url, "database": deployment.database, "late_rows_s": 1}
    own["watch"] = {"rate": 10, "attempts": 600}
    return write_environments(folder / "environments.yaml", {}, preview={**own, **more})


def watching(folder: Path, file: Path) -> AbstractContextManager[Going]:
    """A watch that goes on."""
    return going(folder, file, *FOR, command=WATCH, history="rollout.jsonl")


def end_in_the_middle(deployment: Live, folder: Path, how: signal.Signals) -> Run:
    """Watch, wait until the first rows are stored, and send a signal."""
    with watching(folder, file_for(folder, deployment)) as watch:
        return watch.end_in_the_middle(deployment.database, how, rows=5)


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_a_soft_end_removes_its_rows_and_tells(tmp_path: Path, postgres: Postgres, how: signal.Signals) -> None:
    """No further POST is sent, no row is left, the story is in the verdict, and the exit code is 2."""
    with live(postgres) as deployment:
        run = end_in_the_middle(deployment, tmp_path, how)
        assert rows_of_ours(deployment.database) == 0
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
        more = {"late_rows_s": 5, "watch": {"rate": 20, "attempts": 8}, "posts": 200}
        file = file_for(tmp_path, deployment, **more)
        with (
            watching(tmp_path, file) as watch,
            psycopg.connect(deployment.database, autocommit=True) as connection,
        ):
            of_the_gate = watch.report_dir / "history.jsonl"
            assert watch.wait_until(lambda: of_the_gate.exists() and ours(connection) >= 3)
            watch.process.send_signal(how)
            run = watch.ended()
            assert run.exit_code == 2, run.out + run.err
            assert ours(connection) == 0
    assert (run.verdict["exit_code"], run.verdict["kind"], run.verdict["watch"]["posts"]) == (2, "rollout", 8)
    assert 0 < run.verdict["environments"][0]["posts"] < 200


def test_second_interrupt_leaves_at_once_and_lists(tmp_path: Path, postgres: Postgres) -> None:
    """Whoever presses Ctrl-C again while rows are being waited for gets the list of them, and a clean-up to run."""
    with live(postgres) as deployment, psycopg.connect(deployment.database) as holding:
        file = file_for(tmp_path, deployment, late_rows_s=60)
        with watching(tmp_path, file) as watch, psycopg.connect(deployment.database, autocommit=True) as looking:
            assert watch.wait_until(lambda: ours(looking) >= 5)
            # Rows are held, so that the clean-up has to wait for the lock, and the user loses patience.
            holding.execute("select from chatbots where name like 'smoke-%' for update")
            watch.process.send_signal(signal.SIGINT)
            waiting = "select 1 from pg_stat_activity where wait_event_type = 'Lock' and query like 'DELETE%'"
            assert watch.wait_until(lambda: looking.execute(waiting).fetchone() is not None)
            time.sleep(0.5)  # two at nearly the same moment are one, sent to a group and passed on by a wrapper
            watch.process.send_signal(signal.SIGINT)
            run = watch.ended()
            names = names_of(deployment.database, told(watch.history).run)
        assert (run.exit_code, run.verdict["exit_code"]) == (2, 2), run.out + run.err
        assert names
        assert names <= {row["name"] for row in run.verdict["left_behind"]}
        assert run.verdict["watch"]["posts"] >= 5, "what it saw until then is told"
        assert "Traceback" not in run.out + run.err
        holding.rollback()
        done = run_harness("cleanup", str(watch.history), "--environments", str(file))
        assert done.exit_code == 0, done.out + done.err
        assert rows_of_ours(deployment.database) == 0


def test_a_killed_watch_is_cleaned_up_after(tmp_path: Path, postgres: Postgres) -> None:
    """After a SIGKILL its history names every row that may be stored, and the cleanup command removes them."""
    with live(postgres) as deployment:
        run = end_in_the_middle(deployment, tmp_path, signal.SIGKILL)
        assert run.exit_code == -signal.SIGKILL
        history = str(run.report_dir / "rollout.jsonl")
        done = run_harness("cleanup", history, "--environments", str(tmp_path / "environments.yaml"))
        assert rows_of_ours(deployment.database) == 0, done.out + done.err
    assert done.exit_code in (0, 76), done.out + done.err
    again = run_harness("judge", history, "--json")
    assert again.exit_code == 75, again.out + again.err
    assert json.loads(again.out)["watch"]["posts"] >= 4, "what it saw until then is told"
