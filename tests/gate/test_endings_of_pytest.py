"""Whatever ends a check or the run from outside of the checks is not taken for a pass, and not for a roll-back."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from harness.history.writing import Ledger
from tests.support.clients import RUN
from tests.support.gates import ROOT, clean_environment, entry, run_harness, run_pytest, write_environments
from tests.support.steps import checkout

if TYPE_CHECKING:
    from pathlib import Path

    from rehearsal.deployment.start import Deployment

PLUGIN = """
import pytest

@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem):
    if pyfuncitem.name.startswith("test_column_is_uuid"):
        {does}
    return (yield)
"""


@pytest.mark.parametrize(
    ("does", "exit_code", "outcome", "said"),
    [
        ("pytest.fail('Timeout >5.0s')", 75, "unknown", "the check was ended from outside: Failed: Timeout >5.0s"),
        ("raise SystemExit(0)", 75, "unknown", "the check was ended from outside: SystemExit: 0"),
        ("pytest.skip('not today')", 75, None, "of the selected checks were not asked"),
        ("pytest.exit('bye', returncode=0)", 75, None, "of the selected checks were not asked"),
        ("pytest.exit('bye', returncode=1)", 75, None, "of the selected checks were not asked"),
    ],
    ids=["fail", "SystemExit", "skip", "exit 0", "exit 1"],
)
def test_a_check_that_a_plugin_ends_is_no_pass(
    tmp_path: Path, healthy: Deployment, does: str, exit_code: int, outcome: str | None, said: str
) -> None:
    """A time-out, a skip, a way out: what was selected and not asked holds the release."""
    (tmp_path / "ends.py").write_text(PLUGIN.format(does=does), encoding="utf-8")
    file = write_environments(tmp_path / "e.yaml", {}, preview=entry(healthy))
    arguments = ["-p", "ends", "--environments", str(file)]
    run = run_pytest(tmp_path / "report", *arguments, PYTHONPATH=f"{tmp_path}{os.pathsep}{ROOT}")
    assert run.verdict["verdict"] == "unknown", run.out
    assert run.verdict["exit_code"] == run.exit_code
    assert run.exit_code == exit_code
    assert run.outcomes("preview").get("column_is_uuid") == outcome
    told = run.verdict["error"] if outcome is None else run.check("column_is_uuid")["cause"]
    assert said in told


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A checkout to be changed without disturbing others."""
    return checkout(tmp_path / "checkout")


def in_checkout(copy: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *arguments]
    return subprocess.run(
        command, cwd=copy, env=clean_environment(), capture_output=True, text=True, timeout=60, check=False
    )


def test_a_check_that_cannot_be_collected_is_named(copy: Path, healthy: Deployment) -> None:
    """The run is interrupted by pytest before it has sent anything; verdict, terminal and page say why."""
    broken = copy / "checks" / "test_broken.py"
    broken.write_text('"""A claim."""\nimport there_is_no_such_module\n', encoding="utf-8")
    file = write_environments(copy / "e.yaml", {}, preview=entry(healthy))
    report = copy / "report"
    done = in_checkout(copy, "--environments", str(file), "--report-dir", str(report))
    said = "checks/test_broken.py cannot be collected: ModuleNotFoundError: No module named 'there_is_no_such_module'"
    verdict = json.loads((report / "verdict.json").read_text(encoding="utf-8"))
    assert (done.returncode, verdict["exit_code"], verdict["error"]) == (2, 2, said)
    assert said in done.stdout
    assert said.replace("'", "&#39;") in (report / "report.html").read_text(encoding="utf-8")
    assert not (report / "history.jsonl").exists()


def test_setup_alone_is_refused(tmp_path: Path, healthy: Deployment) -> None:
    """It would send POSTs and judge nothing."""
    file = write_environments(tmp_path / "e.yaml", {}, preview=entry(healthy))
    run = run_pytest(tmp_path / "report", "--environments", str(file), "--setup-only")
    assert run.exit_code == 4
    assert "--setup-only is refused" in run.err


def test_a_plugin_that_is_named_and_installed_is_one(tmp_path: Path) -> None:
    """PYTEST_PLUGINS=harness.options beside the entry point of an installed project."""
    environ = clean_environment(PYTEST_PLUGINS="harness.options")
    del environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"]
    command = [sys.executable, "-m", "pytest", "--report-dir", str(tmp_path / "report")]
    done = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 4
    assert "PREVIEW_URL is not set" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "leads"), [(["--burts", "3"], False), (["--collect-only"], True), (["elsewhere.py"], True)]
)
def test_latest_leads_nowhere_after_a_mistake_that_pytest_refuses(
    copy: Path, arguments: list[str], leads: bool
) -> None:
    """It would show the verdict of the run before to whoever does not look at the exit code."""
    (copy / "reports" / "r").mkdir(parents=True)
    (copy / "elsewhere.py").write_text("def test_nothing():\n    pass\n", encoding="utf-8")
    latest = copy / "reports" / "latest"
    latest.symlink_to("r")
    in_checkout(copy, *arguments)
    assert latest.is_symlink() is leads


def test_a_folder_of_a_run_that_goes_on_is_refused(tmp_path: Path) -> None:
    """Its history would be taken away from it, and its verdict overwritten."""
    folder = tmp_path / "report"
    folder.mkdir()
    (folder / "verdict.json").write_text("{}", encoding="utf-8")
    ledger = Ledger(folder / "history.jsonl")
    ledger.run("r", {"preview": {"url": "http://h"}})
    run = run_pytest(folder, PREVIEW_URL="http://127.0.0.1:1", PREVIEW_POSTGRES_URL="postgresql://u@127.0.0.1:1/d")
    ledger.close()
    assert run.exit_code == 4
    assert f"the report folder {folder} belongs to a run that is still going on" in run.err
    assert (folder / "verdict.json").read_text(encoding="utf-8") == "{}"


def test_a_history_that_is_set_aside_is_named(tmp_path: Path, healthy: Deployment) -> None:
    """A killed run in the same folder may have left rows: the next one says how to remove them."""
    folder = tmp_path / "report"
    file = write_environments(tmp_path / "e.yaml", {}, preview=entry(healthy))
    arguments = ["--environments", str(file), "-k", "every_post"]
    first = run_pytest(folder, *arguments)
    second = run_pytest(folder, *arguments)
    (folder / "verdict.json").unlink()  # as if it had been killed
    third = run_pytest(folder, *arguments)
    said = "an earlier run here ended without a verdict; what it may have left: chatbots-smoke cleanup "
    assert [said in run.out for run in (first, second, third)] == [False, False, True]
    assert f"{said}{folder}/history-2.jsonl" in third.out


def until_it_reads(database: str) -> None:
    """Until a clean-up has read from the database for the first time."""
    query = "select from pg_stat_activity where application_name like 'chatbots-smoke%%' and query = 'ROLLBACK'"
    name = conninfo_to_dict(database)["dbname"]
    deadline = time.monotonic() + 60
    with psycopg.connect(database, autocommit=True) as connection:
        while connection.execute(f"{query} and datname = %s".encode(), [name]).fetchone() is None:
            assert time.monotonic() < deadline, "nothing was read"
            time.sleep(0.02)


def test_an_interrupted_clean_up_says_what_it_did(tmp_path: Path, healthy: Deployment) -> None:
    """Ctrl-C while a late row is waited for: what was removed, what may remain, exit 2."""
    file = write_environments(tmp_path / "e.yaml", {}, preview=entry(healthy, late_rows_s=60))
    history = tmp_path / "history.jsonl"
    ledger = Ledger(history)
    name = f"smoke-{RUN}-1"
    ledger.run(RUN, {"preview": {"url": healthy.url}})
    ledger.intend("preview", [(1, name, "sequence", [name])])
    ledger.close()
    command = [sys.executable, "-m", "harness", "cleanup", str(history), "--environments", str(file), "--json"]
    with subprocess.Popen(
        command, cwd=ROOT, env=clean_environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as cleaning:
        until_it_reads(healthy.database)
        cleaning.send_signal(signal.SIGINT)
        out, err = cleaning.communicate(timeout=30)
    assert cleaning.returncode == 2, err
    ((left,),) = [one["left_behind"] for one in json.loads(out)]
    assert left["name"] == name
    assert "no row came before the clean-up was interrupted: the deployment may still store it" in left["reason"]


def test_one_unreadable_history_does_not_keep_the_others(tmp_path: Path, healthy: Deployment) -> None:
    """Nor does an environment whose variable is not set; the command ends with 4, and says why."""
    file = write_environments(tmp_path / "e.yaml", {}, preview=entry(healthy, cleanup="keep", posts=2, burst=0))
    kept = run_pytest(tmp_path / "report", "--environments", str(file), "-k", "every_post")
    assert kept.exit_code == 76
    elsewhere = {"url": "${NOWHERE_URL}", "database": None}
    write_environments(file, {}, preview=entry(healthy), other=elsewhere)
    other = tmp_path / "other.jsonl"
    ledger = Ledger(other)
    ledger.run("o", {"other": {"url": "http://h"}})
    ledger.close()
    good = str(kept.report_dir / "history.jsonl")
    done = run_harness("cleanup", "/nope.jsonl", str(other), good, "--environments", str(file))
    assert done.exit_code == 4
    assert "/nope.jsonl: cannot be read" in done.err
    assert "NOWHERE_URL is not set" in done.err
    assert "preview: 2 rows removed, 0 may be left behind" in done.out
