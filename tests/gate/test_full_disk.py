"""A disk that is full, a log that nobody takes: no row is lost sight of, and no release is rolled back for it."""

from __future__ import annotations

import json
import os
import re
import resource
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from rehearsal.deployment.start import deployed
from rehearsal.faults import FAULTS
from rehearsal.faults.catalogue import Fault
from tests.support.endings import going, stored
from tests.support.gates import ALONE, ROOT, Run, clean_environment, entry, write_environments

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rehearsal.deployment.plan import Connection, Insert, Plan, Stored, Wanted
    from rehearsal.deployment.start import Deployment
    from rehearsal.servers.postgres import Postgres

FULL = Path("/dev/full")
NEVER_ROLLS_BACK = (0, 2, 3, 4, 75, 76)


@contextmanager
def listening(postgres: Postgres, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Deployment, list[str]]]:
    """A healthy deployment, and the names that it is asked to store."""
    names: list[str] = []

    def notes_names(plan: Plan) -> None:
        @plan.around_insert
        async def insert(connection: Connection, wanted: Wanted, insert: Insert) -> Stored:
            names.append(wanted.name)
            return await insert(connection, wanted)

    monkeypatch.setitem(FAULTS, "notes_names", Fault("", "", "", {}, 0, notes_names))
    with deployed(postgres, "notes_names") as deployment:
        yield deployment, names


def judge(run: Run, deployment: Deployment, names: list[str]) -> None:
    """Every POST had its name on disk; its row is gone, or listed where something could be written."""
    said = f"exit {run.exit_code}\n{run.out}\n{run.err}"
    assert run.exit_code in NEVER_ROLLS_BACK, said
    history = run.report_dir / "history.jsonl"
    written = history.read_text(encoding="utf-8") if history.exists() else ""
    on_disk = {json.loads(line)["name"] for line in written.splitlines() if '"record":"intent"' in line}
    assert set(names) <= on_disk, f"sent without a name on disk: {set(names) - on_disk}; {said}"
    remaining = {name for name, _ in stored(deployment.database).values()} & set(names)
    listed = (run.report_dir / "verdict.json").read_text() if (run.report_dir / "verdict.json").exists() else ""
    unlisted = [name for name in remaining if name not in listed + run.out + run.err]
    assert not unlisted, f"stored and not listed: {unlisted}; {said}"
    assert not remaining, said  # and in all of these cases the database can be had


def limited_to(size_bytes: int) -> None:
    """No file of this process may grow beyond this size: a write then fails, with EFBIG instead of ENOSPC."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, size_bytes))


@pytest.mark.parametrize(
    ("size_bytes", "posts", "want"),
    [
        (0, 3, {4}),  # nothing can be written anywhere, temporary files included
        (100, 3, {4}),  # in the run record
        (400, 3, {3}),  # at the name of the database, or the first intent
        (900, 3, {3}),  # at the first outcome
        (2500, 3, {3}),  # among the POSTs one by one
        (4000, 3, {3}),  # among the intents of the burst
        (6000, 3, {3}),  # at the outcomes of the burst
        (14000, 3, {0}),  # at the rows that are about to be removed
        (4000, 1, {3}),  # at the reports: the history is short, junit.xml and verdict.json are not
        (10000, 1, {3}),  # at verdict.json alone
    ],
)
def test_write_that_fails(
    tmp_path: Path, postgres: Postgres, monkeypatch: pytest.MonkeyPatch, size_bytes: int, posts: int, want: set[int]
) -> None:
    """Wherever the room ends, in the history or in a report, the rows are removed and the exit code is no roll-back.

    Without room for a verdict it is 3, whatever was seen.
    """
    with listening(postgres, monkeypatch) as (deployment, names):
        settings = entry(deployment, posts=posts, burst=8 if posts > 1 else 0)
        file = write_environments(tmp_path / "e.yaml", {}, preview=settings)
        # A pipe has no size: what is printed there is not what fails.
        command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--environments", str(file)]
        done = subprocess.run(
            [*command, "--report-dir", str(tmp_path / "report")],
            cwd=ROOT,
            env=clean_environment(PYTHONDONTWRITEBYTECODE="1"),
            capture_output=True,
            text=True,
            timeout=60,
            preexec_fn=lambda: limited_to(size_bytes),
        )
        run = Run(done.returncode, done.stdout, done.stderr, tmp_path / "report")
        judge(run, deployment, names)
        assert run.exit_code in want, run.out + run.err
        if run.exit_code == 3:
            assert "cannot be written" in run.out, run.out
            assert "no verdict was written" in run.err
            assert not names or posts == 1 or "no POST is sent whose name is not on disk" in run.out


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[None]:
    """A file system in memory with room for so much; skips where this user may not mount one."""
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size},mode=0700", "none", str(folder)], capture_output=True, text=True
    )
    if mounted.returncode != 0:
        pytest.skip(f"a tmpfs cannot be mounted here: {mounted.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount a small disk")
@pytest.mark.parametrize("size", ["4k", "8k", "16k", "24k"])
def test_small_disk(tmp_path: Path, postgres: Postgres, monkeypatch: pytest.MonkeyPatch, size: str) -> None:
    """On a report folder of a few KiB the same holds."""
    with listening(postgres, monkeypatch) as (deployment, names), small_disk(tmp_path / "report", size):
        file = write_environments(tmp_path / "e.yaml", {}, preview=entry(deployment))
        with going(tmp_path, file) as gate:
            run = gate.ended()
        judge(run, deployment, names)
        full = "cannot be written" in run.out + run.err
        assert full, run.out + run.err


@pytest.mark.skipif(not FULL.exists(), reason="there is no /dev/full on this machine")
@pytest.mark.parametrize(("stream", "alone"), [("stdout", True), ("stderr", True), ("both", False)])
def test_log_that_is_full(
    tmp_path: Path, postgres: Postgres, monkeypatch: pytest.MonkeyPatch, stream: str, alone: bool
) -> None:
    """`pytest > /dev/full`: the verdict is written and the exit code is the verdict's."""
    with listening(postgres, monkeypatch) as (deployment, names), FULL.open("wb") as full:
        file = write_environments(tmp_path / "e.yaml", {}, preview=entry(deployment))
        streams: dict[str, Any] = dict.fromkeys(("stdout", "stderr") if stream == "both" else (stream,), full)
        environ = clean_environment()
        if not alone:  # with every plugin that is installed, as on a developer's machine
            environ = {key: value for key, value in environ.items() if key not in ALONE}
        with going(tmp_path, file, env=environ, **streams) as gate:
            run = gate.ended()
        judge(run, deployment, names)
    assert run.exit_code == 0, run.out + run.err
    assert run.verdict["exit_code"] == 0


@pytest.mark.parametrize("environ", [{}, {"PYTHONUNBUFFERED": "1"}])
def test_log_that_nobody_reads(
    tmp_path: Path, postgres: Postgres, monkeypatch: pytest.MonkeyPatch, environ: dict[str, str]
) -> None:
    """`pytest | true`: the pipe is closed at once, the rows are removed, and the exit code is the verdict's."""
    with listening(postgres, monkeypatch) as (deployment, names):
        file = write_environments(tmp_path / "e.yaml", {}, preview=entry(deployment))
        reader, writer = os.pipe()
        os.close(reader)
        with going(tmp_path, file, stdout=writer, env=clean_environment(**environ)) as gate:
            os.close(writer)
            run = gate.ended()
        judge(run, deployment, names)
    assert run.exit_code == 0, run.out + run.err
    assert run.verdict["exit_code"] == 0
    assert not re.search("Traceback|BrokenPipe", run.err)


@pytest.mark.parametrize("how", ["full", "closed"])
def test_log_that_is_lost_hides_no_failure(tmp_path: Path, postgres: Postgres, how: str) -> None:
    """A deployment that is wrong is still a roll-back when nothing can be printed."""
    if how == "full" and not FULL.exists():
        pytest.skip("there is no /dev/full on this machine")
    with deployed(postgres, "reuses_token") as deployment:
        file = write_environments(tmp_path / "e.yaml", {}, preview=entry(deployment))
        reader, writer = os.pipe()
        os.close(reader)
        log = os.open(FULL, os.O_WRONLY) if how == "full" else writer
        with going(tmp_path, file, stdout=log) as gate:
            run = gate.ended()
    assert run.exit_code == 1, run.out + run.err
    assert run.verdict["exit_code"] == 1


def test_usage_error_that_nobody_reads(tmp_path: Path, healthy: Deployment) -> None:
    """What is wrong with the configuration stays exit 4 when it cannot be said: nothing was seen of a deployment."""
    file = write_environments(tmp_path / "e.yaml", {}, preview=entry(healthy))
    reader, writer = os.pipe()
    os.close(reader)
    with going(tmp_path, file, "--env", "nowhere", stdout=writer, stderr=writer) as gate:
        os.close(writer)
        run = gate.ended()
    assert run.exit_code == 4
    assert "nowhere" in run.verdict["error"]
