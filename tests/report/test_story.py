"""The story of a rollout as lines, and on the page."""

from __future__ import annotations

from typing import Any

import pytest

from harness.history.attempt import Attempt
from harness.history.history import History
from harness.report.evidence import EnvironmentEvidence
from harness.report.markdown import markdown
from harness.report.page import render
from harness.report.plots import marks, timeline
from harness.report.story import story_lines
from harness.report.summary import advised
from harness.report.terminal import lines
from harness.report.verdict import Action, WatchChange, WatchLatency, WatchPhase, WatchVerdict
from harness.text import Shown
from tests.support.attacks import ALL_NASTY
from tests.support.pages import FOLDER, HOSTILE, read_page
from tests.support.verdicts import check, verdict


def seen(text: str = "column public_token became uuid", **but: Any) -> WatchVerdict:
    """A watch of ten seconds, with one change."""
    change = WatchChange(kind="column", at="2025-01-01T10:00:02+00:00", from_s=2.2, to_s=3.3, text=Shown(text))
    phase = WatchPhase(
        name="before", from_s=0, to_s=10, posts=20, failed=1, latency_p50_ms=4, latency_p95_ms=9, latency_max_ms=12
    )
    fields: dict[str, Any] = {
        "environment": "preview",
        "started_at": "2025-01-01T10:00:00.000+00:00",
        "lasted_s": 10.0,
        "ended": "the time was up (10 s)",
        "rate": 2.0,
        "posts": 20,
        "acknowledged": 19,
        "failed": 1,
        "refused": 0,
        "withheld": 0,
        "outage_s": 0.2,
        "short_tokens": 9,
        "version_4_tokens": 10,
        "steady_s": None,
        "phases": [phase],
        "changes": [change],
        "looks": 10,
        "looks_missed": 1,
        "row_looks": 9,
        "latency": [
            WatchLatency(name="before", posts=9, latency_p50_ms=4, latency_p95_ms=9, latency_max_ms=9),
            WatchLatency(name="during", posts=9, latency_p50_ms=4, latency_p95_ms=2412.4, latency_max_ms=2412.4),
            WatchLatency(name="after", posts=9, latency_p50_ms=4, latency_p95_ms=11, latency_max_ms=11),
        ],
        "look_ms": 2.5,
        "clock_ahead_s": -0.0021,
        "clock_within_s": 0.0012,
    }
    return WatchVerdict(**{**fields, **but})


def attempts() -> list[Attempt]:
    return [Attempt(n, f"smoke-r-{n}", "rollout", "ok", n / 2, n / 2 + 0.01, status=201) for n in range(20)]


def test_the_story_has_a_moment_for_each_line() -> None:
    """Times of day; what lasted longer than a second has two."""
    assert [*story_lines(seen())] == [
        (
            "watched preview from 10:00:00 to 10:00:10 UTC: 20 POSTs, 1 failed, over 0.2 s; 9 short tokens, "
            "10 of version 4"
        ),
        "  10:00:00  before   10 s, 20 POSTs, 1 failed, p50 4 ms, p95 9 ms, max 12 ms",
        "  p95 of the POSTs: 9 ms before, 2,412 ms during, 11 ms after",
        "  10:00:02 to 10:00:03  column public_token became uuid",
        (
            "  10 looks at the database of 2.5 ms each, 9 of them at stored rows too, 1 more failed; "
            "its clock is -0.002 s from ours, within 0.001 s"
        ),
        "  ended: the time was up (10 s)",
    ]
    blind = [*story_lines(seen(look_ms=None, clock_ahead_s=None, looks=0, failed=0, outage_s=0))]
    assert "20 POSTs, none failed;" in blind[0]
    assert blind[-2] == "  no look at the column: nobody saw when it changed"


@pytest.mark.parametrize("hostile", [ALL_NASTY, HOSTILE])
def test_what_a_server_sent_acts_nowhere(hostile: str) -> None:
    """On a terminal, in a summary and on a page the story is text."""
    told = verdict(check(), watch=seen(hostile, ended=hostile))
    for text, _ in lines(told):
        assert text.isprintable()
    summary = markdown(told)
    assert all(line.isprintable() for line in summary.split("\n"))
    page = render(told, [EnvironmentEvidence("preview", watched=History("preview", attempts()))], FOLDER)
    assert "<script" not in page
    assert not {name for name, _ in read_page(page).elements} & {"script", "img"}


def test_changes_are_drawn_where_they_were_seen() -> None:
    """The column and the revision, as lines across the POSTs; what lies beside them is not drawn."""
    line = timeline(attempts())
    (mark,) = marks(attempts(), line, [(4.75, "column"), (99.0, "revision")])
    assert (mark.label, round(mark.x)) == ("column", 50)
    page = render(
        verdict(watch=seen()), [EnvironmentEvidence("preview", watched=History("preview", attempts()))], FOLDER
    )
    assert "Timeline: while it was rolled out" in page
    assert "<title>column</title>" in page
    assert "The rollout" not in render(verdict(), [EnvironmentEvidence("preview")], FOLDER)


def test_an_outage_advises_no_roll_back() -> None:
    """Whatever else there is to do."""
    text = "hold: POSTs failed for longer than watch.outage_s allows; rolling back does not undo that"
    actions = [Action(kind="fix_setup", text=Shown("finish it")), Action(kind="hold", text=Shown(text))]
    assert advised(verdict(check(), kind="rollout", actions=actions)) == text
