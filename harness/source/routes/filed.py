"""Routes whose path is that of their file: Next.js (`app/` and `pages/api/`), SvelteKit and Nuxt."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from harness.source.javascript.literals import key_of, literal
from harness.source.javascript.modules import Binding
from harness.source.javascript.syntax import FUNCTIONS, Node, line_of
from harness.source.routes.handlers import handler_of
from harness.source.routes.route import Route, joined

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.source.javascript.modules import Module
    from harness.source.javascript.program import Program

_NEXT_APP = re.compile(r"(?:^|/)app/(?:(.*)/)?route\.[jt]sx?$")
_NEXT_PAGES = re.compile(r"(?:^|/)pages/(api/.*)\.[jt]sx?$")
_SVELTE = re.compile(r"(?:^|/)src/routes/(?:(.*)/)?\+server\.[jt]s$")
_NUXT = re.compile(r"(?:^|/)server/(api|routes)/(.*?)(?:\.(get|post|put|patch|delete))?\.[jt]s$")


def filed_routes(program: Program, method: str) -> Iterator[Route]:
    """The routes of a method, such as `post`."""
    for file in program.files.own:
        below = file.path.lower()
        if "route" not in below and "api/" not in below and "+server" not in below:
            continue
        for pattern, base in ((_NEXT_APP, ""), (_SVELTE, "")):
            match = pattern.search(file.path)
            if match is not None:
                module = program.files.module(file.path)
                yield from _exported(program, module, method.upper(), joined(base, match[1] or ""))
        if (match := _NEXT_PAGES.search(file.path)) is not None:
            module = program.files.module(file.path)
            if re.search(rf"['\"]{method.upper()}['\"]", file.text):
                yield from _exported(program, module, "default", joined(match[1].removesuffix("index")))
        elif (match := _NUXT.search(file.path)) is not None and match[3] == method and "EventHandler" in file.text:
            module = program.files.module(file.path)
            prefix = "api" if match[1] == "api" else ""
            yield from _exported(program, module, "default", joined(prefix, match[2].removesuffix("index")))


def _exported(program: Program, module: Module, name: str, path: str) -> Iterator[Route]:
    found = program.resolver.exported(module, name)
    value = found.value if isinstance(found, Binding) else found
    handler = handler_of(program, value) if isinstance(value, Node) else None
    if handler is None or handler.kind not in FUNCTIONS:
        return
    base = _base_path(program)
    parts = [_segment(part) for part in path.split("/") if not re.fullmatch(r"\(.*\)|@.*", part)]
    end = joined(base or "", *parts)
    around = value if isinstance(value, Node) and value.kind not in FUNCTIONS else None
    before = (around,) if around is not None and around.kind == "call_expression" else ()
    yield Route(None if base is None else end, end, handler, before, line_of(handler))


def _segment(part: str) -> str:
    """`[id]`, `[...all]` and SvelteKit's `[id=integer]` as `:id`."""
    match = re.fullmatch(r"\[+(?:\.\.\.)?(\w+).*\]+", part)
    return f":{match[1]}" if match is not None else part


def _base_path(program: Program) -> str | None:
    """Next's basePath; None where it is there and no text."""
    for file in program.files.own:
        if re.search(r"(?:^|/)next\.config\.\w+$", file.path) and "basePath" in file.text:
            pairs = program.files.module(file.path).parsed.of_kind("pair")
            said = [literal(pair.field("value")) for pair in pairs if key_of(pair) == "basePath"]
            return said[0] if len(said) == 1 else None
    return ""
