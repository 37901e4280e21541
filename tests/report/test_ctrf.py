"""CTRF, by pytest-json-ctrf: that its counts are those of junit.xml and verdict.json, and how they map."""

import json
import xml.etree.ElementTree as ET
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from harness.report.folder import make_folder
from rehearsal.deployment.start import Deployment, deployed
from rehearsal.servers.postgres import Postgres
from tests.support.gates import Run, run_gate

WITH_CTRF = "harness.options,ctrf.main"


def run_with_ctrf(folder: Path, deployment: Deployment, monkeypatch: pytest.MonkeyPatch, **settings: Any) -> Run:
    """The gate on one deployment, with the plugin beside its own."""
    monkeypatch.setattr(
        "tests.support.gates.ALONE", {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_PLUGINS": WITH_CTRF}
    )
    return run_gate(folder, [deployment], "--ctrf", str(folder / "report" / "ctrf.json"), **settings)


def results(run: Run) -> Any:
    """What CTRF calls results: summary and tests."""
    return json.loads((run.report_dir / "ctrf.json").read_text(encoding="utf-8"))["results"]


def demand_agreement(run: Run) -> Counter[str]:
    """The mapping of docs/ci.md: CTRF knows no errors, so could not tell is failed, and told apart by its rawStatus."""
    outcomes = Counter(run.outcomes("preview").values())
    suite = ET.parse(run.report_dir / "junit.xml").getroot()[0]
    junit = {name: int(suite.get(name, "")) for name in ("tests", "failures", "errors", "skipped")}
    summary = results(run)["summary"]
    assert summary["tests"] == junit["tests"] == outcomes.total()
    assert summary["passed"] == outcomes["pass"]
    assert summary["failed"] == junit["failures"] + junit["errors"] == outcomes["fail"] + outcomes["unknown"]
    assert summary["skipped"] == junit["skipped"] == outcomes["not_covered"]
    assert (summary["pending"], summary["other"], summary["flaky"]) == (0, 0, 0)
    raw = Counter(test.get("rawStatus") for test in results(run)["tests"] if test["status"] == "failed")
    assert raw["call_failed"] == junit["failures"] == outcomes["fail"]
    assert raw["setup_failed"] == junit["errors"] == outcomes["unknown"]
    return outcomes


def test_counts_agree_where_it_is_wrong(tmp_path: Path, postgres: Postgres, monkeypatch: pytest.MonkeyPatch) -> None:
    """Passed, failed, not covered, and what a check's own body could not tell, in one run."""
    with deployed(postgres, "answers_200") as deployment:
        run = run_with_ctrf(tmp_path, deployment, monkeypatch)
    assert run.exit_code == 1, run.out
    assert set(demand_agreement(run)) == {"pass", "fail", "unknown", "not_covered"}


def test_counts_agree_where_it_could_not_be_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing answers: each claim that could not be asked is counted once, by all three."""
    nowhere = {"url": "http://127.0.0.1:1", "database": "postgresql://app@127.0.0.1:1/none"}
    settings = {**nowhere, "ready": {"timeout_s": 1}}
    run = run_with_ctrf(tmp_path, Deployment("preview", "", "", "", {}), monkeypatch, **settings)
    assert run.exit_code == 75, run.out
    assert demand_agreement(run)["unknown"] > 10


def test_counts_agree_where_it_holds(tmp_path: Path, healthy: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing failed, and what is not covered is skipped."""
    run = run_with_ctrf(tmp_path, healthy, monkeypatch)
    assert run.exit_code == 0, run.out
    assert set(demand_agreement(run)) == {"pass", "not_covered"}


def test_what_is_said_is_masked(tmp_path: Path, healthy: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its messages are those of the other reports."""
    canary = "canary-pass-5db2"
    settings = {"database": f"postgresql://app:{canary}@127.0.0.1:1/none", "headers": {"X-Api-Key": canary}}
    run = run_with_ctrf(tmp_path, healthy, monkeypatch, **settings)
    assert run.exit_code == 75, run.out
    text = (run.report_dir / "ctrf.json").read_text(encoding="utf-8")
    assert "could not tell" in text
    assert canary not in text


def test_the_report_of_an_earlier_run_is_removed(tmp_path: Path) -> None:
    """A run that dies early must not be told by it."""
    (tmp_path / "ctrf.json").write_text("{}", encoding="utf-8")
    make_folder(tmp_path)
    assert not (tmp_path / "ctrf.json").exists()
