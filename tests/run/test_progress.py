"""Whoever watches a terminal is told what takes a while; a log is not filled with it."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING

import pytest

from harness import progress
from harness.progress import Progress
from rehearsal.deployment.start import deployed
from tests.support.gates import entry, run_pytest, write_environments
from tests.support.terminals import in_a_terminal

if TYPE_CHECKING:
    from pathlib import Path

    from rehearsal.servers.postgres import Postgres


class Clock:
    """Tells the time that it is set to."""

    now_s = 0.0

    def monotonic(self) -> float:
        return self.now_s


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock of `harness.progress`."""
    clock = Clock()
    monkeypatch.setattr(progress, "time", clock)
    return clock


def test_what_is_done_soon_is_not_worth_a_word(clock: Clock) -> None:
    """Each begins anew to be short."""
    progress = Progress()
    for what in ("waiting", "POSTing", "reading"):
        progress.now(what)
        clock.now_s += 0.9
        assert progress.due() is None


def test_what_lasts_is_told_ever_more_seldom(clock: Clock) -> None:
    """After a second, then after three times as long, with what is known by then."""
    progress = Progress()
    told = []
    for second in range(40):
        clock.now_s = float(second)
        progress.now("waiting", f"it answered {500 + second}")
        told.append(progress.due())
    assert [line for line in told if line] == [
        "waiting (1 s so far; it answered 501)",
        "waiting (3 s so far; it answered 503)",
        "waiting (9 s so far; it answered 509)",
        "waiting (27 s so far; it answered 527)",
    ]


def test_nothing_is_told_when_nothing_is_under_way(clock: Clock) -> None:
    """Before the start and after the end."""
    progress = Progress()
    clock.now_s = 9
    assert progress.due() is None
    progress.now("waiting")
    progress.now("")
    clock.now_s = 99
    assert progress.due() is None


def test_who_wants_to_hear_at_once_hears_each_beginning() -> None:
    """Once, however often more is known."""
    said: list[str] = []
    progress = Progress(said=said.append)
    for what, detail in (("removing", ""), ("waiting", "2"), ("waiting", "1"), ("", "")):
        progress.now(what, detail)
    assert said == ["removing", "waiting"]


# --- the real command -------------------------------------------------------------------------------------------------


def test_a_terminal_shows_what_is_waited_for(tmp_path: Path, postgres: Postgres) -> None:
    """Each environment by its name, with the reason; piped into a file, the same run says none of it."""
    with deployed(postgres, "never_answers") as deployment:
        settings = entry(deployment, posts=1, burst=2, probes=[], api={"timeout_s": 3}, late_rows_s=3)
        file = write_environments(tmp_path / "e.yaml", {}, preview=settings)
        arguments = ["--environments", str(file), "-k", "every_post"]
        command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *arguments]
        shown = in_a_terminal([*command, "--report-dir", str(tmp_path / "report")])
        piped = run_pytest(tmp_path / "piped", *arguments)
    for line in (
        r"preview: POSTing one after another \(\d s so far; 0 of 1\)\r\n",
        r"preview: POSTing 2 at once \(\d s so far\)\r\n",
        r"preview: waiting at most 3 s for rows of unacknowledged POSTs \(\d s so far; 3 may still come\)\r\n",
    ):
        assert re.search(line, shown), shown
    assert "so far" not in piped.out + piped.err
    assert "POSTing" not in piped.out + piped.err


def test_a_deployment_that_is_not_ready_is_waited_for_with_its_reason(tmp_path: Path, postgres: Postgres) -> None:
    """What it answered last is what somebody wants to know."""
    with deployed(postgres, "never_becomes_ready") as deployment:
        ready = {"path": "/", "timeout_s": 4}
        file = write_environments(tmp_path / "e.yaml", {}, preview=entry(deployment, ready=ready))
        command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--environments", str(file)]
        shown = in_a_terminal([*command, "-k", "every_post", "--report-dir", str(tmp_path / "report")])
        quiet = in_a_terminal([*command, "-q", "-k", "every_post", "--report-dir", str(tmp_path / "quiet")])
    assert re.search(r"preview: waiting until it is ready \(\d s so far; it answered 5", shown), shown
    assert "so far" not in quiet


@pytest.mark.parametrize("columns", [80, 160])
def test_the_summary_fits_a_terminal(tmp_path: Path, postgres: Postgres, columns: int) -> None:
    """Nothing of pytest's own stands in it, no line is longer than the terminal; in colour, but for NO_COLOR."""
    with deployed(postgres, "reuses_token") as deployment:
        file = write_environments(tmp_path / "e.yaml", {}, preview=entry(deployment))
        command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--environments", str(file)]
        coloured = in_a_terminal([*command, "--report-dir", str(tmp_path / "a")], columns)
        plain = in_a_terminal([*command, "--report-dir", str(tmp_path / "b")], columns, NO_COLOR="1")
        claims = in_a_terminal([*command, "-v", "--report-dir", str(tmp_path / "c")], columns, NO_COLOR="1")
    assert "\x1b[31mFAILED [preview] tokens_are_distinct: No two chatbots share a token\x1b[0m" in coloured
    assert "\x1b" not in plain
    lines = plain.splitlines()
    assert lines[0].startswith("BROKEN")
    assert max(map(len, lines)) <= columns
    assert lines[-1] == "verdict: FAIL (exit 1: roll back: the deployment is wrong)"
    listed = [line for line in claims.splitlines() if line.startswith(("  ok  ", "  FAIL  ", "  not covered  "))]
    assert len(listed) > 20
    assert "test session starts" in claims
