"""Follows a value back to where it is made: is what reaches this place a random value of the app's own?

From a place that is written to, through names, members, calls, parameters and returns, across files, until an
expression is met that makes a random value. Demand-driven: only what leads to the place is looked at. Where a value
cannot be followed, it ends there and nothing is claimed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.source.app.bindings import Bindings
from harness.source.app.results import Results
from harness.source.app.steps import TOKEN, Frame, Step, Steps, is_step, steps_to
from harness.source.javascript.functions import class_around, member_name, returns
from harness.source.javascript.modules import ELEMENT, AccessPath
from harness.source.javascript.syntax import FUNCTIONS, MEMBERS, Node, unwrapped

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.source.app.names import Names
    from harness.source.app.rules import Generators
    from harness.source.javascript.program import Program

_DEEPEST = 60
_LONGEST_PATH = 8
_MOST_ORIGINS = 12
_COMPARING = frozenset(("==", "===", "!=", "!==", "<", ">", "<=", ">=", "in", "instanceof"))
_CHOOSING = ("||", "&&", "??")
_CALCULATING = ("+", "-", "~")


class Flow:
    """Follows values back through a program."""

    def __init__(self, program: Program, generators: Generators, names: Names) -> None:
        self._program = program
        self._generators = generators
        self._names = names
        self._bindings = Bindings(program, generators, names)
        results = Results(program, generators, names, self._bindings)
        self._steps: dict[str, Callable[[Node, AccessPath, Frame | None], Steps]] = {
            "binary_expression": self._of_binary,
            "unary_expression": self._of_unary,
            "ternary_expression": self._of_ternary,
            "sequence_expression": self._of_sequence,
            "assignment_expression": self._of_assignment,
            "augmented_assignment_expression": self._of_assignment,
            "template_string": self._of_template,
            "object": self._of_object,
            "array": self._of_array,
            "identifier": self._of_name,
            "shorthand_property_identifier": self._of_name,
            "call_expression": results.of_call,
            "new_expression": results.of_new,
            **dict.fromkeys(MEMBERS, self._of_member),
            **dict.fromkeys(FUNCTIONS, self._of_function),
        }
        self._seen: set[tuple[Node, AccessPath, Node | None]] = set()
        self._depth = 0

    def origin(self, node: Node, path: AccessPath = ()) -> Node | None:
        """What makes the random value that an expression, or the member of it at a path, has; None if none is seen."""
        self._seen = set()
        return self._follow(node, path, None)

    def unread(self, node: Node, path: AccessPath = ()) -> bool:
        """Whether the value leads to an import of which it could not be read what it means."""
        self._bindings.ended.clear()
        is_made = self.origin(node, path) is not None
        return not is_made and any(map(self._program.is_unread, self._bindings.ended))

    def origin_within(self, node: Node) -> Node | None:
        """The same of what an expression makes by itself, whatever its function is given."""
        self._bindings.asks_callers = False
        try:
            return self.origin(node)
        finally:
            self._bindings.asks_callers = True

    def origins(self, node: Node, path: AccessPath = ()) -> list[Node]:
        """All that make a random value of which it is put together, or may be one of; [] where none is seen."""
        self._seen = set()
        found: dict[Node, None] = {}
        self._gather(node, path, None, found)
        return list(found)

    def _gather(self, node: Node, path: AccessPath, frame: Frame | None, found: dict[Node, None]) -> None:
        for step in self._steps_of(node, path, frame):
            if isinstance(step, Node):
                found[step] = None
            elif len(found) < _MOST_ORIGINS:
                self._depth += 1
                try:
                    self._gather(step.node, step.path, step.frame, found)
                finally:
                    self._depth -= 1

    def _steps_of(self, node: Node, path: AccessPath, frame: Frame | None) -> Steps:
        """The steps from an expression; none where it was met before, or is too far away."""
        node = unwrapped(node)
        key = (node, path, frame.call if frame is not None else None)
        steps = self._steps.get(node.kind)
        if steps is None or key in self._seen or self._depth > _DEEPEST or len(path) > _LONGEST_PATH:
            return iter(())
        self._seen.add(key)
        return steps(node, path, frame)

    def _follow(self, node: Node, path: AccessPath, frame: Frame | None) -> Node | None:
        self._depth += 1
        try:
            for step in self._steps_of(node, path, frame):
                found = step if isinstance(step, Node) else self._follow(step.node, step.path, step.frame)
                if found is not None:
                    return found
        finally:
            self._depth -= 1
        return None

    def _of_binary(self, node: Node, path: AccessPath, frame: Frame | None) -> Steps:
        operator = node.operator
        if operator not in _COMPARING and (not path or operator in _CHOOSING):
            yield from steps_to([node.field("left"), node.field("right")], path, frame)

    def _of_unary(self, node: Node, path: AccessPath, frame: Frame | None) -> Steps:
        if not path and node.operator in _CALCULATING:
            yield from steps_to([node.field("argument")], (), frame)

    def _of_ternary(self, node: Node, path: AccessPath, frame: Frame | None) -> Steps:
        return steps_to([node.field("consequence"), node.field("alternative")], path, frame)

    def _of_sequence(self, node: Node, path: AccessPath, frame: Frame | None) -> Steps:
        return steps_to(node.children[-1:], path, frame)

    def _of_assignment(self, node: Node, path: AccessPath, frame: Frame | None) -> Steps:
        return steps_to([node.field("right")], path, frame)

    def _of_template(self, node: Node, path: AccessPath, frame: Frame | None) -> Steps:
        for child in node.children if not path else ():
            if child.kind == "template_substitution":
                yield from steps_to(child.children[:1], (), frame)

    def _of_object(self, node: Node, path: AccessPath, frame: Frame | None) -> Steps:
        if not path:
            yield from steps_to(map(_held, node.children), (), frame)
            return
        for child in reversed(node.children):  # what comes last wins
            if child.kind == "spread_element":
                yield Step(child, path, frame)
            elif is_step(self._names, self._program.objects.key(child), path[0]):
                yield from steps_to([_held(child)], path[1:], frame)
                return

    def _of_array(self, node: Node, path: AccessPath, frame: Frame | None) -> Steps:
        if not path:
            yield from steps_to(node.children, (), frame)
            return
        if path[0].isdecimal():
            index = int(path[0])
            if not any(child.kind == "spread_element" for child in node.children[: index + 1]):
                yield from steps_to(node.children[index : index + 1], path[1:], frame)
                return
        if path[0] == ELEMENT or path[0].isdecimal():
            for child in node.children:
                yield Step(child, path if child.kind == "spread_element" else path[1:], frame)

    def _of_function(self, node: Node, path: AccessPath, frame: Frame | None) -> Steps:
        return steps_to(returns(node), path, frame)

    def _of_name(self, node: Node, path: AccessPath, frame: Frame | None) -> Steps:
        if self._generators.rule_of(node) is None:
            yield from self._bindings.of(self._program.resolver.meaning(node), path, frame)
        elif not path:
            yield node

    def _of_member(self, node: Node, path: AccessPath, frame: Frame | None) -> Steps:
        if not path and self._generators.rule_of(node) is not None:
            yield node
            return
        owner, name = node.field("object"), member_name(node)
        if owner is None or name in ("length", "size"):
            return
        if name is None:  # a[i]: random where the index is, or what it is taken from
            if not path:
                yield from steps_to([node.field("index")], (), frame)
            yield Step(owner, (ELEMENT, *path), frame)
            if not path:
                yield Step(owner, (), frame)
        elif owner.kind == "this":
            around = class_around(node)
            if around is not None:
                yield from self._bindings.of_own_member(around, name, path)
            yield from _of_receiver(node, name, path, frame)
        else:
            yield Step(owner, (TOKEN if self._names.is_token(name) else name, *path), frame)


def _of_receiver(node: Node, name: str, path: AccessPath, frame: Frame | None) -> Steps:
    """From `this.name` to that member of what the method around it was called on, where that call is known."""
    method = next((above for above in node.above() if above.kind in FUNCTIONS and above.kind != "arrow_function"), None)
    entered = frame.of(method) if frame is not None and method is not None else None
    if entered is not None and entered.call.kind == "new_expression":  # a getter of what is made there
        yield Step(entered.call, (name, *path), entered.outer)
        return
    callee = entered.call.field("function") if entered is not None else None
    owner = callee.field("object") if callee is not None and callee.kind == "member_expression" else None
    if entered is not None and owner is not None and owner.kind not in ("this", "super"):
        yield Step(owner, (name, *path), entered.outer)


def _held(child: Node) -> Node | None:
    """The value of a member of an object."""
    if child.kind == "pair":
        return child.field("value")
    return child if child.kind in ("shorthand_property_identifier", "method_definition", "spread_element") else None
