"""Statements that ask the catalog about a table.

Names are resolved once, to an oid; identity is taken from oids and dependencies, never from text that an impostor could
share. Planning them takes longer than running them, so that what few tables have is asked apart.
"""

from __future__ import annotations

from harness.postgres.default_reading import FUNCTION
from harness.postgres.sql_tokens import LONGEST

MOST_READ = 100_000  # characters of a definition
MOST = 100  # definitions of a kind; one more is asked for, so that it is seen when there are too many
MOST_LEADING = 1000  # partitions and views by whose names statements in functions are known
IN_WORDS = "SELECT the facts about the table from the catalog"
_MADE_BY = """made_by AS (
  SELECT d.oid, d.adrelid, jsonb_build_object(
     'expression', left(pg_get_expr(d.adbin, d.adrelid), {longest}),
     'functions', coalesce((SELECT jsonb_agg({function})
        FROM (SELECT DISTINCT m[1]::oid AS oid
           FROM regexp_matches(d.adbin::text, ':(?:funcid|opfuncid) ([0-9]+) ', 'g') m
           UNION SELECT o.refobjid FROM pg_depend o
           WHERE o.classid = 'pg_attrdef'::regclass AND o.objid = d.oid AND o.refclassid = 'pg_proc'::regclass) f
        JOIN pg_proc p ON p.oid = f.oid JOIN pg_namespace n ON n.oid = p.pronamespace
        JOIN pg_language l ON l.oid = p.prolang), '[]'))
     AS shown
  FROM {defaults} d
)"""
FACTS = """
WITH RECURSIVE relation AS (
  SELECT c.* FROM pg_class c
  WHERE c.oid = (SELECT found.oid FROM unnest(%(candidates)s::text[]) WITH ORDINALITY AS candidate (name, n)
    CROSS JOIN LATERAL (SELECT to_regclass(candidate.name) AS oid) AS found
    WHERE found.oid IS NOT NULL ORDER BY candidate.n LIMIT 1)
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
), generator AS (
  SELECT d.oid, d.adrelid, d.adbin FROM pg_attrdef d JOIN token a ON a.attrelid = d.adrelid AND a.attnum = d.adnum
), {made_by}
SELECT jsonb_build_object(
  'columns', (SELECT jsonb_agg(a.attname ORDER BY a.attnum) FROM attribute a),
  'relation', (SELECT jsonb_build_object(
     'schema', n.nspname, 'name', r.relname, 'relkind', r.relkind, 'relpersistence', r.relpersistence,
     'is_partition_of', CASE WHEN r.relispartition
        THEN (SELECT concat(i.inhparent::regclass) FROM pg_inherits i WHERE i.inhrelid = r.oid LIMIT 1) ELSE '' END,
     'children', CASE WHEN r.relkind = 'p' THEN '[]'::jsonb ELSE coalesce(
        (SELECT jsonb_agg(concat(i.inhrelid::regclass)) FROM pg_inherits i WHERE i.inhparent = r.oid), '[]') END,
     'parents', CASE WHEN r.relispartition THEN '[]'::jsonb ELSE coalesce(
        (SELECT jsonb_agg(concat(i.inhparent::regclass)) FROM pg_inherits i WHERE i.inhrelid = r.oid), '[]') END)
     FROM relation r JOIN pg_namespace n ON n.oid = r.relnamespace),
  'oid', (SELECT r.oid::bigint FROM relation r),
  'surrounded', (SELECT r.relhassubclass OR r.relhasrules
     OR r.relhastriggers AND EXISTS (SELECT FROM pg_trigger t WHERE t.tgrelid = r.oid AND NOT t.tgisinternal)
     OR EXISTS (SELECT FROM pg_depend d WHERE d.refclassid = 'pg_class'::regclass AND d.refobjid = r.oid
        AND d.classid = 'pg_rewrite'::regclass) FROM relation r),
  'in_recovery', pg_is_in_recovery(),
  'server_version', int4in(textout(current_setting('server_version_num'))),
  'id', (SELECT jsonb_build_object('column', a.attname, 'type', format_type(a.atttypid, a.atttypmod)) FROM id a),
  'label', (SELECT jsonb_build_object('column', a.attname, 'type', format_type(a.atttypid, a.atttypmod))
     FROM attribute a JOIN chosen c ON c.role = 'label' AND c.attnum = a.attnum),
  'token', (SELECT jsonb_build_object(
     'number', a.attnum, 'column', a.attname, 'type', format_type(a.atttypid, a.atttypmod),
     'not_null', a.attnotnull,
     'not_null_is_validated', NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conrelid = a.attrelid
        AND k.contype = 'n' AND k.conkey = ARRAY[a.attnum] AND NOT k.convalidated),
     'generated', a.attgenerated, 'inherited', a.attinhcount > 0) FROM token a),
  'default', (SELECT m.shown FROM made_by m),
  'indexes', (SELECT coalesce(jsonb_agg(jsonb_build_object(
     'name', concat(i.indexrelid::regclass), 'definition', pg_get_indexdef(i.indexrelid), 'unique', i.indisunique,
     'valid', i.indisvalid, 'ready', i.indisready, 'live', i.indislive, 'immediate', i.indimmediate,
     'key_columns', i.indnkeyatts, 'leads_with_token', i.indkey[0] = a.attnum,
     'partial', i.indpred IS NOT NULL, 'expressions', i.indexprs IS NOT NULL)), '[]')
     FROM pg_index i JOIN token a ON a.attrelid = i.indrelid
     WHERE a.attnum = ANY (i.indkey[0:i.indnkeyatts - 1]) OR EXISTS (
        SELECT FROM pg_depend o WHERE o.classid = 'pg_class'::regclass AND o.objid = i.indexrelid
          AND o.refclassid = 'pg_class'::regclass AND o.refobjid = a.attrelid AND o.refobjsubid = a.attnum
          AND i.indexprs IS NOT NULL)),
  'sequence', (SELECT jsonb_build_object(
     'name', concat(s.seqrelid::regclass), 'increment', s.seqincrement,
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
# What an INSERT also meets: partitions and views that lead to the table, triggers and rules, of it and of those.
SURROUNDINGS = """
WITH RECURSIVE relation AS (
  SELECT c.* FROM pg_class c WHERE c.oid = %(oid)s::bigint::oid
), token AS (
  SELECT a.* FROM pg_attribute a JOIN relation r ON a.attrelid = r.oid WHERE a.attnum = %(number)s
), way (relid, attnum) AS (
  SELECT attrelid, attnum FROM token
  UNION
  SELECT step.relid, step.attnum FROM way l CROSS JOIN LATERAL (
    SELECT i.inhrelid, a.attnum FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid AND c.relispartition
    JOIN pg_attribute above ON above.attrelid = l.relid AND above.attnum = l.attnum
    JOIN pg_attribute a ON a.attrelid = i.inhrelid AND a.attname = above.attname WHERE i.inhparent = l.relid
    UNION ALL SELECT w.ev_class, coalesce(
      int2in(textout(substring(w.ev_action::text FROM format(
        '.*:resno ([0-9]+) :resname (?:[^ \\\\]|\\\\.)+ :ressortgroupref [0-9]+ :resorigtbl %%s :resorigcol %%s ',
        l.relid, nullif(l.attnum, 0))))),
      (SELECT a.attnum FROM pg_attribute a JOIN token t ON a.attname = t.attname WHERE a.attrelid = w.ev_class),
      0::smallint)
    FROM pg_rewrite w WHERE w.ev_type = '1' AND w.ev_class <> l.relid AND w.oid IN (
      SELECT d.objid FROM pg_depend d WHERE d.classid = 'pg_rewrite'::regclass
        AND d.refclassid = 'pg_class'::regclass AND d.refobjid = l.relid)
  ) AS step (relid, attnum)
), naming AS (
  SELECT l.relid, min(a.attname::text) AS token FROM way l
  JOIN pg_attribute a ON a.attrelid = l.relid AND a.attnum = l.attnum AND l.attnum > 0 GROUP BY l.relid
), generator AS (
  SELECT d.oid, d.adrelid, d.adbin FROM pg_attrdef d JOIN token a ON a.attrelid = d.adrelid AND a.attnum = d.adnum
), own AS (
  SELECT d.oid, d.adrelid, d.adbin FROM way l JOIN pg_attrdef d ON d.adrelid = l.relid AND d.adnum = l.attnum
  JOIN pg_class c ON c.oid = l.relid
  WHERE l.relid <> (SELECT attrelid FROM token)
    AND regexp_replace(d.adbin::text, ':location -?[0-9]+', '', 'g') IS DISTINCT FROM (
      SELECT regexp_replace(adbin::text, ':location -?[0-9]+', '', 'g') FROM generator)
    AND (c.relkind <> 'v' OR pg_relation_is_updatable(c.oid, true) & 8 = 8) LIMIT {most}
), {made_by}, fired AS (
  SELECT t.tgname, t.tgtype::int AS type, t.tgfoid, t.tgrelid FROM pg_trigger t
  WHERE t.tgrelid IN (SELECT relid FROM way) AND NOT t.tgisinternal AND t.tgenabled IN ('O', 'A')
), called (oid, depth) AS (
  SELECT p.oid, 0 FROM fired t JOIN pg_proc p ON p.oid = t.tgfoid
  WHERE t.type & 4 = 4 AND p.prolang NOT IN (SELECT oid FROM pg_language WHERE lanname IN ('c', 'internal'))
  UNION SELECT p.oid, c.depth + 1 FROM called c JOIN pg_proc caller ON caller.oid = c.oid CROSS JOIN LATERAL (
    SELECT DISTINCT coalesce(m[1], lower(m[2])) AS name FROM regexp_matches(
      left(coalesce(nullif(caller.prosrc, ''), pg_get_functiondef(caller.oid)), {most_read}),
      '(?:"([^"]+)"|(\\w+))\\s*\\(', 'g') m) AS call
  JOIN pg_proc p ON p.proname = call.name AND p.oid >= 16384 AND p.prokind IN ('f', 'p')
    AND p.prolang NOT IN (SELECT oid FROM pg_language WHERE lanname IN ('c', 'internal'))
  WHERE c.depth < 3
)
SELECT jsonb_build_object(
  'own_defaults', (SELECT coalesce(jsonb_agg(jsonb_build_object('relation', x.relation, 'relkind', x.relkind,
     'relations', x.relations, 'default', x.shown) ORDER BY x.relation), '[]') FROM (
     SELECT min(concat(c.oid::regclass)) AS relation, c.relkind, count(*) AS relations, m.shown
     FROM made_by m JOIN own d ON d.oid = m.oid JOIN pg_class c ON c.oid = m.adrelid GROUP BY c.relkind, m.shown) x),
  'leading', (SELECT coalesce(jsonb_agg(jsonb_build_object('schema', x.nspname, 'name', x.relname, 'token', x.token)
     ), '[]') FROM (
     SELECT n.nspname, c.relname, coalesce(x.token, '') AS token FROM (SELECT DISTINCT relid FROM way) l
     JOIN pg_class c ON c.oid = l.relid JOIN pg_namespace n ON n.oid = c.relnamespace
     LEFT JOIN naming x ON x.relid = l.relid WHERE l.relid <> (SELECT attrelid FROM token) LIMIT {most_leading}) x),
  'triggers', (SELECT coalesce(jsonb_agg(jsonb_build_object(
     'name', x.tgname, 'before_insert', x.type & 7 = 7, 'instead_of', x.type & 68 = 68,
     'after_insert', x.type & 70 = 4, 'relation', x.relation, 'language', x.lanname, 'token', x.token,
     'function', x.function, 'source', x.source)), '[]') FROM (
     SELECT t.tgname, t.type, l.lanname, coalesce(n.token, '') AS token, concat(p.oid::regprocedure) AS function,
       left(p.prosrc, {most_read}) AS source,
       CASE WHEN t.tgrelid = r.oid THEN '' ELSE concat(t.tgrelid::regclass) END AS relation
     FROM fired t CROSS JOIN relation r JOIN pg_proc p ON p.oid = t.tgfoid JOIN pg_language l ON l.oid = p.prolang
       LEFT JOIN naming n ON n.relid = t.tgrelid
     ORDER BY t.tgrelid <> r.oid LIMIT {most}) x),
  'called', (SELECT coalesce(jsonb_agg(jsonb_build_object(
     'function', concat(p.oid::regprocedure), 'schema', n.nspname, 'name', p.proname, 'language', l.lanname,
     'arguments', coalesce(p.proargnames, '{}'),
     'definition', CASE WHEN length(p.prosrc) < {most_read} THEN pg_get_functiondef(p.oid) ELSE '' END)), '[]')
     FROM (SELECT DISTINCT oid FROM (SELECT oid FROM called LIMIT 4 * {most}) c) x JOIN pg_proc p ON p.oid = x.oid
     JOIN pg_namespace n ON n.oid = p.pronamespace JOIN pg_language l ON l.oid = p.prolang),
  'insert_rules', (SELECT coalesce(jsonb_agg(jsonb_build_object(
     'name', x.rulename, 'instead', x.is_instead, 'relation', x.relation, 'token', x.token,
     'definition', CASE WHEN length(x.definition) < {most_read} THEN x.definition ELSE '' END)), '[]') FROM (
     SELECT w.rulename, w.is_instead, coalesce(n.token, '') AS token, pg_get_ruledef(w.oid) AS definition,
       CASE WHEN w.ev_class = r.oid THEN '' ELSE concat(w.ev_class::regclass) END AS relation
     FROM pg_rewrite w CROSS JOIN relation r LEFT JOIN naming n ON n.relid = w.ev_class
     WHERE w.ev_class IN (SELECT relid FROM way) AND w.ev_type = '3' AND w.ev_enabled IN ('O', 'A') LIMIT {most}) x)
)
"""
NAMESAKES = """
SELECT array(
  SELECT concat(c.oid::regclass) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE lower(c.relname) = lower(%(bare)s) AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
    AND n.nspname NOT LIKE 'pg\\_%%' LIMIT 5)
"""


TABLES = """
SELECT concat(c.oid::regclass) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND n.nspname NOT LIKE 'pg\\_%'
  AND n.nspname <> 'information_schema' LIMIT 1000
"""


def _bounded(query: str, defaults: str) -> str:
    """The query with its bounds, and with what the defaults of a relation come from."""
    query = query.replace("{made_by}", _MADE_BY.replace("{defaults}", defaults).replace("{function}", FUNCTION))
    for bound, number in {
        "{most}": MOST + 1,
        "{most_read}": MOST_READ,
        "{most_leading}": MOST_LEADING,
        "{longest}": LONGEST,
    }.items():
        query = query.replace(bound, str(number))
    return query


FACTS = _bounded(FACTS, "generator")
SURROUNDINGS = _bounded(SURROUNDINGS, "own")
