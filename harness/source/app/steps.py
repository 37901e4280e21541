"""The steps by which a value is followed back: to an expression, a path into what it holds, and the calls made."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from harness.source.javascript.modules import ELEMENT, AccessPath
from harness.source.javascript.syntax import Node

if TYPE_CHECKING:
    from collections.abc import Iterable

    from harness.source.app.names import Names

TOKEN = "*token*"  # in a path: the token column, by any of its names


@dataclass(frozen=True, slots=True)
class Frame:
    """A call that a function was entered by: what its parameters stand for."""

    function: Node
    call: Node
    outer: Frame | None

    def of(self, function: Node) -> Frame | None:
        """The frame of a function, this one or one around it."""
        entered: Frame | None = self
        while entered is not None and entered.function is not function:
            entered = entered.outer
        return entered


@dataclass(frozen=True, slots=True)
class Step:
    """A value is what this expression, or the member of it at a path, has."""

    node: Node
    path: AccessPath
    frame: Frame | None


# Where a value may come from, the most likely first: further steps, or the very expression that makes it.
Steps: TypeAlias = Iterator[Step | Node]


def steps_to(nodes: Iterable[Node | None], path: AccessPath, frame: Frame | None) -> Iterator[Step]:
    """A step to each of some expressions."""
    return (Step(node, path, frame) for node in nodes if node is not None)


def is_element(step: str) -> bool:
    """Whether a step of a path leads to an element of a list: any, or the one at a place."""
    return step == ELEMENT or step.isdecimal()


def is_step(names: Names, name: str | None, step: str) -> bool:
    """Whether a member by a name is the one that a path names."""
    if step == TOKEN:
        return names.is_token(name, of_table=True)
    return name == step or (name is not None and step == ELEMENT and name.isdecimal())
