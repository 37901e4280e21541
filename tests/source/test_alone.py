"""`pytest -k source`: all claims about a checkout, before anything is deployed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from harness.report.summary import advice
from harness.report.verdict import ExitCode
from tests.support.apps import SAMPLES
from tests.support.gates import ABOUT_SOURCE, run_pytest, write_environments

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.gates import Run

APPS = sorted(folder.name for folder in SAMPLES.iterdir() if folder.is_dir())


def judged(folder: Path, source: Path) -> Run:
    """As docs/source.md has it: no deployment, no database, no variable."""
    file = write_environments(folder / "app.yaml", {}, app={"url": "http://localhost", "database": None})
    selected = ["--environments", str(file), "--env", "app", "--source", str(source), "-k", "source"]
    return run_pytest(folder / "report", *selected)


@pytest.mark.parametrize("app", APPS)
def test_after_the_change_the_source_may_be_deployed(app: str, tmp_path: Path) -> None:
    """Every claim holds; that of schema files is not covered where the app has none. It is no word on a deployment."""
    run = judged(tmp_path, SAMPLES / app / "after")
    assert run.exit_code == 0, run.out
    outcomes = run.outcomes("app")
    assert set(outcomes) == set(ABOUT_SOURCE)
    uncovered = {check for check, outcome in outcomes.items() if outcome != "pass"}
    assert uncovered == (set() if app in ("express-drizzle", "express-prisma") else {"source_schema_agrees"})
    assert run.verdict["kind"] == "source"
    asked = run.verdict["coverage"]["asked"]
    assert f"verdict: PASS (exit 0: holds: {asked} claims of 31 asked)" in run.out
    assert "release" not in run.out
    assert run.verdict["deliverables"][2]["outcome"] == "pass"
    assert not (run.report_dir.parent / "runs.sqlite").exists()  # it is no run of the deployment to compare with


@pytest.mark.parametrize("app", APPS)
def test_before_the_change_the_deploy_is_held(app: str, tmp_path: Path) -> None:
    """Old generator, handler, INSERT and migration are seen in one run, whose advice speaks of the deploy."""
    run = judged(tmp_path, SAMPLES / app / "before")
    assert run.exit_code == 1, run.out
    wrong = {check for check, outcome in run.outcomes("app").items() if outcome == "fail"}
    assert wrong >= {"source_makes_no_token", "source_handles_no_collision", "source_insert"}
    assert "source_migration_leaves_a_uuid" in wrong
    assert "verdict: FAIL (exit 1: hold the deploy: the source is wrong)" in run.out
    assert "roll back" not in run.out


def test_advice_differs_only_where_it_has_to() -> None:
    """What ended a run before it could ask is the same as after a deploy."""
    differing = {code for code in ExitCode if advice(code) != advice(code, "source")}
    assert differing == {ExitCode.ROLL_BACK}
