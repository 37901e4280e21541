"""A schema full of what fits better than Postgres' own: functions, operators, aggregates, casts, tables and types.

Each says on being called that it was, in the server's log; a role whose search_path names the schema first finds them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg

from rehearsal.servers.postgres import SUPERUSER
from tests.support.server_log import APPLICATION, DATABASE, MESSAGE, lines_until_now

if TYPE_CHECKING:
    from rehearsal.servers.postgres import Postgres

OURS = ("chatbots-smoke/", "chatbots-rehearsal")
LEAST = (1500, 500, 80, 8, 10)  # functions, operators, views, types and casts that are there to be called
CALLED = "a namesake was called"

FUNCTIONS = """
do $$ declare of record; begin for of in
  select p.proname, pg_get_function_arguments(p.oid) as arguments, pg_get_function_result(p.oid) as result, p.proretset
  from pg_proc p where p.pronamespace = 'pg_catalog'::regnamespace and p.prokind = 'f'
  and not exists (select from unnest(p.proargtypes::oid[] || p.prorettype) t(oid) join pg_type y on y.oid = t.oid
                  where y.typtype = 'p' and y.typname not in ('record', 'void', 'anyarray', 'anyelement'))
loop begin
  execute format('create function public.%I(%s) returns %s language plpgsql as %L', of.proname, of.arguments, of.result,
    format('begin raise warning %L; return%s; end', 'a namesake was called: function ' || of.proname,
           case when of.proretset or of.result = 'void' then '' else ' null' end));
exception when others then null; end; end loop; end $$
"""
# What takes "any" argument, which no function of PL/pgSQL does, is met with the types that statements hand it.
OF_ANY = """
do $$ declare name text; types text; begin
foreach types in array array['text', 'uuid', 'int', 'bigint', 'oid', 'name', 'regclass', 'regprocedure', 'timestamptz',
  'text, text', 'text, name', 'text, int', 'text, bool', 'text, jsonb', 'text, uuid', 'name, text', 'text, regclass']
loop foreach name in array array['concat', 'format', 'jsonb_build_object', 'jsonb_build_array', 'to_jsonb', 'count']
loop begin
  execute format('create function public.%I(%s) returns text language plpgsql as %L', name, types,
    format('begin raise warning %L; return null; end', 'a namesake was called: function ' || name));
exception when others then null; end; end loop; end loop; end $$
"""
AGGREGATES = """
do $$ declare of record; begin for of in
  select p.proname, format_type(p.proargtypes[0], null) as argument, format_type(p.prorettype, null) as result
  from pg_proc p where p.pronamespace = 'pg_catalog'::regnamespace and p.prokind = 'a' and p.pronargs <= 1
  union values ('count', null, 'bigint'), ('count', 'uuid', 'bigint'), ('count', 'text', 'bigint'),
    ('count', 'bytea', 'bigint'), ('count', 'bigint', 'bigint'), ('array_agg', 'text', 'text[]'),
    ('jsonb_agg', 'jsonb', 'jsonb'), ('jsonb_agg', 'text', 'jsonb'), ('jsonb_agg', 'name', 'jsonb')
loop begin
  execute format('create function public.%I(state %s%s) returns %s language plpgsql as %L', 'step_' || of.proname,
    of.result, coalesce(', ' || nullif(of.argument, '-'), ''), of.result,
    format('begin raise warning %L; return null; end', 'a namesake was called: aggregate ' || of.proname));
  execute format('create aggregate public.%I(%s) (sfunc = public.%I, stype = %s)', of.proname,
    coalesce(nullif(of.argument, '-'), '*'), 'step_' || of.proname, of.result);
exception when others then null; end; end loop; end $$
"""
OPERATORS = """
do $$ declare of record; begin for of in
  select o.oid, o.oprname, o.oprleft::regtype as l, o.oprright::regtype as r, o.oprresult::regtype as result
  from pg_operator o where o.oprnamespace = 'pg_catalog'::regnamespace and o.oprkind = 'b'
  union select 0 + row_number() over (), name, l::regtype, r::regtype, 'boolean'::regtype
  from unnest(array['=', '<>', '<', '~', '~*', '!~', '~~', '>=']) name,
    unnest(array['varchar', 'text', 'name', 'uuid', 'int', 'oid', 'bigint']) l,
    unnest(array['varchar', 'text', 'name', 'uuid', 'int', 'oid', 'bigint']) r
loop begin
  execute format('create function public.%I(%s, %s) returns %s language plpgsql as %L', 'operator_' || of.oid, of.l,
    of.r, of.result,
    format('begin raise warning %L; return null; end', 'a namesake was called: operator ' || of.oprname));
  execute format('create operator public.%s (function = public.%I, leftarg = %s, rightarg = %s)', of.oprname,
    'operator_' || of.oid, of.l, of.r);
exception when others then null; end; end loop; end $$
"""
TABLES = """
create function public.looked_at(what text) returns boolean language plpgsql as
  $$ begin raise warning 'a namesake was called: %', what; return true; end $$;
do $$ declare of record; begin for of in
  select relname from pg_class where relnamespace = 'pg_catalog'::regnamespace and relkind in ('r', 'v')
loop begin
  execute format('create view public.%I as select c.* from pg_catalog.%I c where public.looked_at(%L)', of.relname,
    of.relname, 'table ' || of.relname);
  execute format('grant select on public.%I to public', of.relname);
exception when others then null; end; end loop; end $$
"""
TYPES = """
do $$ declare name text; begin
foreach name in array array['text', 'uuid', 'name', 'oid', 'jsonb', 'json', 'regclass', 'int2', 'int4',
  'int8', 'float8']
loop begin
  execute format('create domain public.%I as pg_catalog.%I check (public.looked_at(%L))', name, name, 'type ' || name);
exception when others then null; end; end loop; end $$
"""
# A role can make them for types that it owns, and a superuser for all; they have no schema, so no path keeps them out.
CASTS = """
do $$ declare pair text[]; i int := 0; begin
foreach pair slice 1 in array array[['uuid', 'text'], ['text', 'uuid'], ['integer', 'text'], ['text', 'integer'],
  ['bigint', 'text'], ['regclass', 'text'], ['regprocedure', 'text'], ['oid', 'text'], ['text', 'smallint'],
  ['text', 'boolean'], ['text', 'double precision'], ['timestamptz', 'text'], ['text', 'regclass'],
  ['text[]', 'uuid[]']]
loop i := i + 1;
begin
  execute format('create function public.%I(%s) returns %s language plpgsql as %L', 'cast_' || i, pair[1], pair[2],
    format('begin raise warning %L; return null; end',
      format('a namesake was called: cast %s to %s', pair[1], pair[2])));
  execute format('create cast (%s as %s) with function public.%I(%s)', pair[1], pair[2], 'cast_' || i, pair[1]);
exception when others then null; end; end loop; end $$
"""
ALL = ("set search_path = pg_catalog", TABLES, FUNCTIONS, OF_ANY, AGGREGATES, OPERATORS, CASTS, TYPES)
COUNTS = """
select (select count(*) from pg_catalog.pg_proc
    where pronamespace = 'public'::regnamespace and proname !~ '^(step|operator|cast)_'),
  (select count(*) from pg_catalog.pg_operator where oprnamespace = 'public'::regnamespace),
  (select count(*) from pg_catalog.pg_class where relnamespace = 'public'::regnamespace and relkind = 'v'),
  (select count(*) from pg_catalog.pg_type where typnamespace = 'public'::regnamespace and typtype = 'd'),
  (select count(*) from pg_catalog.pg_cast c join pg_catalog.pg_proc p on p.oid = c.castfunc
   where p.pronamespace = 'public'::regnamespace)
"""


def trap(server: Postgres, database: str, *, casts: bool = True) -> str:
    """Put the namesakes into a database, and return the address of a role that is led to them first.

    Args:
        server: of the database.
        database: its name.
        casts: make casts too, which the app itself is led to as well: they have no schema.
    """
    role = f"trapped_in_{database}"
    made = [each for each in ALL if casts or each != CASTS]
    path = f'alter role {role} in database "{database}" set search_path = public, pg_catalog'
    server.run(database, [f"create role {role} login in role app, pg_read_all_stats", path, *made])
    with psycopg.connect(server.dsn(database, SUPERUSER), options="-c search_path=pg_catalog") as connection:
        there = connection.execute(COUNTS).fetchone()
    assert there is not None
    assert all(number >= least for number, least in zip(there, LEAST[: 5 if casts else 4], strict=False)), there
    return server.dsn(database, role)


def called(server: Postgres, database: str) -> set[str]:
    """The namesakes that statements of the harness have called so far."""
    return {
        line[MESSAGE]
        for line in lines_until_now(server)
        if line[DATABASE] == database and line[APPLICATION].startswith(OURS) and line[MESSAGE].startswith(CALLED)
    }
