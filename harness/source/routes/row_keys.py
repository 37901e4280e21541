"""What the columns of a row are called in code when it comes back from the place that stored it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.source.app.calls import trailing
from harness.source.app.statements import statements_in
from harness.source.javascript.literals import key_of, literal
from harness.source.javascript.syntax import arguments, unwrapped
from harness.source.javascript.texts import HOLE
from harness.source.spelling import plain

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.source.app.names import Names
    from harness.source.app.write import Write
    from harness.source.javascript.program import Program
    from harness.source.javascript.syntax import Node
    from harness.source.javascript.texts import Texts
    from harness.source.migrations.tables import SourceColumn

_NAMES_ROWS = ("returning", "returningAll", "select", "output")
# Without returning(), these answer how many there were, or what the driver says.
_ANSWERS_NO_ROW = ("insert", "values", "createMany", "insertMany", "batchInsert", "bulkCreate", "insertOne")
_TO_JSON = re.compile(r"^\s*toJSON\s*\(|\.prototype\.toJSON\s*=|^\s*(?:override|public)\s+toJSON\s*\(", re.MULTILINE)
# What gives rows other names than a statement does.
_RENAMES = re.compile(
    r"postgres\.(?:to)?[cC]amel|CamelCasePlugin|knexSnakeCaseMappers|wrapIdentifier|humps|camelcase-keys"
)
_COLUMN = re.compile(r'(?:[\w"]+\.)?"?(\w+)"?(?:::\w+)?(?:\s+(?:as\s+)?"?(\w+)"?)?', re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class RowKeys:
    """Tells the key of a column."""

    program: Program
    texts: Texts
    names: Names

    def of(self, write: Write, column: SourceColumn) -> str | None:
        """The key of a column in the row that a write gives back; None where it is not there, or not known."""
        if write.how.startswith(("INSERT", "UPDATE")):
            return None if self._is_renamed() else self._of_statement(write, column)
        named = next((call for call in trailing(write.node) if call[0] in _NAMES_ROWS), None)
        if named is not None:
            return self._of_list(named[0], named[1], column)
        if write.how.partition(".")[0] in _ANSWERS_NO_ROW or self._is_shaped():
            return None
        selected, omitted = self._keys_of(write.node, "select"), self._keys_of(write.node, "omit")
        if (selected is not None and column.key not in selected) or column.key in (omitted or ()):
            return None
        return column.key or None

    def _is_shaped(self) -> bool:
        """Whether a model of the app says itself what it is as JSON."""
        files = self.program.files.matching(self.names.table_in_text, self.names.table_word)
        return any(_TO_JSON.search(file.text) is not None for file in files)

    def _is_renamed(self) -> bool:
        return any(_RENAMES.search(file.text) is not None for file in self.program.files.own)

    def _of_statement(self, write: Write, column: SourceColumn) -> str | None:
        for statement in statements_in(self.texts, write.node, self.names):
            if statement.is_insert and statement.returning is not None and not HOLE.search(statement.returning):
                return _named_in(statement.returning.split(","), column)
        return None

    def _of_list(self, name: str, given: list[Node], column: SourceColumn) -> str | None:
        if name == "returningAll":
            return None if self._is_renamed() else column.name
        if not given:  # Drizzle answers what the schema calls it; Supabase's select() the column
            return (column.key or None) if name == "returning" else column.name
        first = self.program.objects.resolved(given[0])
        if first.kind == "object":  # Drizzle: {id: chatbots.id, token: chatbots.publicToken}
            return next(self._of_object(first, column), None)
        listed = first.children if first.kind == "array" else given
        texts = [said for one in listed if (said := literal(one)) is not None]
        if len(texts) != len(listed):
            return None
        found = _named_in([part for text in texts for part in text.split(",")], column)
        return None if texts == ["*"] and self._is_renamed() else found

    def _of_object(self, node: Node, column: SourceColumn) -> Iterator[str]:
        for child in node.children:
            key, value = key_of(child), child.field("value")
            if key is not None and value is not None:
                said = unwrapped(value).text.rpartition(".")[2]
                if plain(said) in (plain(column.name), plain(column.key) if column.key else plain(column.name)):
                    yield key

    def _keys_of(self, call: Node, option: str) -> set[str] | None:
        """The keys that Prisma is told by `select` or `omit`; None where it is not."""
        given = arguments(call)
        options = unwrapped(given[0]) if given else None
        for child in options.children if options is not None and options.kind == "object" else ():
            value = child.field("value")
            if key_of(child) == option and value is not None:
                shape = self.program.objects.resolved(value)
                return {key_of(one) or "" for one in shape.children}
        return None


def _named_in(parts: list[str], column: SourceColumn) -> str | None:
    """The key in a list such as `id, public_token as "token"`, or in Supabase's `token:public_token`."""
    for part in (part.strip() for part in parts):
        if part == "*" or part.endswith(".*"):
            return column.name
        alias, colon, of = part.partition(":")
        if colon and not of.startswith(":") and plain(of) == plain(column.name):
            return alias.strip()
        match = _COLUMN.fullmatch(part)
        if match is not None and plain(match[1]) == plain(column.name):
            return match[2] or match[1]
    return None
