"""Follows a value back to where it is made: is what reaches this place a random value of the app's own?

From a place that is written to, through names, members, calls, parameters and returns, across files, until an
expression is met that makes a random value. Demand-driven: only what leads to the place is looked at. Where a value
cannot be followed, it ends there and nothing is claimed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.source.javascript.functions import (
    call_around,
    class_around,
    function_name,
    member_name,
    parameters,
    returns,
)
from harness.source.javascript.literals import key_of, literal
from harness.source.javascript.modules import ELEMENT, Binding
from harness.source.javascript.resolver import left_out
from harness.source.javascript.syntax import FIELD, FUNCTIONS, Node, arguments, unwrapped

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.source.app.names import Names
    from harness.source.app.rules import Generators
    from harness.source.javascript.program import Program

TOKEN = "*token*"  # in a path: the token column, by any of its names
_DEFINES_TABLE = re.compile(r"Table$|^(?:define|model|table)$")  # its columns are no values
_DECLARES_MEMBER = re.compile(r"(?:@[^)]*\)\s*)?(?:public|private|protected|readonly|override)\s")
# What a statement answers are rows, whatever values it was given.
_ASKS_A_DATABASE = re.compile(
    r"\binsert\s+into\b|\bupdate\b.*?\bset\b|\bselect\b|\bdelete\s+from\b", re.IGNORECASE | re.DOTALL
)
_DEEPEST = 60
_LONGEST_PATH = 8
_COMPARING = frozenset(("==", "===", "!=", "!==", "<", ">", "<=", ">=", "in", "instanceof"))
# What these answer comes out of a database, a cache or another service, whatever was put in.
_ASKING = frozenset(
    [
        "query",
        "queryRaw",
        "execute",
        "executeTakeFirst",
        "executeTakeFirstOrThrow",
        "insert",
        "insertInto",
        "values",
        "returning",
        "returningAll",
        "select",
        "selectFrom",
        "from",
        "where",
        "find",
        "findOne",
        "findMany",
        "findFirst",
        "findUnique",
        "findFirstOrThrow",
        "findUniqueOrThrow",
        "findBy",
        "findOneBy",
        "findByPk",
        "findAll",
        "first",
        "firstOrThrow",
        "save",
        "create",
        "createMany",
        "update",
        "updateMany",
        "upsert",
        "delete",
        "destroy",
        "one",
        "many",
        "oneOrNone",
        "any",
        "none",
        "$queryRaw",
        "$executeRaw",
        "$queryRawUnsafe",
        "$executeRawUnsafe",
        "unsafe",
        "fetch",
        "request",
        "get",
        "post",
        "put",
        "patch",
        "mutate",
        "mutateAsync",
        "transaction",
        "$transaction",
        "test",
        "includes",
        "startsWith",
        "endsWith",
        "has",
        "some",
        "every",
        "findIndex",
        "indexOf",
        "setHeader",
        "cookie",
        "sign_in",
        "json",
        "send",
        "status",
        "match",
        "log",
        "info",
        "warn",
        "error",
        "debug",
    ]
)
_BUILT_IN = frozenset(
    ["Array", "Buffer", "Object", "String", "Number", "Promise", "JSON", "Uint8Array", "BigInt", "Math"]
)
_ELEMENTS = frozenset(
    ["filter", "slice", "concat", "reverse", "sort", "toSorted", "toReversed", "flat", "values", "entries", "keys"]
)
_OF_ELEMENTS = frozenset(["map", "forEach", "flatMap", "filter", "find", "some", "every", "reduce", "sort", "findLast"])


@dataclass(frozen=True, slots=True)
class Frame:
    """A call that a function was entered by: what its parameters stand for."""

    function: Node
    call: Node
    outer: Frame | None


class Flow:
    """Follows values back through a program."""

    def __init__(self, program: Program, generators: Generators, names: Names) -> None:
        self._program = program
        self._generators = generators
        self._names = names
        self._seen: set[tuple[int, tuple[str, ...], int]] = set()
        self._depth = 0

    def origin(self, node: Node, path: tuple[str, ...] = ()) -> Node | None:
        """What makes the random value that an expression, or the member of it at a path, has; None if none is seen."""
        self._seen = set()
        return self._follow(node, path, None)

    def _follow(self, node: Node, path: tuple[str, ...], frame: Frame | None) -> Node | None:
        node = unwrapped(node)
        key = (id(node), path, id(frame.call) if frame is not None else 0)
        if key in self._seen or self._depth > _DEEPEST or len(path) > _LONGEST_PATH:
            return None
        self._seen.add(key)
        self._depth += 1
        try:
            handler = _HANDLERS.get(node.kind)
            return handler(self, node, path, frame) if handler is not None else None
        finally:
            self._depth -= 1

    def _any(self, nodes: Sequence[Node | None], path: tuple[str, ...], frame: Frame | None) -> Node | None:
        for node in nodes:
            if node is not None and (found := self._follow(node, path, frame)) is not None:
                return found
        return None

    # --- expressions

    def _binary(self, node: Node, path: tuple[str, ...], frame: Frame | None) -> Node | None:
        if node.operator in _COMPARING:
            return None
        if path and node.operator not in ("||", "&&", "??"):
            return None
        return self._any([node.field("left"), node.field("right")], path, frame)

    def _unary(self, node: Node, path: tuple[str, ...], frame: Frame | None) -> Node | None:
        if path or node.operator not in ("+", "-", "~"):
            return None
        return self._any([node.field("argument")], (), frame)

    def _ternary(self, node: Node, path: tuple[str, ...], frame: Frame | None) -> Node | None:
        return self._any([node.field("consequence"), node.field("alternative")], path, frame)

    def _last(self, node: Node, path: tuple[str, ...], frame: Frame | None) -> Node | None:
        return self._any([node.children[-1] if node.children else None], path, frame)

    def _assignment(self, node: Node, path: tuple[str, ...], frame: Frame | None) -> Node | None:
        return self._any([node.field("right")], path, frame)

    def _template(self, node: Node, path: tuple[str, ...], frame: Frame | None) -> Node | None:
        if path:
            return None
        holes: list[Node | None] = [
            c.children[0] for c in node.children if c.kind == "template_substitution" and c.children
        ]
        return self._any(holes, (), frame)

    def _object(self, node: Node, path: tuple[str, ...], frame: Frame | None) -> Node | None:
        if not path:
            held = [self._value(child) for child in node.children]
            return self._any([value for value in held if value is not None], (), frame)
        for child in reversed(node.children):  # what comes last wins
            if child.kind == "spread_element":
                if (found := self._follow(child, path, frame)) is not None:
                    return found
            elif self._is_step(self._program.objects.key(child), path[0]):
                value = self._value(child)
                return self._follow(value, path[1:], frame) if value is not None else None
        return None

    def _value(self, child: Node) -> Node | None:
        if child.kind == "pair":
            return child.field("value")
        return child if child.kind in ("shorthand_property_identifier", "method_definition", "spread_element") else None

    def _is_step(self, name: str | None, step: str) -> bool:
        if step == TOKEN:
            return self._names.is_token(name, of_table=True)
        return name == step or (name is not None and step == ELEMENT and name.isdecimal())

    def _array(self, node: Node, path: tuple[str, ...], frame: Frame | None) -> Node | None:
        if not path:
            return self._any(list(node.children), (), frame)
        if path[0].isdecimal():
            index = int(path[0])
            if not any(child.kind == "spread_element" for child in node.children[: index + 1]):
                return self._any(node.children[index : index + 1], path[1:], frame)
        if path[0] != ELEMENT and not path[0].isdecimal():
            return None
        for child in node.children:
            steps = path if child.kind == "spread_element" else path[1:]
            if (found := self._follow(child, steps, frame)) is not None:
                return found
        return None

    def _function(self, node: Node, path: tuple[str, ...], frame: Frame | None) -> Node | None:
        return self._any(list(returns(node)), path, frame)

    # --- names

    def _identifier(self, node: Node, path: tuple[str, ...], frame: Frame | None) -> Node | None:
        if self._generators.rule_of(node) is not None:
            return None if path else node
        found = self._program.resolver.meaning(node)
        return self._meant(found, path, frame)

    def _meant(self, found: Binding | Node | None, path: tuple[str, ...], frame: Frame | None) -> Node | None:
        if isinstance(found, Node):
            if found.kind == "program":
                exported = self._program.objects.member(found, path[0]) if path and path[0] != TOKEN else None
                return self._meant(exported, path[1:], None)
            return self._follow(found, path, None)
        if found is None or found.kind in ("import", "class", "catch", "enum"):
            return None
        if path and any(self._is_step(name, path[0]) for name in left_out(found)):
            return None
        if found.kind == "param":
            if (origin := self._parameter(found, path, frame)) is not None:
                return origin
        elif found.value is not None:
            outside = frame if frame is not None and frame.function.holds(found.node) else self._outer(found, frame)
            if (origin := self._follow(found.value, (*found.path, *path), outside)) is not None:
                return origin
        return self._changed(found, path, frame)

    def _outer(self, found: Binding, frame: Frame | None) -> Frame | None:
        """The frame of the function in which a name was declared, among those that were entered."""
        while frame is not None and not frame.function.holds(found.node):
            frame = frame.outer
        return frame

    def _changed(self, found: Binding, path: tuple[str, ...], frame: Frame | None) -> Node | None:
        """What a name was given after its declaration."""
        if found.default is not None and (origin := self._follow(found.default, path, frame)) is not None:
            return origin
        for value, taken in found.assigned:
            if (origin := self._follow(value, (*taken, *path), frame)) is not None:
                return origin
        for row in found.merged if path else ():
            if (origin := self._follow(row, path, frame)) is not None:
                return origin
        for name, value in found.members:
            if not path and name == ELEMENT and (origin := self._follow(value, (), frame)) is not None:
                return origin
            if path and (self._is_step(name, path[0]) or (name == ELEMENT and path[0] == ELEMENT)):
                origin = self._follow(value, path[1:], frame)
                if origin is not None:
                    return origin
        if path and path[0].isdecimal() and found.value is not None and found.value.kind == "array":
            later = int(path[0]) - len(found.value.children)  # values.push(a, b): each has its place
            return self._follow(found.added[later], path[1:], frame) if 0 <= later < len(found.added) else None
        if not path or path[0] == ELEMENT:
            for value in found.added:
                if (origin := self._follow(value, path[1:], frame)) is not None:
                    return origin
            for call in found.filled:
                if self._generators.rule_of(call) is not None:
                    return call
        return None

    def _parameter(self, found: Binding, path: tuple[str, ...], frame: Frame | None) -> Node | None:
        function = found.function
        assert function is not None  # it is a parameter
        entered = frame
        while entered is not None and entered.function is not function:
            entered = entered.outer
        if entered is not None:
            return self._given(entered.call, found, path, entered.outer)
        for call in self._program.calls_of(function):
            if (origin := self._given(call, found, path, None)) is not None:
                return origin
        typed = self._program.objects.class_of_type(found.node) if path else None
        if typed is not None and (origin := self._of_objects(typed, (*found.path, *path))) is not None:
            return origin
        around = call_around(function)
        return self._called_back(around, function, found, path, frame) if around is not None else None

    def _of_objects(self, around: Node, path: tuple[str, ...]) -> Node | None:
        """A member of any object of a class: what those that are made have there."""
        for made in self._program.made(around):
            if (origin := self._made(around, made, path, None)) is not None:
                return origin
        return None

    def _given(self, call: Node, found: Binding, path: tuple[str, ...], frame: Frame | None) -> Node | None:
        given = arguments(call)
        pattern = found.node.field("pattern") or found.node
        if pattern.kind == "rest_pattern":
            return self._any(list(given[found.index :]), path[1:] if path[:1] == (ELEMENT,) else path, frame)
        if any(one.kind == "spread_element" for one in given[: found.index + 1]):
            return self._any(list(given), (*found.path, *path), frame)
        if found.index >= len(given):
            return None
        return self._follow(given[found.index], (*found.path, *path), frame)

    def _called_back(
        self, call: Node, function: Node, found: Binding, path: tuple[str, ...], frame: Frame | None
    ) -> Node | None:
        """A parameter of a function that was handed on: an element, a promise's value, or what a generator made."""
        if self._generators.rule_of(call) is not None:  # randomBytes(8, (err, bytes) => ..)
            return call if found.index > 0 else None
        callee = call.field("function")
        if callee is None:
            return None
        for entered in self._program.objects.functions(callee):  # a function of the app that calls what it is handed
            position = next((i for i, given in enumerate(arguments(call)) if given.holds(function)), -1)
            for inner in entered.below("call_expression"):
                called = inner.field("function")
                meant = (
                    self._program.files.of(inner).resolve(called)
                    if called is not None and called.kind == "identifier"
                    else None
                )
                if meant is not None and meant.function is entered and meant.index == position:
                    origin = self._given(inner, found, path, Frame(entered, call, frame))
                    if origin is not None:
                        return origin
        if callee.kind != "member_expression" or found.index > 0:
            return None
        owner, name = callee.field("object"), member_name(callee)
        if owner is None:
            return None
        if name == "then":
            return self._follow(owner, (*found.path, *path), frame)
        if name in _OF_ELEMENTS:
            return self._follow(owner, (ELEMENT, *found.path, *path), frame)
        return None

    # --- members

    def _member(self, node: Node, path: tuple[str, ...], frame: Frame | None) -> Node | None:
        if not path and self._generators.rule_of(node) is not None:
            return node
        owner, name = node.field("object"), member_name(node)
        if owner is None or name in ("length", "size"):
            return None
        if name is None:  # a[i]: random where the index is, or what it is taken from
            index = node.field("index")
            if not path and index is not None and (origin := self._follow(index, (), frame)) is not None:
                return origin
            return self._follow(owner, (ELEMENT, *path), frame) or (None if path else self._follow(owner, (), frame))
        if owner.kind == "this":
            return self._own_member(node, name, path)
        step = TOKEN if self._names.is_token(name) else name
        return self._follow(owner, (step, *path), frame)

    def _own_member(self, node: Node, name: str, path: tuple[str, ...]) -> Node | None:
        around = class_around(node)
        if around is None:
            return None
        held = self._program.objects.member(around, name)
        if isinstance(held, Node) and (origin := self._follow(held, path, None)) is not None:
            return origin
        for right in self._program.objects.given_to_own(around, name):
            if (origin := self._follow(right, path, None)) is not None:
                return origin
        return None

    # --- calls

    def _call(self, node: Node, path: tuple[str, ...], frame: Frame | None) -> Node | None:
        if self._generators.rule_of(node) is not None:
            return node
        callee = node.field("function") or node.field("constructor")
        if callee is None:
            return None
        given = node.field("arguments")
        if given is not None and given.kind == "template_string":
            return self._follow(given, path, frame) if _ASKS_A_DATABASE.search(given.text) is None else None
        functions = self._program.objects.functions(callee)
        for function in functions:
            if function.kind == "method_definition" and function_name(function) == "constructor":
                continue
            for value in returns(function):
                if (origin := self._follow(value, path, Frame(function, node, frame))) is not None:
                    return origin
        if functions:
            return None
        if callee.kind == "call_expression" and not path:  # customAlphabet("..", 8)()
            return self._follow(callee, (), frame)
        if callee.kind == "identifier":
            return self._unknown_function(node, callee, path, frame)
        if callee.kind in ("member_expression", "subscript_expression"):
            return self._unknown_method(node, callee, path, frame)
        return None

    def _unknown_function(self, call: Node, callee: Node, path: tuple[str, ...], frame: Frame | None) -> Node | None:
        meant = self._program.resolver.meaning(callee)
        if isinstance(meant, Binding) and meant.kind == "param" and meant.function is not None:
            given = self._functions_given(meant, frame)
            for function in given:
                for value in returns(function):
                    if (origin := self._follow(value, path, Frame(function, call, frame))) is not None:
                        return origin
            if given:
                return None
        if meant is not None and not path and (origin := self._meant(meant, (), frame)) is not None:
            return origin
        if self._names.is_token(literal(next(iter(arguments(call)), None))):  # uuid("public_token"): a column
            return None
        is_foreign = meant is None or (isinstance(meant, Binding) and meant.kind in ("import", "param"))
        if is_foreign and not path and self._generators.by_name(callee) is not None:
            return call
        if (
            _DEFINES_TABLE.search(callee.text)
            or callee.text in _ASKING
            or callee.text.startswith(("use", "find", "get", "load", "fetch", "select"))
        ):
            return None
        return self._any(list(arguments(call)), path, frame)

    def _functions_given(self, meant: Binding, frame: Frame | None) -> list[Node]:
        """The functions that a parameter stands for: by the call that was entered, or by all calls."""
        assert meant.function is not None
        entered = frame
        while entered is not None and entered.function is not meant.function:
            entered = entered.outer
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

    def _unknown_method(self, call: Node, callee: Node, path: tuple[str, ...], frame: Frame | None) -> Node | None:
        owner, name = callee.field("object"), member_name(callee)
        if owner is None:
            return None
        given = arguments(call)
        if name == "then":
            return self._any([*given[:1]], path, frame)
        if name in ("catch", "finally"):
            return self._follow(owner, path, frame)
        if path and path[0] == ELEMENT and name in ("map", "flatMap", "from"):
            return self._any([*given[-1:]], path[1:], frame)
        if path and name in _ELEMENTS:
            return self._any([owner, *(given if name == "concat" else ())], path, frame)
        if path:
            is_carrying = owner.text in ("Object", "Promise", "JSON", "_", "R", "structuredClone") or name in (
                "parse",
                "parseAsync",
                "safeParse",
                "assign",
                "merge",
                "with",
            )
            return self._any(list(given), path, frame) if is_carrying else None
        if name in _ASKING and not _only_changes(owner, call, name):
            return None
        if owner.kind in ("identifier", "member_expression") and self._is_foreign(owner):
            is_of_tokens = name in ("generate", "next", "rnd", "random") and "oken" in owner.text
            if is_of_tokens or self._generators.by_name(callee) is not None:
                return call
        return self._any([owner, *given], (), frame)

    def _is_foreign(self, owner: Node) -> bool:
        return not self._program.objects.things(owner)

    def _new(self, node: Node, path: tuple[str, ...], frame: Frame | None) -> Node | None:
        if self._generators.rule_of(node) is not None:
            return None if path else node
        made = node.field("constructor")
        classes = self._program.objects.things(made) if made is not None else []
        if not path:
            return None if classes else self._any(list(arguments(node)), (), frame)
        for around in classes:
            if (origin := self._made(around, node, path, frame)) is not None:
                return origin
        return None if classes else self._any(list(arguments(node)), path, frame)

    def _made(self, around: Node, call: Node, path: tuple[str, ...], frame: Frame | None) -> Node | None:
        """A member of an object as its class's fields and constructor leave it."""
        body = around.field("body")
        for child in body.children if body is not None else ():
            if child.kind == FIELD and self._is_step(key_of(child), path[0]):
                value = child.field("value")
                if value is not None and (origin := self._follow(value, path[1:], None)) is not None:
                    return origin
            if child.kind == "method_definition" and key_of(child) == "constructor":
                inside = Frame(child, call, frame)
                for assigned in child.below("assignment_expression"):
                    left, right = assigned.field("left"), assigned.field("right")
                    if left is None or right is None or left.kind != "member_expression":
                        continue
                    owner = left.field("object")
                    if owner is None or owner.kind != "this" or not self._is_step(member_name(left), path[0]):
                        continue
                    if (origin := self._follow(right, path[1:], inside)) is not None:
                        return origin
                for index, parameter in enumerate(parameters(child)):
                    pattern = parameter.field("pattern")
                    given = arguments(call)
                    is_member = _DECLARES_MEMBER.match(parameter.text) is not None
                    if (
                        is_member
                        and pattern is not None
                        and self._is_step(pattern.text, path[0])
                        and index < len(given)
                    ) and (origin := self._follow(given[index], path[1:], frame)) is not None:
                        return origin
        return None


def _only_changes(owner: Node, call: Node, name: str) -> bool:
    """Whether a method that elsewhere asks a database only changes a value here: `Array.from`, a hash's `update`."""
    if owner.kind == "identifier" and owner.text in _BUILT_IN:
        return True
    if name == "update":
        return re.search(r"hash|hmac|cipher", owner.text, re.IGNORECASE) is not None
    return name in ("values", "first") and not arguments(call)


_HANDLERS = {
    "binary_expression": Flow._binary,
    "unary_expression": Flow._unary,
    "ternary_expression": Flow._ternary,
    "sequence_expression": Flow._last,
    "assignment_expression": Flow._assignment,
    "augmented_assignment_expression": Flow._assignment,
    "template_string": Flow._template,
    "object": Flow._object,
    "array": Flow._array,
    "identifier": Flow._identifier,
    "shorthand_property_identifier": Flow._identifier,
    "member_expression": Flow._member,
    "subscript_expression": Flow._member,
    "call_expression": Flow._call,
    "new_expression": Flow._new,
    **dict.fromkeys(FUNCTIONS, Flow._function),
}
