"""What an error that is handled may come from: a block, a promise, what is handed on beside the handler, a method."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.source.javascript.functions import call_around, function_name, member_name, parameters, returns
from harness.source.javascript.literals import literal
from harness.source.javascript.syntax import (
    FUNCTIONS,
    Node,
    arguments,
    enclosing_function,
    unwrapped,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.source.javascript.program import Program

_GLOBAL = re.compile(r"(?:^|\.)(?:use|onError|setErrorHandler|errorHandler|useGlobalFilters|addHook|on)$")
_CODE = re.compile(r"23505|P2002")
_DEEPEST = 6  # names and calls that are followed


@dataclass(frozen=True, slots=True)
class Guard:
    """What an error that is handled at a place may come from."""

    regions: tuple[Node, ...]
    place: Node
    is_global: bool = False


class Guards:
    """Finds what handlers guard."""

    def __init__(self, program: Program) -> None:
        self._program = program

    def of(self, at: Node) -> list[Guard]:
        """What may raise the error that is asked for at a place."""
        return list(self._guards(at, 0, set()))

    def _guards(self, at: Node, depth: int, seen: set[Node]) -> Iterator[Guard]:
        if depth > _DEEPEST:
            return
        function = enclosing_function(at)
        yield from self._guards_of_answer(at)
        yield from self._guards_of_decorated(at)
        for above in at.above():
            if above is function:
                break
            if above.kind == "catch_clause" and above.parent is not None:
                body = above.parent.field("body")
                if body is not None:
                    yield Guard((body,), at)
                return
        if function is None or function in seen:
            return
        seen.add(function)
        yield from self._guards_of_function(function, at, depth, seen)

    def _guards_of_answer(self, at: Node) -> Iterator[Guard]:
        """Of an error that is answered rather than thrown: `const {data, error} = await client.insert(..)`."""
        asked = next(
            (a for a in at.above() if a.kind in ("binary_expression", "call_expression", "switch_statement")), at
        )
        subject = asked.field("value") or asked if asked.kind == "switch_statement" else asked
        for name in subject.below("identifier"):
            found = self._program.files.of(name).resolve(name)
            value = found.value if found is not None and found.kind == "var" else None
            if value is not None and next(value.below("call_expression"), None) is not None:
                yield Guard((value,), at)

    def _guards_of_function(self, function: Node, at: Node, depth: int, seen: set[Node]) -> Iterator[Guard]:
        call = call_around(function)
        if call is not None:
            yield from self._guards_of_call(call, function, at)
        yield from self._guards_of_returned(function)
        if _handles_all(function):
            yield Guard((), at, is_global=True)
        for use in self._program.calls_of(function):
            yield from self._guards(use, depth + 1, seen)
        name = function_name(function)
        binding = self._program.files.of(function).scopes[self._program.files.of(function).parsed.root].get(name or "")
        for use in self._program.references(binding) if binding is not None else ():
            holder = use.parent
            while holder is not None and holder.kind in ("pair", "object", "array"):
                holder = holder.parent
            if holder is not None and holder.kind == "arguments" and holder.parent is not None:
                yield from self._guards_of_call(holder.parent, use, use)

    def _guards_of_returned(self, function: Node) -> Iterator[Guard]:
        """Of a function that another one makes: `insert().catch(retryOn(insert))`, also by a name in between."""
        outer = next((above for above in function.above() if above.kind in FUNCTIONS), None)
        if outer is None or not any(unwrapped(value) is function for value in returns(outer)):
            return
        for made in self._program.calls_of(outer):
            uses = [made]
            declared = made.parent
            if declared is not None and declared.kind == "variable_declarator":
                name = declared.field("name")
                binding = self._program.files.of(made).resolve(name) if name is not None else None
                uses += self._program.references(binding) if binding is not None else []
            for use in uses:
                above = use.parent
                if above is not None and above.kind == "arguments" and above.parent is not None:
                    yield from self._guards_of_call(above.parent, use, use)
                elif above is not None and above.kind == "call_expression" and above.field("function") is use:
                    yield Guard(tuple(arguments(above)), use)

    def _guards_of_decorated(self, at: Node) -> Iterator[Guard]:
        """Of what a decorator of a method is given, or does itself: `@RetryOn("23505") create() {..}`."""
        around = next((above for above in at.above() if above.kind in ("decorator", *FUNCTIONS)), None)
        if around is not None and around.kind == "decorator":
            is_argument = any(above.kind == "arguments" for above in at.above() if around.holds(above))
            method = _decorated(around)
            if method is not None and is_argument and (literal(at) is None or _CODE.fullmatch(literal(at) or "")):
                yield Guard((method,), at)
            return
        for function in at.above():
            name = function_name(function) if function.kind in FUNCTIONS else None
            for module in self._program.files.mentioning(f"@{name}") if name is not None else ():
                for decorator in module.parsed.of_kind("decorator"):
                    called = decorator.children[0] if decorator.children else decorator
                    callee = called.field("function") or called
                    method = _decorated(decorator)
                    if method is not None and function in self._program.objects.functions(callee):
                        yield Guard((method,), decorator)

    def _guards_of_call(self, call: Node, handed: Node, at: Node) -> Iterator[Guard]:
        """Of a function that is handed to a call: the promise that it catches errors of, or what else is handed on."""
        callee = call.field("function")
        if callee is None:
            return
        name = member_name(callee) if callee.kind == "member_expression" else None
        owner = callee.field("object") if callee.kind == "member_expression" else None
        if name in ("catch", "then", "catchError", "pipe") and owner is not None:
            yield Guard((owner,), at)
        elif _GLOBAL.search(callee.text) and not arguments(call)[0].holds(call):
            yield Guard((), at, is_global=True)
        else:
            rest = [given for given in arguments(call) if not given.holds(handed) or given.kind == "object"]
            yield Guard((*rest, *([owner] if owner is not None else [])), at)


def _decorated(decorator: Node) -> Node | None:
    """The method that a decorator stands before."""
    siblings = decorator.parent.children if decorator.parent is not None else []
    after = [one for one in siblings if one.start >= decorator.end and one.kind not in ("decorator", "comment")]
    return after[0] if after and after[0].kind == "method_definition" else None


def _handles_all(function: Node) -> bool:
    """Whether a function is an error handler of a framework: by its parameters, its name or its decorator."""
    given = [parameter.text.partition(":")[0].strip() for parameter in parameters(function)]
    if len(given) == 4 and re.match(r"_?(?:err|error|e|ex)\w*$", given[0]):
        return True
    name = function_name(function) or ""
    if function.kind == "method_definition" and name == "catch":
        return True
    return (
        re.search(r"error_?(?:handler|middleware|filter)$|^handle_?errors?$|^onError$", name, re.IGNORECASE) is not None
    )
