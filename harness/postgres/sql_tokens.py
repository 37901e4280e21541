"""Cuts SQL and PL/pgSQL into tokens, as Postgres' scanner does, or refuses.

What two scanners could read differently is refused: escapes in strings, nested comments, letters outside of ASCII.
"""

from __future__ import annotations

import re
from functools import cache, lru_cache
from typing import NamedTuple

LONGEST = 50_000  # characters; what has as many was cut
_TOKEN = r"""(?P<blank>\s+|--[^\n]*|/\*(?:(?!/\*|\*/).)*\*/)
    |(?P<string>'(?:[^'\\]|'')*'|\$(?P<tag>(?:[a-z_][a-z0-9_]*)?)\$(?:(?!\$(?P=tag)\$).)*\$(?P=tag)\$)
    |(?P<quoted>"(?:[^"]|"")+")
    |(?P<word>[a-z_][a-z0-9_$]*)
    |(?P<number>(?:\d+\.(?!\.)\d*|\.\d+|\d+)(?:e[+-]?\d+)?(?![a-z_]))
    |(?P<parameter>\$\d+)
    |(?P<cast>::)
    |(?P<mark>:=|\.\.|[(),;.\[\]])
    |(?P<operator>(?:(?!--|/\*)[-+*/<>=~!@\#%^&|`?])+)"""
_BEFORE_A_BLANK = frozenset(
    {"and", "as", "case", "else", "from", "in", "not", "or", "return", "select", "then", "when"}
)


class Token(NamedTuple):
    """One token: its kind (`word`, `quoted`, `string`, `number`, ..), its text, and what it says.

    `said` is a name as the catalog has it: folded where it was not quoted.
    """

    kind: str
    text: str
    said: str


def words(text: str) -> frozenset[str]:
    """The words of a text, for lists of names."""
    return frozenset(text.split())


@cache
def _scanner() -> re.Pattern[str]:
    """Made when it is needed: that takes longer than to read most defaults, and a known generator needs none."""
    return re.compile(_TOKEN, re.VERBOSE | re.IGNORECASE | re.ASCII | re.DOTALL)


@lru_cache(4)  # the text of a default is asked several questions
def tokens_of(text: str) -> tuple[Token, ...] | None:
    """The tokens of a text, without blanks and comments; None where it is too long or cannot be read safely."""
    if len(text) >= LONGEST:
        return None
    found: list[Token] = []
    at = 0
    for match in _scanner().finditer(text):
        if match.start() != at:
            return None
        at = match.end()
        kind = match.lastgroup if match.lastgroup != "tag" else "string"
        said = match[0].lower()
        if kind == "quoted":
            said = match[0][1:-1].replace('""', '"')
        if kind != "blank":
            found.append(Token(str(kind), match[0], said))
    return tuple(found) if at == len(text) else None


def without_long_strings(text: str, limit: int) -> str:
    """SQL in one line, with its strings of more than three characters left out: they are somebody's data.

    What cannot be read as SQL is not shown at all.
    """
    tokens = tokens_of(text)
    if tokens is None:
        return "(not shown: it cannot be read)"
    shown: list[str] = []
    length = 0
    for before, token in zip([None, *tokens], tokens, strict=False):
        piece = "'…'" if token.kind == "string" and len(token.text) > len("'abc'") else token.text
        shown.append(piece if before is None or not _apart(before, token) else f" {piece}")
        length += len(shown[-1])
        if length > limit:
            return f"{''.join(shown)[:limit]} …"
    return "".join(shown)


def _apart(before: Token, token: Token) -> bool:
    """Whether a blank stands between two tokens where they are shown."""
    if token.text in (",", ";", ".", ")", "::", "..", "[", "]") or before.text in ("(", ".", "::", "..", "["):
        return False
    return token.text != "(" or before.kind not in ("word", "quoted") or before.said in _BEFORE_A_BLANK
