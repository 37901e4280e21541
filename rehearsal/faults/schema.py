"""The table is not what the change made of it: type, default, index, kind."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rehearsal.faults.catalogue import ABOUT_ACKNOWLEDGED, fault

if TYPE_CHECKING:
    from rehearsal.deployment.plan import Plan

POSTS = ("every_post_answers_201", "posts_at_once_answer_201")
DEFAULT = "default_is_a_database_v4_generator"

DROP_UNIQUE = "alter table chatbots drop constraint chatbots_public_token_key"

# 16 bytes b with the version and the variant forced into them (RFC 9562, 4.1 and 4.2)
VERSIONED = "set_byte(b, 6, (get_byte(b, 6) & 15) | ({version} << 4))"
SHAPED = f"encode(set_byte({VERSIONED}, 8, (get_byte(b, 8) & 63) | 128), 'hex')::uuid"
FROM_THE_CLOCK = "decode(md5(clock_timestamp()::text || random()::text), 'hex')"


def maker(name: str, version: int, source: str) -> str:
    """A function that makes a UUID of this version from these 16 bytes."""
    return (
        f"create function {name}() returns uuid language sql volatile as"
        f" $$ select {SHAPED.format(version=version)} from (select {source} as b) as source $$"
    )


def default(expression: str) -> str:
    """The statement that sets the default."""
    return f"alter table chatbots alter column public_token set default {expression}"


def retyped(plan: Plan, to: str) -> None:
    """The column keeps its tokens and its generator, and gets another type."""
    generator = "uuid_generate_v4()" if plan.has_uuid_ossp else "gen_random_uuid()"
    plan.statements.append(
        "alter table chatbots alter column public_token drop default,"
        f" alter column public_token type {to} using public_token::text,"
        f" alter column public_token set default ({generator})::text"
    )


@fault(fail=["column_is_uuid"])
def column_still_text(plan: Plan) -> None:
    """The column is text; its default makes good tokens and casts them."""
    retyped(plan, "text")


@fault(fail=["column_is_uuid"])
def column_is_varchar_36(plan: Plan) -> None:
    """The column is varchar(36); its default makes good tokens and casts them."""
    retyped(plan, "varchar(36)")


@fault(fail=[DEFAULT, "app_leaves_the_token_to_postgres"])
def no_default(plan: Plan) -> None:
    """The column has no default: the app calls its own randomUUID() and names the column in the INSERT."""
    import uuid

    from rehearsal.faults.tokens import stores

    plan.statements.append("alter table chatbots alter column public_token drop default")
    stores(plan, lambda: str(uuid.uuid4()))


@fault(fail=["tokens_are_version_4", DEFAULT, "stored_tokens_are_version_4"])
def default_is_v1(plan: Plan) -> None:
    """The default is uuid_generate_v1() (a function of the same shape where uuid-ossp is missing)."""
    if plan.has_uuid_ossp:
        plan.statements.append(default("uuid_generate_v1()"))
    else:
        plan.statements += [maker("time_based_uuid", 1, "uuid_send(gen_random_uuid())"), default("time_based_uuid()")]


@fault(fail=["tokens_are_version_4", DEFAULT, "stored_tokens_are_version_4"])
def default_is_v1mc(plan: Plan) -> None:
    """The default is uuid_generate_v1mc(): time, and a random network address."""
    if plan.has_uuid_ossp:
        plan.statements.append(default("uuid_generate_v1mc()"))
    else:
        plan.statements += [maker("uuid_generate_v1mc", 1, FROM_THE_CLOCK), default("uuid_generate_v1mc()")]


@fault(fail=["tokens_are_version_4", DEFAULT, "stored_tokens_are_version_4"])
def default_is_v5(plan: Plan) -> None:
    """The default is a name-based UUID (version 5) of the clock."""
    plan.statements += [maker("name_based_uuid", 5, FROM_THE_CLOCK), default("name_based_uuid()")]


@fault(fail=["tokens_are_version_4", DEFAULT, "stored_tokens_are_version_4"])
def default_is_md5(plan: Plan) -> None:
    """The default is md5(random()::text)::uuid: any version, at most 2^53 values.

    Its first digit of version is fixed to 3 here, so that no token happens to look like version 4.
    """
    plan.statements += [maker("md5_uuid", 3, "decode(md5(random()::text), 'hex')"), default("md5_uuid()")]


@fault(fail=[DEFAULT])
def default_is_md5_shaped_as_v4(plan: Plan) -> None:
    """The default is the md5 of clock and random(), with version and variant forced: looks like version 4."""
    plan.statements += [maker("secure_uuid", 4, FROM_THE_CLOCK), default("secure_uuid()")]


@fault(fail=[DEFAULT, "tokens_are_random", "stored_tokens_are_random"])
def default_counts_up(plan: Plan) -> None:
    """The default is a counter behind a prefix of the database's own, shaped as version 4: the next one is known."""
    counted = (
        "substr(decode(md5(current_database() || pg_postmaster_start_time()::text), 'hex'), 1, 12)"
        " || int4send(nextval('token_counter')::int)"
    )
    plan.statements += [
        "create sequence token_counter",
        "grant usage on sequence token_counter to app",
        maker("next_uuid", 4, counted),
        default("next_uuid()"),
    ]


@fault(
    fail=[*POSTS, "tokens_differ_between_environments", DEFAULT],
    unknown=["client_cannot_choose_the_token", "same_payload_makes_two"],
)
def default_is_constant(plan: Plan) -> None:
    """The default was evaluated once, when the migration was written: the second POST answers 23505."""
    plan.statements.append(default("'3f0c2a51-5f6e-4b0d-9a57-1c2d3e4f5a6b'::uuid"))


@fault(fail=[DEFAULT])
def impostor_default(plan: Plan) -> None:
    """The default reads uuid_generate_v4(), which is a function of our own: md5 of the clock, shaped as version 4."""
    plan.statements += [
        'drop extension if exists "uuid-ossp" cascade',
        maker("uuid_generate_v4", 4, FROM_THE_CLOCK),
        default("uuid_generate_v4()"),
    ]


@fault(fail=[DEFAULT])
def impostor_of_the_built_in(plan: Plan) -> None:
    """The default reads public.gen_random_uuid(), a function of our own: md5 of the clock, shaped as version 4."""
    plan.statements += [
        maker("public.gen_random_uuid", 4, FROM_THE_CLOCK),
        default("public.gen_random_uuid()"),
    ]


@fault(unknown=[DEFAULT])
def default_does_more_than_make_a_token(plan: Plan) -> None:
    """The default is a function that writes down that it was called, and hands on a good UUID: it is never called."""
    plan.statements += [
        "create table calls (at timestamptz default clock_timestamp())",
        (
            "create function noted_uuid() returns uuid language plpgsql security definer as"
            " $$ begin insert into calls default values; return gen_random_uuid(); end $$"
        ),
        default("noted_uuid()"),
    ]


@fault(fail=["nothing_overrides_the_default"])
def trigger_overrides_the_default(plan: Plan) -> None:
    """A trigger BEFORE INSERT replaces what the default made by an md5 of the clock, shaped as version 4."""
    plan.statements += [
        maker("secure_uuid", 4, FROM_THE_CLOCK),
        (
            "create function set_public_token() returns trigger language plpgsql as"
            " $$ begin new.public_token := secure_uuid(); return new; end $$"
        ),
        "create trigger set_public_token before insert on chatbots for each row execute function set_public_token()",
    ]


@fault(fail=[DEFAULT, "nothing_overrides_the_default"])
def token_is_a_generated_column(plan: Plan) -> None:
    """The column is GENERATED ALWAYS AS an md5 of id and name, shaped as version 4: it can be computed."""
    plan.statements += [
        (
            "create function token_of(b bytea) returns uuid language sql immutable as"
            f" $$ select {SHAPED.format(version=4)} $$"
        ),
        "alter table chatbots drop column public_token",
        (
            "alter table chatbots add column public_token uuid not null unique"
            " generated always as (token_of(decode(md5(id::text || name), 'hex'))) stored"
        ),
    ]


@fault(fail=["rows_agree_with_answers", "nothing_overrides_the_default"])
def rule_replaces_the_token(plan: Plan) -> None:
    """A rule ON INSERT DO ALSO gives the new row another token, after RETURNING has been read."""
    plan.statements.append(
        "create rule rotate as on insert to chatbots do also"
        " update chatbots set public_token = gen_random_uuid() where id = currval('chatbots_id_seq')"
    )


# md5 of the clock, shaped as version 4
MAKER = maker("secure_uuid", 4, FROM_THE_CLOCK)
BY_A_VIEW = "insert into bots (name, require_auth) values (%(name)s, %(require_auth)s) returning id, public_token"
VIEW = ("create view bots as select * from chatbots", "alter view bots owner to app")


@fault(fail=["nothing_overrides_the_default"])
def view_has_a_default_of_its_own(plan: Plan) -> None:
    """The app inserts into a view of the table, whose own default for the token is an md5 shaped as version 4."""
    plan.statements += [MAKER, *VIEW, "alter view bots alter column public_token set default secure_uuid()"]
    plan.insert_sql = BY_A_VIEW


@fault(fail=["nothing_overrides_the_default"])
def view_of_a_view_has_a_default_of_its_own(plan: Plan) -> None:
    """A view of a view, where the token has another name, has a default of its own for it; an old job inserts there."""
    plan.statements += [
        MAKER,
        *VIEW,
        "create view shared_bots as select name, public_token as share_token from bots",
        "alter view shared_bots alter column share_token set default secure_uuid()",
    ]


@fault(fail=["nothing_overrides_the_default"])
def partition_has_a_default_of_its_own(plan: Plan) -> None:
    """Two levels down, a partition has kept the old generator as its default, for whoever inserts into it directly."""
    from rehearsal.deployment.variants import table_is_partitioned

    table_is_partitioned(plan)
    plan.statements += [
        MAKER,
        "alter table chatbots detach partition chatbots_2",
        "drop table chatbots_2",
        (
            "create table chatbots_2 partition of chatbots for values with (modulus 3, remainder 2)"
            " partition by hash (public_token)"
        ),
        "create table chatbots_2_0 partition of chatbots_2 for values with (modulus 1, remainder 0)",
        "alter table chatbots_2 owner to app",
        "alter table chatbots_2_0 owner to app",
        "alter table chatbots_2_0 alter column public_token set default secure_uuid()",
    ]


@fault(unknown=["nothing_overrides_the_default"])
def trigger_sets_fields_that_are_not_named(plan: Plan) -> None:
    """A trigger BEFORE INSERT fills the row from a JSON object whose keys another function chooses: the token's too."""
    plan.statements += [
        MAKER,
        (
            "create function fields_of(name text) returns jsonb language sql volatile as"
            " $$ select jsonb_build_object('public_token', secure_uuid()) $$"
        ),
        (
            "create function fill_in() returns trigger language plpgsql as"
            " $$ begin new := jsonb_populate_record(new, fields_of(new.name)); return new; end $$"
        ),
        "create trigger fill_in before insert on chatbots for each row execute function fill_in()",
    ]


@fault(fail=["nothing_overrides_the_default"])
def trigger_of_a_view_makes_the_token(plan: Plan) -> None:
    """The app inserts into a view, whose INSTEAD OF trigger inserts into the table with a token of its own."""
    plan.statements += [
        MAKER,
        *VIEW,
        (
            "create function make_bot() returns trigger language plpgsql as $$ begin"
            " insert into chatbots (name, require_auth, public_token)"
            " values (new.name, new.require_auth, secure_uuid())"
            " returning id, public_token into new.id, new.public_token; return new; end $$"
        ),
        "create trigger make_bot instead of insert on bots for each row execute function make_bot()",
    ]
    plan.insert_sql = BY_A_VIEW


@fault(fail=["nothing_overrides_the_default"])
def rule_of_a_view_makes_the_token(plan: Plan) -> None:
    """The app inserts into a view, whose rule inserts into the table with a token of its own."""
    plan.statements += [
        MAKER,
        *VIEW,
        (
            "create rule make_bot as on insert to bots do instead"
            " insert into chatbots (name, require_auth, public_token)"
            " values (new.name, new.require_auth, secure_uuid()) returning *"
        ),
    ]
    plan.insert_sql = BY_A_VIEW


@fault(fail=["rows_agree_with_answers", "nothing_overrides_the_default"])
def trigger_after_insert_replaces_the_token(plan: Plan) -> None:
    """A trigger AFTER INSERT updates the new row, when RETURNING has been read."""
    plan.statements += [
        (
            "create function rotate() returns trigger language plpgsql as $$ begin"
            " update chatbots set public_token = gen_random_uuid() where id = new.id; return null; end $$"
        ),
        "create trigger rotate after insert on chatbots for each row execute function rotate()",
    ]


@fault(fail=["rows_agree_with_answers", "nothing_overrides_the_default"])
def deferred_trigger_replaces_the_token(plan: Plan) -> None:
    """A deferred constraint trigger calls a function that gives the new row another token, at COMMIT."""
    plan.statements += [
        (
            "create function rotated(made bigint) returns void language sql as"
            " $$ update chatbots set public_token = gen_random_uuid() where id = made $$"
        ),
        (
            "create function rotate() returns trigger language plpgsql as"
            " $$ begin perform rotated(new.id); return null; end $$"
        ),
        (
            "create constraint trigger rotate after insert on chatbots deferrable initially deferred"
            " for each row execute function rotate()"
        ),
    ]


@fault(fail=["token_is_unique_by_index"])
def unique_index_is_missing(plan: Plan) -> None:
    """The unique constraint was dropped and never made again."""
    plan.statements.append(DROP_UNIQUE)


@fault(fail=["token_is_unique_by_index"])
def index_is_not_unique(plan: Plan) -> None:
    """The index was made again without UNIQUE."""
    plan.statements += [DROP_UNIQUE, "create index chatbots_public_token_key on chatbots (public_token)"]


@fault(fail=["token_is_unique_by_index"])
def unique_index_is_partial(plan: Plan) -> None:
    """The unique index covers only chatbots that need no login."""
    plan.statements += [
        DROP_UNIQUE,
        "create unique index chatbots_public_token_key on chatbots (public_token) where not require_auth",
    ]


@fault(fail=["token_is_unique_by_index"])
def unique_index_is_composite(plan: Plan) -> None:
    """The unique index is over (public_token, id), which forbids nothing."""
    plan.statements += [DROP_UNIQUE, "create unique index chatbots_public_token_key on chatbots (public_token, id)"]


@fault(fail=["token_is_unique_by_index"])
def unique_index_is_on_an_expression(plan: Plan) -> None:
    """The unique index is over the token's text, left from before; no foreign key or ON CONFLICT can use it."""
    plan.statements += [
        DROP_UNIQUE,
        "create unique index chatbots_public_token_key on chatbots (lower(public_token::text))",
    ]


@fault(fail=["token_is_unique_by_index"])
def unique_index_is_invalid(plan: Plan) -> None:
    """CREATE UNIQUE INDEX CONCURRENTLY failed and left an invalid index, which still rejects new duplicates."""
    plan.statements.append(
        "update pg_index set indisvalid = false where indexrelid = 'chatbots_public_token_key'::regclass"
    )


@fault(fail=["token_is_unique_by_index"])
def unique_constraint_is_deferrable(plan: Plan) -> None:
    """The constraint is checked at commit only: a transaction can see two rows with one token."""
    plan.statements += [
        DROP_UNIQUE,
        (
            "alter table chatbots add constraint chatbots_public_token_key unique (public_token)"
            " deferrable initially deferred"
        ),
    ]


@fault(fail=["column_is_not_null"])
def column_is_nullable(plan: Plan) -> None:
    """The column lost its NOT NULL; no row is without a token yet."""
    plan.statements.append("alter table chatbots alter column public_token drop not null")


@fault(fail=["table_is_ordinary"])
def table_is_unlogged(plan: Plan) -> None:
    """The table is unlogged: it is empty after a crash."""
    plan.statements += [
        "drop table chatbots_legacy_tokens",
        "alter table chatbots set unlogged",
    ]


@fault(fail=["table_is_ordinary"])
def table_has_a_child(plan: Plan) -> None:
    """An archive inherits from the table: its rows are chatbots too, and no unique index covers both."""
    plan.statements.append("create table chatbots_archive () inherits (chatbots)")


@fault(
    fail=["column_is_not_null", DEFAULT, "token_is_unique_by_index", "table_is_ordinary"],
)
def table_is_a_view(plan: Plan) -> None:
    """chatbots is a view for old clients over chatbots_v2, through which rows are inserted."""
    plan.statements += [
        "alter table chatbots rename to chatbots_v2",
        "create view chatbots as select * from chatbots_v2",
        "alter view chatbots owner to app",
    ]


@fault(fail=POSTS, unknown=ABOUT_ACKNOWLEDGED)
def app_may_not_insert(plan: Plan) -> None:
    """The migration created the table again and forgot the rights: every POST answers 500 with 42501."""
    plan.statements += [
        "alter table chatbots owner to postgres",
        "grant select, delete on chatbots to app",
        "grant select on chatbots_id_seq to app",
    ]


@fault(fail=POSTS, unknown=[DEFAULT, *ABOUT_ACKNOWLEDGED])
def default_may_not_be_called(plan: Plan) -> None:
    """The app's role has no right to the schema of the default's function: every POST answers 500 with 42501.

    The function takes a good UUID apart and puts it together again: its text proves neither that the tokens are good
    nor that they are not.
    """
    plan.statements += [
        "create schema makers",
        maker("makers.uuid_generate_v4", 4, "uuid_send(gen_random_uuid())"),
        default("makers.uuid_generate_v4()"),
        "revoke execute on function makers.uuid_generate_v4() from public",
    ]
