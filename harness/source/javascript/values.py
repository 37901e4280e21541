"""Evaluates expressions of JavaScript as far as reading them tells: texts, numbers, lists, objects."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.source.checkout import in_one_line
from harness.source.javascript.functions import returned
from harness.source.javascript.literals import key_of
from harness.source.javascript.syntax import unwrapped
from harness.source.javascript.texts import Texts
from harness.source.language import Opaque

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from harness.source.javascript.program import Program
    from harness.source.javascript.syntax import Node

_NAMES = ("identifier", "shorthand_property_identifier")
_DEEPEST = 8


class Values:
    """Evaluates expressions of a program.

    `made` tells the value that a library gives a call or a `new`, and None where it gives none; `text_of` the text that
    such a value is within a template, and None where it is none.
    """

    def __init__(
        self,
        program: Program,
        made: Callable[[Values, Node], object | None],
        text_of: Callable[[object], str | None],
    ) -> None:
        self.program = program
        self._made = made
        self._text_of = text_of
        self._texts = Texts(program, self._piece)
        self._asked: set[Node] = set()  # what is being evaluated: code may name itself

    def _piece(self, _texts: Texts, node: Node, _depth: int) -> str | None:
        return self._text_of(self.of(node))

    def text(self, node: Node) -> str | None:
        """The text that an expression makes, None where that is not known."""
        return self._texts.constant(node)

    def of(self, node: Node) -> object:
        """The value of an expression: text, number, True, False, None, list, dict, what `made` tells, or `Opaque`."""
        node = unwrapped(node)
        if node.kind in _NAMES and (listed := self._texts.elements(node)) is not None:
            return self._list(listed)  # with what is pushed to it later
        node = self.program.objects.resolved(node)
        if node in self._asked:
            return Opaque(in_one_line(node.text))
        self._asked.add(node)
        try:
            return self._of(node)
        finally:
            self._asked.discard(node)

    def _of(self, node: Node) -> object:
        kind = node.kind
        if kind in ("true", "false"):
            return kind == "true"
        if kind in ("null", "undefined"):
            return None
        if kind == "number":
            return int(node.text) if node.text.isdecimal() else Opaque(node.text)
        if kind == "array":
            return self._list(self._texts.elements(node) or [])
        if kind == "object":
            return {key: self.of(value) for key, value in self.pairs(node)}
        if kind in ("call_expression", "new_expression"):
            made = self._made(self, node)
            if made is not None:
                return made
        text = self.text(node)
        return Opaque(in_one_line(node.text)) if text is None else text

    def _list(self, nodes: list[Node]) -> list[object]:
        found: list[object] = []
        for node in nodes:
            value = self.of(node)
            found += value if node.kind == "spread_element" and isinstance(value, list) else [value]
        return found

    def pairs(self, node: Node, depth: int = 0) -> Iterator[tuple[str, Node]]:
        """The keys of an object with the nodes of their values; what is spread into it is looked up."""
        for child in node.children:
            if child.kind == "pair":
                value = child.field("value")
                if value is not None:
                    yield self._key(child), value
            elif child.kind in ("shorthand_property_identifier", "method_definition"):
                yield self._key(child), child
            elif child.kind == "spread_element" and depth < _DEEPEST:
                spread = self.program.objects.resolved(child)
                spread = returned(spread) or spread
                if spread.kind == "object":
                    yield from self.pairs(spread, depth + 1)

    def _key(self, child: Node) -> str:
        known = key_of(child)
        name = child.field("key") or child.field("name") if known is None else None
        return known or (self.text(name.children[0]) if name is not None and name.children else None) or ""
