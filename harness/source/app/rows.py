"""Where a row that is stored names the token: in an object, what is put into it later, a schema, a class.

What is left to the database (`undefined`, DEFAULT) is not named. Where a row cannot be followed, nothing is claimed.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from harness.source.app.steps import TOKEN, is_element
from harness.source.javascript.functions import class_around, member_name, parameters, returns
from harness.source.javascript.literals import key_of, literal
from harness.source.javascript.modules import AccessPath, Binding
from harness.source.javascript.resolver import left_out
from harness.source.javascript.syntax import FIELD, FUNCTIONS, Node, arguments, unwrapped

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.source.app.names import Names
    from harness.source.javascript.program import Program

_MERGES = re.compile(r"^(?:Object\.assign|Object\.freeze|sql|structuredClone|(?:_|lodash)\.(?:assign|merge|defaults))$")
_WAITED_FOR = re.compile(r"^(?:Promise\.resolve|Effect\.(?:succeed|sync|promise|try|tryPromise))$")
# What validates, by what answers the value itself, and by what answers an object that holds it.
PARSES = frozenset(
    (
        "parse",
        "parseAsync",
        "validate",
        "validateSync",
        "validateAsync",
        "cast",
        "attempt",
        "assert",
        "create",
        "decode",
    )
)
PARSES_INTO = {"safeParse": ("data", "output"), "safeParseAsync": ("data", "output"), "validate": ("value",)}
SHAPES = frozenset(
    ("object", "strictObject", "looseObject", "objectAsync", "extend", "safeExtend", "merge", "shape", "keys", "append")
)
_GIVES_A_VALUE = re.compile(
    r"\.(?:default|prefault|catch|transform|failover)\(|\b(?:preprocess|pipe)\("
    r"|\b(?:optional|nullish|nullable|exactOptional|defaulted|fallback)\([^,]*\([^()]*\)\s*,"
)
_MAY_BE_LEFT_OUT = re.compile(
    r"\b(?:optional|nullish|nullable|never|undefined|undefinedable|forbidden|strip)\b", re.IGNORECASE
)
_HOOKS = re.compile(r"^(?:BeforeInsert|BeforeCreate|BeforeSave|BeforeUpsert)$")
_HOOK_NAMES = frozenset(("constructor", "$beforeInsert", "beforeInsert", "beforeCreate", "beforeSave"))


class Rows:
    """Finds where rows name the token of a table."""

    def __init__(self, program: Program, names: Names) -> None:
        self._program = program
        self._names = names

    def held(self, node: Node, path: AccessPath = (TOKEN,), depth: int = 0) -> Node | None:
        """Where an expression's member at a path is named with a value that is not left to the database."""
        node = unwrapped(node)
        if depth > 8 or not path:
            return None
        if node.kind == "object":
            return self._by_object(node, path, depth)
        if node.kind == "array":
            at = int(path[0]) if path[0].isdecimal() else None
            one = node.children if at is None else node.children[at : at + 1]
            return self._first(one, path[1:] if is_element(path[0]) else path, depth)
        if node.kind in ("identifier", "shorthand_property_identifier"):
            return self._by_name(node, path, depth)
        if node.kind == "ternary_expression":
            return self._first(node.children[1:], path, depth)
        if node.kind == "binary_expression":
            return self._first(node.children, path, depth)
        if node.kind == "call_expression":
            return self._by_call(node, path, depth)
        if node.kind == "new_expression" and path[0] == TOKEN:
            return next(self._by_class(node), None)
        if node.kind == "member_expression" and len(path) < 4:
            owner, name = node.field("object"), member_name(node)
            around = class_around(node) if owner is not None and owner.kind == "this" else None
            if around is not None and name is not None:
                given = self._program.objects.given_below_own(around, name)
                return next((value.parent or value for said, value in given if self._is(said, path[0])), None)
            if owner is not None and name is not None:
                return self.held(owner, (name, *path), depth + 1)
        return None

    def _first(self, nodes: list[Node], path: AccessPath, depth: int) -> Node | None:
        return next((found for node in nodes if (found := self.held(node, path, depth + 1)) is not None), None)

    def _is(self, name: str | None, step: str) -> bool:
        return self._names.is_token(name, of_table=True) if step == TOKEN else name == step

    def _by_object(self, node: Node, path: AccessPath, depth: int) -> Node | None:
        for child in reversed(node.children):
            if child.kind == "spread_element":
                if (found := self.held(child, path, depth + 1)) is not None:
                    return found
                continue
            if not self._is(self._program.objects.key(child), path[0]):
                continue
            value = child.field("value") if child.kind == "pair" else child
            if value is None:
                return None
            if len(path) > 1:
                return self.held(value, path[1:], depth + 1)
            return None if is_left_to_the_database(value) else child
        return None

    # --- calls: of functions of the app, of what merges rows, of what validates them

    def _by_call(self, node: Node, path: AccessPath, depth: int) -> Node | None:
        callee = node.field("function")
        if callee is None:
            return None
        functions = self._program.objects.functions(callee)
        for function in functions:
            if (found := self._first(returns(function), path, depth)) is not None:
                return found
        if functions:
            return None
        if _WAITED_FOR.match(callee.text):
            made = [
                value for one in arguments(node) for fn in self._program.objects.functions(one) for value in returns(fn)
            ]
            return self._first([*arguments(node), *made], path, depth)
        if _MERGES.match(callee.text):
            return self._first(arguments(node), path, depth)
        name = member_name(callee) if callee.kind == "member_expression" else callee.text
        given = arguments(node)
        if name == "assoc" and len(given) > 1 and len(path) == 1 and self._is(literal(given[0]), path[0]):
            return node  # R.assoc("public_token", token, row)
        if is_element(path[0]) and name in ("map", "flatMap"):
            made = [f for one in arguments(node) for f in self._program.objects.functions(one)]
            return next((f for fn in made if (f := self._first(returns(fn), path[1:], depth)) is not None), None)
        if path == (TOKEN,) and name in PARSES:
            return self._by_schemas(node, callee, depth)
        if len(path) == 2 and path[1] == TOKEN and path[0] in PARSES_INTO.get(name or "", ()):
            return self._by_schemas(node, callee, depth)
        return None

    def _by_schemas(self, call: Node, callee: Node, depth: int) -> Node | None:
        """Of what a schema answers: `schema.parse(body)`, or `parse(schema, body)`."""
        owner = callee.field("object") if callee.kind == "member_expression" else None
        asked = [owner] if owner is not None else []
        if len(arguments(call)) > 1:
            asked.append(arguments(call)[0])
        for schema in asked:
            member = self._of_schema(schema, depth + 1)
            value = member.field("value") if member is not None and member.kind == "pair" else None
            if value is not None and (
                _GIVES_A_VALUE.search(value.text) is not None or _MAY_BE_LEFT_OUT.search(value.text) is None
            ):
                return member
        return None

    def _of_schema(self, schema: Node, depth: int) -> Node | None:
        """The member of a schema that is called like the token, unless it is left out again."""
        schema = unwrapped(schema)
        if depth > 8:
            return None
        if schema.kind == "identifier":
            found = self._program.resolver.meaning(schema)
            value = found.value if isinstance(found, Binding) and found.kind == "var" and not found.path else found
            return self._of_schema(value, depth + 1) if isinstance(value, Node) and value.kind != "program" else None
        if schema.kind == "object":
            return next((c for c in schema.children if self._is(self._program.objects.key(c), TOKEN)), None)
        callee = schema.field("function") if schema.kind == "call_expression" else None
        if callee is None:
            return None
        name = member_name(callee) if callee.kind == "member_expression" else callee.text
        given = arguments(schema)
        if name in ("omit", "pick") and given:
            listed = {self._program.objects.key(n) for n in given[-1].below("pair")} | {
                literal(n) for one in given for n in one.below("string")
            }
            if any(self._is(key, TOKEN) for key in listed) == (name == "omit"):
                return None
        inner = callee.field("object") if callee.kind == "member_expression" else None
        carried = given if name in SHAPES else given[:1] if inner is None or name in ("omit", "pick", "pipe") else []
        for one in (*carried, *([inner] if inner is not None else [])):
            if (found_here := self._of_schema(one, depth + 1)) is not None:
                return found_here
        return None

    # --- names and classes

    def _by_name(self, node: Node, path: AccessPath, depth: int) -> Node | None:
        found = self._program.resolver.meaning(node)
        if isinstance(found, Node):
            return self.held(found, path, depth + 1)
        if found is None or any(self._is(name, path[0]) for name in left_out(found)):
            return None
        for name, value in found.members:
            if (
                self._is(name, path[0])
                and len(path) > 1
                and (held := self.held(value, path[1:], depth + 1)) is not None
            ):
                return held
            if self._is(name, path[0]) and len(path) == 1 and not is_left_to_the_database(value):
                return value.parent or value
        if (merged := self._first(found.merged, path, depth)) is not None:
            return merged
        for value, taken in found.assigned:
            if not taken and value is not found.value and (held := self.held(value, path, depth + 1)) is not None:
                return held
        if found.kind == "param" and found.function is not None and not found.path:
            for call in self._program.calls_of(found.function):
                given = arguments(call)
                if found.index < len(given) and (held := self.held(given[found.index], path, depth + 1)) is not None:
                    return held
        if found.kind == "var" and found.value is not None and not any(map(is_element, found.path)):
            return self.held(found.value, (*found.path, *path), depth + 1)
        return None

    def _by_class(self, made: Node) -> Iterator[Node]:
        """Where a class gives the token of its new objects a value: a field, its constructor, a hook of the ORM."""
        callee = made.field("constructor")
        for around in self._program.objects.of(callee) if callee is not None else ():
            body = around.field("body")
            hooked = False
            for child in body.children if body is not None else ():
                if child.kind == "decorator":
                    hooked = hooked or any(_HOOKS.match(name.text) for name in child.below("identifier"))
                    continue
                if child.kind == "method_definition":
                    if hooked or key_of(child) in _HOOK_NAMES:
                        yield from self._given_in(child)
                elif child.kind == FIELD and self._is(key_of(child), TOKEN):
                    value = child.field("value")
                    if value is not None and not is_left_to_the_database(value):
                        yield child
                hooked = False

    def _given_in(self, method: Node) -> Iterator[Node]:
        for assigned in method.below("assignment_expression", "augmented_assignment_expression"):
            left, right = assigned.field("left"), assigned.field("right")
            if left is None or right is None or left.kind != "member_expression" or is_left_to_the_database(right):
                continue
            owner = left.field("object")
            if owner is not None and owner.kind == "this" and self._is(member_name(left), TOKEN):
                yield assigned
        if key_of(method) != "constructor":
            return
        for parameter in parameters(method):  # constructor(public publicToken = f())
            pattern, default = parameter.field("pattern"), parameter.field("value")
            is_member = re.match(r"(?:public|private|protected|readonly)\s", parameter.text) is not None
            if is_member and default is not None and pattern is not None and self._is(pattern.text, TOKEN):
                yield parameter

    # --- what the columns of a statement are put together from

    def behind(self, piece: Node, depth: int = 0) -> Node | None:
        """The row that a list of columns or values is made of: `Object.keys(row).map(quote).join()`, also by a name."""
        piece = unwrapped(piece)
        if depth > 8:
            return None
        if piece.kind == "identifier":
            found = self._program.resolver.meaning(piece)
            is_plain = isinstance(found, Binding) and found.kind == "var" and not found.path
            value = found.value if isinstance(found, Binding) and is_plain else None
            return self.behind(value, depth + 1) if value is not None else None
        callee = piece.field("function") if piece.kind == "call_expression" else None
        if callee is None or callee.kind != "member_expression":
            return None
        owner, name, given = callee.field("object"), member_name(callee), arguments(piece)
        if owner is not None and owner.text == "Object" and name in ("keys", "values", "entries") and given:
            return given[0]
        if owner is not None and name in ("join", "map", "filter", "sort", "slice", "toString"):
            return self.behind(owner, depth + 1)
        return None


def is_left_to_the_database(value: Node) -> bool:
    """`undefined`, or SQL's DEFAULT."""
    inner = unwrapped(value)
    if inner.kind in FUNCTIONS:
        return False
    if inner.kind == "undefined" or inner.text in ("undefined", "void 0"):
        return True
    return re.search(r"\bdefault\b", inner.text, re.IGNORECASE) is not None and inner.kind == "call_expression"
