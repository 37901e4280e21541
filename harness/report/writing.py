"""Writes the reports of a verdict."""

from __future__ import annotations

import json
import os
import re
from contextlib import suppress
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from harness.report.summary import CONCLUSIONS, advised, markdown
from harness.text import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from harness.report.evidence import EnvironmentEvidence
    from harness.report.verdict import Verdict


def write(
    verdict: Verdict,
    folder: Path,
    evidence: Callable[[], Sequence[EnvironmentEvidence]] = tuple,
    redact: Callable[[str], str] = str,
) -> None:
    """Write the reports; also append the summary to `$GITHUB_STEP_SUMMARY` where a job has one.

    Args:
        verdict: what was concluded, masked.
        folder: where to.
        evidence: gathers what the page shows besides; asked for when the verdict is on disk.
        redact: masks secrets in what servers sent.

    Raises:
        OSError: a file cannot be written.
    """
    # Not by pydantic: it refuses a lone surrogate, which a server may have sent as an escape in JSON.
    document = json.dumps(verdict.model_dump(by_alias=True), ensure_ascii=False, indent=2)
    _write(folder / "verdict.json", _without_controls(document) + "\n")
    text = markdown(verdict)
    _write(folder / "summary.md", text)
    step_summary = os.environ.get("GITHUB_STEP_SUMMARY")
    if step_summary:
        with suppress(OSError), Path(step_summary).open("a", encoding="utf-8") as file:
            file.write(text)
    try:
        from harness.report.page import render  # at the end of a run only: Jinja2 takes a while to import

        page = render(verdict, evidence(), folder, redact)
    except Exception as error:  # whatever a picture fails of, the verdict stands and must not be hidden by it
        page = _page_without_pictures(verdict, redact(f"{type(error).__name__}: {error}"))
    _write(folder / "report.html", page)


def _page_without_pictures(verdict: Verdict, reason: str) -> str:
    word = CONCLUSIONS[verdict.verdict]
    return (
        '<!doctype html>\n<html lang="en-GB"><head><meta charset="utf-8">'
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'">'
        f"<title>{word}</title></head><body><main><h1>{word}</h1>"
        f"<p>Exit {verdict.exit_code}: {escape(advised(verdict))}. Run {escape(verdict.run)}.</p>"
        f"<p>The page could not be made ({escape(printable(reason))}). verdict.json and summary.md say the rest.</p>"
        "</main></body></html>\n"
    )


def _without_controls(document: str) -> str:
    """The same JSON, with escapes for what a terminal would obey; JSON itself demands them below U+0020 only."""
    return re.sub(
        r"[^\n -~]", lambda match: match[0] if match[0].isprintable() else json.dumps(match[0])[1:-1], document
    )


def _write(path: Path, text: str) -> None:
    """Replace a file as a whole: a reader finds the old text or the new one."""
    aside = path.with_name(f".{path.name}.part")
    aside.unlink(missing_ok=True)  # what a killed run left there may be readable by others, or lead elsewhere
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace") as file:
        file.write(text)
    aside.replace(path)
