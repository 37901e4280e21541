"""What is known of one place that stores a row of the table, or that gives its token column a value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from harness.source.checkout import Place
    from harness.source.javascript.modules import AccessPath
    from harness.source.javascript.syntax import Node


@dataclass(frozen=True, slots=True)
class Write:
    """A place that stores a row of the table, or gives its token a value.

    `run_at` are the calls that store, which for a statement in a constant stand elsewhere. `values` are the expressions
    whose member at a path becomes the token; `names_token` is where the token column is named with a value of the
    app's, None where it is not; `returns` whether the token comes back, None where it cannot be told.
    """

    node: Node
    shown: Place
    how: str
    is_create: bool
    run_at: tuple[Node, ...]
    values: tuple[tuple[Node, AccessPath], ...] = ()
    names_token: Node | None = None
    returns: bool | None = None
    conflict: str | None = None
    is_unfollowed: bool = False  # the token is named, and where its value comes from was not found
    may_store: bool = False  # a row that was made elsewhere, or is changed: `repository.save(chatbot)`
