"""`waive: {claim: reason}`: what is waived is shown with its reason, everywhere, and is never ok: the real command."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING

import pytest

from rehearsal.deployment.start import deployed
from tests.support.gates import entry, run_gate, run_harness, write_environments
from tests.support.pages import read_page

if TYPE_CHECKING:
    from pathlib import Path

    from rehearsal.deployment.start import Deployment
    from rehearsal.servers.postgres import Postgres

CLAIM = "stored_tokens_are_version_4"
REASON = "old links must go on working until spring"


def test_what_is_waived_is_shown_with_its_reason_everywhere(tmp_path: Path, postgres: Postgres) -> None:
    """Although it is broken: the check is not run. Neither its line, nor a count, nor its deliverable says ok."""
    with deployed(postgres, "version_1_is_stored") as deployment:
        run = run_gate(tmp_path, [deployment], waive={CLAIM: REASON})
    assert run.exit_code == 0, run.out
    found = run.check(CLAIM)
    assert (found["outcome"], found["cause"], found["have"]) == ("waived", REASON, [])
    assert found["remedy"] == f"take {CLAIM} out of waive to have it judged"
    assert f"waived       Every stored token is a version 4 UUID ({REASON})" in run.out.splitlines()
    assert f"waived       Postgres makes the token ({CLAIM})" in run.out.splitlines()
    assert "verdict: PASS (exit 0: release; 1 claim is waived)" in run.out
    summary = (run.report_dir / "summary.md").read_text(encoding="utf-8")
    assert "| Every stored token is a version 4 UUID | waived |" in summary
    assert f"- cause: ` {REASON} `" in summary
    page = read_page((run.report_dir / "report.html").read_text(encoding="utf-8")).text
    assert "WAIVED Every stored token is a version 4 UUID" in page
    assert REASON in page
    skipped = [
        case.find("skipped").get("message")  # type: ignore[union-attr]
        for case in ET.parse(run.report_dir / "junit.xml").getroot().iter("testcase")
        if CLAIM in (case.get("name") or "")
    ]
    assert skipped == [f"waived: {REASON}"]


def test_what_is_waived_alone_proves_nothing(tmp_path: Path, healthy: Deployment) -> None:
    """A run that judges no claim is no pass."""
    run = run_gate(tmp_path, [healthy], "-k", CLAIM, waive={CLAIM: REASON})
    assert run.exit_code == 75, run.out


def test_each_environment_waives_for_itself(tmp_path: Path, healthy_pair: list[Deployment]) -> None:
    """Another environment's claim of that name is judged."""
    first, second = healthy_pair
    first.settings["waive"] = {CLAIM: REASON}
    try:
        run = run_gate(tmp_path, healthy_pair)
    finally:
        del first.settings["waive"]
    assert run.check(CLAIM, first.name)["outcome"] == "waived"
    assert run.check(CLAIM, second.name)["outcome"] == "pass"


@pytest.mark.parametrize(
    ("waive", "said"),
    [
        (
            {"stored_tokens_are_version4": REASON},
            "there is no claim 'stored_tokens_are_version4' (did you mean 'stored_tokens_are_version_4'?)",
        ),
        ({"zzz": REASON}, "environments.preview.waive: there is no claim 'zzz'."),
        ({CLAIM: ""}, f"environments.preview.waive.{CLAIM}"),
        ({CLAIM: "  "}, f"environments.preview.waive.{CLAIM}"),
        ([CLAIM], "environments.preview.waive"),
    ],
)
def test_a_waiver_names_a_claim_and_a_reason(tmp_path: Path, healthy: Deployment, waive: object, said: str) -> None:
    """Else it is a mistake of the configuration, before anything is sent."""
    run = run_gate(tmp_path, [healthy], waive=waive)
    assert run.exit_code == 4
    assert said in run.err
    assert not (run.report_dir / "history.jsonl").exists()


@pytest.mark.parametrize("command", ["plan", "cleanup", "soak"])
def test_no_command_takes_a_waiver_of_what_is_no_claim(tmp_path: Path, healthy: Deployment, command: str) -> None:
    """Whoever reads the file: it is a mistake of the configuration."""
    run = run_gate(tmp_path, [healthy], "-k", "answers_201", posts=1, burst=0)
    soak = {"attempts": 1, "rate": 1, "users": 1}
    misspelt = entry(healthy, waive={"zzz": REASON}, soak=soak)
    file = str(write_environments(tmp_path / "environments.yaml", {}, **{healthy.name: misspelt}))
    arguments = [str(run.report_dir / "history.jsonl")] if command == "cleanup" else ["--env", healthy.name]
    done = run_harness(command, *arguments, "--environments", file)
    assert done.exit_code == 4, done.out
    assert "there is no claim 'zzz'" in done.err + done.out
