"""What an app does about 23505, a unique violation: which handlers guard the storing of a row of the table.

A handler is found by what it recognises the violation by, wherever that is written: in the condition itself, in a
constant or in a helper. What it guards is the block it is to catch errors of, or the calls it is handed to.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from harness.source.app.comparisons import OF_AN_ERROR, Comparisons, comparison_around, is_of_an_error
from harness.source.app.guards import Guards
from harness.source.app.regions import Regions
from harness.source.app.violations import Violations
from harness.source.javascript.literals import literal
from harness.source.javascript.syntax import (
    Node,
    enclosing_function,
    outermost,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.source.app.calls import Calls
    from harness.source.app.constraints import Constraints
    from harness.source.app.names import Names
    from harness.source.app.write import Write
    from harness.source.javascript.modules import Module
    from harness.source.javascript.program import Program

HandlerScope = Literal["ours", "other", "global"]


@dataclass(frozen=True, slots=True)
class Handler:
    """A place that handles a unique violation, and why it concerns the token or does not."""

    node: Node
    verdict: HandlerScope
    why: str


class Collisions:
    """Finds the handlers of a program."""

    def __init__(
        self, program: Program, names: Names, calls: Calls, writes: list[Write], constraints: Constraints
    ) -> None:
        self._program = program
        self._names = names
        self._constraints = constraints
        creates = [at for write in writes if write.is_create or write.may_store for at in write.run_at]
        self._violations = Violations(program)
        self._guards = Guards(program)
        self._regions = Regions(program, names, calls, creates)
        self._comparisons = Comparisons(program, names, constraints)

    def handlers(self) -> list[Handler]:
        """All handlers, each place once, those of the token's column first."""
        found: dict[tuple[str, int], Handler] = {}
        for at in self._violations.all():
            handler = self._judged(at)
            key = at.file.path, at.line
            if handler is not None and (key not in found or handler.verdict == "ours"):
                found[key] = handler
        for handler in self._of_constraints():
            near = enclosing_function(handler.node)
            if not any(near is enclosing_function(other.node) for other in found.values() if other.verdict == "ours"):
                found.setdefault((handler.node.file.path, handler.node.line), handler)
        order = {"ours": 0, "global": 1, "other": 2}
        return sorted(found.values(), key=lambda h: (order[h.verdict], h.node.file.path, h.node.line))

    def _of_constraints(self) -> Iterator[Handler]:
        """Those that ask for the token's constraint, or for its column, and for no code."""
        asks = re.compile(rf"{OF_AN_ERROR.pattern}|_{self._names.token_in_text.pattern}", re.IGNORECASE)
        known = self._program.files.matching(self._names.token_in_text, self._names.token_word)
        files = [file for file in known if asks.search(file.text)]
        named = [name for name, is_ours in self._constraints.known.items() if is_ours]
        files = [
            *files,
            *(f for f in self._program.files.own if f not in files and any(name in f.text for name in named)),
        ]
        for module in self._program.files.modules(files):
            for node in module.parsed.of_kind("string", "template_string", "regex"):
                said = literal(node) or node.text
                if said not in self._constraints.known and self._names.token_word not in said.lower():
                    continue
                whose = self._constraints.of(said)
                if whose in ("other", "silent"):
                    continue
                for at in self._violations.decisions(node):
                    asked = comparison_around(at)
                    if asked is None or not is_of_an_error(asked, whose):
                        continue
                    handler = self._judged(at)
                    if handler is not None:
                        yield handler
            yield from self._of_maps(module)

    def _of_maps(self, module: Module) -> Iterator[Handler]:
        """Of answers by constraint: `{chatbots_public_token_key: "taken"}[err.constraint]`, also by a name."""
        keys = [
            node
            for name in module.parsed.names
            if self._names.token_word in name.lower() and self._constraints.of(name) == "ours"
            for node in module.parsed.named(name)
        ]
        keys += [
            node
            for node in module.parsed.of_kind("string")
            if node.parent is not None
            and node.parent.kind == "pair"
            and self._constraints.of(literal(node) or "") == "ours"
        ]
        for key in keys:
            pair = key.parent
            if pair is None or pair.kind != "pair" or pair.field("key") is not key or pair.parent is None:
                continue
            held = outermost(pair.parent)
            declared = held.parent if held.parent is not None and held.parent.kind == "variable_declarator" else None
            name = declared.field("name") if declared is not None else None
            binding = module.resolve(name) if name is not None else None
            for use in [held] if binding is None else self._program.references(binding):
                index = use.parent.field("index") if use.parent is not None and use.parent is not pair else None
                if index is not None and index is not use and OF_AN_ERROR.search(index.text):
                    yield Handler(use, "ours", f"it asks for {self._names.token}")

    def _judged(self, at: Node) -> Handler | None:
        subject = self._comparisons.subject(at)
        if subject == "ours":
            return Handler(at, "ours", f"it asks for {self._names.token}")
        guards = self._guards.of(at)
        if subject == "other":
            return Handler(at, "other", "it asks for another constraint")
        if subject == "column":
            regions = [region for guard in guards for region in guard.regions]
            if self._regions.store_another(regions):
                return Handler(at, "other", "it guards the storing of another table")
            return Handler(at, "ours", f"it asks for {self._names.token}")
        for guard in guards:
            if self._regions.may_store(guard.regions):
                if self._comparisons.subject(guard.place) == "other":
                    continue
                if self._comparisons.speaks_of_another(at, guard.place):
                    return Handler(at, "other", "its answer speaks of another column")
                where = (
                    ""
                    if guard.place.file is at.file and guard.place.line == at.line
                    else f", used at {guard.place.file.path}:{guard.place.line}"
                )
                return Handler(at, "ours", f"it guards the storing of {self._names.table}{where}")
        if any(guard.is_global for guard in guards):
            return Handler(at, "global", "it handles the errors of every route")
        return Handler(at, "other", "it guards nothing that stores this table") if guards else None
