"""The small catalog that statements leave: tables, columns, domains and functions, and what was refused of them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from harness.source.sql.columns import Column, Unclear

if TYPE_CHECKING:
    from harness.source.checkout import Place

Name = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Table:
    """A table: its columns by name. `complete` where all of them are known, `notes` what was said of it in vain."""

    columns: dict[str, Column] = field(default_factory=dict)
    complete: bool = False
    notes: tuple[Unclear, ...] = ()
    refused: tuple[Unclear, ...] = ()

    def having(self, name: str, column: Column) -> Table:
        """The table with this column."""
        return replace(self, columns={**self.columns, name: column})

    def without(self, name: str) -> Table:
        """The table without this column."""
        return replace(self, columns={n: c for n, c in self.columns.items() if n != name})

    def noting(self, place: Place, why: str) -> Table:
        """The table, and that a statement did nothing to it."""
        return replace(self, notes=(*self.notes, Unclear(place, why)))

    def refusing(self, place: Place, why: str) -> Table:
        """The table, and that Postgres would refuse a statement on it."""
        return replace(self, refused=(*self.refused, Unclear(place, why)))


@dataclass(slots=True)
class Catalog:
    """What there is after some statements."""

    tables: dict[Name, Table] = field(default_factory=dict)
    domains: dict[Name, Column] = field(default_factory=dict)
    functions: dict[Name, Place] = field(default_factory=dict)
    gone: dict[Name, Place] = field(default_factory=dict)  # dropped, renamed or moved away
    refused: tuple[Unclear, ...] = ()  # what Postgres would refuse for want of a table
    path: tuple[str, ...] = ("public",)
    raised: bool = False
    returned: bool = False

    def copy(self) -> Catalog:
        """A catalog of its own, which goes on from here."""
        return replace(
            self,
            tables=dict(self.tables),
            domains=dict(self.domains),
            functions=dict(self.functions),
            gone=dict(self.gone),
        )

    @property
    def refusals(self) -> int:
        """How many statements Postgres would have refused."""
        return len(self.refused) + sum(len(table.refused) for table in self.tables.values())

    def resolve(self, schema: str, name: str) -> Name:
        """The full name of a relation: that of the search path which exists, or where it would be made."""
        if schema:
            return schema, name
        return next(((s, name) for s in self.path if (s, name) in self.tables), (self.path[0], name))
