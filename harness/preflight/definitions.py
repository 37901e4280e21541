"""What ALTER COLUMN .. TYPE builds anew from its printed definition: checks, indexes, exclusions, statistics.

Whether an expression takes a uuid is not guessed. Postgres itself parses what it would parse, as it prints it, on a row
whose token is a uuid: `SELECT <expression> FROM (SELECT NULL::uuid AS <token>, ..)`, which is neither planned nor run.
CHECKs and indexes that parse are then asked of the stored rows, tokens cast. Functions of the database are not called.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, LiteralString, TypeVar

import psycopg
from psycopg import sql
from psycopg.pq import ExecStatus

from harness.postgres.identifiers import as_uuid
from harness.postgres.own_path import UNDEFINED, in_own_path
from harness.preflight.dependents import _TREE, named
from harness.preflight.facts import Check, Collision, IndexAsked, IndexKey, Parsed, Raised

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from harness.postgres.connection import Connection
    from harness.postgres.table import TableFacts

T = TypeVar("T")

# What Postgres' uuid_in() takes (utils/adt/uuid.c): 32 digits, a dash after any four but the last, braces around all.
# The usual form is told first, without a pattern of repetitions: five times as fast.
_CASTABLE = (
    "CASE WHEN {text} COLLATE \"C\" LIKE '________-____-____-____-____________' "
    "AND length(replace({text}, '-', '')) = 32 AND {text} COLLATE \"C\" !~ '[^0-9a-fA-F-]' THEN true "
    "ELSE {text} COLLATE \"C\" ~ '^([0-9a-fA-F]{{4}}-?){{7}}[0-9a-fA-F]{{4}}$' "
    "OR {text} COLLATE \"C\" ~ '^[{{]([0-9a-fA-F]{{4}}-?){{7}}[0-9a-fA-F]{{4}}[}}]$' END"
)
_NEW_TOKENS = 16  # that a CHECK is asked about; one that only the chance of a digit decides refuses some of them

_DEFINITIONS: LiteralString = (
    _TREE  # noqa: S608  # two literals
    + """
SELECT jsonb_build_object(
  'columns', (SELECT jsonb_object_agg(r.name, r.columns) FROM (
     SELECT concat(a.attrelid::regclass) AS name,
       jsonb_agg(jsonb_build_array(a.attname, format_type(a.atttypid, a.atttypmod)) ORDER BY a.attnum) AS columns
     FROM token t JOIN pg_attribute a ON a.attrelid = t.attrelid AND a.attnum > 0 AND NOT a.attisdropped
     GROUP BY 1) r),
  'relations', (SELECT jsonb_object_agg(concat(t.attrelid::regclass), jsonb_build_array(n.nspname, c.relname))
     FROM token t JOIN pg_class c ON c.oid = t.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace),
  'checks', (SELECT coalesce(jsonb_agg(jsonb_build_object(
     'name', k.conname, 'relation', concat(k.conrelid::regclass), 'expression', pg_get_expr(k.conbin, k.conrelid),
     'validated', k.convalidated, 'of_token_alone', k.conkey = ARRAY[d.attnum],
     'calls', EXISTS (SELECT FROM pg_depend f WHERE f.classid = 'pg_constraint'::regclass AND f.objid = k.oid
        AND f.refclassid = 'pg_proc'::regclass),
     'only_computes', {check_only_computes}) ORDER BY k.conname), '[]')
     FROM dependent d JOIN pg_constraint k ON d.classid = 'pg_constraint'::regclass AND k.oid = d.objid
     WHERE k.contype = 'c'),
  'indexes', (SELECT coalesce(jsonb_agg(jsonb_build_object(
     'name', concat(i.indexrelid::regclass), 'relation', concat(i.indrelid::regclass),
     'unique', i.indisunique, 'excludes', i.indisexclusion,
     'by_equality', NOT EXISTS (SELECT FROM pg_constraint k, unnest(k.conexclop) e(op)
        JOIN pg_operator o ON o.oid = e.op WHERE k.conindid = i.indexrelid AND k.contype = 'x' AND o.oprname <> '='),
     'nulls_are_alike', coalesce(to_jsonb(i) -> 'indnullsnotdistinct' = 'true'::jsonb, false),
     'predicate', pg_get_expr(i.indpred, i.indrelid),
     'of_token_alone', i.indkey::int2[] <@ ARRAY[d.attnum, 0::int2] AND NOT EXISTS (SELECT FROM pg_depend f
        WHERE f.classid = 'pg_class'::regclass AND f.objid = i.indexrelid AND f.refclassid = 'pg_class'::regclass
          AND f.refobjid = i.indrelid AND f.refobjsubid NOT IN (0, d.attnum)),
     'calls', EXISTS (SELECT FROM pg_depend f WHERE f.classid = 'pg_class'::regclass AND f.objid = i.indexrelid
        AND f.refclassid = 'pg_proc'::regclass),
     'only_computes', {index_only_computes},
     'keys', (SELECT jsonb_agg(jsonb_build_object(
        'text', pg_get_indexdef(i.indexrelid, k.n, false), 'is_expression', i.indkey[k.n - 1] = 0,
        'class', CASE WHEN x.attoptions IS NOT NULL OR NOT o.opcdefault THEN o.opcname ELSE '' END,
        'class_type', o.opcintype::int) ORDER BY k.n)
        FROM generate_series(1, i.indnkeyatts) k(n) JOIN pg_opclass o ON o.oid = i.indclass[k.n - 1]
        JOIN pg_attribute x ON x.attrelid = i.indexrelid AND x.attnum = k.n)
     ) ORDER BY concat(i.indexrelid::regclass)), '[]')
     FROM (SELECT DISTINCT objid, attrelid, attnum FROM dependent WHERE classid = 'pg_class'::regclass) d
     JOIN pg_index i ON i.indexrelid = d.objid),
  'statistics', (SELECT coalesce(jsonb_agg(jsonb_build_object(
     'name', s.stxname, 'relation', concat(s.stxrelid::regclass),
     'expressions', {statistics}) ORDER BY s.stxname), '[]')
     FROM dependent d JOIN pg_statistic_ext s ON d.classid = 'pg_statistic_ext'::regclass AND s.oid = d.objid)
)
"""
)
# Whether what an object evaluates is made of compiled functions alone that do nothing but compute: those that its tree
# names by oid, those of its operators, those that it depends on, and those in the constraints of domains that it casts
# to. A function in SQL or PL/pgSQL is never called, whatever it says of itself. Built-in ones that are volatile may
# act, and table_to_xml() and its like read what their argument names; a clock and a random number are harmless.
_ONLY_COMPUTES = """NOT EXISTS (
        WITH RECURSIVE of_type (oid) AS (
           SELECT refobjid FROM pg_depend
           WHERE classid = '{catalog}'::regclass AND objid = {object} AND refclassid = 'pg_type'::regclass
           UNION SELECT t.typbasetype FROM of_type d JOIN pg_type t ON t.oid = d.oid AND t.typtype = 'd'
        ), evaluated (classid, objid, tree) AS (
           SELECT '{catalog}'::regclass::oid, {object}, {tree}
           UNION ALL SELECT 'pg_constraint'::regclass::oid, c.oid, c.conbin::text
           FROM of_type d JOIN pg_constraint c ON c.contypid = d.oid
        ), called (oid) AS (
           SELECT m[1]::oid FROM evaluated e, regexp_matches(e.tree, ':(?:funcid|opfuncid) ([0-9]+) ', 'g') m
           UNION ALL SELECT o.oprcode::oid FROM evaluated e, regexp_matches(e.tree, ':opno ([0-9]+) ', 'g') m
           JOIN pg_operator o ON o.oid = m[1]::oid
           UNION ALL SELECT coalesce(o.oprcode::oid, f.refobjid) FROM evaluated e
           JOIN pg_depend f ON f.classid = e.classid AND f.objid = e.objid
             AND f.refclassid IN ('pg_proc'::regclass, 'pg_operator'::regclass)
           LEFT JOIN pg_operator o ON o.oid = f.refobjid AND f.refclassid = 'pg_operator'::regclass
        )
        SELECT FROM called f JOIN pg_proc p ON p.oid = f.oid JOIN pg_language l ON l.oid = p.prolang
        WHERE l.lanname NOT IN ('internal', 'c') OR p.prosrc ~ '_to_xml'
          OR p.provolatile = 'v' AND p.prosrc NOT IN ('drandom', 'clock_timestamp', 'gen_random_uuid'))"""
_OF_A_CHECK = {"tree": "k.conbin::text", "catalog": "pg_constraint", "object": "k.oid"}
_OF_AN_INDEX = {"tree": "concat(i.indexprs::text, i.indpred::text)", "catalog": "pg_class", "object": "i.indexrelid"}


def _only_computes(of: dict[str, str]) -> str:
    asked = _ONLY_COMPUTES
    for name, what in of.items():
        asked = asked.replace(f"{{{name}}}", what)
    return asked


_STATISTICS = "to_jsonb(pg_get_statisticsobjdef_expressions(s.oid))"  # from Postgres 14
_UUID_OID = 2950  # pg_type.dat


@dataclass(frozen=True, slots=True)
class Definitions:
    """The definitions as the catalog prints them, each a mapping; see `_DEFINITIONS`."""

    table: TableFacts
    columns: dict[str, list[tuple[str, str]]]
    relations: dict[str, tuple[str, str]]
    checks: tuple[dict[str, Any], ...]
    indexes: tuple[dict[str, Any], ...]
    statistics: tuple[dict[str, Any], ...]

    def row(self, relation: str, new_type: str = "uuid") -> sql.Composed:
        """A row of typed NULLs, named as the relation, whose token is of another type."""
        name, token = sql.Identifier(self.relations[relation][1]), self.table.token_column
        nulls = [
            sql.SQL("NULL::{} AS {}").format(
                sql.SQL(new_type if column == token else type_),  # as format_type() quotes it
                sql.Identifier(column),
            )
            for column, type_ in self.columns[relation]
        ]
        return sql.SQL("(SELECT NULL::oid AS tableoid, {} OFFSET 0) AS {}").format(sql.SQL(", ").join(nulls), name)

    def rows(self, relation: str) -> sql.Composed:
        """The stored rows of the relation alone, named as it is, their tokens cast; those that cannot be left out."""
        name = sql.Identifier(*self.relations[relation])
        token = sql.Identifier(self.table.token_column)
        cast = sql.SQL("{} AS {}").format(as_uuid(printed(token)), token)
        values = [
            cast if column == self.table.token_column else sql.Identifier(column)
            for column, _ in self.columns[relation]
        ]
        return sql.SQL("(SELECT tableoid, {} FROM ONLY {} WHERE {} IS NOT NULL AND ({}) OFFSET 0) AS {}").format(
            sql.SQL(", ").join(values),
            name,
            token,
            castable(printed(token)),
            sql.Identifier(self.relations[relation][1]),
        )

    def new_tokens(self) -> sql.Composed:
        """Rows of nothing but a token, as the default makes them (from Postgres 13)."""
        return sql.SQL("(SELECT gen_random_uuid() AS {} FROM generate_series(1, {}) OFFSET 0) AS new").format(
            sql.Identifier(self.table.token_column), sql.Literal(_NEW_TOKENS)
        )


def castable(text: sql.Composable) -> sql.Composed:
    """Whether the cast to uuid takes a text, as a condition."""
    return sql.SQL(_CASTABLE).format(text=text)


def printed(token: sql.Composable) -> sql.Composed:
    """What the cast of a token looks at: what its type's output function prints, of char(n) with its blanks."""
    return sql.SQL("concat({})").format(token)


def read_definitions(connection: Connection, table: TableFacts) -> Definitions:
    """Read the definitions, inside the caller's transaction."""
    query = _DEFINITIONS.replace("{check_only_computes}", _only_computes(_OF_A_CHECK)).replace(
        "{index_only_computes}", _only_computes(_OF_AN_INDEX)
    )
    query = query.replace("{statistics}", _STATISTICS if table.server_version >= 140000 else "'[]'::jsonb")
    row = connection.execute(query.encode(), named(table)).fetchone()
    assert row is not None  # it selects one value
    said: dict[str, Any] = row[0]
    return Definitions(
        table,
        {name: [(column, type_) for column, type_ in columns] for name, columns in said["columns"].items()},
        {relation: (schema, name) for relation, (schema, name) in said["relations"].items()},
        tuple(said["checks"]),
        tuple(said["indexes"]),
        tuple(said["statistics"]),
    )


# --- parsing ----------------------------------------------------------------------------------------------------------


def parse_cast(connection: Connection, definitions: Definitions) -> Parsed:
    """Whether there is a cast from the column's type to uuid at all."""
    table = definitions.table
    relation = next(iter(definitions.relations))
    token = sql.Identifier(table.token_column)
    source = definitions.row(relation, table.token_type)
    query = sql.SQL("SELECT {}::uuid FROM {}").format(token, source)
    state, said, _ = _parsed(connection, query)
    return Parsed(f"column {table.token_column}", f"{table.token_column}::uuid", state, said)


def parse_all(connection: Connection, definitions: Definitions) -> tuple[Parsed, ...]:
    """Let Postgres parse each expression of a definition with a uuid; those it refuses have a state."""
    found: dict[tuple[str, str], Parsed] = {}
    for owner, relation, expression, key, calls in _expressions(definitions):
        if (owner, expression) in found:
            continue
        query = sql.SQL("SELECT {} FROM {}").format(sql.SQL(expression), definitions.row(relation))
        state, said, type_ = _parsed(connection, query, calls=calls)
        if not state and key is not None and type_ == _UUID_OID:
            state, said = _uuid_as_key(key)
        found[owner, expression] = Parsed(owner, expression, state, said)
    return tuple(found.values())


def _expressions(definitions: Definitions) -> list[tuple[str, str, str, dict[str, Any] | None, bool]]:
    """(owner in words, relation, expression, the index key that it is, whether it calls functions) of all."""
    found: list[tuple[str, str, str, dict[str, Any] | None, bool]] = [
        (f"check {check['name']}", check["relation"], check["expression"], None, check["calls"])
        for check in definitions.checks
    ]
    for index in definitions.indexes:
        owner = f"{'exclusion constraint' if index['excludes'] else 'index'} {index['name']}"
        calls = index["calls"]
        found += [(owner, index["relation"], key["text"], key, calls) for key in index["keys"] if key["is_expression"]]
        if index["predicate"]:
            found.append((owner, index["relation"], f"{index['predicate']}", None, calls))
    for statistics in definitions.statistics:
        owner = f"statistics {statistics['name']}"
        found += [(owner, statistics["relation"], text, None, True) for text in statistics["expressions"] or ()]
    return found


def _uuid_as_key(key: dict[str, Any]) -> tuple[str, str]:
    """An expression that was text and is a uuid now, as the key of an index."""
    if key["class"] and key["class_type"] != _UUID_OID:
        return "42804", f"operator class {key['class']} does not take a uuid"
    return "", ""


def _executed(connection: Connection, run: Callable[[], T], *, calls: bool) -> T:
    """Run or parse a query that holds expressions of the database, in a savepoint.

    Where they call functions of users, and something is not found, it is run again with the role's own search_path, as
    the migration will run them.
    """
    try:
        with connection.transaction():
            return run()
    except psycopg.Error as error:
        if not calls or error.sqlstate not in UNDEFINED:
            raise
    with connection.transaction():  # an error takes its search_path back
        return in_own_path(connection, run)


def _first_row(connection: Connection, query: sql.Composed) -> Callable[[], tuple[Any, ...] | None]:
    return lambda: connection.execute(query).fetchone()


def _type_of_first_column(connection: Connection, query: sql.Composed) -> int:
    """Let Postgres parse a query, and no more: planning it would call functions whose arguments are constants."""
    server = connection.pgconn
    for result in (server.prepare(b"", query.as_bytes(connection)), server.describe_prepared(b"")):
        if result.status != ExecStatus.COMMAND_OK:
            raise psycopg.errors.error_from_result(result)
    return result.ftype(0)


def _parsed(connection: Connection, query: sql.Composed, *, calls: bool = False) -> tuple[str, str, int]:
    """SQLSTATE and message of a query that cannot be parsed, else the type (oid) of its first column."""
    try:
        return "", "", _executed(connection, lambda: _type_of_first_column(connection, query), calls=calls)
    except psycopg.Error as error:
        if not (error.sqlstate or "").startswith("42") or error.sqlstate == "42501":
            raise
        return error.sqlstate or "", str(error.diag.message_primary), 0


# --- evaluating -------------------------------------------------------------------------------------------------------


def ask_checks(connection: Connection, definitions: Definitions, parsed: Sequence[Parsed]) -> tuple[Check, ...]:
    """Ask each CHECK that takes a uuid whether it holds of the stored rows then, and of new tokens."""
    broken = {each.owner for each in parsed if each.state}
    found: dict[str, Check] = {}
    for check in definitions.checks:
        if f"check {check['name']}" in broken:
            continue
        asked = _ask_check(connection, definitions, check) if check["only_computes"] else None
        refused, new, raises, raises_new = asked or (None, None, None, None)
        earlier = found.get(check["name"])  # of the table that this one inherits it from
        if earlier is not None:
            raises = raises or earlier.raises
            refused = None if refused is None or earlier.refused is None else refused + earlier.refused
        found[check["name"]] = Check(check["name"], check["expression"], refused, new, raises, raises_new)
    return tuple(found.values())


def _ask_check(
    connection: Connection, definitions: Definitions, check: dict[str, Any]
) -> tuple[int, bool, Raised | None, Raised | None]:
    """How many stored rows it refuses, whether it refuses new tokens, and what each of the two raised."""
    asked = sql.SQL("SELECT count(*) FROM {} WHERE NOT ({})")
    stored: int | Raised = 0
    new: int | Raised = 0
    expression = sql.SQL(check["expression"])
    if check["validated"]:
        query = asked.format(definitions.rows(check["relation"]), expression)
        stored = _evaluated(connection, query, calls=check["calls"])
    if check["of_token_alone"] and definitions.table.server_version >= 130000:
        new = _evaluated(connection, asked.format(definitions.new_tokens(), expression), calls=check["calls"])
    return (
        0 if isinstance(stored, Raised) else stored,
        False if isinstance(new, Raised) else bool(new),
        stored if isinstance(stored, Raised) else None,
        new if isinstance(new, Raised) else None,
    )


# What may end any statement, and says nothing of an expression: lost connections, rollbacks, what this role or a READ
# ONLY transaction may not do, memory and disk, cancellation, locks.
_OF_NO_EXPRESSION = ("08", "25", "40", "53", "55", "57", "58", "XX", "42501")


def _evaluated(connection: Connection, query: sql.Composed, *, calls: bool) -> int | Raised:
    """The one number that a query counts, or what its expressions raised."""
    try:
        row = _executed(connection, _first_row(connection, query), calls=calls)
    except psycopg.Error as error:
        if error.sqlstate is None or error.sqlstate.startswith(_OF_NO_EXPRESSION):
            raise
        return Raised(error.sqlstate, type(error).__name__)
    return row[0] if row else 0


def ask_indexes(
    connection: Connection, definitions: Definitions, parsed: Sequence[Parsed], keys: Sequence[IndexKey]
) -> tuple[IndexAsked, ...]:
    """Evaluate the expressions of each index that takes a uuid on the stored rows then, and on new tokens.

    One pass over each table for all its indexes; only where that raises, one for each index.
    """
    broken = _broken(parsed, keys)
    of_expressions = [index for index in definitions.indexes if index["name"] not in broken and has_expressions(index)]
    found = [IndexAsked(index["name"], asked=False) for index in of_expressions if not index["only_computes"]]
    readable = [index for index in of_expressions if index["only_computes"]]
    for relation in dict.fromkeys(index["relation"] for index in readable):
        mine = [index for index in readable if index["relation"] == relation]
        whole = _built(connection, mine, definitions.rows(relation))
        for index in mine:
            raises = whole and _built(connection, [index], definitions.rows(relation))
            alone = index["of_token_alone"] and definitions.table.server_version >= 130000
            raises_new = _built(connection, [index], definitions.new_tokens()) if alone else None
            if raises_new is not None and raises_new.state in ("42P01", "42703"):
                raises_new = None  # it is of the whole row, of which a new token is not all
            found.append(IndexAsked(index["name"], asked=True, raises=raises, raises_new=raises_new))
    return tuple(found)


def has_expressions(index: dict[str, Any]) -> bool:
    """Whether building it evaluates anything: a key that is no column, or a predicate."""
    return bool(index["predicate"]) or any(key["is_expression"] for key in index["keys"])


def _built(connection: Connection, indexes: Sequence[dict[str, Any]], source: sql.Composed) -> Raised | None:
    """What evaluating the keys of indexes raises, each on the rows of its predicate."""
    keys = [
        sql.SQL("count({}) FILTER (WHERE {})").format(sql.SQL(key["text"]), sql.SQL(index["predicate"] or "true"))
        for index in indexes
        for key in index["keys"]
        if key["is_expression"] or index["predicate"]
    ]
    query = sql.SQL("SELECT {} FROM {}").format(sql.SQL(", ").join(keys), source)
    said = _evaluated(connection, query, calls=any(index["calls"] for index in indexes))
    return said if isinstance(said, Raised) else None


def _broken(parsed: Sequence[Parsed], keys: Sequence[IndexKey]) -> set[str]:
    """Names of what cannot be built: it is evaluated on no row."""
    return {each.owner.rpartition(" ")[2] for each in parsed if each.state} | {key.index for key in keys}


def find_collisions(
    connection: Connection,
    definitions: Definitions,
    parsed: Sequence[Parsed],
    keys: Sequence[IndexKey],
    asked: Sequence[IndexAsked],
    surplus: int,
) -> tuple[Collision, ...]:
    """Rows that a unique index or exclusion constraint would refuse once tokens are UUIDs.

    Args:
        connection: inside a transaction.
        definitions: of the indexes.
        parsed: what became of their expressions; an index that cannot be built refuses no row.
        keys: token columns in indexes that cannot be built.
        asked: what became of evaluating them; nor does one that raises, and one that was not evaluated is not now.
        surplus: tokens beyond the first of their UUID, in all tables together.
    """
    broken = _broken(parsed, keys) | {each.name for each in asked if each.raises or not each.asked}
    found = []
    for index in definitions.indexes:
        # No two tokens are one UUID: then no row collides by its token, only perhaps by an expression of it.
        harmless = not surplus and not any(key["is_expression"] for key in index["keys"])
        if not (index["unique"] or index["excludes"]) or index["name"] in broken or harmless:
            continue
        state = "23P01" if index["excludes"] else "23505"
        if not index["by_equality"]:
            found.append(Collision(index["name"], state, None))
            continue
        texts = [sql.SQL(key["text"]) for key in index["keys"]]
        present = sql.SQL(" AND ").join(sql.SQL("({}) IS NOT NULL").format(text) for text in texts)
        query = sql.SQL(
            "SELECT coalesce(sum(n - 1), 0)::bigint FROM (SELECT count(*) AS n FROM {} WHERE ({}) AND ({}) "
            "GROUP BY {} HAVING count(*) > 1) AS same"
        ).format(
            definitions.rows(index["relation"]),
            sql.SQL(index["predicate"] or "true"),
            sql.SQL("true") if index["nulls_are_alike"] else present,
            sql.SQL(", ").join(sql.SQL("({})").format(text) for text in texts),
        )
        row = _executed(connection, _first_row(connection, query), calls=index["calls"])
        if row and row[0]:
            found.append(Collision(index["name"], state, row[0]))
    return tuple(found)
