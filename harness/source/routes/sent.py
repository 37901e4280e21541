"""Follows what is stored in a column back to the field of the body that it was sent in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.source.app.steps import TOKEN
from harness.source.javascript.functions import member_name
from harness.source.javascript.literals import key_of
from harness.source.javascript.modules import ELEMENT, Binding
from harness.source.javascript.syntax import MEMBERS, Node, arguments, unwrapped

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.source.app.names import Names
    from harness.source.javascript.modules import AccessPath
    from harness.source.javascript.program import Program
    from harness.source.routes.bodies import Bodies

_KEEPS = ("trim", "trimStart", "trimEnd", "toString", "normalize")
_DEEPEST = 10


@dataclass(frozen=True, slots=True)
class Sent:
    """Tells the fields of the body that an expression is; `names` are those of the column."""

    program: Program
    bodies: Bodies
    names: Names

    def fields(self, node: Node, path: AccessPath, depth: int = 0) -> Iterator[str]:
        """The fields that the member at a path may be."""
        node = unwrapped(node)
        if depth > _DEEPEST:
            return
        if (rest := self._of_whole(node, path)) is not None:
            if len(rest) == 1 and rest[0] != TOKEN:
                yield rest[0]
            return
        if node.kind == "object" and path:
            yield from self._of_object(node, path, depth)
        elif node.kind == "array" and path:
            at = (
                node.children[:1]
                if path[0] == ELEMENT
                else node.children[int(path[0]) :][:1]
                if path[0].isdecimal()
                else []
            )
            for one in at:
                yield from self.fields(one, path[1:], depth + 1)
        elif node.kind in ("identifier", "shorthand_property_identifier"):
            yield from self._of_name(node, path, depth)
        elif node.kind in MEMBERS:
            owner, name = node.field("object"), member_name(node)
            if owner is not None and name is not None:
                yield from self.fields(owner, (name, *path), depth + 1)
        elif node.kind == "call_expression" and not path:
            yield from self._of_call(node, depth)

    def _of_whole(self, node: Node, path: AccessPath) -> AccessPath | None:
        """The path into the body, where an expression is that, or what a schema made of it; None of any other."""
        if node.kind != "identifier" and self.bodies.is_body(node):
            return path
        callee = node.field("function") if node.kind == "call_expression" else None
        name = member_name(callee) if callee is not None and callee.kind in MEMBERS else None
        if name is None or not any(self.bodies.is_body(one) for one in arguments(node)[:1]):
            return None
        if name in ("safeParse", "safeParseAsync"):
            return path[1:] if path[:1] == ("data",) else None
        return path if name in ("parse", "parseAsync") else None

    def _of_object(self, node: Node, path: AccessPath, depth: int) -> Iterator[str]:
        for child in node.children:
            key = key_of(child) if child.kind != "spread_element" else None
            is_meant = self.names.is_token(key, of_table=True) if path[0] == TOKEN else key == path[0]
            value = child.field("value") if child.kind == "pair" else child
            if key is not None and is_meant and value is not None:
                yield from self.fields(value, path[1:], depth + 1)

    def _of_name(self, node: Node, path: AccessPath, depth: int) -> Iterator[str]:
        found = self.program.resolver.meaning(node)
        if not isinstance(found, Binding) or found.assigned:
            return
        if found.kind == "var" and found.value is not None:
            yield from self.fields(found.value, (*found.path, *path), depth + 1)
        elif found.kind == "param" and found.function is not None:
            if any(child.kind == "decorator" and child.text.startswith("@Body(") for child in found.node.children):
                yield from [*found.path, *path][:1] if len(found.path) + len(path) == 1 else []
            for call in self.program.calls_of(found.function):
                for given in arguments(call)[found.index : found.index + 1]:
                    yield from self.fields(given, (*found.path, *path), depth + 1)

    def _of_call(self, node: Node, depth: int) -> Iterator[str]:
        callee = node.field("function")
        if callee is not None and callee.kind in MEMBERS and member_name(callee) in _KEEPS:
            owner = callee.field("object")
            if owner is not None:
                yield from self.fields(owner, (), depth + 1)
        elif callee is not None and callee.text == "String" and arguments(node):
            yield from self.fields(arguments(node)[0], (), depth + 1)
