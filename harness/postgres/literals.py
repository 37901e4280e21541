"""Takes the data out of a statement that is shown: another client's may hold anybody's name or mail address."""

from __future__ import annotations

import re

from harness.patterns import lazily
from harness.postgres.comments import without_comments

_TOKEN = lazily(
    r"""
    (?P<escaped> [eE]'(?:[^'\\]++|\\.|'')*(?:'|\Z) )
  | (?P<string> (?:[uU]&|[bBxXnN])?'(?:[^']++|'')*(?:'|\Z) )
  | (?P<name> (?:[uU]&)?"(?:[^"]++|"")*(?:"|\Z) )
  | (?P<dollars> \$(?:[^\W\d]\w*)?\$ )
  | (?P<word> [^\W\d][\w$]*+ | \$\d++ )
  | (?P<number> \d[\w.]*+ )
    """,
    re.VERBOSE | re.DOTALL,
)
_PLAIN_NAME = lazily(r'"[^\W\d][\w$]{0,62}"')


def without_literals(statement: str) -> str:
    """The statement in one line, with `?` for every string and number, and without comments.

    Each way in which Postgres reads a string (its manual, section 4.1.2) is known, nested comments and strings that the
    statement was cut off in too. What a server with `standard_conforming_strings = off` reads otherwise is left out to
    the end, and a name in quotes that no schema would have is `"?"`.
    """
    statement = without_comments(statement)
    pieces: list[str] = []
    place = 0
    while (match := _TOKEN.search(statement, place)) is not None:
        pieces.append(statement[place : match.start()])
        place = match.end()
        kind, said = match.lastgroup, match[0]
        if kind == "word":
            pieces.append(said)
        elif kind == "name":
            pieces.append(said if _PLAIN_NAME.fullmatch(said) else '"?"')
        else:
            pieces.append("?")
            if kind == "dollars":
                end = statement.find(said, place)
                place = end + len(said) if end >= 0 else len(statement)
            elif kind == "string" and "\\'" in said:
                place = len(statement)
    return " ".join("".join([*pieces, statement[place:]]).split())
