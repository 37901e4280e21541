"""What the calls of migration tools make of tables, said in SQL: Knex, node-pg-migrate, Sequelize, TypeORM, Kysely."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from harness.source.javascript.chains import Link, chain
from harness.source.javascript.functions import parameter_names
from harness.source.javascript.syntax import FUNCTIONS, Node, arguments
from harness.source.javascript.values import Opaque, Values
from harness.source.migrations.fragments import Raw, filled
from harness.source.sql.quoting import quote_ident, quote_literal

if TYPE_CHECKING:
    from collections.abc import Callable

Made = list[tuple[Node, str]]
_TYPES = {
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


def builder_name(values: Values, node: Node) -> str:
    """A table as SQL: text (`schema.table` is taken apart), or an object with schema and name. Raises Unknown."""
    value = values.of(node)
    if isinstance(value, dict):
        parts = [value.get("schema"), value.get("tableName", value.get("name"))]
        value = ".".join(part for part in parts if isinstance(part, str)) if parts[1] else None
    if not isinstance(value, str):
        raise Unknown("the table's name is put together while it runs")
    return ".".join(quote_ident(part) for part in value.replace('"', "").split("."))


def _default(value: object) -> str:
    if isinstance(value, Raw):
        return value.sql
    if isinstance(value, Opaque):
        if _MADE_NOW.search(value.code):  # made once, when the migration runs: a constant
            return quote_literal(value.code)
        raise Unknown(f"the default is {value.code}")
    if isinstance(value, (dict, list)):
        return quote_literal(str(value))
    return quote_literal(value)


def type_of(value: object) -> str:
    """A type as SQL: a text, a piece of SQL, or a member of Sequelize's DataTypes, perhaps with a length."""
    if isinstance(value, Raw):
        return value.sql
    if isinstance(value, Opaque):
        match = re.fullmatch(r"(?:[\w.]*\.)?(\w+)(?:\((\d*)[^()]*\))?(?:\.\w+)*", value.code)
        if match is None:
            raise Unknown(f"the type is {value.code}")
        base = _TYPES.get(match[1].lower())
        if base is None:
            return "text" if match[1].isupper() else _refuse_type(value.code)
        return f"varchar({match[2]})" if match[2] and match[1] == "STRING" else base
    if not isinstance(value, str):
        raise Unknown(f"the type is {value}")
    return "varchar" if value == "string" else value


def _refuse_type(code: str) -> str:
    raise Unknown(f"the type is {code}")


# --- Knex -------------------------------------------------------------------------------------------------------------

_WITH_CALLBACK = {
    "createTable": "create",
    "createTableIfNotExists": "create if",
    "alterTable": "alter",
    "table": "alter",
}


def knex(values: Values, links: list[Link]) -> Made | None:
    """`knex.schema.createTable("x", (table) => ..)` and its like, of which several may be chained."""
    schema, made, known = "", [], False
    for link in links:
        if link.args is None or not link.args:
            continue
        if link.name == "withSchema":
            schema = quote_ident(values.text(link.args[0]) or "") + "."
        callback = values.program.resolved(link.args[1]) if len(link.args) > 1 else None
        if link.name in _WITH_CALLBACK and callback is not None and callback.kind in FUNCTIONS:
            known = True
            table = schema + builder_name(values, link.args[0])
            made += _knex_table(values, table, _WITH_CALLBACK[link.name], callback, link.node)
        elif any(other.name == "schema" and other.args is None for other in links):
            simple = _knex_simple(values, schema, link)
            known = known or simple is not None
            made += simple or []
    return made if known else None


def _knex_simple(values: Values, schema: str, link: Link) -> Made | None:
    args = link.args or []
    if link.name in ("dropTable", "dropTableIfExists"):
        return [(link.node, f"DROP TABLE IF EXISTS {schema}{builder_name(values, args[0])}")]
    if link.name == "renameTable" and len(args) > 1:
        return [
            (
                link.node,
                f"ALTER TABLE {schema}{builder_name(values, args[0])} RENAME TO {builder_name(values, args[1])}",
            )
        ]
    if link.name == "raw" and args:
        text = values.text(args[0])
        if text is None:
            raise Unknown("a statement that is put together while it runs")
        return [(link.node, filled(text, values.of(args[1])) if len(args) > 1 else text)]
    return None


def _knex_table(values: Values, table: str, way: str, callback: Node, node: Node) -> Made:
    names = parameter_names(callback)
    made: Made = []
    columns: list[tuple[Node, str]] = []
    for call in _statements(callback):
        links = chain(call)
        if not links or not names or links[0].name != names[0] or len(links) < 2:
            continue
        first, *rest = links[1:]
        texts = [values.text(arg) for arg in first.args or []]
        if first.name in ("dropColumn", "dropColumns"):
            made += [(call, f"ALTER TABLE {table} DROP COLUMN {quote_ident(text)}") for text in texts if text]
        elif first.name == "renameColumn" and len(texts) > 1 and texts[0] and texts[1]:
            made.append((call, f"ALTER TABLE {table} RENAME COLUMN {quote_ident(texts[0])} TO {quote_ident(texts[1])}"))
        elif first.name in ("setNullable", "dropNullable") and texts and texts[0]:
            word = "DROP" if first.name == "setNullable" else "SET"
            made.append((call, f"ALTER TABLE {table} ALTER COLUMN {quote_ident(texts[0])} {word} NOT NULL"))
        elif first.name.lower() in _TYPES or first.name == "specificType":
            column = _knex_column(values, first, rest)
            if column is None:
                continue
            name, type_, default, not_null, alters = column
            if alters:
                made.append((call, _knex_alter(table, name, type_, default, not_null)))
            else:
                columns.append((call, f"{quote_ident(name)} {type_}{_constraints(default, not_null)}"))
    if way == "alter":
        return [*made, *((at, f"ALTER TABLE {table} ADD COLUMN {column}") for at, column in columns)]
    return [*_created(node, table, columns, "IF NOT EXISTS " if way == "create if" else ""), *made]


def _created(node: Node, table: str, columns: list[tuple[Node, str]], if_not_exists: str = "") -> Made:
    return [(node, f"CREATE TABLE {if_not_exists}{table} ({', '.join(column for _, column in columns)})")]


def _constraints(default: str | None, not_null: bool) -> str:
    return (" NOT NULL" if not_null else "") + ("" if default is None else f" DEFAULT {default}")


def _knex_column(values: Values, first: Link, rest: list[Link]) -> tuple[str, str, str | None, bool, bool] | None:
    args = [values.of(arg) for arg in first.args or []]
    name = args[0] if args and isinstance(args[0], str) else first.name if not args else None
    if name is None:
        raise Unknown("the column's name is put together while it runs")
    type_ = _TYPES.get(first.name.lower(), "text")
    if first.name == "specificType" and len(args) > 1:
        type_ = type_of(args[1])
    elif first.name == "string" and len(args) > 1 and isinstance(args[1], int):
        type_ = f"varchar({args[1]})"
    default, not_null, alters = None, first.name.endswith("ncrements"), False
    for link in rest:
        if link.name == "defaultTo" and link.args:
            default = _default(values.of(link.args[0]))
        not_null = not_null or link.name in ("notNullable", "primary")
        alters = alters or link.name == "alter"
    return str(name), type_, default, not_null, alters


def _knex_alter(table: str, name: str, type_: str, default: str | None, not_null: bool) -> str:
    """Knex' alter() says the column anew: what is not named again is gone."""
    column = f"ALTER COLUMN {quote_ident(name)}"
    word = "SET" if not_null else "DROP"
    ends = f", {column} SET DEFAULT {default}" if default is not None else ""
    return f"ALTER TABLE {table} {column} DROP DEFAULT, {column} TYPE {type_}, {column} {word} NOT NULL{ends}"


def _statements(callback: Node) -> list[Node]:
    """The outermost calls in a function, in order."""
    found: list[Node] = []

    def look(node: Node) -> None:
        if node.kind == "call_expression":
            found.append(node)
            return
        for child in node.children:
            look(child)

    body = callback.field("body")
    if body is not None:
        look(body)
    return found


# --- node-pg-migrate, Sequelize, TypeORM ------------------------------------------------------------------------------


def by_method(values: Values, links: list[Link]) -> Made | None:
    """`pgm.alterColumn(..)`, `queryInterface.changeColumn(..)`, `queryRunner.addColumn(..)`: table first, then what."""
    last = links[-1]
    if len(links) < 2 or not last.args or last.name not in _METHODS:
        return None
    if any(link.name == "schema" and link.args is None for link in links):  # Kysely's and Knex' own chains
        return None
    return _METHODS[last.name](values, last)


def _create(values: Values, link: Link) -> Made | None:
    args = link.args or []
    made = _new(values, args[0])
    if made is not None:  # TypeORM: new Table({name, columns})
        columns = made.get("columns")
        if not isinstance(columns, list) or not isinstance(made.get("name"), str):
            raise Unknown("a table whose columns are put together while it runs")
        parts = [_typeorm_column(column) for column in columns if isinstance(column, dict)]
        table = ".".join(quote_ident(part) for part in [made.get("schema"), made["name"]] if isinstance(part, str))
        clause = "IF NOT EXISTS " if len(args) > 1 and values.of(args[1]) is True else ""
        return [(link.node, f"CREATE TABLE {clause}{table} ({', '.join(parts)})")]
    if len(args) < 2:
        return None
    columns = values.of(args[1])
    if not isinstance(columns, dict):
        raise Unknown("a table whose columns are put together while it runs")
    options = values.of(args[2]) if len(args) > 2 else {}
    clause = "IF NOT EXISTS " if isinstance(options, dict) and options.get("ifNotExists") is True else ""
    parts = [f"{quote_ident(_field(name, of))} {_attributes(of)}" for name, of in columns.items()]
    return [(link.node, f"CREATE TABLE {clause}{builder_name(values, args[0])} ({', '.join(parts)})")]


def _field(name: str, of: object) -> str:
    return str(of["field"]) if isinstance(of, dict) and isinstance(of.get("field"), str) else name


def _add(values: Values, link: Link) -> Made | None:
    args = link.args or []
    if len(args) < 2:
        return None
    table = builder_name(values, args[0])
    new = _new(values, args[1])
    if new is not None:
        return [(link.node, f"ALTER TABLE {table} ADD COLUMN {_typeorm_column(new)}")]
    what = values.of(args[1])
    if isinstance(what, dict):  # node-pg-migrate: several columns
        options = values.of(args[2]) if len(args) > 2 else {}
        clause = "IF NOT EXISTS " if isinstance(options, dict) and options.get("ifNotExists") is True else ""
        return [
            (link.node, f"ALTER TABLE {table} ADD COLUMN {clause}{quote_ident(name)} {_attributes(of)}")
            for name, of in what.items()
        ]
    if isinstance(what, list):
        return [(link.node, f"ALTER TABLE {table} ADD COLUMN {_typeorm_column(_dict(of))}") for of in what]
    if isinstance(what, str) and len(args) > 2:
        column = f"{quote_ident(what)} {_attributes(values.of(args[2]))}"
        return [(link.node, f"ALTER TABLE {table} ADD COLUMN {column}")]
    raise Unknown("a column that is put together while it runs")


def _alter(values: Values, link: Link) -> Made | None:
    """node-pg-migrate's alterColumn: what its options name, and nothing else."""
    args = link.args or []
    if len(args) < 3:
        return None
    name, options = values.text(args[1]), values.of(args[2])
    if name is None or not isinstance(options, dict):
        raise Unknown("a column that is put together while it runs")
    column = f"ALTER COLUMN {quote_ident(name)}"
    actions = []
    if "default" in options:
        value = options["default"]
        actions.append(f"{column} DROP DEFAULT" if value is None else f"{column} SET DEFAULT {_default(value)}")
    if "type" in options:
        actions.append(f"{column} TYPE {type_of(options['type'])}")
    if "notNull" in options or "allowNull" in options:
        strict = options.get("notNull") is True or options.get("allowNull") is False
        actions.append(f"{column} {'SET' if strict else 'DROP'} NOT NULL")
    table = builder_name(values, args[0])
    return [(link.node, f"ALTER TABLE {table} {action}") for action in actions]


def _change(values: Values, link: Link) -> Made | None:
    """Sequelize's and TypeORM's changeColumn say the column anew: a default that is not named again is gone."""
    args = link.args or []
    if len(args) < 3:
        return None
    table, name = builder_name(values, args[0]), values.text(args[1])
    new = _new(values, args[2])
    options = new if new is not None else values.of(args[2])
    if not isinstance(options, dict):
        raise Unknown("a column that is put together while it runs")
    if name is None:
        raise Unknown("the column's name is put together while it runs")
    default = _typeorm_default(options) if new is not None else _sequelize_default(options)
    column = f"ALTER COLUMN {quote_ident(name)}"
    made = f"ALTER TABLE {table} {column} DROP DEFAULT, {column} TYPE {type_of(options.get('type', 'text'))}"
    made += f", {column} SET DEFAULT {default}" if default is not None else ""
    renamed = options.get("name") if new is not None else None
    later: Made = []
    if isinstance(renamed, str) and renamed != name:
        later = [(link.node, f"ALTER TABLE {table} RENAME COLUMN {quote_ident(name)} TO {quote_ident(renamed)}")]
    return [(link.node, made), *later]


def _dict(value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise Unknown("a column that is put together while it runs")
    return value


def _attributes(of: object) -> str:
    """Type and constraints of a column of node-pg-migrate or Sequelize."""
    if not isinstance(of, dict):
        return {"id": "serial"}.get(of, type_of(of)) if isinstance(of, str) else type_of(of)
    default = _default(of["default"]) if of.get("default") is not None else _sequelize_default(of)
    not_null = of.get("notNull") is True or of.get("allowNull") is False
    type_ = type_of(of.get("type", "text"))
    return {"id": "serial"}.get(type_, type_) + _constraints(default, not_null)


def _sequelize_default(options: dict[str, Any]) -> str | None:
    value = options.get("defaultValue")
    if value is None or (isinstance(value, Opaque) and re.search(r"\bUUIDV\d$|\bNOW$|\buuidV\d$", value.code)):
        return None  # which the client fills in, and no DDL ever names
    return _default(value)


def _new(values: Values, node: Node) -> dict[str, Any] | None:
    """The argument of TypeORM's `new Table({..})` and `new TableColumn({..})`."""
    node = values.program.resolved(node)
    if node.kind != "new_expression":
        return None
    given = arguments(node)
    return _dict(values.of(given[0]) if given else None)


def _typeorm_column(of: dict[str, Any]) -> str:
    if not isinstance(of.get("name"), str):
        raise Unknown("the column's name is put together while it runs")
    type_ = type_of(of.get("type", "text"))
    if of.get("length") and type_ in ("varchar", "character varying"):
        type_ = f"varchar({int(str(of['length']))})" if str(of["length"]).isdecimal() else type_
    if of.get("isGenerated") is True and of.get("generationStrategy") == "increment":
        type_ = "serial"
    return f"{quote_ident(of['name'])} {type_}{_constraints(_typeorm_default(of), of.get('isNullable') is not True)}"


def _typeorm_default(of: dict[str, Any]) -> str | None:
    if of.get("generationStrategy") == "uuid":
        return "uuid_generate_v4()"
    value = of.get("default")
    return value if isinstance(value, str) else None if value is None else _default(value)


def _drop_column(values: Values, link: Link) -> Made | None:
    args = link.args or []
    if len(args) < 2:
        return None
    value = values.of(args[1])
    names = value if isinstance(value, list) else [value]
    table = builder_name(values, args[0])
    return [(link.node, f"ALTER TABLE {table} DROP COLUMN {quote_ident(n)}") for n in names if isinstance(n, str)]


def _rename_column(values: Values, link: Link) -> Made | None:
    args = link.args or []
    texts = [values.text(arg) for arg in args[1:3]]
    if len(texts) < 2 or texts[0] is None or texts[1] is None:
        return None
    table = builder_name(values, args[0])
    return [(link.node, f"ALTER TABLE {table} RENAME COLUMN {quote_ident(texts[0])} TO {quote_ident(texts[1])}")]


def _rename_table(values: Values, link: Link) -> Made | None:
    args = link.args or []
    if len(args) < 2:
        return None
    return [(link.node, f"ALTER TABLE {builder_name(values, args[0])} RENAME TO {builder_name(values, args[1])}")]


def _drop_table(values: Values, link: Link) -> Made | None:
    return [(link.node, f"DROP TABLE IF EXISTS {builder_name(values, (link.args or [])[0])}")]


_METHODS: dict[str, Callable[[Values, Link], Made | None]] = {
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


# --- Kysely -----------------------------------------------------------------------------------------------------------


def kysely(values: Values, links: list[Link]) -> Made | None:
    """`db.schema.alterTable("x").alterColumn("c", (col) => col.setDataType("uuid")).execute()` and its like."""
    if not any(link.name == "schema" and link.args is None for link in links):
        return None
    at = next((n for n, link in enumerate(links) if link.name in ("createTable", "alterTable", "dropTable")), None)
    if at is None or len(links[at].args or []) != 1:
        return None
    head, rest = links[at], links[at + 1 :]
    schema = next((values.text(link.args[0]) for link in links if link.name == "withSchema" and link.args), None)
    table = (quote_ident(schema) + "." if schema else "") + builder_name(values, (head.args or [])[0])
    if head.name == "dropTable":
        return [(head.node, f"DROP TABLE IF EXISTS {table}")]
    node = links[-1].node
    if head.name == "alterTable":
        return [(node, f"ALTER TABLE {table} {action}") for link in rest for action in _kysely_action(values, link)]
    columns = [(node, _kysely_column(values, link)) for link in rest if link.name == "addColumn"]
    clause = "IF NOT EXISTS " if any(link.name == "ifNotExists" for link in rest) else ""
    return _created(node, table, columns, clause)


def _kysely_column(values: Values, link: Link) -> str:
    args = link.args or []
    name = values.text(args[0])
    if name is None or len(args) < 2:
        raise Unknown("a column that is put together while it runs")
    default, not_null = None, False
    for option in _calls_of(values, args[2]) if len(args) > 2 else []:
        if option.name == "defaultTo" and option.args:
            default = _default(values.of(option.args[0]))
        not_null = not_null or option.name in ("notNull", "primaryKey")
    return f"{quote_ident(name)} {type_of(values.of(args[1]))}{_constraints(default, not_null)}"


def _calls_of(values: Values, callback: Node) -> list[Link]:
    """The calls on the parameter of `(col) => col.notNull().defaultTo(..)`."""
    callback = values.program.resolved(callback)
    calls = _statements(callback) if callback.kind in FUNCTIONS else []
    return [link for call in calls for link in chain(call)[1:]]


def _kysely_action(values: Values, link: Link) -> list[str]:
    args = link.args or []
    texts = [values.text(arg) for arg in args[:2]]
    if link.name == "addColumn":
        return [f"ADD COLUMN {_kysely_column(values, link)}"]
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
    actions, column = [], f"ALTER COLUMN {quote_ident(texts[0])}"
    for option in _calls_of(values, args[1]):
        given = values.of(option.args[0]) if option.args else None
        if option.name == "setDataType":
            actions.append(f"{column} TYPE {type_of(given)}")
        elif option.name == "setDefault":
            actions.append(f"{column} SET DEFAULT {_default(given)}")
        elif option.name in ("dropDefault", "setNotNull", "dropNotNull"):
            words = {"dropDefault": "DROP DEFAULT", "setNotNull": "SET NOT NULL", "dropNotNull": "DROP NOT NULL"}
            actions.append(f"{column} {words[option.name]}")
    if not actions:
        raise Unknown("what is altered is put together while it runs")
    return actions


# --- what changes no column -------------------------------------------------------------------------------------------

_OF_NO_COLUMN = re.compile(
    r"(?:create|add|drop|remove|rename|alter)"
    r"(?:Index|Indices|Indexes|Constraint|(?:Unique|Check|Exclusion|PrimaryKey|ForeignKey)(?:Constraint)?s?|Trigger|Policy)"
    r"(?:IfExists|IfNotExists|WithName)?"
)
_KNEX_OF_NO_COLUMN = re.compile(r"(?:drop)?(?:unique|index|foreign|primary|timestamps)|comment|check\w*", re.IGNORECASE)
_MAY_CHANGE = re.compile(r"(?i)alter|create(?!d)|drop|rename|modify|addcolumn")


def changes_no_column(values: Values, links: list[Link]) -> bool:
    """Whether a call is known to make or drop nothing but indexes, constraints, triggers and the like."""
    known = False
    for link in links:
        callback = values.program.resolved(link.args[1]) if link.args is not None and len(link.args) > 1 else None
        if link.args and _OF_NO_COLUMN.fullmatch(link.name):
            known = True
        elif link.name in _WITH_CALLBACK and callback is not None and callback.kind in FUNCTIONS:
            names, calls = parameter_names(callback), [chain(call) for call in _statements(callback)]
            known = bool(names and calls)
            if not all(
                len(call) > 1 and call[0].name == names[0] and _KNEX_OF_NO_COLUMN.fullmatch(call[1].name)
                for call in calls
            ):
                return False
        elif link.name != "alterTable" and _MAY_CHANGE.search(link.name):
            return False
    return known


BUILDERS: tuple[Callable[[Values, list[Link]], Made | None], ...] = (knex, kysely, by_method)
