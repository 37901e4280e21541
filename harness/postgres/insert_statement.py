"""Reads INSERT statements as Postgres shows them: do they give the token a value, or leave it to the default?

Only what decides that is parsed: the table, the column list, and the first row of VALUES. Whatever does not look like
it (INSERT .. SELECT, no column list, a statement that Postgres cut off) is not understood and says nothing.
"""

from __future__ import annotations

import re
from typing import Literal

Maker = Literal["database", "app"]

_NAME = r'(?:"(?:[^"]|"")+"|[A-Za-z_][\w$]*)'
# Patterns are compiled when a statement is first read: most runs see none.
_INSERT = (
    rf"(?i)\binsert\s+into\s+(?:only\s+)?(?P<table>{_NAME}(?:\s*\.\s*{_NAME})?)(?:\s+as\s+{_NAME})?\s*"
    rf"\((?P<columns>\s*{_NAME}(?:\s*,\s*{_NAME})*\s*)\)\s*(?:overriding\s+\w+\s+value\s*)?values\s*\("
)
# DEFAULT, which ORMs write for a column that they do not set, and calls of the database's own generators.
_LEFT_TO_THE_DATABASE = (
    rf"(?i)default|(?:{_NAME}\s*\.\s*)?\"?(?:uuid_generate_v4|gen_random_uuid|uuidv4)\"?\s*\(\s*\)(?:\s*::\s*\w+)?"
)
_GIVEN = r"(?i)(?:\$\d+|'(?:[^']|'')*'|null)(?:\s*::\s*[\w\s]+)?|cast\s*\(\s*\$\d+\s+as\s+[\w\s]+\)"


def maker_of_token(statement: str, table: str, token_column: str) -> Maker | None:
    """Who makes the token in an INSERT into `table` (without schema); None where it is another or not understood."""
    match = re.search(_INSERT, _without_comments(statement))
    if match is None or _parts(match["table"])[-1] != table:
        return None
    columns = [_parts(column)[0] for column in match["columns"].split(",")]
    if token_column not in columns:
        return "database"
    values = _values(_without_comments(statement)[match.end() :])
    if values is None or len(values) != len(columns):
        return None
    value = values[columns.index(token_column)]
    if re.fullmatch(_LEFT_TO_THE_DATABASE, value):
        return "database"
    return "app" if re.fullmatch(_GIVEN, value) else None


def _parts(name: str) -> list[str]:
    """The identifiers of a dotted name as the catalog has them: folded to lower case unless quoted."""
    found = re.findall(_NAME, name)
    return [part[1:-1].replace('""', '"') if part.startswith('"') else part.lower() for part in found]


def _without_comments(statement: str) -> str:
    return re.sub(r"/\*.*?\*/|--[^\n]*", " ", statement, flags=re.DOTALL)


def _values(rest: str) -> list[str] | None:
    """The expressions of the first row, from behind its opening parenthesis; None where it does not end."""
    values: list[str] = []
    depth, current = 0, ""
    for piece in re.findall(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|.", rest, re.DOTALL):
        if piece in "([":
            depth += 1
        elif piece == ")" and depth == 0:
            return [*values, current.strip()]
        elif piece in ")]":
            depth -= 1
        if piece == "," and depth == 0:
            values.append(current.strip())
            current = ""
        else:
            current += piece
    return None
