"""What a handler answers where it succeeds: the status, and the expression of its JSON."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.source.javascript.functions import member_name, returns
from harness.source.javascript.literals import key_of
from harness.source.javascript.syntax import MEMBERS, Node, arguments, line_of, unwrapped

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.source.checkout import Place
    from harness.source.javascript.program import Program
    from harness.source.routes.route import Route

_SENDS = ("json", "send", "jsonp")
_STATUS = ("status", "code", "sendStatus")
_NAMED = {"OK": 200, "CREATED": 201, "ACCEPTED": 202, "NO_CONTENT": 204}
_SETS = re.compile(r"^(?:[\w.]+\.)?(?:statusCode|set\.status)$")
_ASSIGNED = re.compile(r"^(?:ctx|context)\.(?:response\.)?(body|status)$")


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer: its status, None where that is not known, its JSON, None where it has none, and where it stands."""

    status: int | None
    body: Node | None
    place: Place


def answers_of(program: Program, route: Route) -> list[Answer]:
    """What a handler answers where it succeeds, in the order of the text; statuses of refusals are left out."""
    handler = route.handler
    found = [*_sent(program, route), *_assigned(program, handler)]
    if not found:  # NestJS, Fastify, Nuxt: what is returned is answered
        status = _set_status(program, handler, route.status)
        found = [
            Answer(status, value, line_of(value))
            for value in returns(handler)
            if not _is_nothing(value) and not _RESPONSE.match(unwrapped(value).text)
        ]
    return [answer for answer in found if answer.status is None or answer.status < 400]


_RESPONSE = re.compile(r"(?:res|reply|next|c|ctx|response)\b[.(]|new Response\b|(?:Next)?Response\.")


def _is_nothing(node: Node) -> bool:
    return unwrapped(node).text in ("undefined", "null", "")


def _sent(program: Program, route: Route) -> Iterator[Answer]:
    for call in route.handler.below("call_expression", "new_expression"):
        callee = call.field("function") or call.field("constructor")
        given = arguments(call)
        if callee is None:
            continue
        if callee.kind not in MEMBERS:
            if callee.text in ("json", "Response") and given:  # SvelteKit; the platform's own
                body = _in_stringify(given[0]) if callee.text == "Response" else given[0]
                yield Answer(_status_given(program, given[1:], 200), body, line_of(call))
            continue
        owner, name = callee.field("object"), member_name(callee)
        if owner is None or name not in _SENDS or not _is_response(owner):
            continue
        at = callee.field("property") or call
        if owner.text in ("Response", "NextResponse") or re.fullmatch(r"c|ctx|context", owner.text):
            yield Answer(_status_given(program, given[1:], route.status), given[0] if given else None, line_of(at))
            continue
        status = _status_before(program, owner)
        if status is _UNSAID:
            status = _set_status(program, route.handler, route.status)
        yield Answer(status if isinstance(status, int) else None, given[0] if given else None, line_of(at))


def _is_response(owner: Node) -> bool:
    return re.match(r"(?:res|reply|response|rep|c|ctx|context|Response|NextResponse)\b", owner.text) is not None


def _in_stringify(node: Node) -> Node | None:
    inner = unwrapped(node)
    callee = inner.field("function") if inner.kind == "call_expression" else None
    return arguments(inner)[0] if callee is not None and callee.text == "JSON.stringify" and arguments(inner) else None


_UNSAID = object()


def _status_before(program: Program, owner: Node) -> object:
    """The status that stands in a chain before what sends: `res.status(201).json`; `_UNSAID` where none does."""
    node = unwrapped(owner)
    while node.kind == "call_expression" and (callee := node.field("function")) is not None:
        if callee.kind in MEMBERS and member_name(callee) in _STATUS and arguments(node):
            return _number(program, arguments(node)[0])
        inner = callee.field("object") if callee.kind in MEMBERS else None
        if inner is None:
            break
        node = unwrapped(inner)
    return _UNSAID


def _status_given(program: Program, given: list[Node], default: int | None) -> int | None:
    """The status that is given behind the JSON: `c.json(row, 201)`, `Response.json(row, { status: 201 })`."""
    if not given:
        return default
    options = program.objects.resolved(given[0])
    if options.kind != "object":
        return _number(program, given[0])
    for child in options.children:
        if key_of(child) == "status":
            value = child.field("value")
            return _number(program, value) if value is not None else None
    return default


def _set_status(program: Program, handler: Node, default: int | None) -> int | None:
    """The one status below 400 that a handler sets by itself, None where it sets others too; else the default.

    As `reply.code(201);`, `setResponseStatus(event, 201)`, `res.statusCode = 201`.
    """
    found: set[int | None] = set()
    for call in handler.below("call_expression"):
        callee, above = call.field("function"), call.parent
        given = arguments(call)
        if callee is None or not given:
            continue
        name = member_name(callee) if callee.kind in MEMBERS else callee.text
        alone = above is not None and above.kind == "expression_statement"
        if (name in ("status", "code") and alone) or name == "setResponseStatus":
            found.add(_number(program, given[-1] if name == "setResponseStatus" else given[0]))
    for node in handler.below("assignment_expression"):  # res.statusCode = 201, and Elysia's set.status = 201
        left, right = node.field("left"), node.field("right")
        if left is not None and right is not None and _SETS.match(left.text):
            found.add(_number(program, right))
    succeeding = {status for status in found if status is None or status < 400}
    return default if not succeeding else succeeding.pop() if len(succeeding) == 1 else None


def _assigned(program: Program, handler: Node) -> Iterator[Answer]:
    """Koa: `ctx.status = 201; ctx.body = row`."""
    said = {"status": [], "body": []}  # type: dict[str, list[Node]]
    for node in handler.below("assignment_expression"):
        left, right = node.field("left"), node.field("right")
        match = _ASSIGNED.match(left.text) if left is not None else None
        if match is not None and right is not None:
            said[match[1]].append(right)
    statuses = [status for node in said["status"] if (status := _number(program, node)) is None or status < 400]
    for body in said["body"]:
        status = 200 if not said["status"] else statuses[0] if len(statuses) == 1 else None
        yield Answer(status, body, line_of(body))


def _number(program: Program, node: Node) -> int | None:
    value = program.objects.resolved(node)
    if value.kind == "number" and value.text.isdecimal():
        return int(value.text)
    return _NAMED.get(value.text.rpartition(".")[2].upper())
