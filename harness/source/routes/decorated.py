"""Routes of classes with decorators, as NestJS has them: `@Controller("chatbots")`, `@Post("new")`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.source.javascript.functions import member_name
from harness.source.javascript.literals import key_of
from harness.source.javascript.syntax import CLASSES, Node, arguments, line_of, unwrapped
from harness.source.routes.route import Route, joined

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.source.checkout import Place
    from harness.source.javascript.program import Program
    from harness.source.javascript.texts import Texts

_NEST_STATUS = {"post": 201, "get": 200}


def decorated_routes(program: Program, texts: Texts, method: str) -> Iterator[Route]:
    """The routes of a method, such as `post`."""
    decorator = method.capitalize()
    prefix, places = _global_prefix(program, texts)
    for module in program.files.mentioning("@Controller"):
        for around in module.parsed.of_kind(*CLASSES):
            of_class = decorators(around)
            controller = next((call for call in of_class if _name(call) == "Controller"), None)
            body = around.field("body")
            if controller is None or body is None:
                continue
            base = _path(texts, controller)
            for member in body.children:
                of_method = decorators(member) if member.kind == "method_definition" else []
                made = next((call for call in of_method if _name(call) == decorator), None)
                if made is not None:
                    yield _route(texts, member, (made, of_class, of_method), (prefix, base), places, method)


def _route(
    texts: Texts,
    member: Node,
    decorating: tuple[Node, list[Node], list[Node]],
    above: tuple[str | None, str | None],
    places: tuple[Place, ...],
    method: str,
) -> Route:
    made, of_class, of_method = decorating
    prefix, base = above
    own = _path(texts, made)
    parts = [part for part in (prefix, base, own) if part is not None]
    status: int | None = _NEST_STATUS.get(method, 200)
    for call in of_method:
        if _name(call) == "HttpCode":
            said = arguments(call)[0].text.rpartition(".")[2] if arguments(call) else ""
            status = int(said) if said.isdecimal() else {"OK": 200, "CREATED": 201, "ACCEPTED": 202}.get(said)
    guards = [call for call in (*of_class, *of_method) if _name(call) in ("UseGuards", "UseInterceptors", "Auth")]
    is_known = None not in (prefix, base, own)
    return Route(
        joined(*parts) if is_known else None,
        joined(*parts),
        member,
        tuple(guards),
        line_of(made),
        places,
        status=status,
    )


def decorators(node: Node) -> list[Node]:
    """The calls that decorate a class, a member or a parameter."""
    above = node.parent
    holders = [node, *([above] if above is not None and above.kind == "export_statement" else [])]
    found = [child for holder in holders for child in holder.children if child.kind == "decorator"]
    if node.kind == "method_definition" and above is not None:  # the grammar puts them before it, in the body
        before = above.children[: next(n for n, child in enumerate(above.children) if child is node)]
        for child in reversed(before):
            if child.kind != "decorator":
                break
            found.insert(0, child)
    return [unwrapped(child.children[0]) for child in found if child.children]


def _name(call: Node) -> str:
    callee = call.field("function") if call.kind == "call_expression" else call
    if callee is None:
        return ""
    return (member_name(callee) or "") if callee.kind == "member_expression" else callee.text


def _path(texts: Texts, call: Node) -> str | None:
    """The path that a decorator is given; None where it is not one text, or where it has a version besides."""
    given = arguments(call)
    if not given:
        return ""
    inner = unwrapped(given[0])
    if inner.kind == "object":
        if any(key_of(child) in ("version", "host") for child in inner.children):
            return None
        value = next((child.field("value") for child in inner.children if key_of(child) == "path"), None)
        return texts.constant(value) if value is not None else ""
    return texts.constant(inner)


def _global_prefix(program: Program, texts: Texts) -> tuple[str | None, tuple[Place, ...]]:
    """What stands before all paths; None where it is not one text, or where versions are put into paths."""
    said: list[str | None] = []
    places: list[Place] = []
    for name in ("setGlobalPrefix", "enableVersioning"):
        for module in program.files.mentioning(name):
            for node in module.parsed.named(name):
                call = node.parent.parent if node.parent is not None else None
                if call is None or call.kind != "call_expression":
                    continue
                places.append(line_of(call))
                given = arguments(call)
                is_prefix = name == "setGlobalPrefix" and bool(given)
                said.append(texts.constant(given[0]) if is_prefix else None)
    if not said:
        return "", ()
    return (said[0] if len(set(said)) == 1 else None), tuple(places)
