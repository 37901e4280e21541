"""Where the value of a name comes from: its declaration, what it is given later, the calls that its function has."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from harness.source.app.steps import TOKEN, Frame, Step, Steps, is_step, steps_to
from harness.source.javascript.functions import call_around, member_name, parameters, returns
from harness.source.javascript.literals import key_of
from harness.source.javascript.modules import ELEMENT, AccessPath, Binding
from harness.source.javascript.resolver import left_out
from harness.source.javascript.syntax import FIELD, Node, arguments, unwrapped

if TYPE_CHECKING:
    from harness.source.app.names import Names
    from harness.source.app.rules import Generators
    from harness.source.javascript.program import Program

_DECLARES_MEMBER = re.compile(r"(?:@[^)]*\)\s*)?(?:public|private|protected|readonly|override)\s")
_OF_ELEMENTS = frozenset(["map", "forEach", "flatMap", "filter", "find", "some", "every", "reduce", "sort", "findLast"])


class Bindings:
    """Tells the steps from names, parameters and members of objects."""

    def __init__(self, program: Program, generators: Generators, names: Names) -> None:
        self._program = program
        self._generators = generators
        self._names = names
        self.ended: set[Binding] = set()  # imports that values were followed to, and no further
        self.asks_callers = True  # whether a parameter that nobody was seen to enter stands for what all callers give

    def of(self, found: Binding | Node | None, path: AccessPath, frame: Frame | None) -> Steps:
        """From what a name means: an exported expression or a whole module where it is a node."""
        if isinstance(found, Node):
            if found.kind == "program":
                exported = self._program.objects.member(found, path[0]) if path and path[0] != TOKEN else None
                yield from self.of(exported, path[1:], None)
            else:
                yield Step(found, path, None)
            return
        if found is not None and found.kind == "import":
            self.ended.add(found)
        if found is None or found.kind in ("import", "class", "catch", "enum"):
            return
        if path and any(is_step(self._names, name, path[0]) for name in left_out(found)):
            return
        if found.kind == "param":
            yield from self._of_parameter(found, path, frame)
        elif found.value is not None:
            yield Step(found.value, (*found.path, *path), _around(found, frame))
        yield from self._changes(found, path, frame)

    def _changes(self, found: Binding, path: AccessPath, frame: Frame | None) -> Steps:
        """What a name was given after its declaration."""
        if found.default is not None:
            yield Step(found.default, path, frame)
        for value, taken in found.assigned:
            yield Step(value, (*taken, *path), frame)
        yield from steps_to(found.merged if path else (), path, frame)
        for name, value in found.members:
            if not path and name == ELEMENT:
                yield Step(value, (), frame)
            if path and (is_step(self._names, name, path[0]) or (name == ELEMENT and path[0] == ELEMENT)):
                yield Step(value, path[1:], frame)
        if path and path[0].isdecimal() and found.value is not None and found.value.kind == "array":
            later = int(path[0]) - len(found.value.children)  # values.push(a, b): each has its place
            if 0 <= later < len(found.added):
                yield Step(found.added[later], path[1:], frame)
        elif not path or path[0] == ELEMENT:
            yield from steps_to(self.passed_through(found.added), path[1:], frame)
            yield from (call for call in found.filled if self._generators.rule_of(call) is not None)

    def passed_through(self, given: list[Node]) -> list[Node]:
        """What may be in a value of what is given to make it: asked of a helper alone, no members of an object."""
        return given if self.asks_callers else [one for one in given if unwrapped(one).kind != "object"]

    # --- parameters

    def _of_parameter(self, found: Binding, path: AccessPath, frame: Frame | None) -> Steps:
        function = found.function
        assert function is not None  # it is a parameter
        entered = frame.of(function) if frame is not None else None
        if entered is not None:
            yield from _given(entered.call, found, path, entered.outer)
            return
        for call in self._program.calls_of(function) if self.asks_callers else ():
            yield from _given(call, found, path, None)
        typed = self._program.objects.class_of_type(found.node) if path and self.asks_callers else None
        if typed is not None:
            for made in self._program.made(typed):
                yield from self.of_object(typed, made, (*found.path, *path), None)
        around = call_around(function)
        if around is not None:
            yield from self._called_back(around, function, found, path, frame)

    def _called_back(self, call: Node, function: Node, found: Binding, path: AccessPath, frame: Frame | None) -> Steps:
        """A parameter of a function that was handed on: an element, a promise's value, or what a generator made."""
        if self._generators.rule_of(call) is not None:  # randomBytes(8, (err, bytes) => ..)
            if found.index > 0:
                yield call
            return
        callee = call.field("function")
        if callee is None:
            return
        for entered in self._program.objects.functions(callee):  # a function of the app that calls what it is handed
            position = next((i for i, given in enumerate(arguments(call)) if given.holds(function)), -1)
            for inner in entered.below("call_expression"):
                called = inner.field("function")
                is_name = called is not None and called.kind == "identifier"
                meant = self._program.files.of(inner).resolve(called) if called is not None and is_name else None
                if meant is not None and meant.function is entered and meant.index == position:
                    yield from _given(inner, found, path, Frame(entered, call, frame))
        owner = callee.field("object") if callee.kind == "member_expression" and found.index == 0 else None
        name = member_name(callee) if owner is not None else None
        if owner is not None and name == "then":
            yield Step(owner, (*found.path, *path), frame)
        elif owner is not None and name in _OF_ELEMENTS:
            yield Step(owner, (ELEMENT, *found.path, *path), frame)

    def functions_given(self, meant: Binding, frame: Frame | None) -> list[Node]:
        """The functions that a parameter stands for: by the call that was entered, or by all calls."""
        assert meant.function is not None  # it is a parameter
        entered = frame.of(meant.function) if frame is not None else None
        calls = [entered.call] if entered is not None else self._program.calls_of(meant.function)
        found: list[Node] = []
        for call in calls:
            given = arguments(call)
            if meant.index >= len(given):
                continue
            if not meant.path:
                found += self._program.objects.functions(given[meant.index])
            elif len(meant.path) == 1:
                found += self._program.objects.methods(given[meant.index], meant.path[0])
        return found

    # --- members of objects of classes

    def of_own_member(self, around: Node, name: str, path: AccessPath) -> Steps:
        """From a member of the class's own objects, `this.name`."""
        held = self._program.objects.member(around, name)
        if isinstance(held, Node):
            yield Step(held, path, None)
        yield from steps_to(self._program.objects.given_to_own(around, name), path, None)
        for member, value in self._program.objects.given_below_own(around, name) if path else ():
            if is_step(self._names, member, path[0]):
                yield Step(value, path[1:], None)

    def of_object(self, around: Node, call: Node, path: AccessPath, frame: Frame | None) -> Steps:
        """From a member of an object that a call makes, as its class's fields and constructor leave it."""
        body = around.field("body")
        for child in body.children if body is not None else ():
            if child.kind == FIELD and is_step(self._names, key_of(child), path[0]):
                yield from steps_to([child.field("value")], path[1:], None)
            if child.kind == "method_definition" and key_of(child) == "constructor":
                yield from self._by_constructor(child, call, path, frame)
            elif (
                child.kind == "method_definition" and is_step(self._names, key_of(child), path[0]) and _is_getter(child)
            ):
                yield from steps_to(returns(child), path[1:], Frame(child, call, frame))

    def _by_constructor(self, constructor: Node, call: Node, path: AccessPath, frame: Frame | None) -> Steps:
        inside = Frame(constructor, call, frame)
        for assigned in constructor.below("assignment_expression"):
            left, right = assigned.field("left"), assigned.field("right")
            owner = left.field("object") if left is not None and left.kind == "member_expression" else None
            if left is None or owner is None or owner.kind != "this":
                continue
            if is_step(self._names, member_name(left), path[0]):
                yield from steps_to([right], path[1:], inside)
        given = arguments(call)
        for index, parameter in enumerate(parameters(constructor)):
            pattern = parameter.field("pattern")
            is_member = _DECLARES_MEMBER.match(parameter.text) is not None
            if not is_member or pattern is None or index >= len(given):
                continue
            if is_step(self._names, pattern.text, path[0]):
                yield Step(given[index], path[1:], frame)


def _is_getter(method: Node) -> bool:
    return re.match(r"(?:(?:public|private|protected|static|override)\s+)*get\s", method.text) is not None


def _around(found: Binding, frame: Frame | None) -> Frame | None:
    """The frame of the function in which a name was declared, among those that were entered."""
    while frame is not None and not frame.function.holds(found.node):
        frame = frame.outer
    return frame


def _given(call: Node, found: Binding, path: AccessPath, frame: Frame | None) -> Steps:
    """From a parameter to what a call gives it."""
    given = arguments(call)
    pattern = found.node.field("pattern") or found.node
    if pattern.kind == "rest_pattern":
        yield from steps_to(given[found.index :], path[1:] if path[:1] == (ELEMENT,) else path, frame)
    elif any(one.kind == "spread_element" for one in given[: found.index + 1]):
        yield from steps_to(given, (*found.path, *path), frame)
    elif found.index < len(given):
        yield Step(given[found.index], (*found.path, *path), frame)
