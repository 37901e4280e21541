"""Puts texts together as code does: literals, templates, sums, what is joined, and the constants in them.

What is not text is a hole: a value, or a piece that is not known.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from harness.source.javascript.functions import member_name, parameters, returns
from harness.source.javascript.literals import literal, unescaped
from harness.source.javascript.modules import Binding
from harness.source.javascript.syntax import FUNCTIONS, MEMBERS, Node, arguments, outermost, unwrapped

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.source.javascript.program import Program

HOLE = re.compile("\x01(\\d+)\x02")
_MARKS = str.maketrans("", "", "\x01\x02")
_NAMES = ("identifier", *MEMBERS)
_TEXTS = ("string", "template_string", "number", "binary_expression", "call_expression")
_TRIMS: dict[str, Callable[[str], str]] = {
    "trim": str.strip,
    "trimStart": str.lstrip,
    "trimEnd": str.rstrip,
    "toString": str,
}
_BEGINS = re.compile(r"\s*(?:insert|update|merge|with)\b", re.IGNORECASE)
_DEEPEST = 8
_MOST_PARTS = 60  # that are put behind one text
_SHORT = 8  # characters: a constant that holds but these and a hole is a value rather than a text


class Texts:
    """Puts the texts of a program together.

    `piece` tells the text that a name or a call stands for by means that only its caller knows, such as the name of a
    table that is defined elsewhere, and None where it stands for none. It is given the depth to ask further texts with.
    """

    def __init__(self, program: Program, piece: Callable[[Texts, Node, int], str | None]) -> None:
        self._program = program
        self._piece = piece

    def constant(self, node: Node, depth: int = 0) -> str | None:
        """The text that an expression always has, as far as it can be told."""
        text, holes = self.flat(node, depth)
        return text if not holes else None

    def flat(self, node: Node, depth: int = 0) -> tuple[str, list[Node]]:
        """An expression's text, with a mark for each hole, and the holes."""
        holes: list[Node] = []
        return self._flat(node, holes, depth), holes

    def whole(self, node: Node) -> tuple[str, list[Node]]:
        """The same with all that is put behind it later: by `.append(..)`, and by `+=` to the name that it is given."""
        holes: list[Node] = []
        text = self._flat(node, holes, 0)
        node = outermost(node)
        if (tagged := node.parent) is not None and tagged.field("arguments") is node:
            node = outermost(tagged)
        appended, node = _appended(node)
        held = node.parent
        name = held.field("name") if held is not None and held.kind == "variable_declarator" else None
        binding = self._program.files.of(node).resolve(name) if name is not None and name.kind == "identifier" else None
        if binding is not None:
            later = [part for value, _ in binding.assigned for part in _added_to(value, binding)]
            for given in binding.added:
                call = given.parent.parent if given.parent is not None else None
                callee = call.field("function") if call is not None else None
                if call is not None and callee is not None and member_name(callee) == "append":
                    later += [given, *_appended(call)[0]]
            appended += sorted(later, key=lambda part: part.start)
        for part in appended[:_MOST_PARTS]:
            text += (
                self._flat(part, holes, 1) if _either(unwrapped(part)) is None else self._substituted(part, holes, 1)
            )
        return text, holes

    def _flat(self, node: Node, holes: list[Node], depth: int) -> str:
        node = unwrapped(node)
        if depth > _DEEPEST:
            return _hole(node, holes)
        if node.kind in ("string", "number"):
            return (literal(node) or "").translate(_MARKS)
        if node.kind == "template_string":
            return self._template(node, holes, depth)
        if node.kind == "binary_expression" and node.operator == "+":
            parts = _summands(node)
            if all(part.kind == "number" for part in parts):
                return _hole(node, holes)
            return "".join([self._flat(part, holes, depth) for part in parts])
        if node.kind in _NAMES:
            return self._named(node, holes, depth)
        if node.kind == "call_expression":
            return self._called(node, holes, depth)
        return _hole(node, holes)

    def _named(self, node: Node, holes: list[Node], depth: int) -> str:
        value = self._program.objects.resolved(node)
        if value.kind in _TEXTS:
            inner: list[Node] = []
            text = self._flat(value, inner, depth + 1)
            if is_tagged(value) or (value.kind != "call_expression" and (len(text) > _SHORT or not inner)):
                return HOLE.sub(lambda match: _hole(inner[int(match[1])], holes), text)
            if not inner:
                return text
            if value.kind == "call_expression" and (said := self._piece(self, value, depth)) is not None:
                return said
        said = self._piece(self, node, depth)
        return _hole(node, holes) if said is None else said

    def _template(self, node: Node, holes: list[Node], depth: int) -> str:
        out, at = [], node.start + 1
        text = node.file.text
        for child in node.children:
            if child.kind == "template_substitution":
                out.append(unescaped(text[at : child.start]).translate(_MARKS))
                if child.children:
                    out.append(self._substituted(child.children[0], holes, depth))
                at = child.end
        out.append(unescaped(text[at : node.end - 1]).translate(_MARKS))
        return "".join(out)

    def _substituted(self, node: Node, holes: list[Node], depth: int) -> str:
        node = unwrapped(node)
        if node.kind in _NAMES:
            return self._flat(node, holes, depth + 1)
        if node.kind == "template_string" or _joins(node) or is_tagged(node):
            return self._flat(node, holes, depth)
        if (parts := _either(node)) is not None:  # owner ? sql`, owner` : sql``: what says most
            made: list[list[Node]] = [[] for _ in parts]
            texts = [self._flat(part, inner, depth + 1) for part, inner in zip(parts, made, strict=True)]
            text, inner = max(zip(texts, made, strict=True), key=lambda one: len(one[0]))
            return HOLE.sub(lambda match: _hole(inner[int(match[1])], holes), text)
        said = self._piece(self, node, depth)
        callee = node.field("function") if said is None else None
        if callee is not None and (answered := self._made(callee)) is not None:
            return self._flat(answered, holes, depth + 1)
        said = self.constant(node, depth + 1) if said is None else said
        return _hole(node, holes) if said is None else said

    def _called(self, node: Node, holes: list[Node], depth: int) -> str:
        callee, given = node.field("function"), node.field("arguments")
        if callee is not None and given is not None and given.kind == "template_string":  # sql`..`
            return self._template(given, holes, depth + 1)
        if callee is not None and (made := self._made(callee)) is not None:
            return self._flat(made, holes, depth + 1)
        if callee is not None and _joins(node) and (text := self._joined(node, callee, holes, depth)) is not None:
            return text
        if callee is None or callee.kind != "member_expression":
            return _hole(node, holes)
        owner, name = callee.field("object"), member_name(callee)
        if owner is not None and name in _TRIMS:
            return _TRIMS[name](self._flat(owner, holes, depth + 1))
        return _hole(node, holes)

    def _made(self, callee: Node) -> Node | None:
        """The part of a statement that a function of the app answers."""
        answers = [value for function in self._program.objects.functions(callee) for value in returns(function)]
        return answers[0] if len(answers) == 1 and is_tagged(unwrapped(answers[0])) else None

    def _joined(self, node: Node, callee: Node, holes: list[Node], depth: int) -> str | None:
        """Of a list that is joined: `parts.join(", ")`, and `join(parts)` or `sql.join(parts, ", ")` of a library."""
        owner, given = callee.field("object"), arguments(node)
        listed = self._parts(owner) if owner is not None else None
        if listed is None and given:
            listed, *given = self._parts(given[0]), *given[1:]
            given = given or [node]
            between = ", " if given[0] is node else self.constant(given[0], depth + 1)
        else:
            between = self.constant(given[0], depth + 1) if given else ","
        if listed is None or between is None:
            return None
        parts = [
            self._substituted(child, holes, depth + 1)
            if unwrapped(child).kind == "call_expression"
            else self._flat(child, holes, depth + 1)
            for child in listed
        ]
        is_whole = bool(parts) and _BEGINS.match(parts[0]) is not None  # parts of a statement, and no list in it
        return (" " if is_whole and between == ", " else between).join(parts)

    def _parts(self, node: Node) -> list[Node] | None:
        """The elements of an array; of what is mapped to texts, one of them for all."""
        if (listed := self.elements(node)) is not None:
            return listed
        callee = node.field("function") if node.kind == "call_expression" else None
        made = arguments(node)[:1] if callee is not None and member_name(callee) == "map" else []
        answers = [value for function in made if function.kind in FUNCTIONS for value in returns(function)]
        return answers[-1:] if answers and is_tagged(unwrapped(answers[-1])) else None

    def elements(self, node: Node, depth: int = 0) -> list[Node] | None:
        """The elements of an array, with those that are pushed to it later; what cannot be spread is left as it is."""
        node = unwrapped(node)
        if depth > _DEEPEST:
            return None
        if node.kind == "array":
            found: list[Node] = []
            for child in node.children:
                inner = self.elements(child, depth + 1) if child.kind == "spread_element" else None
                found += inner if inner is not None else [child]
            return found
        if node.kind in ("identifier", "shorthand_property_identifier"):
            held = self._program.resolver.meaning(node)
            if not isinstance(held, Binding) or held.kind != "var" or held.path or held.value is None or held.assigned:
                return None
            listed = self.elements(held.value, depth + 1)
            return [*listed, *held.added] if listed is not None else None
        if node.kind in MEMBERS:  # Repo.COLUMNS
            held_there = self._program.objects.resolved(node)
            return self.elements(held_there, depth + 1) if held_there.kind == "array" else None
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


def _hole(node: Node, holes: list[Node]) -> str:
    holes.append(node)
    return f"\x01{len(holes) - 1}\x02"


def _summands(node: Node) -> list[Node]:
    """What is added up, however many: a statement of a line for each column has many."""
    found: list[Node] = []
    todo = [node]
    while todo:
        one = unwrapped(todo.pop())
        if one.kind == "binary_expression" and one.operator == "+":
            todo += reversed(one.children)
        else:
            found.append(one)
    return found


def is_tagged(node: Node) -> bool:
    """Whether an expression is a template with a tag, such as a part of a statement."""
    given = node.field("arguments") if node.kind == "call_expression" else None
    return given is not None and given.kind == "template_string"


def _joins(node: Node) -> bool:
    callee = node.field("function") if node.kind == "call_expression" else None
    name = member_name(callee) if callee is not None and callee.kind == "member_expression" else None
    return callee is not None and (name or callee.text) in ("join", "glue")


def _either(node: Node) -> list[Node] | None:
    """The parts of a statement of which one is chosen; None where the alternatives are values."""
    if node.kind != "ternary_expression" and (node.kind != "binary_expression" or node.operator != "&&"):
        return None
    parts = [unwrapped(part) for part in node.children[1:]]
    is_part = all(part.kind in ("string", "template_string") or is_tagged(part) for part in parts)
    return parts if is_part else None


def _appended(node: Node) -> tuple[list[Node], Node]:
    """What is appended to a text in a chain, and the whole chain."""
    found: list[Node] = []
    while (member := node.parent) is not None and member.kind == "member_expression" and member.field("object") is node:
        call = member.parent
        if call is None or call.field("function") is not member or member_name(member) != "append":
            break
        found += arguments(call)
        node = outermost(call)
    return found, node


def _added_to(value: Node, binding: Binding) -> list[Node]:
    """What is put behind the text that a name has: `text += more`, `text = text + more`."""
    above = value.parent
    if above is not None and above.kind == "augmented_assignment_expression":
        return [value]
    first, *more = _summands(unwrapped(value))
    return more if more and first.text == binding.name else []


def _keeps_names(made: Node) -> bool:
    """Whether a function that a list of columns is mapped by quotes each; one that counts them makes `$1`, `$2`."""
    if made.kind not in FUNCTIONS:
        return True
    given, body = parameters(made), made.field("body")
    first = given[0].field("pattern") or given[0] if given else None
    if first is None or body is None:
        return False
    if any((at := one.field("index")) is not None and at.text == first.text for one in body.below(*MEMBERS)):
        return False  # row[column]
    return any(name.text == first.text for name in body.below("identifier"))
