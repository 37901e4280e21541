"""What Kysely's schema builder makes of tables: `db.schema.alterTable("x").alterColumn("c", (col) => ..).execute()`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.source.migrations.definitions import (
    Statements,
    Unknown,
    constraints,
    created,
    default_of,
    table_name,
    type_of,
)
from harness.source.sql.quoting import quote_ident

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.source.language import Expression, Link


def kysely(links: Sequence[Link]) -> Statements | None:
    """The statements of a chain; None where it is none of Kysely. Raises Unknown."""
    if not any(link.name == "schema" and link.args is None for link in links):
        return None
    at = next((n for n, link in enumerate(links) if link.name in ("createTable", "alterTable", "dropTable")), None)
    if at is None or len(links[at].args or ()) != 1:
        return None
    head, rest = links[at], links[at + 1 :]
    schema = next((link.args[0].text() for link in links if link.name == "withSchema" and link.args), None)
    table = (quote_ident(schema) + "." if schema else "") + table_name((head.args or ())[0])
    if head.name == "dropTable":
        return [(head.place, f"DROP TABLE IF EXISTS {table}")]
    place = links[-1].place
    if head.name == "alterTable":
        actions = [action for link in rest for action in _actions(link)]
        alone = [action for action in actions if action.startswith(("RENAME", "SET SCHEMA"))]
        together = ", ".join(action for action in actions if action not in alone)  # which Kysely sends as one
        return [(place, f"ALTER TABLE {table} {action}") for action in (together, *alone) if action]
    columns = [_column(link) for link in rest if link.name == "addColumn"]
    return [(place, created(table, columns, if_not_exists=any(link.name == "ifNotExists" for link in rest)))]


def _column(link: Link) -> str:
    args = link.args or ()
    name = args[0].text() if len(args) > 1 else None
    if name is None:
        raise Unknown("a column that is built at run time")
    default, not_null = None, False
    for option in _options(args[2]) if len(args) > 2 else ():
        if option.name == "defaultTo" and option.args:
            default = default_of(option.args[0].value())
        not_null = not_null or option.name in ("notNull", "primaryKey")
    return f"{quote_ident(name)} {type_of(args[1].value())}{constraints(default, not_null)}"


def _options(callback: Expression) -> list[Link]:
    """The calls on the parameter of `(col) => col.notNull().defaultTo(..)`."""
    function = callback.function()
    return [link for links in function.calls() for link in links[1:]] if function is not None else []


def _actions(link: Link) -> list[str]:
    args = link.args or ()
    texts = [arg.text() for arg in args[:2]]
    if link.name == "addColumn":
        return [f"ADD COLUMN {_column(link)}"]
    if link.name == "dropColumn" and texts and texts[0]:
        return [f"DROP COLUMN {quote_ident(texts[0])}"]
    if link.name == "renameColumn" and len(texts) > 1 and texts[0] and texts[1]:
        return [f"RENAME COLUMN {quote_ident(texts[0])} TO {quote_ident(texts[1])}"]
    if link.name == "renameTo" and texts and texts[0]:
        return [f"RENAME TO {quote_ident(texts[0])}"]
    if link.name == "setSchema" and texts and texts[0]:
        return [f"SET SCHEMA {quote_ident(texts[0])}"]
    if link.name != "alterColumn" or len(args) < 2 or not texts[0]:
        return []
    return _altered(f"ALTER COLUMN {quote_ident(texts[0])}", args[1])


def _altered(column: str, callback: Expression) -> list[str]:
    actions = []
    for option in _options(callback):
        given = option.args[0].value() if option.args else None
        if option.name == "setDataType":
            actions.append(f"{column} TYPE {type_of(given)}")
        elif option.name == "setDefault":
            actions.append(f"{column} SET DEFAULT {default_of(given)}")
        elif option.name in ("dropDefault", "setNotNull", "dropNotNull"):
            words = {"dropDefault": "DROP DEFAULT", "setNotNull": "SET NOT NULL", "dropNotNull": "DROP NOT NULL"}
            actions.append(f"{column} {words[option.name]}")
    if not actions:
        raise Unknown("what is altered is built at run time")
    return actions
