"""What each statement of SQL that defines something does to a catalog."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from harness.source.sql.catalog import Catalog, Name, Table
from harness.source.sql.columns import NOT_UNDERSTOOD, Column, Unclear, makes_version_4
from harness.source.sql.expressions import refusal_as_uuid, type_of
from harness.source.sql.parser import Statement, named_value, parsed_expression

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.source.checkout import Place

_WITHOUT_USING = "it is made a uuid without USING, which Postgres refuses where it is text, 42804"
_REFUSED_CAST = "the default cannot be cast to uuid, 42804"
# pg's order of the actions of one ALTER TABLE (ATPrepCmd, AT_PASS_*): drops, types, new columns, and then the rest.
_PASSES = {"AT_DropColumn": 0, "AT_DropNotNull": 0, "AT_AlterColumnType": 1, "AT_AddColumn": 2}


def names_of(nodes: Any) -> Name:
    """Schema, or "", and name."""
    parts = [node.string.sval for node in nodes]
    return (parts[-2] if len(parts) > 1 else ""), parts[-1] if parts else ""


def _type(node: Any) -> Name:
    schema, name = names_of(node.names)
    schema = "" if schema == "pg_catalog" else schema
    lengths = ",".join(str(mod.a_const.ival.ival) for mod in node.typmods if mod.WhichOneof("node") == "a_const")
    return schema, name + (f"({lengths})" if lengths else "") + "[]" * len(node.array_bounds)


def _expression(node: Any) -> str:
    """An expression as SQL."""
    from postgast import ParseResult, PgQueryError, deparse

    result = ParseResult()
    result.stmts.add().stmt.select_stmt.target_list.add().res_target.val.CopyFrom(node)
    try:
        return str(deparse(result)).removeprefix("SELECT ")
    except PgQueryError:
        return "an expression"


def _typed(catalog: Catalog, node: Any, place: Place) -> Column:
    """A column of a type; one of a domain has the domain's default where it has none itself."""
    schema, name = _type(node)
    domain = catalog.domains.get((schema or catalog.path[0], name)) or catalog.domains.get((schema or "public", name))
    if domain is None:
        return Column(name, type_at=place)
    return replace(domain, type_at=place)


def _with_default(catalog: Catalog, column: Column, node: Any, place: Place) -> Column:
    if node.WhichOneof("node") == "a_const" and node.a_const.isnull:
        return replace(column, default=None, default_at=place, unknown="")
    call = node.func_call if node.WhichOneof("node") == "func_call" else None
    if call is not None and names_of(call.funcname)[1] == NOT_UNDERSTOOD:
        return replace(
            column, default=None, default_at=place, unknown=f"its default is {call.args[0].a_const.sval.sval}"
        )
    expression = _expression(node)
    return replace(column, default=_own(catalog, node, expression), default_at=place, unknown="")


def _own(catalog: Catalog, node: Any, expression: str) -> str:
    """The default; a function that the migrations made themselves is not taken for the one whose name it bears.

    What is said of such a one is not an expression of SQL any more, and so never taken for a generator.
    """
    while node.WhichOneof("node") == "type_cast":
        node = node.type_cast.arg
    if node.WhichOneof("node") == "func_call":
        schema, name = names_of(node.func_call.funcname)
        built_in = schema == "pg_catalog" or (not schema and name in ("gen_random_uuid", "uuidv4"))
        if not built_in and any((s, name) in catalog.functions for s in ([schema] if schema else catalog.path)):
            return f"{expression}, a function that the migrations make"
    return expression


def _column(catalog: Catalog, definition: Any, statement: Statement) -> Column:
    place = statement.place(definition.location)
    column = _typed(catalog, definition.type_name, place)
    for constraint in definition.constraints:
        kind = named_value(constraint.constraint, "contype")
        if kind == "CONSTR_DEFAULT":
            column = _with_default(catalog, column, constraint.constraint.raw_expr, place)
        elif kind in ("CONSTR_NOTNULL", "CONSTR_PRIMARY"):
            column = replace(column, not_null=True, primary=column.primary or kind == "CONSTR_PRIMARY")
        elif kind in ("CONSTR_GENERATED", "CONSTR_IDENTITY"):
            column = replace(column, default=f"generated {kind.removeprefix('CONSTR_').lower()}", default_at=place)
    return column


def _create_table(catalog: Catalog, node: Any, statement: Statement) -> None:
    if node.relation.relpersistence == "t":
        return
    key = _made_in(catalog, node.relation)
    table = catalog.tables.get(key)
    if table is not None and (table.complete or node.if_not_exists):
        if node.if_not_exists:
            said = table.noting(statement.place(), "does nothing, since the table is already there")
        else:
            said = table.refusing(statement.place(), "makes a table that is already there, 42P07")
        catalog.tables[key] = said
        return
    made = Table(complete=True)
    for parent in node.inh_relations:
        above = catalog.tables.get(catalog.resolve(parent.range_var.schemaname, parent.range_var.relname), Table())
        made = Table({**made.columns, **above.columns}, made.complete and above.complete)
    for element in node.table_elts:
        kind = element.WhichOneof("node")
        if kind == "column_def":
            made = made.having(element.column_def.colname, _column(catalog, element.column_def, statement))
        elif kind == "table_like_clause":
            like = element.table_like_clause
            source = catalog.tables.get(catalog.resolve(like.relation.schemaname, like.relation.relname), Table())
            with_defaults = bool(like.options & 8)  # CREATE_TABLE_LIKE_DEFAULTS
            copied = {
                name: column if with_defaults else replace(column, default=None, default_at=statement.place())
                for name, column in source.columns.items()
            }
            made = Table({**made.columns, **copied}, made.complete and source.complete)
        elif kind == "constraint" and named_value(element.constraint, "contype") == "CONSTR_PRIMARY":
            for name in (key_.string.sval for key_ in element.constraint.keys):
                if name in made.columns:
                    made = made.having(name, replace(made.columns[name], not_null=True, primary=True))
    catalog.tables[key] = made


def _made_in(catalog: Catalog, relation: Any) -> Name:
    return relation.schemaname or catalog.path[0], relation.relname


def _create_table_as(catalog: Catalog, node: Any, statement: Statement) -> None:
    _select_into(catalog, node.into.rel, node.query.select_stmt, statement)


def _select(catalog: Catalog, node: Any, statement: Statement) -> None:
    if node.HasField("into_clause"):
        _select_into(catalog, node.into_clause.rel, node, statement)


def _select_into(catalog: Catalog, relation: Any, select: Any, statement: Statement) -> None:
    """A table that is made of a query: types where they are those of one table's columns, and no defaults."""
    if relation.relpersistence == "t":
        return
    sources = [item.range_var for item in select.from_clause if item.WhichOneof("node") == "range_var"]
    source = Table()
    if len(sources) == 1 and len(select.from_clause) == 1:
        source = catalog.tables.get(catalog.resolve(sources[0].schemaname, sources[0].relname), Table())
    made, place = Table(complete=source.complete), statement.place()
    for target in select.target_list:
        value, name = target.res_target.val, target.res_target.name
        if value.WhichOneof("node") == "column_ref":
            field_ = value.column_ref.fields[-1]
            if field_.WhichOneof("node") == "a_star":
                for own, column in source.columns.items():
                    made = made.having(own, Column(column.type, type_at=place, default_at=place))
                continue
            own = field_.string.sval
            of = source.columns.get(own, Column(""))
            made = made.having(name or own, Column(of.type, type_at=place, default_at=place))
        elif value.WhichOneof("node") == "type_cast":
            inner = value.type_cast.arg
            own = inner.column_ref.fields[-1].string.sval if inner.WhichOneof("node") == "column_ref" else ""
            of = _typed(catalog, value.type_cast.type_name, place)
            made = made.having(name or own or of.type, replace(of, default=None, default_at=place))
        else:
            type_ = "uuid" if makes_version_4(_expression(value)) else ""
            made = made.having(name, Column(type_, type_at=place, default_at=place))
    catalog.tables[_made_in(catalog, relation)] = made


def _alter_table(catalog: Catalog, node: Any, statement: Statement) -> None:
    if named_value(node, "objtype") not in ("OBJECT_TABLE", "OBJECT_FOREIGN_TABLE"):
        return
    key = catalog.resolve(node.relation.schemaname, node.relation.relname)
    table = _known(catalog, key, node.missing_ok, statement)
    if table is None:
        return
    before = table
    commands = [command.alter_table_cmd for command in node.cmds]
    for command in sorted(commands, key=_pass_of):
        table = _altered(catalog, table, command, statement)
        if len(table.refused) > len(before.refused):  # then none of its actions is done
            table = replace(before, refused=table.refused)
            break
    catalog.tables[key] = table


def _known(catalog: Catalog, key: Name, missing_ok: bool, statement: Statement) -> Table | None:
    """A table that is to be altered: one that was never made was made by other means; None where it is gone."""
    table = catalog.tables.get(key)
    if table is None and key in catalog.gone:
        if not missing_ok:
            catalog.refused += (Unclear(statement.place(), f"alters table {key[1]}, which is gone, 42P01"),)
        return None
    return table or Table()


def _pass_of(command: Any) -> int:
    kind = named_value(command, "subtype")
    if kind == "AT_ColumnDefault" and not command.HasField("def"):
        return 0
    return _PASSES.get(kind, 3)


def _altered(catalog: Catalog, table: Table, command: Any, statement: Statement) -> Table:
    kind, name, place = named_value(command, "subtype"), command.name, statement.place()
    if kind == "AT_AddColumn":
        definition = command.__getattribute__("def").column_def
        if definition.colname not in table.columns:
            return table.having(definition.colname, _column(catalog, definition, statement))
        if command.missing_ok:
            return table.noting(place, "does nothing, since the column is already there")
        return table.refusing(place, f"adds column {definition.colname}, which is already there, 42701")
    if kind not in ("AT_DropColumn", "AT_AlterColumnType", "AT_ColumnDefault", *_FLAGS):
        return table
    if name not in table.columns:
        if kind == "AT_DropColumn":
            return table
        if table.complete:
            return table.refusing(place, f"alters column {name}, which does not exist, 42703")
        table = table.having(name, Column("", unknown="its default was set, or not, before these migrations"))
    column = table.columns[name]
    if kind == "AT_DropColumn":
        return table.without(name)
    definition = getattr(command, "def")
    if kind == "AT_AlterColumnType":
        typed = _typed(catalog, definition.column_def.type_name, place)
        if typed.type == "uuid":
            using = definition.column_def.raw_default if definition.column_def.HasField("raw_default") else None
            column = replace(column, doubtful=_WITHOUT_USING if using is None and not column.type else "")
            if why := refusal_as_uuid(using, column.type, table, catalog):
                return table.refusing(place, why)
            if column.type not in ("", "uuid") and _cannot_be_cast(column.default, table, catalog):
                return table.refusing(place, _REFUSED_CAST)
        column = replace(column, type=typed.type, type_at=place)
        if column.unknown and typed.type == "uuid":
            # Nothing but a generator's call could have stayed, as the default of what was no uuid.
            column = replace(column, unknown="", default_at=place)
        return table.having(name, column)
    if kind == "AT_ColumnDefault":
        if not command.HasField("def"):
            return table.having(name, replace(column, default=None, default_at=place, unknown=""))
        return table.having(name, _with_default(catalog, column, definition, place))
    return table.having(name, replace(column, **_FLAGS[kind]))


_FLAGS: dict[str, dict[str, Any]] = {"AT_SetNotNull": {"not_null": True}, "AT_DropNotNull": {"not_null": False}}


def _cannot_be_cast(default: str | None, table: Table, catalog: Catalog) -> bool:
    """Whether ALTER .. TYPE uuid stumbles on a default: text is cast to uuid only where that is asked for."""
    if default is None or default.upper() == "NULL" or makes_version_4(default):
        return False
    node = parsed_expression(default)
    return node is None or type_of(node, table, catalog) != "uuid"


def _rename(catalog: Catalog, node: Any, statement: Statement) -> None:
    kind = named_value(node, "rename_type")
    if kind == "OBJECT_SCHEMA":
        for entries in (catalog.tables, catalog.domains, catalog.functions):
            _move_schema(entries, node.subname, node.newname)
    elif kind == "OBJECT_TABLE":
        key = catalog.resolve(node.relation.schemaname, node.relation.relname)
        table = _known(catalog, key, node.missing_ok, statement)
        if table is not None:
            _move(catalog, key, (key[0], node.newname), table, statement)
    elif kind == "OBJECT_COLUMN" and named_value(node, "relation_type") == "OBJECT_TABLE":
        key = catalog.resolve(node.relation.schemaname, node.relation.relname)
        table = _known(catalog, key, node.missing_ok, statement)
        if table is not None:
            catalog.tables[key] = _with_renamed(table, node.subname, node.newname, statement.place())


def _with_renamed(table: Table, old: str, new: str, place: Place) -> Table:
    column = table.columns.get(old)
    if column is None and table.complete:
        return table.refusing(place, f"renames column {old}, which does not exist, 42703")
    if new in table.columns:
        return table.refusing(place, f"column {new} is already there, 42701")
    unknown = Column("", unknown="its default was set, or not, before these migrations")
    return table.without(old).having(new, column or unknown)


def _move_schema(entries: dict[Name, Any], old: str, new: str) -> None:
    for schema, name in list(entries):
        if schema == old:
            entries[new, name] = entries.pop((schema, name))


def _set_schema(catalog: Catalog, node: Any, statement: Statement) -> None:
    if named_value(node, "object_type") == "OBJECT_TABLE":
        key = catalog.resolve(node.relation.schemaname, node.relation.relname)
        table = _known(catalog, key, node.missing_ok, statement)
        if table is not None:
            _move(catalog, key, (node.newschema, key[1]), table, statement)


def _move(catalog: Catalog, key: Name, to: Name, table: Table, statement: Statement) -> None:
    if to in catalog.tables and catalog.tables[to].complete:
        catalog.tables[to] = catalog.tables[to].refusing(statement.place(), f"table {to[1]} is already there, 42P07")
        return
    catalog.tables.pop(key, None)
    catalog.gone[key] = statement.place()
    catalog.tables[to] = table


def _drop(catalog: Catalog, node: Any, statement: Statement) -> None:
    kind = named_value(node, "remove_type")
    for item in node.objects:
        if kind == "OBJECT_TABLE":
            key = catalog.resolve(*names_of(item.list.items))
            catalog.tables.pop(key, None)
            catalog.gone[key] = statement.place()
        elif kind == "OBJECT_SCHEMA":
            for key in [key for key in catalog.tables if key[0] == item.string.sval]:
                del catalog.tables[key]
                catalog.gone[key] = statement.place()
        elif kind == "OBJECT_FUNCTION":
            schema, name = names_of(item.object_with_args.objname)
            catalog.functions.pop((schema or catalog.path[0], name), None)


def _create_domain(catalog: Catalog, node: Any, statement: Statement) -> None:
    schema, name = names_of(node.domainname)
    column = _typed(catalog, node.type_name, statement.place())
    for entry in node.constraints:
        if named_value(entry.constraint, "contype") == "CONSTR_DEFAULT":
            column = _with_default(catalog, column, entry.constraint.raw_expr, statement.place())
    catalog.domains[schema or catalog.path[0], name] = column


def _create_function(catalog: Catalog, node: Any, statement: Statement) -> None:
    schema, name = names_of(node.funcname)
    catalog.functions[schema or catalog.path[0], name] = statement.place()


def _set_variable(catalog: Catalog, node: Any, statement: Statement) -> None:
    if node.name.lower() != "search_path":
        return
    schemas = tuple(arg.a_const.sval.sval for arg in node.args)
    # Names such as "$user" lead nowhere here; pg_dump sets none and qualifies all.
    catalog.path = tuple(s for s in schemas if s and not s.startswith("$")) or ("public",)


def _create_schema(catalog: Catalog, node: Any, statement: Statement) -> None:
    before, catalog.path = catalog.path, (node.schemaname, *catalog.path)
    for element in node.schema_elts:
        if element.WhichOneof("node") == "create_stmt":
            _create_table(catalog, element.create_stmt, statement)
    catalog.path = before


HANDLERS: dict[str, Callable[[Catalog, Any, Statement], None]] = {
    "create_stmt": _create_table,
    "create_table_as_stmt": _create_table_as,
    "select_stmt": _select,
    "alter_table_stmt": _alter_table,
    "rename_stmt": _rename,
    "alter_object_schema_stmt": _set_schema,
    "drop_stmt": _drop,
    "create_domain_stmt": _create_domain,
    "create_function_stmt": _create_function,
    "variable_set_stmt": _set_variable,
    "create_schema_stmt": _create_schema,
}
