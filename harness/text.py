"""Text that is safe to show: masked, bounded, one line, without control characters.

It is a type, `Shown`, and this is the only place that makes one. Whoever prints or writes a text demands that type, and
so do the exceptions and the results that carry one there.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NewType

from harness.patterns import lazily

if TYPE_CHECKING:
    from collections.abc import Callable

Shown = NewType("Shown", str)
"""Text that may be shown: what a server sent in it moves no cursor, starts no line, commands no CI, holds no secret."""

SHOWN_CHARACTERS = 600
SHOWN_SENTENCE = 1200
LONGEST_LINE = 20_000  # of a traceback, or of a sentence whose parts were bounded already
# What a CI's log reader obeys: `::error::` at a line's start, blanks aside, and `##[error]`, `##vso[..]` anywhere.
_COMMAND = lazily(r"^ *:(?=:)|#(?=#(?:\[|vso\[|teamcity\[))", re.IGNORECASE)
# Printable to Python, yet seen by nobody: letters and marks that are Unicode's Default_Ignorable_Code_Point, and the
# blank of Braille. Two tokens could look alike and not be so.
_INVISIBLE = lazily("[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]")
# How a process masks secrets; the command that knows them says so once.
_mask: Callable[[str], str] = str


def mask_before_cutting(mask: Callable[[str], str]) -> None:
    """Let `printable` mask what it is given, in this process from now on: half a secret is not recognised later."""
    global _mask
    _mask = mask


def printable(item: object, limit: int = SHOWN_CHARACTERS) -> Shown:
    """One line of plain text, masked: what a server sent can move no cursor, start no line, and command no CI."""
    text = _mask(str(item))
    shown = in_one_line(text) if len(text) <= limit else f"{in_one_line(text[:limit])}... ({len(text)} characters)"
    return Shown(shown)


def sentence(text: object) -> Shown:
    """A sentence of ours in which what a server sent may stand, each part bounded already."""
    return printable(text, LONGEST_LINE)


def part_of_shown(part: str) -> Shown:
    """A line that is a part of a text which was masked and bounded as a whole: masking a part would take it for more.

    Once more printable, since what was harmless inside a line may command a CI at the beginning of one.
    """
    return Shown(in_one_line(part))


def in_one_line(text: str) -> str:
    """A whole text as `printable` would have it, but not masked: to be compared."""
    shown = text if text.isprintable() else "".join(c if c.isprintable() else _escaped(c) for c in text)
    shown = _INVISIBLE.sub(lambda match: _escaped(match[0]), shown)
    return _COMMAND.sub(lambda match: f"{match[0][:-1]}\\x{ord(match[0][-1]):02x}", shown)


def is_blank(text: str) -> bool:
    """Whether nothing of a text is seen: no text, blanks of any kind, characters without a shape."""
    return all(character.isspace() or not character.isprintable() for character in _INVISIBLE.sub("", text))


def plural(number: int, word: str) -> str:
    """A number of something, such as "1 row" and "2 rows"."""
    return f"{number} {word}{'s'[: number != 1]}"


def printable_lines(text: str) -> Shown:
    """A text of our own lines, such as a traceback, in which what a server sent may stand: each line printable."""
    return Shown("\n".join(map(sentence, text.split("\n"))))


def _escaped(character: str) -> str:
    return character.encode("unicode_escape", "backslashreplace").decode()
