"""Two gates on one environment, or a gate and a clean-up, or two clean-ups, do not get into each other's way."""

from __future__ import annotations

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest

from rehearsal.deployment.start import deployed
from tests.support.endings import going, names_of, stored, told
from tests.support.gates import ROOT, clean_environment, entry, run_harness, write_environments

if TYPE_CHECKING:
    from rehearsal.deployment.start import Deployment
    from rehearsal.servers.postgres import Postgres
    from tests.support.gates import Run


FULL = Path("/dev/full")


def clean_up(file: Path, *histories: Path) -> Run:
    """The clean-up command, its output as JSON."""
    return run_harness("cleanup", *map(str, histories), "--environments", str(file), "--json")


def killed_in_the_middle(folder: Path, file: Path) -> Path:
    """The history of a gate that was killed when it had sent some of its POSTs."""
    with going(folder, file) as gate:
        assert gate.wait_until(lambda: gate.records() >= 8)
        gate.process.kill()
        gate.ended()
    return gate.history


def test_two_gates_at_once_each_remove_their_own_rows(tmp_path: Path, healthy: Deployment) -> None:
    """Both pass, each with its own 22 rows."""
    before = stored(healthy.database)
    file = write_environments(tmp_path / "e.yaml", {}, preview=entry(healthy))
    with going(tmp_path / "one", file) as one, going(tmp_path / "other", file) as other:
        runs = [one.ended(), other.ended()]
    for run in runs:
        assert run.exit_code == 0, run.out + run.err
        assert run.verdict["environments"][0]["rows_removed"] == 22
        assert run.verdict["left_behind"] == []
    removed = [told(gate.history).removed for gate in (one, other)]
    assert [len(pairs) for pairs in removed] == [22, 22]
    assert not removed[0] & removed[1]
    assert stored(healthy.database) == before


def test_history_of_a_run_that_goes_on_is_not_cleaned_up(tmp_path: Path, postgres: Postgres) -> None:
    """The command refuses with exit 4 and says why; a finished run that is named with it is cleaned up all the same."""
    with deployed(postgres, variant="slow_within_budget") as deployment:
        file = write_environments(tmp_path / "e.yaml", {}, preview=entry(deployment, posts=200, burst=0))
        ended = killed_in_the_middle(tmp_path / "ended", file)
        with going(tmp_path / "going", file) as gate:
            assert gate.wait_until(lambda: gate.records() >= 8)
            run = told(gate.history).run
            before = names_of(deployment.database, run)
            refused = clean_up(file, gate.history, ended)
            assert gate.process.poll() is None, "the gate has not noticed anything"
            assert before, "it has rows that could have been removed"
            assert before <= names_of(deployment.database, run)
            gate.process.kill()
    assert refused.exit_code == 4
    assert f"ERROR: {gate.history}: its run is still going on, and will clean up itself" in refused.err
    (cleaned,) = json.loads(refused.out)
    assert cleaned["run"] == told(ended).run
    assert cleaned["removed"] > 0


def test_cleaning_up_after_one_run_leaves_the_rows_of_another(tmp_path: Path, postgres: Postgres) -> None:
    """What run A left is removed while run B is under way; B keeps its rows, and its verdict is a pass."""
    with deployed(postgres, variant="slow_within_budget") as deployment:
        file = write_environments(tmp_path / "e.yaml", {}, preview=entry(deployment, posts=8))
        ended = killed_in_the_middle(tmp_path / "a", file)
        with going(tmp_path / "b", file) as gate:
            assert gate.wait_until(lambda: gate.records() >= 6)
            run = told(gate.history).run
            before = names_of(deployment.database, run)
            done = clean_up(file, ended)
            assert before, "B has rows that could have been removed"
            assert before <= names_of(deployment.database, run) | {label for _, label in told(gate.history).removed}
            other = gate.ended()
        assert not names_of(deployment.database, told(ended).run)
        assert not names_of(deployment.database, run)
    assert done.exit_code in (0, 76), done.out + done.err
    assert other.exit_code == 0, other.out + other.err
    assert other.verdict["environments"][0]["rows_removed"] == 19


@pytest.mark.parametrize("together", [True, False])
def test_two_clean_ups_of_one_history(tmp_path: Path, healthy: Deployment, together: bool) -> None:
    """Every row is removed once; the one that comes later is refused, or says that nothing remains."""
    file = write_environments(tmp_path / "e.yaml", {}, preview=entry(healthy, cleanup="keep"))
    with going(tmp_path / "run", file) as gate:
        assert gate.ended().exit_code == 76
    write_environments(file, {}, preview=entry(healthy))
    if together:
        with ThreadPoolExecutor(2) as pool:
            done = [one.result() for one in [pool.submit(clean_up, file, gate.history) for _ in range(2)]]
    else:
        done = [clean_up(file, gate.history, gate.history)]
    assert not names_of(healthy.database, told(gate.history).run)
    for one in done:
        assert one.exit_code == 0 or (one.exit_code == 4 and "another clean-up of it" in one.err), one.out + one.err
    reports = [report for one in done for report in json.loads(one.out)]
    assert sum(report["removed"] for report in reports) == 22
    assert not any(report["left_behind"] for report in reports)
    assert len(told(gate.history).removed) == 22


def test_history_that_no_run_began_to_write_is_nothing_to_clean_up(tmp_path: Path, healthy: Deployment) -> None:
    """A run that was killed before its first record sent nothing; the histories beside it are cleaned up."""
    file = write_environments(tmp_path / "e.yaml", {}, preview=entry(healthy))
    ended = killed_in_the_middle(tmp_path / "a", file)
    for text in ("", '{"record":"ru'):
        (empty := tmp_path / "history.jsonl").write_text(text)
        done = clean_up(file, empty, ended)
        assert done.exit_code in (0, 76), done.err
        assert f"{empty}: is empty: its run sent nothing" in done.err
        assert [one["run"] for one in json.loads(done.out)] == [told(ended).run]
        alone = clean_up(file, empty)
        assert (alone.exit_code, json.loads(alone.out)) == (0, [])
    with psycopg.connect(healthy.database) as connection:
        assert connection.execute("select count(*) from chatbots where name like 'smoke-%'").fetchone() == (0,)


@pytest.mark.skipif(not FULL.exists(), reason="there is no /dev/full on this machine")
def test_clean_up_whose_output_nobody_takes_finishes_nevertheless(tmp_path: Path, healthy: Deployment) -> None:
    """A closed pipe or a full disk behind stdout neither ends the clean-up nor changes its exit code."""
    file = write_environments(tmp_path / "e.yaml", {}, preview=entry(healthy, cleanup="keep"))
    histories = []
    for name in ("one", "other"):
        with going(tmp_path / name, file) as gate:
            assert gate.ended().exit_code == 76
        histories.append(str(gate.history))
    command = [sys.executable, "-m", "harness", "cleanup", *histories, "--environments", str(file)]
    with FULL.open("wb") as full:
        kept = subprocess.run(command, cwd=ROOT, env=clean_environment(), stdout=full, stderr=subprocess.PIPE)
    assert kept.returncode == 76, "cleanup: keep removes nothing, and says so by its exit code"
    write_environments(file, {}, preview=entry(healthy))
    with subprocess.Popen(command, cwd=ROOT, env=clean_environment(), stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.close()
    assert process.returncode == 0
    with psycopg.connect(healthy.database) as connection:
        assert connection.execute("select count(*) from chatbots where name like 'smoke-%'").fetchone() == (0,)
