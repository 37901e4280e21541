"""Reads TypeScript and JavaScript as far as migrations and ORM schemas need it: values, constants, chains of calls."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from harness.source.checkout import Place, in_one_line
from harness.source.sql.quoting import quote_ident, quote_literal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ast_grep_py import SgNode

    from harness.source.checkout import SourceFile

FUNCTIONS = frozenset(
    ("arrow_function", "function_expression", "function", "function_declaration", "method_definition")
)
_WRAPPERS = frozenset(
    ("parenthesized_expression", "as_expression", "satisfies_expression", "non_null_expression", "await_expression")
)
# What makes a piece of SQL of a text: sql`..`, knex.raw, Sequelize.literal, pgm.func, sql.raw, PgLiteral.create.
_RAW = frozenset(("sql", "raw", "literal", "func", "create", "rawSql"))
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "0": "\0", "b": "\b", "f": "\f", "v": "\v", "\n": ""}


@dataclass(frozen=True, slots=True)
class Raw:
    """A piece of SQL that stands in code."""

    sql: str


@dataclass(frozen=True, slots=True)
class Opaque:
    """Code whose value is not known from reading it; its text in one line."""

    code: str


@dataclass(frozen=True, slots=True)
class Link:
    """One part of a chain such as `a.b(c)`: its name, and its arguments, None where it is not called."""

    name: str
    args: list[SgNode] | None
    node: SgNode


@dataclass(slots=True)
class Program:
    """A parsed file, and what its names stand for: constants and functions, by name."""

    file: SourceFile
    root: SgNode
    names: dict[str, SgNode] = field(default_factory=dict)

    def place(self, node: SgNode) -> Place:
        """Where a node begins, and its text."""
        return Place(self.file.path, node.range().start.line + 1, in_one_line(node.text()))

    def named(self, node: SgNode) -> SgNode:
        """What an identifier stands for in this file, and the node itself where that is not known."""
        for _ in range(8):
            node = unwrapped(node)
            if node.kind() != "identifier" or node.text() not in self.names:
                break
            node = self.names[node.text()]
        return node

    def text(self, node: SgNode) -> str | None:
        """The text that an expression makes, None where that is not known."""
        node = self.named(node)
        kind = node.kind()
        if kind in ("string", "template_string"):
            return self._literal(node)
        if kind == "binary_expression":
            left, right = node.field("left"), node.field("right")
            if left is not None and right is not None:
                one, other = self.text(left), self.text(right)
                if one is not None and other is not None and "+" in node.text():
                    return one + other
        if kind == "member_expression":
            of, name = node.field("object"), node.field("property")
            value = self.value(of) if of is not None else None
            if isinstance(value, dict) and name is not None and isinstance(value.get(name.text()), str):
                return str(value[name.text()])
        return self._joined(node) if kind == "call_expression" else None

    def _joined(self, node: SgNode) -> str | None:
        """The text of `[..].join("..")`."""
        of, listed = node.field("function"), node.field("arguments")
        if of is None or listed is None or of.kind() != "member_expression":
            return None
        name, array = of.field("property"), of.field("object")
        if name is None or array is None or name.text() != "join":
            return None
        parts = self.value(array)
        given = listed.named_children()
        glue = self.text(given[0]) if given else ","
        if not isinstance(parts, list) or glue is None or not all(isinstance(part, str) for part in parts):
            return None
        return glue.join(parts)

    def _literal(self, node: SgNode) -> str | None:
        parts = []
        for child in node.named_children():
            kind = child.kind()
            if kind == "string_fragment":
                parts.append(child.text())
            elif kind == "escape_sequence":
                parts.append(_escaped(child.text()))
            elif kind == "template_substitution":
                inner = child.named_children()
                value = self.value(inner[0]) if inner else None
                if isinstance(value, Raw):
                    value = value.sql
                if not isinstance(value, (str, int)) or isinstance(value, bool):
                    return None
                parts.append(str(value))
        return "".join(parts)

    def value(self, node: SgNode) -> object:
        """The value of an expression: text, number, True, False, None, list, dict, `Raw`, or else `Opaque`."""
        node = self.named(node)
        kind = node.kind()
        if kind in ("string", "template_string", "binary_expression"):
            text = self.text(node)
            return Opaque(in_one_line(node.text())) if text is None else text
        if kind in ("true", "false"):
            return kind == "true"
        if kind in ("null", "undefined"):
            return None
        if kind == "number":
            return int(node.text()) if node.text().isdecimal() else Opaque(node.text())
        if kind == "array":
            return [self.value(child) for child in node.named_children() if child.kind() != "comment"]
        if kind == "object":
            return {key: self.value(value) for key, value in self.pairs(node)}
        if kind == "call_expression":
            return self._call(node)
        if kind == "new_expression":  # new PgLiteral("..")
            maker, listed = node.field("constructor"), node.field("arguments")
            given = self.text(listed.named_children()[0]) if listed is not None and listed.named_children() else None
            if given is not None and maker is not None and maker.text().endswith("Literal"):
                return Raw(given)
            if listed is not None and maker is not None and maker.text() in ("Table", "TableColumn"):  # of TypeORM
                return self.value(listed.named_children()[0]) if listed.named_children() else {}
        text = self.text(node)
        return Opaque(in_one_line(node.text())) if text is None else text

    def _call(self, node: SgNode, depth: int = 0) -> object:
        links = chain(node)
        last = links[-1] if links else None
        if last is None:
            joined = self._joined(node)
            return Opaque(in_one_line(node.text())) if joined is None else joined
        if len(links) == 1 and last.name in self.names and depth < 8:  # a function of this file
            body = returned(self.names[last.name])
            if body is not None and body.kind() == "call_expression":
                return self._call(body, depth + 1)
        template = node.field("arguments")
        if template is not None and template.kind() == "template_string":  # sql`..`
            text = self._literal(template)
            return Opaque(in_one_line(node.text())) if text is None else Raw(text)
        if last.name in _RAW and last.args:
            text = self.text(last.args[0])
            if text is not None:
                return Raw(filled(text, self.value(last.args[1])) if len(last.args) > 1 else text)
        if last.name == "fn" and last.args is not None and len(last.args) == 1:  # Sequelize.fn("gen_random_uuid")
            text = self.text(last.args[0])
            if text is not None:
                return Raw(f"{text}()")
        if [link.name for link in links[-2:]] == ["fn", "uuid"]:  # knex.fn.uuid()
            return Raw("gen_random_uuid()")
        if last.name in ("as", "mapWith", "$type") and len(links) > 1:
            inner = node.field("function")
            of = inner.field("object") if inner is not None else None
            return self.value(of) if of is not None else Opaque(in_one_line(node.text()))
        whole = self.text(node)
        return Opaque(in_one_line(node.text())) if whole is None else whole

    def pairs(self, node: SgNode, depth: int = 0) -> Iterator[tuple[str, SgNode]]:
        """The keys of an object with the nodes of their values; what is spread into it is looked up."""
        for child in node.named_children():
            kind = child.kind()
            if kind == "pair":
                key, value = child.field("key"), child.field("value")
                if key is not None and value is not None:
                    yield self.key(key), value
            elif kind == "shorthand_property_identifier":
                yield child.text(), self.names.get(child.text(), child)
            elif kind == "method_definition":
                name = child.field("name")
                if name is not None:
                    yield name.text(), child
            elif kind == "spread_element" and depth < 8:
                spread = self.named(child.named_children()[0])
                spread = returned(spread) or spread
                if spread.kind() == "object":
                    yield from self.pairs(spread, depth + 1)

    def key(self, node: SgNode) -> str:
        """The name that a key of an object is."""
        if node.kind() == "computed_property_name":
            return self.text(node.named_children()[0]) or ""
        return self._literal(node) or "" if node.kind() == "string" else node.text()


def parse_program(file: SourceFile) -> Program:
    """Parse a file; errors of its syntax leave holes, as an editor has them."""
    from ast_grep_py import SgRoot

    # One grammar for JavaScript and TSX, so that nodes have the same names.
    root = SgRoot(file.text, "typescript" if file.suffix in (".ts", ".mts", ".cts") else "tsx").root()
    program = Program(file, root)
    for node in root.find_all(kind="variable_declarator"):
        name, value = node.field("name"), node.field("value")
        if name is not None and value is not None and name.kind() == "identifier":
            program.names.setdefault(name.text(), value)
    for node in root.find_all(kind="function_declaration"):
        name = node.field("name")
        if name is not None:
            program.names.setdefault(name.text(), node)
    return program


def unwrapped(node: SgNode) -> SgNode:
    """An expression without parentheses, `as`, `!` and `await`."""
    while node.kind() in _WRAPPERS:
        inner = [child for child in node.named_children() if child.kind() != "comment"]
        if not inner:
            break
        node = inner[0]
    return node


def chain(node: SgNode) -> list[Link]:
    """The parts of `a.b(c).d(e)`, first to last; [] where it begins with something else than a name."""
    links: list[Link] = []
    node = unwrapped(node)
    while True:
        args: list[SgNode] | None = None
        whole = node
        if node.kind() == "call_expression":
            listed, function = node.field("arguments"), node.field("function")
            args = []
            if listed is not None and listed.kind() == "arguments":
                args = [child for child in listed.named_children() if child.kind() != "comment"]
            elif listed is not None:
                args = [listed]
            if function is None:
                return []
            node = unwrapped(function)
        if node.kind() == "member_expression":
            name, of = node.field("property"), node.field("object")
            if name is None or of is None:
                return []
            links.append(Link(name.text(), args, whole))
            node = unwrapped(of)
            continue
        if node.kind() in ("identifier", "this", "super", "import"):
            links.append(Link(node.text(), args, whole))
            return links[::-1]
        if node.kind() == "call_expression":
            continue
        return []


def parameters(function: SgNode) -> list[str]:
    """The names of a function's parameters."""
    single = function.field("parameter")
    if single is not None:
        return [single.text()]
    listed = function.field("parameters")
    if listed is None:
        return []
    found = []
    for child in listed.named_children():
        pattern = child.field("pattern") if child.kind() in ("required_parameter", "optional_parameter") else child
        found.append(pattern.text() if pattern is not None else "")
    return found


def returned(function: SgNode) -> SgNode | None:
    """What a function returns: the body of an arrow, or of its last `return`."""
    if function.kind() not in FUNCTIONS:
        return None
    body = function.field("body")
    if body is None:
        return None
    if body.kind() != "statement_block":
        return unwrapped(body)
    values = [child for child in body.named_children() if child.kind() == "return_statement" and child.named_children()]
    return unwrapped(values[-1].named_children()[0]) if values else None


def filled(text: str, bindings: object) -> str:
    """SQL with knex' bindings put in: `??` and `:name:` are names, `?` and `:name` values."""
    if isinstance(bindings, list) and all(isinstance(value, (str, int, Raw)) for value in bindings):
        given = iter(bindings)
        return re.sub(r"\?\??", lambda match: _bound(next(given, ""), name=len(match[0]) == 2), text)
    if isinstance(bindings, dict) and all(isinstance(value, (str, int, Raw)) for value in bindings.values()):

        def named(match: re.Match[str]) -> str:
            return _bound(bindings[match[1]], name=bool(match[2])) if match[1] in bindings else match[0]

        return re.sub(r"(?<![:\w]):(\w+)(:?)(?!:)", named, text)
    return text


def _bound(value: object, *, name: bool) -> str:
    if isinstance(value, Raw):
        return value.sql
    return ".".join(quote_ident(part) for part in str(value).split(".")) if name else quote_literal(value)


def _escaped(sequence: str) -> str:
    body = sequence[1:]
    if body[:1] in ("x", "u"):
        digits = body[1:].strip("{}")
        return chr(int(digits, 16)) if digits and int(digits, 16) < 0x110000 else sequence
    return _ESCAPES.get(body, body)
