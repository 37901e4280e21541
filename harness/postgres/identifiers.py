"""Names of a table and its columns, quoted for SQL."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from psycopg import sql

if TYPE_CHECKING:
    from typing import Any


class Names(Protocol):
    """The table and its columns as statements name them; `TableFacts` has them as the catalog does."""

    @property
    def identifier(self) -> sql.Identifier: ...
    @property
    def id_column(self) -> str: ...
    @property
    def label_column(self) -> str: ...
    @property
    def token_column(self) -> str: ...
    @property
    def token_type(self) -> str: ...


def in_sql(*names: str) -> str:
    """An identifier, with the schema before it where one is given, as it can be pasted into SQL."""
    return sql.Identifier(*names).as_string()


def quoted(name: str | sql.Identifier) -> sql.SQL:
    """A quoted identifier for a statement with parameters, in which a % is written twice."""
    identifier = sql.Identifier(name) if isinstance(name, str) else name
    return as_it_is(identifier.as_string().replace("%", "%%"))


def as_it_is(text: Any) -> sql.SQL:
    """Text that Postgres itself quoted (regclass::text)."""
    return sql.SQL(text)
