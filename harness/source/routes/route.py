"""What a route of an app is, whatever its framework."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from harness.source.checkout import Place
    from harness.source.javascript.syntax import Node


@dataclass(frozen=True, slots=True)
class Mount:
    """That a router is mounted below another one: the call, the one above, and the part of the path between them."""

    call: Node
    above: Node
    prefix: str | None


@dataclass(frozen=True, slots=True)
class Route:
    """A route as the app's code has it.

    Attributes:
        path: of the server, with `:name` for what varies; None where a part of it could not be told.
        end: the part of the path that is known.
        handler: the function that answers.
        before: expressions that stand for what runs before it alone: middleware, guards, validators.
        place: where the route is made.
        places: where the other parts of its path stand.
        router: what it is made on, and `call` the call that makes it; None where a file or a decorator does.
        mounts: how that router is reached, the outermost first.
        options: what Fastify and Elysia are given besides, such as a schema.
        status: what it answers unless it says so; None where that is not known.
    """

    path: str | None
    end: str
    handler: Node
    before: tuple[Node, ...]
    place: Place
    places: tuple[Place, ...] = ()
    router: Node | None = None
    call: Node | None = None
    mounts: tuple[Mount, ...] = ()
    options: Node | None = None
    status: int | None = 200

    @property
    def varies(self) -> bool:
        """Whether the path has a part that only the caller knows."""
        return self.path is not None and any(part[:1] in (":", "*", "{", "[") for part in self.path.split("/"))


def joined(*parts: str) -> str:
    """Parts of a path as one: one slash between them, and none at the end."""
    return "/" + "/".join(part.strip("/") for part in parts if part.strip("/"))
