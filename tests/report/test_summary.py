"""The verdict in words: what stands in it, and that nothing which a server sent can act in it."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from harness.report.folder import make_folder, point_latest_at
from harness.report.summary import advice, lines, markdown
from harness.report.verdict import Action, Coverage, DeliverableVerdict, ExitCode, Verdict
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
    assert text.endswith("verdict: COULD NOT TELL (exit 75: hold: fix the setup and run again)")


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


# --- what the run is worth ------------------------------------------------------------------------------------------


def proved(outcome: Any, *claims: str, id_: Any = "token_is_made_by_postgres") -> DeliverableVerdict:
    return DeliverableVerdict(id=id_, environment="preview", outcome=outcome, claims=list(claims))


def to_be_done(kind: Any, text: str, *environments: str) -> Action:
    return Action(kind=kind, text=sentence(text), environments=list(environments))


def test_everything_begins_with_the_deliverables() -> None:
    """Terminal and summary say first what is proved of the change, by how many claims, and what is not."""
    of = verdict(check("pass"), verdict="pass", deliverables=[proved("pass", "a", "b"), proved("fail", "c")])
    first, second, empty, *_ = terminal(of).splitlines()
    assert first == "preview  proved         Postgres makes the token  (2 claims)"
    assert second == "preview  BROKEN         Postgres makes the token  (c)"
    assert empty == ""
    text = markdown(of)
    assert "| preview | Postgres makes the token | proved |" in text
    assert text.index("| preview | Postgres makes the token | BROKEN |") < text.index("### preview")


def test_part_of_the_checks_is_no_release() -> None:
    """It says how many were asked, of how many, and no more."""
    of = verdict(check("pass", id="a"), verdict="pass", scope="partial", left_out=["b", "c"])
    assert terminal(of).endswith("verdict: PASS (exit 0: holds: 1 claim of 3 asked)")
    assert "release" not in terminal(of) + markdown(of)
    left = of.model_copy(update={"exit_code": 76, "left_behind": [row_left()]})
    assert "(exit 76: holds: 1 claim of 3 asked; then clean up the rows that may be left)" in terminal(left)
    assert "release" not in terminal(left) + markdown(left)


def test_a_rehearsal_is_no_release() -> None:
    """It says so, whatever holds."""
    of = verdict(check("pass"), verdict="pass", trial=True)
    assert terminal(of).endswith("verdict: PASS (exit 0: the rehearsal holds; it is no real deployment)")


def test_what_is_waived_is_shown_with_its_reason() -> None:
    """By its line, its reason and the headline; never as ok."""
    of = verdict(check("pass", id="a", claim="A"), check("waived", claim="B", cause="the boss says so"), verdict="pass")
    text = terminal(of)
    assert "  waived         B" in text
    assert "  waived: tokens_are_distinct: the boss says so" in text
    assert text.endswith("verdict: PASS (exit 0: release; 1 claim is waived)")
    assert "| B | waived |" in markdown(of)
    assert "- cause: ` the boss says so `" in markdown(of)


def test_one_reason_of_several_failures_is_told_once() -> None:
    """Each has its want and have; cause and remedy follow the last of them."""
    alike = [check(id=f"check_{n}", claim=f"Claim {n}", have=[f"item {n}"]) for n in range(3)]
    other = check(id="other", claim="Other", cause="another cause")
    for text in (terminal(verdict(*alike, other)), markdown(verdict(*alike, other))):
        assert text.count("a cause") == 1
        assert text.count("another cause") == 1
        assert [text.count(f"item {n}") for n in range(3)] == [1, 1, 1]
    unknown = [check("unknown", id=f"check_{n}") for n in range(3)]
    assert markdown(verdict(*unknown, verdict="unknown")).count("a cause") == 1


def test_what_to_do_is_said_where_it_is_more_than_the_headline() -> None:
    """Each once, the most urgent first; release, or roll back, is said by the headline alone."""
    actions = [
        to_be_done("roll_back", "roll back: the deployment is wrong", "preview"),
        to_be_done("fix_setup", "name the table", "preview", "production"),
    ]
    of = verdict(check(), actions=actions)
    *_, before, last = terminal(of).splitlines()
    assert before == "to do: [preview, production] name the table"
    assert last.startswith("verdict: FAIL (exit 1: roll back")
    assert "- **to do**: [preview, production] ` name the table `" in markdown(of)
    assert markdown(of).count("roll back") == 1
    held = verdict(check("pass"), verdict="pass", actions=[to_be_done("release", "release", "preview")])
    assert "to do" not in terminal(held) + markdown(held)


@pytest.mark.parametrize(
    ("code", "kind", "text"),
    [
        (2, "hold", "hold: the run was interrupted; run it again"),
        (4, "configure", "FILE: is empty."),
        (0, "hold", "holds: 1 claim of 2 asked"),
    ],
)
def test_what_was_said_already_is_not_said_again(code: int, kind: str, text: str) -> None:
    """By the headline, or by why the run ended."""
    scope = {"scope": "partial", "left_out": ["b"]} if code == 0 else {}
    error = text if code == 4 else ""
    of = verdict(check("pass"), verdict="pass", exit_code=code, error=error, actions=[to_be_done(kind, text)], **scope)
    assert "to do" not in terminal(of) + markdown(of)


def test_the_summary_says_how_much_was_asked() -> None:
    """How many claims came to what, and how many nobody asked."""
    counts = Coverage.model_validate({"asked": 3, "pass": 2, "fail": 1, "waived": 4, "left_out": 5})
    assert "3 claims asked: 2 ok, 1 FAIL; 4 waived; 5 not selected." in markdown(verdict(check(), coverage=counts))


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
