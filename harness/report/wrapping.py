"""Lines that fit a terminal: broken between words only, never inside what a reader copies as a whole."""

from __future__ import annotations

import textwrap

from harness.patterns import lazily
from harness.text import Shown, part_of_shown

_WHOLE_CHARACTERS = 300  # of a command that is not broken; a longer one is no command of ours
_SHORTEST = 10  # columns, that a line is cut to
_SQL_ENDS = r"(?=,? (?:or|then|and|once|where)\b|;|$)"
# What is pasted into a shell or psql. Ours, in remedies; that a server's text may look like it costs a long line only.
_PASTED = lazily(
    r"`[^`]+`"
    r"|(?:\bpython -m \w+|\bchatbots-smoke)(?: [a-z]+\b)?(?: (?:'[^']*'|[^\s,;()']*[-/*$][^\s,;()']*|[A-Z]{2,}\b))*"
    r"|\bpip install(?: -\S+)? \S+"
    r"|\b(?:GRANT|ALTER (?:TABLE|ROLE|DATABASE)|CREATE (?:UNIQUE )?(?:INDEX|EXTENSION)|UPDATE|SELECT) "
    rf"[^\n]{{1,{_WHOLE_CHARACTERS}}}?{_SQL_ENDS}"
)
_KEPT = "\ue000"  # stands for a blank that is not broken at; no text that is shown holds it, see `in_one_line`


def wrapped(text: Shown, width: int | None, hang: int = 0) -> list[Shown]:
    """A line as so many lines as it takes.

    Args:
        text: one line; blanks at its beginning are kept.
        width: of the terminal, in columns; None where there is none, and nothing is broken.
        hang: the columns by which all lines but the first are indented.
    """
    if width is None or len(text) <= width:
        return [text]
    kept = _PASTED.sub(lambda match: match[0].replace(" ", _KEPT), text)
    parts = textwrap.wrap(
        kept,
        max(width, hang + 20),
        subsequent_indent=" " * hang,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return [part_of_shown(part.replace(_KEPT, " ")) for part in parts]


def in_one(text: Shown, width: int | None) -> Shown:
    """A line, cut between words where it is longer than the terminal is wide."""
    if width is None or len(text) <= width:
        return text
    return part_of_shown(textwrap.shorten(text, max(width, _SHORTEST), placeholder=" .."))
