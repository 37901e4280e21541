"""Takes the comments out of SQL and PL/pgSQL, as Postgres' scanner does: they nest, and in a string there is none.

Linear in the text, whatever stands in it: what is not closed goes on to the end.
"""

from __future__ import annotations

import re

from harness.patterns import lazily

_PIECES = lazily(
    r"""(?s)(?<![\w$])[eE]'(?:[^'\\]|\\.|'')*(?:'|\\?\Z)   # escapes by backslashes
    |'(?:[^']|'')*(?:'|\Z)
    |"(?:[^"]|"")*(?:"|\Z)
    |(?P<dollar>(?<![\w$])\$(?:[^\W\d]\w*)?\$)
    |(?P<line>--[^\r\n]*)
    |(?P<block>/\*)""",
    re.VERBOSE,
)
_ENDS = lazily(r"/\*|\*/")


def without_comments(text: str, *, in_dollars: bool = False) -> str:
    """The text, with a blank for each comment.

    Args:
        text: SQL, which may have been cut off.
        in_dollars: a string between dollars is a body, such as a function's, whose comments are taken out too.
    """
    kept: list[str] = []
    place = 0
    while match := _PIECES.search(text, place):
        if match["line"] is not None or match["block"] is not None:
            kept += (text[place : match.start()], " ")
            place = match.end() if match["block"] is None else _end_of_comment(text, match.end())
            continue
        end = match.end()
        if match["dollar"] is not None and not in_dollars:
            closed = text.find(match["dollar"], end)
            end = len(text) if closed < 0 else closed + len(match["dollar"])
        kept.append(text[place:end])
        place = end
    return "".join([*kept, text[place:]])


def _end_of_comment(text: str, place: int) -> int:
    """Where a comment ends that begins before a place: at its own `*/`, or with the text."""
    depth = 1
    for mark in _ENDS.finditer(text, place):
        depth += 1 if mark[0] == "/*" else -1
        if depth == 0:
            return mark.end()
    return len(text)
