"""The verdict in words: what stands in it, and that nothing which a server sent can act in it."""

import json
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from harness.report.folder import make_folder, point_latest_at
from harness.report.summary import advice, lines, markdown
from harness.report.verdict import ExitCode, Verdict
from harness.report.writing import write
from harness.text import sentence
from tests.support.verdicts import check, row_left, verdict

HOSTILE = "\x1b[2J\x1b]0;t\x07\n::error::x\r##[error]y\u2028\ud800`a``b``` </code><script>| [l](http://x) \x9b1m"


def terminal(of: Verdict) -> str:
    return "\n".join(text for text, _ in lines(of))


# --- what it says -----------------------------------------------------------------------------------------------------


def test_each_claim_has_a_line_and_each_failure_its_finding() -> None:
    """Environment, claim by claim, then want, have, cause and remedy, and the verdict last."""
    text = terminal(verdict(check("pass", claim="It answers"), check()))
    assert text.splitlines() == [
        "preview  http://h",
        "  ok             It answers",
        "  FAIL           No two share a token",
        "",
        "  FAILED [preview] tokens_are_distinct: No two share a token",
        "    want:   2 distinct tokens",
        "    have:   x twice",
        "            y twice",
        "    cause:  a cause",
        "    remedy: a remedy",
        "  preview: FAIL",
        "",
        "verdict: FAIL (exit 1: roll back: the deployment is wrong)",
    ]


def test_what_could_not_be_told_says_each_reason_once() -> None:
    """Ten claims that one cause bars are one paragraph."""
    unknown = [check("unknown", id=f"check_{n}", claim=f"claim {n}") for n in range(3)]
    text = terminal(verdict(*unknown, verdict="unknown"))
    assert text.count("a cause") == 1
    assert "  COULD NOT TELL [preview] check_0, check_1, check_2" in text
    assert "  could not tell claim 2" in text
    assert text.endswith("verdict: COULD NOT TELL (exit 75: hold: mend what stood in the way, and run again)")


def test_what_is_not_covered_is_named_with_its_reason() -> None:
    """It is neither a pass nor silent."""
    text = terminal(verdict(check("pass", id="a"), check("not_covered", cause="database: null"), verdict="pass"))
    assert "  not covered    No two share a token" in text
    assert "  not covered: tokens_are_distinct: database: null" in text


def test_what_one_reason_leaves_uncovered_is_named_once() -> None:
    """A run without a checkout has no line for each claim about source, yet every claim by its name."""
    reason = {"cause": "no checkout of the app was named", "remedy": "name one"}
    uncovered = [check("not_covered", id=f"source_{n}", **reason) for n in range(6)]
    text = terminal(verdict(check("pass", id="a"), *uncovered, verdict="pass"))
    assert "  not covered    No two share a token" not in text
    names = ", ".join(f"source_{n}" for n in range(6))
    assert f"  not covered: {names}: no checkout of the app was named; name one" in text


def test_how_much_the_posts_prove_is_said() -> None:
    """The bound on the failure rate, where none failed."""
    of = {"posts": 19, "acknowledged": 19, "failure_rate_bound": 0.1459, "rows_removed": 19}
    text = terminal(verdict(check("pass"), verdict="pass", environment=of))
    assert (
        "  19 of 19 POSTs acknowledged; none failed, which bounds the rate of failing POSTs below 15 % "
        "(at 95 % confidence). Rows removed: 19." in text
    )
    many = {"posts": 1_000_000, "acknowledged": 1_000_000, "failure_rate_bound": 3e-06}
    assert "below 0.0003 % (at 95 % confidence)" in terminal(verdict(check("pass"), environment=many)), "never below 0"
    failed = terminal(verdict(check(), environment={"posts": 3, "acknowledged": 2}))
    assert "  2 of 3 POSTs acknowledged. Rows removed: 0." in failed


def test_rows_left_behind_are_listed() -> None:
    """With environment, name, id, reason and remedy."""
    left = row_left(id="7", remedy="delete it")
    text = terminal(verdict(check("pass"), verdict="pass", left_behind=[left], exit_code=76))
    assert "may be left behind: preview smoke-r-1 (id 7): cleanup: keep. delete it" in text
    assert "exit 76: release, then clean up the rows that may be left" in text


def test_what_was_not_selected_and_why_it_ended_are_said() -> None:
    """A narrowed run names what it left out; one that ended early says why."""
    text = terminal(verdict(verdict="unknown", left_out=["a", "b"], error="FILE: is empty."))
    assert "not selected: a, b" in text
    assert "FILE: is empty." in text


@pytest.mark.parametrize(
    ("code", "begins"),
    [
        (0, "release"),
        (1, "roll back"),
        (2, "hold"),
        (3, "hold"),
        (4, "hold"),
        (5, "hold"),
        (75, "hold"),
        (76, "release, then clean up"),
        (6, "hold"),
        (99, "hold"),
    ],
)
def test_the_advice_is_what_the_contract_says(code: int, begins: str) -> None:
    """Also for a code that nobody knows."""
    assert advice(code).startswith(begins)


def test_every_code_of_the_contract_has_advice_of_its_own() -> None:
    """Nobody has to look a number up."""
    assert len({advice(code) for code in ExitCode}) == len(ExitCode)


# --- what a server sent -----------------------------------------------------------------------------------------------

HOSTILE_VERDICT = verdict(
    check(want=HOSTILE, have=[HOSTILE, HOSTILE], cause=HOSTILE, remedy=HOSTILE),
    check("unknown", cause=HOSTILE, remedy=HOSTILE),
    check("not_covered", cause=HOSTILE, remedy=HOSTILE),
    left_behind=[row_left(id=HOSTILE, reason=HOSTILE, remedy=HOSTILE)],
    environment={"revision": HOSTILE},
)


def test_no_line_of_the_terminal_holds_a_control_character() -> None:
    """Nor starts a line, nor commands a CI."""
    for text, _ in lines(HOSTILE_VERDICT):
        assert text.isprintable()
        assert not text.lstrip().startswith("::")
        assert "##[" not in text


def test_no_line_of_the_markdown_holds_a_control_character() -> None:
    """One line for each part."""
    text = markdown(HOSTILE_VERDICT)
    assert all(line.isprintable() for line in text.split("\n"))
    assert len(text.split("\n")) == len(
        markdown(verdict(*HOSTILE_VERDICT.checks, left_behind=[row_left(reason="x")])).split("\n")
    )


def _code_spans(line: str) -> str:
    """What remains of a line without its code spans, by CommonMark: a run of backticks ends at one as long."""
    return re.sub(r"(?<!`)(`+)(?!`)(.*?)(?<!`)\1(?!`)", "", line)


def test_what_a_server_sent_stands_in_code_spans() -> None:
    """No markup of it is read: outside of code spans nothing of it is left."""
    outside = "\n".join(_code_spans(line) for line in markdown(HOSTILE_VERDICT).split("\n"))
    assert "script" not in outside
    assert "http://x" not in outside


@settings(deadline=None, derandomize=True, database=None)
@given(st.text(alphabet="`a |\n", min_size=1, max_size=30))
def test_no_text_can_end_its_code_span(text: str) -> None:
    """Whatever runs of backticks it holds, and wherever."""
    written = markdown(verdict(check(have=[text])))
    (line,) = [line for line in written.split("\n") if line.startswith("- have: ")]
    assert _code_spans(line) == "- have: "


def test_what_was_bounded_is_not_cut_again() -> None:
    """The length that it says stays the one of the text that was sent."""
    item = "x" * 600 + "... (99999 characters)"
    of = verdict(check(have=[item]))
    assert item in terminal(of)
    assert item in markdown(of)


# --- files ------------------------------------------------------------------------------------------------------------


def test_the_reports_are_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Verdict and summary, for their owner alone; the summary is also appended to a job's."""
    step = tmp_path / "step.md"
    step.write_text("before\n", encoding="utf-8")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(step))
    folder = tmp_path / "reports" / "r"
    make_folder(folder)
    write(verdict(check()), folder)
    write(verdict(check()), folder)
    assert sorted(path.name for path in folder.iterdir()) == ["report.html", "summary.md", "verdict.json"]
    assert Verdict.model_validate_json((folder / "verdict.json").read_bytes()) == verdict(check())
    summary = (folder / "summary.md").read_text(encoding="utf-8")
    assert summary == markdown(verdict(check()))
    assert step.read_text(encoding="utf-8") == "before\n" + summary * 2
    assert {path.stat().st_mode & 0o077 for path in [folder, *folder.iterdir()]} == {0}


def test_hostile_text_can_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A lone surrogate of a server does not cost the reports."""
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)
    write(HOSTILE_VERDICT, tmp_path)
    document = json.loads((tmp_path / "verdict.json").read_text(encoding="utf-8"))
    assert document["checks"][0]["have"] == [sentence(HOSTILE), sentence(HOSTILE)]
    assert list(Draft202012Validator(Verdict.model_json_schema(by_alias=True)).iter_errors(document)) == []


def test_latest_leads_to_the_newest_reports(tmp_path: Path) -> None:
    """And is replaced by the next run's."""
    for run in ("1", "2"):
        make_folder(tmp_path / run)
        point_latest_at(tmp_path / run)
        assert (tmp_path / "latest").resolve() == tmp_path / run
    assert sorted(path.name for path in tmp_path.iterdir()) == ["1", "2", "latest"]
