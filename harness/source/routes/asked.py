"""What a route asks of whoever calls it: a session, a header with a credential, or nothing that was seen."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.source.checkout import Place
from harness.source.javascript.functions import member_name
from harness.source.javascript.modules import Binding
from harness.source.javascript.syntax import CLASSES, FUNCTIONS, Node, arguments, line_of, unwrapped

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.source.javascript.program import Program
    from harness.source.javascript.texts import Texts
    from harness.source.routes.route import Route
    from harness.source.routes.routers import Routers

_HEADER = re.compile(
    r"""(?:\.get|\.header|getHeader|\.headers\.get)\(\s*["'](authorization|(?:x-)?[\w-]*(?:key|token|secret)[\w-]*)["']"""
    r"""|headers\[\s*["'](authorization|(?:x-)?[\w-]*(?:key|token|secret)[\w-]*)["']|headers\??\.(authorization)\b""",
    re.IGNORECASE,
)
_OF_NOBODY = re.compile(r"idempotency|[cx]srf", re.IGNORECASE)  # they say nothing of who calls
_BEARER = re.compile(
    r"\bbearerAuth\b|\bBearer\s|passport\.authenticate\(\s*[\"'](?:jwt|bearer)|AuthGuard\(\s*[\"']jwt|\bjwt\("
)
_SESSION = re.compile(
    r"\bsession\b|\breq(?:uest)?\.user\b|\bisAuthenticated\b|\bcookies?\b|\bauth\(\)|getServerSession|getSession|getUser\(|"
    r"\buserId\b|\blocals\.\w*(?:user|session)|passport\.authenticate\(\s*[\"']session"
)
_REFUSES = re.compile(
    r"\b40[13]\b|[uU]nauthori[sz]ed|[fF]orbidden|UNAUTHORIZED|redirect\(|[sS]ign(?:ed)? in|canActivate|authenticate\("
)
_REFUSES_STRANGERS = re.compile(r"\b401\b|[uU]nauthori[sz]ed|UNAUTHORIZED")
_NAMES_A_CHECK = re.compile(
    r"auth|login|signedIn|session|guard|protect|require(?:User|Admin)|apiKey|token", re.IGNORECASE
)
_FILE_BEFORE_ALL = re.compile(r"^(?:apps/[^/]+/)?(?:src/)?(?:middleware|proxy|hooks\.server)\.[jt]s$")
_GUARD_OF_ALL = re.compile(r"useGlobalGuards\(([^;]{1,200})|APP_GUARD\s*,\s*use\w+:\s*(\w+)")
_NOT_A_CHECK = re.compile(
    r"rate|throttl|limit|csrf|valid|cors|cookieParser|^initialize$|^(?!require|ensure|check|with|verify).*session$",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked: `how` is "session", "header", or "unknown" where something is asked that was not understood.

    `header` is its name, in the spelling of the source; `prefix` is what stands before the credential, None where that
    is not known, as of a token that another route gives.
    """

    how: str
    place: Place
    header: str = ""
    prefix: str | None = None


@dataclass(frozen=True, slots=True)
class Asking:
    """Tells what routes ask."""

    program: Program
    texts: Texts
    routers: Routers

    def of(self, route: Route) -> Asked | None:
        """What a route asks; None where nothing was seen."""
        found = [asked for node in self._before(route) if (asked := self._of_check(node)) is not None]
        text, at = route.handler.text, line_of(route.handler)
        own = _sign(text, at) if _REFUSES.search(text) else None
        if own is None and _REFUSES_STRANGERS.search(text):
            own = Asked("unknown", at)
        found += [own] if own is not None else []
        found += list(self._of_all(route))
        known = [asked for asked in found if asked.how != "unknown"]
        return (known or found)[0] if found else None

    def _of_all(self, route: Route) -> Iterator[Asked]:
        """What is put before all routes elsewhere: by a file of Next.js or SvelteKit, or as a guard of NestJS."""
        for file in self.program.files.own if route.router is None else ():
            if _FILE_BEFORE_ALL.search(file.path) and _NAMES_A_CHECK.search(file.text):
                yield Asked("unknown", Place(file.path, 1, ""))
            guard = _GUARD_OF_ALL.search(file.text) if "uard" in file.text else None
            if guard is not None and not _NOT_A_CHECK.search(guard[1] or guard[2]):
                place = Place(file.path, file.text.count("\n", 0, guard.start()) + 1, "")
                yield self._of_class(guard[1] or guard[2], place) or Asked("unknown", place)

    def _of_class(self, said: str, place: Place) -> Asked | None:
        """What a class of the app asks that stands in this text, as `JwtGuard` or `new JwtGuard(..)`."""
        name = re.search(r"[A-Z]\w*", said)
        for module in self.program.files.mentioning(f"class {name[0]}") if name is not None else ():
            for around in module.parsed.of_kind(*CLASSES):
                called = around.field("name")
                if called is not None and name is not None and called.text == name[0]:
                    return _sign(around.text, place)
        return None

    def _before(self, route: Route) -> Iterator[Node]:
        """What runs before a route: its own middleware, and that of the routers above."""
        yield from route.before
        if route.router is None or route.call is None:
            return
        yield from self._used_on(route.router, route.call, route)
        for mount in reversed(route.mounts):
            yield from (one for one in arguments(mount.call) if self.routers.of(one) is None)
            yield from self._used_on(mount.above, mount.call, route)

    def _used_on(self, router: Node, before: Node, route: Route) -> Iterator[Node]:
        """What all routes pass that are made on a router later: `router.use(check)`, `fastify.addHook(.., check)`."""
        for name in ("use", "addHook", "register"):
            for call, member in self.routers.calls_named(name):
                owner = member.field("object")
                if owner is None or (call.file is before.file and call.start > before.start):
                    continue
                if self.routers.of(owner) is router and self._is_on_the_way(call, route):
                    yield from (one for one in arguments(call) if name != "register" or self._is_open(one))

    def _is_open(self, node: Node) -> bool:
        """Whether a plugin of Fastify is made with `fp(..)`: then its hooks are those of whoever registers it."""
        made = self.program.objects.resolved(node)
        callee = made.field("function") if made.kind == "call_expression" else None
        is_open = callee is not None and callee.text in ("fp", "fastifyPlugin", "fastify_plugin")
        return is_open and "addHook" in made.text

    def _is_on_the_way(self, call: Node, route: Route) -> bool:
        """Whether what is used under a path is passed by a route."""
        given = arguments(call)
        said = self.texts.constant(given[0]) if given and unwrapped(given[0]).kind not in FUNCTIONS else None
        if said is None or not said.startswith("/"):
            return True
        wanted = "/" + said.strip("/*")
        return wanted == "/" or wanted.rstrip("/") + "/" in route.end + "/"

    def _of_check(self, node: Node) -> Asked | None:
        inner = unwrapped(node)
        if inner.kind == "array":
            return next((asked for one in inner.children if (asked := self._of_check(one)) is not None), None)
        if inner.kind in ("string", "template_string", "object", "number"):
            return None
        texts = [function.text for function in self.program.objects.functions(inner)]
        for name in inner.below("identifier"):
            found = self.program.resolver.meaning(name)
            if isinstance(found, Binding) and found.kind == "class" and found.node.kind in CLASSES:
                texts.append(found.node.text)
        for text in texts:
            if _REFUSES.search(text) and (sign := _sign(text, line_of(inner))) is not None:
                return sign
        if _BEARER.search(inner.text):
            prefix = "Bearer " if re.match(r"bearerAuth\(\s*\{\s*token:\s*(?:process\.)?env", inner.text) else None
            return Asked("header", line_of(inner), "Authorization", prefix)
        callee = inner.field("function") if inner.kind == "call_expression" else inner
        said = (member_name(callee) or "") if callee is not None and callee.kind == "member_expression" else ""
        said = said or (callee.text if callee is not None and callee.kind == "identifier" else "")
        is_check = said == "UseGuards" or (_NAMES_A_CHECK.search(said) and not _NOT_A_CHECK.search(said))
        refuses = not texts or any(_REFUSES.search(text) for text in texts)
        return Asked("unknown", line_of(inner)) if is_check and refuses else None


def _sign(text: str, place: Place) -> Asked | None:
    header = next((m for m in _HEADER.finditer(text) if not _OF_NOBODY.search(m[0])), None)
    if header is not None:
        name = next(name for name in header.groups() if name)
        return Asked("header", place, name, None if name.lower() == "authorization" else "")
    if _BEARER.search(text):
        return Asked("header", place, "Authorization")
    return Asked("session", place) if _SESSION.search(text) else None
