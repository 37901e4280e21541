"""The page of a run: what it says, and what its plots show."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from harness.checkers.latency import percentile
from harness.history.problem import Problem
from harness.history.token_sample import Sample, sample_of
from harness.report import plots
from harness.report.evidence import EnvironmentEvidence
from harness.report.page import page_of, render
from harness.report.verdict import Action, Coverage, DeliverableVerdict, EnvironmentVerdict
from harness.text import sentence
from tests.support.gates import run_gate
from tests.support.histories import failed, ok, unanswered
from tests.support.pages import (
    FOLDER,
    burst,
    past_runs,
    read_page,
    samples,
    seen,
    shown,
    verdict,
    version_4,
)
from tests.support.verdicts import check, row_left

if TYPE_CHECKING:
    from rehearsal.deployment.start import Deployment


# --- what it says -----------------------------------------------------------------------------------------------------


def test_a_failure_says_what_to_do_before_anything_else() -> None:
    """The word, the advice, each remedy once however many environments and claims need it, then the claims."""
    also = check(environment="production", id="b")
    text = shown(verdict(check(), also, check("unknown", id="c", remedy="another remedy")))
    order = ["FAIL", "Roll back: the deployment is wrong.", "exit 1", "What to do", "preview, production: a remedy"]
    places = [text.index(said) for said in [*order, "No two share a token"]]
    assert places == sorted(places)
    assert text.count("preview, production: a remedy") == 1
    assert "another remedy" not in text[: text.index("Claims")], "what could not be told does not decide a failure"


def test_a_claim_that_is_broken_stands_open_with_all_its_parts() -> None:
    """Want, have, cause and remedy; failures come before the claims that hold, which are folded away."""
    html = render(verdict(check("pass", id="a", claim="It answers"), check()), [], FOLDER)
    text = read_page(html).text
    assert "want2 distinct tokens" in text.replace("want ", "want")
    for said in ("x twice", "y twice", "a cause", "a remedy", "tokens_are_distinct"):
        assert said in text
    assert text.index("No two share a token") < text.index("1 ok") < text.index("It answers")
    folded = html.index("<summary>1 ok</summary>")
    assert html[:folded].endswith('<details class="pass">')


def test_many_offenders_are_folded_after_the_third() -> None:
    """All that the verdict holds are there."""
    text = shown(verdict(check(have=[f"item {n}" for n in range(8)])))
    assert "5 more" in text
    assert all(f"item {n}" in text for n in range(8))


def test_claims_that_one_reason_bars_are_one_paragraph() -> None:
    """With each of them named; the same for what is not covered."""
    barred = [check(outcome, id=f"{outcome}_{n}", claim=f"claim {outcome} {n}") for n in range(3) for outcome in BARRED]
    text = shown(verdict(*barred, verdict="unknown"))
    assert text.count("3 claims, for one reason") == 2
    assert "3 not covered" in text
    assert all(result.claim in text for result in barred)


BARRED = ("unknown", "not_covered")


def test_the_page_begins_with_the_deliverables() -> None:
    """Before what to do: each part of the change, what is known of it, and how much was asked."""
    deliverables = [
        DeliverableVerdict(id="token_is_made_by_postgres", environment="preview", outcome="pass", claims=["a", "b"]),
        DeliverableVerdict(id="no_generator_in_source", environment="preview", outcome="not_covered", claims=["c"]),
    ]
    counts = Coverage.model_validate({"asked": 2, "pass": 2, "waived": 1})
    text = shown(verdict(check("pass"), verdict="pass", deliverables=deliverables, coverage=counts, error="why"))
    assert "preview: Postgres makes the token: proved (2 claims)" in text
    assert "preview: No generator is left in the source: not proved (c)" in text
    assert "2 claims asked: 2 ok; 1 waived." in text
    assert text.index("What is proved") < text.index("What to do")


def test_the_banner_says_how_much_was_asked_and_what_is_proved() -> None:
    """Before anything else, each deliverable once for the environments that are alike."""
    environments = [EnvironmentVerdict(name=name, url="http://h", verdict="pass") for name in ("preview", "production")]
    deliverables = [
        DeliverableVerdict(id="token_is_made_by_postgres", environment=each.name, outcome="pass", claims=["a"])
        for each in environments
    ]
    counts = Coverage.model_validate({"asked": 20, "pass": 20, "waived": 1, "not_covered": 6, "left_out": 4})
    text = shown(verdict(verdict="pass", deliverables=deliverables, coverage=counts, environments=environments))
    banner = text[: text.index("exit 0")]
    assert "20 of 31 claims asked" in banner
    assert banner.count("Postgres makes the token: proved (preview, production)") == 1


def test_the_request_stands_with_the_claim_that_it_breaks() -> None:
    """The one that a finding names, or the first that failed; a claim about something else has none."""
    wrong = failed(2, name="smoke-r-2")
    evidence = seen(ok(1, name="smoke-r-1"), wrong, failed(3, name="smoke-r-3"))
    results = [
        check(id="every_post_answers_201", have=["2 of 3: 500"], cause="c1"),
        check(id="rows_agree_with_answers", have=["smoke-r-3: no row"], cause="c2"),
        check(id="tokens_are_distinct", have=["x returned by smoke-r-1 and another"], cause="c3"),
        check(id="column_is_uuid", have=["text"], cause="c4"),
    ]
    page = page_of(verdict(*results), [evidence], FOLDER)
    commands = [claim.repeat for claim in page.environments[0].wrong]
    named = [next((n for n in (1, 2, 3) if f"smoke-r-{n}" in command), None) for command in commands]
    assert named == [2, 3, 1, None]
    unknown = replace_environment(evidence)
    assert [claim.repeat for claim in page_of(verdict(*results), [unknown], FOLDER).environments[0].wrong] == [""] * 4


def replace_environment(evidence: EnvironmentEvidence) -> EnvironmentEvidence:
    """The same of a saved history: nobody knows how its requests were made."""
    return evidence._replace(environment=None)


def test_each_claim_has_a_link_to_itself() -> None:
    """Whatever became of it, and where several share a reason."""
    outcomes = ("pass", "fail", "fail", "unknown", "waived", "not_covered")
    results = [check(outcome, id=f"claim_{n}") for n, outcome in enumerate(outcomes)]
    read = read_page(render(verdict(*results), [], FOLDER))
    links = [attributes.get("href") for tag, attributes in read.elements if tag == "a"]
    for n in range(len(outcomes)):
        assert f"e1-claim_{n}" in read.ids()
        assert f"#e1-claim_{n}" in links


def test_what_can_be_chosen_is_what_there_is() -> None:
    """An environment or an outcome alone is no choice."""
    assert "radio" not in render(verdict(check()), [], FOLDER)
    html = render(verdict(check(), check("pass", id="a")), [], FOLDER)
    assert html.count('type="radio"') == 3
    assert 'name="environment"' not in html


def test_what_is_waived_stands_open_with_its_reason() -> None:
    """It is no claim that holds, and not folded away among what does not apply."""
    text = shown(verdict(check("pass", id="a"), check("waived", cause="the boss says so"), verdict="pass"))
    assert "WAIVED No two share a token" in text
    assert "the boss says so" in text
    assert "1 ok" in text
    assert "not covered" not in text


def test_one_reason_of_several_failures_is_told_once() -> None:
    """Each with its own want and have."""
    alike = [check(id=f"check_{n}", claim=f"Claim {n}", have=[f"item {n}"]) for n in range(3)]
    text = shown(verdict(*alike))
    assert text.count("a cause") == 1
    assert [text.count(f"item {n}") for n in range(3)] == [1, 1, 1]
    assert "3 claims, for one reason" in text


def test_what_to_do_begins_with_the_actions_of_the_verdict() -> None:
    """Before the remedies of single claims, and nothing twice."""
    actions = [
        Action(kind="roll_back", environments=["preview"], text=sentence("roll back: the deployment is wrong")),
        Action(kind="fix_setup", environments=["preview", "production"], text=sentence("name the table")),
    ]
    text = shown(verdict(check(), actions=actions))
    assert text.index("preview, production: name the table") < text.index("preview: a remedy")
    assert text.lower().count("roll back: the deployment is wrong") == 1


def test_what_the_posts_prove_is_said_in_words() -> None:
    """The bound, how many POSTs a finer one takes, and what is proved by other means."""
    text = shown(verdict(verdict="pass"), seen(*burst(1, 19)))
    assert "None of 19 POSTs failed. A deployment that fails 15 % of them would still pass one run in twenty" in text
    assert "with 95 % confidence fewer than 15 % fail" in text
    assert "To get below 1 % takes 299 POSTs." in text
    assert 1 - 0.05 ** (1 / 299) < 0.01 <= 1 - 0.05 ** (1 / 298)
    assert "1 of 2 POSTs (50 %) did not end as they should." in shown(verdict(), seen(ok(1), failed(2)))


def test_rows_left_behind_are_listed_with_the_command_that_removes_them() -> None:
    """No more than fit a page; the command names the history's file as a shell needs it."""
    left = [row_left(f"smoke-r-{n}", reason="no answer", remedy="x") for n in range(250)]
    text = read_page(render(verdict(check("pass"), verdict="pass", left_behind=left), [], Path("/a b/r"))).text
    assert "250 rows of this run may be left behind" in text
    assert "chatbots-smoke cleanup '/a b/r/history.jsonl'" in text
    assert "smoke-r-199" in text
    assert "smoke-r-200" not in text
    assert "50 more are in verdict.json" in text
    one = shown(verdict(check("pass"), verdict="pass", left_behind=left[:1]))
    assert "1 row of this run may be left behind" in one


def test_outcomes_are_told_apart_without_colour() -> None:
    """By a word in each row and by the class that gives the bar its shape; the table says the same."""
    html = render(verdict(), [seen(ok(1), failed(2), unanswered(3))], FOLDER)
    read = read_page(html)
    assert [c for c in read.classes("rect") if c.startswith("bar")][3:] == ["bar ok", "bar fail", "bar unknown"]
    for said in ("201, 500 ms", "\N{MULTIPLICATION SIGN} 500, 500 ms", "? timed out, 500 ms"):
        assert said in read.text
    assert "ok201, 500 ms 2fail500, 500 ms 3no answertimed out, 500 ms" in read.text
    assert "1 acknowledged, 1 answered wrongly, 1 without an answer in 2.5 s; at most 1 in flight" in read.text


def test_every_plot_says_in_words_what_it_shows() -> None:
    """Each is an image with a title and a description, and a caption or table has the same numbers."""
    read = read_page(samples(FOLDER)["pass"])
    images = [attributes for tag, attributes in read.elements if tag == "svg" and attributes.get("role") == "img"]
    assert len(images) == 2 + 2 + 1 + 1  # time and latency of two phases, bits of the stored tokens, last runs
    assert all(len((a.get("aria-labelledby") or "").split()) == 2 for a in images)
    assert "16 POSTs in 190 ms: 16 acknowledged; at most 16 in flight at the same moment." in read.text
    assert "16 answered POSTs: half within 110 ms, 95 % within 190 ms, the slowest 190 ms." in read.text


# --- the plots --------------------------------------------------------------------------------------------------------


def test_bars_stand_where_their_posts_were() -> None:
    """In the order in which they left, from when they left to when they ended, in per cent of the whole."""
    line = plots.timeline([ok(2, started_s=12.0, ended_s=14.0), ok(1, started_s=10.0, ended_s=15.0)])
    assert [(bar.n, bar.x, bar.width) for bar in line.bars] == [(1, 0.0, 100.0), (2, 40.0, 40.0)]
    assert line.span_s == 5.0
    assert [(tick.x, tick.label) for tick in line.ticks] == [(0.0, "0"), (40.0, "2 s"), (80.0, "4 s")]


def test_posts_of_unknown_times_have_no_bar() -> None:
    """A run that was killed did not write when they ended; they are counted."""
    lost = unanswered(2, Problem.NOT_RECORDED, "the run ended before the outcome was written")
    lost = replace(lost, started_s=0.0, ended_s=0.0)
    text = shown(verdict(), seen(ok(1), lost))
    assert "1 acknowledged, 1 without an answer in 500 ms" in text
    assert "1 more left no time" in text
    assert "2 POSTs" in text
    only = shown(verdict(), seen(lost))
    assert "1 more left no time" in only


def test_of_many_posts_the_bad_and_the_slow_are_drawn() -> None:
    """And some of the others; in the order in which they left. The page says by which rule."""
    many = [replace(ok(1), n=n, started_s=n, ended_s=n + 0.1) for n in range(5000)]
    many[1234] = replace(failed(1), n=1234, started_s=1234, ended_s=1234.1)
    many[4321] = replace(many[4321], ended_s=4322.0)
    line = plots.timeline(many)
    numbers = [bar.n for bar in line.bars]
    assert len(numbers) == len(set(numbers)) <= plots.MOST_BARS
    assert {1234, 4321} <= set(numbers)
    assert numbers == sorted(numbers)
    assert max(b - a for a, b in pairwise(numbers)) < 2 * 5000 / 100, "no part of the run is empty"
    text = shown(verdict(), seen(*many))
    assert (
        f"Drawn are {len(numbers)} of 5000: those that did not end as they should (the first 100), the slowest" in text
    )


def test_if_all_are_bad_the_others_still_have_a_place() -> None:
    """The first hundred of what failed do not hide how the run went on."""
    line = plots.timeline([replace(failed(1), n=n, started_s=n, ended_s=n + 0.5) for n in range(1000)])
    assert len(line.bars) <= plots.MOST_BARS
    assert line.bars[-1].n > 900


def test_percentiles_are_nearest_ranks() -> None:
    """Of 1 to 100 the 95th is 95; of three values it is the largest."""
    of = plots.latency([float(n) for n in range(1, 101)], 100.0)
    assert of is not None
    assert (of.answered, of.p50_s, of.p95_s, of.max_s) == (100, 50.0, 95.0, 100.0)
    assert (of.p50_x, of.p95_x, of.max_x) == (50.0, 95.0, 100.0)
    assert [percentile([1.0, 2.0, 3.0], p) for p in (1, 50, 95, 100)] == [1.0, 2.0, 3.0, 3.0]
    assert plots.latency([], 1.0) is None


def test_every_latency_stands_in_one_bin() -> None:
    """The slowest too; an axis of no length is no error."""
    of = plots.latency([0.0, 0.5, 1.0], 1.0)
    assert of is not None
    assert [(x, height) for x, _, height in of.bins] == [(0.0, 100.0), (50.0, 100.0), (87.5, 100.0)]
    assert plots.latency([0.0], 0.0) is not None


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.0, "0 ms"),
        (0.00123, "1.23 ms"),
        (0.0994, "99.4 ms"),
        (0.0996, "100 ms"),
        (0.9994, "999 ms"),
        (0.9996, "1 s"),
        (1.234, "1.23 s"),
        (999.4, "999 s"),
        (123456.0, "123456 s"),
    ],
)
def test_durations_have_three_digits_that_matter(seconds: float, words: str) -> None:
    """And the unit that fits."""
    assert plots.in_words(seconds) == words


@pytest.mark.parametrize("span_s", [0.0, 1e-6, 0.0999, 0.1, 0.4, 1.0, 7.3, 59.9, 3600.0])
def test_ticks_are_few_and_begin_at_nought(span_s: float) -> None:
    """Never more than five, all on the axis."""
    found = plots.ticks(span_s)
    assert found[0] == (0.0, "0")
    assert len(found) <= 5
    assert all(0.0 <= tick.x <= 100.0 for tick in found)
    assert len(found) >= 2 or span_s == 0.0


def test_bits_are_told_apart() -> None:
    """Fixed by version and variant, random, and set too often for chance."""
    sample = sample_of(version_4(n) for n in range(1000))
    ones = list(sample.ones)
    ones[7] = 900
    bits = plots.bit_frequencies(Sample(1000, 1000, 1000, 1000, tuple(ones)))
    assert bits is not None
    assert [bit.number for bit in bits.bits if bit.kind == "fixed"] == [48, 49, 50, 51, 64, 65]
    assert [bit.share for bit in bits.bits if bit.kind == "fixed"] == [0.0, 1.0, 0.0, 0.0, 1.0, 0.0]
    assert [bit.number for bit in bits.bits if bit.kind == "uneven"] == [7]
    assert bits.within == pytest.approx(0.0911, abs=1e-4)
    assert plots.bit_frequencies(sample_of([])) is None


def test_bits_are_said_in_words() -> None:
    """How many tokens, which bits are the extremes, and whether chance explains them."""
    sample = sample_of(version_4(n) for n in range(1000))
    ones = list(sample.ones)
    ones[7] = 900
    uneven = Sample(1000, 1000, 1000, 1000, tuple(ones))
    text = shown(verdict(), seen(*burst(1, 16), stored=uneven))
    assert "Returned tokens: 16; bits of fewer than 100 tokens show nothing." in text
    assert "Over 16 tokens" not in text
    assert "to 90.0 % (bit 7) of them; one is further from a half than chance allows (50 % \u00b1 9.1 %)." in text
    even = shown(verdict(), seen(*burst(1, 16), stored=sample))
    assert "none is further from a half than chance allows" in even
    nothing = shown(verdict(), seen(ok(1, token="short"), stored_unavailable="database: null"))
    assert "Returned tokens: none to show (no POST returned a version 4 UUID)." in nothing
    assert "Stored tokens: none to show (database: null)." in nothing


def test_bits_are_counted_as_they_are() -> None:
    """Counting equal bytes first gives what counting each bit of each token gives."""
    random = Random(1)
    numbers = {random.getrandbits(128) & ~(0xF << 76) | 4 << 76 for _ in range(300)}
    numbers = {number & ~(3 << 62) | 2 << 62 for number in numbers}
    sample = sample_of(f"{n:032x}" for n in numbers)
    assert sample.ones == tuple(sum(n >> (127 - bit) & 1 for n in numbers) for bit in range(128))


# --- the size ---------------------------------------------------------------------------------------------------------


def test_a_hundred_thousand_posts_make_a_small_page() -> None:
    """Bars, tables and requests are bounded."""
    good, bad = ok(1), failed(1, evidence="x" * 2000)
    hundred_thousand = [
        replace(bad if n % 50 == 0 else good, n=n, token=version_4(n), started_s=n / 50, ended_s=n / 50 + 0.01)
        for n in range(100_000)
    ]
    html = render(verdict(check()), [seen(*hundred_thousand, *burst(1, 60))], FOLDER)
    read = read_page(html)
    assert len([c for c in read.classes("rect") if c.startswith("bar ")]) <= 400 + 3  # the legend has three
    assert len(html) < 300_000
    assert "1988 more are in history.jsonl" in read.text


# --- trend ------------------------------------------------------------------------------------------------------------


def test_the_last_runs_are_drawn_and_told() -> None:
    """A column each, the oldest first, what did not pass marked by a shape, and the same in words and as a table."""
    page = page_of(verdict(check()), [EnvironmentEvidence("preview", past=past_runs(30))], Path("report"))
    columns = page.environments[0].trend
    assert [column.run for column in columns] == [f"r-{n:02}" for n in reversed(range(30))]
    assert [column.verdict for column in columns[-5:]] == ["unknown", "pass", "fail", "pass", "pass"]
    assert all(column.x >= 0 and column.x + column.width <= 100 and 0 < column.height <= 100 for column in columns)
    assert (columns[-5].says, columns[-1].says, columns[-3].failures) == ("no POST", "p95 100 ms", 1)
    text = shown(verdict(check()), EnvironmentEvidence("preview", past=past_runs(30)))
    assert "18 of the last 30 runs passed; the highest p95 was 128 ms." in text
    assert text.count("2026-01-30T00:00:00+00:00") == 2  # the column, and its row in the table


def test_a_first_run_has_no_trend() -> None:
    """One column says nothing."""
    assert "The last runs" not in shown(verdict(check()), EnvironmentEvidence("preview", past=past_runs(1)))


def test_what_is_unusual_is_noted() -> None:
    """Beside what it is about."""
    of = verdict(check("pass"), verdict="pass", environment={"notes": ["unusually slow: <b>"]})
    assert "Note: unusually slow: <b>" in shown(of, EnvironmentEvidence("preview"))


def test_a_second_run_shows_the_first(tmp_path: Path, healthy: Deployment) -> None:
    """The real command, twice."""
    run = run_gate(tmp_path, [healthy], "-k", "every_post")
    again = run_gate(tmp_path, [healthy], "-k", "every_post")
    page = (again.report_dir / "report.html").read_text(encoding="utf-8")
    assert "2 of the last 2 runs passed" in page
    assert page.count(run.verdict["run"]) >= 2
