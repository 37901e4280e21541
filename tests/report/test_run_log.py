"""Runs are remembered beside the report folders; what is unusual becomes a note, and never a failure."""

from __future__ import annotations

import json
import sqlite3
import stat
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from harness.report.run_log import FILE, NoTrend, past_runs, remember
from harness.report.verdict import EnvironmentVerdict, Verdict
from tests.support.gates import entry, run_gate, run_harness, run_pytest, write_environments

if TYPE_CHECKING:
    from pathlib import Path

    from rehearsal.deployment.start import Deployment


def verdict(run: str, p95_ms: float | None = 100.0, environment: str = "preview", **but: Any) -> Verdict:
    of = EnvironmentVerdict(
        name=environment, url="http://h", verdict="pass", posts=19, acknowledged=18, latency_p95_ms=p95_ms
    )
    right = {"verdict": "pass", "exit_code": 0, "run": run, "started_at": f"2026-01-01T00:00:{run[-2:]}+00:00"}
    return Verdict(**{**right, "duration_s": 1.0, "environments": [of], **but})


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where runs are remembered."""
    return tmp_path / FILE


def test_runs_come_back_the_newest_first(file: Path) -> None:
    """Of one environment or of all, as many as asked for."""
    for n, environment in enumerate(["preview", "production", "preview", "preview"]):
        remember(verdict(f"r-{n:02}", environment=environment), file)
    assert [run.run for run in past_runs(file, "preview", 2)] == ["r-03", "r-02"]
    assert [run.run for run in past_runs(file, None, 9)] == ["r-03", "r-02", "r-01", "r-00"]
    first = past_runs(file, "production", 1)[0]
    assert (first.verdict, first.posts, first.failures, first.p95_ms) == ("pass", 19, 1, 100.0)


def test_runs_of_one_second_are_told_in_the_order_in_which_they_ended(file: Path) -> None:
    """Their ids are random and say nothing of it; the environments of a run keep its order."""
    at = "2026-01-01T00:00:00+00:00"
    for run in ("r-bb", "r-cc", "r-aa"):
        both = [of for name in ("west", "east") for of in verdict(run, environment=name).environments]
        remember(verdict(run, started_at=at, environments=both), file)
    assert [run.run for run in past_runs(file, "west", 2)] == ["r-aa", "r-cc"]
    told = [(run.run, run.environment) for run in past_runs(file, None, 3)]
    assert told == [("r-aa", "west"), ("r-aa", "east"), ("r-cc", "west")]


def test_an_environment_that_nobody_ran_on_is_refused_with_those_that_are_known(file: Path) -> None:
    """An empty table would look like a right answer; with --json as well."""
    for environment in ("preview", "production"):
        remember(verdict("r-01", environment=environment), file)
    for more in ([], ["--json"]):
        shown = run_harness("runs", "--runs", str(file), "--env", "previw", *more)
        assert (shown.exit_code, shown.out) == (4, "")
        assert "no run of 'previw' is remembered (did you mean 'preview'?)" in shown.err
        assert "runs are remembered of preview, production" in shown.err


def test_a_slow_run_gets_a_note_and_stays_a_pass(file: Path) -> None:
    """Compared with runs of the same environment, itself not among them."""
    for n in range(8):
        noted = remember(verdict(f"r-{n:02}", 100 + n % 3), file)
        assert noted.environments[0].notes == []
    remember(verdict("r-08", 9_000, environment="production"), file)
    slow = remember(verdict("r-09", 400), file)
    (note,) = slow.environments[0].notes
    assert note.startswith("unusually slow: p95 of the POSTs is 400 ms; in the last 8 runs it was 101 ms")
    assert (slow.verdict, slow.exit_code) == ("pass", 0)


def test_a_run_without_posts_is_remembered_without_a_latency(file: Path) -> None:
    """A read-only run is a run."""
    remember(verdict("r-00", None), file)
    assert past_runs(file, "preview", 1)[0].p95_ms is None


def test_a_run_that_knew_no_environment_is_not_remembered(file: Path) -> None:
    """A mistake of the configuration belongs to none."""
    remember(verdict("r-00", environments=[]), file)
    assert not file.exists()


def test_runs_at_the_same_time_are_all_remembered(tmp_path: Path) -> None:
    """Each waits for the other."""
    for folder in range(
        40
    ):  # a new file each time: SQLite refuses at once, without waiting, while a file becomes a WAL
        file = tmp_path / f"{folder}.sqlite"
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda n, file=file: remember(verdict(f"r-{n:02}"), file), range(16)))
        assert len(past_runs(file, None, 99)) == 16


@pytest.mark.parametrize("content", [b"no database at all, but long enough to be read as one" * 20, None])
def test_a_file_that_cannot_be_used_is_said(file: Path, content: bytes | None) -> None:
    """It is left as it is."""
    if content is None:
        file.mkdir()
    else:
        file.write_bytes(content)
    for use in (lambda: remember(verdict("r-00"), file), lambda: past_runs(file, None, 1)):
        with pytest.raises(NoTrend, match=r"runs\.sqlite: "):
            use()
    assert content is None or file.read_bytes() == content


def test_a_file_of_a_later_version_is_left_alone(file: Path) -> None:
    """Its columns may mean something else."""
    with sqlite3.connect(file) as database:
        database.execute("PRAGMA user_version = 2")
    with pytest.raises(NoTrend, match="is of version 2, which this version of the harness does not know"):
        remember(verdict("r-00"), file)


# --- with the real command --------------------------------------------------------------------------------------------


def test_each_run_is_remembered_beside_its_report(tmp_path: Path, healthy: Deployment) -> None:
    """Readable by its owner only, in one file when the run has ended, and shown by the command."""
    run = run_gate(tmp_path, [healthy])
    write_environments(tmp_path / "e.yaml", {}, preview=entry(healthy))
    run_pytest(tmp_path / "second", "--environments", str(tmp_path / "e.yaml"), "--read-only")
    file = tmp_path / FILE
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert sorted(path.name for path in tmp_path.glob(f"{FILE}*")) == [FILE]
    shown = run_harness("runs", "--runs", str(file), "--json")
    assert shown.exit_code == 0, shown.err
    second, first = json.loads(shown.out)
    assert (first["run"], first["posts"], first["failures"]) == (run.verdict["run"], 19, 0)
    assert 0 < first["p50_ms"] <= first["p95_ms"] <= first["max_ms"]
    assert (second["posts"], second["p95_ms"]) == (0, None)
    table = run_harness("runs", "--runs", str(file), "--env", "preview", "--last", "1").out.splitlines()
    assert table[0].split() == ["started", "environment", "verdict", "exit", "posts", "failed", "p50", "p95", "run"]
    assert len(table) == 2
    assert table[1].split()[1:6] == ["preview", "pass", "0", "0", "0"]


def test_a_history_that_is_judged_again_is_no_other_run(tmp_path: Path, healthy: Deployment) -> None:
    """Only runs that asked something are remembered."""
    run = run_gate(tmp_path, [healthy], "-k", "every_post")
    judged = tmp_path / "judged" / "report"
    run_harness("judge", str(run.report_dir / "history.jsonl"), "--report-dir", str(judged))
    assert (judged / "verdict.json").exists()
    assert not (judged.parent / FILE).exists()


def test_a_run_that_cannot_be_remembered_ends_as_it_would(tmp_path: Path, healthy: Deployment) -> None:
    """A line says so."""
    (tmp_path / FILE).mkdir()
    run = run_gate(tmp_path, [healthy], "-k", "every_post")
    assert run.exit_code == 0
    assert "this run is not remembered: " in run.out


def test_where_no_run_is_remembered_the_command_says_so(tmp_path: Path) -> None:
    """Exit 4, like any other mistake of usage."""
    shown = run_harness("runs", "--runs", str(tmp_path / "none.sqlite"))
    assert shown.exit_code == 4
    assert "none.sqlite: no run has been written there yet" in shown.err
