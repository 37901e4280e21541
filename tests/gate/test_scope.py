"""What a verdict of a part of the checks, or of a rehearsal, says and does not say: the real commands."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from harness.claims import ids_beside
from tests.support.gates import ROOT, entry, run_command, run_gate, run_harness, run_pytest, write_environments

if TYPE_CHECKING:
    from pathlib import Path

    from rehearsal.deployment.start import Deployment
    from tests.support.gates import Run

CLAIMS = len(ids_beside(ROOT / "checks", "deployment"))  # about a deployment, and about its source


def said(run: Run) -> str:
    """All that a run says to a reader."""
    files = [(run.report_dir / name).read_text(encoding="utf-8") for name in ("summary.md", "report.html")]
    kinds = " ".join(action["kind"] for action in run.verdict["actions"])
    return "\n".join([run.out, run.err, *files, kinds]).lower()


@pytest.mark.parametrize(
    "arguments",
    [
        ["-k", "column_is_not_null"],
        ["checks/test_column_is_not_null.py"],
        ["--deselect", "checks/test_column_is_not_null.py"],
        ["--read-only"],
    ],
)
def test_a_narrowed_run_never_says_release(healthy: Deployment, tmp_path: Path, arguments: list[str]) -> None:
    """Whichever way it was narrowed: it says how many of all claims it asked."""
    run = run_gate(tmp_path, [healthy], *arguments)
    asked = run.verdict["coverage"]["asked"]
    assert run.exit_code == 0, run.out
    claims = "claim" if asked == 1 else "claims"
    assert f"verdict: PASS (exit 0: holds: {asked} {claims} of {CLAIMS} asked" in run.out
    assert "release" not in said(run)
    assert run.verdict["scope"] == "partial"
    assert [action["kind"] for action in run.verdict["actions"]] == ["hold"]


def test_one_claim_says_exactly_how_many_were_asked(healthy: Deployment, tmp_path: Path) -> None:
    """Of all that are claimed of a deployment and of its source."""
    run = run_gate(tmp_path, [healthy], "-k", "column_is_not_null")
    assert f"verdict: PASS (exit 0: holds: 1 claim of {CLAIMS} asked)" in run.out.splitlines()


def test_a_saved_history_never_says_release(healthy: Deployment, tmp_path: Path) -> None:
    """It asks nothing of the deployment that serves now."""
    run_gate(tmp_path, [healthy], "-k", "every_post")
    history = tmp_path / "report" / "history.jsonl"
    again = run_harness("judge", str(history), "--report-dir", str(tmp_path / "again"), report_dir=tmp_path / "again")
    assert again.exit_code == 0, again.out
    assert f"claims of {CLAIMS} asked" in again.out
    assert "release" not in said(again)


def test_a_preflight_never_says_release(healthy: Deployment, tmp_path: Path) -> None:
    """It is about the migration, in whole or in part; and it proves no deliverable."""
    run = run_gate(tmp_path, [healthy], "-m", "preflight", "-k", "takes_writes")
    assert run.exit_code == 0, run.out
    assert f"holds: 1 claim of {len(ids_beside(ROOT / 'checks', 'preflight'))} asked" in run.out
    assert "release" not in said(run)
    whole = run_gate(tmp_path, [healthy], "-m", "preflight")
    assert whole.verdict["scope"] == "full"
    assert whole.verdict["deliverables"] == []
    assert "release" not in said(whole)


def test_a_full_run_says_release_and_what_it_proves(healthy: Deployment, tmp_path: Path) -> None:
    """The deliverables come first."""
    run = run_gate(tmp_path, [healthy])
    assert run.exit_code == 0, run.out
    assert "verdict: PASS (exit 0: release)" in run.out
    assert [action["kind"] for action in run.verdict["actions"]] == ["release"]
    summary = (run.report_dir / "summary.md").read_text(encoding="utf-8")
    assert summary.index("| preview | POSTs no longer end in a duplicate key error | proved |") < summary.index(
        "| claim | outcome |"
    )
    assert run.out.index("Postgres makes the token") < run.out.index(healthy.url)


def test_a_rehearsal_is_no_deployment_to_release(tmp_path: Path) -> None:
    """Its mark is a list of URLs: whatever else is verified in the same shell is a deployment."""
    gate = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--report-dir", str(tmp_path / "report")]
    run = run_command([sys.executable, "-m", "rehearsal", "--", *gate, "--env", "preview"], tmp_path / "report")
    assert run.exit_code == 0, run.out
    assert "verdict: PASS (exit 0: the rehearsal holds; it is not a real deployment)" in run.out
    assert run.verdict["trial"] is True
    assert [action["kind"] for action in run.verdict["actions"]] == ["hold"]


def test_another_url_than_the_rehearsals_is_a_deployment(healthy: Deployment, tmp_path: Path) -> None:
    """Although the mark is still set."""
    file = write_environments(tmp_path / "e.yaml", {}, preview=entry(healthy))
    run = run_pytest(tmp_path / "r", "--environments", str(file), CHATBOTS_SMOKE_TRIALS="http://127.0.0.1:1 http://x")
    assert "verdict: PASS (exit 0: release)" in run.out
    file = write_environments(tmp_path / "e.yaml", {}, preview=entry(healthy))
    run = run_pytest(tmp_path / "r2", "--environments", str(file), CHATBOTS_SMOKE_TRIALS=f"http://x {healthy.url}")
    assert "not a real deployment" in run.out
