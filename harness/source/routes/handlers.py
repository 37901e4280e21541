"""The function that answers a route, also where the app or a package puts something around it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.source.javascript.functions import member_name
from harness.source.javascript.syntax import FUNCTIONS, Node, arguments, unwrapped

if TYPE_CHECKING:
    from harness.source.javascript.program import Program


def handler_of(program: Program, node: Node) -> Node:
    """The function that answers, also within what the app puts around it; the expression where none is known."""
    inner = unwrapped(node)
    callee = inner.field("function") if inner.kind == "call_expression" else None
    if callee is not None and callee.kind == "member_expression" and member_name(callee) == "bind":
        owner = callee.field("object")
        return handler_of(program, owner) if owner is not None else inner
    functions = program.objects.functions(inner)
    if not functions and inner.kind == "call_expression":
        within = [handler_of(program, given) for given in arguments(inner)]
        functions = [function for function in within if function.kind in FUNCTIONS]
    return functions[0] if functions else inner
