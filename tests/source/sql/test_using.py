"""What `ALTER COLUMN .. TYPE uuid USING ..` takes, held against a real Postgres."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg

from harness.source.sql.parser import read_sql
from harness.source.sql.replay import Replay
from rehearsal.servers.postgres import SUPERUSER

if TYPE_CHECKING:
    from rehearsal.servers.postgres import Postgres

TABLE = """
    create domain code as text;
    create function as_uuid(t text) returns uuid language sql as 'select md5(t)::uuid';
    create table chatbots (id bigserial primary key, name text, age integer, made timestamptz, live boolean,
        other uuid, kind code, parts text[], amount numeric, public_token varchar(8) not null)
"""
EXPRESSIONS = """
public_token
public_token::uuid
public_token::text::uuid
cast(public_token as uuid)
gen_random_uuid()
null
null::uuid
null::text
'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'
'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::text
42
4.2
true
age
id
name
other
kind
kind::uuid
parts
amount
live
made
token
token::uuid
age::uuid
live::uuid
made::uuid
amount::uuid
age::text::uuid
length(public_token)
md5(public_token)
md5(public_token)::uuid
md5(age)::uuid
lower(public_token)
lpad(public_token, 32, '0')::uuid
lpad(public_token, 32, '0')
encode(sha256(public_token::bytea), 'hex')
substr(encode(sha256(public_token::bytea), 'hex'), 1, 32)::uuid
now()
current_timestamp
current_user
public_token || ''
('00000000-0000-4000-8000-0000' || public_token)::uuid
coalesce(other, gen_random_uuid())
coalesce(null, gen_random_uuid())
coalesce(name, 'x')
coalesce(name, 'x')::uuid
nullif(public_token, '')
nullif(public_token, '')::uuid
case when length(public_token) = 36 then public_token::uuid else gen_random_uuid() end
case when length(public_token) = 36 then public_token else 'x' end
case when live then null else other end
case when live then null end
as_uuid(public_token)
(select gen_random_uuid())
public_token is null
not live
age + 1
greatest(age, 1)
greatest(other, gen_random_uuid())
public_token = 'x'
public_token::json
trim(public_token)
random()
"""


def test_what_is_refused_is_what_postgres_refuses(postgres: Postgres) -> None:
    """Each by the code of its error; an empty table, so that no row is in the way."""
    database = postgres.new_name("using")
    postgres.create_database(database)
    wrong: list[str] = []
    try:
        with psycopg.connect(postgres.dsn(database, SUPERUSER)) as connection:
            connection.execute(TABLE)
            for expression in EXPRESSIONS.strip().split("\n"):
                statement = f"alter table chatbots alter column public_token type uuid using {expression}"
                real = ""
                try:
                    with connection.transaction(force_rollback=True):
                        connection.execute(statement.encode())
                except psycopg.Error as error:
                    real = error.sqlstate or "?"
                replay = Replay(("chatbots", "public_token"))
                replay.run(read_sql("1.sql", f"{TABLE};\n{statement}"))
                (table,) = replay.catalogs[0].tables.values()
                told = table.refused[0].why[-5:] if table.refused else ""
                # A function that is not there for these arguments (42883) is not known to us, and nothing is said of it.
                if told != real and real != "42883":
                    wrong.append(f"{expression}: Postgres {real or 'takes it'}, we say {told or 'it does'}")
    finally:
        postgres.drop_database(database)
    assert wrong == []
