"""What a draft holds: each key with its value and where that was read, or why it is left open."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from harness.source.routes.facts import Doubt, Known

if TYPE_CHECKING:
    from harness.drafting.variables import Given
    from harness.source.routes.facts import Fact

# In the order in which they stand in the file.
KEYS = (
    "headers",
    "login",
    "ready.path",
    "ready.revision",
    "api.create",
    "api.status",
    "api.payload",
    "api.id",
    "api.token",
    "table.name",
    "table.id",
    "table.label",
    "table.token",
)
WANTED = tuple(key for key in KEYS if key.startswith(("api.", "table.")))  # what every app has
NOT_READ = "give --source DIR, or write it by hand"


@dataclass(frozen=True, slots=True)
class Draft:
    """The keys of `defaults`, and what the environments are given; `notes` are worth knowing beside the keys."""

    facts: dict[str, Fact]
    url: Given | None = None
    database: Given | None = None
    notes: tuple[str, ...] = field(default=())

    @property
    def known(self) -> dict[str, Known]:
        """The keys that have a value, in the order of the file."""
        return {key: fact for key in KEYS if isinstance(fact := self.facts.get(key), Known)}

    @property
    def open(self) -> dict[str, Doubt]:
        """The keys that are left open."""
        return {key: fact for key in KEYS if isinstance(fact := self.facts.get(key), Doubt)}
