"""`make lint`: names each phrase of the documents that `tools/style.toml` has a plainer one for."""

from __future__ import annotations

import re
import sys
import tomllib
from typing import TYPE_CHECKING, NamedTuple

from tests.support.gates import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

STYLE = ROOT / "tools" / "style.toml"
# What is quoted from somewhere else: blocks of code, code within a line, where a link leads, comments and tags of HTML.
_QUOTED = re.compile(r"^```.*?^```|^ {4}.*?$|`[^`]*`|\]\([^)]*\)|<[^>]*>", re.DOTALL | re.MULTILINE)


class Phrase(NamedTuple):
    """A phrase that no document has, and what to write."""

    pattern: re.Pattern[str]
    but: str


def documents() -> list[Path]:
    """What people read: the documents at the top, and those of docs/."""
    return [ROOT / "README.md", ROOT / "AGENTS.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]


def phrases() -> list[Phrase]:
    """Those of the style file."""
    listed = tomllib.loads(STYLE.read_text(encoding="utf-8"))["phrase"]
    return [Phrase(re.compile(each["not"].replace(" ", r"\s+"), re.IGNORECASE), each["but"]) for each in listed]


def found(text: str, among: list[Phrase]) -> Iterator[tuple[int, str, str]]:
    """The line, the words and the advice of each phrase in a document; a phrase may go on in the next line."""
    plain = _QUOTED.sub(lambda quoted: re.sub(r"[^\n]", "\x00", quoted[0]), text)
    for phrase in among:
        for match in phrase.pattern.finditer(plain):
            yield plain.count("\n", 0, match.start()) + 1, " ".join(match[0].split()), phrase.but


def main() -> int:
    """Print what is found; 1 where anything is."""
    among = phrases()
    said = [
        f"{path.relative_to(ROOT)}:{line}: {words!r}: write {but}"
        for path in documents()
        for line, words, but in sorted(found(path.read_text(encoding="utf-8"), among))
    ]
    print(*said, sep="\n" if said else "", end="\n" if said else "")
    return 1 if said else 0


if __name__ == "__main__":
    sys.exit(main())
