"""What the catalog says that bears upon the migration: two statements, two round trips.

An ALTER COLUMN .. TYPE looks at what pg_depend says of the column, on the table and on every one that inherits from it:
some kinds of object it refuses at once (`blockers`), the others it builds anew from their printed definition.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, LiteralString

from harness.postgres.table import candidates
from harness.preflight.facts import (
    ANOTHER_PROCESS,
    Catalog,
    Dependent,
    ForeignKey,
    Generator,
    Holder,
    IndexKey,
    LockHolders,
    Relation,
    RowCheck,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from harness.configuration.models import Table
    from harness.postgres.connection import Connection
    from harness.postgres.table import TableFacts

_TREE: LiteralString = """
WITH RECURSIVE tree AS (
  SELECT c.oid FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE n.nspname = %(schema)s AND c.relname = %(table)s
  UNION SELECT i.inhrelid FROM pg_inherits i JOIN tree t ON i.inhparent = t.oid
), token AS (
  SELECT a.attrelid, a.attnum, a.atttypid, a.attcollation, c.relkind, c.relowner, c.reltype, c.reloftype
  FROM tree t JOIN pg_class c ON c.oid = t.oid
  JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = %(token)s AND NOT a.attisdropped
), referring AS (
  SELECT DISTINCT d.classid, d.objid, t.attrelid, t.attnum, t.attcollation
  FROM pg_depend d JOIN token t ON d.refobjid = t.attrelid AND d.refobjsubid = t.attnum
  WHERE d.refclassid = 'pg_class'::regclass
), dependent AS (
  SELECT * FROM referring
  UNION SELECT 'pg_class'::regclass, k.conindid, r.attrelid, r.attnum, r.attcollation
  FROM referring r JOIN pg_constraint k ON r.classid = 'pg_constraint'::regclass AND k.oid = r.objid
  WHERE k.contype IN ('p', 'u', 'x')
)"""
# An index key on the column itself is printed with its operator class where that is not the type's default, or has
# options, and with its collation where that is not the column's; uuid takes neither.
CATALOG: LiteralString = (
    _TREE  # noqa: S608  # two literals
    + """, row_type AS (
  SELECT t.reltype AS oid FROM token t WHERE t.reltype <> 0
  UNION SELECT more.oid FROM row_type r CROSS JOIN LATERAL (
    SELECT y.typarray FROM pg_type y WHERE y.oid = r.oid AND y.typarray <> 0
    UNION ALL SELECT y.oid FROM pg_type y WHERE y.typbasetype = r.oid
    UNION ALL SELECT c.reltype FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
    WHERE a.atttypid = r.oid AND NOT a.attisdropped AND c.relkind IN ('c', 'v')
  ) more(oid)
), obstacle(kind, name) AS (
  SELECT CASE WHEN w.rulename <> '_RETURN' THEN 'rule' WHEN c.relkind = 'm' THEN 'materialized view' ELSE 'view' END,
    CASE WHEN w.rulename = '_RETURN' THEN n.nspname || '.' || c.relname
      ELSE w.rulename || ' on ' || n.nspname || '.' || c.relname END
  FROM dependent d JOIN pg_rewrite w ON d.classid = 'pg_rewrite'::regclass AND w.oid = d.objid
  JOIN pg_class c ON c.oid = w.ev_class JOIN pg_namespace n ON n.oid = c.relnamespace
  UNION SELECT 'policy', p.polname || ' on ' || concat(p.polrelid::regclass)
  FROM dependent d JOIN pg_policy p ON d.classid = 'pg_policy'::regclass AND p.oid = d.objid
  UNION SELECT 'trigger', t.tgname || ' on ' || concat(t.tgrelid::regclass)
  FROM dependent d JOIN pg_trigger t ON d.classid = 'pg_trigger'::regclass AND t.oid = d.objid
  UNION SELECT 'generated column', concat(a.adrelid::regclass) || '.' || x.attname
  FROM dependent d JOIN pg_attrdef a ON d.classid = 'pg_attrdef'::regclass AND a.oid = d.objid
  JOIN pg_attribute x ON x.attrelid = a.adrelid AND x.attnum = a.adnum
  WHERE (a.adrelid, a.adnum) <> (d.attrelid, d.attnum)
  UNION SELECT 'function', concat(p.oid::regprocedure)
  FROM dependent d JOIN pg_proc p ON d.classid = 'pg_proc'::regclass AND p.oid = d.objid
  UNION SELECT 'publication', p.pubname || ' of columns or rows of ' || concat(r.prrelid::regclass)
  FROM dependent d JOIN pg_publication_rel r ON d.classid = 'pg_publication_rel'::regclass AND r.oid = d.objid
  JOIN pg_publication p ON p.oid = r.prpubid
  UNION SELECT 'column of its row type', concat(c.oid::regclass) || '.' || a.attname
  FROM row_type y JOIN pg_attribute a ON a.atttypid = y.oid AND NOT a.attisdropped
  JOIN pg_class c ON c.oid = a.attrelid AND c.relkind IN ('r', 'p', 'm')
  WHERE (SELECT bool_or(t.atttypid <> 'uuid'::regtype) FROM token t)
), found(oid) AS (
  SELECT to_regprocedure(quote_ident(s.name) || '.uuid_generate_v4()')::oid
  FROM unnest(%(schemas)s::text[]) WITH ORDINALITY AS s(name, n)
  WHERE to_regprocedure(quote_ident(s.name) || '.uuid_generate_v4()') IS NOT NULL ORDER BY s.n LIMIT 1
), own_key(index, state, why) AS (
  SELECT concat(i.indexrelid::regclass),
    CASE WHEN x.attoptions IS NOT NULL OR NOT o.opcdefault THEN
        CASE WHEN o.opcintype = 'uuid'::regtype THEN '' ELSE '42804' END
      WHEN NOT EXISTS (SELECT FROM pg_opclass u
        WHERE u.opcmethod = o.opcmethod AND u.opcdefault AND u.opcintype = 'uuid'::regtype) THEN '42704'
      WHEN i.indcollation[k.n - 1] NOT IN (0, d.attcollation) THEN '42804' ELSE '' END,
    CASE WHEN x.attoptions IS NOT NULL OR NOT o.opcdefault
        THEN 'operator class ' || o.opcname || ' does not take a uuid'
      WHEN i.indcollation[k.n - 1] NOT IN (0, d.attcollation) THEN 'a uuid has no collation'
      ELSE 'access method ' || m.amname || ' has no operator class for uuid' END
  FROM dependent d JOIN pg_index i ON d.classid = 'pg_class'::regclass AND i.indexrelid = d.objid
  CROSS JOIN LATERAL generate_series(1, i.indnkeyatts) k(n)
  JOIN pg_opclass o ON o.oid = i.indclass[k.n - 1] JOIN pg_am m ON m.oid = o.opcmethod
  JOIN pg_attribute x ON x.attrelid = i.indexrelid AND x.attnum = k.n
  WHERE i.indkey[k.n - 1] = d.attnum
)
SELECT jsonb_build_object(
  'role', current_user, 'superuser', (SELECT r.rolsuper FROM pg_roles r WHERE r.rolname = current_user),
  'database', current_database(),
  'default_read_only', current_setting('default_transaction_read_only') = 'on',
  'statement_timeout_s', (SELECT float8in(textout(s.reset_val)) / 1000 FROM pg_settings s
     WHERE s.name = 'statement_timeout'),
  'may_create_in_schema', has_schema_privilege(%(schema)s, 'CREATE'),
  'backend_pid', pg_backend_pid(),
  'relations', (SELECT jsonb_agg(jsonb_build_object(
     'name', concat(t.attrelid::regclass), 'kind', t.relkind, 'owner', pg_get_userbyid(t.relowner),
     'not_null', coalesce((SELECT k.conname FROM pg_constraint k WHERE k.conrelid = t.attrelid AND k.contype = 'n'
        AND k.conkey = ARRAY[t.attnum] LIMIT 1), ''),
     'may_alter', pg_has_role(t.relowner, 'USAGE'), 'typed', t.reloftype <> 0,
     'partitioned_by_token', EXISTS (SELECT FROM pg_partitioned_table p WHERE p.partrelid = t.attrelid
        AND (t.attnum = ANY (p.partattrs) OR p.partexprs IS NOT NULL AND EXISTS (SELECT FROM pg_depend d
          WHERE d.classid = 'pg_class'::regclass AND d.objid = t.attrelid AND d.objsubid = t.attnum
            AND d.refclassid = 'pg_class'::regclass AND d.refobjid = t.attrelid AND d.refobjsubid = 0)))
     )) FROM token t),
  'blockers', (SELECT coalesce(jsonb_agg(jsonb_build_object('kind', b.kind, 'name', b.name)), '[]') FROM obstacle b),
  'foreign_keys', (SELECT coalesce(jsonb_agg(jsonb_build_object('name', k.conname,
     'relation', concat(k.conrelid::regclass), 'other', concat(side.relation::regclass) || '.' || a.attname,
     'other_type', format_type(a.atttypid, a.atttypmod))), '[]')
     FROM pg_constraint k CROSS JOIN LATERAL unnest(k.conkey, k.confkey) pair(mine, theirs)
     CROSS JOIN LATERAL (VALUES (k.conrelid, pair.mine, k.confrelid, pair.theirs),
       (k.confrelid, pair.theirs, k.conrelid, pair.mine)) side(own, own_column, relation, column_)
     JOIN token t ON t.attrelid = side.own AND t.attnum = side.own_column
     JOIN pg_attribute a ON a.attrelid = side.relation AND a.attnum = side.column_
     WHERE k.contype = 'f' AND k.conparentid = 0
       AND NOT EXISTS (SELECT FROM token o WHERE o.attrelid = side.relation AND o.attnum = side.column_)),
  'index_keys', (SELECT coalesce(jsonb_agg(DISTINCT
     jsonb_build_object('index', o.index, 'state', o.state, 'why', o.why)), '[]') FROM own_key o WHERE o.state <> ''),
  'generator', jsonb_build_object(
     'schema', coalesce((SELECT n.nspname FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace
        WHERE e.extname = 'uuid-ossp'), ''),
     'found', EXISTS (SELECT FROM found),
     'returns', coalesce((SELECT format_type(p.prorettype, NULL) FROM pg_proc p JOIN found f ON f.oid = p.oid), ''),
     'not_executed_by', (SELECT coalesce(jsonb_agg(r.rolname ORDER BY r.rolname), '[]') FROM pg_roles r
        WHERE (r.rolcanlogin OR r.rolname = current_user)
          AND NOT has_function_privilege(r.oid, (SELECT f.oid FROM found f), 'EXECUTE')
          AND (SELECT bool_or(has_table_privilege(r.oid, t.attrelid, 'INSERT')) FROM token t)),
     'available', EXISTS (SELECT FROM pg_available_extensions e WHERE e.name = 'uuid-ossp'),
     'trusted', coalesce((SELECT bool_or(v.trusted OR NOT v.superuser) FROM pg_available_extension_versions v
        JOIN pg_available_extensions e ON e.name = v.name AND e.default_version = v.version
        WHERE v.name = 'uuid-ossp'), false),
     'may_create', has_database_privilege(current_database(), 'CREATE'),
     'namesake', EXISTS (SELECT FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
        WHERE p.proname = 'uuid_generate_v4' AND p.pronargs = 0 AND n.nspname = (%(schemas)s::text[])[1])),
  'row_checks', (SELECT coalesce(jsonb_agg(jsonb_build_object('name', 'check ' || k.conname,
     'function', concat(p.oid::regprocedure), 'source', p.prosrc) ORDER BY k.conname), '[]')
     FROM token t JOIN pg_constraint k ON k.conrelid = t.attrelid AND k.contype = 'c'
     JOIN pg_depend f ON f.classid = 'pg_constraint'::regclass AND f.objid = k.oid
     JOIN pg_proc p ON f.refclassid = 'pg_proc'::regclass AND p.oid = f.refobjid AND t.reltype = ANY (p.proargtypes)),
  'event_triggers', (SELECT coalesce(jsonb_agg(e.evtname ORDER BY e.evtname), '[]')
     FROM pg_event_trigger e WHERE e.evtenabled IN ('O', 'A') AND e.evtevent <> 'login'
       AND (e.evtevent <> 'table_rewrite' OR (SELECT bool_or(t.atttypid <> 'uuid'::regtype) FROM token t))
       AND (e.evttags IS NULL OR e.evttags && ARRAY['ALTER TABLE', 'CREATE EXTENSION']
         OR 'CREATE FUNCTION' = ANY (e.evttags) AND NOT EXISTS (
           SELECT FROM pg_extension x WHERE x.extname = 'uuid-ossp')
         OR 'CREATE INDEX' = ANY (e.evttags) AND NOT EXISTS (
           SELECT FROM pg_index i JOIN token t ON i.indrelid = t.attrelid AND i.indkey[0] = t.attnum
           WHERE i.indisunique AND i.indnkeyatts = 1 AND i.indpred IS NULL))),
  'publications', (SELECT coalesce(jsonb_agg(DISTINCT p.pubname), '[]') FROM pg_publication_tables p
     WHERE p.schemaname = %(schema)s AND p.tablename = %(table)s),
  'subscriptions', (SELECT count(*) FROM pg_subscription s JOIN pg_database b ON b.oid = s.subdbid
     WHERE b.datname = current_database()),
  'standbys', (SELECT count(*) FROM pg_stat_replication),
  'logical_slots', (SELECT coalesce(jsonb_agg(s.slot_name), '[]') FROM pg_replication_slots s
     WHERE s.slot_type = 'logical' AND s.database = current_database()),
  'sessions', (SELECT coalesce(jsonb_agg(jsonb_build_array(s.application, s.number) ORDER BY s.number DESC), '[]')
     FROM (SELECT coalesce(nullif(a.application_name, ''), 'no name') AS application, count(*) AS number
       FROM pg_stat_activity a WHERE a.datname = current_database() AND a.pid <> pg_backend_pid()
         AND coalesce(a.backend_type, 'client backend') = 'client backend' GROUP BY 1) s)
)
"""
)
# The age of a transaction is NULL where this role may not see it; transaction ids of pg_locks are seen by everybody.
HOLDERS: LiteralString = """
WITH RECURSIVE tree AS (
  (SELECT to_regclass(candidate.name)::oid AS oid FROM unnest(%(candidates)s::text[]) WITH ORDINALITY
    AS candidate (name, n) WHERE to_regclass(candidate.name) IS NOT NULL ORDER BY candidate.n LIMIT 1)
  UNION SELECT i.inhrelid FROM pg_inherits i JOIN tree t ON i.inhparent = t.oid
)
SELECT current_user, coalesce(jsonb_agg(jsonb_build_object(
  'transaction', l.virtualtransaction, 'pid', l.pid, 'mode', l.mode, 'relation', concat(l.relation::regclass),
  'user', coalesce(pg_get_userbyid(a.usesysid)::text, ''),
  'application', coalesce(a.application_name, ''), 'state', coalesce(a.state, ''),
  'backend', coalesce(a.backend_type, ''),
  'age_s', extract(epoch FROM clock_timestamp() - coalesce(a.xact_start, p.prepared))::float,
  'prepared', CASE WHEN l.pid IS NULL THEN coalesce(p.gid, 'of no name that is shown') ELSE '' END,
  'against_wraparound', coalesce(a.query LIKE 'autovacuum:%%to prevent wraparound%%', false)
) ORDER BY l.virtualtransaction, l.mode), '[]')
FROM pg_locks l JOIN tree t ON l.relation = t.oid
LEFT JOIN pg_stat_activity a ON a.pid = l.pid
LEFT JOIN pg_locks x ON l.pid IS NULL AND x.pid IS NULL AND x.locktype = 'transactionid'
  AND x.virtualtransaction = l.virtualtransaction
LEFT JOIN pg_prepared_xacts p ON p.transaction = x.transactionid
WHERE l.locktype = 'relation' AND l.granted AND l.pid IS DISTINCT FROM pg_backend_pid()
  AND l.database = (SELECT b.oid FROM pg_database b WHERE b.datname = current_database())
"""


def named(table: TableFacts) -> Mapping[str, str]:
    """The parameters of the statements above."""
    return {"schema": table.schema, "table": table.name, "token": table.token_column}


def read_catalog(connection: Connection, table: TableFacts) -> Catalog:
    """Ask the catalog, inside the caller's transaction."""
    row = connection.execute(CATALOG, {**named(table), "schemas": connection.search_path.schemas}).fetchone()
    assert row is not None  # it selects one value
    said: dict[str, Any] = row[0]
    return Catalog(
        role=said["role"],
        superuser=bool(said["superuser"]),
        database=said["database"],
        search_path=tuple(connection.search_path.schemas),
        default_read_only=said["default_read_only"],
        statement_timeout_s=said["statement_timeout_s"],
        may_create_in_schema=said["may_create_in_schema"],
        relations=tuple(Relation(**each) for each in said["relations"] or ()),
        blockers=tuple(Dependent(**each) for each in said["blockers"]),
        foreign_keys=tuple(ForeignKey(**each) for each in said["foreign_keys"]),
        index_keys=tuple(IndexKey(**each) for each in said["index_keys"]),
        generator=Generator(**said["generator"]),
        row_checks=tuple(RowCheck(**each) for each in said["row_checks"]),
        event_triggers=tuple(said["event_triggers"]),
        publications=tuple(said["publications"]),
        subscriptions=said["subscriptions"],
        standbys=said["standbys"],
        logical_slots=tuple(said["logical_slots"]),
        sessions=tuple((application, number) for application, number in said["sessions"]),
        pooler=pooler_between(
            connection.info.host, connection.info.port, connection.info.backend_pid, said["backend_pid"]
        ),
    )


def pooler_between(host: str, port: int, told_pid: int, backend_pid: int) -> str:
    """How a pooler in between gives itself away; "" where none does.

    Args:
        host: that the connection was made to.
        port: its port.
        told_pid: the server's process as it was named when the connection was made (BackendKeyData).
        backend_pid: the process that answers, pg_backend_pid().
    """
    if told_pid != backend_pid:
        return ANOTHER_PROCESS
    if "-pooler" in host:
        return "the host's name says so"
    return f"port {port} is usually one's" if port in (6432, 6543) else ""


def read_holders(connection: Connection, table: Table) -> LockHolders:
    """Who else holds a lock on the table now. None of it waits for a lock itself."""
    row = connection.execute(HOLDERS, {"candidates": candidates(connection, table)}).fetchone()
    assert row is not None  # an aggregate has a row
    return LockHolders(table.name, row[0], tuple(Holder(**each) for each in row[1]))
