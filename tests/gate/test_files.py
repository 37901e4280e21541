"""Whatever stands where the gate writes: nothing is written through a link, and nothing is readable by others."""

from __future__ import annotations

import os
import stat
import sys
from typing import TYPE_CHECKING

import pytest

from harness.history.writing import Ledger
from tests.support.gates import ROOT, entry, run_command, run_harness, run_pytest, write_environments

if TYPE_CHECKING:
    from pathlib import Path

    from rehearsal.deployment.start import Deployment
    from tests.support.gates import Run

PRECIOUS = "somebody's file, without an end of line"
DEAD = {"url": "http://127.0.0.1:1", "database": "postgresql://u@127.0.0.1:1/d"}
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root may give a file away")


def gate(folder: Path, report: Path, *arguments: str) -> Run:
    """The gate on a deployment that is not there: it is not asked before its folder is made."""
    file = write_environments(folder / "e.yaml", {}, preview=DEAD)
    return run_pytest(report, "--environments", str(file), *arguments)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


def put(kind: str, place: Path, precious: Path) -> None:
    """What an attacker, or an accident, has put in the place of a file of ours."""
    if kind == "link":
        place.symlink_to(precious)
    elif kind == "link to nothing":
        place.symlink_to(precious.with_name("new"))
    elif kind == "hard link":
        place.hardlink_to(precious)
    elif kind == "fifo":
        os.mkfifo(place)
    elif kind == "device":
        place.symlink_to("/dev/zero")
    else:
        place.mkdir()


@pytest.mark.parametrize("kind", ["link", "link to nothing", "hard link", "fifo", "device", "folder"])
def test_a_history_that_is_no_file_of_ours_is_refused(tmp_path: Path, kind: str) -> None:
    """Exit 4 at once; what is behind it keeps each byte and its mode."""
    precious, report = tmp_path / "precious", tmp_path / "report"
    precious.write_text(PRECIOUS, encoding="utf-8")
    precious.chmod(0o644)
    report.mkdir(mode=0o700)
    put(kind, report / "history.jsonl", precious)
    run = gate(tmp_path, report)
    assert run.exit_code == 4, run.out
    assert f"the report folder {report} cannot be made" in run.err
    assert precious.read_text(encoding="utf-8") == PRECIOUS
    assert mode(precious) == 0o644
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("kind", ["link", "hard link", "fifo"])
@pytest.mark.parametrize("name", ["verdict.json", "summary.md", "report.html", "junit.xml", ".verdict.json.part"])
def test_other_files_are_replaced_and_never_written_through(tmp_path: Path, kind: str, name: str) -> None:
    """A report is a new file in the folder."""
    precious, report = tmp_path / "precious", tmp_path / "report"
    precious.write_text(PRECIOUS, encoding="utf-8")
    report.mkdir(mode=0o700)
    put(kind, report / name, precious)
    run = gate(tmp_path, report, "-k", "deployment_answers", "--posts", "none")
    assert run.verdict["exit_code"] == run.exit_code == 4
    assert precious.read_text(encoding="utf-8") == PRECIOUS
    assert all(stat.S_ISREG(path.lstat().st_mode) and mode(path) == 0o600 for path in report.iterdir())


@pytest.mark.parametrize("before", [0o777, 0o755, 0o770])
@pytest.mark.parametrize("holds", ["", "verdict.json"])
def test_an_existing_folder_of_ours_is_closed(tmp_path: Path, before: int, holds: str) -> None:
    """Empty, or with an earlier run in it."""
    report = tmp_path / "report"
    report.mkdir()
    report.chmod(before)
    if holds:
        (report / holds).write_text("{}", encoding="utf-8")
    run = gate(tmp_path, report, "--posts", "none")
    assert run.verdict["exit_code"] == 4
    assert mode(report) == 0o700


@pytest.mark.parametrize("before", [0o777, 0o755, 0o1777])
def test_a_folder_of_something_else_is_not_taken(tmp_path: Path, before: int) -> None:
    """Closing it could break what it is for: it is refused, and keeps its mode."""
    report = tmp_path / "report"
    report.mkdir()
    (report / "photo.jpg").write_bytes(b"")
    report.chmod(before)
    run = gate(tmp_path, report)
    assert run.exit_code == 4
    assert "is open to others and holds other files" in run.err
    assert mode(report) == before
    assert [path.name for path in report.iterdir()] == ["photo.jpg"]


@as_root
@pytest.mark.parametrize("what", ["folder", "link to the folder"])
def test_a_folder_of_somebody_else_is_refused(tmp_path: Path, what: str) -> None:
    """Its owner could put anything in the place of a file, at any moment; also for root."""
    report, real = tmp_path / "report", tmp_path / "real"
    real.mkdir(mode=0o700)
    report.symlink_to(real)
    os.chown(report if what == "link to the folder" else real, 65534, 65534, follow_symlinks=False)
    run = gate(tmp_path, report)
    assert run.exit_code == 4
    assert "report belongs to somebody else" in run.err
    assert list(real.iterdir()) == []


def test_a_link_of_ours_to_a_folder_of_ours_is_followed(tmp_path: Path) -> None:
    """Somebody may keep reports on another disk."""
    report, real = tmp_path / "report", tmp_path / "real"
    real.mkdir(mode=0o755)
    report.symlink_to(real)
    run = gate(tmp_path, report, "--posts", "none")
    assert (run.exit_code, run.verdict["exit_code"], mode(real)) == (4, 4, 0o700)


@pytest.mark.parametrize("kind", ["link", "hard link", "fifo"])
@pytest.mark.parametrize("suffix", ["", "-wal", "-journal"])
def test_the_memory_of_runs_is_not_written_through_a_link(
    tmp_path: Path, healthy: Deployment, kind: str, suffix: str
) -> None:
    """Beside the report folder: the run is not remembered, says so, and its verdict stands."""
    precious = tmp_path / "precious"
    precious.write_bytes(b"")
    put(kind, tmp_path / f"runs.sqlite{suffix}", precious)
    file = write_environments(tmp_path / "e.yaml", {}, preview=entry(healthy))
    run = run_pytest(tmp_path / "report", "--environments", str(file), "-k", "column_is_uuid")
    assert run.exit_code == 0, run.out
    assert "this run is not remembered" in run.out
    assert precious.read_bytes() == b""


@pytest.mark.parametrize("kind", ["link", "hard link", "fifo", "file"])
def test_the_file_of_debug_is_ours(tmp_path: Path, kind: str) -> None:
    """pytest opens it before anything else: 0600 whatever the umask, and no link to another file."""
    precious, debug = tmp_path / "precious", tmp_path / "debug.log"
    precious.write_text(PRECIOUS, encoding="utf-8")
    if kind == "file":
        debug.write_text("", encoding="utf-8")
        debug.chmod(0o666)
    else:
        put(kind, debug, precious)
    file = write_environments(tmp_path / "e.yaml", {}, preview=DEAD)
    pytest_ = f"{sys.executable} -m pytest --report-dir {tmp_path / 'report'} --environments {file} --debug={debug}"
    run = run_command(["sh", "-c", f"umask 0; exec {pytest_} --posts none"], tmp_path / "report")
    assert run.exit_code == 4
    assert precious.read_text(encoding="utf-8") == PRECIOUS
    if kind == "file":
        assert mode(debug) == 0o600
        assert debug.stat().st_size
    else:
        assert "--debug: debug.log " in run.err


@pytest.mark.parametrize("kind", ["link", "hard link"])
def test_clean_up_writes_through_no_link(tmp_path: Path, kind: str) -> None:
    """A history is continued where it is, and nowhere else."""
    real = tmp_path / "real.jsonl"
    ledger = Ledger(real)
    ledger.run("20250101-000000-0123abcd", {"preview": {"url": "http://127.0.0.1:1"}})
    ledger.intend("preview", [(1, "smoke-20250101-000000-0123abcd-1", "sequence", ["x"])])
    ledger.close()
    before = real.read_bytes()
    put(kind, tmp_path / "history.jsonl", real)
    file = write_environments(tmp_path / "e.yaml", {}, preview=DEAD)
    done = run_harness("cleanup", str(tmp_path / "history.jsonl"), "--environments", str(file))
    assert done.exit_code not in (0, 1), done.out
    assert "Traceback" not in done.err
    assert real.read_bytes() == before


def test_a_soak_refuses_the_same(tmp_path: Path) -> None:
    """Its folder and histories are made in the same way."""
    report = tmp_path / "report"
    report.mkdir()
    (report / "photo.jpg").write_bytes(b"")
    report.chmod(0o777)
    soak = {"attempts": 1, "users": 1, "rate": 1}
    file = write_environments(tmp_path / "e.yaml", {}, preview={**DEAD, "soak": soak})
    done = run_harness("soak", "--environments", str(file), "--report-dir", str(report))
    assert done.exit_code == 4
    assert "is open to others" in done.err


@pytest.mark.parametrize("kind", ["fifo", "device"])
def test_a_summary_of_a_job_that_is_no_file_keeps_nobody_waiting(tmp_path: Path, kind: str) -> None:
    """The variable is the runner's; what it names may be anything."""
    page = tmp_path / "page"
    put(kind, page, tmp_path / "precious")
    file = write_environments(tmp_path / "e.yaml", {}, preview=DEAD)
    run = run_pytest(tmp_path / "report", "--environments", str(file), "--posts", "none", GITHUB_STEP_SUMMARY=str(page))
    assert run.exit_code == 4
    assert (ROOT / "checks").is_dir()
