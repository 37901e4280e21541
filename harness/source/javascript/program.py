"""The app as a program: its files, what a name stands for in them, what an expression may be, and who calls what.

Files are parsed when something in them is asked for. What cannot be resolved is `None` or empty, never an error.
"""

from __future__ import annotations

import gc
import re
from collections import defaultdict
from contextlib import contextmanager
from typing import TYPE_CHECKING

from harness.source.javascript.files import Files
from harness.source.javascript.functions import class_around, function_name
from harness.source.javascript.literals import key_of
from harness.source.javascript.modules import Binding, Module
from harness.source.javascript.objects import Objects
from harness.source.javascript.resolver import Resolver
from harness.source.javascript.syntax import CLASSES, FUNCTIONS, Node, outermost

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.source.checkout import SourceFile


@contextmanager
def opened(
    files: tuple[SourceFile, ...], settings: tuple[SourceFile, ...] = (), pages: tuple[SourceFile, ...] = ()
) -> Iterator[Program]:
    """The program of some files, taken apart at the end.

    `settings` say what they mean by an import, and `pages` are files that use what is in them, but are not parsed.

    Trees are full of cycles and live until then: to look for garbage among them costs more than to parse.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    program = Program(files, settings, pages)
    try:
        yield program
    finally:
        program.files.forget()
        if was_enabled:
            gc.enable()


class Program:
    """The source files of a checkout, with what is known of their names, objects and calls."""

    def __init__(
        self, files: tuple[SourceFile, ...], settings: tuple[SourceFile, ...] = (), pages: tuple[SourceFile, ...] = ()
    ) -> None:
        self._pages = pages
        self.files = Files(files, settings)
        self.resolver = Resolver(self.files)
        self.objects = Objects(self.files, self.resolver, self._entered)
        self._exported: dict[str, dict[Node, set[str]]] = {}
        self._callers: dict[Node, list[Node]] = {}

    def is_unread(self, found: Binding) -> bool:
        """Whether an import is by an alias of which it could not be read what it means."""
        return self.files.is_unread(found.node.file.path, found.package)

    def is_on_page(self, name: str) -> bool:
        """Whether a page of Vue, Svelte, Astro or MDX holds a name."""
        word = re.compile(rf"(?<![\w$]){re.escape(name)}(?![\w$])")
        return any(name in page.text and word.search(page.text) is not None for page in self._pages)

    def made(self, around: Node) -> list[Node]:
        """Where objects of a class are made: `new X(..)`, also `new this(..)` in the class itself."""
        name = around.field("name")
        if name is None:
            return []
        return [
            node
            for module in self.files.mentioning(name.text)
            for node in module.parsed.of_kind("new_expression")
            if (callee := node.field("constructor")) is not None
            and (around in self.objects.of(callee) or (callee.kind == "this" and around.holds(node)))
        ]

    def _entered(self, function: Node) -> list[Node]:
        """The calls that enter a function, of a constructor where its class is made."""
        around = class_around(function) if key_of(function) == "constructor" else None
        return self.made(around) if around is not None else self.calls_of(function)

    def calls_of(self, function: Node) -> list[Node]:
        """The calls of a function in the app."""
        if function not in self._callers:
            self._callers[function] = []
            self._callers[function] = list(self._find_calls(function))
        return self._callers[function]

    def _find_calls(self, function: Node) -> Iterator[Node]:
        name = function_name(function)
        if name is None:
            return
        exports = {name} | self._exported_as(self.files.of(function), function)
        asked = {file.path for export in exports - {"default"} for file in self.files.holding(export)}
        if "default" in exports:
            asked |= {
                file.path
                for file in self.files.holding(self._stem(function))
                if "import" in file.text or "require" in file.text
            }
        for path in sorted(asked):
            module = self.files.module(path)
            for local in {name} | {b.name for b in module.imports if b.imported in exports}:
                for node in module.parsed.named(local):
                    call = _called(node)
                    if call is not None and function in self.objects.functions(_callee(call)):
                        yield call

    def _exported_as(self, module: Module, function: Node) -> set[str]:
        """The names by which a file exports a function."""
        if module.path not in self._exported:
            known: dict[Node, set[str]] = defaultdict(set)
            for key, found in module.exports.items():
                value = found.value if isinstance(found, Binding) else found
                if value is not None:
                    known[value].add(key)
            self._exported[module.path] = dict(known)
        return self._exported[module.path].get(function, set())

    def _stem(self, node: Node) -> str:
        """What an import of a node's file holds: its name, or its folder's."""
        stem = re.sub(r"\.[cm]?[jt]sx?$", "", node.file.path)
        return stem.removesuffix("/index").rpartition("/")[2]

    def _is_whole(self, found: Binding | Node | None, home: Module) -> bool:
        """Whether an import is of all that a file exports: the module, or the object that is its default."""
        default = home.exports.get("default")
        return found is not None and (found is home.parsed.root or found is default)

    def references(self, binding: Binding) -> Iterator[Node]:
        """The uses of a name that is declared at the top of a file, in all files; not its declaration nor imports."""
        home = self.files.of(binding.node)
        exports = {key for key, value in home.exports.items() if _stands_for(home, value, binding)}
        for node in home.parsed.named(binding.name):
            if not _declares(node) and home.resolve(node) is binding:
                yield node
        asked = {file.path for export in exports - {"default"} for file in self.files.holding(export)}
        if "default" in exports:
            asked |= {file.path for file in self.files.holding(self._stem(binding.node))}
        for path in sorted(asked - {home.path}):
            module = self.files.module(path)
            for local in module.imports:
                if self.resolver.behind(local) is binding:
                    yield from (n for n in module.parsed.named(local.name) if not _declares(n))
                elif local.imported in ("*", "default") and self._is_whole(self.resolver.behind(local), home):
                    yield from (n for e in exports for n in module.parsed.named(e) if n.kind == "property_identifier")


def _stands_for(home: Module, value: Binding | Node, binding: Binding) -> bool:
    """Whether what is exported is what a name stands for."""
    if isinstance(value, Binding):
        return value is binding
    if value.kind in ("identifier", "shorthand_property_identifier"):
        return home.resolve(value) is binding
    return value is binding.value


def _declares(node: Node) -> bool:
    """Whether an identifier declares or imports rather than uses a name."""
    parent = node.parent
    if parent is None:
        return True
    if parent.kind in (
        "import_specifier",
        "import_clause",
        "namespace_import",
        "export_specifier",
        "import_require_clause",
    ):
        return True
    if parent.kind in ("variable_declarator", *FUNCTIONS, *CLASSES, "enum_declaration"):
        return parent.field("name") is node
    return parent.kind == "pair_pattern" or node.kind == "shorthand_property_identifier_pattern"


def _callee(call: Node) -> Node:
    callee = call.field("function") or call.field("constructor")
    assert callee is not None
    return callee


def _called(node: Node) -> Node | None:
    """The call whose callee ends with this name."""
    above = node.parent
    if node.kind == "property_identifier":
        if above is None or above.kind != "member_expression" or above.field("property") is not node:
            return None
        node = above
    above = outermost(node).parent
    if above is not None and above.kind in ("call_expression", "new_expression"):
        callee = above.field("function") or above.field("constructor")
        return above if callee is node else None
    return None
