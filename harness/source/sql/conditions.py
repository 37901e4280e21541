"""Whether a condition of a migration holds of the tables that are known: is there a column, and of which type."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from harness.source.sql.parser import named_value, parsed_expression

if TYPE_CHECKING:
    from harness.source.sql.catalog import Catalog, Table

_TABLES = {"tables": "table_name", "pg_tables": "tablename"}
_TYPES = {"varchar": "character varying", "bpchar": "character", "int4": "integer", "int8": "bigint"}


def holds(condition: str, catalog: Catalog) -> bool | None:
    """True or False where the tables say so; None where it depends on something else."""
    node = parsed_expression(condition)
    return None if node is None else _holds(node, catalog)


def _holds(node: Any, catalog: Catalog) -> bool | None:
    kind = node.WhichOneof("node")
    if kind == "bool_expr":
        args: list[bool | None] = [_holds(arg, catalog) for arg in node.bool_expr.args]
        word = named_value(node.bool_expr, "boolop")
        if word == "NOT_EXPR":
            return None if args[0] is None else not args[0]
        decisive = word == "OR_EXPR"
        if decisive in args:
            return decisive
        return None if None in args else not decisive
    if kind == "sub_link":
        link = node.sub_link
        word = named_value(link, "sub_link_type")
        return _exists(link.subselect.select_stmt, catalog) if word == "EXISTS_SUBLINK" else None
    if kind == "null_test":
        call = node.null_test.arg
        if call.WhichOneof("node") == "func_call" and call.func_call.funcname[-1].string.sval == "to_regclass":
            name = call.func_call.args[0].a_const.sval.sval.replace('"', "").split(".")
            there = _table(name[-1], name[-2] if len(name) > 1 else "", catalog)
            is_not = named_value(node.null_test, "nulltesttype") == "IS_NOT_NULL"
            return None if there is None else is_not == (there is not False)
    return None


def _table(name: str, schema: str, catalog: Catalog) -> Table | Literal[False] | None:
    """A table that is known to be there, False for one that is known to be gone; others may be made by other means."""
    keys = [(of, name) for of in ((schema,) if schema else catalog.path)]
    there = next((catalog.tables[key] for key in keys if key in catalog.tables), None)
    return there or (False if any(key in catalog.gone for key in keys) else None)


def _exists(select: Any, catalog: Catalog) -> bool | None:
    if len(select.from_clause) != 1 or select.from_clause[0].WhichOneof("node") != "range_var":
        return None
    view = select.from_clause[0].range_var.relname
    asked = _compared(select.where_clause)
    if asked is None or any(sign != "=" for key, (sign, _) in asked.items() if key not in ("data_type", "udt_name")):
        return None
    schema = asked.pop("table_schema", asked.pop("schemaname", ("=", "")))[1]
    if view in _TABLES:
        if set(asked) != {_TABLES[view]}:
            return None
        there = _table(asked[_TABLES[view]][1], schema, catalog)
        return None if there is None else there is not False
    if view != "columns" or not {"table_name", "column_name"} <= set(asked):
        return None
    table = _table(asked.pop("table_name")[1], schema, catalog)
    name = asked.pop("column_name")[1]
    if table is None or table is False or not set(asked) <= {"data_type", "udt_name"}:
        return False if table is False else None
    column = table.columns.get(name)
    if column is None:
        return False if table.complete else None
    if asked and not column.type:
        return None
    bare = column.type.partition("(")[0]
    for key, (sign, value) in asked.items():
        own = _TYPES.get(bare, bare) if key == "data_type" else bare
        if (own == value) != (sign == "="):
            return False
    return True


def _compared(node: Any) -> dict[str, tuple[str, str]] | None:
    """What AND-ed comparisons with constants ask for, by column; None where there is anything else."""
    kind = node.WhichOneof("node")
    if kind == "bool_expr":
        word = named_value(node.bool_expr, "boolop")
        found: dict[str, tuple[str, str]] = {}
        for arg in node.bool_expr.args:
            part = _compared(arg)
            if part is None or word != "AND_EXPR":
                return None
            found |= part
        return found
    if kind != "a_expr" or node.a_expr.name[-1].string.sval not in ("=", "<>"):
        return None
    left, right = node.a_expr.lexpr, node.a_expr.rexpr
    while right.WhichOneof("node") == "type_cast":
        right = right.type_cast.arg
    key = left.column_ref.fields[-1].string.sval if left.WhichOneof("node") == "column_ref" else ""
    if key and right.WhichOneof("node") == "func_call":
        name = right.func_call.funcname[-1].string.sval
        return {key: ("=", "")} if key in ("table_schema", "schemaname") and name == "current_schema" else None
    if key in ("table_schema", "schemaname") and right.WhichOneof("node") == "sqlvalue_function":
        return {key: ("=", "")}
    if not key or right.WhichOneof("node") != "a_const" or right.a_const.WhichOneof("val") != "sval":
        return None
    return {key: (node.a_expr.name[-1].string.sval, right.a_const.sval.sval)}
