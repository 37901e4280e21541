"""Routes that calls make: `router.post("/x", check, handler)`, `app.route("/x").post(f)`, `fastify.route({..})`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.source.javascript.functions import member_name
from harness.source.javascript.literals import literal
from harness.source.javascript.syntax import FUNCTIONS, Node, arguments, line_of, unwrapped
from harness.source.routes.handlers import handler_of
from harness.source.routes.route import Route, joined

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.source.javascript.program import Program
    from harness.source.javascript.texts import Texts
    from harness.source.routes.routers import Routers

_HOOKS = ("preHandler", "onRequest", "preValidation", "beforeHandle")


def called_routes(program: Program, texts: Texts, routers: Routers, method: str) -> Iterator[Route]:
    """The routes of a method, such as `post`."""
    for call, member in routers.calls_named(method):
        yield from _of_method(program, texts, routers, call, member)
    for call, member in routers.calls_named("route"):
        yield from _of_object(program, texts, routers, call, member, method)
    for call, member in routers.calls_named("openapi"):
        yield from _of_openapi(program, texts, routers, call, member, method)


def _of_method(program: Program, texts: Texts, routers: Routers, call: Node, member: Node) -> Iterator[Route]:
    owner, given = member.field("object"), arguments(call)
    if owner is None or not given:
        return
    path = texts.constant(given[0]) if unwrapped(given[0]).kind not in FUNCTIONS else None
    if path is None and (route := _route_call(owner)) is not None:
        path, owner = texts.constant(arguments(route)[0]), (route.field("function") or route).field("object") or owner
    elif path is not None:
        given = given[1:]
    elif len(given) > 1 and not program.objects.functions(given[0]):
        given = given[1:]  # a path that is put together while the app runs
    yield from _routes(program, routers, call, owner, path, given)


def _route_call(owner: Node) -> Node | None:
    """The `router.route("/x")` that a chain of methods begins with."""
    node = unwrapped(owner)
    while node.kind == "call_expression" and (callee := node.field("function")) is not None:
        if callee.kind != "member_expression":
            return None
        if member_name(callee) == "route" and len(arguments(node)) == 1:
            return node
        inner = callee.field("object")
        if inner is None:
            return None
        node = unwrapped(inner)
    return None


def _of_object(
    program: Program, texts: Texts, routers: Routers, call: Node, member: Node, method: str
) -> Iterator[Route]:
    owner, given = member.field("object"), arguments(call)
    options = program.objects.resolved(given[0]) if len(given) == 1 else None
    if owner is None or options is None or options.kind != "object":
        return
    said = routers.option(options, "method")
    methods = (said.text if said is not None else "").upper()
    url = routers.option(options, "url") or routers.option(options, "path")
    handler = routers.option(options, "handler")
    if method.upper() in methods and handler is not None:
        path = texts.constant(url) if url is not None else None
        yield from _routes(program, routers, call, owner, path, [options, handler])


def _of_openapi(
    program: Program, texts: Texts, routers: Routers, call: Node, member: Node, method: str
) -> Iterator[Route]:
    """Hono's `app.openapi(createRoute({ method, path, request }), handler)`."""
    owner, given = member.field("object"), arguments(call)
    made = program.objects.resolved(given[0]) if len(given) > 1 else None
    options = program.objects.resolved(arguments(made)[0]) if made is not None and arguments(made) else None
    if owner is None or options is None or options.kind != "object":
        return
    said, path = routers.option(options, "method"), routers.option(options, "path")
    if said is not None and literal(said) == method:
        known = texts.constant(path) if path is not None else None
        yield from _routes(program, routers, call, owner, known, [options, given[1]])


def _routes(
    program: Program, routers: Routers, call: Node, owner: Node, path: str | None, given: list[Node]
) -> Iterator[Route]:
    router = routers.of(owner)
    flat = [one for node in given for one in (unwrapped(node).children if unwrapped(node).kind == "array" else [node])]
    last = next((n for n in range(len(flat) - 1, -1, -1) if unwrapped(flat[n]).kind != "object"), None)
    if router is None or last is None:
        return
    options = next((one for one in map(program.objects.resolved, flat) if one.kind == "object"), None)
    before = [one for n, one in enumerate(flat) if n != last and program.objects.resolved(one) is not options]
    if options is not None:
        before += [hook for name in _HOOKS if (hook := routers.option(options, name)) is not None]
    at = call.field("function")
    end_of_owner = at.children[0].end if at is not None and at.children else call.start
    for prefix in routers.prefixes(router):
        end = joined(prefix.end if path is not None else "", path or "")
        yield Route(
            end if prefix.path is not None and path is not None else None,
            end,
            handler_of(program, flat[last]),
            tuple(before),
            line_of(call, end_of_owner),
            prefix.places,
            router,
            call,
            prefix.mounts,
            options,
        )
