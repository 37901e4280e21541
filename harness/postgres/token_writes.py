"""What a statement may do with the token of a row, and how the INSERT that almost every app sends is read.

Whatever is neither DEFAULT nor a generator of Postgres itself is the app's.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

MOST_READ = 8192  # characters of a statement; Postgres itself shows 1024 bytes unless it is told otherwise

DEEPEST = 100  # nodes of a statement below each other; what is nested deeper was written by no app

Writer = Literal["database", "app", "unclear"]


class TooDeep(Exception):
    """A statement whose nodes are nested beyond `DEEPEST`."""


class Target(NamedTuple):
    """The table whose rows are watched, as the catalog names it.

    Attributes:
        schema: of the table.
        name: of the table.
        token: the token column.
        columns: all columns in their order, for an INSERT that names none.
        leading: schema and name of what leads to it: its partitions, and the views that show it.
        in_new: what the token is called in the NEW of a trigger or a rule, which holds what the default made; "" where
            statements have no NEW.
    """

    schema: str
    name: str
    token: str
    columns: tuple[str, ...] = ()
    leading: frozenset[tuple[str, str]] = frozenset()
    in_new: str = ""

    @property
    def names(self) -> frozenset[str]:
        """The names by which statements may mention it, without schemas."""
        return frozenset({self.name, *(name for _, name in self.leading)})

    def is_it(self, schema: str, name: str) -> bool:
        """Whether a name in a statement is that of the table, or leads to it; "" where it has no schema."""
        known = {(self.schema, self.name), *self.leading}
        return (schema, name) in known if schema else name in self.names


class Reading(NamedTuple):
    """What a statement does.

    Attributes:
        writer: who makes the token in it; None where it writes no token of the table.
        inserts: whether it stores a row of the table, other than by a function that it calls.
        calls: functions that it calls, as schema (or "") and name; built-in ones are among them.
        updates: whether it sets the token of a row that is stored already, to whatever value.
    """

    writer: Writer | None = None
    inserts: bool = False
    calls: frozenset[tuple[str, str]] = frozenset()
    updates: bool = False


NOTHING = Reading()
UNCLEAR = Reading("unclear")

_ORDER: tuple[Writer, ...] = ("app", "unclear", "database")


def first_of(writers: Iterable[Writer | None]) -> Writer | None:
    """Whose hand counts where there are several: the app's, then what is unclear."""
    of = set(writers)
    return next((writer for writer in _ORDER if writer in of), None)


def together(readings: Iterable[Reading]) -> Reading:
    """Several readings as one."""
    of = list(readings)
    calls = frozenset(call for reading in of for call in reading.calls)
    writer = first_of(reading.writer for reading in of)
    return Reading(writer, any(reading.inserts for reading in of), calls, any(reading.updates for reading in of))


_NAME = r'(?:"(?:[^"]|"")+"|[^\W\d][\w$]*)'
# Patterns are compiled when a statement is first read: most runs see few.
_INSERT = (
    rf"(?i)\s*insert\s+into\s+(?P<table>{_NAME}(?:\s*\.\s*{_NAME})?)(?:\s+as\s+{_NAME})?\s*"
    rf"\((?P<columns>\s*{_NAME}(?:\s*,\s*{_NAME})*\s*)\)\s*(?:overriding\s+\w+\s+value\s*)?values\s*\("
)
# DEFAULT, which ORMs write for a column that they do not set, and calls of the database's own generators.
_LEFT_TO_THE_DATABASE = (
    rf"(?i)default|(?:{_NAME}\s*\.\s*)?\"?(?:uuid_generate_v4|gen_random_uuid|uuidv4)\"?\s*\(\s*\)(?:\s*::\s*\w+)?"
)
_GIVEN = r"(?i)(?:\$\d+|'(?:[^']|'')*'|null)(?:\s*::\s*[\w\s]+)?|cast\s*\(\s*\$\d+\s+as\s+[\w\s]+\)"
_PIECES = r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|."
_CALLS = rf"(?<![\w$\"])(?:({_NAME})\s*\.\s*)?({_NAME})\s*\("
GENERATORS = frozenset({"uuid_generate_v4", "gen_random_uuid", "uuidv4"})


def read_usual(bare: str, target: Target) -> Reading | None:
    """What a statement does, without its comments, where no parser is needed to tell; None where one is."""
    if not _mentions(bare, target) or not _may_write(bare):
        return Reading(calls=_calls(bare))
    return _usual_insert(bare, target)


def _may_write(bare: str) -> bool:
    return re.search(r"(?i)\b(?:insert|update|merge|copy)\b", re.sub(r"'(?:[^']|'')*'", "''", bare)) is not None


def _mentions(bare: str, target: Target) -> bool:
    folded = bare.lower()
    return any(name.lower() in folded for name in target.names)


def _calls(bare: str) -> frozenset[tuple[str, str]]:
    if "(" not in bare:
        return frozenset()
    found = re.findall(_CALLS, re.sub(r"'(?:[^']|'')*'", "''", bare))
    return frozenset((_identifier(schema), _identifier(name)) for schema, name in found)


def _identifier(name: str) -> str:
    """As the catalog has it: folded to lower case unless quoted."""
    return name[1:-1].replace('""', '"') if name.startswith('"') else name.lower()


def _parts(name: str) -> list[str]:
    return [_identifier(part) for part in re.findall(_NAME, name)]


def _usual_insert(bare: str, target: Target) -> Reading | None:
    """INSERT INTO table (columns) VALUES (one row) RETURNING ..; None where it is another statement, or goes on."""
    insert = _insert_into(bare, target)
    if insert is None:
        return None
    columns, behind = insert
    values, rest = arguments_of(behind)
    if values is None or len(values) != len(columns) or not re.match(r"(?i)\s*(?:;?\s*\Z|returning\b)", rest):
        return None
    calls = _calls(behind)
    if target.token not in columns:
        return Reading("database", True, calls)
    value = values[columns.index(target.token)]
    if re.fullmatch(_LEFT_TO_THE_DATABASE, value):
        return Reading("database", True, calls)
    return Reading("app", True, calls) if re.fullmatch(_GIVEN, value) else None


def read_unparsed(bare: str, target: Target) -> Reading:
    """What a statement may do that no parser has read: it writes the token, unless it can only read.

    An INSERT whose end Postgres cut off tells by its columns; its values may be behind the cut.
    """
    insert = _insert_into(bare, target)
    if insert is not None:
        columns, behind = insert
        values, rest = arguments_of(behind)
        if target.token not in columns and (values is None or not rest.strip()):
            return Reading("database", True)
    return UNCLEAR


def _insert_into(bare: str, target: Target) -> tuple[list[str], str] | None:
    """The columns of an INSERT .. VALUES into the table, and what stands behind the parenthesis of its first row."""
    match = re.match(_INSERT, bare)
    if match is None:
        return None
    *schema, name = _parts(match["table"])
    if not target.is_it(schema[0] if schema else "", name):
        return None
    return [_parts(column)[0] for column in match["columns"].split(",")], bare[match.end() :]


def arguments_of(rest: str) -> tuple[list[str] | None, str]:
    """The expressions of a row or a call, from behind its opening parenthesis, and what follows the closing one.

    There are none where it is not closed.
    """
    values: list[str] = []
    current: list[str] = []
    depth = 0
    for piece in re.finditer(_PIECES, rest, re.DOTALL):
        said = piece[0]
        if said == ")" and depth == 0:
            return [*values, "".join(current).strip()], rest[piece.end() :]
        depth += (said in "([") - (said in ")]")
        if said == "," and depth == 0:
            values.append("".join(current).strip())
            current = []
        else:
            current.append(said)
    return None, ""
