"""Writes what builders are given of tables and columns as SQL: names, types, defaults, constraints."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from harness.source.checkout import Place
from harness.source.language import Opaque
from harness.source.migrations.raw import Defined, Raw
from harness.source.sql.columns import NOT_UNDERSTOOD
from harness.source.sql.quoting import quote_ident, quote_literal

if TYPE_CHECKING:
    from collections.abc import Iterable

    from harness.source.language import Expression

Statements = list[tuple[Place, str]]  # of SQL, each with the place of the code that sends it
TYPES = {
    "string": "varchar(255)", "char": "char", "uuid": "uuid", "text": "text", "json": "json", "jsonb": "jsonb",
    "integer": "integer", "bigint": "bigint", "biginteger": "bigint", "float": "real", "double": "double precision",
    "decimal": "numeric", "boolean": "boolean", "bool": "boolean", "date": "date", "datetime": "timestamptz",
    "timestamp": "timestamptz", "time": "time", "binary": "bytea", "increments": "serial", "bigincrements": "bigserial",
    "tinyint": "smallint", "smallint": "smallint", "varchar": "varchar", "serial": "serial", "bigserial": "bigserial",
    "citext": "citext", "id": "serial", "smallinteger": "smallint", "enu": "text", "enum": "text", "dateonly": "date",
}  # fmt: skip
_MADE_NOW = re.compile(r"(?i)uuid|nanoid|random|token|cuid")


class Unknown(Exception):
    """A call changes a table in a way that is not known from reading it; the message says which."""


def table_name(expression: Expression) -> str:
    """A table as SQL: text (`schema.table` is taken apart), or an object with schema and name. Raises Unknown."""
    value = expression.value()
    value = value.options if isinstance(value, Defined) else value
    if isinstance(value, dict):
        parts = [value.get("schema"), value.get("tableName", value.get("name"))]
        value = ".".join(part for part in parts if isinstance(part, str)) if parts[1] else None
    if not isinstance(value, str):
        raise Unknown("the table's name is built at run time")
    return ".".join(quote_ident(part) for part in value.replace('"', "").split("."))


def default_of(value: object) -> str:
    """A default as SQL; of one that is not understood, a call that says so, since it may be of any column."""
    if isinstance(value, Raw):
        return value.sql
    if isinstance(value, Opaque):
        if _MADE_NOW.search(value.code):  # made once, when the migration runs: a constant
            return quote_literal(value.code)
        return f"{NOT_UNDERSTOOD}({quote_literal(value.code)})"
    return quote_literal(str(value) if isinstance(value, (dict, list)) else value)


def type_of(value: object) -> str:
    """A type as SQL: a text, a piece of SQL, or a member of Sequelize's DataTypes, perhaps with a length.

    Raises Unknown.
    """
    if isinstance(value, Raw):
        return value.sql
    if isinstance(value, Opaque):
        match = re.fullmatch(r"(?:[\w.]*\.)?(\w+)(?:\((\d*)[^()]*\))?(?:\.\w+)*", value.code)
        base = TYPES.get(match[1].lower(), "text" if match[1].isupper() else None) if match is not None else None
        if match is None or base is None:
            raise Unknown(f"the type is {value.code}")
        return f"varchar({match[2]})" if match[2] and match[1] == "STRING" else base
    if not isinstance(value, str):
        raise Unknown(f"the type is {value}")
    return "varchar" if value == "string" else value


def constraints(default: str | None, not_null: bool) -> str:
    """What stands behind the type of a column."""
    return (" NOT NULL" if not_null else "") + ("" if default is None else f" DEFAULT {default}")


def created(table: str, columns: Iterable[str], *, if_not_exists: bool = False) -> str:
    """A table with columns, each as SQL."""
    return f"CREATE TABLE {'IF NOT EXISTS ' if if_not_exists else ''}{table} ({', '.join(columns)})"
