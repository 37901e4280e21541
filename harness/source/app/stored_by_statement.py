"""What an app's statements store: the writes of its INSERT, UPDATE, MERGE and COPY."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from harness.source.app.statements import (
    WriteStatement,
    is_default,
    statement_roots,
    statements_in,
    uses_of,
)
from harness.source.app.steps import TOKEN
from harness.source.app.write import Write
from harness.source.javascript.functions import member_name
from harness.source.javascript.modules import ELEMENT, AccessPath
from harness.source.javascript.syntax import FUNCTIONS, Node, arguments, line_of, unwrapped

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.source.app.names import Names
    from harness.source.app.rows import Rows
    from harness.source.app.tables import Tables
    from harness.source.javascript.modules import Module
    from harness.source.javascript.program import Program
    from harness.source.javascript.texts import Texts

_ROW_AS_JSON = re.compile(r"\b(?:row_to_json|to_jsonb?)\s*\(\s*(\w+)\s*[,)]", re.IGNORECASE)
_STANDS_FOR = re.compile(r"\x01|\$|\?|(?<!:):\w|@\w|%[Ls]")  # what is no value itself
_ALIAS = re.compile(r"\binsert\s+into\s+\S+\s+as\s+(\w+)", re.IGNORECASE)


class StoredByStatement:
    """Finds the writes of statements."""

    def __init__(self, program: Program, tables: Tables, names: Names, texts: Texts, rows: Rows) -> None:
        self._program = program
        self._tables = tables
        self._names = names
        self._texts = texts
        self._rows = rows

    def of(self, module: Module) -> Iterator[Write]:
        """Those of a file."""
        for root in statement_roots(module.parsed.of_kind("string", "template_string")):
            for statement in statements_in(self._texts, root, self._names):
                if self.is_ours(statement):
                    yield self.written(statement, list(uses_of(self._program, statement.node)))

    def is_ours(self, statement: WriteStatement) -> bool:
        """Whether a statement is of the table."""
        if self._tables.of_text(statement.table) == "ours":
            return True
        hole = statement.hole(statement.table)
        return hole is not None and self._tables.of(hole) == "ours"

    def written(
        self,
        statement: WriteStatement,
        uses: list[tuple[Node, list[Node]]],
        given: list[tuple[Node, AccessPath]] | None = None,
    ) -> Write:
        """What a statement writes, by the calls that use it, each with its values; `given` where the token is known."""
        names = [name for name in statement.columns or () if self._names.is_token(name)]
        values = list(self._values(statement, uses)) if names or statement.pieces or statement.spread else []
        values = values if given is None else given
        named = statement.node if names and not is_default(statement.cell) else None
        if named is None and statement.is_insert:
            paths: tuple[AccessPath, ...] = ((TOKEN,), (ELEMENT, TOKEN))
            given_rows = [(row, path) for row in self._pieces(statement) for path in paths]
            given_rows += self._spread(statement, uses)
            named = next((held for row, path in given_rows if (held := self._rows.held(row, path)) is not None), None)
        said = statement.returning
        for piece in statement.pieces if said is None else ():  # sql.insert(row).returning("*")
            callee = piece.field("function") if piece.kind == "call_expression" else None
            if callee is not None and member_name(callee) == "returning":
                said = " ".join(one.text for one in arguments(piece))
        if said is not None:
            returns = "*" in said or self._names.token_in_text.search(said) is not None or "\x01" in said
            returns = returns or _answers_whole_row(statement, said)
        else:
            returns = False
        word = "insert" if statement.is_insert else "update"
        at = statement.node.text.lower().find(word)
        cell = statement.cell
        is_unfollowed = bool(names) and not values and (not cell or _STANDS_FOR.search(cell) is not None)
        runs = [call for call, _ in uses]
        return Write(
            statement.node,
            line_of(statement.node, statement.node.start + max(at, 0)),
            ("INSERT" if statement.is_insert else "UPDATE") + f" .. {self._names.token}",
            statement.is_insert,
            (statement.node, *runs),
            tuple(values),
            named if statement.is_insert else None,
            returns,
            statement.conflict,
            is_unfollowed=is_unfollowed,
        )

    def _values(
        self, statement: WriteStatement, uses: list[tuple[Node, list[Node]]]
    ) -> Iterator[tuple[Node, AccessPath]]:
        for given in self._pieces(statement):
            yield given, (TOKEN,)
            yield given, (ELEMENT, TOKEN)
        yield from self._spread(statement, uses)
        if statement.rows is not None and statement.place is not None:
            for given in (statement.rows, *arguments(statement.rows)):
                yield given, (ELEMENT, str(statement.place[0]))
            return
        cell = statement.cell
        hole = statement.hole(cell)
        if hole is not None:
            yield hole, ()
            return
        for number in re.findall("\x01(\\d+)\x02", cell):
            yield statement.holes[int(number)], ()
        if not cell and statement.place is not None:  # columns and values are put together in the same order
            for _, values in uses:
                yield from self._at_place(values[:1], *statement.place)
            return
        numbered = re.search(r"\$(\d+)", cell)
        if numbered is not None:
            at = int(numbered[1]) - 1
            for call, values in uses:
                is_alone = "RawUnsafe" in (call.field("function") or call).text  # Prisma takes values one by one
                taken = values[at : at + 1] if is_alone else values[:1]
                yield from ((given, () if is_alone else (str(at),)) for given in taken)
        elif (mark := re.search(r"\?|%[Ls]", cell)) is not None:  # `%L` is pg-format's
            position = len(re.findall(re.escape(mark[0]), statement.text[: statement.cell_offset]))
            for _, values in uses:
                yield from ((given, (str(position),)) for given in values[:1])
                yield from ((given, ()) for given in values[position : position + 1] if given.kind != "array")
        elif (by_name := re.search(r"(?<!:)[:@$][{(\[/<]?(\w+)", cell)) is not None:
            for _, values in uses:
                yield from ((given, path) for given in values[:1] for path in by_names(by_name[1]))

    def _pieces(self, statement: WriteStatement) -> Iterator[Node]:
        """What may be the row that a statement lists the columns of: `sql(row)`, `Object.keys(row)`."""
        for one in statement.pieces:
            piece = self._rows.behind(one) or one
            callee = piece.field("function") if piece.kind == "call_expression" else None
            if callee is not None and member_name(callee) == "returning":
                piece = callee.field("object") or piece
            yield piece
            yield from arguments(piece) if piece.kind == "call_expression" else ()

    def _spread(
        self, statement: WriteStatement, uses: list[tuple[Node, list[Node]]]
    ) -> Iterator[tuple[Node, AccessPath]]:
        """The rows of which pg-promise lists the columns: `${this:name}`, `${row:name}`, `$2:name`."""
        for name in statement.spread:
            start: AccessPath = () if name == "this" else (str(int(name) - 1),) if name.isdecimal() else (name,)
            for _, values in uses:
                for given in values[:1]:
                    yield given, (*start, TOKEN)
                    yield given, (*start, ELEMENT, TOKEN)

    def _at_place(self, values: list[Node], before: int, behind: int) -> Iterator[tuple[Node, AccessPath]]:
        """The value with so many others before it; where those cannot be counted, with so many behind it."""
        for given in values:
            listed = self._texts.elements(given)
            if (row := _mapped(given)) is not None:
                yield row, (TOKEN,)
            elif listed is None:
                yield given, (str(before),)
                yield given, (ELEMENT, str(before))
            elif listed and all(one.kind == "array" for one in listed):  # rows
                yield from ((one, (str(before),)) for one in listed)
            elif any(one.kind == "spread_element" for one in listed):
                yield from ((one, ()) for one in listed[-1 - behind : len(listed) - behind])
            else:
                yield from ((one, ()) for one in listed[before : before + 1])


def _answers_whole_row(statement: WriteStatement, returning: str) -> bool:
    """Whether a statement answers its row as JSON, which holds every column: `RETURNING row_to_json(chatbots)`."""
    found, alias = _ROW_AS_JSON.search(returning), _ALIAS.search(statement.text)
    row = alias[1] if alias is not None else statement.table.rpartition(".")[2].strip('"')
    return found is not None and found[1].lower() == row.lower()


def by_names(name: str) -> tuple[AccessPath, ...]:
    """Where a value that a statement names may stand in what it is given."""
    return ((name,), ("replacements", name), ("bind", name), ("params", name))


def _mapped(given: Node) -> Node | None:
    """The row of which names are mapped to its values: `columns.map((column) => row[column])`."""
    callee = given.field("function") if given.kind == "call_expression" else None
    for made in arguments(given) if callee is not None and member_name(callee) == "map" else ():
        body = unwrapped(made.field("body") or made)
        if made.kind in FUNCTIONS and body.kind == "subscript_expression":
            return body.field("object")
    return None
