"""Healthy deployments that look unusual. Nothing may be reported about them.

    @variant
    def unique_index_without_a_constraint(plan: Plan) -> None:
        \"\"\"What is unusual, and why it is fine.\"\"\"

A variant sets `plan.settings` to what its entry in environments.yaml needs besides url and database.
"""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from starlette.middleware.gzip import GZipMiddleware

from rehearsal.deployment.plan import Plan, Stored, Wanted
from rehearsal.deployment.replies import changed, error
from rehearsal.names import look_up
from rehearsal.servers.programs import UNAVAILABLE, left_out

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.types import ASGIApp, Receive, Scope, Send

    from rehearsal.deployment.plan import Connection, Create, Insert

DROP_UNIQUE = "alter table chatbots drop constraint chatbots_public_token_key"


@dataclass(frozen=True)
class Variant:
    """One healthy deployment that is not the usual one."""

    name: str
    about: str
    changes: Callable[[Plan], None]


VARIANTS: dict[str, Variant] = {}


def variant(changes: Callable[[Plan], None]) -> Callable[[Plan], None]:
    """Puts the decorated function into the catalogue."""
    about = " ".join(inspect.cleandoc(changes.__doc__ or "").split())
    VARIANTS[changes.__name__] = Variant(changes.__name__, about, changes)
    return changes


def variant_with(program: str) -> Callable[[Callable[[Plan], None]], Callable[[Plan], None]]:
    """The same for a variant that needs a program: it is left out where that is not installed."""

    def enter(changes: Callable[[Plan], None]) -> Callable[[Plan], None]:
        return changes if left_out(changes.__name__, program) else variant(changes)

    return enter


def variant_named(name: str) -> Variant:
    """The variant of this name. Raises UnknownName, with the nearest name."""
    return look_up("variant", name, VARIANTS, UNAVAILABLE)


@variant
def default_is_gen_random_uuid(plan: Plan) -> None:
    """The default is core's gen_random_uuid(), which needs no extension."""
    plan.statements += [
        "alter table chatbots alter column public_token set default gen_random_uuid()",
        'drop extension if exists "uuid-ossp"',
    ]


@variant
def default_is_uuidv4(plan: Plan) -> None:
    """The default is core's uuidv4(), where the server has it (PostgreSQL 18)."""
    plan.statements.append(
        "do $$ begin if exists (select from pg_proc where oid::regprocedure::text = 'uuidv4()') then"
        " alter table chatbots alter column public_token set default uuidv4(); end if; end $$"
    )


@variant
def default_is_a_wrapper(plan: Plan) -> None:
    """The default is a function in SQL that only hands on core's gen_random_uuid()."""
    plan.statements += [
        "create function new_token() returns uuid language sql volatile as $$ select gen_random_uuid() $$",
        "alter table chatbots alter column public_token set default new_token()",
    ]


@variant
def default_is_a_wrapper_in_plpgsql(plan: Plan) -> None:
    """The same in PL/pgSQL, with the rights of its owner and a search_path of its own, of what the migration set."""
    makes = "uuid_generate_v4" if plan.has_uuid_ossp else "gen_random_uuid"
    plan.statements += [
        (
            "create function new_token() returns uuid language plpgsql security definer set search_path = public as"
            f" $$\nBEGIN\n  -- version 4\n  RETURN {makes}();\nEND;\n$$"
        ),
        "alter table chatbots alter column public_token set default new_token()",
    ]


@variant
def extension_in_another_schema(plan: Plan) -> None:
    """uuid-ossp is installed in the schema extensions, as some hosts do; the default names it there."""
    if plan.has_uuid_ossp:
        plan.statements += [
            "create schema extensions",
            "grant usage on schema extensions to public",
            'alter extension "uuid-ossp" set schema extensions',
        ]


@variant
def unique_index_without_a_constraint(plan: Plan) -> None:
    """Uniqueness is held by CREATE UNIQUE INDEX; no constraint view shows it."""
    plan.statements += [DROP_UNIQUE, "create unique index chatbots_token on chatbots (public_token)"]


@variant
def unique_index_includes_a_column(plan: Plan) -> None:
    """The unique index carries the name along (INCLUDE), which does not weaken it."""
    plan.statements += [DROP_UNIQUE, "create unique index chatbots_token on chatbots (public_token) include (name)"]


@variant
def token_is_the_primary_key(plan: Plan) -> None:
    """The token is the primary key; the id is an ordinary unique column."""
    plan.statements += [
        "drop table chatbots_legacy_tokens",
        DROP_UNIQUE,
        "alter table chatbots drop constraint chatbots_pkey, add primary key (public_token), add unique (id)",
    ]


@variant
def extra_indexes(plan: Plan) -> None:
    """More indexes than needed: one on the name, one partial and one plain on the token."""
    plan.statements += [
        "create index on chatbots (name)",
        "create index on chatbots (public_token) where require_auth",
        "create index on chatbots using hash (public_token)",
    ]


@variant
def id_is_an_identity_column(plan: Plan) -> None:
    """The id is GENERATED ALWAYS AS IDENTITY instead of bigserial."""
    plan.statements += [
        "alter table chatbots alter column id drop default",
        "drop sequence chatbots_id_seq",
        "alter table chatbots alter column id add generated always as identity (start with 51)",
    ]


@variant
def table_is_partitioned(plan: Plan) -> None:
    """The table is partitioned by hash of the token, with the unique index over all partitions."""
    plan.statements += [
        "drop table chatbots_legacy_tokens",
        "alter table chatbots rename to chatbots_before",
        "alter sequence chatbots_id_seq owned by none",
        "create table chatbots (like chatbots_before including defaults) partition by hash (public_token)",
        *(
            f"create table chatbots_{n} partition of chatbots for values with (modulus 3, remainder {n})"
            for n in range(3)
        ),
        "insert into chatbots select * from chatbots_before",
        "drop table chatbots_before",
        "alter table chatbots add constraint chatbots_public_token_key unique (public_token), alter id set not null",
        "alter table chatbots owner to app",
        "alter sequence chatbots_id_seq owned by chatbots.id",
        *(f"alter table chatbots_{n} owner to app" for n in range(3)),
    ]


@variant
def other_names(plan: Plan) -> None:
    """Schema, table and columns have other names; environments.yaml says which."""
    plan.statements += [
        "create schema tenant authorization app",
        "alter table chatbots set schema tenant",
        "alter table tenant.chatbots rename to bots",
        "alter table tenant.bots rename column id to bot_id",
        "alter table tenant.bots rename column name to title",
        "alter table tenant.bots rename column public_token to share_token",
    ]
    plan.insert_sql = (
        "insert into tenant.bots (title, require_auth) values (%(name)s, %(require_auth)s)"
        " returning bot_id, share_token"
    )
    plan.delete_sql = "delete from tenant.bots where bot_id = %(id)s"
    plan.settings = {"table": {"name": "tenant.bots", "id": "bot_id", "label": "title", "token": "share_token"}}


@variant
def harmless_trigger(plan: Plan) -> None:
    """A trigger BEFORE INSERT sets updated_at and leaves the token alone."""
    plan.statements += [
        "alter table chatbots add column updated_at timestamptz",
        (
            "create function set_updated_at() returns trigger language plpgsql as"
            " $$ begin new.updated_at := now(); return new; end $$"
        ),
        (
            "create trigger set_updated_at before insert or update on chatbots"
            " for each row execute function set_updated_at()"
        ),
    ]


@variant
def trigger_sets_named_fields(plan: Plan) -> None:
    """Triggers fill other fields of the row by name, log each one, and store a note of it when they commit."""
    plan.statements += [
        "alter table chatbots add column greeting text, add column children int not null default 0",
        "create table chatbot_log (at timestamptz default now(), token uuid, said jsonb)",
        "grant insert on chatbot_log to app",
        (
            "create function greet() returns trigger language plpgsql as $$ begin"
            " new := jsonb_populate_record(new, to_jsonb(new) || jsonb_build_object('greeting', 'Hello ' || new.name));"
            " return coalesce(new, old); end $$"
        ),
        "create trigger greet before insert on chatbots for each row execute function greet()",
        (
            "create function log_chatbot(made chatbots) returns void language sql as"
            " $$ insert into chatbot_log (token, said) values (made.public_token, to_jsonb(made)) $$"
        ),
        (
            "create function log_it() returns trigger language plpgsql as $$ begin perform log_chatbot(new);"
            " execute format('insert into chatbot_log (said) select to_jsonb($1.%I)', 'name') using new;"
            " update chatbots set children = 1 where id = new.id; return null; end $$"
        ),
        (
            "create constraint trigger log_it after insert on chatbots deferrable initially deferred"
            " for each row execute function log_it()"
        ),
    ]


@variant
def inserts_into_a_view(plan: Plan) -> None:
    """The app inserts into a view, whose own default for the token is the same generator."""
    plan.statements += [
        "create view bots as select id, name, public_token as share_token, require_auth from chatbots",
        "alter view bots owner to app",
        "alter view bots alter column share_token set default gen_random_uuid()",
        "create view active_bots as select * from chatbots",
        "alter view active_bots alter column name set default 'nameless'",
    ]
    plan.insert_sql = (
        "insert into bots (name, require_auth) values (%(name)s, %(require_auth)s) returning id, share_token"
    )


@variant
def inserts_by_a_trigger_of_a_view(plan: Plan) -> None:
    """The app inserts into a view, whose INSTEAD OF trigger leaves the token to the default; an old view has a rule."""
    plan.statements += [
        "create view bots as select id, name, public_token, require_auth from chatbots",
        "alter view bots owner to app",
        (
            "create function make_bot() returns trigger language plpgsql as $$ begin"
            " insert into chatbots (name, require_auth) values (new.name, new.require_auth)"
            " returning id, public_token into new.id, new.public_token; return new; end $$"
        ),
        "create trigger make_bot instead of insert on bots for each row execute function make_bot()",
        "create view old_bots as select name from chatbots",
        "create rule make_bot as on insert to old_bots do instead insert into chatbots (name) values (new.name)",
    ]
    plan.insert_sql = (
        "insert into bots (name, require_auth) values (%(name)s, %(require_auth)s) returning id, public_token"
    )


@variant
def row_level_security_for_others(plan: Plan) -> None:
    """Row-level security is on; the published role owns the table, so that it sees every row."""
    plan.statements.append("alter table chatbots enable row level security")


@variant
def empty_table(plan: Plan) -> None:
    """There was no chatbot before."""
    plan.statements.append("truncate chatbots restart identity cascade")


@variant
def a_million_rows(plan: Plan) -> None:
    """A million chatbots are stored already."""
    plan.statements += [  # an index that is made anew is sorted once; uuid-ossp asks the kernel for each token
        "alter table chatbots drop constraint chatbots_public_token_key",
        (
            "insert into chatbots (name, public_token)"
            " select 'chatbot ' || n, gen_random_uuid() from generate_series(51, 1000000) as n"
        ),
        "alter table chatbots add constraint chatbots_public_token_key unique (public_token)",
    ]


@variant
def nested_camel_case_answer(plan: Plan) -> None:
    """The answer is {"data": {"chatbot": {"id": .., "publicToken": ..}}}, and the payload is in camel case too."""

    def answer(stored: Stored) -> dict[str, object]:
        return {"data": {"chatbot": {"id": stored.id, "publicToken": str(stored.public_token)}}}

    plan.answer = answer
    plan.settings = {
        "api": {
            "payload": {"name": "{name}", "requireAuth": False},
            "id": "data.chatbot.id",
            "token": "data.chatbot.publicToken",
        }
    }


@variant
def id_is_a_string(plan: Plan) -> None:
    """The id is a JSON string, as drivers that do not trust JavaScript with 64 bits return it."""

    def answer(stored: Stored) -> dict[str, object]:
        return {"id": str(stored.id), "name": stored.name, "public_token": str(stored.public_token)}

    plan.answer = answer


@variant
def answer_has_more_fields(plan: Plan) -> None:
    """The answer carries fields that nobody asked for, in other scripts too."""

    @plan.around_create
    async def create(request: Request, create: Create) -> Response:
        return changed(
            await create(request), greeting="¡Hola! 你好 \u202e 👋", tags=[], owner={"id": 7, "public_token": "no"}
        )


@variant
def answer_is_compressed(plan: Plan) -> None:
    """The answer is compressed with gzip, as a proxy in front does for clients that accept it."""

    @plan.around_app
    async def app(scope: Scope, receive: Receive, send: Send, app: ASGIApp) -> None:
        await GZipMiddleware(app, minimum_size=1)(scope, receive, send)


@variant
def bearer_auth(plan: Plan) -> None:
    """The API needs a bearer token, which environments.yaml sends in a header."""
    plan.bearer = "rehearsal-bearer-token"
    plan.settings = {"headers": {"Authorization": "Bearer rehearsal-bearer-token"}}


@variant
def login_with_a_cookie(plan: Plan) -> None:
    """The API needs the cookie of a login, which environments.yaml describes."""
    plan.login = ("smoke", "rehearsal-password")
    plan.settings = {"login": {"path": "/login", "json": {"user": "smoke", "password": "rehearsal-password"}}}


@variant
def clean_up_by_api(plan: Plan) -> None:
    """Rows are removed through the API's own DELETE."""
    plan.settings = {"cleanup": "api", "api": {"delete": "/api/chatbots/{id}"}}


@variant
def statements_are_counted(plan: Plan) -> None:
    """pg_stat_statements has counted INSERTs of the old release, which named the token."""
    plan.statements.append(
        "insert into chatbots (name, public_token) values ('old', '3a7e0c52-43b5-4a3c-9d0e-0f9b8f6a1c11')"
    )


@variant
def statements_are_not_counted(plan: Plan) -> None:
    """Without pg_stat_statements an INSERT is seen while it is the last statement of its connection."""
    plan.autocommit = True
    plan.statements.append("drop extension if exists pg_stat_statements")


@variant
def inserts_by_a_function(plan: Plan) -> None:
    """The app calls a function of the database, which leaves the token to the column's default."""
    plan.statements.append(
        "create function make_chatbot(p_name text, p_require_auth boolean) returns table (id bigint, token uuid)"
        " language plpgsql as $$ begin return query insert into chatbots (name, require_auth)"
        " values (p_name, p_require_auth) returning chatbots.id::bigint, chatbots.public_token; end $$"
    )
    plan.insert_sql = "select id, token from make_chatbot(%(name)s, %(require_auth)s)"


@variant
def inserts_what_it_selects(plan: Plan) -> None:
    """The app's statement is an INSERT .. SELECT inside a WITH."""
    plan.insert_sql = (
        "with wanted (name, require_auth) as (values (%(name)s::text, %(require_auth)s::boolean)), made as"
        " (insert into chatbots (name, require_auth) select name, require_auth from wanted returning id, public_token)"
        " select id, public_token from made"
    )


@variant
def probes_are_asked(plan: Plan) -> None:
    """Both probes are sent; the app passes the token over that it is sent, and makes two chatbots of one payload."""
    plan.settings = {"probes": ["chosen_token", "same_payload"]}


@variant
def refuses_what_it_does_not_know(plan: Plan) -> None:
    """The app answers 400 to a field that it does not know, and 409 to a name that is taken."""
    plan.settings = {"probes": ["chosen_token", "same_payload"]}
    names: set[str] = set()

    @plan.around_create
    async def create(request: Request, create: Create) -> Response:
        payload = await request.json()
        if set(payload) - {"name", "require_auth"}:
            return error(400, "unknown field")
        if payload["name"] in names:
            return error(409, "this name is taken")
        names.add(payload["name"])
        return await create(request)


@variant
def orm_says_default(plan: Plan) -> None:
    """The app's ORM names every column in its INSERT and says DEFAULT for the ones that it does not set."""
    plan.autocommit = True
    plan.insert_sql = (
        'insert into "chatbots" ("id", "name", "public_token", "require_auth")'
        ' values (default, %(name)s, default, %(require_auth)s) returning "id", "public_token"'
    )


@variant
def slow_within_budget(plan: Plan) -> None:
    """Every POST takes 0.3 s."""

    @plan.around_create
    async def create(request: Request, create: Create) -> Response:
        await asyncio.sleep(0.3)
        return await create(request)


@variant
def is_within_its_latency_budget(plan: Plan) -> None:
    """It has a budget, which is far above what it needs."""
    plan.settings = {"latency_p95_ms": 20_000}


@variant
def starts_cold(plan: Plan) -> None:
    """For 20 s after the first request everything answers 503, as autoscaled deployments do."""
    plan.settings = {"ready": {"path": "/", "timeout_s": 60, "revision": "revision"}}
    first: float | None = None

    @plan.around_app
    async def app(scope: Scope, receive: Receive, send: Send, app: ASGIApp) -> None:
        nonlocal first
        now = time.monotonic()
        first = first if first is not None else now
        if now - first < 20:
            await error(503, "starting", {"retry-after": "1"})(scope, receive, send)
        else:
            await app(scope, receive, send)


@variant
def another_client_posts_too(plan: Plan) -> None:
    """For each POST of ours somebody else's chatbot is stored before and after it."""

    @plan.around_insert
    async def insert(connection: Connection, wanted: Wanted, insert: Insert) -> Stored:
        await insert(connection, Wanted("somebody else's", False, {}))
        stored = await insert(connection, wanted)
        await insert(connection, Wanted("somebody else's", True, {}))
        return stored


@variant_with("nginx")
def behind_nginx(plan: Plan) -> None:
    """A reverse proxy stands in front of the app: a real nginx, with its usual settings."""
    plan.publish_url = plan.behind_proxy


@variant_with("pgbouncer")
def behind_pgbouncer(plan: Plan) -> None:
    """The published DSN leads to a pooler, a real pgbouncer in transaction mode with two connections."""
    plan.publish_database = lambda dsn: plan.through_pooler(2)
