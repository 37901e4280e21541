"""What the catalog says about the table, its token column, and everything that decides what an INSERT stores there.

One statement, one round trip. Names are resolved once, to an oid; identity is taken from oids and dependencies, never
from text that an impostor could share. Its parts are named tuples: every run pays for their definition, and that of a
dataclass takes eight times as long.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from psycopg import sql

from harness.errors import CouldNotTell
from harness.text import printable

if TYPE_CHECKING:
    from harness.configuration.models import Table
    from harness.postgres.connection import Connection


class Function(NamedTuple):
    """A function that a default depends on (pg_proc); `extension` is the one that owns it, "" where none does."""

    schema: str
    name: str
    source: str
    language: str
    extension: str


class Default(NamedTuple):
    """A column's default (pg_attrdef). `functions` holds those outside Postgres itself: built-ins are not recorded."""

    expression: str
    functions: tuple[Function, ...]


class Index(NamedTuple):
    """An index whose first key column is the token column, or whose expressions use it (pg_index)."""

    name: str
    definition: str
    unique: bool
    valid: bool
    ready: bool
    live: bool
    immediate: bool
    key_columns: int
    leads_with_token: bool
    partial: bool
    expressions: bool


class Trigger(NamedTuple):
    """An enabled trigger that users made (pg_trigger)."""

    name: str
    before_insert: bool
    instead_of: bool
    function: str
    source: str


class Rule(NamedTuple):
    """An enabled rule on INSERT (pg_rewrite); `instead` says that it replaces the INSERT."""

    name: str
    instead: bool
    definition: str


class Sequence(NamedTuple):
    """The sequence that fills the id column (pg_sequence). `name` is quoted as Postgres needs it."""

    name: str
    increment: int
    readable: bool


class TableFacts(NamedTuple):
    """Everything that the catalog says; the fields are named as in the catalog where it has a name for them."""

    schema: str
    name: str
    relkind: str
    relpersistence: str
    is_partition_of: str
    children: tuple[str, ...]
    parents: tuple[str, ...]
    in_recovery: bool
    server_version: int
    id_column: str
    id_type: str
    label_column: str
    token_column: str
    token_type: str
    token_not_null: bool
    token_not_null_is_validated: bool
    token_generated: str
    token_inherited: bool
    default: Default | None
    indexes: tuple[Index, ...]
    triggers: tuple[Trigger, ...]
    insert_rules: tuple[Rule, ...]
    sequence: Sequence | None

    @property
    def identifier(self) -> sql.Identifier:
        """The table, schema-qualified and quoted."""
        return sql.Identifier(self.schema, self.name)

    @property
    def in_sql(self) -> str:
        """The table as it can be pasted into SQL."""
        return self.identifier.as_string()

    @property
    def token_in_sql(self) -> str:
        """The token column as it can be pasted into SQL."""
        return sql.Identifier(self.token_column).as_string()

    @property
    def shown(self) -> str:
        """schema.table"""
        return f"{self.schema}.{self.name}"


IN_WORDS = "SELECT the facts about the table from the catalog"
FACTS = """
WITH relation AS (
  SELECT c.* FROM pg_class c
  WHERE c.oid = coalesce(to_regclass(%(exact)s), to_regclass(%(folded)s))
), attribute AS (
  SELECT a.* FROM pg_attribute a JOIN relation r ON a.attrelid = r.oid WHERE a.attnum > 0 AND NOT a.attisdropped
), chosen AS (
  SELECT role, (
    SELECT a.attnum FROM attribute a WHERE a.attname = wanted OR lower(a.attname) = lower(wanted)
    ORDER BY (a.attname = wanted) DESC LIMIT 1
  ) AS attnum
  FROM (VALUES ('id', %(id)s::text), ('label', %(label)s::text), ('token', %(token)s::text)) AS w(role, wanted)
), token AS (
  SELECT a.* FROM attribute a JOIN chosen c ON c.role = 'token' AND c.attnum = a.attnum
), id AS (
  SELECT a.* FROM attribute a JOIN chosen c ON c.role = 'id' AND c.attnum = a.attnum
)
SELECT jsonb_build_object(
  'search_path', current_schemas(false),
  'namesakes', (SELECT jsonb_agg(x.oid::regclass::text) FROM (
     SELECT c.oid FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE lower(c.relname) = lower(%(bare)s) AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
       AND n.nspname NOT LIKE 'pg\\_%%' LIMIT 5) x),
  'columns', (SELECT jsonb_agg(a.attname ORDER BY a.attnum) FROM attribute a),
  'relation', (SELECT jsonb_build_object(
     'schema', n.nspname, 'name', r.relname, 'relkind', r.relkind, 'relpersistence', r.relpersistence,
     'is_partition_of', CASE WHEN r.relispartition
        THEN (SELECT i.inhparent::regclass::text FROM pg_inherits i WHERE i.inhrelid = r.oid LIMIT 1) ELSE '' END,
     'children', CASE WHEN r.relkind = 'p' THEN '[]'::jsonb ELSE coalesce(
        (SELECT jsonb_agg(i.inhrelid::regclass::text) FROM pg_inherits i WHERE i.inhparent = r.oid), '[]') END,
     'parents', CASE WHEN r.relispartition THEN '[]'::jsonb ELSE coalesce(
        (SELECT jsonb_agg(i.inhparent::regclass::text) FROM pg_inherits i WHERE i.inhrelid = r.oid), '[]') END)
     FROM relation r JOIN pg_namespace n ON n.oid = r.relnamespace),
  'in_recovery', pg_is_in_recovery(),
  'server_version', current_setting('server_version_num')::int,
  'id', (SELECT jsonb_build_object('column', a.attname, 'type', format_type(a.atttypid, a.atttypmod)) FROM id a),
  'label', (SELECT jsonb_build_object('column', a.attname) FROM attribute a JOIN chosen c
     ON c.role = 'label' AND c.attnum = a.attnum),
  'token', (SELECT jsonb_build_object(
     'column', a.attname, 'type', format_type(a.atttypid, a.atttypmod), 'not_null', a.attnotnull,
     'not_null_is_validated', NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conrelid = a.attrelid
        AND k.contype = 'n' AND k.conkey = ARRAY[a.attnum] AND NOT k.convalidated),
     'generated', a.attgenerated, 'inherited', a.attinhcount > 0) FROM token a),
  'default', (SELECT jsonb_build_object(
     'expression', pg_get_expr(d.adbin, d.adrelid),
     'functions', coalesce((SELECT jsonb_agg(jsonb_build_object(
         'schema', n.nspname, 'name', p.proname, 'source', p.prosrc, 'language', l.lanname,
         'extension', coalesce((SELECT e.extname FROM pg_depend x JOIN pg_extension e ON e.oid = x.refobjid
            WHERE x.classid = 'pg_proc'::regclass AND x.objid = p.oid
              AND x.refclassid = 'pg_extension'::regclass AND x.deptype = 'e' LIMIT 1), '')))
        FROM pg_depend o JOIN pg_proc p ON p.oid = o.refobjid JOIN pg_namespace n ON n.oid = p.pronamespace
        JOIN pg_language l ON l.oid = p.prolang
        WHERE o.classid = 'pg_attrdef'::regclass AND o.objid = d.oid AND o.refclassid = 'pg_proc'::regclass), '[]'))
     FROM pg_attrdef d JOIN token a ON a.attrelid = d.adrelid AND a.attnum = d.adnum),
  'indexes', (SELECT coalesce(jsonb_agg(jsonb_build_object(
     'name', i.indexrelid::regclass::text, 'definition', pg_get_indexdef(i.indexrelid), 'unique', i.indisunique,
     'valid', i.indisvalid, 'ready', i.indisready, 'live', i.indislive, 'immediate', i.indimmediate,
     'key_columns', i.indnkeyatts, 'leads_with_token', i.indkey[0] = a.attnum,
     'partial', i.indpred IS NOT NULL, 'expressions', i.indexprs IS NOT NULL)), '[]')
     FROM pg_index i JOIN token a ON a.attrelid = i.indrelid
     WHERE a.attnum = ANY (i.indkey[0:i.indnkeyatts - 1]) OR EXISTS (
        SELECT FROM pg_depend o WHERE o.classid = 'pg_class'::regclass AND o.objid = i.indexrelid
          AND o.refclassid = 'pg_class'::regclass AND o.refobjid = a.attrelid AND o.refobjsubid = a.attnum
          AND i.indexprs IS NOT NULL)),
  'triggers', (SELECT coalesce(jsonb_agg(jsonb_build_object(
     'name', t.tgname, 'before_insert', t.tgtype::int & 7 = 7, 'instead_of', t.tgtype::int & 64 = 64,
     'function', p.oid::regprocedure::text, 'source', p.prosrc)), '[]')
     FROM relation r JOIN pg_trigger t ON t.tgrelid = r.oid
        OR t.tgrelid IN (SELECT relid FROM pg_partition_tree(r.oid))
     JOIN pg_proc p ON p.oid = t.tgfoid
     WHERE NOT t.tgisinternal AND t.tgenabled IN ('O', 'A')),
  'insert_rules', (SELECT coalesce(jsonb_agg(jsonb_build_object(
     'name', w.rulename, 'instead', w.is_instead, 'definition', pg_get_ruledef(w.oid))), '[]')
     FROM pg_rewrite w JOIN relation r ON w.ev_class = r.oid
     WHERE w.ev_type = '3' AND w.ev_enabled IN ('O', 'A')),
  'sequence', (SELECT jsonb_build_object(
     'name', s.seqrelid::regclass::text, 'increment', s.seqincrement,
     'readable', has_sequence_privilege(s.seqrelid, 'SELECT'))
     FROM id a JOIN pg_sequence s ON s.seqrelid IN (
        SELECT o.refobjid FROM pg_attrdef d JOIN pg_depend o ON o.classid = 'pg_attrdef'::regclass AND o.objid = d.oid
          AND o.refclassid = 'pg_class'::regclass WHERE d.adrelid = a.attrelid AND d.adnum = a.attnum
          AND pg_get_expr(d.adbin, d.adrelid) ~ '^nextval\\(''[^'']*''::regclass\\)$'
        UNION SELECT o.objid FROM pg_depend o WHERE o.classid = 'pg_class'::regclass AND o.deptype = 'i'
          AND o.refclassid = 'pg_class'::regclass AND o.refobjid = a.attrelid AND o.refobjsubid = a.attnum)
     LIMIT 1)
)
"""


def read_facts(connection: Connection, table: Table) -> TableFacts:
    """Ask the catalog, inside the caller's transaction.

    Raises:
        CouldNotTell: the table or a column of it is not there.
        psycopg.Error: the caller words it.
    """
    columns = {"id": table.id, "label": table.label, "token": table.token}
    found = connection.execute(FACTS, {**resolution(table), **columns}).fetchone()
    facts: dict[str, Any] = found[0] if found else {}
    _demand_columns(facts, table)
    default, sequence = facts["default"], facts["sequence"]
    token = facts["token"]
    relation: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in facts["relation"].items()}
    return TableFacts(
        **relation,
        in_recovery=facts["in_recovery"],
        server_version=facts["server_version"],
        id_column=facts["id"]["column"],
        id_type=facts["id"]["type"],
        label_column=facts["label"]["column"],
        token_column=token["column"],
        token_type=token["type"],
        token_not_null=token["not_null"],
        token_not_null_is_validated=token["not_null_is_validated"],
        token_generated=token["generated"],
        token_inherited=token["inherited"],
        default=default and Default(default["expression"], tuple(Function(**f) for f in default["functions"])),
        indexes=tuple(Index(**i) for i in facts["indexes"]),
        triggers=tuple(Trigger(**t) for t in facts["triggers"]),
        insert_rules=tuple(Rule(**r) for r in facts["insert_rules"]),
        sequence=sequence and Sequence(**sequence),
    )


def _demand_columns(facts: dict[str, Any], table: Table) -> None:
    if facts.get("relation") is None:
        path = ", ".join(facts.get("search_path") or []) or "empty"
        namesakes = facts.get("namesakes")
        elsewhere = f"; there is {', '.join(map(printable, namesakes))}" if namesakes else ""
        raise CouldNotTell(
            f"there is no table {table.name} in this database (search_path: {path}{elsewhere})",
            "check table.name (schema.table where it is outside the search_path) and which database the URL names",
        )
    for role in ("id", "label", "token"):
        if facts.get(role) is None:
            raise CouldNotTell(
                f"table {table.name} has no column {getattr(table, role)}; it has "
                f"{', '.join(map(printable, facts.get('columns') or []))}",
                f"check table.{role}, or whether the migration has run in this database",
            )


def resolution(table: Table) -> dict[str, str]:
    """The table's name for to_regclass(): as it is written, in lower case, and without its schema."""
    parts = parts_of(table.name)
    return {
        "exact": ".".join(_quoted(part) for part in parts),
        "folded": ".".join(_quoted(part.lower()) for part in parts),
        "bare": parts[-1],
    }


def parts_of(name: str) -> list[str]:
    """schema.table in its parts; a quoted part keeps its dots."""
    parts, quoted = [""], False
    for character in name:
        if character == '"':
            quoted = not quoted
        elif character == "." and not quoted:
            parts.append("")
        else:
            parts[-1] += character
    return parts


def _quoted(part: str) -> str:
    return '"' + part.replace('"', '""') + '"'
