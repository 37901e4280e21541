"""Finds the routes of an app, in whatever way its framework makes them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.source.javascript.texts import Texts
from harness.source.routes.called import called_routes
from harness.source.routes.decorated import decorated_routes
from harness.source.routes.filed import filed_routes
from harness.source.routes.routers import Routers

if TYPE_CHECKING:
    from harness.source.javascript.program import Program
    from harness.source.routes.route import Route


def find_routes(program: Program, routers: Routers, texts: Texts, method: str) -> list[Route]:
    """The routes of a method (`get`, `post`), in the order of their files."""
    found = [
        *called_routes(program, texts, routers, method),
        *decorated_routes(program, texts, method),
        *filed_routes(program, method),
    ]
    return sorted(found, key=lambda route: (route.place.path, route.place.line))


def plain_texts(program: Program) -> Texts:
    """The texts of a program, in which nothing but text stands for text."""
    return Texts(program, lambda _texts, _node, _depth: None)
