"""Reads INSERT and UPDATE statements out of an app's source: texts, templates, what is joined from pieces.

What is not text is a hole: a value, or a piece that is not known. No parser of SQL is used: what stands in source is
seldom a whole statement.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.source.javascript.functions import member_name, parameters
from harness.source.javascript.modules import Binding
from harness.source.javascript.syntax import (
    FIELD,
    FUNCTIONS,
    WRAPPERS,
    Node,
    arguments,
    key_of,
    literal,
    outermost,
    unwrapped,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.source.app.names import Names
    from harness.source.javascript.program import Program

_HOLE = re.compile("\x01(\\d+)\x02")
_NAME = '(?:"[^"]+"|`[^`]+`|\\[\\w+\\]|[\\w$]+|\x01\\d+\x02)'
_TABLE = rf"({_NAME}(?:\s*\.\s*{_NAME})?)"
_INSERT = re.compile(rf"\binsert\s+into\s+{_TABLE}(?:\s+as\s+\w+)?\s*", re.IGNORECASE)
_UPDATE = re.compile(rf"\bupdate\s+(?:only\s+)?{_TABLE}(?:\s+(?:as\s+)?(?!set\b)\w+)?\s+set\s+", re.IGNORECASE)
_RETURNING = re.compile(r"\breturning\b(.*)", re.IGNORECASE | re.DOTALL)
_CONFLICT = re.compile(r"\bon\s+conflict\b(.*?)\bdo\s+(?:nothing|update)", re.IGNORECASE | re.DOTALL)
_WRITES = re.compile(r"\binsert\s+into\b|\bupdate\s+\S+(?:\s+\w+)*?\s+set\b|\bupdate\b[^;]*\$\{", re.IGNORECASE)
_COMMENT = re.compile(r"--[^\n]*|/\*.*?\*/", re.DOTALL)
_SHORTEST = 8  # characters, such as of "UPDATE "
_TEXT_KEYS = ("text", "sql", "query", "statement")
_VALUE_KEYS = ("values", "params", "args", "bind", "replacements", "parameters", "bindings")


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement as far as it can be read.

    `columns` are the names that it lists, None where it lists none that can be read; `cell` is what stands for the
    token column in its VALUES or SET, "" where that is not to be seen; `pieces` are expressions that the list of
    columns, or of columns and values, is made of. `returning` is the text behind RETURNING, None without.
    """

    node: Node
    is_insert: bool
    table: str
    columns: tuple[str, ...] | None
    cell: str
    cell_offset: int
    pieces: tuple[Node, ...]
    returning: str | None
    conflict: str | None
    text: str
    holes: tuple[Node, ...]
    place: tuple[int, int] | None = None  # how many columns stand before the token's, and behind it

    def hole(self, text: str) -> Node | None:
        """The expression that a text consists of, if it is but a hole."""
        match = _HOLE.fullmatch(text.strip().split("::")[0].strip())
        return self.holes[int(match[1])] if match is not None else None


class Texts:
    """Puts texts together from what an expression is made of."""

    def __init__(self, program: Program, names: Names) -> None:
        self._program = program
        self._names = names

    def constant(self, node: Node, depth: int = 0) -> str | None:
        """The text that an expression always has, as far as it can be told."""
        text, holes = self.flat(node, depth)
        return text if not holes else None

    def flat(self, node: Node, depth: int = 0) -> tuple[str, list[Node]]:
        """An expression's text, with a mark for each hole, and the holes."""
        holes: list[Node] = []
        return self._flat(node, holes, depth), holes

    def _flat(self, node: Node, holes: list[Node], depth: int) -> str:
        node = unwrapped(node)
        if depth > 8:
            return _hole(node, holes)
        if node.kind in ("string", "number"):
            return literal(node) or ""
        if node.kind == "template_string":
            return self._template(node, holes, depth)
        if node.kind == "binary_expression" and node.operator == "+":
            left, right = node.field("left"), node.field("right")
            if left is not None and right is not None:
                return self._flat(left, holes, depth + 1) + self._flat(right, holes, depth + 1)
        if node.kind in ("identifier", "member_expression"):
            value = self._value(node)
            if value is not None and value.kind in (
                "string",
                "template_string",
                "binary_expression",
                "call_expression",
            ):
                inner: list[Node] = []
                text = self._flat(value, inner, depth + 1)
                if value.kind != "call_expression" and (len(text) > 8 or not inner):
                    return _HOLE.sub(lambda match: _hole(inner[int(match[1])], holes), text)
                if not inner:
                    return text
            if self._names.is_table(node.text.rpartition(".")[2]) and node.kind == "identifier" and value is not None:
                return self._names.table if value.kind == "call_expression" else _hole(node, holes)
        if node.kind == "call_expression":
            return self._joined(node, holes, depth)
        return _hole(node, holes)

    def _template(self, node: Node, holes: list[Node], depth: int) -> str:
        out, at = [], node.start + 1
        text = node.file.text
        for child in node.children:
            if child.kind == "template_substitution":
                out.append(text[at : child.start])
                if child.children:
                    out.append(self._substituted(child.children[0], holes, depth))
                at = child.end
        out.append(text[at : node.end - 1])
        return "".join(out)

    def _substituted(self, node: Node, holes: list[Node], depth: int) -> str:
        node = unwrapped(node)
        if node.kind == "call_expression" and _joins(node):
            return self._joined(node, holes, depth)
        if node.kind == "call_expression":  # sql("chatbots"), sql.identifier(["chatbots"]), sql.raw("x")
            given = [unwrapped(one) for one in arguments(node)]
            said = self.constant(given[0], depth + 1) if len(given) == 1 and given[0].kind != "object" else None
            if said is not None and "\x01" not in said and len(said) < 80 and re.fullmatch(r"[\w.\"$]+", said):
                callee = node.field("function")
                if callee is not None and re.search(
                    r"(?:^|\.)(?:sql|raw|identifier|id|ref|table|unsafe)$", callee.text
                ):
                    return said
            return _hole(node, holes)
        if node.kind in ("identifier", "member_expression"):
            return self._flat(node, holes, depth + 1)
        return _hole(node, holes) if node.kind not in ("string", "template_string") else self._flat(node, holes, depth)

    def _joined(self, node: Node, holes: list[Node], depth: int) -> str:
        callee = node.field("function")
        if callee is None or callee.kind != "member_expression":
            return _hole(node, holes)
        owner, name = callee.field("object"), member_name(callee)
        if owner is not None and name in ("trim", "trimStart", "trimEnd", "toString"):
            return self._flat(owner, holes, depth + 1)
        if owner is not None and name == "join":
            listed = self.elements(owner)
            between = self.constant(arguments(node)[0], depth + 1) if arguments(node) else ","
            if listed is not None and between is not None:
                return between.join(self._flat(child, holes, depth + 1) for child in listed)
        return _hole(node, holes)

    def elements(self, node: Node, depth: int = 0) -> list[Node] | None:
        """The elements of an array, with those that are pushed to it later; what cannot be spread is left as it is."""
        node = unwrapped(node)
        if depth > 8:
            return None
        if node.kind == "array":
            found: list[Node] = []
            for child in node.children:
                inner = self.elements(child, depth + 1) if child.kind == "spread_element" else None
                found += inner if inner is not None else [child]
            return found
        if node.kind == "identifier":
            held = self._program.meaning(node)
            if not isinstance(held, Binding) or held.kind != "var" or held.path or held.value is None or held.assigned:
                return None
            listed = self.elements(held.value, depth + 1)
            return [*listed, *held.added] if listed is not None else None
        callee = node.field("function") if node.kind == "call_expression" else None
        owner = callee.field("object") if callee is not None and callee.kind == "member_expression" else None
        if callee is None or owner is None:
            return None
        name, given = member_name(callee), arguments(node)
        if name == "filter" or (name == "map" and given and _keeps_names(given[0])):
            return self.elements(owner, depth + 1)
        if name == "concat" and (first := self.elements(owner, depth + 1)) is not None:
            more = [self.elements(one, depth + 1) or [one] for one in given]
            return [*first, *(one for some in more for one in some)]
        return None

    def _value(self, node: Node) -> Node | None:
        """The one value of a constant."""
        if node.kind == "identifier":
            found = self._program.meaning(node)
        else:
            owner, name = node.field("object"), member_name(node)
            things = self._program.things(owner) if owner is not None else []
            found = self._program.member(things[0], name) if things and name is not None else None
            if found is None and owner is not None and owner.kind == "identifier" and name is not None:
                found = _of_enum(self._program.meaning(owner), name)
        if isinstance(found, Node):
            return unwrapped(found)
        if found is None or found.kind != "var" or found.path or found.assigned or found.value is None:
            return None
        return unwrapped(found.value)


def _joins(node: Node) -> bool:
    callee = node.field("function")
    return callee is not None and callee.kind == "member_expression" and member_name(callee) == "join"


def _keeps_names(made: Node) -> bool:
    """Whether a function that a list of columns is mapped by quotes each; one that counts them makes `$1`, `$2`."""
    if made.kind not in FUNCTIONS:
        return True
    given, body = parameters(made), made.field("body")
    first = given[0].field("pattern") or given[0] if given else None
    if first is None or body is None:
        return False
    return any(name.text == first.text for name in body.below("identifier"))


def _of_enum(found: Binding | Node | None, name: str) -> Node | None:
    if not isinstance(found, Binding) or found.kind != "enum":
        return None
    for member in found.node.below("enum_assignment"):
        key = member.field("name") or member.children[0]
        if key.text == name:
            return member.field("value") or member.children[-1]
    return None


def _hole(node: Node, holes: list[Node]) -> str:
    holes.append(node)
    return f"\x01{len(holes) - 1}\x02"


def statements_in(texts: Texts, node: Node, names: Names) -> Iterator[Statement]:
    """The statements on tables that an expression's text holds."""
    text, holes = texts.flat(node)
    text = _COMMENT.sub(lambda match: " " * len(match[0]), text)
    for match in _INSERT.finditer(text):
        yield _insert(node, text, holes, match, names)
    for match in _UPDATE.finditer(text):
        if text[: match.start()].rstrip()[-2:].lower() != "do":
            yield _update(node, text, holes, match, names)


def _insert(node: Node, text: str, holes: list[Node], match: re.Match[str], names: Names) -> Statement:
    at, columns, pieces = match.end(), None, []
    listed: list[str] = []
    end = _end_of_statement(text, at)
    if text[at : at + 1] == "(":
        inner, at = _brackets(text, at)
        parts = [part.strip() for part, _ in _split(inner, 0)]
        listed = [part.strip('"`') for part in parts]
        columns = tuple(part for part in listed if not _HOLE.search(part))
        pieces = [holes[int(number)] for part in parts for number in _HOLE.findall(part)]
    elif (hole := _HOLE.match(text, at)) is not None:
        pieces, at = [holes[int(hole[1])]], hole.end()
    cell, offset = "", at
    position = next((i for i, name in enumerate(columns or ()) if names.is_token(name)), None)
    place = next(((i, len(listed) - 1 - i) for i, name in enumerate(listed) if names.is_token(name)), None)
    values = re.compile(r"\s*(?:overriding\s+\w+\s+value\s*)?(values|select)\s*", re.IGNORECASE).match(text, at)
    if position is not None and not pieces and values is not None:
        start = values.end()
        if values[1].lower() == "values" and text[start : start + 1] == "(":
            inner, _ = _brackets(text, start)
            cells = list(_split(inner, start + 1))
        else:
            cells = list(_split(re.split(r"\bfrom\b", text[start:end], maxsplit=1, flags=re.IGNORECASE)[0], start))
        is_put_together = len(cells) == 1 < len(columns or ()) and _HOLE.fullmatch(cells[0][0].strip()) is not None
        if position < len(cells) and not is_put_together:
            cell, offset = cells[position]
    rest = text[at:end]
    returning, conflict = _RETURNING.search(rest), _CONFLICT.search(rest)
    return Statement(
        node=node,
        is_insert=True,
        table=match[1],
        columns=columns,
        cell=cell.strip(),
        cell_offset=offset,
        pieces=tuple(pieces),
        returning=returning[1] if returning is not None else None,
        conflict=conflict[1].strip() if conflict is not None else None,
        text=text,
        holes=tuple(holes),
        place=place,
    )


def _update(node: Node, text: str, holes: list[Node], match: re.Match[str], names: Names) -> Statement:
    end = _end_of_statement(text, match.end())
    body = re.split(r"\b(?:where|from|returning)\b", text[match.end() : end], maxsplit=1, flags=re.IGNORECASE)[0]
    cell, offset, columns, pieces = "", match.end(), [], []
    for part, at in _split(body, match.end()):
        name, equals, value = part.partition("=")
        if not equals:
            pieces += [holes[int(number)] for number in _HOLE.findall(part)]
            continue
        columns.append(name.strip().strip('"`'))
        if names.is_token(columns[-1]):
            cell, offset = value.strip(), at + len(name) + 1
    returning = _RETURNING.search(text[match.end() : end])
    return Statement(
        node=node,
        is_insert=False,
        table=match[1],
        columns=tuple(columns),
        cell=cell,
        cell_offset=offset,
        pieces=tuple(pieces),
        returning=returning[1] if returning is not None else None,
        conflict=None,
        text=text,
        holes=tuple(holes),
    )


def _end_of_statement(text: str, at: int) -> int:
    end = text.find(";", at)
    return end if end >= 0 else len(text)


def _brackets(text: str, at: int) -> tuple[str, int]:
    """What stands in the brackets that open at an offset, and the offset behind them."""
    depth = 0
    for i in range(at, len(text)):
        depth += {"(": 1, ")": -1}.get(text[i], 0)
        if depth == 0:
            return text[at + 1 : i], i + 1
    return text[at + 1 :], len(text)


def _split(text: str, offset: int) -> Iterator[tuple[str, int]]:
    """The parts between commas that stand in no brackets or quotes, each with its offset."""
    depth, start, quote = 0, 0, ""
    for i, c in enumerate(text):
        if quote:
            quote = "" if c == quote else quote
        elif c in "'\"":
            quote = c
        elif c in "([":
            depth += 1
        elif c in ")]":
            depth -= 1
        elif c == "," and depth == 0:
            yield text[start:i], offset + start
            start = i + 1
    if text[start:].strip():
        yield text[start:], offset + start


def may_write(text: str) -> bool:
    """Whether a file's text can hold an INSERT or UPDATE."""
    return any(word in text for word in ("insert", "INSERT", "Insert", "update", "UPDATE", "Update"))


def statement_roots(module_nodes: list[Node]) -> list[Node]:
    """The expressions, as large as they are joined, that hold the text of an INSERT or UPDATE."""
    found: dict[tuple[int, int], Node] = {}
    for node in module_nodes:
        if node.end - node.start < _SHORTEST or not _WRITES.search(node.text):
            continue
        top = node
        while top.parent is not None and (
            top.parent.kind in WRAPPERS
            or (top.parent.kind == "binary_expression" and top.parent.operator == "+")
            or (top.parent.kind == "array" and _is_joined(top.parent))
        ):
            top = top.parent
        if top.kind == "array" and top.parent is not None and top.parent.parent is not None:
            top = top.parent.parent
        found[top.start, top.end] = top
    return list(found.values())


def _is_joined(array: Node) -> bool:
    above = array.parent
    if above is None or above.kind != "member_expression" or member_name(above) != "join":
        return False
    return above.parent is not None and above.parent.kind == "call_expression"


def is_default(cell: str) -> bool:
    """Whether a cell says DEFAULT."""
    return cell.strip().lower() == "default"


def values_of(program: Program, node: Node, depth: int = 0) -> Iterator[tuple[Node, list[Node]]]:
    """Where a statement's text is used: the call, and the expressions that hold its values.

    Of a tagged template there are none: its values are its holes.
    """
    node = outermost(node)
    above = node.parent
    if above is None or depth > 5:
        return
    if above.kind == "call_expression" and above.field("arguments") is node:
        yield above, []
        yield from values_of_fragment(program, above, depth)
    elif above.kind == "arguments" and above.parent is not None:
        position = next((i for i, given in enumerate(above.children) if given.start == node.start), 0)
        yield above.parent, above.children[position + 1 :]
    elif above.kind == "pair" and above.parent is not None:
        yield from _values_in_object(program, above, depth)
    elif above.kind in ("variable_declarator", "assignment_expression", FIELD):
        for use in _uses(program, above):
            yield from values_of(program, use, depth + 1)
    elif above.kind in ("return_statement", "arrow_function"):
        function = (
            above if above.kind == "arrow_function" else next((a for a in above.above() if a.field("body")), None)
        )
        for call in program.calls_of(function) if function is not None else ():
            yield from values_of(program, call, depth + 1)


def values_of_fragment(program: Program, call: Node, depth: int) -> Iterator[tuple[Node, list[Node]]]:
    """A tagged template that is handed on: `db.execute(sql..)`, `pool.one(sql..)`."""
    above = call.parent
    if above is not None and above.kind == "arguments" and above.parent is not None and depth < 2:
        yield above.parent, []


def _values_in_object(program: Program, pair: Node, depth: int) -> Iterator[tuple[Node, list[Node]]]:
    holder, key = pair.parent, key_of(pair)
    assert holder is not None
    beside = [
        value
        for child in holder.children
        if key_of(child) in _VALUE_KEYS
        and (value := child.field("value") if child.kind == "pair" else child) is not None
    ]
    if beside or key in _TEXT_KEYS:
        call = next((above for above in holder.above() if above.kind == "call_expression"), holder)
        later = [given for given in arguments(call) if given.start > holder.end]
        yield call, [*beside, *later]
        return
    for module in program.mentioning(key or "\x00"):
        for node in module.parsed.named(key or ""):
            above = node.parent
            if above is None or above.kind != "member_expression" or above.field("property") is not node:
                continue
            owner = above.field("object")
            if owner is not None and holder in program.things(owner):
                yield from values_of(program, above, depth + 1)


def _uses(program: Program, declared: Node) -> Iterator[Node]:
    name = declared.field("name") or declared.field("left")
    if name is None:
        return
    if declared.kind == FIELD or name.kind == "member_expression":
        said = (member_name(name) if name.kind == "member_expression" else name.text) or ""
        for node in declared.file.named(said.lstrip("#")):
            if node.parent is not None and node.parent.kind == "member_expression" and node.parent is not name:
                yield node.parent
        return
    binding = program.of(name).resolve(name)
    for use in program.references(binding) if binding is not None else ():
        is_member = use.parent is not None and use.kind == "property_identifier"
        yield use.parent if is_member and use.parent is not None else use
