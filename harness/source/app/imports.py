"""Imports of what makes random values that nothing uses: where rows are stored, and of the same generator elsewhere."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from harness.source.javascript.functions import returns
from harness.source.javascript.modules import Binding
from harness.source.javascript.syntax import FUNCTIONS, Node, unwrapped

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from harness.source.app.flow import Flow
    from harness.source.app.rules import Generators
    from harness.source.javascript.modules import Module
    from harness.source.javascript.program import Program

_DECLARES = ("import_specifier", "import_clause", "namespace_import", "import_require_clause")


class Imports:
    """Finds them in a program."""

    def __init__(self, program: Program, generators: Generators, flow: Flow) -> None:
        self._program = program
        self._generators = generators
        self._flow = flow

    def unused(self, homes: Iterable[str], helpers: Iterable[str]) -> list[tuple[Node, str]]:
        """The imports that nothing uses, each with why it counts.

        `homes` are the files that store rows: there any generator counts. Elsewhere what was imported in one of those
        counts, and the functions that make tokens, whose names are `helpers`.
        """
        found: dict[Node, str] = {}
        names = set(helpers)
        for path in sorted(homes):
            for binding in self._unused_in(self._program.files.module(path)):
                if self._makes(binding):
                    found[binding.node] = f"{binding.name} is imported and not used any more"
                    names.add(binding.imported if binding.imported not in ("*", "default") else binding.package)
        for name in sorted(names):
            for module in self._program.files.mentioning(name):
                for binding in self._unused_in(module):
                    if name in (binding.imported, binding.package) and self._makes(binding):
                        found.setdefault(binding.node, f"{binding.name} is imported and not used any more")
        return list(found.items())

    def _unused_in(self, module: Module) -> Iterator[Binding]:
        for binding in module.imports:
            if _is_type(binding.node):
                continue
            uses = (
                use
                for use in module.parsed.named(binding.name)
                if use is not binding.node and (use.parent is None or use.parent.kind not in _DECLARES)
            )
            if next(uses, None) is None:
                yield binding

    def _makes(self, binding: Binding) -> bool:
        """Whether an import is of what makes random values: of a package's, or of a function of the app that does."""
        behind = self._program.resolver.behind(binding)
        if not isinstance(behind, Binding):
            return False
        if behind.kind != "import":
            return made_by(self._program, self._flow, behind) is not None
        return self._generators.is_imported(behind) or self._generators.may_be_imported(behind)


def _is_type(node: Node) -> bool:
    """Whether an import is of a type, which makes nothing."""
    stands_in = next((above for above in node.above() if above.kind == "import_statement"), None)
    one = node.parent if node.parent is not None and node.parent.kind == "import_specifier" else None
    return any(at is not None and re.match(r"(?:import\s+)?type\s", at.text) is not None for at in (stands_in, one))


def made_by(program: Program, flow: Flow, binding: Binding) -> Node | None:
    """What makes the value that a function answers; of a constant only where it is a function itself."""
    value = unwrapped(binding.value) if binding.value is not None else None
    if value is None:
        return None
    if value.kind in FUNCTIONS:
        return next((o for one in returns(value) if (o := flow.origin_within(one)) is not None), None)
    if value.kind == "call_expression":  # customAlphabet(..), init({..})
        callee = value.field("function")
        known = program.resolver.package_of(callee) if callee is not None else None
        makes = known is not None and re.search(
            r"alphabet|random$|factory|init|hyperid|customRandom|generator", known[1], re.IGNORECASE
        )
        return flow.origin_within(value) if makes else None
    return None
