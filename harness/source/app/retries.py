"""Where an app stores a row again after any error: a loop, or a function that calls itself, around what stores it.

Version 4 UUIDs do not collide: what tried again with a new token has nothing to do any more, and hides other errors.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.source.javascript.functions import function_name
from harness.source.javascript.syntax import FUNCTIONS, Node

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from harness.source.app.write import Write

_LOOPS = ("while_statement", "do_statement", "for_statement")
_ENDS = ("return_statement", "break_statement")


def retries(writes: Iterable[Write]) -> Iterator[Node]:
    """The places of `writes` that run again after an error, each once."""
    seen: set[Node] = set()
    for write in writes:
        if write.is_create and write.node not in seen and _runs_again(write.node):
            seen.add(write.node)
            yield write.node


def _runs_again(node: Node) -> bool:
    tried: Node | None = None
    for above in node.above():
        if above.kind == "try_statement" and tried is None:
            body = above.field("body")
            tried = above if body is not None and body.holds(node) and above.field("handler") is not None else None
        elif above.kind in _LOOPS and tried is not None:
            # A loop that goes on to the next row ends by its condition; one that tries again ends when it succeeded.
            return next(tried.below(*_ENDS, into_functions=False), None) is not None
        elif above.kind in FUNCTIONS:
            return tried is not None and _calls_itself(tried, above)
    return False


def _calls_itself(tried: Node, function: Node) -> bool:
    """Whether the handler of an error calls the function that it stands in."""
    handler, name = tried.field("handler"), function_name(function)
    called = (call.field("function") for call in handler.below("call_expression")) if handler is not None else ()
    return name is not None and any(one is not None and one.text.rpartition(".")[2] == name for one in called)
