"""What a name stands for, through imports and exports, across the files of a checkout.

What cannot be resolved is None, never an error.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.source.javascript.functions import member_name
from harness.source.javascript.literals import key_of
from harness.source.javascript.modules import Binding, Module, required_package
from harness.source.javascript.syntax import Node, unwrapped

if TYPE_CHECKING:
    from harness.source.javascript.files import Files


class Resolver:
    """Resolves names."""

    def __init__(self, files: Files) -> None:
        self._files = files

    def exported(self, module: Module, name: str, seen: frozenset[str] = frozenset()) -> Binding | Node | None:
        """What a file exports by a name, through files that only pass it on."""
        if name in module.exports:
            found = module.exports[name]
            if isinstance(found, Node) and found.kind == "identifier":
                return module.resolve(found) or found
            if isinstance(found, Node) and found.kind == "shorthand_property_identifier":
                return module.resolve(found) or found
            return found
        if module.path in seen:
            return None
        for own, package, theirs in module.reexports:
            if own not in (name, "*") or (own == "*" and name == "default"):
                continue
            other = self._files.imported_module(module.path, package)
            if other is None:
                if own == name:  # passed on from a package
                    return Binding(name, "import", module.parsed.root, package=package, imported=theirs)
                continue
            if theirs == "*all":
                return other.parsed.root
            found_there = self.exported(other, theirs if own == name else name, seen | {module.path})
            if found_there is not None:
                return found_there
        return None

    def behind(self, binding: Binding) -> Binding | Node | None:
        """What an import stands for; the import itself where it is of a package, None where it is not known.

        A whole module is the root of its tree.
        """
        for _ in range(8):
            if binding.kind != "import":
                return binding
            module = self._files.imported_module(binding.node.file.path, binding.package)
            if module is None:
                return binding
            if binding.imported == "*":
                return whole(module)
            found = self.exported(module, binding.imported)
            if not isinstance(found, Binding):
                return found
            binding = found
        return None

    def meaning(self, node: Node) -> Binding | Node | None:
        """What an identifier stands for, through imports; a Node is an exported expression or a whole module."""
        binding = self._files.of(node).resolve(node)
        return self.behind(binding) if binding is not None else None

    def package_of(self, node: Node) -> tuple[str, str] | None:
        """The package and the exported name that an expression is imported from: `v4`, `uuid.v4`, `c.randomBytes`."""
        node = unwrapped(node)
        if node.kind == "identifier":
            found = self.meaning(node)
            if isinstance(found, Binding) and found.kind == "import":
                return found.package, found.imported
            if (
                isinstance(found, Binding)
                and found.kind == "var"
                and found.value is not None
                and found.value is not node
            ):
                inner = (
                    self.package_of(found.value) if found.value.kind in ("identifier", "member_expression") else None
                )
                if inner is not None:
                    return inner[0], found.path[-1] if found.path else inner[1]
            return None
        if node.kind == "member_expression":
            owner, name = node.field("object"), member_name(node)
            known = self.package_of(owner) if owner is not None else None
            if known is not None and name is not None:
                return known[0], name if known[1] in ("*", "default", "webcrypto", "promises") else f"{known[1]}.{name}"
        package = required_package(node) if node.kind == "call_expression" else None
        if package is not None and self._files.imported_module(node.file.path, package) is None:
            return package, "*"
        return None


def whole(module: Module) -> Binding | Node:
    """All that a file exports: what it gives `module.exports`, or the root of its tree."""
    default = module.exports.get("default") if "module.exports" in module.parsed.text else None
    return module.parsed.root if default is None else default


def left_out(binding: Binding) -> list[str]:
    """What a name of the rest of an object does not hold: `{a, b, ...rest}` leaves out a and b."""
    rest = binding.node.parent
    pattern = rest.parent if rest is not None and rest.kind == "rest_pattern" else None
    if pattern is None or pattern.kind != "object_pattern":
        return []
    taken = [one.field("left") or one if one.kind == "object_assignment_pattern" else one for one in pattern.children]
    return [key_of(one) or one.text for one in taken if one is not rest]
