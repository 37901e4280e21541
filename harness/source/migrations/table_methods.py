"""What methods whose first argument is the table make of it: those of node-pg-migrate, Sequelize and TypeORM.

`pgm.alterColumn(..)`, `queryInterface.changeColumn(..)`, `queryRunner.addColumn(..)`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from harness.source.language import Opaque
from harness.source.migrations.definitions import (
    Statements,
    Unknown,
    constraints,
    created,
    default_of,
    table_name,
    type_of,
)
from harness.source.migrations.raw import Defined, Raw
from harness.source.sql.quoting import quote_ident

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from harness.source.language import Expression, Link

    Args = Sequence[Expression]

# What the client fills in, and no DDL ever names.
_BY_SEQUELIZE = re.compile(r"\bUUIDV\d$|\bNOW$|\buuidV\d$")


def table_methods(links: Sequence[Link]) -> Statements | None:
    """The statements of the last call of a chain; None where it is no such method. Raises Unknown."""
    last = links[-1]
    if len(links) < 2 or not last.args or last.name not in _METHODS:
        return None
    if any(link.name == "schema" and link.args is None for link in links):  # Kysely's and Knex' own chains
        return None
    made = _METHODS[last.name](last.args)
    return [(last.place, sql) for sql in made] if made is not None else None


def _create(args: Args) -> list[str] | None:
    value = args[0].value()
    if isinstance(value, Defined):
        options = _dict(value)
        columns = options.get("columns")
        if not isinstance(columns, list) or not isinstance(options.get("name"), str):
            raise Unknown("a table whose columns are built at run time")
        parts = [_typeorm_column(_dict(column)) for column in columns if isinstance(column, (dict, Defined))]
        names = [part for part in (options.get("schema"), options["name"]) if isinstance(part, str)]
        is_guarded = len(args) > 1 and args[1].value() is True
        return [created(".".join(map(quote_ident, names)), parts, if_not_exists=is_guarded)]
    if len(args) < 2:
        return None
    columns = args[1].value()
    if not isinstance(columns, dict):
        raise Unknown("a table whose columns are built at run time")
    parts = [f"{quote_ident(_field(name, of))} {_attributes(of)}" for name, of in columns.items()]
    return [created(table_name(args[0]), parts, if_not_exists=_is_guarded(args))]


def _is_guarded(args: Args) -> bool:
    """Whether node-pg-migrate is given `{ifNotExists: true}`."""
    options = args[2].value() if len(args) > 2 else None
    return isinstance(options, dict) and options.get("ifNotExists") is True


def _field(name: str, of: object) -> str:
    return str(of["field"]) if isinstance(of, dict) and isinstance(of.get("field"), str) else name


def _add(args: Args) -> list[str] | None:
    if len(args) < 2:
        return None
    add = f"ALTER TABLE {table_name(args[0])} ADD COLUMN"
    what = args[1].value()
    if isinstance(what, Defined):
        return [f"{add} {_typeorm_column(_dict(what))}"]
    if isinstance(what, dict):  # node-pg-migrate: several columns
        clause = "IF NOT EXISTS " if _is_guarded(args) else ""
        return [f"{add} {clause}{quote_ident(name)} {_attributes(of)}" for name, of in what.items()]
    if isinstance(what, list):
        return [f"{add} {_typeorm_column(_dict(of))}" for of in what]
    if isinstance(what, str) and len(args) > 2:
        return [f"{add} {quote_ident(what)} {_attributes(args[2].value())}"]
    raise Unknown("a column that is built at run time")


def _alter(args: Args) -> list[str] | None:
    """node-pg-migrate's alterColumn: what its options name, in one statement, and nothing else."""
    if len(args) < 3:
        return None
    name, options = args[1].text(), args[2].value()
    if name is None or not isinstance(options, dict):
        raise Unknown("a column that is built at run time")
    column = f"ALTER COLUMN {quote_ident(name)}"
    actions = []
    if "default" in options:
        value = options["default"]
        actions.append(f"{column} DROP DEFAULT" if value is None else f"{column} SET DEFAULT {default_of(value)}")
    if "type" in options:
        using = options.get("using")
        if using is not None and not isinstance(using, (str, Raw)):
            raise Unknown("what the column is made of is built at run time")
        clause = f" USING {using.sql if isinstance(using, Raw) else using}" if using else ""
        actions.append(f"{column} TYPE {type_of(options['type'])}{clause}")
    if "notNull" in options or "allowNull" in options:
        strict = options.get("notNull") is True or options.get("allowNull") is False
        actions.append(f"{column} {'SET' if strict else 'DROP'} NOT NULL")
    return [f"ALTER TABLE {table_name(args[0])} {', '.join(actions)}"] if actions else []


def _change(args: Args) -> list[str] | None:
    """Sequelize's and TypeORM's changeColumn say the column anew: a default that is not named again is gone."""
    if len(args) < 3:
        return None
    table, name, given = table_name(args[0]), args[1].text(), args[2].value()
    if name is None:
        raise Unknown("the column's name is built at run time")
    if isinstance(given, Defined):
        return _changed_by_typeorm(table, name, _dict(given))
    options = given if isinstance(given, dict) else {"type": given}
    return _changed_by_sequelize(table, quote_ident(name), options)


def _changed_by_typeorm(table: str, name: str, options: dict[str, Any]) -> list[str]:
    """TypeORM drops a column whose type changes, and makes it anew."""
    renamed = options.get("name", name)
    return [
        f"ALTER TABLE {table} DROP COLUMN {quote_ident(name)}",
        f"ALTER TABLE {table} ADD COLUMN {_typeorm_column({**options, 'name': renamed})}",
    ]


def _changed_by_sequelize(table: str, column: str, options: dict[str, Any]) -> list[str]:
    """Sequelize sends three statements, the type last, and a USING only where the text of the type holds one."""
    default = _sequelize_default(options)
    actions = [
        f"{'SET' if options.get('allowNull') is False else 'DROP'} NOT NULL",
        f"SET DEFAULT {default}" if default is not None else "DROP DEFAULT",
    ]
    if "type" in options:
        actions.append(f"TYPE {type_of(options['type'])}")
    return [f"ALTER TABLE {table} ALTER COLUMN {column} {action}" for action in actions]


def _dict(value: object) -> dict[str, Any]:
    value = value.options if isinstance(value, Defined) else value
    if not isinstance(value, dict):
        raise Unknown("a column that is built at run time")
    return value


def _attributes(of: object) -> str:
    """Type and constraints of a column of node-pg-migrate or Sequelize."""
    if not isinstance(of, dict):
        return {"id": "serial"}.get(of, type_of(of)) if isinstance(of, str) else type_of(of)
    default = default_of(of["default"]) if of.get("default") is not None else _sequelize_default(of)
    not_null = of.get("notNull") is True or of.get("allowNull") is False
    type_ = type_of(of.get("type", "text"))
    return {"id": "serial"}.get(type_, type_) + constraints(default, not_null)


def _sequelize_default(options: dict[str, Any]) -> str | None:
    value = options.get("defaultValue")
    if value is None or (isinstance(value, Opaque) and _BY_SEQUELIZE.search(value.code)):
        return None
    return default_of(value)


def _typeorm_column(of: dict[str, Any]) -> str:
    if not isinstance(of.get("name"), str):
        raise Unknown("the column's name is built at run time")
    type_ = type_of(of.get("type", "text"))
    if of.get("length") and type_ in ("varchar", "character varying"):
        type_ = f"varchar({int(str(of['length']))})" if str(of["length"]).isdecimal() else type_
    if of.get("isGenerated") is True and of.get("generationStrategy") == "increment":
        type_ = "serial"
    return f"{quote_ident(of['name'])} {type_}{constraints(_typeorm_default(of), of.get('isNullable') is not True)}"


def _typeorm_default(of: dict[str, Any]) -> str | None:
    if of.get("generationStrategy") == "uuid":
        return "uuid_generate_v4()"
    value = of.get("default")
    return value if isinstance(value, str) else None if value is None else default_of(value)


def _drop_column(args: Args) -> list[str] | None:
    if len(args) < 2:
        return None
    value = args[1].value()
    names = value if isinstance(value, list) else [value]
    table = table_name(args[0])
    return [f"ALTER TABLE {table} DROP COLUMN {quote_ident(name)}" for name in names if isinstance(name, str)]


def _rename_column(args: Args) -> list[str] | None:
    texts = [arg.text() for arg in args[1:3]]
    if len(texts) < 2 or texts[0] is None or texts[1] is None:
        return None
    return [f"ALTER TABLE {table_name(args[0])} RENAME COLUMN {quote_ident(texts[0])} TO {quote_ident(texts[1])}"]


def _rename_table(args: Args) -> list[str] | None:
    if len(args) < 2:
        return None
    return [f"ALTER TABLE {table_name(args[0])} RENAME TO {table_name(args[1])}"]


def _drop_table(args: Args) -> list[str] | None:
    return [f"DROP TABLE IF EXISTS {table_name(args[0])}"]


_METHODS: dict[str, Callable[[Args], list[str] | None]] = {
    "createTable": _create,
    "addColumn": _add,
    "addColumns": _add,
    "alterColumn": _alter,
    "changeColumn": _change,
    "dropColumn": _drop_column,
    "dropColumns": _drop_column,
    "removeColumn": _drop_column,
    "renameColumn": _rename_column,
    "renameTable": _rename_table,
    "dropTable": _drop_table,
}
