"""The tests that `docs/safety.md` names for its promises."""

from __future__ import annotations

import re

from tests.support.gates import ROOT

DOCUMENT = ROOT / "docs" / "safety.md"
_NAMED = re.compile(r"`(tests/[\w/]+/test_\w+\.py(?:::test_\w+)?)`")


def rows_of(text: str) -> dict[str, list[str]]:
    """The rows of each section's table of promises, by the section's title."""
    rows: dict[str, list[str]] = {}
    title = ""
    for line in text.splitlines():
        if line.startswith("## "):
            title = line.removeprefix("## ")
            promises = False
        elif line.startswith("| promised"):
            promises = True
        elif line.startswith("| ") and title and promises:
            rows.setdefault(title, []).append(line)
    return rows


def promised(text: str) -> dict[str, frozenset[str]]:
    """The tests that each section names, as `tests/x/test_y.py` or with `::test_z`."""
    return {title: frozenset(_NAMED.findall("\n".join(rows))) for title, rows in rows_of(text).items()}
