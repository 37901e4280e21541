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
from harness.report.markdown import MOST_BYTES, markdown, within
from harness.report.summary import advice
from harness.report.terminal import lines
from harness.report.verdict import Action, Coverage, DeliverableVerdict, EnvironmentVerdict, ExitCode, Verdict
from harness.report.writing import write
from harness.text import sentence
from tests.support.verdicts import check, row_left, verdict

HOSTILE = "\x1b[2J\x1b]0;t\x07\n::error::x\r##[error]y\u2028\ud800`a``b``` </code><script>| [l](http://x) \x9b1m"
UUID = "0b9d9f6e-6f2c-4a4e-9d7e-2f1f6a1c7e55"


def terminal(of: Verdict) -> str:
    return "\n".join(text for text, _ in lines(of))


# --- what it says -----------------------------------------------------------------------------------------------------


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
    first, second, third, *_ = terminal(of).splitlines()
    assert first == "proved   Postgres makes the token"
    assert second == "BROKEN   Postgres makes the token (c)"
    assert third.startswith("preview  http")
    text = markdown(of)
    assert "| preview | Postgres makes the token | proved |" in text
    assert text.index("| preview | Postgres makes the token | BROKEN |") < text.index("<summary>preview: ")


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
    assert terminal(of).endswith("verdict: PASS (exit 0: the rehearsal holds; it is not a real deployment)")


def test_what_is_waived_is_shown_with_its_reason() -> None:
    """By its line, its reason and the headline; never as ok."""
    of = verdict(check("pass", id="a", claim="A"), check("waived", claim="B", cause="the boss says so"), verdict="pass")
    text = terminal(of)
    assert "waived   B (the boss says so)" in text.splitlines()
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


def test_the_summary_has_what_is_wrong_and_folds_the_rest() -> None:
    """Verdict, deliverables, what to do, failures; all claims, and what was not asked, are there to be unfolded."""
    results = [check(), check("pass", id="a", claim="A"), check("not_covered", id="b", claim="B", cause="nobody asked")]
    own = {"posts": 19, "acknowledged": 19, "failure_rate_bound": 0.1459, "rows_removed": 19, "notes": ["unusual"]}
    actions = [to_be_done("fix_setup", "name the table", "preview")]
    text = markdown(verdict(*results, actions=actions, deliverables=[proved("fail", "a")], environment=own))
    outside, *folded = re.split(r"<details><summary>(.*)</summary>", text)
    places = [outside.index(part) for part in ("FAIL", "BROKEN", "name the table", "2 distinct tokens", "a remedy")]
    assert places == sorted(places)
    assert folded[::2] == ["Waived and not covered", "preview: FAIL"]
    assert "**not covered: B**" in folded[1]
    assert "nobody asked" in folded[1]
    for part in ("| A | ok |", "19 of 19 POSTs acknowledged; none failed", "Rows removed: 19", "unusual"):
        assert part in folded[3]
    assert text.count("<details>") == text.count("</details>") == 2


def test_a_failure_of_two_environments_is_one_paragraph() -> None:
    """What each saw has its name."""
    names = ("preview", "production")
    environments = [EnvironmentVerdict(name=name, url="http://h", verdict="fail") for name in names]
    results = [check(environment=name, have=[f"seen on {name}"]) for name in names]
    text = markdown(verdict(*results, environments=environments))
    assert text.count("**FAIL: No two share a token** [preview, production]") == 1
    assert text.count("a cause") == 1
    assert "- have: ` production: seen on production `" in text


def test_thousands_of_rows_and_failures_stay_small() -> None:
    """The first rows are listed, and where the others are."""
    left = [row_left(f"smoke-20261129-154631-0138beb5-{n}", id=UUID, reason="r" * 300) for n in range(2050)]
    text = markdown(verdict(check(have=["x" * 600] * 9), left_behind=left))
    assert len(text.encode()) < 200_000
    assert "- and 2000 more, listed in `verdict.json`" in text


def test_what_is_too_long_for_a_job_is_cut_at_the_end_of_a_line() -> None:
    """With a line that says so, and nothing left open; 0 bytes where not even that has room."""
    text = "".join([*(f"line {n} ü\n" for n in range(50)), "<details><summary>s</summary>\n", "inside\n" * 50])
    assert within(text, len(text.encode())) == text
    for most in (700, 900):
        shown = within(text, most)
        assert len(shown.encode()) <= most
        assert "Cut here" in shown.splitlines()[-1]
        assert shown.count("<details>") == shown.count("</details>")
        assert set(shown.splitlines()[:-2]) - {""} <= {*text.splitlines(), "</details>"}
    assert within(text, 90) == within(text, -5) == ""


def test_what_others_wrote_of_the_step_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """GitHub shows no summary above 1 MiB, whoever wrote it."""
    step = tmp_path / "step.md"
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(step))
    of = verdict(check(have=["x" * 600] * 9))
    for there in (MOST_BYTES - 2_000, MOST_BYTES - 10):
        step.write_text("b" * there, encoding="utf-8")
        make_folder(tmp_path / str(there))
        write(of, tmp_path / str(there))
        assert there <= step.stat().st_size <= MOST_BYTES
        assert ("Cut here" in step.read_text(encoding="utf-8")) is (there == MOST_BYTES - 2_000)


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
