"""Tables that a migration may meet: what stands in its way, and what only looks as if it did.

Each is a few statements on one table, with the SQLSTATE that the plain migration ends in there, at each step that a
deployment takes: the cast, NOT NULL, a unique index, and the first INSERT of the new code. No state: it passes.
"""

from __future__ import annotations

from dataclasses import dataclass, field

BASE = """
create table chatbots (
    id bigserial primary key,
    name text not null,
    public_token {type} not null,
    require_auth boolean not null default false
);
alter table chatbots add constraint chatbots_public_token_key unique (public_token);
"""
ONE = "0b7e6f0e-7c35-4b8e-9d2f-6a4c8f3a1b20"
TWO = "a5cb0f5e-93c4-4d0e-8f64-1f0e5a3d9c11"
HOLDS_UUIDS = f"insert into chatbots (name, public_token) values ('one', '{ONE}'), ('two', '{TWO}')"


@dataclass(frozen=True, slots=True)
class Situation:
    """What is done to the table, and what the steps of the migration end in."""

    name: str
    ddl: tuple[str, ...]
    states: frozenset[str] = field(default_factory=frozenset)
    type: str = "varchar(64)"
    base: str = BASE
    rows: str = HOLDS_UUIDS
    extension: str = ""


def _of(name: str, state: str, *ddl: str, **more: str) -> Situation:
    return Situation(name, ddl, frozenset(state.split()), **more)


def _token(value: str) -> str:
    return f"insert into chatbots (name, public_token) values ('another', '{value}')"


NO_UNIQUE = "alter table chatbots drop constraint chatbots_public_token_key"
NULLABLE = "alter table chatbots alter column public_token drop not null"
OTHER = "create table links (id bigserial primary key, token {type}"
PARTITIONED = """
create table chatbots (
    id bigserial, name text not null, public_token {type} not null, require_auth boolean not null default false
) partition by {by};
create table chatbots_all partition of chatbots default;
"""
PARENT = """
create table things (public_token {type} not null);
create table chatbots (id bigserial primary key, name text not null, require_auth boolean default false)
    inherits (things);
"""
TRIGGERED = (
    "create function noticed() returns trigger language plpgsql as $$ begin return new; end $$",
    "create trigger noticed {when} on chatbots for each row {condition} execute function noticed()",
)


def _trigger(when: str, condition: str = "") -> tuple[str, ...]:
    return TRIGGERED[0], TRIGGERED[1].format(when=when, condition=condition)


def _view(what: str) -> str:
    return f"create view shown as select {what} from chatbots"


TOKENS = [
    _of("nothing", ""),
    _of("no_rows", "", rows="select"),
    _of("short_token", "22P02", _token("abc123")),
    _of("empty_token", "22P02", _token("")),
    _of("blank_around", "22P02", _token(f" {ONE}")),
    _of("blank_behind", "22P02", _token(f"{TWO} ")),
    _of("line_break_behind", "22P02", f"insert into chatbots (name, public_token) values ('x', e'{ONE}\\n')"),
    _of("urn", "22P02", _token(f"urn:uuid:{ONE}")),
    _of("brace_left_open", "22P02", _token("{" + ONE.replace("0b7e", "1b7e"))),
    _of("brace_only_closed", "22P02", _token(ONE.replace("0b7e", "1b7e") + "}")),
    _of("one_digit_too_few", "22P02", _token(ONE[:-1])),
    _of("one_digit_too_many", "22P02", _token(ONE + "0")),
    _of("no_hexadecimal_digit", "22P02", _token(ONE.replace("0b7e", "0g7e"))),
    _of("full_width_digit", "22P02", _token(ONE.replace("0b7e", "\uff10b7e"))),
    _of("dash_after_a_byte", "22P02", _token("0b-7e6f0e-7c35-4b8e-9d2f-6a4c8f3a1b21")),
    _of("two_dashes", "22P02", _token(ONE.replace("-", "--", 1))),
    _of("dash_at_the_end", "22P02", _token(ONE + "-")),
    _of("another_in_braces", "", _token("{" + ONE.replace("0b7e", "1b7e") + "}")),
    _of("another_without_dashes", "", _token(ONE.replace("0b7e", "1b7e").replace("-", ""))),
    _of("another_with_dashes_elsewhere", "", _token("1b7e-6f0e-7c35-4b8e-9d2f-6a4c-8f3a-1b20")),
    _of("another_in_upper_case", "", _token(ONE.replace("0b7e", "1b7e").upper())),
    _of("another_version", "", _token("0b7e6f0e-7c35-1b8e-9d2f-6a4c8f3a1b20")),
    _of("nil", "", _token("00000000-0000-0000-0000-000000000000")),
    _of("same_in_upper_case", "23505", _token(ONE.upper())),
    _of("same_in_braces", "23505", _token("{" + ONE + "}")),
    _of("same_without_dashes", "23505", _token(ONE.replace("-", ""))),
    _of("same_in_upper_case_and_not_unique", "23505", NO_UNIQUE, _token(ONE.upper())),
    _of("stored_twice_and_not_unique", "23505", NO_UNIQUE, _token(ONE)),
    _of("not_unique", "", NO_UNIQUE),
    _of("null", "23502", NULLABLE, "insert into chatbots (name) values ('none')"),
    _of("nullable", "", NULLABLE),
    _of("null_and_short", "22P02 23502", NULLABLE, "insert into chatbots (name) values ('none')", _token("abc123")),
    _of("short_and_same", "22P02 23505", _token("abc123"), _token(ONE.upper())),
    _of("text", "", type="text"),
    _of("text_short", "22P02", _token("abc123"), type="text"),
    _of("char_that_fits", "", type="char(36)"),
    _of("char_that_is_padded", "22P02", type="char(40)"),
    _of("name", "", type="name"),
    _of("bytea", "42846", type="bytea", rows="select"),
    _of("domain", "", base="create domain token as varchar(64);" + BASE, type="token"),
    _of("domain_short", "22P02", _token("abc123"), base="create domain token as varchar(64);" + BASE, type="token"),
    _of("enumeration", "42846", base=f"create type token as enum ('{ONE}', '{TWO}');" + BASE, type="token"),
    _of("default_of_text", "", "alter table chatbots alter column public_token set default 'x'"),
    _of("default_of_old_function", "", "alter table chatbots alter column public_token set default md5('x')"),
    _of("already_uuid", "", type="uuid"),
    _of("already_uuid_with_view", "0A000", _view("public_token"), type="uuid"),
    _of("already_uuid_and_not_unique", "23505", NO_UNIQUE, _token(ONE), type="uuid"),
]
DEPENDENTS = [
    _of("view", "0A000", _view("id, public_token")),
    _of("view_that_filters_by_it", "0A000", "create view shown as select id from chatbots where public_token <> ''"),
    _of("view_of_all", "0A000", _view("*")),
    _of("view_of_other_columns", "", _view("id, name")),
    _of("view_that_counts", "", _view("count(*)")),
    _of("view_of_whole_row", "", "create view shown as select c from chatbots c"),
    _of("view_of_view", "0A000", _view("public_token"), "create view shown_again as select * from shown"),
    _of("materialized_view", "0A000", "create materialized view kept as select public_token from chatbots"),
    _of("view_elsewhere", "0A000", "create schema other", "create view other.v as select public_token from chatbots"),
    _of("rule", "0A000", "create rule r as on update to chatbots where new.public_token = '' do also select 1"),
    _of("rule_without_it", "", "create rule r as on update to chatbots where new.id = 0 do also select 1"),
    _of("policy", "0A000", "create policy p on chatbots using (public_token <> '')"),
    _of("policy_that_checks", "0A000", "create policy p on chatbots for insert with check (public_token <> '')"),
    _of("policy_without_it", "", "create policy p on chatbots using (require_auth)"),
    _of(
        "policy_of_another_table",
        "0A000",
        "create table seen (token text)",
        "create policy p on seen using (token in (select public_token from chatbots))",
    ),
    _of("trigger_of_its_update", "0A000", *_trigger("before update of public_token")),
    _of("trigger_when", "0A000", *_trigger("before update", "when (new.public_token is not null)")),
    _of("trigger_when_row_changes", "", *_trigger("before update", "when (new.* is distinct from old.*)")),
    _of("trigger_of_another_column", "", *_trigger("before update of name", "when (new.name <> '')")),
    _of("trigger", "", *_trigger("before insert or update")),
    _of("generated", "0A000", "alter table chatbots add short text generated always as (left(public_token, 3)) stored"),
    _of("generated_without_it", "", "alter table chatbots add short text generated always as (left(name, 3)) stored"),
    _of(
        "function_with_sql_body",
        "0A000",
        "create function first_token() returns text begin atomic select public_token from chatbots limit 1; end",
    ),
    _of(
        "function_with_text_body",
        "",
        "create function first_token() returns text language sql as 'select public_token from chatbots limit 1'",
    ),
    _of("publication", "", "create publication p for table chatbots"),
    _of("publication_of_all", "", "create publication p for all tables"),
    _of("publication_of_columns", "0A000", "create publication p for table chatbots (id, public_token)"),
    _of("publication_of_other_columns", "", "create publication p for table chatbots (id, name)"),
    _of("publication_of_rows", "0A000", "create publication p for table chatbots where (public_token <> '')"),
    _of("publication_of_rows_without_it", "", "create publication p for table chatbots where (id > 0)"),
    _of("row_type_in_a_table", "0A000", "create table kept (row chatbots)"),
    _of("row_type_in_a_table_as_array", "0A000", "create table kept (rows chatbots[])"),
    _of("row_type_in_a_function", "", "create function f(chatbots) returns int language sql as 'select 1'"),
    _of("inherited_by_another", "", "create table special () inherits (chatbots)"),
    _of(
        "view_of_one_that_inherits",
        "0A000",
        "create table special () inherits (chatbots)",
        "create view shown as select public_token from special",
    ),
    _of(
        "short_token_in_one_that_inherits",
        "22P02",
        "create table special () inherits (chatbots)",
        "insert into special (name, public_token) values ('x', 'abc123')",
    ),
    _of("inherits_it", "42P16", base=PARENT),
    _of("partitioned_by_id", "0A000", base=PARTITIONED.replace("{by}", "range (id)")),
    _of("partitioned_by_it", "42P16", base=PARTITIONED.replace("{by}", "list (public_token)")),
    _of("replica_identity", "", "alter table chatbots replica identity using index chatbots_public_token_key"),
    _of("rights_on_the_column", "", "grant select (public_token) on chatbots to public"),
    _of("row_security", "", "alter table chatbots enable row level security"),
    _of(
        "typed",
        "42809",
        base="create type thing as (id int, name text, public_token varchar(64)); create table chatbots of thing;",
        rows="select",
    ),
    _of(
        "is_a_view",
        "42809",
        base="create table kept (id int, name text, public_token {type}); create view chatbots as select * from kept",
        rows="select",
    ),
    _of(
        "is_itself_generated",
        "42611",
        base="create table chatbots (id int, name text, public_token text generated always as (name) stored)",
        rows="select",
    ),
    _of(
        "primary_key",
        "",
        NO_UNIQUE,
        "alter table chatbots drop constraint chatbots_pkey, add primary key (public_token)",
    ),
]
FOREIGN_KEYS = [
    _of("referred_to", "42804", OTHER.format(type="varchar(64) references chatbots (public_token))")),
    _of(
        "refers",
        "42804",
        "create table given (token varchar(64) primary key)",
        f"insert into given values ('{ONE}'), ('{TWO}')",
        "alter table chatbots add foreign key (public_token) references given",
    ),
    _of("refers_to_itself", "42804", "alter table chatbots add parent varchar(64) references chatbots (public_token)"),
    _of(
        "not_valid_reference",
        "42804",
        "create table given (token varchar(64) primary key)",
        "alter table chatbots add foreign key (public_token) references given not valid",
    ),
    _of("referred_to_by_id", "", OTHER.format(type="varchar(64), of bigint references chatbots)")),
    _of(
        "refers_by_another_column",
        "",
        "create table given (id bigint primary key)",
        "alter table chatbots add given bigint references given",
    ),
    _of(
        "refers_with_its_own_column",
        "",
        "alter table chatbots add foreign key (public_token) references chatbots (public_token)",
    ),
]


def _check(expression: str) -> str:
    return f"alter table chatbots add constraint shape check ({expression})"


def _index(definition: str, kind: str = "index") -> str:
    return f"create {kind} another on chatbots {definition}"


TEXT = {"type": "text"}
EXPRESSIONS = [
    _of("check_length", "42883", _check("length(public_token) > 5"), **TEXT),
    _of("check_length_of_varchar", "", _check("length(public_token) > 5")),
    _of("check_length_that_no_uuid_has", "23514", _check("length(public_token) < 10"), rows="select"),
    _of("check_not_empty", "42883", _check("public_token <> ''"), **TEXT),
    _of("check_not_empty_of_varchar", "", _check("public_token <> ''")),
    _of("check_like", "42883", _check("public_token ~ '^[0-9a-f-]+$'"), **TEXT),
    _of("check_pattern_of_varchar", "", _check("public_token ~ '^[0-9a-f-]+$'")),
    _of(
        "check_pattern_in_upper_case",
        "23514",
        "delete from chatbots",
        _check("public_token ~ '^[0-9A-F-]+$'"),
        _token(ONE.upper()),
    ),
    _of("check_not_null", "", _check("public_token is not null"), **TEXT),
    _of("check_of_another_column", "", _check("name <> ''")),
    _of("check_with_another_column", "42883", _check("public_token <> name"), **TEXT),
    _of("check_with_another_column_of_varchar", "", _check("public_token <> name")),
    _of("check_not_valid", "42883", _check("length(public_token) > 5") + " not valid", **TEXT),
    _of("check_in_a_list", "42883", _check("public_token not in ('a', 'b')"), **TEXT),
    _of("check_coalesce", "42804", _check("coalesce(public_token, 'x') is not null"), **TEXT),
    _of(
        "check_own_function",
        "42883",
        "create function fine(text) returns boolean language sql immutable as 'select true'",
        _check("fine(public_token)"),
        **TEXT,
    ),
    _of("check_whole_row", "", _check("chatbots.* is not null")),
    _of("index_lower", "42883", _index("(lower(public_token))"), **TEXT),
    _of("index_lower_of_varchar", "", _index("(lower(public_token))")),
    _of("index_lower_unique_of_varchar", "", _index("(lower(public_token))", "unique index")),
    _of("index_cast_to_text", "", _index("((public_token::text))"), **TEXT),
    _of("index_left", "42883", _index("(left(public_token, 3))"), **TEXT),
    _of("index_concatenated", "", _index("((public_token || 'x'))"), **TEXT),
    _of("index_of_both", "", _index("(name, public_token)")),
    _of("index_partial_not_empty", "42883", _index("(id) where public_token <> ''"), **TEXT),
    _of("index_partial_not_empty_of_varchar", "", _index("(id) where public_token <> ''")),
    _of("index_partial_not_null", "", _index("(public_token) where public_token is not null")),
    _of("index_partial_of_another", "", _index("(public_token) where require_auth")),
    _of("index_pattern_ops", "42804", _index("(public_token varchar_pattern_ops)")),
    _of("index_text_pattern_ops", "42804", _index("(public_token text_pattern_ops)"), **TEXT),
    _of("index_varchar_ops", "42804", _index("(public_token varchar_ops)")),
    _of("index_of_expression_pattern_ops", "", _index("((public_token::text) text_pattern_ops)")),
    _of("index_collated", "42804", _index('(public_token collate "C")')),
    _of("column_collated", "", 'alter table chatbots alter public_token type varchar(64) collate "C"'),
    _of(
        "column_and_index_collated",
        "",
        'alter table chatbots alter public_token type varchar(64) collate "C"',
        _index('(public_token collate "C" desc)'),
    ),
    _of("index_of_expression_collated", "", _index('((public_token::text) collate "C")')),
    _of("index_hash", "", _index("using hash (public_token)")),
    _of("index_brin", "", _index("using brin (public_token)")),
    _of("index_brin_bloom", "42804", _index("using brin (public_token text_bloom_ops)"), **TEXT),
    _of("index_spgist", "42704", _index("using spgist (public_token)"), **TEXT),
    _of("index_trigram", "42804", "create extension pg_trgm", _index("using gin (public_token gin_trgm_ops)")),
    _of("index_gin_btree", "", "create extension btree_gin", _index("using gin (public_token)")),
    _of("index_included", "", _index("(id) include (public_token)")),
    _of("index_unique_of_two", "", _index("(name, public_token)", "unique index")),
    _of(
        "index_unique_of_two_that_collide",
        "23505",
        NO_UNIQUE,
        _index("(name, public_token)", "unique index"),
        "update chatbots set name = 'another'",
        _token(ONE.upper()),
    ),
    _of(
        "index_unique_partial_that_collides",
        "23505",
        NO_UNIQUE,
        _index("(public_token) where not require_auth", "unique index"),
        _token(ONE.upper()),
    ),
    _of(
        "index_unique_partial_and_same_elsewhere",
        "23505",
        NO_UNIQUE,
        _index("(public_token) where require_auth", "unique index"),
        _token(ONE.upper()),
    ),
    _of(
        "unique_deferrable", "", NO_UNIQUE, "alter table chatbots add constraint again unique (public_token) deferrable"
    ),
    _of("excluded", "", "alter table chatbots add constraint apart exclude using btree (public_token with =)"),
    _of(
        "excluded_that_collides",
        "23P01 23505",
        NO_UNIQUE,
        "alter table chatbots add constraint apart exclude using hash (public_token with =)",
        _token(ONE.upper()),
    ),
    _of(
        "excluded_lower",
        "42883",
        "alter table chatbots add constraint apart exclude using btree (lower(public_token) with =)",
        **TEXT,
    ),
    _of("statistics", "", "create statistics known on name, public_token from chatbots"),
    _of(
        "statistics_of_expression",
        "42883",
        "create statistics known on lower(public_token), name from chatbots",
        **TEXT,
    ),
    _of(
        "statistics_of_expression_of_varchar", "", "create statistics known on lower(public_token), name from chatbots"
    ),
]
KEY_OF_TWO = (
    "alter table chatbots add constraint pair unique (name, public_token)",
    "create table links (n text, t varchar(64), foreign key (n, t) references chatbots (name, public_token))",
)
DEFERRED = "alter table chatbots add constraint again unique (public_token) deferrable initially deferred"
INVALID = (
    _index("(public_token)", "unique index"),
    "update pg_index set indisvalid = false, indisready = false where indexrelid = 'another'::regclass",
)
EXPRESSION_COLLIDES = (
    _index("((public_token || '!'))", "unique index"),
    _token(ONE.upper()),
)
CONSTRAINT_TRIGGER = (
    "create constraint trigger noticed after insert on chatbots deferrable for each row "
    "when (new.public_token is not null) execute function noticed()"
)
FUNCTION_RAISES = """create function fine(token text) returns boolean language plpgsql immutable as $$ begin
    if length(token) <> 32 then raise exception '% is not of 32 characters', token; end if; return true; end $$"""
FUNCTION_PASSES = FUNCTION_RAISES.replace("<> 32", "not in (6, 32, 36)")
ELSEWHERE = "create index another on chatbots (fine(public_token)) where require_auth"
DIGITS = {"rows": "insert into chatbots (name, public_token) values ('one', '11111111222233334444555566667777')"}
MORE = [
    _of("citext", "", extension="citext", type="citext"),
    _of("citext_short", "22P02", _token("abc123"), extension="citext", type="citext"),
    _of("citext_check", "42883", _check("public_token <> ''"), extension="citext", type="citext"),
    _of(
        "partitioned_by_an_expression_of_it", "42P16", base=PARTITIONED.replace("{by}", "list (left(public_token, 1))")
    ),
    _of(
        "is_a_partition",
        "42P16",
        base="create table everything (id bigserial, name text not null, public_token varchar(64) not null) "
        "partition by list (id); create table chatbots partition of everything default",
    ),
    _of("key_of_two_columns", "42804", *KEY_OF_TWO),
    _of(
        "check_of_one_that_inherits",
        "42883",
        "create table special (check (length(public_token) > 5)) inherits (chatbots)",
        type="text",
    ),
    _of(
        "inherited_after_a_column_was_dropped",
        "22P02",
        NULLABLE,  # Postgres 18 refuses to alter NOT NULL constraints that are named apart (55000)
        "alter table chatbots drop column require_auth",
        "create table special (first int, name text, public_token varchar(64))",
        "alter table special add id bigint not null, alter name set not null",
        "alter table special inherit chatbots",
        "insert into special (id, name, public_token) values (9, 'x', 'abc123')",
    ),
    _of("unique_deferrable_that_collides", "23505", NO_UNIQUE, _token(ONE.upper()), DEFERRED),
    _of("index_unique_invalid_and_stored_twice", "23505", NO_UNIQUE, *INVALID, _token(ONE)),
    _of("index_of_words", "42883", _index("using gin (to_tsvector('english', public_token))"), type="text"),
    _of("index_of_words_of_varchar", "", _index("using gin (to_tsvector('english', public_token))")),
    _of("index_of_two_expressions", "", _index("((public_token || name), (name || public_token))")),
    _of("index_unique_expression_that_collides", "23505", NO_UNIQUE, *EXPRESSION_COLLIDES),
    _of("clustered", "", "alter table chatbots cluster on chatbots_public_token_key"),
    _of("commented", "", "comment on column chatbots.public_token is 'made by the app'"),
    _of("stored_externally", "", "alter table chatbots alter public_token set storage external"),
    _of("with_statistics_target", "", "alter table chatbots alter public_token set statistics 500"),
    _of("with_options", "", "alter table chatbots alter public_token set (n_distinct = -1)"),
    _of("unlogged", "", "alter table chatbots set unlogged"),
    _of("replica_identity_full", "", "alter table chatbots replica identity full"),
    _of("function_of_rows", "", "create function f() returns setof chatbots language sql as 'select * from chatbots'"),
    _of("trigger_that_is_a_constraint", "0A000", TRIGGERED[0], CONSTRAINT_TRIGGER),
    _of(
        "trigger_disabled",
        "0A000",
        *_trigger("before update of public_token"),
        "alter table chatbots disable trigger all",
    ),
    _of("policy_that_is_not_enforced", "0A000", "create policy p on chatbots for select using (public_token = name)"),
    _of("check_no_inherit", "42883", _check("length(public_token) > 5") + " no inherit", type="text"),
    _of("check_of_both_lengths", "", _check("length(public_token) between 6 and 36")),
    _of("check_of_old_length", "22P02 23514", _token("abc123"), _check("length(public_token) = 6"), rows="select"),
    _of("check_of_a_number_that_raises", "22P02", NO_UNIQUE, _check("public_token::text::numeric > 0"), **DIGITS),
    _of("check_that_divides_by_nothing", "22012", _check("1 / (length(public_token) - 36) <> 5"), **DIGITS),
    _of("check_that_raises_for_new_tokens", "22012", _check("1 / (length(public_token) - 36) <> 5"), rows="select"),
    _of("index_of_a_number_that_raises", "22P02", NO_UNIQUE, _index("((public_token::text::numeric))"), **DIGITS),
    _of("index_of_a_number_for_new_tokens", "22P02", _index("((public_token::text::numeric))"), rows="select"),
    _of("check_of_numbers", "42846", _check("public_token::bytea is not null"), type="text", rows="select"),
]
# Each calls a function of the database, which a preflight never does: what it does can only be seen on a copy.
OWN_FUNCTIONS = [
    _of("check_that_raises", "P0001", FUNCTION_RAISES, _check("fine(public_token)"), **DIGITS),
    _of("index_that_raises", "P0001", FUNCTION_RAISES, _index("(fine(public_token))"), **DIGITS),
    _of("index_partial_that_raises", "P0001", FUNCTION_RAISES, _index("(id) where fine(public_token)"), **DIGITS),
    _of("index_partial_that_raises_elsewhere", "", FUNCTION_RAISES, ELSEWHERE),
    _of("index_unique_that_raises", "P0001", FUNCTION_RAISES, _index("(fine(public_token))", "unique index"), **DIGITS),
    _of("index_of_own_function_that_passes", "", FUNCTION_PASSES, _index("(fine(public_token))")),
    _of(
        "check_by_way_of_a_domain",
        "22P02 P0001",
        FUNCTION_RAISES,
        "create domain fine_token as text check (fine(value))",
        _check("public_token::text::fine_token is not null"),
        **DIGITS,
    ),
    _of(
        "check_by_way_of_a_domain_of_a_domain",
        "P0001",
        FUNCTION_RAISES,
        "create domain fine_token as text check (fine(value))",
        "create domain finer_token as fine_token",
        _check("public_token::text::finer_token is not null"),
        **DIGITS,
    ),
    _of(
        "check_by_way_of_an_operator",
        "P0001",
        FUNCTION_RAISES,
        "create function alike(text, text) returns boolean language sql immutable as 'select fine($1)'",
        "create operator === (leftarg = text, rightarg = text, function = alike)",
        _check("public_token::text === 'x'"),
        **DIGITS,
    ),
    _of("check_of_a_constant", "", FUNCTION_PASSES, _check("fine('of six') or public_token is null")),
    _of(
        "check_that_runs_what_a_text_says",
        "",
        _check("query_to_xml('select 1', true, true, public_token::text) is not null"),
    ),
    _of(
        "check_that_reads_a_table",
        "",
        _check("public_token is null or table_to_xml('pg_am', true, true, '') is not null"),
    ),
    _of("check_that_tells_others", "", _check("public_token is null or pg_notify('x', 'y') is not null")),
]
SITUATIONS = [*TOKENS, *DEPENDENTS, *FOREIGN_KEYS, *EXPRESSIONS, *MORE]
