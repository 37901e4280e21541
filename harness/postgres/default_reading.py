"""Reads a column's default, with all that the functions that it calls could mean: they are read, not called.

The functions that an expression calls are known by the oids of the stored expression. What the names in the body of one
of the database's own may mean is looked up level by level of calls. A known generator costs no statement.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from harness.postgres.column_default import READ_LANGUAGES, Default, Function
from harness.postgres.known_functions import is_version_4_generator
from harness.postgres.sql_tokens import LONGEST, tokens_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from harness.postgres.connection import Connection

DEEPEST = 4  # levels of functions that call each other
MOST_NAMES = 500
MOST_FUNCTIONS = 1000
MOST_CHARACTERS = 500_000  # of all their texts
# Of a row p of pg_proc, with n of pg_namespace and l of pg_language.
FUNCTION = """jsonb_build_object(
  'schema', n.nspname, 'name', p.proname, 'source', left(p.prosrc, {longest}), 'language', l.lanname,
  'library', coalesce(p.probin, ''), 'built_in', p.oid < 16384, 'arguments', p.pronargs,
  'has_defaults', p.pronargdefaults > 0, 'volatility', p.provolatile,
  'settings', coalesce(p.proconfig, '{}'),
  'returns', CASE WHEN p.prorettype < 10000 AND NOT p.proretset THEN format_type(p.prorettype, NULL) ELSE '' END,
  'definition',
  CASE WHEN p.prosrc = '' AND l.lanname = 'sql' THEN left(pg_get_functiondef(p.oid), {longest}) ELSE '' END,
  'extension', coalesce((SELECT e.extname FROM pg_catalog.pg_depend x
     JOIN pg_catalog.pg_extension e ON e.oid = x.refobjid
     WHERE x.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass AND x.objid = p.oid
       AND x.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass AND x.deptype = 'e' LIMIT 1), ''))
""".replace("{longest}", str(LONGEST))
_CASTS = """
SELECT EXISTS (SELECT FROM pg_catalog.pg_cast
  WHERE oid >= 16384 AND castmethod = 'f' AND castsource < 16384 AND casttarget < 16384)
"""
_NAMED = """
SELECT jsonb_build_object(
  'functions', (SELECT coalesce(jsonb_agg({function}), '[]')
     FROM (SELECT * FROM pg_catalog.pg_proc WHERE proname = ANY (%(names)s::name[]) ORDER BY oid LIMIT {most}) p
     JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace JOIN pg_catalog.pg_language l ON l.oid = p.prolang),
  'types', (SELECT coalesce(jsonb_agg(t.typname), '[]') FROM pg_catalog.pg_type t
     WHERE t.typname = ANY (%(names)s::name[]) AND t.oid >= 16384 AND (t.typtype <> 'c' OR EXISTS (
        SELECT FROM pg_catalog.pg_cast c WHERE c.castmethod = 'f' AND t.oid IN (c.castsource, c.casttarget)))),
  'operators', (SELECT coalesce(jsonb_agg(DISTINCT o.oprname), '[]') FROM pg_catalog.pg_operator o
     WHERE o.oid >= 16384 AND (o.oprleft < 16384 AND o.oprright < 16384 OR NOT EXISTS (
        SELECT FROM pg_catalog.pg_operator b WHERE b.oid < 16384 AND b.oprname = o.oprname))))
""".replace("{most}", str(MOST_FUNCTIONS)).replace("{function}", FUNCTION)


def read_default(connection: Connection, said: dict[str, Any]) -> Default:
    """A default of what the catalog said of it, with what its functions could mean.

    Raises:
        psycopg.Error: as any statement.
    """
    functions = tuple(map(_function, said["functions"]))
    default = Default(said["expression"], functions)
    if functions and all(map(is_version_4_generator, functions)):
        return default  # as good as every time: nothing else is to be known
    answer = connection.execute(_CASTS).fetchone()
    default = default._replace(casts=answer is not None and answer[0])
    own = [f for f in functions if f.language in READ_LANGUAGES]
    if not own:
        return default
    names: set[str] = set()
    named: dict[Function, None] = {}
    types: set[str] = set()
    operators: set[str] = set()
    for _ in range(DEEPEST):
        fresh = _names_in(own) - names
        if not fresh:
            return default._replace(named=tuple(named), types=frozenset(types), operators=frozenset(operators))
        names |= fresh
        if len(names) > MOST_NAMES:
            break
        answer = connection.execute(_NAMED, {"names": sorted(fresh)}).fetchone()
        found: dict[str, Any] = answer[0] if answer else {}
        own = [f for f in map(_function, found["functions"]) if f not in named]
        named |= dict.fromkeys(own)
        if len(own) >= MOST_FUNCTIONS or sum(len(f.source) + len(f.definition) for f in named) > MOST_CHARACTERS:
            break
        types |= set(found["types"])
        operators |= set(found["operators"])
        own = [f for f in own if f.language in READ_LANGUAGES]
    return default._replace(unread="calls more than could be read")


def _function(said: dict[str, Any]) -> Function:
    return Function(**{**said, "settings": tuple(said["settings"])})


def _names_in(functions: Iterable[Function]) -> set[str]:
    texts = (function.source or function.definition for function in functions)
    tokens = (token for text in texts for token in tokens_of(text) or ())
    return {token.said for token in tokens if token.kind in ("word", "quoted")}
