"""What Knex' schema builder makes of tables: `knex.schema.alterTable("x", (table) => ..)`, `knex.raw(..)`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.source.migrations.definitions import (
    TYPES,
    Statements,
    Unknown,
    constraints,
    created,
    default_of,
    table_name,
    type_of,
)
from harness.source.migrations.raw import filled
from harness.source.sql.quoting import quote_ident

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.source.checkout import Place
    from harness.source.language import Function, Link

# Calls that are given a table and what is called with it, and what they do.
WITH_CALLBACK = {
    "createTable": "create",
    "createTableIfNotExists": "create if",
    "alterTable": "alter",
    "table": "alter",
}


@dataclass(frozen=True, slots=True)
class _Column:
    """A column as a call of Knex says it. Of one that `alters`, what is not said is gone, but for what it `keeps`."""

    name: str
    type: str
    default: str | None
    not_null: bool
    alters: bool
    keeps: frozenset[str] = frozenset()


def knex(links: Sequence[Link]) -> Statements | None:
    """The statements of a chain, in which several tables may be made; None where it is none of Knex. Raises Unknown."""
    schema, statements, known = "", Statements(), False
    for link in links:
        if not link.args:
            continue
        if link.name == "withSchema":
            schema = quote_ident(link.args[0].text() or "") + "."
        callback = link.args[1].function() if link.name in WITH_CALLBACK and len(link.args) > 1 else None
        if callback is not None:
            known = True
            statements += _table(schema + table_name(link.args[0]), WITH_CALLBACK[link.name], callback, link.place)
        elif any(other.name == "schema" and other.args is None for other in links):
            statement = _statement(schema, link)
            known = known or statement is not None
            statements += [(link.place, statement)] if statement is not None else []
    return statements if known else None


def _statement(schema: str, link: Link) -> str | None:
    """The statement of a call that is given no callback."""
    args = link.args or ()
    if link.name in ("dropTable", "dropTableIfExists"):
        return f"DROP TABLE IF EXISTS {schema}{table_name(args[0])}"
    if link.name == "renameTable" and len(args) > 1:
        return f"ALTER TABLE {schema}{table_name(args[0])} RENAME TO {table_name(args[1])}"
    if link.name == "raw":
        text = args[0].text()
        if text is None:
            raise Unknown("a statement that is built at run time")
        return filled(text, args[1].value()) if len(args) > 1 else text
    return None


def _table(table: str, mode: str, callback: Function, place: Place) -> Statements:
    """What a callback says, in Knex' order: new columns, then those that are altered, then the rest in its order."""
    altered: Statements = []
    rest: Statements = []
    columns: list[tuple[Place, str]] = []
    names = callback.parameters
    for links in callback.calls():
        if not names or len(links) < 2 or links[0].name != names[0]:
            continue
        first, *more = links[1:]
        at = links[-1].place
        if first.name.lower() in TYPES or first.name == "specificType":
            column = _column(first, more)
            if column.alters:
                altered += [(at, statement) for statement in _altered(table, column)]
            else:
                ends = constraints(column.default, column.not_null)
                columns.append((at, f"{quote_ident(column.name)} {column.type}{ends}"))
        else:
            rest += [(at, f"ALTER TABLE {table} {action}") for action in _actions(first)]
    if mode == "alter":
        return [*((at, f"ALTER TABLE {table} ADD COLUMN {column}") for at, column in columns), *altered, *rest]
    made = created(table, (column for _, column in columns), if_not_exists=mode == "create if")
    return [(place, made), *altered, *rest]


def _actions(link: Link) -> list[str]:
    """What a call on a table does to columns that are there."""
    texts = [arg.text() for arg in link.args or ()]
    if link.name in ("dropColumn", "dropColumns"):
        return [f"DROP COLUMN {quote_ident(text)}" for text in texts if text]
    if link.name == "renameColumn" and len(texts) > 1 and texts[0] and texts[1]:
        return [f"RENAME COLUMN {quote_ident(texts[0])} TO {quote_ident(texts[1])}"]
    if link.name in ("setNullable", "dropNullable") and texts and texts[0]:
        word = "DROP" if link.name == "setNullable" else "SET"
        return [f"ALTER COLUMN {quote_ident(texts[0])} {word} NOT NULL"]
    return []


def _column(first: Link, rest: Sequence[Link]) -> _Column:
    args = [arg.value() for arg in first.args or ()]
    name = first.name if not args else args[0]
    if not isinstance(name, str):
        raise Unknown("the column's name is built at run time")
    type_ = TYPES.get(first.name.lower(), "text")
    if first.name == "specificType" and len(args) > 1:
        type_ = type_of(args[1])
    elif first.name == "string" and len(args) > 1 and isinstance(args[1], int):
        type_ = f"varchar({args[1]})"
    default, not_null, alters = None, first.name.endswith("ncrements"), False
    keeps: frozenset[str] = frozenset()
    for link in rest:
        if link.name == "defaultTo" and link.args:
            default = default_of(link.args[0].value())
        not_null = not_null or link.name in ("notNullable", "primary")
        if link.name == "alter":
            alters = True
            options = link.args[0].value() if link.args else None
            keeps = frozenset(k for k, v in options.items() if v is False) if isinstance(options, dict) else keeps
    return _Column(name, type_, default, not_null, alters, keeps)


def _altered(table: str, column: _Column) -> list[str]:
    """Knex' alter() says the column anew, in a statement each: what is not named again is gone.

    The type is always changed by USING a cast. `alter({alterType: false, alterNullable: false})` leaves these alone.
    """
    name = quote_ident(column.name)
    actions = ["DROP DEFAULT"]
    is_nullable_said = "alterNullable" not in column.keeps
    if is_nullable_said:
        actions.append("DROP NOT NULL")
    if "alterType" not in column.keeps:
        actions.append(f"TYPE {column.type} USING ({name}::{column.type})")
    if column.default is not None:
        actions.append(f"SET DEFAULT {column.default}")
    if is_nullable_said and column.not_null:
        actions.append("SET NOT NULL")
    return [f"ALTER TABLE {table} ALTER COLUMN {name} {action}" for action in actions]
