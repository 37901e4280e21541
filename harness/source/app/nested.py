"""Rows of the table that Prisma's client stores with those of another model."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from harness.source.app.steps import TOKEN
from harness.source.javascript.functions import member_name
from harness.source.javascript.modules import ELEMENT
from harness.source.javascript.syntax import arguments
from harness.source.spelling import plain

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.source.app.prisma import Models, Way
    from harness.source.app.rows import Rows
    from harness.source.checkout import SourceFile
    from harness.source.javascript.modules import AccessPath, Module
    from harness.source.javascript.program import Program
    from harness.source.javascript.syntax import Node

# What a call of a model is given its row by.
_GIVEN_BY = {"create": ("data",), "update": ("data",), "upsert": ("create", "update")}
_OWNER = re.compile(r"(?:^|\.)_?(\w+)$")


class NestedWrites:
    """Finds them in the calls of a program."""

    def __init__(self, program: Program, models: Models, rows: Rows) -> None:
        self._program = program
        self._models = models
        self._rows = rows
        self._ways: dict[str, tuple[Way, ...]] = {}

    def modules(self) -> list[Module]:
        """The files that may hold such a write: those that name a model from which fields lead to the table."""
        models = self._models
        asked = [client for model, client in models.clients.items() if model in models.steps] if models.ours else []
        return [module for client in sorted(asked) for module in self._program.files.modules(self._calling(client))]

    def _calling(self, client: str) -> Iterator[SourceFile]:
        pattern = re.compile(rf"\.{re.escape(client)}\s*\.\s*(?:create|update|upsert)\b")
        return (file for file in self._program.files.holding(f".{client}") if pattern.search(file.text))

    def _ways_of(self, model: str) -> tuple[Way, ...]:
        if model not in self._ways:
            self._ways[model] = self._models.ways(model)
        return self._ways[model]

    def of(self, call: Node) -> list[AccessPath]:
        """The paths from a call's first argument to the rows of the table that it makes; [] where it makes none."""
        callee, given = call.field("function"), arguments(call)
        if callee is None or callee.kind != "member_expression" or not given:
            return []
        begins = _GIVEN_BY.get(member_name(callee) or "", ())
        owner = callee.field("object") if begins else None
        model = _OWNER.search(owner.text) if owner is not None else None
        if model is None:
            return []
        found: list[AccessPath] = []
        for way in self._ways_of(plain(model[1])):
            paths = ((start, *way) for start in begins)
            found += [path for path in paths if self._is_there(given[0], path)]
        return found

    def _is_there(self, node: Node, path: AccessPath) -> bool:
        """Whether a row at a path is given: what holds it is, for what it is made of may not be known."""
        bare = path[:-1] if path[-1] == ELEMENT else path
        return self._rows.held(node, bare) is not None

    def values(self, call: Node, paths: list[AccessPath]) -> tuple[tuple[Node, AccessPath], ...]:
        """The expressions whose member at a path is the token that a call stores."""
        return tuple((arguments(call)[0], (*path, TOKEN)) for path in paths)

    def returns(self, call: Node, paths: list[AccessPath]) -> bool | None:
        """Whether the rows come back: where `include` or `select` names them; else they may be read again."""
        named = {path[1] for path in paths}
        asked = [
            self._rows.held(arguments(call)[0], (option, key)) for option in ("include", "select") for key in named
        ]
        return True if any(one is not None for one in asked) else None
