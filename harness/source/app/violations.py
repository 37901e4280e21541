"""Where an app recognises a unique violation, 23505: by a text, a number or a name, and where that decides."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from harness.source.app.rules import collision_rule
from harness.source.javascript.functions import member_name
from harness.source.javascript.literals import key_of
from harness.source.javascript.syntax import (
    CLASSES,
    FIELD,
    FUNCTIONS,
    WRAPPERS,
    Node,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.source.javascript.modules import Module
    from harness.source.javascript.program import Program

VIOLATION = re.compile(r"23505|P2002|unique|duplicate key|ER_DUP_ENTRY", re.IGNORECASE)
# What a file holds that recognises one: `unique` alone is said of many things.
_RECOGNISES = re.compile(
    r"23505|P2002|duplicate key|ER_DUP_ENTRY|violates unique|unique[\w ]{0,12}(?:violat|constraint)", re.IGNORECASE
)
_WORDS = ("23505", "p2002", "unique", "duplicate key", "er_dup_entry")
_DEEPEST = 6  # names and calls that are followed


class Violations:
    """Finds what recognises a unique violation in a program."""

    def __init__(self, program: Program) -> None:
        self._program = program

    def all(self) -> Iterator[Node]:
        """Where a violation that is recognised by its code, its message or its name decides."""
        for module in self._program.files.modules(self._program.files.matching(_RECOGNISES, *_WORDS)):
            for node in self._candidates(module):
                if collision_rule(self._program, node) is not None and not _is_declaration(node):
                    yield from self.decisions(node)

    def _candidates(self, module: Module) -> Iterator[Node]:
        """What may recognise a violation: texts, numbers, regular expressions, and names, also of what was renamed."""
        for node in module.parsed.of_kind("string", "template_string", "regex", "number"):
            text = node.text.lower()
            if any(word in text for word in _WORDS) or "unique_" in text:
                yield node
        renamed = {b.name for b in module.imports if b.name != b.imported and VIOLATION.search(b.imported)}
        for name in module.parsed.names:
            if name in renamed or VIOLATION.search(name):
                yield from (
                    node for node in module.parsed.named(name) if node.kind in ("identifier", "property_identifier")
                )

    def decisions(self, node: Node) -> Iterator[Node]:
        """Where something that recognises a violation is asked: itself, or the uses of the constant that it is."""
        return self._decisions(node, 0, set())

    def _decisions(self, node: Node, depth: int, seen: set[Node]) -> Iterator[Node]:
        if depth > _DEEPEST or node in seen:
            return
        seen.add(node)
        held = node
        for above in node.above():
            if above.kind in (
                "array",
                "object",
                "pair",
                *WRAPPERS,
                "new_expression",
                "arguments",
                "enum_assignment",
                "enum_body",
                "call_expression",
            ) and _is_constant(above, node):
                if above.kind in ("pair", "enum_assignment"):
                    held = above
                continue
            if above.kind in ("variable_declarator", "enum_declaration", FIELD, "export_statement"):
                yield from self._uses(above, held, depth, seen)
                return
            break
        yield node

    def _uses(self, declared: Node, held: Node, depth: int, seen: set[Node]) -> Iterator[Node]:
        name = declared.field("name")
        binding = (
            self._program.files.of(declared).resolve(name)
            if name is not None and name.kind in ("identifier", "type_identifier")
            else None
        )
        if declared.kind == "enum_declaration" and name is not None:
            binding = (
                self._program.files.of(declared).scopes[self._program.files.of(declared).parsed.root].get(name.text)
            )
        key = None
        if held.kind in ("pair", "enum_assignment"):
            key = key_of(held) if held.kind == "pair" else held.children[0].text
        if declared.kind == FIELD:
            key = key_of(declared)
        uses = list(self._program.references(binding)) if binding is not None else []
        if binding is None and key is not None:
            uses = [
                n
                for module in self._program.files.mentioning(key)
                for n in module.parsed.named(key)
                if n.kind == "property_identifier" and n.parent is not None and n.parent.kind == "member_expression"
            ]
        for use in uses:
            above = use.parent
            if (
                (
                    key is not None
                    and above is not None
                    and above.kind == "member_expression"
                    and above.field("object") is use
                )
                and member_name(above) not in (key, None)
                and not (key or "").isdecimal()
                and key != "P2002"
            ):
                continue
            yield from self._decisions(use, depth + 1, seen)


def _is_declaration(node: Node) -> bool:
    above = node.parent
    if above is None or above.kind in (
        "import_specifier",
        "import_statement",
        "import_clause",
        "export_specifier",
        "namespace_import",
    ):
        return True
    if above.kind in (
        "variable_declarator",
        *FUNCTIONS,
        *CLASSES,
        "pair_pattern",
        "enum_assignment",
        "method_signature",
    ):
        return (
            above.field("name") is node
            or (above.kind == "enum_assignment" and above.children[0] is node)
            or above.kind == "pair_pattern"
        )
    if above.kind == "pair" and above.field("key") is node:
        return node.kind == "property_identifier"
    return any(
        one.kind in ("type_annotation", "type_alias_declaration", "interface_declaration", "literal_type")
        for one in node.above()
    )


def _is_constant(above: Node, node: Node) -> bool:
    """Whether what holds a code only keeps it: a list, a map, `new Set([..])`, `Object.freeze({..})`."""
    if above.kind == "call_expression":
        callee = above.field("function")
        return callee is not None and callee.text in ("Object.freeze", "Symbol", "String") and not callee.holds(node)
    if above.kind == "new_expression":
        made = above.field("constructor")
        return made is not None and made.text in ("Set", "Map")
    if above.kind == "object" and above.parent is not None and above.parent.kind == "subscript_expression":
        return False
    if above.kind == "arguments" and above.parent is not None:
        return _is_constant(above.parent, node)
    return True
