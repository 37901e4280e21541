"""Whether rows are stored while a region of code runs: of the table, or of another one."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import defaultdict
from typing import TYPE_CHECKING

from harness.source.javascript.modules import Binding
from harness.source.javascript.syntax import (
    Node,
    arguments,
    unwrapped,
)
from harness.source.spelling import plain

if TYPE_CHECKING:
    from harness.source.app.calls import Calls
    from harness.source.app.names import Names
    from harness.source.javascript.program import Program

_STORES = re.compile(r"(?:create|insert|save|add|store|register|new)", re.IGNORECASE)
_WRITES = re.compile(r"\binsert\s+into\b|\bupdate\s+\S+\s+set\b", re.IGNORECASE)
_DEEPEST = 6  # names and calls that are followed


class Regions:
    """Follows the calls of regions to where rows are stored; `creates` are where rows of the table are."""

    def __init__(self, program: Program, names: Names, calls: Calls, creates: list[Node]) -> None:
        self._program = program
        self._names = names
        self._calls = calls
        self._creates = creates
        self._in_file: dict[str, list[tuple[int, int]]] = defaultdict(list)
        for create in sorted(creates, key=lambda node: node.start):
            self._in_file[create.file.path].append((create.start, create.end))

    def may_store(self, regions: tuple[Node, ...]) -> bool:
        """Whether a row of the table may be stored while regions run, by a call that is followed or by its name."""
        return any(self._reaches(region, 0, set()) for region in regions) or self._may_store_by_name(regions)

    def reaches(self, region: Node) -> list[Node]:
        """The places that store a row of the table to which the calls of a region lead, as far as they are followed."""
        return [create for create in self._creates if Regions.of(self, create)._reaches(region, 0, set())]

    def of(self, create: Node) -> Regions:
        """The same, for one place that stores."""
        return Regions(self._program, self._names, self._calls, [create])

    def store_another(self, regions: list[Node]) -> bool:
        """Whether rows of another table are stored while regions run, and of this one none, as far as can be seen."""
        if any(self._reaches(region, 0, set()) for region in regions):
            return False
        return any(self._stores_another(region, 0, set()) for region in regions)

    def _holds_create(self, region: Node) -> bool:
        """Whether a row of the table is stored in a region itself: what begins in it also ends there."""
        spans = self._in_file.get(region.file.path, [])
        for start, end in spans[bisect_left(spans, (region.start, 0)) :]:
            if start >= region.end:
                break
            if end <= region.end:
                return True
        return False

    def _reaches(self, region: Node, depth: int, seen: set[Node]) -> bool:
        """Whether a row of the table may be stored while a region runs."""
        if self._holds_create(region):
            return True
        if depth > _DEEPEST or region in seen:
            return False
        seen.add(region)
        called: list[Node] = []
        for call in region.below("call_expression", "new_expression"):
            callee = call.field("function") or call.field("constructor")
            if callee is None:
                continue
            functions = self._program.objects.functions(callee)
            # A method of the app is followed, whatever its owner is called: `this.bots.create(dto)` of a service.
            if self._calls.named_table(call) == "other" or (not functions and self._calls.stores_another(call)):
                continue
            called += [*functions, *self._handed(callee)]
        if unwrapped(region).kind in ("identifier", "member_expression"):  # a function that is handed on
            called += [*self._program.objects.functions(region), *self._handed(unwrapped(region))]
        return any(self._reaches(function, depth + 1, seen) for function in called)

    def _stores_another(self, region: Node, depth: int, seen: set[Node]) -> bool:
        if depth > _DEEPEST or region in seen:
            return False
        seen.add(region)
        if any(_WRITES.search(text.text) for text in region.below("string", "template_string")):
            return True
        called: list[Node] = []
        for call in region.below("call_expression", "new_expression"):
            callee = call.field("function") or call.field("constructor")
            if callee is None:
                continue
            if self._calls.stores_another(call):
                return True
            called += [*self._program.objects.functions(callee), *self._handed(callee)]
        return any(self._stores_another(function, depth + 1, seen) for function in called)

    def _handed(self, callee: Node) -> list[Node]:
        """The functions that a parameter which is called may stand for."""
        found = self._program.resolver.meaning(callee) if callee.kind == "identifier" else None
        if not isinstance(found, Binding) or found.kind != "param" or found.function is None or found.path:
            return []
        given = [arguments(call) for call in self._program.calls_of(found.function)]
        return [f for one in given if found.index < len(one) for f in self._program.objects.functions(one[found.index])]

    def _may_store_by_name(self, regions: tuple[Node, ...]) -> bool:
        """Whether a region calls something that cannot be followed and that by its name stores a row of the table."""
        for region in regions:
            for call in region.below("call_expression"):
                callee = call.field("function")
                if callee is None or callee.kind not in ("identifier", "member_expression"):
                    continue
                said = callee.text
                if self._program.objects.functions(callee) or not _STORES.search(said.rpartition(".")[2]):
                    continue
                if self._names.stem in plain(said) and not re.search(
                    rf"{self._names.stem}s?[a-z]*(?:message|session|log|event|user|member)", plain(said)
                ):
                    return not self._creates
        return False
