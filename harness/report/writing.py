"""Writes the reports of a run into its folder, each as a whole."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

from harness.report.formats import FORMATS, SUMMARY, Report
from harness.report.markdown import MOST_BYTES, within

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from harness.report.evidence import EnvironmentEvidence
    from harness.report.verdict import Verdict


def write(
    verdict: Verdict,
    folder: Path,
    evidence: Callable[[], Sequence[EnvironmentEvidence]] = tuple,
    redact: Callable[[str], str] = str,
) -> None:
    """Write every report; also append the summary to `$GITHUB_STEP_SUMMARY` where a job has one.

    Args:
        verdict: what was concluded, masked.
        folder: where to.
        evidence: gathers what the page shows besides; asked for when the verdict is on disk.
        redact: masks secrets in what servers sent.

    Raises:
        OSError: a file cannot be written.
    """
    report = Report(verdict, folder, evidence, redact)
    for each in FORMATS:
        text = each.text(report)
        _write(folder / each.file, text)
        if each is SUMMARY:
            _append_for_the_job(text)


def _append_for_the_job(summary: str) -> None:
    file = os.environ.get("GITHUB_STEP_SUMMARY")
    if file:
        with suppress(OSError):
            # The runner's own file; a FIFO in its place must not keep the run waiting.
            descriptor = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_NONBLOCK", 0), 0o600)
            with os.fdopen(descriptor, "a", encoding="utf-8") as opened:
                there = os.fstat(descriptor).st_size  # what others have written of this step counts as well
                opened.write(within(summary, MOST_BYTES - there))


def _write(path: Path, text: str) -> None:
    """Replace a file as a whole: a reader finds the old text or the new one."""
    aside = path.with_name(f".{path.name}.part")
    aside.unlink(missing_ok=True)  # what a killed run left there may be readable by others, or lead elsewhere
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace") as file:
        file.write(text)
    aside.replace(path)
