"""Reads the source of a trigger's function: does it give NEW, the row that is stored, another token?

Linear in the source, whatever stands in it. What makes the whole row, and cannot be read, is no answer.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from typing import TYPE_CHECKING

from harness.checkers.schema import without_comments
from harness.patterns import lazily
from harness.postgres.token_writes import arguments_of

if TYPE_CHECKING:
    from collections.abc import Iterator

_BEGINS = r"(?:^|;|\b(?:begin|then|else|loop)\b) ?"
_PIECES = r"(?s)'(?:[^']|'')*'|\"[^\"]*\"|\|\||#=|."
_ITSELF = lazily(
    r"(?i)(?:(?:coalesce|case|when|then|else|end|tg_op|new|old|null|is|not)\b|'\w*'|[(), =])*;?",
)
_POPULATE = r"(?i)(?:select (?:\* from )?\(?)?(?:pg_catalog\.)?jsonb?_populate_record ?\("
_FIELDS_OF_A_ROW = r"(?i)(?:pg_catalog\.)?(?:to_jsonb?|row_to_json|hstore) ?\( ?new ?\)"
_STRING = r"'(?:[^']|'')*'"


def sets_new(source: str, token: str, *, instead_of: bool) -> bool:
    """Whether a source gives NEW another token than it had.

    Not counted: what stands behind a test for TG_OP = 'UPDATE', a value taken from OLD, and a value for where there is
    none (COALESCE, IF .. IS NULL), since the default is in place before a trigger runs.

    Args:
        source: of the function.
        token: the column.
        instead_of: the trigger stands in for an INSERT into a view: it hands the stored row on as NEW.
    """
    bare = without_comments(source)
    updates = _Operations(bare)
    for match in _assignment_to(token).finditer(bare):
        before = bare[max(0, match.start() - 300) : match.start() + match[0].lower().find("new")].rstrip()
        if updates.are_updates(match.start()):
            continue
        if re.search(r'(?i)\bif new ?\. ?[\w"]+ is null then$', before):
            continue
        if re.match(r"(?i) ?(?:old\b|coalesce ?\( ?new ?\.)", bare[match.end() : match.end() + 300]):
            continue
        if instead_of and re.search(r"(?i)\breturning\b[^;]*$", before):
            continue
        return True
    key = re.compile(rf"""(?i)["']{re.escape(token)}(?!\w)""")
    return any(key.search(made) for _, made in _whole_rows(bare))


def hides_new(source: str, *, instead_of: bool) -> bool:
    """Whether a source makes the whole of NEW in a way that does not tell whether its token stays.

    It stays where a function of Postgres sets fields of NEW whose names are written out.
    """
    bare = without_comments(source)
    return any(
        not (instead_of and re.search(r"(?i)\breturning\b", statement)) and not _is_told(made)
        for statement, made in _whole_rows(bare)
    )


def sets_stored(source: str, token: str, names: frozenset[str]) -> bool:
    """Whether a source runs UPDATE .. SET token on one of these tables, other than behind TG_OP = 'UPDATE'."""
    bare = without_comments(source)
    operations, begins = _Operations(bare), 0
    named = re.compile(rf'(?i)(?<![\w.])"?{re.escape(token)}"? ?=')
    table = "|".join(re.escape(name) for name in sorted(names))
    for statement in _statements(bare):
        at, begins = begins, begins + len(statement) + 1
        update = re.search(rf'(?i)\bupdate (?:only )?(?:"?[\w$]+"? ?\. ?)?"?(?:{table})"?(?![\w"])', statement)
        sets = update and re.search(r"(?i)\bset\b", statement[update.end() :])
        if not update or not sets or operations.are_updates(at + update.start()):
            continue
        assigned = re.split(r"(?i)\bwhere\b", statement[update.end() + sets.end() :], maxsplit=1)[0]
        if named.search(assigned):
            return True
    return False


def is_behind_update(source: str) -> bool:
    """Whether everything that a source writes by UPDATE stands behind a test for TG_OP = 'UPDATE'."""
    bare = without_comments(source)
    operations = _Operations(bare)
    updates = [match.start() for match in re.finditer(r"(?i)(?<!')\bupdate\b(?!')", bare)]
    return bool(updates) and all(operations.are_updates(at) for at in updates)


class _Operations:
    """Where a source tests TG_OP, and for what."""

    def __init__(self, bare: str) -> None:
        found = [*re.finditer(r"(?i)\btg_op ?= ?'(\w+)'", bare)]
        self._at = [match.start() for match in found]
        self._which = [match[1].upper() for match in found]

    def are_updates(self, at: int) -> bool:
        """Whether the last test before a place is for UPDATE."""
        last = bisect_right(self._at, at)
        return last > 0 and self._which[last - 1] == "UPDATE"


def _assignment_to(column: str) -> re.Pattern[str]:
    """What sets a column of NEW in PL/pgSQL (or of TD["new"] in PL/Python), in a source whose blanks are single.

    An assignment (`=` is one only where a statement begins, elsewhere it compares), or a target of INTO.
    """
    field = rf'\bnew ?\. ?"?{re.escape(column)}"?(?!\w)'
    key = rf"""["']{re.escape(column)}(?!\w)"""
    return re.compile(
        rf"(?i){field} ?:=|{_BEGINS}{field} ?=(?!=)|"
        rf'(?<!insert )\binto (?:strict )?(?:[\w."]+ ?, ?)*{field}|'
        rf"""\[["']new["']\] ?\[{key}["']\] ?=(?!=)"""
    )


def _statements(bare: str) -> list[str]:
    """A source cut at its semicolons, those in strings aside."""
    parts: list[list[str]] = [[]]
    for piece in re.finditer(r"(?s)'(?:[^']|'')*'|[^';]+|.", bare):
        if piece[0] == ";":
            parts.append([])
        else:
            parts[-1].append(piece[0])
    return ["".join(part) for part in parts]


def _whole_rows(bare: str) -> Iterator[tuple[str, str]]:
    """Each statement that assigns or returns NEW as a whole, and what it makes it of."""
    for statement in _statements(bare):
        assigned = re.search(r"(?i)(?:^|\b(?:begin|then|else|loop)\b) ?new ?:?=(?!=) ?", statement)
        returned = re.search(r"(?i)\breturn\b(?! (?:query|next)\b) ?", statement)
        into = re.search(r"(?i)(?<!insert )\binto (?:strict )?new\b(?! ?\.)", statement)
        if assigned:
            yield statement, statement[assigned.end() :].strip()
        elif returned:
            yield statement, statement[returned.end() :].strip()
        elif into:
            yield statement, f"{statement[: into.start()]}{statement[into.end() :]}".strip()


def _is_told(made: str) -> bool:
    """Whether it is to be read from an expression that it leaves all fields of NEW but named ones as they are."""
    made = re.sub(r"(?i)^(?:begin|then|else|loop) ", "", made)
    if not re.search(r"[A-Za-z_]", made) or _ITSELF.fullmatch(made):
        return True
    call = re.match(_POPULATE, made)
    if call:
        arguments, rest = _arguments(made[call.end() :])
        is_all = re.fullmatch(r"(?i) ?\)?(?: ?\. ?\*)?(?: as \w+)?(?: from)? ?", rest) is not None
        return is_all and len(arguments) == 2 and _names_its_keys(arguments[1])
    row, *fields = _split(made, "#=")
    return bool(fields) and _ITSELF.fullmatch(row.strip()) is not None and all(map(_names_its_keys, fields))


def _names_its_keys(expression: str, depth: int = 0) -> bool:
    """Whether every key of a JSON object or an hstore is written out, or a field of NEW itself."""
    parts = _split(expression, "||")
    if depth > 20:
        return False
    if len(parts) > 1:
        return all(_names_its_keys(part, depth + 1) and not re.match(r" ?'", part) for part in parts)
    part = re.sub(r"(?i) ?:: ?(?:jsonb?|hstore) ?$", "", expression.strip()).strip()
    if re.fullmatch(_STRING, part) or re.fullmatch(_FIELDS_OF_A_ROW, part):
        return True
    if part.startswith("("):
        inside, rest = _arguments(part[1:])
        return not rest.strip() and len(inside) == 1 and _names_its_keys(inside[0], depth + 1)
    call = re.match(r"(?i)(?:pg_catalog\.)?(\w+) ?\(", part)
    if call is None:
        return False
    arguments, rest = _arguments(part[call.end() :])
    name = call[1].lower()
    if rest.strip():
        return False
    if name in {"jsonb_build_object", "json_build_object"} or (name == "hstore" and len(arguments) == 2):
        return len(arguments) % 2 == 0 and all(re.fullmatch(rf" ?{_STRING} ?", key) for key in arguments[::2])
    if name in {"jsonb_set", "jsonb_insert"}:
        return _names_its_keys(arguments[0], depth + 1) and all(
            re.fullmatch(_STRING, a.strip()) for a in arguments[1:2]
        )
    return name == "jsonb_strip_nulls" and _names_its_keys(arguments[0], depth + 1)


def _arguments(text: str) -> tuple[list[str], str]:
    """The arguments of a call, none where it is not closed, and what follows it."""
    arguments, rest = arguments_of(text)
    return arguments or [], rest


def _split(text: str, at: str) -> list[str]:
    """A text cut at a mark, where that stands neither in a string nor between parentheses."""
    parts: list[list[str]] = [[]]
    depth = 0
    for piece in re.finditer(_PIECES, text):
        depth += (piece[0] in "([") - (piece[0] in ")]")
        if piece[0] == at and depth == 0:
            parts.append([])
        else:
            parts[-1].append(piece[0])
    return ["".join(part) for part in parts]
