"""What documents show: their links, blocks of code and commands, as a reader would follow, copy and run them."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING, NamedTuple

from tests.support.gates import ROOT
from tools.prose import documents

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_BLOCK = re.compile(r"^( *)```(\w*)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\(([^)\s]+)\)|src=\"([^\"]+)\"")
_SPAN = re.compile(r"(?<!`)`([^`\n]+(?:\n[^`\n]+)?)`(?!`)")
_PROGRAMS = ("chatbots-smoke", "pytest", "make", "python")


class Shown(NamedTuple):
    """Something that a document shows, and where."""

    where: str
    text: str


def path_of(path: Path) -> str:
    """A document's path as people say it."""
    return str(path.relative_to(ROOT))


def blocks(language: str) -> list[Shown]:
    """The blocks of code of a language."""
    return [
        Shown(f"{path_of(path)}:{text.count(chr(10), 0, match.start()) + 1}", match[3])
        for path in documents()
        for text in [path.read_text(encoding="utf-8")]
        for match in _BLOCK.finditer(text)
        if match[2] == language
    ]


def links() -> Iterator[tuple[Path, str]]:
    """Each link within this repository, with the document that it stands in."""
    for path in documents():
        for in_text, in_html in _LINK.findall(_BLOCK.sub("", path.read_text(encoding="utf-8"))):
            if not (link := in_text or in_html).startswith(("http://", "https://", "mailto:")):
                yield path, link


def anchors(path: Path) -> set[str]:
    """What a link to a heading of a document ends in, as GitHub makes it."""
    headings = re.findall(r"^#+ (.+)$", _BLOCK.sub("", path.read_text(encoding="utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def commands() -> list[Shown]:
    """Each command of ours in a block for a shell, and each that stands in running text, without its comment."""
    lines = [Shown(where, line) for where, text in blocks("sh") for line in text.replace("\\\n", " ").splitlines()]
    lines += [
        Shown(path_of(path), " ".join(span.split()))
        for path in documents()
        for span in _SPAN.findall(_BLOCK.sub("", path.read_text(encoding="utf-8")))
    ]
    return [Shown(where, command) for where, line in lines for command in _ours(line)]


def _ours(line: str) -> Iterator[str]:
    """The commands of ours among those of a line; the words of each, joined again."""
    try:
        words = shlex.split(line, comments=True)
    except ValueError:  # an apostrophe of running text
        return
    command: list[str] = []
    for word in [*words, ";"]:
        if word in ("&&", ";", "|", ">", "--"):
            if command and command[0].rpartition("/")[2] in _PROGRAMS and len(command) > 1:
                yield shlex.join([command[0].rpartition("/")[2], *command[1:]])
            command = []
        else:
            command.append(word)
