"""What belongs to the real table or refers to it, by its catalog, and whether all of that is in the copy.

A migration fails on what depends on the column: a rehearsal without one of these would pass where the real one fails.
"""

from __future__ import annotations

from typing import Any

import psycopg

from rehearsal.dry_run.real_schema import CannotRehearse, Real, quoted

MOST = 5

# Whatever depends on the table, what depends on that, and so on. Left out: what Postgres itself makes for the table
# under a name with a number in it, and NOT NULL, which is a constraint from version 18 on.
RELATIVES = """
WITH RECURSIVE found(classid, objid) AS (
  SELECT 'pg_class'::regclass::oid, to_regclass(%(table)s)::oid
  UNION
  SELECT n.classid, n.objid FROM found f CROSS JOIN LATERAL (
    SELECT d.classid, d.objid FROM pg_depend d WHERE d.refclassid = f.classid AND d.refobjid = f.objid
    UNION ALL
    SELECT 'pg_class'::regclass, v.oid FROM pg_rewrite r JOIN pg_class v ON v.oid = r.ev_class
    WHERE f.classid = 'pg_rewrite'::regclass AND r.oid = f.objid AND v.relkind IN ('v', 'm')
  ) n
)
SELECT i.type || ' ' || i.identity, f.classid = 'pg_class'::regclass AND c.relkind IS NOT DISTINCT FROM 'f',
  coalesce((SELECT json_agg(DISTINCT jsonb_build_array(s.nspname, r.relname)) FROM pg_class r
    JOIN pg_namespace s ON s.oid = r.relnamespace
    WHERE r.oid = c.oid OR r.oid IN (SELECT d.refobjid FROM pg_depend d
      WHERE d.classid = f.classid AND d.objid = f.objid AND d.refclassid = 'pg_class'::regclass)), '[]')
FROM found f CROSS JOIN LATERAL pg_identify_object(f.classid, f.objid, 0) i
LEFT JOIN pg_class c ON f.classid = 'pg_class'::regclass AND c.oid = f.objid
WHERE i.identity IS NOT NULL AND coalesce(i.schema, '') !~ '^pg_(toast|temp)' AND i.identity !~ ' on pg_(toast|temp)'
  AND NOT EXISTS (SELECT FROM pg_trigger t WHERE f.classid = 'pg_trigger'::regclass AND t.oid = f.objid
    AND t.tgisinternal)
  AND NOT EXISTS (SELECT FROM pg_constraint k WHERE f.classid = 'pg_constraint'::regclass AND k.oid = f.objid
    AND (k.conparentid <> 0 OR k.contype = 'n'))
UNION ALL
SELECT format('parent %%I.%%I', s.nspname, r.relname), false, json_build_array(json_build_array(s.nspname, r.relname))
FROM pg_inherits h JOIN pg_class r ON r.oid = h.inhparent JOIN pg_namespace s ON s.oid = r.relnamespace
WHERE h.inhrelid = to_regclass(%(table)s)
"""

Relatives = dict[str, tuple[bool, list[tuple[str, str]]]]  # what it is: is it foreign, the tables that it concerns


def relatives_of(connection: psycopg.Connection[Any], real: Real) -> Relatives:
    """All of them, by a name that is the same in the copy."""
    rows = connection.execute(RELATIVES, {"table": f"{quoted(real.schema)}.{quoted(real.name)}"})
    return {what: (foreign, [(schema, name) for schema, name in tables]) for what, foreign, tables in rows}


def demand_all(real: Real, role: str, relatives: Relatives, copied: Relatives) -> None:
    """Raises CannotRehearse where one is not in the copy, with the GRANT that lets it be read."""
    missing = {what: told for what, told in relatives.items() if what not in copied}
    if not missing:
        return
    hidden = sorted({table for _, tables in missing.values() for table in tables} & set(real.unreadable))
    if hidden:
        tables = ", ".join(f"{quoted(schema)}.{quoted(name)}" for schema, name in hidden)
        closed = sorted({schema for schema, _ in hidden} & set(real.unusable))
        usage = f"GRANT USAGE ON SCHEMA {', '.join(map(quoted, closed))} TO {quoted(role)}; " if closed else ""
        remedy = f"{usage}GRANT SELECT ON {tables} TO {quoted(role)}"
    elif any(foreign for foreign, _ in missing.values()):
        remedy = "foreign tables are not made here: try the migration on a restored backup"
    else:
        remedy = (
            "make it possible here (an extension comes with the contrib package of PostgreSQL); for what only a"
            " superuser may make, try the migration on a restored backup"
        )
    shown = ", ".join(list(missing)[:MOST]) + (f" and {len(missing) - MOST} more" if len(missing) > MOST else "")
    raise CannotRehearse(f"not in the copy is what belongs to {real} or refers to it: {shown}: {remedy}")
