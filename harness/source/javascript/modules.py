"""A parsed file: what each name in it stands for, what it imports and what it exports."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from harness.source.javascript.functions import member_name, parameters
from harness.source.javascript.literals import key_of, literal
from harness.source.javascript.syntax import (
    CLASSES,
    FUNCTION_DECLARATIONS,
    FUNCTIONS,
    MEMBERS,
    Node,
    Parsed,
    arguments,
    unwrapped,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

AccessPath = tuple[str, ...]
ELEMENT = "[]"
_SCOPES = FUNCTIONS | {"program", "statement_block", "for_statement", "for_in_statement", "catch_clause", "switch_body"}
_MERGES = frozenset(("assign", "merge", "extend", "defaults"))


@dataclass(slots=True, eq=False)
class Binding:
    """What a name stands for in its scope. `value` and `path` say of what it was taken: `const {a} = b` is b, (a,)."""

    name: str
    kind: str  # var, param, function, class, import, catch, element, enum
    node: Node
    value: Node | None = None
    path: AccessPath = ()
    default: Node | None = None
    index: int = 0
    function: Node | None = None
    assigned: list[tuple[Node, AccessPath]] = field(default_factory=list)
    members: list[tuple[str, Node]] = field(default_factory=list)
    added: list[Node] = field(default_factory=list)
    filled: list[Node] = field(default_factory=list)
    merged: list[Node] = field(default_factory=list)  # rows that are put into it: Object.assign(name, row)
    package: str = ""
    imported: str = ""  # the exported name; "*" for the whole module, "default"


class Module:
    """A parsed file with its scopes, imports and exports."""

    def __init__(self, parsed: Parsed) -> None:
        self.parsed = parsed
        self.path = parsed.path
        self.scopes: dict[Node, dict[str, Binding]] = defaultdict(dict)
        self.exports: dict[str, Binding | Node] = {}
        self.reexports: list[tuple[str, str, str]] = []  # (own name or "*", module, its name or "*")
        _declare(self)
        _note_changes(self)

    def resolve(self, node: Node) -> Binding | None:
        """What an identifier stands for."""
        name = node.text
        for above in node.above():
            if above.kind in _SCOPES:
                found = self.scopes.get(above)
                if found is not None and name in found:
                    return found[name]
        return None

    @cached_property
    def imports(self) -> list[Binding]:
        """What the file imports, also within a function: `const { make } = await import("./token.js")`."""
        return [binding for names in self.scopes.values() for binding in names.values() if binding.kind == "import"]


def _scope_of(node: Node) -> Node:
    return next(above for above in node.above() if above.kind in _SCOPES)


def _declare(module: Module) -> None:
    parsed = module.parsed
    for node in parsed.of_kind("variable_declarator"):
        name, value = node.field("name"), node.field("value")
        if name is None:
            continue
        package = required_package(value) if value is not None else None
        for made in _of_pattern(name, value, ()):
            if package is not None and len(made.path) <= 1:
                made.kind, made.package, made.imported = "import", package, made.path[0] if made.path else "*"
            _bind(module, _scope_of(node), made)
    for node in parsed.of_kind(*FUNCTIONS):
        _declare_parameters(module, node)
        name = node.field("name")
        if node.kind in FUNCTION_DECLARATIONS and name is not None:
            _bind(module, _scope_of(node), Binding(name.text, "function", node, value=node))
        elif name is not None and node.kind != "method_definition":
            _bind(module, node, Binding(name.text, "function", node, value=node))
    for node in parsed.of_kind(*CLASSES, "enum_declaration"):
        name = node.field("name")
        if name is not None:
            kind = "enum" if node.kind == "enum_declaration" else "class"
            _bind(module, _scope_of(node), Binding(name.text, kind, node, value=node))
    for node in parsed.of_kind("for_in_statement"):
        left, right = node.field("left"), node.field("right")
        if left is not None:
            for made in _of_pattern(left, right, (ELEMENT,)):
                made.kind = "element"
                _bind(module, node, made)
    for node in parsed.of_kind("catch_clause"):
        caught = node.field("parameter")
        if caught is not None:
            for made in _of_pattern(caught, None, ()):
                made.kind = "catch"
                _bind(module, node, made)
    for node in parsed.of_kind("import_statement"):
        _declare_imports(module, node)
    for node in parsed.of_kind("export_statement"):
        _declare_exports(module, node)
    for node in parsed.of_kind("assignment_expression"):
        _declare_common_exports(module, node)


def _bind(module: Module, scope: Node, binding: Binding) -> None:
    known = module.scopes[scope].setdefault(binding.name, binding)
    if known is not binding and binding.value is not None:  # `var` twice, or overloads of a function
        if known.value is None or known.kind == "function":
            module.scopes[scope][binding.name] = binding
        else:
            known.assigned.append((binding.value, binding.path))


def required_package(value: Node) -> str | None:
    """The module of `require("x")` or `await import("x")`."""
    value = unwrapped(value)
    if value.kind == "member_expression" and (prop := value.field("property")) and prop.text == "default":
        inner = value.field("object")
        value = unwrapped(inner) if inner is not None else value
    if value.kind != "call_expression":
        return None
    callee = value.field("function")
    given = arguments(value)
    if callee is None or len(given) != 1 or callee.text not in ("require", "import"):
        return None
    return literal(given[0])


def _of_pattern(pattern: Node, value: Node | None, path: AccessPath) -> Iterator[Binding]:
    """The names that a pattern binds, each with the path to what it takes out of the value."""
    kind = pattern.kind
    if kind in ("identifier", "shorthand_property_identifier_pattern"):
        here = (*path, pattern.text) if kind != "identifier" else path
        yield Binding(pattern.text, "var", pattern, value=value, path=here)
    elif kind in ("assignment_pattern", "object_assignment_pattern"):
        left, right = pattern.field("left") or pattern.children[0], pattern.field("right") or pattern.children[-1]
        for made in _of_pattern(left, value, path):
            if left.kind in ("identifier", "shorthand_property_identifier_pattern"):
                made.default = right
            yield made
    elif kind == "object_pattern":
        for child in pattern.children:
            if child.kind == "pair_pattern":
                key, inner = key_of(child), child.field("value")
                if inner is not None:
                    yield from _of_pattern(inner, value, (*path, key or "?"))
            else:
                yield from _of_pattern(child, value, path)
    elif kind == "array_pattern":
        for at, child in _placed(pattern):
            step = ELEMENT if child.kind == "rest_pattern" else str(at)
            yield from _of_pattern(child, value, (*path, step))
    elif kind == "rest_pattern" and pattern.children:
        yield from _of_pattern(pattern.children[0], value, path)


def _placed(pattern: Node) -> Iterator[tuple[int, Node]]:
    """The parts of a pattern for a list, each with its place: `[, token]` takes the second element."""
    text, at, seen = pattern.file.text, 0, pattern.start + 1
    for child in pattern.children:
        at += text.count(",", seen, child.start)
        seen = child.end
        yield at, child


def _declare_parameters(module: Module, function: Node) -> None:
    for index, parameter in enumerate(parameters(function)):
        pattern = parameter.field("pattern") if parameter.kind.endswith("_parameter") else parameter
        default = parameter.field("value") if parameter.kind.endswith("_parameter") else None
        if pattern is None:
            continue
        for made in _of_pattern(pattern, None, ()):
            made.kind, made.index, made.function, made.node = "param", index, function, parameter
            if default is not None and not made.path:
                made.default = default
            elif default is not None:
                made.assigned.append((default, made.path))
            _bind(module, function, made)


def _declare_imports(module: Module, node: Node) -> None:
    source = node.field("source") or next(iter(node.below("string")), None)
    package = literal(source)
    if package is None:
        return

    if node.text.startswith("export"):  # export X from "./x", which the parser was handed as an import
        module.reexports += [(child.text, package, "default") for child in node.below("identifier")]
        return

    def add(local: Node, imported: str) -> None:
        binding = Binding(local.text, "import", local, package=package or "", imported=imported)
        _bind(module, module.parsed.root, binding)

    required = node.of_kind("import_require_clause")
    if required is not None:
        add(required.children[0], "*")
    clause = node.of_kind("import_clause")
    for child in clause.children if clause is not None else ():
        if child.kind == "identifier":
            add(child, "default")
        elif child.kind == "namespace_import" and child.children:
            add(child.children[0], "*")
        elif child.kind == "named_imports":
            for one in child.children:
                name, alias = one.field("name"), one.field("alias")
                if name is not None:
                    add(alias or name, literal(name) or name.text)


def _declare_exports(module: Module, node: Node) -> None:
    declared, value, source = node.field("declaration"), node.field("value"), literal(node.field("source"))
    is_default = re.match(r"export\s+default\b", node.text) is not None
    clause = node.of_kind("export_clause")
    if source is not None:
        specifiers = clause.children if clause is not None else []
        for one in specifiers:
            name, alias = one.field("name"), one.field("alias")
            if name is not None:
                module.reexports.append(((alias or name).text, source, name.text))
        whole = node.of_kind("namespace_export")
        if whole is not None and whole.children:
            module.reexports.append((whole.children[0].text, source, "*all"))
        elif clause is None:
            module.reexports.append(("*", source, "*"))
    elif clause is not None:
        for one in clause.children:
            name, alias = one.field("name"), one.field("alias")
            found = module.scopes[module.parsed.root].get(name.text) if name is not None else None
            if name is not None and found is not None:
                module.exports[(alias or name).text] = found
    elif declared is not None:
        _export_declared(module, declared, is_default=is_default)
    else:
        last = value or (node.children[-1] if node.children else None)
        if last is not None:
            module.exports["default"] = last


def _export_declared(module: Module, declared: Node, *, is_default: bool) -> None:
    name = declared.field("name")
    if is_default:
        module.exports["default"] = declared
    if name is not None and (found := module.scopes[module.parsed.root].get(name.text)) is not None:
        module.exports[name.text] = found
    for child in declared.children:
        if child.kind == "variable_declarator" and (pattern := child.field("name")) is not None:
            for made in _of_pattern(pattern, None, ()):
                found = module.scopes[module.parsed.root].get(made.name)
                if found is not None:
                    module.exports[made.name] = found


def _declare_common_exports(module: Module, node: Node) -> None:
    """`module.exports = {a, b}`, `exports.a = b`, `module.exports.a = b`."""
    left, right = node.field("left"), node.field("right")
    if left is None or right is None or left.kind != "member_expression":
        return
    said = left.text
    if said == "module.exports":
        module.exports["default"] = right
        if right.kind == "object":
            for child in right.children:
                name = key_of(child)
                value = child.field("value") if child.kind == "pair" else child
                if name is not None and value is not None and child.kind != "spread_element":
                    module.exports[name] = value
    elif said.startswith(("exports.", "module.exports.")):
        module.exports[said.rpartition(".")[2]] = right


def _note_changes(module: Module) -> None:
    """What is assigned to a name after its declaration, put into what it holds, or filled in from outside."""
    for node in module.parsed.of_kind("assignment_expression", "augmented_assignment_expression"):
        left, right = node.field("left"), node.field("right")
        if left is None or right is None:
            continue
        if left.kind in MEMBERS:
            owner, name = left.field("object"), member_name(left)
            binding = module.resolve(owner) if owner is not None and owner.kind == "identifier" else None
            if binding is not None:
                binding.members.append((name or ELEMENT, right))
            continue
        for made in _of_pattern(left, right, ()):
            binding = module.resolve(made.node)
            if binding is not None:
                binding.assigned.append((right, made.path))
    for call in module.parsed.of_kind("call_expression"):
        callee = call.field("function")
        if callee is None or callee.kind not in ("member_expression", "identifier"):
            continue
        name = member_name(callee) if callee.kind == "member_expression" else callee.text
        if name in _MERGES and callee.kind == "member_expression":
            target, *rows = arguments(call) or [call]
            if rows and target.kind == "identifier" and (binding := module.resolve(target)) is not None:
                binding.merged += rows
        elif name in ("push", "unshift", "fill", "set", "add", "append", "splice"):
            owner = callee.field("object")
            if owner is not None and owner.kind == "identifier" and (binding := module.resolve(owner)) is not None:
                binding.added += arguments(call)
        elif name in ("getRandomValues", "randomFillSync", "randomFill"):
            for given in arguments(call):
                if given.kind == "identifier" and (binding := module.resolve(given)) is not None:
                    binding.filled.append(call)
