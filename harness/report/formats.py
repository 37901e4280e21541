"""The reports of a run, one format each: the file in the report folder, and how its text is made.

To add one, write a function from `Report` to text in a module of its own and list it in `FORMATS`.
"""

from __future__ import annotations

import json
import re
from html import escape
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from harness.report.markdown import markdown
from harness.report.summary import CONCLUSIONS, advised
from harness.text import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from harness.report.evidence import EnvironmentEvidence
    from harness.report.verdict import Verdict


class Report(NamedTuple):
    """What a format is made of.

    Attributes:
        verdict: what was concluded, masked.
        folder: where reports are written.
        evidence: gathers what the page shows besides; asked for when the verdict is on disk.
        redact: masks secrets in what servers sent.
    """

    verdict: Verdict
    folder: Path
    evidence: Callable[[], Sequence[EnvironmentEvidence]]
    redact: Callable[[str], str]


class Format(NamedTuple):
    """A file of the report folder, and what makes its text."""

    file: str
    text: Callable[[Report], str]


def _json(report: Report) -> str:
    # Not by pydantic: it refuses a lone surrogate, which a server may have sent as an escape in JSON.
    document = json.dumps(report.verdict.model_dump(by_alias=True), ensure_ascii=False)
    # Asked to indent, json writes in Python, piece by piece.
    indented = msgspec.json.format(document.encode("utf-8", "surrogatepass"), indent=2)
    return _without_controls(indented.decode("utf-8", "surrogatepass")) + "\n"


def _without_controls(document: str) -> str:
    """The same JSON, with escapes for what a terminal would obey; JSON itself demands them below U+0020 only."""
    return re.sub(
        r"[^\n -~]", lambda match: match[0] if match[0].isprintable() else json.dumps(match[0])[1:-1], document
    )


def _page(report: Report) -> str:
    try:
        from harness.report.page import render  # at the end of a run only: Jinja2 takes a while to import

        return render(report.verdict, report.evidence(), report.folder, report.redact)
    except Exception as error:  # whatever a picture fails of, the verdict stands and must not be hidden by it
        return _page_without_pictures(report.verdict, report.redact(f"{type(error).__name__}: {error}"))


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


SUMMARY = Format("summary.md", lambda report: markdown(report.verdict))
FORMATS = (Format("verdict.json", _json), SUMMARY, Format("report.html", _page))  # the most needed first
OF_PYTEST = ("junit.xml", "ctrf.json")
"""What pytest and its plugins write into the same folder."""
