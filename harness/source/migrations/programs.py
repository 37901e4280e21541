"""Reads a migration that is a program, as the SQL that its `up` would send.

What Knex, node-pg-migrate, Sequelize, TypeORM and Kysely make of their calls is said in SQL: one replay judges all.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from harness.source.checkout import Place, in_one_line
from harness.source.javascript.expressions import Link, chain
from harness.source.javascript.syntax import FIELD, FUNCTION_DECLARATIONS, FUNCTIONS, MEMBERS, Node, Parsed, place_of
from harness.source.language import Opaque
from harness.source.migrations.builders import BUILDERS, changes_no_column
from harness.source.migrations.definitions import Unknown
from harness.source.migrations.raw import Raw, filled
from harness.source.sql.columns import Unclear
from harness.source.sql.parser import Statement, mentions, parse_sql, read_sql

if TYPE_CHECKING:
    from harness.source.checkout import SourceFile
    from harness.source.javascript.values import Values

_DDL = re.compile(
    r"(?:\s+|--[^\n]*\n|/\*.*?\*/)*"
    r"(?:alter|create|drop|do|begin|start|commit|rollback|set|lock|comment|with|insert|update|delete|select|truncate)\b",
    re.IGNORECASE | re.DOTALL,
)
_CHANGES = re.compile(
    r"\b(?:alter|create|drop)\s+(?:table|schema|domain|function|or\s+replace|temp|unlogged)\b|\bdo\s+(?:language|\$)|"
    r"\bsearch_path\b|^\s*select\b.*\binto\b|^\s*rollback\b",
    re.IGNORECASE | re.DOTALL,
)
_REMARK = re.compile(r"(?m)(?:^|(?<=[\s;{}(),]))//[^\n]*|/\*(?s:.*?)(?:\*/|\Z)")
_OF_NO_COLUMN = re.compile(r"\s*(?:create\s+(?:unique\s+)?|drop\s+)index\b[^;]*;?\s*", re.IGNORECASE)
_TABLE_HOLE = re.compile(r"(?i)\btable\s+(?:if\s+exists\s+|only\s+)*(?:[\w\"]+\.)?\"?(?:hole_|['\"`]?\s*\+)")
_SCHEMA = re.compile(r"(?i)alter|create(?!d)|drop|rename|column")
_DOWN = frozenset(("down", "rollback", "undo", "revert"))
_DEEPEST = 6
# What a name may stand for that holds statements.
_HOLDS_STATEMENTS = ("string", "template_string", "array", "object", "binary_expression", "call_expression")
# What `up` may name, and the field of it in which the name stands.
_NAMED = {
    **dict.fromkeys(FUNCTION_DECLARATIONS, "name"),
    "variable_declarator": "name",
    "method_definition": "name",
    FIELD: "name",
    "pair": "key",
    "assignment_expression": "left",
}


@dataclass(slots=True)
class _Reading:
    """A file that is being read: what it has said so far, and the words that make what is not clear worth saying.

    `harmless` are pieces of its text that are known to change no column, `inside` what is being read elsewhere, and
    `sent` the texts that were read already: a statement in a constant runs where it is used.
    """

    values: Values
    path: str
    names: tuple[str, ...]
    files: dict[str, SourceFile]
    relevant: bool = False
    found: list[Statement | Unclear] = field(default_factory=list)
    used: set[str] = field(default_factory=set)
    inside: list[Node] = field(default_factory=list)
    harmless: list[str] = field(default_factory=list)
    guarded: int = 0
    sent: set[tuple[Node, str]] = field(default_factory=set)


def read_program(
    values: Values, file: SourceFile, names: tuple[str, ...], files: dict[str, SourceFile]
) -> tuple[list[Statement | Unclear], set[str]]:
    """What a migration's `up` sends, in the order in which it stands there, and the SQL files that it reads.

    `files` are the SQL files of the checkout by their paths. Where no `up` is found, all of the file is read.
    """
    parsed = values.program.files.module(file.path).parsed
    reading = _Reading(values, file.path, names, files)
    for up in _ups(parsed) or [parsed.root]:
        reading.relevant = mentions(up.text, *names)
        before = len(reading.found)
        try:
            _visit(reading, up)
        except RecursionError:  # code that was generated, or made small
            at = Place(file.path, up.line, f"{up.text[:40]}..")
            reading.found.append(Unclear(at, "nested too deeply to be read", surely=reading.relevant))
        if up is not parsed.root and len(reading.found) == before and _may_change(reading, up.text):
            reading.found.append(Unclear(place_of(up), "nothing of it was understood", surely=True))
    return reading.found, reading.used


def _may_change(reading: _Reading, text: str) -> bool:
    """Whether an `up` of which nothing was understood may change the table: what changes no column is left out."""
    for known in sorted(reading.harmless, key=len, reverse=True):
        text = text.replace(known, "")
    text = _REMARK.sub("", text)
    return mentions(text, *reading.names) and _SCHEMA.search(text) is not None


def _ups(parsed: Parsed) -> list[Node]:
    found = []
    for node in parsed.of_kind(*_NAMED):
        name = node.field(_NAMED[node.kind])
        if name is not None and re.fullmatch(r"(?:[\w.]+\.)?['\"]?up['\"]?", name.text):
            found.append(node)
    found.sort(key=lambda node: node.start)
    return found


def _is_down(node: Node) -> bool:
    if node.kind not in _NAMED and node.kind not in FUNCTIONS:
        return False
    key = node.field(_NAMED.get(node.kind, "name"))
    return key is not None and key.text.strip("'\"").rpartition(".")[2].lower() in _DOWN


def _visit(reading: _Reading, node: Node) -> None:
    kind = node.kind
    if kind == "import_statement" or _is_down(node):
        return
    if kind == "call_expression" and (_call(reading, node) or _joined(reading, node)):
        return
    if kind in ("identifier", *MEMBERS) and _elsewhere(reading, node):
        return
    if kind in ("string", "template_string") or (kind == "binary_expression" and _adds_text(node)):
        _text(reading, node)
        return
    if kind == "if_statement":
        _if(reading, node)
        return
    for child in node.children:
        _visit(reading, child)


def _joined(reading: _Reading, node: Node) -> bool:
    """Whether a call makes a text, as `[..].join(..)` does, which is then read."""
    known = reading.values.text(node) is not None
    if known:
        _text(reading, node)
    return known


def _elsewhere(reading: _Reading, node: Node) -> bool:
    """Whether a name stands for statements that are written elsewhere, which are then read."""
    if node.kind in MEMBERS:
        return _joined(reading, node)
    value = reading.values.program.objects.resolved(node)
    if value is node or value in reading.inside or not _CHANGES.search(value.text):
        return False
    if value.kind not in _HOLDS_STATEMENTS:
        return False
    reading.inside.append(value)
    _visit(reading, value)
    reading.inside.pop()
    return True


def _adds_text(node: Node) -> bool:
    """Whether a sum is one of texts."""
    parts = [node.field("left"), node.field("right")]
    kinds = ("string", "template_string")
    return any(
        part is not None and (part.kind in kinds or (part.kind == "binary_expression" and _adds_text(part)))
        for part in parts
    )


def _if(reading: _Reading, node: Node) -> None:
    """Read both branches: a condition asks the database. What it guards with a `!` may be there already."""
    condition = node.field("condition")
    guards = condition is not None and re.match(r"\(\s*!", condition.text) is not None
    reading.guarded += guards
    for child in node.children:
        _visit(reading, child)
    reading.guarded -= guards


def _call(reading: _Reading, node: Node) -> bool:
    """Whether a call was understood with all that it holds."""
    links = chain(reading.values, node)
    if not links:
        return False
    functions = reading.values.program.objects.functions(links[0].at) if len(links) == 1 else []
    if functions and functions[0] not in reading.inside and len(reading.inside) < _DEEPEST:
        reading.inside.append(functions[0])
        _visit(reading, functions[0])
        reading.inside.pop()
        return False
    last = links[-1]
    if changes_no_column(links):
        reading.harmless.append(node.text)
    if _builders(reading, node, links):
        for given in (one for link in links if link.name == "then" for one in link.args or ()):
            _visit(reading, given.node)
        return True
    if last.name == "raw" and last.args is not None and len(last.args) > 1:
        text = last.args[0].text()
        if text is not None:
            _send(reading, place_of(node), filled(text, last.args[1].value()))
            return True
    return False


def _builders(reading: _Reading, node: Node, links: list[Link]) -> bool:
    for builder in BUILDERS:
        try:
            statements = builder(links)
        except Unknown as unknown:
            if reading.relevant:
                surely = str(unknown).startswith("the table's name")
                reading.found.append(Unclear(place_of(node), str(unknown), surely))
            return True
        if statements is not None:
            for place, sql in statements:
                _send(reading, place, sql)
            return True
    return False


def _text(reading: _Reading, node: Node) -> None:
    value = reading.values.of(node)
    node = reading.values.program.objects.resolved(node)
    if isinstance(value, Opaque):
        shape = re.sub(r"\$\{[^{}]*\}", "hole_", node.text).strip("`'\"")
        if _DDL.match(shape) and _CHANGES.search(shape) and reading.relevant:
            surely = _TABLE_HOLE.search(shape) is not None
            reading.found.append(Unclear(place_of(node), "a statement that is built at run time", surely))
        return
    text = value.sql if isinstance(value, Raw) else str(value)
    if _OF_NO_COLUMN.fullmatch(text):
        reading.harmless.append(node.text)
    if text.endswith(".sql"):
        _file(reading, text)
    elif _DDL.match(text) and _CHANGES.search(text) and (node, text) not in reading.sent:
        reading.sent.add((node, text))
        exact = node.kind == "template_string" and "${" not in node.text
        shown = "" if exact else in_one_line(text)
        reading.found += parse_sql(node.file.path, text, node.line, shown, in_code=not exact)


def _send(reading: _Reading, place: Place, sql: str) -> None:
    if reading.guarded:
        sql = re.sub(r"^ALTER TABLE (.*?) ADD COLUMN (?!IF NOT)", r"ALTER TABLE \1 ADD COLUMN IF NOT EXISTS ", sql)
        sql = re.sub(r"^CREATE TABLE (?!IF NOT)", "CREATE TABLE IF NOT EXISTS ", sql)
    reading.found += parse_sql(place.path, sql, place.line, place.text, in_code=True)


def _file(reading: _Reading, name: str) -> None:
    """The statements of an SQL file that the program reads, found by the end of its path."""
    wanted = re.sub(r"^(?:\.{0,2}/)+", "", name)
    folder = reading.path.rpartition("/")[0]
    ends = [path for path in reading.files if path == wanted or path.endswith("/" + wanted)]
    near = [path for path in ends if path.startswith(folder)] or ends
    if len(near) == 1:
        reading.used.add(near[0])
        reading.found += read_sql(near[0], reading.files[near[0]].text)
