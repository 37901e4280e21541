"""A column's default and the functions that it calls, as the catalog has them."""

from __future__ import annotations

from typing import NamedTuple

READ_LANGUAGES = ("sql", "plpgsql")  # whose texts are understood


class Function(NamedTuple):
    """A function that a default calls, or that such a function may call (pg_proc).

    Attributes:
        schema: of it.
        name: of it.
        source: its text, or the C symbol of a compiled one; no more than `LONGEST` characters.
        language: of it.
        extension: the one that owns it, "" where none does.
        library: that holds a compiled one of language `c`.
        built_in: whether Postgres brings it, by its oid; a superuser may have replaced it.
        arguments: how many it takes.
        has_defaults: whether some of them may be left out: then they are expressions that are not read.
        volatility: `v` volatile, `s` stable, `i` immutable.
        settings: that it runs with, each name=value.
        returns: its type, "" where that is none of Postgres' own.
        definition: CREATE FUNCTION, where it has a body of standard SQL.
    """

    schema: str
    name: str
    source: str
    language: str
    extension: str
    library: str = ""
    built_in: bool = False
    arguments: int = 0
    has_defaults: bool = False
    volatility: str = "v"
    settings: tuple[str, ...] = ()
    returns: str = "uuid"
    definition: str = ""

    @property
    def shown(self) -> str:
        """schema.name"""
        return f"{self.schema}.{self.name}"


class Default(NamedTuple):
    """A column's default (pg_attrdef).

    Attributes:
        expression: as Postgres prints it, no more than `LONGEST` characters.
        functions: all that it calls, with those of operators and casts, by their oids in the stored expression.
        casts: whether the database has casts of its own between types of Postgres.
        named: where it calls functions of the database: whatever the names in their texts may mean, and so on.
        types: of those names, the types of the database.
        operators: those of the database that take types of Postgres, or have a name of their own.
        unread: why not all of it was read, "" where it was.
    """

    expression: str
    functions: tuple[Function, ...]
    casts: bool = False
    named: tuple[Function, ...] = ()
    types: frozenset[str] = frozenset()
    operators: frozenset[str] = frozenset()
    unread: str = ""
