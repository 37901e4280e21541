"""Finds expressions of a shape: `crypto.randomUUID($A)`, in which `$A` stands for one expression and `$$$A` for any."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from harness.source.checkout import SourceFile
from harness.source.javascript.syntax import parse

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from harness.source.javascript.syntax import Node, Parsed


def found_by(parsed: Parsed, patterns: Iterable[str]) -> Iterator[tuple[int, int]]:
    """The offsets of the nodes that one of some patterns finds, each node once."""
    shapes = [shape_of(pattern) for pattern in patterns]
    for kind in dict.fromkeys(shape.kind for shape in shapes):
        alike = [shape for shape in shapes if shape.kind == kind]
        for node in parsed.of_kind(kind):
            if any(_fits(shape, node) for shape in alike):
                yield node.start, node.end


@cache
def shape_of(pattern: str) -> Node:
    """The expression that a pattern is.

    Raises:
        ValueError: it is none.
    """
    parsed = parse(SourceFile("pattern.tsx", pattern))
    statements = parsed.root.children
    if parsed.errors or len(statements) != 1 or len(statements[0].children) != 1:
        raise ValueError(f"{pattern!r} is not an expression")
    return statements[0].children[0]


def _fits(shape: Node, node: Node) -> bool:
    if shape.text.startswith("$") and not shape.children:
        return True
    if shape.kind != node.kind or shape.operator != node.operator:
        return False
    if not shape.children:
        return not node.children and shape.text == node.text
    rest = shape.children[-1].text.startswith("$$$")
    wanted = shape.children[:-1] if rest else shape.children
    if len(node.children) < len(wanted) or (len(node.children) > len(wanted) and not rest):
        return False
    return all(_fits(one, other) for one, other in zip(wanted, node.children, strict=False))
