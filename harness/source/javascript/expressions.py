"""Chains of calls such as `knex.schema.alterTable(..)`, in the form that `harness.source.language` says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.source.javascript.functions import parameter_names
from harness.source.javascript.syntax import FUNCTIONS, Node, place_of, unwrapped

if TYPE_CHECKING:
    from harness.source.checkout import Place
    from harness.source.javascript.values import Values

_BEGINNINGS = ("identifier", "this", "super", "import")


@dataclass(frozen=True, slots=True)
class Expression:
    """An expression, and what evaluates it."""

    node: Node
    values: Values

    def text(self) -> str | None:
        """The text that it makes, None where that is not known."""
        return self.values.text(self.node)

    def value(self) -> object:
        """Its value, as `Values.of` has it."""
        return self.values.of(self.node)

    def resolved(self) -> Node:
        """What it always stands for."""
        return self.values.program.objects.resolved(self.node)

    def function(self) -> Function | None:
        """The function of the app that it is, None where it is none."""
        node = self.resolved()
        return Function(node, self.values) if node.kind in FUNCTIONS else None


@dataclass(frozen=True, slots=True)
class Function:
    """A function that is handed to a call."""

    node: Node
    values: Values

    @property
    def parameters(self) -> list[str]:
        """The names of its parameters."""
        return parameter_names(self.node)

    def calls(self) -> list[list[Link]]:
        """The outermost calls in it, in the order of the text; those that do not begin with a name are empty."""
        found: list[list[Link]] = []

        def look(node: Node) -> None:
            if node.kind == "call_expression":
                found.append(chain(self.values, node))
                return
            for child in node.children:
                look(child)

        body = self.node.field("body")
        if body is not None:
            look(body)
        return found


@dataclass(frozen=True, slots=True)
class Link:
    """One part of a chain: its name and the node of that, its arguments, and the chain as far as this part.

    Of a tagged template the one argument is the template.
    """

    name: str
    at: Node
    args: tuple[Expression, ...] | None
    node: Node

    @property
    def place(self) -> Place:
        """Where the chain begins, with all of it as far as this part in one line."""
        return place_of(self.node)


def chain(values: Values, node: Node) -> list[Link]:
    """The parts of `a.b(c).d(e)`, first to last; [] where it begins with something else than a name."""
    links: list[Link] = []
    node = unwrapped(node)
    while True:
        args: tuple[Expression, ...] | None = None
        whole = node
        if node.kind == "call_expression":
            listed, function = node.field("arguments"), node.field("function")
            if listed is None or function is None:
                return []
            given = listed.children if listed.kind == "arguments" else [listed]
            args = tuple(Expression(one, values) for one in given)
            node = function
        if node.kind == "member_expression":
            name, owner = node.field("property"), node.field("object")
            if name is None or owner is None:
                return []
            links.append(Link(name.text, name, args, whole))
            node = owner
        elif node.kind in _BEGINNINGS:
            links.append(Link(node.text, node, args, whole))
            return links[::-1]
        elif node.kind != "call_expression":
            return []
