"""What an expression may be: functions of the app, objects, classes, enums, and what these hold.

What cannot be told is empty or None, never an error.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from harness.source.javascript.functions import class_around, member_name, parameters, returns
from harness.source.javascript.literals import key_of, literal
from harness.source.javascript.modules import Binding, required_package
from harness.source.javascript.namesakes import Namesakes
from harness.source.javascript.resolver import whole
from harness.source.javascript.syntax import CLASSES, FIELD, FUNCTIONS, MEMBERS, Node, arguments, unwrapped

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.source.javascript.files import Files
    from harness.source.javascript.resolver import Resolver

_MOST_CALLERS = 4
_ONE_BY_ONE = ("pipe", "flow", "pipeline", "pipeAsync", "flowAsync")
_MEMBERS_OF_TYPES = ("method_definition", FIELD, "enum_assignment")


class Objects:
    """Tells functions, objects and what they hold."""

    def __init__(self, files: Files, resolver: Resolver, calls_of: Callable[[Node], list[Node]]) -> None:
        self._files = files
        self._resolver = resolver
        self._calls_of = calls_of
        self._namesakes = Namesakes(files, resolver)
        self._members: dict[Node, dict[str, Node]] = {}
        self._given: dict[Node, dict[str, list[Node]]] = {}

    def resolved(self, node: Node) -> Node:
        """What a name or a member always stands for, through other names; the node itself where that is not known."""
        for _ in range(8):
            node = unwrapped(node)
            value = self._value(node)
            if value is None:
                break
            node = value
        return node

    def _value(self, node: Node) -> Node | None:
        """The one value of a constant, or a function by its name."""
        found: Binding | Node | None = None
        if node.kind in ("identifier", "shorthand_property_identifier"):
            found = self._resolver.meaning(node)
        elif node.kind in MEMBERS and (owner := node.field("object")) is not None:
            holders, name = self.of(owner), member_name(node)
            found = self.member(holders[0], name) if holders and name is not None else None
        if isinstance(found, Binding):
            is_constant = found.kind == "function" or (found.kind == "var" and not found.path and not found.assigned)
            return found.value if is_constant else None
        return found

    def key(self, node: Node) -> str | None:
        """The name of a member of an object, also where a constant has it: `{[COLUMN]: x}`, `{[C.token]: x}`."""
        known = key_of(node)
        name = node.field("key") if known is None and node.kind == "pair" else None
        if name is None or not name.children:
            return known
        return literal(self.resolved(name.children[0]))

    # --- functions

    def functions(self, callee: Node, depth: int = 0) -> list[Node]:
        """The functions of the app that an expression stands for when it is called."""
        if depth > 8:
            return []
        callee = unwrapped(callee)
        if callee.kind in FUNCTIONS:
            return [callee]
        if callee.kind == "identifier":
            return self._functions_of(self._resolver.meaning(callee), depth)
        if callee.kind == "member_expression":
            owner, name = callee.field("object"), member_name(callee)
            if owner is None or name is None:
                return []
            if name in ("bind", "call", "apply"):
                return self.functions(owner, depth + 1)
            return self.methods(owner, name, depth)
        if callee.kind == "call_expression":  # asyncHandler(fn), memoize(fn), useCallback(fn)
            inner = callee.field("function")
            if (package := required_package(callee)) is not None:  # require("./bot")(sequelize)
                module = self._files.imported_module(callee.file.path, package)
                return self._functions_of(whole(module), depth + 1) if module is not None else []
            if inner is not None and self.functions(inner, depth + 1):
                return []
            given = arguments(callee)
            said = inner.text.rpartition(".")[2] if inner is not None else ""
            answering = given[-1:] if said in _ONE_BY_ONE else given[:1]  # of pipe(f, g), g answers
            return [f for one in answering for f in self.functions(one, depth + 1)]
        return []

    def _functions_of(self, found: Binding | Node | None, depth: int) -> list[Node]:
        if isinstance(found, Node):
            return self.functions(found, depth + 1) if found.kind != "program" else []
        if found is None or found.kind not in ("function", "var"):
            return []
        out: list[Node] = []
        if found.value is not None and found.kind == "function":
            out = [found.value]
        elif found.value is not None and not found.path:
            out = self.functions(found.value, depth + 1)
        elif found.value is not None and len(found.path) == 1:
            out = self.methods(found.value, found.path[0], depth + 1)
        for value, path in found.assigned:
            if not path:
                out = out + self.functions(value, depth + 1)
        return out

    def methods(self, owner: Node, name: str, depth: int = 0) -> list[Node]:
        """The functions that `owner.name` stands for when it is called."""
        holders = self.of(owner, depth + 1)
        found = [f for holder in holders for f in self.member_functions(holder, name, depth)]
        if found or holders:
            return found
        return self._namesakes.methods(owner, name)

    def member_functions(self, holder: Node, name: str, depth: int = 0) -> list[Node]:
        """The functions by a name of an object, a class or a module."""
        value = self.member(holder, name)
        if isinstance(value, Binding):
            return self._functions_of(value, depth + 1)
        if value is None:
            return []
        return [value] if value.kind in FUNCTIONS else self.functions(value, depth + 1)

    # --- objects and classes

    def member(self, holder: Node, name: str) -> Binding | Node | None:
        """What an object, a class, an enum or a module holds by a name: a value, a method, or what a file exports."""
        if holder.kind == "program":
            return self._resolver.exported(self._files.of(holder), name)
        held = self._members_of(holder).get(name)
        if holder.kind == "object":
            return held.field("value") if held is not None and held.kind == "pair" else held
        if holder.kind == "enum_declaration":
            return held.field("value") if held is not None else None
        if held is not None:
            return held if held.kind == "method_definition" else held.field("value")
        parent = self._extended(holder)
        return self.member(parent, name) if parent is not None else None

    def _members_of(self, holder: Node) -> dict[str, Node]:
        """The members of an object, a class or an enum by their names, the first of each: some have thousands."""
        if holder not in self._members:
            members: dict[str, Node] = {}
            is_object = holder.kind == "object"
            body = holder if is_object else holder.field("body")
            for child in body.children if body is not None else ():
                if child.kind == "spread_element" if is_object else child.kind not in _MEMBERS_OF_TYPES:
                    continue
                if (name := key_of(child)) is not None:
                    members.setdefault(name, child)
            self._members[holder] = members
        return self._members[holder]

    def given_to_own(self, around: Node, name: str) -> list[Node]:
        """What a class gives a member of its own objects: `this.name = ..`."""
        if around not in self._given:
            given: dict[str, list[Node]] = defaultdict(list)
            for assigned in around.below("assignment_expression"):
                left, right = assigned.field("left"), assigned.field("right")
                if left is not None and right is not None:
                    given[left.text].append(right)
            self._given[around] = given
        return self._given[around].get(f"this.{name}", [])

    def given_below_own(self, around: Node, name: str) -> list[tuple[str, Node]]:
        """What a class gives members of a member of its own objects: `this.name.member = ..`."""
        self.given_to_own(around, name)
        begins = f"this.{name}."
        return [
            (left[len(begins) :], one)
            for left, all_ in self._given[around].items()
            if left.startswith(begins)
            for one in all_
        ]

    def extends(self, one: Node, other: Node) -> bool:
        """Whether a class is made of another one, at first or second hand."""
        above = self._extended(one)
        return above is not None and (above is other or self._extended(above) is other)

    def _extended(self, holder: Node) -> Node | None:
        heritage = holder.of_kind("class_heritage")
        for node in heritage.below("identifier") if heritage is not None else ():
            for found in self.of(node, 1):
                if found.kind in CLASSES and found is not holder:
                    return found
        return None

    def of(self, node: Node, depth: int = 0) -> list[Node]:
        """The object literals, classes, enums and modules that an expression may be or be an instance of."""
        if depth > 8:
            return []
        node = unwrapped(node)
        kind = node.kind
        if kind in ("object", *CLASSES, "enum_declaration", "program"):
            return [node]
        if kind == "this":
            owner = class_around(node)
            return [owner] if owner is not None else []
        if kind == "new_expression":
            made = node.field("constructor")
            return self.of(made, depth + 1) if made is not None else []
        if kind == "identifier":
            return self._of_meaning(self._resolver.meaning(node), depth)
        if kind == "member_expression":
            owner, name = node.field("object"), member_name(node)
            if owner is None or name is None:
                return []
            if owner.kind == "this" and (around := class_around(node)) is not None:
                return self._of_field(around, name, depth)
            return [
                holder
                for inner in self.of(owner, depth + 1)
                for holder in self._of_meaning(self.member(inner, name), depth)
            ]
        if kind == "call_expression":
            callee = node.field("function")
            given = node.field("arguments")
            if callee is not None and given is not None and callee.text in ("Object.freeze", "Object.seal"):
                return [holder for one in given.children[:1] for holder in self.of(one, depth + 1)]
            returned = [r for f in self.functions(callee, depth + 1) for r in returns(f)] if callee is not None else []
            if not returned and (package := required_package(node)) is not None:  # require("./names").TABLE
                module = self._files.imported_module(node.file.path, package)
                return self._of_meaning(whole(module), depth) if module is not None else []
            return [holder for value in returned for holder in self.of(value, depth + 1)]
        return []

    def _of_meaning(self, found: Binding | Node | None, depth: int) -> list[Node]:
        if isinstance(found, Node):
            return self.of(found, depth + 1)
        if found is None:
            return []
        if found.kind in ("class", "enum"):
            return [found.node]
        typed = self.class_of_type(found.node)
        if found.kind == "param":
            return [typed] if typed is not None else self._of_given(found, depth)
        if found.kind == "var" and found.value is not None:
            values = self.of(found.value, depth + 1)
            for step in found.path:
                inner = [self.member(value, step) for value in values]
                values = [holder for one in inner for holder in self._of_meaning(one, depth + 1)]
            if values:
                return values
        return [typed] if typed is not None else []

    def _of_given(self, found: Binding, depth: int) -> list[Node]:
        """What callers give a parameter: a store that is handed to what makes a service."""
        out: list[Node] = []
        for call in self._calls_of(found.function)[:_MOST_CALLERS] if found.function is not None else ():
            given = arguments(call)
            if found.index >= len(given) or any(one.kind == "spread_element" for one in given[: found.index + 1]):
                continue
            values = self.of(given[found.index], depth + 1)
            for step in found.path:
                inner = [self.member(value, step) for value in values]
                values = [holder for one in inner for holder in self._of_meaning(one, depth + 1)]
            out += [value for value in values if value not in out]
        return out

    def _of_field(self, around: Node, name: str, depth: int) -> list[Node]:
        body = around.field("body")
        for child in body.children if body is not None else ():
            if child.kind == FIELD and key_of(child) == name:
                value = child.field("value")
                if value is not None and (found := self.of(value, depth + 1)):
                    return found
                typed = self.class_of_type(child)
                return [typed] if typed is not None else []
            if child.kind == "method_definition" and key_of(child) == "constructor":
                for parameter in parameters(child):
                    pattern = parameter.field("pattern") or parameter
                    if pattern.text == name:
                        typed = self.class_of_type(parameter)
                        meant = self._files.of(pattern).scopes.get(child, {}).get(name)
                        if typed is not None or meant is None:
                            return [typed] if typed is not None else []
                        if found := self._of_given(meant, depth):
                            return found
                for assigned in child.below("assignment_expression"):
                    left, right = assigned.field("left"), assigned.field("right")
                    if left is not None and right is not None and left.text == f"this.{name}":
                        return self.of(right, depth + 1)
        return []

    def class_of_type(self, node: Node) -> Node | None:
        """The class of the app that a declaration's type annotation names."""
        annotation = node.of_kind("type_annotation")
        holder = node.parent if node.parent is not None else node
        if annotation is None and holder.kind in ("variable_declarator", "required_parameter", "optional_parameter"):
            annotation = holder.of_kind("type_annotation")
        for name in annotation.below("type_identifier") if annotation is not None else ():
            found = self._resolver.meaning(name)
            if isinstance(found, Binding) and found.kind == "class":
                return found.node
            break
        return None
