"""A run that fails and is not mended by rolling back never says "roll back": the real commands say what to do first."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from harness.report.summary import advised
from harness.report.verdict import Verdict
from rehearsal.deployment.start import deployed
from tests.support.gates import ROOT, Run, entry, run_gate, run_harness, run_pytest, write_environments

if TYPE_CHECKING:
    from pathlib import Path

    from rehearsal.servers.postgres import Postgres

SOURCE = ROOT / "tests/source/samples/express-postgresjs/before"
WRONG = {"create": "/api/chatbot"}
POSTS: dict[str, Any] = {"posts": 2, "burst": 0, "probes": []}


def said(run: Run) -> str:
    """All that a run says to a reader."""
    files = [(run.report_dir / name).read_text(encoding="utf-8") for name in ("summary.md", "report.html")]
    return "\n".join([run.out, run.err, *files]).lower()


def gate(folder: Path, postgres: Postgres, fault: str | None, *arguments: str, **settings: Any) -> Run:
    """The gate on one deployment, as a job of GitHub Actions runs it."""
    with deployed(postgres, fault) as app:
        file = write_environments(folder / "e.yaml", {}, preview=entry(app, **settings))
        return run_pytest(folder / "report", "--environments", str(file), *arguments, GITHUB_ACTIONS="true")


@pytest.mark.parametrize(
    ("fault", "arguments", "settings", "first", "headline"),
    [
        pytest.param(
            None,
            ["-k", "every_post"],
            {"api": {"create": "/api/chatbot"}, **POSTS},
            "configure",
            "fix the configuration and run again: a key of it explains the failures",
            id="a-key-is-wrong",
        ),
        pytest.param(
            "version_1_is_stored",
            ["-k", "stored_tokens"],
            POSTS,
            "mend_data",
            "fix the data: rolling back does not help",
            id="rows-of-before",
        ),
        pytest.param(
            None,
            ["-k", "source or stored_tokens", "--source", str(SOURCE)],
            POSTS,
            "hold",
            "hold: fix the source and deploy it again",
            id="the-source-is-wrong",
        ),
        pytest.param(
            "no_right_to_read",
            ["-k", "source or stored_tokens", "--source", str(SOURCE)],
            POSTS,
            "fix_setup",
            "hold: fix the setup and run again",
            id="the-source-is-wrong-and-more-could-not-be-told",
        ),
    ],
)
def test_the_headline_says_what_the_first_action_says(
    tmp_path: Path,
    postgres: Postgres,
    fault: str | None,
    arguments: list[str],
    settings: dict[str, Any],
    first: str,
    headline: str,
) -> None:
    """On the terminal, with its annotations, in the summary and on the page; exit 1 all the same."""
    run = gate(tmp_path, postgres, fault, *arguments, **settings)
    assert (run.exit_code, run.verdict["actions"][0]["kind"]) == (1, first), run.out
    assert f"verdict: FAIL (exit 1: {headline})" in run.out.splitlines()
    assert "::error title=" in run.out
    everywhere = said(run)
    assert everywhere.count(headline.lower()) == 3
    assert "roll back" not in everywhere
    if any(action["kind"] == "hold" for action in run.verdict["actions"]):
        assert "fix the source and deploy it again" in everywhere


def test_a_saved_history_is_advised_on_as_its_run_was(tmp_path: Path, postgres: Postgres) -> None:
    """By what its run knew. An older version wrote none of it: then by the verdict beside it, or nobody knows."""
    gate(tmp_path, postgres, None, "-k", "every_post", api=WRONG, **POSTS)
    history = tmp_path / "report" / "history.jsonl"
    verdict = (tmp_path / "report" / "verdict.json").read_text(encoding="utf-8")
    (tmp_path / "report" / "verdict.json").write_text("{", encoding="utf-8")
    alone = judged(history, tmp_path / "alone")
    assert (alone.exit_code, alone.verdict["actions"][0]["kind"]) == (1, "configure")
    assert "(exit 1: fix the configuration and run again: a key of it explains the failures)" in alone.out
    assert "roll back" not in said(alone)

    older_version(history)
    unmarked = judged(history, tmp_path / "unmarked")
    assert (unmarked.exit_code, unmarked.verdict["actions"][0]["kind"]) == (1, "roll_back")
    assert advised(Verdict.model_validate(unmarked.verdict)) == "roll back: the deployment is wrong"
    (tmp_path / "report" / "verdict.json").write_text(verdict, encoding="utf-8")
    beside = judged(history, tmp_path / "beside")
    assert (beside.exit_code, beside.verdict["actions"][0]["kind"]) == (1, "configure")


def older_version(history: Path) -> None:
    """Take out of a history what an older version did not write."""
    first, _, rest = history.read_text(encoding="utf-8").partition("\n")
    older = json.loads(first)
    for of in older["environments"].values():
        del of["request"], of["acknowledged"]
    history.write_text(f"{json.dumps(older)}\n{rest}", encoding="utf-8")


def test_a_saved_history_knows_the_run_log_of_its_run(tmp_path: Path, postgres: Postgres) -> None:
    """What was acknowledged before, made as it is, is the deployment's doing; wherever the history lies now."""
    reports = tmp_path / "reports"

    def posted(folder: str, fault: str | None, **api: Any) -> Path:
        with deployed(postgres, fault) as app:
            file = write_environments(tmp_path / "e.yaml", {}, preview=entry(app, api=api, **POSTS))
            run_pytest(reports / folder, "--environments", str(file), "-k", "every_post")
        return reports / folder / "history.jsonl"

    posted("1", None)
    histories = {"roll_back": posted("2", "create_route_is_missing"), "configure": posted("3", None, **WRONG)}
    for kind, history in histories.items():
        moved = tmp_path / f"moved-{kind}.jsonl"
        moved.write_bytes(history.read_bytes())
        run = judged(moved, tmp_path / kind)
        assert (run.exit_code, run.verdict["actions"][0]["kind"]) == (1, kind), run.out


def test_another_environment_of_a_saved_history_tells_too(tmp_path: Path, postgres: Postgres) -> None:
    """Of two with the same settings only one has lost its route."""
    with deployed(postgres) as app, deployed(postgres, "create_route_is_missing", name="production") as other:
        run = run_gate(tmp_path, [app, other], "-k", "every_post", **POSTS)
    assert run.exit_code == 1
    (tmp_path / "report" / "verdict.json").unlink()
    (tmp_path / "runs.sqlite").unlink()
    alone = judged(tmp_path / "report" / "history.jsonl", tmp_path / "alone")
    assert (alone.exit_code, alone.verdict["actions"][0]["kind"]) == (1, "roll_back")


def judged(history: Path, folder: Path) -> Run:
    """What `judge` says of a history."""
    return run_harness("judge", str(history), "--report-dir", str(folder), report_dir=folder)


def test_a_burst_of_none_proves_no_more_than_it_asked(tmp_path: Path, postgres: Postgres) -> None:
    """By choice: exit 0. The claim is not covered, and so its deliverable is not proved."""
    run = gate(tmp_path, postgres, None, posts=2, burst=0)
    assert run.exit_code == 0, run.out
    assert run.check("posts_at_once_answer_201")["outcome"] == "not_covered"
    (part,) = [each for each in run.verdict["deliverables"] if each["id"] == "no_duplicate_key_error"]
    assert (part["outcome"], part["claims"]) == ("not_covered", ["posts_at_once_answer_201"])
