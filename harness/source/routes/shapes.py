"""What an expression of an answer holds, as JSON: objects, rows that were just stored, and members by their names."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from harness.source.javascript.functions import member_name, returns
from harness.source.javascript.literals import key_of
from harness.source.javascript.modules import ELEMENT, Binding
from harness.source.javascript.syntax import MEMBERS, Node, arguments, unwrapped

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from harness.source.app.write import Write
    from harness.source.javascript.program import Program

_DEEPEST = 14
# What stands between a call that stores a row and the row: of pg, of Supabase, of Sequelize, of arrays.
_WAYS_TO_A_ROW = frozenset((ELEMENT, "0", "rows", "data", "dataValues", "raw"))
_CARRY = frozenset(("toJSON", "get", "toObject", "at", "first", "shift", "pop", "then"))


@dataclass(frozen=True, slots=True)
class Row:
    """A row that a write has stored and that came back."""

    write: Write


@dataclass(frozen=True, slots=True)
class Leaf:
    """A value of which only the name is known by which it is taken out of something."""

    name: str


@dataclass(frozen=True, slots=True)
class Made:
    """An object: its members by their names, and the rows that are spread into it."""

    members: dict[str, Shape] = field(default_factory=dict)
    rows: tuple[Row, ...] = ()
    is_whole: bool = True


Shape = Row | Leaf | Made | None


@dataclass(slots=True)
class Shapes:
    """Tells shapes; `writes` are the places that store a row of the table."""

    program: Program
    writes: Sequence[Write]
    _asked: set[Node] = field(default_factory=set)

    def of(self, node: Node, depth: int = 0) -> Shape:
        """The shape of an expression; None where nothing is known of it."""
        node = unwrapped(node)
        if depth > _DEEPEST or node in self._asked:
            return None
        self._asked.add(node)
        try:
            return self._of(node, depth + 1)
        finally:
            self._asked.discard(node)

    def _of(self, node: Node, depth: int) -> Shape:
        if node.kind == "object":
            return self._object(node, depth)
        if node.kind in ("identifier", "shorthand_property_identifier"):
            return self._named(node, depth)
        if node.kind in MEMBERS:
            owner, name = node.field("object"), member_name(node)
            if owner is None or name is None:
                return None
            return self._member(self.of(owner, depth), name)
        if node.kind == "call_expression":
            return self._called(node, depth)
        if node.kind == "new_expression":
            return Row(write) if (write := self._stored_by(node)) is not None else None
        return None

    def _object(self, node: Node, depth: int) -> Shape:
        members: dict[str, Shape] = {}
        rows: list[Row] = []
        is_whole = True
        for child in node.children:
            if child.kind == "spread_element":
                spread = self.of(child.children[0], depth)
                if isinstance(spread, Made):
                    members |= spread.members
                    rows += spread.rows
                elif isinstance(spread, Row):
                    rows.append(spread)
                else:
                    is_whole = False
                continue
            key = key_of(child)
            value = child.field("value") if child.kind == "pair" else child
            if key is not None and value is not None:
                members[key] = self.of(value, depth)
        return Made(members, tuple(rows), is_whole)

    def _named(self, node: Node, depth: int) -> Shape:
        found = self.program.resolver.meaning(node)
        if not isinstance(found, Binding) or found.kind != "var" or found.value is None:
            return None
        if found.assigned:
            shapes = [self._along(self.of(value, depth), path) for value, path in found.assigned]
            if found.value.kind not in ("undefined", "null"):
                shapes.append(self._along(self.of(found.value, depth), found.path))
            return _agreed(shapes)
        return self._along(self.of(found.value, depth), found.path)

    def _along(self, shape: Shape, path: Sequence[str]) -> Shape:
        for step in path:
            shape = self._member(shape, step)
        return shape

    def _member(self, shape: Shape, name: str) -> Shape:
        if isinstance(shape, Row) and name in _WAYS_TO_A_ROW:
            return shape
        if isinstance(shape, Made) and name in shape.members:
            return shape.members[name]
        return None if name == ELEMENT else Leaf(name)

    def _called(self, node: Node, depth: int) -> Shape:
        callee = node.field("function")
        if (write := self._stored_by(node)) is not None:
            return Row(write)
        if callee is None:
            return None
        functions = self.program.objects.functions(callee)
        if functions:
            return _agreed([shape for f in functions for shape in self._returned(f, depth)])
        name = member_name(callee) if callee.kind in MEMBERS else None
        owner = callee.field("object") if callee.kind in MEMBERS else None
        if name in _CARRY and owner is not None:
            shape = self.of(owner, depth)
            return shape if isinstance(shape, (Row, Made)) else None
        return None

    def _returned(self, function: Node, depth: int) -> Iterator[Shape]:
        for value in returns(function):
            inner = unwrapped(value)
            if inner.kind in ("null", "undefined", "false") or inner.text == "undefined":
                continue
            yield self.of(inner, depth)

    def _stored_by(self, node: Node) -> Write | None:
        """The write that a call is, or is a part of the chain of: `db.insert(t).values(row).returning()`."""
        for write in self.writes:
            for run in (write.node, *write.run_at):
                if run is node or (run.file is node.file and _is_chain_of(node, run)):
                    return write
        return None


def _is_chain_of(node: Node, run: Node) -> bool:
    """Whether a call ends the chain of methods that another one begins, or is given it as its statement."""
    inner: Node | None = node
    while inner is not None:
        if inner is run:
            return True
        if inner.kind == "call_expression":
            if any(unwrapped(one) is run for one in arguments(inner)):
                return True
            inner = inner.field("function")
        elif inner.kind in MEMBERS:
            owner = inner.field("object")
            inner = unwrapped(owner) if owner is not None else None
        else:
            inner = unwrapped(inner) if unwrapped(inner) is not inner else None
    return False


def _agreed(shapes: list[Shape]) -> Shape:
    """The one shape that all are; None where they differ."""
    return shapes[0] if shapes and all(shape == shapes[0] for shape in shapes) else None
