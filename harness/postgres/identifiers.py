"""Names of a table and its columns, quoted for SQL."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from psycopg import sql

from harness.patterns import lazily

if TYPE_CHECKING:
    from typing import Any


class Names(Protocol):
    """The table and its columns as statements name them; `TableFacts` has them as the catalog does."""

    @property
    def identifier(self) -> sql.Identifier: ...
    @property
    def id_column(self) -> str: ...
    @property
    def id_type(self) -> str: ...
    @property
    def label_column(self) -> str: ...
    @property
    def label_type(self) -> str: ...
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


# As format_type() prints them where pg_catalog alone is searched: types whose cast to text is Postgres' own.
_IS_TEXT = lazily(r"(?:text|name|character(?: varying)?)(?:\(\d+\))?")


def as_text(column: sql.Composable, type_: str) -> sql.Composed:
    """A column's value as text, NULL where it is.

    A cast to text of any other type may be a function that its owner wrote; what its output function prints is not.
    """
    if _IS_TEXT.fullmatch(type_):
        return sql.SQL("{}::pg_catalog.text").format(column)
    return sql.SQL("CASE WHEN {0} IS NOT NULL THEN pg_catalog.concat({0}) END").format(column)


def as_uuid(text: sql.Composable) -> sql.Composed:
    """A text as a uuid, by the type's input function: a cast may be somebody's own."""
    return sql.SQL("pg_catalog.uuid_in(pg_catalog.textout({}))").format(text)
