"""Of which type an expression of SQL is, as far as reading it tells, and whether Postgres takes it for a uuid.

Only what is sure is said: an expression of a function that nobody knows is of no known type, and refused by nobody.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from harness.source.sql.parser import named_value

if TYPE_CHECKING:
    from harness.source.sql.catalog import Catalog, Table

LITERAL = "unknown"  # Postgres' own word for a literal in quotes, which becomes whatever is asked for
# What ALTER .. TYPE turns into a uuid by itself; everything else needs a cast in USING, 42804.
_BECOMES_UUID = frozenset(("", "uuid", LITERAL))
# What `::uuid` takes: texts, by way of what they say. A number, a time or a boolean is refused, 42846.
_TEXTS = frozenset(("text", "varchar", "bpchar", "char", "citext", "name"))
_CAST_TO_UUID = _BECOMES_UUID | _TEXTS
_KNOWN_TYPES = _TEXTS | {
    "int2", "int4", "int8", "float4", "float8", "numeric", "bool", "date", "time", "timetz", "timestamp", "timestamptz",
    "interval", "bytea", "json", "jsonb", "xml", "inet", "oid", "serial", "bigserial", "smallserial", "money",
}  # fmt: skip
_FUNCTIONS = {
    **dict.fromkeys(("gen_random_uuid", "uuidv4", "uuidv7"), "uuid"),
    **dict.fromkeys(("uuid_generate_v1", "uuid_generate_v1mc", "uuid_generate_v3", "uuid_generate_v4"), "uuid"),
    **dict.fromkeys(("uuid_generate_v5", "uuid_nil", "uuid_ns_url", "uuid_ns_dns"), "uuid"),
    **dict.fromkeys(("md5", "lower", "upper", "initcap", "concat", "concat_ws", "replace", "regexp_replace"), "text"),
    **dict.fromkeys(("translate", "substr", "substring", "left", "right", "lpad", "rpad", "btrim", "ltrim"), "text"),
    **dict.fromkeys(("rtrim", "trim", "encode", "format", "to_char", "repeat", "reverse", "overlay", "to_hex"), "text"),
    **dict.fromkeys(("split_part", "quote_literal", "quote_ident", "chr", "string_agg"), "text"),
    **dict.fromkeys(("length", "char_length", "character_length", "octet_length", "bit_length", "strpos"), "int4"),
    **dict.fromkeys(("position", "ascii", "hashtext"), "int4"),
    **dict.fromkeys(("count", "nextval", "currval", "lastval", "row_number", "hashtextextended"), "int8"),
    **dict.fromkeys(
        ("now", "clock_timestamp", "statement_timestamp", "transaction_timestamp", "to_timestamp"), "timestamptz"
    ),
    **dict.fromkeys(("digest", "decode", "gen_random_bytes", "sha256", "uuid_send", "hmac"), "bytea"),
    **dict.fromkeys(("random", "extract", "date_part"), "float8"),
}
_OPERATORS = {
    **dict.fromkeys(("=", "<>", "<", ">", "<=", ">=", "~", "~*", "!~", "~~", "~~*", "@>", "<@", "&&"), "bool"),
}


class Refused(Exception):
    """Postgres always refuses the expression; the message says why, with the code of the error."""


def refusal_as_uuid(node: Any, old_type: str, table: Table, catalog: Catalog) -> str:
    """Why Postgres refuses `ALTER COLUMN .. TYPE uuid USING` this; "" where it takes it, or that is not known.

    `node` is the expression, None where there is no USING: then it is the column itself, of its old type.
    """
    try:
        of = bare(old_type) if node is None else type_of(node, table, catalog)
    except Refused as refused:
        return str(refused)
    if of in _BECOMES_UUID or (of not in _KNOWN_TYPES and not of.endswith("[]")):
        return ""
    if node is None:
        return f"{old_type} is not cast to uuid without USING, 42804"
    return f"USING is of type {of}, which is not cast to uuid, 42804"


def bare(name: str) -> str:
    """A type without its length."""
    return re.sub(r"\([^)]*\)", "", name)


def type_of(node: Any, table: Table, catalog: Catalog, depth: int = 0) -> str:
    """The type of an expression over a table's columns, "" where it is not known.

    Raises:
        Refused: there is no such column, or a cast in it that Postgres does not have.
    """
    kind = node.WhichOneof("node")
    read = _KINDS.get(kind)
    return read(getattr(node, kind), table, catalog, depth + 1) if read is not None and depth < _DEEPEST else ""


def _of_column(node: Any, table: Table, catalog: Catalog, depth: int) -> str:
    field = node.fields[-1]
    if field.WhichOneof("node") != "string":
        return ""
    name = field.string.sval
    if name in table.columns:
        return bare(table.columns[name].type)
    if table.complete:
        raise Refused(f"there is no column {name}, 42703")
    return ""


def _of_constant(node: Any, table: Table, catalog: Catalog, depth: int) -> str:
    kinds = {"ival": "int4", "fval": "numeric", "boolval": "bool", "sval": LITERAL}
    return LITERAL if node.isnull else kinds.get(node.WhichOneof("val"), "")


def _of_cast(node: Any, table: Table, catalog: Catalog, depth: int) -> str:
    inner = type_of(node.arg, table, catalog, depth)
    name = str(node.type_name.names[-1].string.sval)
    if node.type_name.array_bounds:
        return ""
    if name == "uuid" and inner in _KNOWN_TYPES and inner not in _CAST_TO_UUID:
        raise Refused(f"{inner} is not cast to uuid, 42846")
    domain = next((of for (_, known), of in catalog.domains.items() if known == name), None)
    return bare(domain.type) if domain is not None else name


def _of_call(node: Any, table: Table, catalog: Catalog, depth: int) -> str:
    for arg in node.args:  # what stands in them may be refused as well
        type_of(arg, table, catalog, depth)
    name = str(node.funcname[-1].string.sval)
    if any(known == name for _, known in catalog.functions):
        return ""
    return _FUNCTIONS.get(name, "")


def _first_known(nodes: Any, table: Table, catalog: Catalog, depth: int) -> str:
    """The type of alternatives: of the first that is no literal, and text where all are."""
    types = [type_of(one, table, catalog, depth) for one in nodes]
    return "" if "" in types else next((of for of in types if of != LITERAL), "text")


def _of_case(node: Any, table: Table, catalog: Catalog, depth: int) -> str:
    results = [entry.case_when.result for entry in node.args]
    return _first_known([*results, *([node.defresult] if node.HasField("defresult") else [])], table, catalog, depth)


def _of_operator(node: Any, table: Table, catalog: Catalog, depth: int) -> str:
    if named_value(node, "kind") == "AEXPR_NULLIF":
        return type_of(node.lexpr, table, catalog, depth)
    sign = node.name[-1].string.sval
    sides = [type_of(side, table, catalog, depth) for side in (node.lexpr, node.rexpr)]
    if sign == "||" and any(of in _TEXTS or of == LITERAL for of in sides):
        return "text"
    if sign in "+-*/%" and sides[0] == sides[1] and sides[0] in ("int4", "int8", "numeric", "float8"):
        return sides[0]
    return _OPERATORS.get(sign, "")


def _of_test(node: Any, table: Table, catalog: Catalog, depth: int) -> str:
    return "bool"


def _of_query(node: Any, table: Table, catalog: Catalog, depth: int) -> str:
    raise Refused("a query is not taken in USING, 0A000")


def _of_now(node: Any, table: Table, catalog: Catalog, depth: int) -> str:
    word = named_value(node, "op").removeprefix("SVFOP_")
    if word.startswith(("CURRENT_TIMESTAMP", "LOCALTIMESTAMP")):
        return "timestamptz"
    return {"CURRENT_DATE": "date", "CURRENT_USER": "name", "SESSION_USER": "name", "USER": "name"}.get(word, "")


_DEEPEST = 40
_KINDS = {
    "column_ref": _of_column,
    "a_const": _of_constant,
    "type_cast": _of_cast,
    "func_call": _of_call,
    "coalesce_expr": lambda node, *rest: _first_known(node.args, *rest),
    "min_max_expr": lambda node, *rest: _first_known(node.args, *rest),
    "case_expr": _of_case,
    "a_expr": _of_operator,
    "bool_expr": _of_test,
    "null_test": _of_test,
    "boolean_test": _of_test,
    "sub_link": _of_query,
    "sqlvalue_function": _of_now,
}
