"""What libraries make of their arguments in code: pieces of raw SQL, and definitions of tables and columns."""

from __future__ import annotations

import re
from dataclasses import dataclass

from harness.source.sql.quoting import quote_ident, quote_literal


@dataclass(frozen=True, slots=True)
class Raw:
    """A piece of SQL that stands in code."""

    sql: str


@dataclass(frozen=True, slots=True)
class Defined:
    """What TypeORM's `new Table({..})` and `new TableColumn({..})` are given."""

    options: object


def filled(text: str, bindings: object) -> str:
    """SQL with knex' bindings put in: `??` and `:name:` are names, `?` and `:name` values."""
    if isinstance(bindings, list) and all(isinstance(value, (str, int, Raw)) for value in bindings):
        given = iter(bindings)
        return re.sub(r"\?\??", lambda match: _bound(next(given, ""), name=len(match[0]) == 2), text)
    if isinstance(bindings, dict) and all(isinstance(value, (str, int, Raw)) for value in bindings.values()):

        def named(match: re.Match[str]) -> str:
            return _bound(bindings[match[1]], name=bool(match[2])) if match[1] in bindings else match[0]

        return re.sub(r"(?<![:\w]):(\w+)(:?)(?!:)", named, text)
    return text


def _bound(value: object, *, name: bool) -> str:
    if isinstance(value, Raw):
        return value.sql
    return ".".join(quote_ident(part) for part in str(value).split(".")) if name else quote_literal(value)
