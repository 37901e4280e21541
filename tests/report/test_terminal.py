"""What a run says on a terminal: short where all holds, each finding once where not, and never broken inside a word."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import harness.text
from harness.report.terminal import View, brief, lines
from harness.report.verdict import DeliverableVerdict, EnvironmentVerdict, Verdict
from harness.report.wrapping import in_one, wrapped
from harness.text import sentence
from tests.support.verdicts import check, row_left, verdict

if TYPE_CHECKING:
    from collections.abc import Callable

UUID = "0b9d9f6e-6f2c-4a4e-9d7e-2f1f6a1c7e55"
HOSTILE = "\x1b[2J\x1b]0;t\x07\n::error::x\r##[error]y\u2028\ud800`a``b``` </code><script>| ::error::z \x9b1m"
NAMES = ("preview", "production")


def shown(of: Verdict, *, said: Callable[..., Any] = lines, **view: Any) -> list[str]:
    """The lines of a verdict."""
    return [text for text, _ in said(of, View(**view))]


def of_two(*checks: Any, conclusion: Any = "pass", **but: Any) -> Verdict:
    """A verdict on preview and production."""
    own: dict[str, Any] = {"posts": 19, "acknowledged": 19, "rows_removed": 22, "failure_rate_bound": 0.146}
    environments = [
        EnvironmentVerdict(name=name, url=f"https://chatbots-{name}.example.com", verdict=conclusion, **own)
        for name in NAMES
    ]
    return verdict(*checks, verdict=conclusion, **{"environments": environments, **but})


def both(outcome: Any = "fail", **but: Any) -> list[Any]:
    """A check's result, alike on both."""
    return [check(outcome, environment=name, **but) for name in NAMES]


def proved(id_: Any, outcome: Any, name: str, *claims: str) -> DeliverableVerdict:
    """What is known of a deliverable."""
    return DeliverableVerdict(id=id_, environment=name, outcome=outcome, claims=list(claims))


DELIVERED = [
    proved(id_, outcome, name, "a")
    for id_, outcome in (
        ("token_is_made_by_postgres", "pass"),
        ("no_duplicate_key_error", "pass"),
        ("no_generator_in_source", "not_covered"),
    )
    for name in NAMES
]


# --- all holds --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("width", [None, 80, 120])
def test_two_environments_that_pass_take_at_most_15_lines(width: int | None) -> None:
    """What is proved, how many claims hold, the rows, what is not covered and why, the reports, and the verdict."""
    results = [r for n in range(24) for r in both("pass", id=f"c{n}")]
    for number, cause in enumerate(("this deployment names no revision", "no latency budget is set")):
        claim = "Only the deployed revision serves"
        results += both("not_covered", id=f"n{number}", claim=claim, cause=cause)
    for number in range(6):
        cause = "no checkout of the app was named"
        results += both(
            "not_covered", id=f"s{number}", claim=f"The app's source handles no violation {number}", cause=cause
        )
    results += [check("waived", environment="production", claim="A client cannot choose", cause="w " * 200)]
    of = of_two(*results, deliverables=DELIVERED)
    told = shown(of, width=width, closing=["reports: reports/20261129-154501-22ca9f39"])
    assert len(told) <= 15
    assert width is None or max(map(len, told)) <= width
    assert told[0].split() == ["proved", *["Postgres", "makes", "the", "token:", "preview,", "production"]]
    assert "24 of 24 claims hold; 19 of 19 POSTs acknowledged; 22 rows removed" in told[4]
    assert any("and 5 more (no checkout of the app was named)" in line for line in told)
    assert told[-2:] == [
        "reports: reports/20261129-154501-22ca9f39",
        "verdict: PASS (exit 0: release; 1 claim is waived)",
    ]


def test_what_is_known_of_one_environment_only_names_it() -> None:
    """What both have in common names neither."""
    of = of_two(check("pass"), *both("not_covered", cause="c"), check("not_covered", environment="preview", cause="d"))
    told = shown(of)
    assert "not covered  No two share a token (c)" in told
    assert "not covered  preview: No two share a token (d)" in told


def test_notes_take_a_line_each_and_say_that_there_are_more() -> None:
    """The same note of two environments is one."""
    of = of_two(check("pass"))
    noted = [e.model_copy(update={"notes": [f"note {n} of both" for n in range(5)]}) for e in of.environments]
    told = shown(of.model_copy(update={"environments": noted}))
    assert [line for line in told if "of both" in line] == [
        "note        note 0 of both",
        "note        note 1 of both; and 3 more notes, see summary.md",
    ]
    before = of.model_copy(update={"environments": noted, "kind": "preflight"})
    assert len([line for line in shown(before, width=60) if "of both" in line]) == 5


def test_quiet_is_two_lines_and_what_closes() -> None:
    """How many claims hold where, the reports, the verdict; and rows that may be left are not kept quiet."""
    of = of_two(*both("pass", id="a"), *both(), conclusion="fail")
    told = shown(of, said=brief, closing=["reports: r"])
    known = "FAIL, 1 of 2 claims hold, 1 FAIL (tokens_are_distinct)"
    assert told == [
        f"preview: {known}; production: {known}; 44 rows removed",
        "reports: r",
        "verdict: FAIL (exit 1: roll back: the deployment is wrong)",
    ]
    left = of.model_copy(update={"left_behind": [row_left(), row_left("smoke-r-2")]})
    assert shown(left, said=brief)[0].startswith("2 rows may be left behind; preview: ")
    ended = verdict(verdict="unknown", error="FILE: is empty.\nmore")
    assert shown(ended, said=brief)[0] == "FILE: is empty."
    assert all(len(line) <= 60 for line in shown(of, said=brief, width=60)[:1])


# --- what does not hold -----------------------------------------------------------------------------------------------


def test_a_finding_of_both_environments_is_told_once() -> None:
    """With both names; what they saw is told once where it is the same, but for the names of their POSTs."""
    have = {name: [f"6 of 19: 500, want 201; body: {{}}; the first is smoke-r-{n}"] for n, name in enumerate(NAMES)}
    of = of_two(*[check(environment=name, have=have[name]) for name in NAMES], conclusion="fail")
    told = shown(of)
    at = told.index("FAILED [preview, production] tokens_are_distinct: No two share a token")
    assert told[at + 1 : at + 5] == [
        "  want:   2 distinct tokens",
        "  have:   6 of 19: 500, want 201; body: {}; the first is smoke-r-0",
        "  cause:  a cause",
        "  remedy: a remedy",
    ]
    assert sum("a cause" in line for line in told) == 1


def test_what_environments_saw_apart_has_their_names() -> None:
    """And their causes, where those differ in a name."""
    results = [check(environment=name, have=[f"{name} x"], cause=f"database {name} is down") for name in NAMES]
    told = shown(of_two(*results, conclusion="fail"))
    assert told.count("FAILED [preview, production] tokens_are_distinct: No two share a token") == 1
    assert "  have:   preview: preview x" in told
    assert "          production: production x" in told
    assert "  cause:  preview: database preview is down" in told
    assert "          production: database production is down" in told
    assert sum("a remedy" in line for line in told) == 1


def test_another_reason_on_another_environment_is_a_finding_of_its_own() -> None:
    """Claims are together only where one remedy serves them."""
    results = [check(environment="preview"), check(environment="production", remedy="another remedy")]
    told = shown(of_two(*results, conclusion="fail"))
    assert [line for line in told if line.startswith("FAILED")] == [
        "FAILED [preview] tokens_are_distinct: No two share a token",
        "FAILED [production] tokens_are_distinct: No two share a token",
    ]


def test_evidence_is_bounded_and_says_how_much_there_is() -> None:
    """Three items, and the finding's own count; with detail all of them."""
    have = [*(f"item {n}" for n in range(8)), "and 11 more: 19 of 40 rows in all"]
    of = verdict(check(have=have))
    told = shown(of)
    assert told[told.index("  have:   item 0") :][:4] == [
        "  have:   item 0",
        "          item 1",
        "          item 2",
        "          19 of 40 rows in all, see summary.md",
    ]
    assert all(any(item in line for line in shown(of, detail=True)) for item in have)
    assert "          and 5 more, see summary.md" in shown(verdict(check(have=have[:8])))
    assert "          item 3" in shown(verdict(check(have=have[:4]))), "one more takes no more room than its count"


def test_what_could_not_be_told_says_each_reason_once() -> None:
    """Ten claims that one cause bars are one paragraph, of which the first are named."""
    unknown = [r for n in range(10) for r in both("unknown", id=f"check_{n}", claim=f"claim {n}")]
    told = shown(of_two(*unknown, conclusion="unknown"))
    assert "COULD NOT TELL [preview, production] check_0, check_1, check_2, check_3 and 6 more" in told
    assert sum("a cause" in line for line in told) == 1
    assert told[-1] == "verdict: COULD NOT TELL (exit 75: hold: fix the setup and run again)"
    assert any("check_9" in line for line in shown(of_two(*unknown, conclusion="unknown"), detail=True))


def test_detail_has_a_line_for_each_claim() -> None:
    """Claim by claim, what POSTs prove, every title that is not covered, and what to do about it."""
    of = {"posts": 19, "acknowledged": 19, "failure_rate_bound": 0.1459, "rows_removed": 19}
    alike = [check("not_covered", id=f"n{n}", claim=f"Claim {n}", cause="database: null") for n in range(2)]
    told = shown(verdict(check("pass", claim="It answers"), check(), *alike, environment=of), detail=True)
    bound = "none failed, which bounds the rate of failing POSTs below 15 % (at 95 % confidence)"
    for line in (
        "  ok             It answers",
        "  FAIL           No two share a token",
        "  not covered    Claim 1",
        f"  19 of 19 POSTs acknowledged; {bound}. Rows removed: 19.",
        "  preview: FAIL",
        "not covered  Claim 0; Claim 1: database: null; a remedy",
    ):
        assert line in told
    many = {"posts": 1_000_000, "acknowledged": 1_000_000, "failure_rate_bound": 3e-06}
    assert any("below 0.0003 %" in line for line in shown(verdict(check("pass"), environment=many), detail=True))
    failed = shown(verdict(check(), environment={"posts": 3, "acknowledged": 2}), detail=True)
    assert "  2 of 3 POSTs acknowledged. Rows removed: 0." in failed


def test_every_row_that_may_be_left_is_listed() -> None:
    """However many: rows of one reason share a line, which is never cut."""
    left = [row_left(f"smoke-r-{n}", id=str(n), remedy="delete it") for n in range(45)]
    told = shown(verdict(check("pass"), verdict="pass", left_behind=left, exit_code=76))
    lines_of_rows = [line for line in told if line.startswith("may be left behind: preview smoke-r-")]
    assert len(lines_of_rows) == 3
    assert all(line.endswith(": cleanup: keep. delete it") for line in lines_of_rows)
    assert re.findall(r"smoke-r-\d+ \(id (\d+)\)", "".join(lines_of_rows)) == [str(n) for n in range(45)]
    assert told[-1] == "verdict: PASS (exit 76: release, then clean up the rows that may be left)"


def test_rows_that_the_verdict_lists_are_not_all_printed() -> None:
    """The first of each reason, and how many more there are."""
    left = [row_left(f"smoke-r-{n}") for n in range(2050)] + [row_left("smoke-r-9999", reason="another")]
    told = shown(verdict(check("pass"), verdict="pass", left_behind=left, exit_code=76), listed=True)
    first, second = [line for line in told if line.startswith("may be left behind: ")]
    assert "smoke-r-19 and 2030 more, listed in verdict.json: cleanup: keep" in first
    assert "smoke-r-9999: another" in second


def test_what_was_not_selected_and_why_it_ended_are_said() -> None:
    """A narrowed run names some of what it left out; one that ended early says why."""
    told = shown(verdict(check("pass"), verdict="unknown", left_out=[*"abcde"], error="FILE: is empty."))
    assert "not selected  a, b, c, d and 1 more" in told
    assert "FILE: is empty." in told


def test_what_leaves_everything_unknown_says_what_to_do() -> None:
    """Where claims are waived or not covered, and nothing else is known."""
    waived = [
        check("waived", id=f"c{n}", claim=f"Claim {n}", cause="database: null", remedy="give it") for n in range(3)
    ]
    assert "waived   Claim 0 and 2 more (database: null; give it)" in shown(verdict(*waived, verdict="unknown"))
    assert "waived   Claim 0 and 2 more (database: null)" in shown(verdict(check("pass"), *waived, verdict="pass"))


# --- where a line is broken -------------------------------------------------------------------------------------------

WHOLE = [
    f"token {UUID} returned, {UUID} stored",
    "see https://chatbots.example.com/a/very/long/path-that-has-hyphens/and/does/not/fit",
    "first of all run python -m harness cleanup reports/20261129-154501/history.jsonl again later",
    "an earlier run ended without a verdict; what it may have left: chatbots-smoke cleanup reports/r/history-1.jsonl",
    "or run `python -m harness cleanup 'a b'/worker-*.jsonl` now",
    "install what reads SQL (pip install -e '.[source]' in the folder of this harness)",
    'do GRANT SELECT ON "public"."chatbots", "public"."chatbots_id_seq" TO "verifier", or run with --read-only',
    "in psql ALTER TABLE public.chatbots ALTER COLUMN token SET DEFAULT gen_random_uuid(); then deploy",
    "do SELECT setval('public.chatbots_id_seq', 20)",
]
PASTED = [
    UUID,
    "https://chatbots.example.com/a/very/long/path-that-has-hyphens/and/does/not/fit",
    "python -m harness cleanup reports/20261129-154501/history.jsonl",
    "chatbots-smoke cleanup reports/r/history-1.jsonl",
    "python -m harness cleanup 'a b'/worker-*.jsonl",
    "pip install -e '.[source]'",
    'GRANT SELECT ON "public"."chatbots", "public"."chatbots_id_seq" TO "verifier"',
    "ALTER TABLE public.chatbots ALTER COLUMN token SET DEFAULT gen_random_uuid()",
    "SELECT setval('public.chatbots_id_seq', 20)",
]


@pytest.mark.parametrize(("whole", "pasted"), [*zip(WHOLE, PASTED, strict=True)])
@pytest.mark.parametrize("width", [40, 60, 80])
def test_what_is_pasted_is_never_broken(whole: str, pasted: str, width: int) -> None:
    """A UUID, a URL, a command or a statement stands in one line, if need be in one that the terminal wraps itself."""
    broken = wrapped(sentence(f"some words before it: {whole}"), width, 10)
    assert any(pasted in line for line in broken)
    assert all(line.startswith(" " * 10) and line[10] != " " for line in broken[1:])
    assert all(len(line) <= width or pasted in line for line in broken)


@settings(deadline=None, derandomize=True, database=None)
@given(st.text(max_size=200), st.integers(40, 100))
def test_breaking_loses_and_splits_no_word(text: str, width: int) -> None:
    """Whatever a server sent: all its words in their order, and no line commands a CI."""
    shown_whole = sentence(f"have: {text}")
    broken = wrapped(shown_whole, width, 10)
    assert " ".join(broken).split() == shown_whole.split()
    for line in broken:
        assert line.isprintable()
        assert not line.lstrip().startswith("::")


@pytest.mark.parametrize("said", [lines, brief])
@pytest.mark.parametrize("width", [None, 40, 80])
@pytest.mark.parametrize("detail", [True, False])
def test_no_line_holds_what_a_terminal_or_a_ci_obeys(said: Callable[..., Any], width: int | None, detail: bool) -> None:
    """Nor starts one, wherever a line is broken."""
    of = verdict(
        check(want=HOSTILE, have=[HOSTILE, HOSTILE], cause=HOSTILE, remedy=HOSTILE),
        check("unknown", cause=HOSTILE, remedy=HOSTILE),
        check("not_covered", cause=HOSTILE, remedy=HOSTILE),
        left_behind=[row_left(id=HOSTILE, reason=HOSTILE, remedy=HOSTILE)],
        environment={"revision": HOSTILE, "notes": [HOSTILE]},
    )
    for text in shown(of, said=said, width=width, detail=detail):
        assert text.isprintable()
        assert not text.lstrip().startswith("::")
        assert "##[" not in text


def test_one_line_is_cut_between_words() -> None:
    """And says so."""
    assert in_one(sentence("one two three four five six"), 20) == "one two three .."
    assert in_one(sentence("short"), 20) == "short"


def test_a_part_of_a_text_is_not_masked_once_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is masked up to the end of a text would be masked up to the end of each of its lines."""
    monkeypatch.setattr(harness.text, "_mask", lambda said: re.sub(r"the$", "***", said))
    whole = sentence(f"{'word ' * 7}the end of it all")
    broken = wrapped(whole, 40)
    assert broken[0].endswith("the")
    assert " ".join(broken) == whole
