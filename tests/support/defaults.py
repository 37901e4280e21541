"""Defaults of a token column, and what is to be said of each.

`ACTS` stands for what must not happen while a deployment is looked at: it is written to the server's log when it is
called, and the calls of all functions are counted by the server besides.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

CALLED = "a function of the database was called"
ACTS = f"raise log '{CALLED}'"
Said = Literal["right", "wrong", "unclear"]


@dataclass(frozen=True, slots=True)
class Sample:
    """One default: what makes it, and what is said of it."""

    name: str
    said: Said
    default: str
    ddl: tuple[str, ...] = ()
    type: str = "uuid"


def _function(body: str, language: str = "sql", *, name: str = "token()", returns: str = "uuid", more: str = "") -> str:
    return f"create function {name} returns {returns} language {language} {more} as $body$ {body} $body$"


OSSP = 'create extension if not exists "uuid-ossp"'
PGCRYPTO = "create extension if not exists pgcrypto"
DBLINK = "create extension if not exists dblink"
SHAPED = (
    "select encode(set_byte(set_byte(b, 6, (get_byte(b, 6) & 15) | ({} << 4)), 8, (get_byte(b, 8) & 63) | 128), 'hex')"
    "::uuid from (select {} as b) as source"
)
OLD = """
declare chars text := 'abcdefghijkmnpqrstuvwxyz23456789'; made text := '';
begin
  loop
    for i in 1..8 loop made := made || substr(chars, (random() * 31)::int + 1, 1); end loop;
    exit when not exists (select 1 from chatbots where chatbots.public_token::text = made);
  end loop;
  return made;
end
"""

RIGHT = (
    Sample("core", "right", "gen_random_uuid()"),
    Sample("core_as_text", "right", "gen_random_uuid()::text", type="text"),
    Sample("core_as_varchar_36", "right", "gen_random_uuid()::varchar(36)", type="varchar(36)"),
    Sample("uuid_ossp", "right", "uuid_generate_v4()", (OSSP,)),
    Sample("pgcrypto", "right", "public.gen_random_uuid()", (PGCRYPTO,)),
    Sample("renamed", "right", "makes()", (OSSP, "alter function uuid_generate_v4() rename to makes")),
    Sample("sql_wrapper", "right", "token()", (_function("select gen_random_uuid()"),)),
    Sample(
        "sql_wrapper_of_uuid_ossp",
        "right",
        "token()",
        (
            OSSP,
            _function("SELECT public.uuid_generate_v4();"),
        ),
    ),
    Sample(
        "unqualified_wrapper_of_uuid_ossp",
        "right",
        "token()",
        (
            OSSP,
            _function("select uuid_generate_v4() as t"),
        ),
    ),
    Sample(
        "wrapper_as_text", "right", "token()", (_function("select gen_random_uuid()::text", returns="text"),), "text"
    ),
    Sample(
        "wrapper_with_a_comment", "right", "token()", (_function("-- a v4\nselect (pg_catalog.gen_random_uuid())"),)
    ),
    Sample(
        "return_of_standard_sql", "right", "token()", ("create function token() returns uuid return gen_random_uuid()",)
    ),
    Sample(
        "atomic_body",
        "right",
        "token()",
        ("create function token() returns uuid begin atomic select gen_random_uuid(); end",),
    ),
    Sample("plpgsql_wrapper", "right", "token()", (_function("begin return gen_random_uuid(); end", "plpgsql"),)),
    Sample(
        "plpgsql_wrapper_security_definer",
        "right",
        "token()",
        (
            _function(
                "BEGIN\n  RETURN gen_random_uuid();\nEND;",
                "plpgsql",
                more="security definer parallel safe set search_path = pg_catalog, pg_temp",
            ),
        ),
    ),
    Sample(
        "wrapper_of_a_wrapper",
        "right",
        "outer_token()",
        (_function("select gen_random_uuid()"), _function("select token()", name="outer_token()")),
    ),
    Sample(
        "wrapper_pins_its_path_past_an_impostor",
        "right",
        "token()",
        (
            _function("select md5('x')::uuid", name="public.gen_random_uuid()"),
            _function("select gen_random_uuid()", more="set search_path = ''"),
        ),
    ),
)

WRONG = (
    Sample("constant", "wrong", "'3f0c2a51-5f6e-4b0d-9a57-1c2d3e4f5a6b'"),
    Sample("empty", "wrong", "''", type="text"),
    Sample("md5_of_random", "wrong", "md5(random()::text)::uuid"),
    Sample("sequence", "wrong", "md5(nextval('chatbots_id_seq')::text)::uuid"),
    Sample("current_number", "wrong", "md5(currval('chatbots_id_seq')::text)::uuid"),
    Sample("cut_short", "wrong", "left(gen_random_uuid()::text, 8)", type="text"),
    Sample("cut_by_its_type", "wrong", "gen_random_uuid()::varchar(8)", type="text"),
    Sample("clock", "wrong", "(lpad(to_hex((extract(epoch from clock_timestamp()))::bigint), 32, '0'))::uuid"),
    Sample("any_text", "wrong", "'x' || random()", type="text"),
    Sample("uuid_v1", "wrong", "uuid_generate_v1()", (OSSP,)),
    Sample("uuid_v1mc", "wrong", "uuid_generate_v1mc()", (OSSP,)),
    Sample("uuid_v5", "wrong", "uuid_generate_v5(uuid_ns_url(), 'x')", (OSSP,)),
    Sample("lock", "wrong", "(pg_advisory_lock(4711)::text || gen_random_uuid())::uuid"),
    Sample("sleeps", "wrong", "(pg_sleep(100)::text || gen_random_uuid())::uuid"),
    Sample("setting", "wrong", "md5(txid_current()::text)::uuid"),
    Sample("notifies", "wrong", "(pg_notify('x', 'y')::text || gen_random_uuid())::uuid"),
    Sample("pads", "wrong", "md5(gen_random_uuid()::character(10000000))::uuid"),
    Sample("eats_memory", "wrong", "md5(repeat('x', 1000000000))::uuid"),
    Sample(
        "eats_more_memory", "wrong", "md5(replace(replace(repeat('x', 1000), 'x', repeat('y', 1000)), 'y', 'zz'))::uuid"
    ),
    Sample("stretches", "wrong", "md5(" + "encode(" * 9 + "'x'" + "::bytea, 'hex')" * 9 + ")::uuid"),
    Sample("without_dashes", "wrong", "replace(gen_random_uuid()::text, '-', '')", type="text"),
    Sample("doubles", "wrong", "md5(" + "replace(" * 9 + "'x'" + ", 'x', 'xx')" * 9 + ")::uuid"),
    Sample("part", "wrong", "substring(gen_random_uuid()::text from 1 for 8)", type="text"),
    Sample("pattern", "wrong", "substring(gen_random_uuid()::text from '(a*)*b')", type="text"),
    Sample("pasted", "wrong", "overlay(gen_random_uuid()::text placing '4' from 15)::uuid"),
    Sample("first_of_two", "wrong", "coalesce(null, gen_random_uuid())"),
    Sample("one_of_two", "wrong", "case when random() < 0.5 then gen_random_uuid() else uuid_nil() end", (OSSP,)),
    Sample("wrapped_constant", "wrong", "token()", (_function("select '3f0c2a51-5f6e-4b0d-9a57-1c2d3e4f5a6b'::uuid"),)),
    Sample("wrapped_md5", "wrong", "token()", (_function("select md5(random()::text || clock_timestamp())::uuid"),)),
    Sample(
        "wrapped_v1",
        "wrong",
        "token()",
        (
            OSSP,
            _function("select uuid_generate_v1()"),
        ),
    ),
    Sample("wrapped_number", "wrong", "token()", (_function("select md5(currval('chatbots_id_seq')::text)::uuid"),)),
    Sample("shaped_md5", "wrong", "token()", (_function(SHAPED.format(4, "decode(md5(random()::text), 'hex')")),)),
    Sample("shaped_as_v1", "wrong", "token()", (_function(SHAPED.format(1, "uuid_send(gen_random_uuid())")),)),
    Sample(
        "impostor",
        "wrong",
        "public.gen_random_uuid()",
        (_function("select md5(now()::text)::uuid", name="public.gen_random_uuid()"),),
    ),
    Sample(
        "impostor_of_uuid_ossp",
        "wrong",
        "uuid_generate_v4()",
        (_function("select md5(now()::text)::uuid", name="uuid_generate_v4()"),),
    ),
    Sample("old_generator", "wrong", "token()", (_function(OLD, "plpgsql", returns="text"),), "text"),
    Sample(
        "old_generator_in_sql",
        "wrong",
        "token(8)",
        (
            _function(
                "select string_agg(substr('abcdef', (random() * 5)::int + 1, 1), '') from generate_series(1, size)",
                name="token(size int)",
                returns="text",
            ),
        ),
        "text",
    ),
    Sample(
        "around_a_wrapper", "wrong", "upper(token()::text)", (_function("select md5(random()::text)::uuid"),), "text"
    ),
    Sample(
        "immutable_wrapper",
        "wrong",
        "token()",
        (_function("begin return gen_random_uuid(); end", "plpgsql", more="immutable"),),
    ),
    Sample(
        "better_fitting_function",
        "wrong",
        "token()",
        (
            _function(f"begin {ACTS}; return 'x'; end", "plpgsql", name="md5(double precision)", returns="text"),
            _function("select md5(random())::uuid"),
        ),
    ),
    Sample(
        "replaced_built_in",
        "wrong",
        "gen_random_uuid()",
        (
            _function(f"begin {ACTS}; return uuid_in('x'); end", "plpgsql", name="gen_random_uuid()").replace(
                "create function ", "create or replace function pg_catalog."
            ),
        ),
    ),
)

UNCLEAR = (
    Sample(
        "acts_and_returns",
        "unclear",
        "token()",
        (_function(f"begin {ACTS}; return gen_random_uuid(); end", "plpgsql"),),
    ),
    Sample(
        "dblink_exec",
        "unclear",
        "token()",
        (
            DBLINK,
            _function(
                "select dblink_exec('dbname=x password=hunter22', 'insert into t values (1)'); select gen_random_uuid()"
            ),
        ),
    ),
    Sample("dblink_in_the_default", "unclear", "md5(dblink_exec('dbname=x', 'select 1'))::uuid", (DBLINK,)),
    Sample(
        "sql_that_acts",
        "unclear",
        "token()",
        (
            _function(f"begin {ACTS}; return 1; end", "plpgsql", name="acts()", returns="int"),
            _function("select case when acts() = 1 then gen_random_uuid() end"),
        ),
    ),
    Sample(
        "wrapper_with_an_impostor_somewhere",
        "unclear",
        "token()",
        (
            _function(f"begin {ACTS}; return gen_random_uuid(); end", "plpgsql", name="public.gen_random_uuid()"),
            _function("select gen_random_uuid()"),
        ),
    ),
    Sample(
        "around_what_acts",
        "unclear",
        "coalesce(token(), gen_random_uuid())",
        (_function(f"begin {ACTS}; return null; end", "plpgsql"),),
    ),
    Sample(
        "own_operator",
        "unclear",
        "gen_random_uuid() + 1",
        (
            _function(f"begin {ACTS}; return a; end", "plpgsql", name="plus(a uuid, b int)"),
            "create operator + (leftarg = uuid, rightarg = int, function = plus)",
        ),
    ),
    Sample(
        "own_cast",
        "unclear",
        "4711",
        (
            _function(f"begin {ACTS}; return gen_random_uuid(); end", "plpgsql", name="uuid_of(int)"),
            "create cast (int as uuid) with function uuid_of(int) as assignment",
        ),
    ),
    Sample(
        "own_aggregate",
        "unclear",
        "token()",
        (
            _function(f"begin {ACTS}; return gen_random_uuid(); end", "plpgsql", name="next_uuid(uuid, int)"),
            "create aggregate any_uuid (int) (sfunc = next_uuid, stype = uuid)",
            _function("select any_uuid(n) from generate_series(1, 2) as n"),
        ),
    ),
    Sample(
        "own_operator_in_a_function",
        "unclear",
        "token()",
        (
            "create type pair as (a int)",
            _function(f"begin {ACTS}; return gen_random_uuid(); end", "plpgsql", name="of_pairs(pair, pair)"),
            "create operator @@@@ (leftarg = pair, rightarg = pair, function = of_pairs)",
            _function("select '(1)' @@@@ '(2)'"),
        ),
    ),
    Sample(
        "own_attribute",
        "unclear",
        "token()",
        (
            "create type pair as (a int)",
            _function(f"begin {ACTS}; return gen_random_uuid(); end", "plpgsql", name="made(pair)"),
            _function("select (x.p).made from (select row(1)::pair as p) as x"),
        ),
    ),
    Sample(
        "default_of_an_argument",
        "unclear",
        "token()",
        (_function("select x", name="token(x uuid default gen_random_uuid())"),),
    ),
    Sample(
        "path_with_a_comma",
        "unclear",
        "token()",
        (
            'create schema "a,b"',
            _function(f"begin {ACTS}; return gen_random_uuid(); end", "plpgsql", name='"a,b".gen_random_uuid()'),
            _function("select gen_random_uuid()", more='set search_path = "a,b", pg_catalog'),
        ),
    ),
    Sample(
        "reads_a_join_in_parentheses",
        "unclear",
        "token()",
        (_function("select public_token from (chatbots cross join generate_series(1, 1)) limit 1"),),
    ),
    Sample("reads_only", "unclear", "token()", (_function("select public_token from only (chatbots) limit 1"),)),
    Sample(
        "calls_its_column_perform",
        "unclear",
        "token()",
        (_function("begin return public_token as perform from chatbots; end", "plpgsql"),),
    ),
    Sample(
        "own_text_type",
        "unclear",
        "token()",
        (
            "create domain public.text as pg_catalog.text check (length(value) > 3)",
            _function("select gen_random_uuid()::text::uuid", more="set search_path = public, pg_catalog"),
        ),
    ),
    Sample(
        "replaced_function_of_an_extension",
        "unclear",
        "uuid_generate_v4()",
        (
            OSSP,
            _function(f"begin {ACTS}; return gen_random_uuid(); end", "plpgsql", name="uuid_generate_v4()").replace(
                "create function", "create or replace function"
            ),
        ),
    ),
    Sample(
        "own_domain",
        "unclear",
        "token()",
        (
            _function(f"begin {ACTS}; return true; end", "plpgsql", name="fine(uuid)", returns="boolean"),
            "create domain token_value as uuid check (fine(value))",
            _function("select gen_random_uuid()::token_value"),
        ),
    ),
    Sample(
        "reads_a_table",
        "unclear",
        "token()",
        (_function("select public_token from chatbots order by random() limit 1"),),
    ),
    Sample(
        "dynamic",
        "unclear",
        "token()",
        (_function("declare t uuid; begin execute 'select gen_random_uuid()' into t; return t; end", "plpgsql"),),
    ),
    Sample("runs_a_text", "unclear", "md5(query_to_xml('select gen_random_uuid()', true, true, '')::text)::uuid"),
    Sample("shaped_generator", "unclear", "token()", (_function(SHAPED.format(4, "uuid_send(gen_random_uuid())")),)),
    Sample("stable_wrapper", "unclear", "token()", (_function("select gen_random_uuid()", more="stable"),)),
    Sample(
        "with_settings",
        "unclear",
        "token()",
        (_function("select gen_random_uuid()", more="set standard_conforming_strings = off"),),
    ),
    Sample("escapes", "unclear", "token()", (_function(r"select (E'\'' || gen_random_uuid())::uuid"),)),
    Sample(
        "calls_itself",
        "unclear",
        "token()",
        (_function(f"begin {ACTS}; return coalesce(token(), gen_random_uuid()); end", "plpgsql"),),
    ),
)
SAMPLES = (*RIGHT, *WRONG, *UNCLEAR)

# What acts, may act, takes memory, or is more than an expression.
NOT_EVALUATED = {
    *(sample.name for sample in UNCLEAR if sample.name not in ("shaped_generator", "stable_wrapper")),
    *("sequence", "current_number", "lock", "sleeps", "setting", "notifies", "pads", "eats_memory", "eats_more_memory"),
    *("stretches", "doubles", "pattern", "any_text", "uuid_v1", "uuid_v1mc", "wrapped_v1", "wrapped_number"),
    *("old_generator", "old_generator_in_sql", "around_a_wrapper", "better_fitting_function", "replaced_built_in"),
}
