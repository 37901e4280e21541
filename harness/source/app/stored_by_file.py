"""What is stored by statements of `.sql` files: code loads the file, names the query, or calls the function."""

from __future__ import annotations

import posixpath
import re
from dataclasses import replace
from typing import TYPE_CHECKING

from harness.source.app.statements import WriteStatement, statements_in, uses_of
from harness.source.app.stored_by_statement import by_names
from harness.source.javascript.functions import member_name
from harness.source.javascript.literals import literal
from harness.source.javascript.syntax import Node, arguments, outermost, unwrapped

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.source.app.names import Names
    from harness.source.app.sql_files import Query, SqlFiles
    from harness.source.app.stored_by_statement import StoredByStatement
    from harness.source.app.write import Write
    from harness.source.javascript.modules import AccessPath, Module
    from harness.source.javascript.program import Program
    from harness.source.javascript.texts import Texts

# What a file's path, and its text, are handed through on their way to a statement.
_LOADS = re.compile(
    r"(?:^|\.)(?:readFile(?:Sync)?|readTextFile(?:Sync)?|join|resolve|URL|fileURLToPath|QueryFile|require|String|file|url)$"
)
_SAME_TEXT = frozenset(("toString", "trim", "text", "replace", "replaceAll", "pathname", "href"))
_ASKS = frozenset(("query", "execute", "one", "many", "any", "none", "oneOrNone", "manyOrNone", "unsafe", "raw", "run"))
_CALLS_BY_NAME = frozenset(("rpc", "func", "proc", "callFunction", "callProc"))
_IN_A_STATEMENT = r"\b(?:select|call|from|perform|values)\b[^;]*?\b{}\s*\("
_MOST_VARIABLES = 3  # of a function, that hand a value on
_OF_QUERIES = re.compile(r"quer(?:y|ies)|sql", re.IGNORECASE)
_NAMED_ARGUMENT = re.compile(r"^\s*(\w+)\s*(?:=>|:=)\s*")


class StoredByFile:
    """Finds the writes of `.sql` files that code uses."""

    def __init__(
        self, program: Program, names: Names, texts: Texts, files: SqlFiles, statements: StoredByStatement
    ) -> None:
        self._program = program
        self._names = names
        self._texts = texts
        self._files = files
        self._statements = statements

    def all(self) -> Iterator[Write]:
        """Those of all files."""
        whole = dict(self._files.texts)
        for path, queries in self._files.queries:
            nodes = self._program.files.module(path).parsed.of_kind("template_string")
            for query, node in zip(queries, nodes, strict=False):
                statements = [s for s in statements_in(self._texts, node, self._names) if self._statements.is_ours(s)]
                if not statements:
                    continue
                calls: list[tuple[Node, list[tuple[str, Node, AccessPath]]]]
                if query.parameters is None and not query.name and (calls := list(self._typed(path))):
                    made = [self._of_function(statement, (), calls) for statement in statements]
                elif query.parameters is None:
                    uses = list(self._named(query) if query.name else self._loaded(path))
                    made = [self._statements.written(statement, uses) for statement in statements if uses]
                else:
                    calls = list(self._called(query))
                    made = [self._of_function(s, query.parameters, calls) for s in statements if calls]
                yield from (_shown(write, whole[path]) for write in made)

    # --- queries

    def _named(self, query: Query) -> Iterator[tuple[Node, list[Node]]]:
        """The uses of a query that has a name: `insertChatbot.run({..}, client)`, `insertChatbot(client, {..})`."""
        stem = posixpath.basename(query.path).removesuffix(".sql")
        said = query.name[:1].lower() + query.name[1:]
        if "_" in said:
            said = re.sub(r"_(\w)", lambda match: match[1].upper(), said)
        for name in dict.fromkeys((said, query.name)):
            for module in self._program.files.mentioning(name):
                # A function of the app, or of a client, may be called alike.
                asked = [binding for binding in module.imports if binding.name == name or binding.imported == "*"]
                if not any(_OF_QUERIES.search(binding.package) or stem in binding.package for binding in asked):
                    continue
                for node in module.parsed.named(name):
                    callee = node.parent if node.kind == "property_identifier" else node
                    above = callee.parent if callee is not None else None
                    if above is not None and above.kind == "member_expression" and member_name(above) == "run":
                        callee, above = above, above.parent
                    if above is not None and above.kind == "call_expression" and above.field("function") is callee:
                        given = arguments(above)
                        objects = [one for one in given if unwrapped(one).kind in ("object", "array")]
                        yield above, [*objects, *(one for one in given if one not in objects)]

    def _loaded(self, path: str) -> Iterator[tuple[Node, list[Node]]]:
        base = posixpath.basename(path)
        stem = base.removesuffix(".sql")
        for module in self._program.files.mentioning(base):
            for node in module.parsed.of_kind("string", "template_string"):
                if _said(node).endswith(base) and self._is_path(node, path):
                    yield from self._uses_of_path(module, node)
        if self._program.files.holding("}.sql") or self._program.files.holding('".sql"'):
            for module in self._program.files.mentioning(stem):  # load("create_chatbot")
                for node in module.parsed.of_kind("string"):
                    said = literal(node) or ""
                    if said.rpartition("/")[2] == stem and f"/{path}".endswith(f"/{said.lstrip('./')}.sql"):
                        yield from self._uses_of_path(module, node)

    def _typed(self, path: str) -> Iterator[tuple[Node, list[tuple[str, Node, AccessPath]]]]:
        """The calls of what Prisma makes of a file: `createChatbot(name, token)` of `@prisma/client/sql`."""
        name = posixpath.basename(path).removesuffix(".sql")
        for module in self._program.files.mentioning(name):
            if any(one.imported == name and one.package.endswith("/sql") for one in module.imports):
                for node in module.parsed.named(name):
                    call = node.parent
                    if call is not None and call.kind == "call_expression" and call.field("function") is node:
                        yield call, [(str(at), one, ()) for at, one in enumerate(arguments(call))]

    def _is_path(self, node: Node, path: str) -> bool:
        """Whether a text names a file, and no other one that is called alike."""
        said = _said(node)
        given = node.parent.children if node.parent is not None and node.parent.kind == "arguments" else [node]
        before = [text for one in given if one.start < node.start and (text := literal(one)) is not None]
        said = "/".join([*before, said])
        beside = posixpath.normpath(posixpath.join(posixpath.dirname(node.file.path), said))
        if beside in self._files.paths:
            return beside == path
        parts = [part for part in said.split("/") if part not in ("", ".", "..")]
        return path.split("/")[-len(parts) :] == parts

    def _uses_of_path(self, module: Module, node: Node) -> Iterator[tuple[Node, list[Node]]]:
        imported = next((above for above in node.above() if above.kind == "import_statement"), None)
        if imported is not None:
            for binding in module.imports:
                if imported.holds(binding.node):
                    for use in module.parsed.named(binding.name):
                        if not imported.holds(use) and module.resolve(use) is binding:
                            yield from uses_of(self._program, use)
            return
        yield from uses_of(self._program, self._text_of(node))

    def _text_of(self, node: Node) -> Node:
        """What answers the text of the file that a path names."""
        by_app = False
        while (above := outermost(node).parent) is not None:
            call = above.parent
            if above.kind == "arguments" and call is not None:
                callee = call.field("function") or call.field("constructor")
                said = callee.text if callee is not None else ""
                if _LOADS.search(said) is None:
                    is_own = callee is not None and not by_app and bool(self._program.objects.functions(callee))
                    if not is_own or said.rpartition(".")[2] in _ASKS:
                        return node
                    by_app = True
                elif said.endswith(".file") and len(above.children) > 1:  # sql.file("create.sql", [name])
                    return node
                node = call
            elif above.kind == "subscript_expression":  # statements["bots.insert"]
                node = above
            elif above.kind == "member_expression" and member_name(above) in _SAME_TEXT and call is not None:
                node = call if call.kind == "call_expression" else above
            else:
                return node
        return node

    # --- functions

    def _called(self, query: Query) -> Iterator[tuple[Node, list[tuple[str, Node, AccessPath]]]]:
        """The calls of a function of the database, with what is given to each parameter."""
        asks = re.compile(_IN_A_STATEMENT.format(re.escape(query.name)), re.IGNORECASE | re.DOTALL)
        for module in self._program.files.mentioning(query.name):
            for node in module.parsed.of_kind("string", "template_string"):
                said = literal(node)
                if said is not None and said.rpartition(".")[2].lower() == query.name.lower():
                    yield from self._by_name(node, query)
                elif asks.search(node.text):
                    yield from self._in_statement(node, asks, query)

    def _by_name(self, node: Node, query: Query) -> Iterator[tuple[Node, list[tuple[str, Node, AccessPath]]]]:
        call = node.parent.parent if node.parent is not None and node.parent.kind == "arguments" else None
        callee = call.field("function") if call is not None else None
        if call is None or callee is None or member_name(callee) not in _CALLS_BY_NAME:
            return
        given = arguments(call)[1:2]
        pairs: list[tuple[str, Node, AccessPath]] = []
        for index, name in enumerate(query.parameters or ()):
            pairs += [(str(index), one, (name,)) for one in given if name]
            pairs += [(str(index), one, (str(index),)) for one in given]
        yield call, pairs

    def _in_statement(
        self, node: Node, asks: re.Pattern[str], query: Query
    ) -> Iterator[tuple[Node, list[tuple[str, Node, AccessPath]]]]:
        text, holes = self._texts.whole(node)
        found = asks.search(text)
        if found is None:
            return
        uses = list(uses_of(self._program, node))
        pairs: list[tuple[str, Node, AccessPath]] = []
        names = list(query.parameters or ())
        for index, cell in enumerate(_cells(text, found.end())):
            by_name = _NAMED_ARGUMENT.match(cell)
            at = names.index(by_name[1].lower()) if by_name is not None and by_name[1].lower() in names else index
            pairs += [(str(at), holes[int(number)], ()) for number in re.findall("\x01(\\d+)\x02", cell)]
            for number in re.findall(r"\$(\d+)", cell):
                pairs += [(str(at), values[0], (str(int(number) - 1),)) for _, values in uses if values]
            for name in re.findall(r"(?<!:)[:@$][{(\[/<]?([A-Za-z_]\w*)", cell):
                pairs += [(str(at), values[0], path) for _, values in uses if values for path in by_names(name)]
            if "?" in cell:
                place = text[: text.index(cell, found.end())].count("?")
                pairs += [(str(at), values[0], (str(place),)) for _, values in uses if values]
        calls = [call for call, _ in uses] or [node]
        yield calls[0], pairs

    def _of_function(
        self,
        statement: WriteStatement,
        parameters: tuple[str, ...],
        calls: list[tuple[Node, list[tuple[str, Node, AccessPath]]]],
    ) -> Write:
        words = _words_behind(statement)
        taken = {str(int(number) - 1) for number in re.findall(r"\$(\d+)", statement.cell)}
        taken |= {str(index) for index, name in enumerate(parameters) if name and name in words}
        values = [(node, path) for _, pairs in calls for at, node, path in pairs if at in taken]
        return self._statements.written(statement, [(call, []) for call, _ in calls], values)


def _cells(text: str, at: int) -> list[str]:
    """The arguments of a call in SQL, of which the brackets opened before an offset."""
    parts: list[str] = []
    depth, start = 0, at
    for i in range(at, len(text)):
        if text[i] == ")" and depth == 0:
            return [*parts, text[start:i]]
        depth += {"(": 1, ")": -1}.get(text[i], 0)
        if text[i] == "," and depth == 0:
            parts.append(text[start:i])
            start = i + 1
    return [*parts, text[start:]]


def _said(node: Node) -> str:
    """The path that a text ends with: `./create.sql?raw`, `${__dirname}/sql/create.sql`."""
    said = literal(node)
    return (said or node.text[1:-1].rpartition("}")[2]).partition("?")[0]


def _words_behind(statement: WriteStatement) -> set[str]:
    """The names that the token's value is made of, also by variables: `made uuid := p_token::uuid;`."""
    words = {word.lower() for word in re.findall(r"\w+", statement.cell)}
    for _ in range(_MOST_VARIABLES):
        for word in tuple(words):
            given = re.compile(rf"(?:^|[;\s]){re.escape(word)}\b[^;:=]*:?=\s*([^;]+);", re.IGNORECASE)
            words |= {one.lower() for match in given.finditer(statement.text) for one in re.findall(r"\w+", match[1])}
    return words


def _shown(write: Write, text: str) -> Write:
    """A write with the line as it stands in its file."""
    lines = text.split("\n")
    line = " ".join(lines[write.shown.line - 1].split()) if write.shown.line <= len(lines) else write.shown.text
    return replace(write, shown=replace(write.shown, text=line, path=write.shown.path.partition("#")[0]))
