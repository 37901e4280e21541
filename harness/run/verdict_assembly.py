"""Puts a verdict together from what a run concluded."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from harness.errors import CouldNotTell, NotCovered
from harness.report.run_log import SHOWN_RUNS, NoTrend, past_runs

if TYPE_CHECKING:
    from pathlib import Path

    from harness.report.run_log import PastRun
    from harness.run.examination import Examination


def _why(part: object) -> str:
    """Why a part of an examination is not there, in words."""
    if isinstance(part, CouldNotTell):
        return part.cause
    return part.reason if isinstance(part, NotCovered) else ""


def _before_the_migration(done: Examination | None) -> list[str]:
    """What a preflight noticed that decides nothing."""
    if done is None or isinstance(done.preflight, (CouldNotTell, NotCovered)):
        return []
    from harness.preflight.checkers import notes  # a run after the deploy has none

    return notes(done.preflight)


def _remembered(file: Path | None, environment: str) -> list[PastRun]:
    if file is not None:
        with suppress(NoTrend):
            return past_runs(file, environment, SHOWN_RUNS)
    return []
