"""Reads any statement that may write a token, by Postgres' own parser (libpg_query, by way of postgast).

It is installed with the group that reads an app's source; nothing here is imported without it.
"""

from __future__ import annotations

import json
import re
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from harness.postgres.token_writes import (
    DEEPEST,
    GENERATORS,
    NOTHING,
    UNCLEAR,
    Reading,
    TooDeep,
    Writer,
    first_of,
    together,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from harness.postgres.token_writes import Target


class _Written(NamedTuple):
    """Who makes a token at one place of a statement, and whether a row is stored there."""

    writer: Writer
    inserts: bool


def parsed(text: str, target: Target, named: Mapping[str, Writer] | None = None) -> Reading | None:
    """Who makes the token in a text of statements; None where it does not parse.

    Args:
        text: the statements.
        target: the table.
        named: who makes what the parameters and variables hold of the function that the text is of.
    """
    from postgast import PgQueryError, parse

    try:
        tree = parse(text)
        readings = [_read(raw.stmt, target, named or {}) for raw in tree.stmts]
    except (PgQueryError, TooDeep, RecursionError):
        return None
    return together(readings)


def body_of(definition: str, language: str, parameters: frozenset[str], target: Target) -> Reading | None:
    """Who makes the token in a function, by its CREATE FUNCTION; None where its language or text cannot be read."""
    from postgast import PgQueryError, parse, parse_plpgsql

    from harness.postgres.plpgsql_variables import queries

    given: dict[str, Writer] = dict.fromkeys(parameters, "app")  # what the caller hands over is the app's
    try:
        if language == "sql":
            function = parse(definition).stmts[0].stmt.create_function_stmt
            if function.HasField("sql_body"):
                return _read(function.sql_body, target, given)
            texts = [option.def_elem.arg for option in function.options if option.def_elem.defname == "as"]
            bodies = [item.string.sval for text in texts for item in text.list.items]
            readings = [parsed(body, target, given) for body in bodies]
        elif language == "plpgsql":
            block = parse_plpgsql(_as_a_function_of_rows(definition))
            # Where the function says that a column comes first, a name is not always that of its variable.
            made = _unclear if "#variable_conflict" in definition else partial(_made_by, target)
            following = queries(block, given, made)
            readings = [_in_plpgsql(*each, target) for each in following]
        else:
            return None
    except (PgQueryError, TooDeep, RecursionError, json.JSONDecodeError, IndexError):
        return None
    known = [reading for reading in readings if reading is not None]
    return together(known) if len(known) == len(readings) else None


def _as_a_function_of_rows(definition: str) -> str:
    """The CREATE FUNCTION of pg_get_functiondef, with NEW and OLD as arguments where it is a trigger's.

    libpg_query writes no valid JSON of the variables that a trigger's function has (TG_OP and its kind).
    """
    return definition.replace("()\n RETURNS trigger\n", "(new record, old record)\n RETURNS record\n", 1)


def _in_plpgsql(kind: str, query: str, named: Mapping[str, Writer], target: Target) -> Reading | None:
    if kind == "PLpgSQL_stmt_dynexecute":
        return _put_together(query, target, named)
    if kind == "PLpgSQL_stmt_assign":
        query = query.partition(":=")[2] or query.partition("=")[2]
    begins = query.lstrip().split(maxsplit=1)[:1]
    whole = bool(begins) and begins[0].lower() in {"select", "insert", "update", "delete", "merge", "with", "call"}
    return parsed(query if whole else f"SELECT {query}", target, named)


def _unclear(*_: object) -> Writer:
    return "unclear"


def _made_by(target: Target, value: str, named: Mapping[str, Writer]) -> Writer:
    """Who makes what a variable is given: an expression, or a SELECT of one value that reads no table."""
    from postgast import PgQueryError, parse

    try:
        (statement,) = parse(value if value.lstrip()[:6].lower() == "select" else f"SELECT {value}").stmts
    except (PgQueryError, ValueError):
        return "unclear"
    select = statement.stmt.select_stmt
    plain = {field.name for field, _ in select.ListFields()} <= {"target_list", "limit_option", "op"}
    if not plain or len(select.target_list) != 1:
        return "unclear"
    return _writer(select.target_list[0].res_target.val, _Scope(target, named, {}), 0)


def _put_together(query: str, target: Target, named: Mapping[str, Writer]) -> Reading | None:
    """Who makes the token in a statement that is put together while the function runs.

    Of a trigger's, one that is written as a whole is read, and one whose pieces write nothing, or into another table by
    name, is harmless, as those of audit triggers are; any other is unclear.
    """
    if not target.in_new:
        return UNCLEAR
    strings = re.findall(r"'((?:[^']|'')*)'", query)
    if re.fullmatch(r"\s*'(?:[^']|'')*'\s*", query):
        return parsed(strings[0].replace("''", "'"), target, named)
    said = "%".join(strings)  # for what stands between them, as in a format()
    if not strings or re.search(r"(?i)\b(?:update|merge|copy|call)\b", said):
        return UNCLEAR
    into = re.findall(r"(?i)\binsert\s+into\s+([\w.\"%]*)", said)
    known = [name for name in into if name and "%" not in name and not name.endswith(".")]
    leads = any(name.replace('"', "").rpartition(".")[2].lower() in target.names for name in known)
    return UNCLEAR if leads or len(known) < len(re.findall(r"(?i)\binsert\b", said)) else NOTHING


def _read(tree: Any, target: Target, named: Mapping[str, Writer]) -> Reading:
    found: list[_Written] = []
    calls: set[tuple[str, str]] = set()
    ctes: dict[str, Any] = {}
    for kind, node in _nodes(tree, 0):
        if kind == "CommonTableExpr":
            ctes[node.ctename] = node.ctequery
        elif kind == "FuncCall":
            calls.add(_qualified([part.string.sval for part in node.funcname]))
    scope = _Scope(target, named, ctes)
    for kind, node in _nodes(tree, 0):
        if kind in _HANDLERS and _is_target(node.relation, target):
            found += _HANDLERS[kind](node, scope)
    if not found:
        return NOTHING._replace(calls=frozenset(calls))
    writer, inserts = first_of(each.writer for each in found), any(each.inserts for each in found)
    return Reading(writer, inserts, frozenset(calls), any(not each.inserts for each in found))


class _Scope(NamedTuple):
    """What names in an expression may stand for."""

    target: Target
    named: Mapping[str, Writer]
    ctes: dict[str, Any]


def _nodes(message: Any, depth: int) -> Iterator[tuple[str, Any]]:
    """Every node of a tree with the name of its type."""
    if depth > DEEPEST:
        raise TooDeep
    yield message.DESCRIPTOR.name, message
    for field, value in message.ListFields():
        if field.message_type is None:
            continue
        for each in value if _is_repeated(value) else (value,):
            yield from _nodes(each, depth + 1)


def _is_repeated(value: Any) -> bool:
    return not hasattr(value, "DESCRIPTOR")


def _qualified(parts: list[str]) -> tuple[str, str]:
    return (parts[-2] if len(parts) > 1 else "", parts[-1])


def _is_target(relation: Any, target: Target) -> bool:
    return target.is_it(relation.schemaname, relation.relname)


# --- statements -------------------------------------------------------------------------------------------------------


def _inserted(node: Any, scope: _Scope) -> list[_Written]:
    columns = [column.res_target.name for column in node.cols]
    at = _place(columns, scope.target)
    found = []
    source = node.select_stmt.select_stmt if node.HasField("select_stmt") else None
    if source is None or at is None:  # DEFAULT VALUES, or a list of columns without the token
        found.append(_Written("database" if columns or source is None else "unclear", True))
    else:
        values = list(_values_at(source, at, named=bool(columns)))
        found += [_Written(_writer(value, scope, 0) if value is not None else "unclear", True) for value in values]
        if not values:
            found.append(_Written("database", True))  # fewer values than columns: the rest have their defaults
    if node.HasField("on_conflict_clause"):
        found += _set(node.on_conflict_clause.target_list, scope)
    return found


def _place(columns: list[str], target: Target) -> int | None:
    """Where the token stands among the values; None where it is not among them, or that is not known."""
    order = columns or list(target.columns)
    return order.index(target.token) if target.token in order else None


def _values_at(source: Any, at: int, *, named: bool) -> Iterator[Any]:
    """The expressions that a VALUES or SELECT hands on at a place; None for one that cannot be seen."""
    for row in source.values_lists:
        stars = [value for value in row.list.items[: at + 1] if _is_star(value)]
        if stars or len(row.list.items) > at:
            yield stars[0] if stars else row.list.items[at]
    if source.values_lists:
        return
    if source.HasField("larg"):  # UNION and its kind
        yield from _values_at(source.larg, at, named=named)
        yield from _values_at(source.rarg, at, named=named)
        return
    results = [result.res_target.val for result in source.target_list]
    stars = [result for result in results[: at + 1] if _is_star(result)]
    if stars:
        yield stars[0]
    elif len(results) > at:
        yield results[at]


def _is_star(value: Any) -> bool:
    """table.*, or (record).*"""
    fields = value.column_ref.fields if value.HasField("column_ref") else ()
    return any(field.HasField("a_star") for field in [*fields, *value.a_indirection.indirection])


def _updated(node: Any, scope: _Scope) -> list[_Written]:
    return _set(node.target_list, scope)


def _set(assignments: Any, scope: _Scope) -> list[_Written]:
    """SET column = expression; a column that is set to itself is not changed."""
    found = []
    for assignment in assignments:
        result = assignment.res_target
        if result.name == scope.target.token and not _is_itself(result.val, scope):
            found.append(_Written(_writer(result.val, scope, 0), False))
    return found


def _is_itself(value: Any, scope: _Scope) -> bool:
    fields = [field.string.sval for field in value.column_ref.fields] if value.HasField("column_ref") else []
    if scope.target.in_new and fields == ["new", scope.target.in_new]:
        return True
    return fields[-1:] == [scope.target.token] and fields[:-1] in ([], [scope.target.name])


def _merged(node: Any, scope: _Scope) -> list[_Written]:
    found = []
    for clause in (each.merge_when_clause for each in node.merge_when_clauses):
        command = clause.DESCRIPTOR.fields_by_name["command_type"].enum_type.values_by_number[clause.command_type].name
        if command == "CMD_UPDATE":
            found += _set(clause.target_list, scope)
        elif command == "CMD_INSERT":
            at = _place([column.res_target.name for column in clause.target_list], scope.target)
            value = clause.values[at] if at is not None and at < len(clause.values) else None
            found.append(_Written("database" if value is None else _writer(value, scope, 0), True))
    return found


def _copied(node: Any, scope: _Scope) -> list[_Written]:
    if not node.is_from:
        return []
    columns = [column.string.sval for column in node.attlist]
    return [_Written("app" if not columns or scope.target.token in columns else "database", True)]


_HANDLERS = {"InsertStmt": _inserted, "UpdateStmt": _updated, "MergeStmt": _merged, "CopyStmt": _copied}

# --- expressions ------------------------------------------------------------------------------------------------------


def _writer(value: Any, scope: _Scope, depth: int) -> Writer:
    """Who makes the value of an expression."""
    kind = value.WhichOneof("node")
    if depth > DEEPEST:
        raise TooDeep
    if kind == "set_to_default":
        return "database"
    if kind == "type_cast":
        return _writer(value.type_cast.arg, scope, depth + 1)
    if kind == "func_call":
        name = value.func_call.funcname[-1].string.sval
        return "database" if name in GENERATORS and not value.func_call.args else "app"
    if kind == "coalesce_expr":
        return first_of(_writer(arg, scope, depth + 1) for arg in value.coalesce_expr.args) or "unclear"
    if kind == "a_indirection" and _is_star(value):
        return _writer(value.a_indirection.arg, scope, depth + 1) if scope.target.in_new else "unclear"
    if kind == "a_indirection":  # an element, or a field, of what is told of as a whole at most
        return "app" if _writer(value.a_indirection.arg, scope, depth + 1) == "app" else "unclear"
    if kind == "sub_link":
        return _of_select(value.sub_link.subselect.select_stmt, 0, scope, depth)
    if kind == "column_ref":
        return _of_column([field.string.sval for field in value.column_ref.fields], scope, depth)
    if kind == "multi_assign_ref":
        source = value.multi_assign_ref.source
        at = value.multi_assign_ref.colno - 1
        if source.HasField("row_expr"):
            return _writer(source.row_expr.args[at], scope, depth + 1)
        return _of_select(source.sub_link.subselect.select_stmt, at, scope, depth)
    return "app"


def _of_select(select: Any, at: int, scope: _Scope, depth: int) -> Writer:
    values = list(_values_at(select, at, named=True))
    if not values:
        return "unclear"
    return (
        first_of({_writer(value, scope, depth + 1) if value is not None else "unclear" for value in values})
        or "unclear"
    )


def _of_column(fields: list[str], scope: _Scope, depth: int) -> Writer:
    """A name: a parameter or variable is what it was given; a CTE's column is what its query makes of it."""
    if scope.target.in_new and fields in (["new"], ["new", ""], ["new", scope.target.in_new]):  # "" is new.*
        return "database"
    named = scope.named.get(fields[-1])
    if named is not None and (len(fields) == 1 or named == "app"):  # else it may be a field of something
        return named
    made: set[Writer] = set()
    for name, query in scope.ctes.items():
        if len(fields) > 1 and fields[0] != name:
            continue
        select = query.select_stmt
        for at, result in enumerate(select.target_list):
            if _name_of(result.res_target) == fields[-1]:
                made.add(_of_select(select, at, scope, depth + 1))
    return made.pop() if len(made) == 1 else "unclear"


def _name_of(result: Any) -> str:
    """The name that a column of a SELECT has."""
    if result.name:
        return str(result.name)
    kind = result.val.WhichOneof("node")
    if kind == "column_ref":
        return str(result.val.column_ref.fields[-1].string.sval)
    return str(result.val.func_call.funcname[-1].string.sval) if kind == "func_call" else ""
