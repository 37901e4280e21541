"""Chains of calls such as `knex.schema.alterTable(..)`, taken apart into their links."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.source.javascript.syntax import unwrapped

if TYPE_CHECKING:
    from harness.source.javascript.syntax import Node

_BEGINNINGS = ("identifier", "this", "super", "import")


@dataclass(frozen=True, slots=True)
class Link:
    """One part of a chain such as `a.b(c)`: its name, and its arguments, None where it is not called.

    `node` is the chain as far as this link, and `at` the node of the name. Of a tagged template the one argument is the
    template.
    """

    name: str
    args: list[Node] | None
    node: Node
    at: Node


def chain(node: Node) -> list[Link]:
    """The parts of `a.b(c).d(e)`, first to last; [] where it begins with something else than a name."""
    links: list[Link] = []
    node = unwrapped(node)
    while True:
        args: list[Node] | None = None
        whole = node
        if node.kind == "call_expression":
            listed, function = node.field("arguments"), node.field("function")
            if listed is None or function is None:
                return []
            args = list(listed.children) if listed.kind == "arguments" else [listed]
            node = function
        if node.kind == "member_expression":
            name, owner = node.field("property"), node.field("object")
            if name is None or owner is None:
                return []
            links.append(Link(name.text, args, whole, name))
            node = owner
        elif node.kind in _BEGINNINGS:
            links.append(Link(node.text, args, whole, node))
            return links[::-1]
        elif node.kind != "call_expression":
            return []
