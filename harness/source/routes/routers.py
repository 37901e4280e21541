"""Routers and what they are mounted on: Express, Koa, Hono, Elysia and Fastify, whose routes are made by calls.

A router is known by the node that makes it (`express.Router()`, `new Hono()`), by the function that it is handed to (a
plugin of Fastify), or by the parameter through which it comes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.source.javascript.functions import member_name
from harness.source.javascript.literals import key_of
from harness.source.javascript.modules import Binding, required_package
from harness.source.javascript.resolver import whole
from harness.source.javascript.syntax import FUNCTIONS, MEMBERS, Node, arguments, line_of, unwrapped
from harness.source.routes.route import Mount, joined

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.source.checkout import Place
    from harness.source.javascript.program import Program
    from harness.source.javascript.texts import Texts

ROUTERS = re.compile(r"(?:^|\.)(?:express|[Rr]outer|Hono|OpenAPIHono|[Ff]astify|Koa|KoaRouter|Elysia|App|Polka|polka)$")
_PARTS = re.compile(r"(?:^|\.)(?:[Rr]outer|KoaRouter)$")  # these serve nothing until they are mounted
_SERVES = re.compile(r"^(?:fastify|app|server|router|instance|api|route[rs]?|hono|koa)$", re.IGNORECASE)
_TYPES = re.compile(r"\b(?:Express|Application|Router|IRouter|FastifyInstance|Hono|Elysia|FastifyPluginAsync)\b")
_MOUNTS = ("use", "route", "register", "mount", "group")
CHAINED = frozenset(
    ("get", "post", "put", "patch", "delete", "all", "head", "options", "use", "route", "register", "basePath", "on")
) | {"onError", "notFound", "decorate", "derive", "guard", "openapi", "addHook", "after", "prefix", "withTypeProvider"}
_DEEPEST = 12


@dataclass(frozen=True, slots=True)
class Prefix:
    """A path that leads to a router: None where it is not known, what is known of it, and where its parts stand."""

    path: str | None
    end: str
    places: tuple[Place, ...]
    mounts: tuple[Mount, ...]


class Routers:
    """Tells the router that an expression is, and the paths that lead to it."""

    def __init__(self, program: Program, texts: Texts) -> None:
        self._program = program
        self._texts = texts
        self._mounts: dict[Node, list[Mount]] | None = None

    def of(self, node: Node) -> Node | None:
        """The router that an expression stands for: what makes it, or a function that it is handed to."""
        for _ in range(_DEEPEST):
            node = unwrapped(node)
            if node.kind in FUNCTIONS:
                return node
            if node.kind in ("call_expression", "new_expression"):
                callee = node.field("function") or node.field("constructor")
                if callee is None:
                    return None
                if (required := self._required(node)) is not None:
                    node = required
                    continue
                if callee.kind == "member_expression" and member_name(callee) in CHAINED:
                    owner = callee.field("object")
                    if owner is None or ROUTERS.search(callee.text):
                        return node if owner is not None else None
                    node = owner
                    continue
                if ROUTERS.search(callee.text) is None:
                    return self._made_by(callee)
                return node
            value = self._program.objects.resolved(node)
            if value is node:
                return self._parameter(node)
            node = value
        return None

    def _required(self, node: Node) -> Node | None:
        """What a file of the app exports that is asked for in place: `require("./bots")`, `import("./bots")`."""
        package = required_package(node)
        module = self._program.files.imported_module(node.file.path, package) if package is not None else None
        if module is None:
            return None
        found: Binding | Node | None = whole(module)
        if isinstance(found, Node) and found.kind == "program":
            found = self._program.resolver.exported(module, "default")
        return found.value if isinstance(found, Binding) else found

    def _made_by(self, callee: Node) -> Node | None:
        """The router that a function of the app makes: `buildApp()`."""
        for function in self._program.objects.functions(callee):
            body = function.field("body")
            made = [
                one
                for one in (body.below("call_expression", "new_expression") if body is not None else ())
                if (of := one.field("function") or one.field("constructor")) is not None and ROUTERS.search(of.text)
            ]
            if len(made) == 1:
                return made[0]
        return None

    def _parameter(self, node: Node) -> Node | None:
        """The function through whose parameter a router comes, if its name or its type says that it is one."""
        found = self._program.resolver.meaning(node) if node.kind == "identifier" else None
        if not isinstance(found, Binding) or found.kind != "param" or found.function is None or found.path:
            return None
        typed = _TYPES.search(found.node.text) is not None
        return found.function if typed or _SERVES.search(found.name) else None

    # --- where routers are mounted

    def prefixes(self, router: Node, depth: int = 0) -> list[Prefix]:
        """The paths that lead to a router; one that is not known where it seems to be mounted nowhere."""
        own = self._own_prefix(router)
        if depth > _DEEPEST:
            return [Prefix(None, own, (), ())]
        mounts = self._mounted(router)
        if not mounts:
            made = router.field("function") or router.field("constructor")
            serves = router.kind not in FUNCTIONS and made is not None and _PARTS.search(made.text) is None
            return [Prefix(own if serves else None, own, (), ())]
        found = []
        for mount in mounts:
            for above in self.prefixes(mount.above, depth + 1):
                is_known = above.path is not None and mount.prefix is not None
                end = joined(above.end if mount.prefix is not None else "", mount.prefix or "", own)
                places = (*above.places, line_of(mount.call))
                found.append(Prefix(end if is_known else None, end, places, (*above.mounts, mount)))
        return found[:8]

    def _own_prefix(self, router: Node) -> str:
        """What a router is made with: `new Hono().basePath("/api")`, `new Router({prefix: "/api"})`."""
        said = [self._option(given, "prefix") for given in arguments(router)]
        found = [text for text in said if text]
        node = router
        while (member := node.parent) is not None and member.kind == "member_expression":
            call = member.parent
            if call is None or call.kind != "call_expression" or call.field("function") is not member:
                break
            if member_name(member) in ("basePath", "prefix") and arguments(call):
                found.append(self._texts.constant(arguments(call)[0]) or "")
            node = call
        return joined(*found) if found else ""

    def _option(self, node: Node, name: str) -> str | None:
        value = self.option(node, name)
        return self._texts.constant(value) if value is not None else None

    def option(self, node: Node, name: str) -> Node | None:
        """The value of an option in an object."""
        holder = self._program.objects.resolved(node)
        if holder.kind != "object":
            return None
        for child in holder.children:
            if key_of(child) == name:
                return child.field("value") if child.kind == "pair" else child
        return None

    def _mounted(self, router: Node) -> list[Mount]:
        if self._mounts is None:
            self._mounts = {}
            for mount, below in self._find_mounts():
                if below is not mount.above:
                    self._mounts.setdefault(below, []).append(mount)
        found = self._mounts.get(router, [])
        if router.kind not in FUNCTIONS or found:
            return found
        return [Mount(call, above, "") for call in self._program.calls_of(router) for above in self._handed(call)]

    def _handed(self, call: Node) -> Iterator[Node]:
        """The router that a function of the app is called with: `registerRoutes(app)`."""
        for given in arguments(call):
            router = self.of(given)
            if router is not None:
                yield router
                return

    def _find_mounts(self) -> Iterator[tuple[Mount, Node]]:
        for name in _MOUNTS:
            for call, member in self.calls_named(name):
                yield from self._mounts_of(call, member, name)

    def calls_named(self, name: str) -> Iterator[tuple[Node, Node]]:
        """The calls of methods of a name in the app's own files, each with what is called."""
        for module in self._program.files.mentioning(f".{name}("):
            for node in module.parsed.named(name):
                member = node.parent
                call = member.parent if member is not None and member.kind == "member_expression" else None
                if member is not None and call is not None and call.kind == "call_expression":
                    yield call, member

    def _mounts_of(self, call: Node, member: Node, name: str) -> Iterator[tuple[Mount, Node]]:
        owner, given = member.field("object"), arguments(call)
        above = self.of(owner) if owner is not None else None
        if above is None or not given:
            return
        prefix: str | None = ""
        if unwrapped(given[0]).kind not in (*FUNCTIONS, "object"):
            said = self._texts.constant(given[0])
            if said is not None:
                prefix, given = said, given[1:]
            elif len(given) > 1 and name in ("use", "route") and self.of(given[0]) is None:
                prefix, given = None, given[1:]
        if name == "register" and len(given) > 1:
            options = self._program.objects.resolved(given[1])
            if options.kind == "object":
                value = self.option(options, "prefix")
                prefix = self._texts.constant(value) if value is not None else ""
            given = given[:1]
        for one in given:
            below = self._below(one)
            if below is not None:
                yield Mount(call, above, prefix), below

    def _below(self, node: Node) -> Node | None:
        """The router that is mounted; of Koa's `router.routes()` the router."""
        inner = unwrapped(node)
        callee = inner.field("function") if inner.kind == "call_expression" else None
        if callee is not None and callee.kind in MEMBERS and member_name(callee) in ("routes", "middleware", "default"):
            owner = callee.field("object")
            return self.of(owner) if owner is not None else None
        functions = self._program.objects.functions(inner) if inner.kind not in FUNCTIONS else []
        return functions[0] if len(functions) == 1 else self.of(inner)
