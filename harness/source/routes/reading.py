"""Reads the keys of `environments.yaml` that an app's code tells: create route, payload, answer, login, ready page."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from harness.source.javascript.literals import key_of
from harness.source.javascript.modules import Binding
from harness.source.javascript.syntax import Node, line_of
from harness.source.migrations.fragments import values_of
from harness.source.routes.answers import answers_of
from harness.source.routes.asked import Asked, Asking
from harness.source.routes.bodies import Bodies
from harness.source.routes.creating import answer_of, chosen, create_routes, label_of, payload_of, places
from harness.source.routes.facts import AppFacts, Doubt, Fact, Known
from harness.source.routes.finding import find_routes, plain_texts
from harness.source.routes.routers import Routers
from harness.source.routes.sent import Sent
from harness.source.routes.zod import Zod

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from harness.source.checkout import Checkout
    from harness.source.javascript.program import Program
    from harness.source.javascript.texts import Texts
    from harness.source.migrations.tables import SourceColumn, SourceTable
    from harness.source.routes.route import Route

_LOGIN = re.compile(r"(?:^|/)(?:log-?in|sign-?in|sessions?|authenticate|auth/local|auth)$", re.IGNORECASE)
_USER = re.compile(r"^(?:email|e_?mail|user|username|user_?name|login|identifier|account)$", re.IGNORECASE)
_PASSWORD = re.compile(r"^(?:password|passwd|pass|passphrase)$", re.IGNORECASE)
_LOCAL = re.compile(r"""(?:authenticate|AuthGuard)\(\s*["']local[\w-]*["']""")
_FIELD_OF_PASSPORT = re.compile(r"""\b(usernameField|passwordField):\s*["'](\w+)["']""")
_READY = re.compile(r"(?:^|/)(?:_?health(?:z|check)?|readyz?|ready|livez|status|ping|up|alive)$", re.IGNORECASE)
_COMMIT = re.compile(r"process\.env\.\w*(?:SHA|COMMIT|REVISION)\b|process\.env\[[\"']\w*(?:SHA|COMMIT|REVISION)[\"']\]")
_PAGE = re.compile(r"^(?:apps/[^/]+/)?(?:src/)?(?:app/(?:\([^/]*\)/)*page|pages/index)\.[jt]sx?$")
_WRAPS = re.compile(
    r"useGlobalInterceptors|APP_INTERCEPTOR|@UseInterceptors|ClassSerializerInterceptor|preSerialization"
)


def read_app(
    checkout: Checkout,
    program: Program,
    table: SourceTable,
    token: SourceColumn,
    identifier: SourceColumn | None,
) -> AppFacts:
    """What the code of an app says of the route that stores rows of a table, and of what it takes to call it."""
    texts = plain_texts(program)
    routers = Routers(program, texts)
    posts = find_routes(program, routers, texts, "post")
    stores = create_routes(checkout, program, table, token)
    route, path = chosen(stores.among(posts), table)
    values = values_of(program)

    def table_of(node: Node) -> SourceTable | None:
        made = program.objects.resolved(node)
        lines = {column.place.line for column in table.columns if column.place is not None}
        named = stores.names.is_table(node.text)
        return table if named or (table.place is not None and made.line in lines) else None

    zod = Zod(values, table_of)
    asking = Asking(program, texts, routers)
    facts: dict[str, Fact] = {"api.create": path}
    if route is not None:
        bodies = Bodies(values, routers, zod, table)
        body = bodies.of(route)
        label = label_of(table, body, lambda c: _stored_in(checkout, program, table, c, route, bodies))
        if isinstance(label, tuple):
            facts["table.label"] = Known(label[0].name, places(*_of_column(label[0])) if label[0].place else "")
        else:
            facts["table.label"] = Doubt(label.why, label.guess)
        facts["api.payload"] = payload_of(body, label)
        facts |= dict(answer_of(stores, route, identifier, _wrapping(program)))
        asked = asking.of(route)
        if asked is not None:
            facts |= _credentials(asked, posts, Bodies(values, routers, zod, None))
    facts |= dict(_ready(checkout, program, routers, texts, asking))
    return AppFacts(facts)


def _stored_in(
    checkout: Checkout, program: Program, table: SourceTable, column: SourceColumn, route: Route, bodies: Bodies
) -> set[str]:
    """The fields of the body that a route stores in a column, whatever they are called."""
    stores = create_routes(checkout, program, table, column)
    sent = Sent(program, bodies, stores.names)
    values = [value for write in stores.reached(route) for value in write.values]
    return {field for node, path in values for field in sent.fields(node, path)}


def _of_column(column: SourceColumn) -> Iterator:  # type: ignore[type-arg]
    if column.place is not None:
        yield column.place


def _wrapping(program: Program) -> str:
    for file in program.files.own:
        found = _WRAPS.search(file.text)
        if found is not None:
            return f"{file.path}:{file.text.count(chr(10), 0, found.start()) + 1} ({found[0]})"
    return ""


def _credentials(asked: Asked, posts: Sequence[Route], bodies: Bodies) -> dict[str, Fact]:
    """What a run needs to be let in."""
    at = asked.place.place
    if asked.how == "header":
        if asked.prefix is not None:
            return {"headers": Known((asked.header, asked.prefix), at)}
        return {"headers": Doubt(f"{at} asks for the header {asked.header}", (asked.header, "Bearer "))}
    logins = [route for route in posts if _LOGIN.search(route.end)]
    if asked.how == "unknown":
        why = f"{at} asks who calls, in a way that was not understood"
        return {"login": Doubt(why, logins[0].end if len(logins) == 1 else None)}
    found = [(route, fields) for route in logins if (fields := _login_fields(bodies, route)) is not None]
    if len(found) == 1 and found[0][0].path is not None and not found[0][0].varies:
        route, fields = found[0]
        return {"login": Known({"path": route.path, "fields": fields}, places(route.place, *route.places))}
    shown = ", ".join(f"POST {route.end} ({route.place.place})" for route in logins[:4])
    why = f"; it may be {shown}" if shown else ", and no POST of a user and a password was found"
    return {"login": Doubt(f"{at} asks for a session{why}", logins[0].end if logins else None)}


def _login_fields(bodies: Bodies, route: Route) -> list[tuple[str, str]] | None:
    """The fields of a login, each with what it is: a user or a password; None where it wants something else."""
    body = bodies.of(route)
    if body is None or not body.fields:
        return _fields_of_passport(bodies, route)
    if body.doubt:
        return None
    asked = [field for field in body.fields if field.required or _USER.match(field.name) or _PASSWORD.match(field.name)]
    fields = [(f.name, "user" if _USER.match(f.name) else "password" if _PASSWORD.match(f.name) else "") for f in asked]
    return fields if sorted(kind for _, kind in fields) == ["password", "user"] else None


def _fields_of_passport(bodies: Bodies, route: Route) -> list[tuple[str, str]] | None:
    """The fields that Passport's local strategy reads: those that it is told, or `username` and `password`."""
    program = bodies.values.program
    texts = [node.text for node in route.before]
    for name in (name for node in route.before for name in node.below("identifier")):
        found = program.resolver.meaning(name)
        texts += [found.node.text] if isinstance(found, Binding) and found.kind == "class" else []
    if not any(_LOCAL.search(text) for text in texts):
        return None
    told = {key: "username" if key == "usernameField" else "password" for key in ("usernameField", "passwordField")}
    for file in program.files.own:
        if "usernameField" in file.text or "passwordField" in file.text:
            told |= {match[1]: match[2] for match in _FIELD_OF_PASSPORT.finditer(file.text)}
    return [(told["usernameField"], "user"), (told["passwordField"], "password")]


def _ready(
    checkout: Checkout, program: Program, routers: Routers, texts: Texts, asking: Asking
) -> Iterator[tuple[str, Fact]]:
    """A page that answers 2xx to everybody, and where it names the commit."""
    gets = [
        route for route in find_routes(program, routers, texts, "get") if route.path is not None and not route.varies
    ]
    called = [route for route in gets if _READY.search(route.end) and asking.of(route) is None]
    if not called:
        called = [route for route in gets if route.path == "/" and asking.of(route) is None]
    if called:
        route = min(called, key=lambda one: (one.end.count("/"), len(one.end)))
        yield "ready.path", Known(route.path, places(route.place, *route.places))
        yield from _revision(program, route)
        return
    page = next((file for file in checkout.files if _PAGE.search(file.path)), None)
    if page is not None:
        yield "ready.path", Known("/", f"{page.path}:1")
    else:
        yield "ready.path", Doubt("no page was found that answers everybody with 2xx", "/")


def _revision(program: Program, route: Route) -> Iterator[tuple[str, Fact]]:
    for answer in answers_of(program, route):
        shape = program.objects.resolved(answer.body) if answer.body is not None else None
        for child in shape.children if shape is not None and shape.kind == "object" else ():
            key, value = key_of(child), child.field("value") if child.kind == "pair" else None
            if key is not None and value is not None and _COMMIT.search(value.text) and "." not in key:
                yield "ready.revision", Known(key, line_of(value).place)
                return
