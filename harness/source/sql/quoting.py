"""Writes names and constants as SQL, as Postgres' functions of the same names do."""

from __future__ import annotations


def quote_ident(name: str) -> str:
    """A name in double quotes."""
    return '"' + name.replace('"', '""') + '"'


def quote_literal(value: object) -> str:
    """A constant: true, false, a number, NULL, and anything else as a text in quotes."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    return "NULL" if value is None else "'" + str(value).replace("'", "''") + "'"
