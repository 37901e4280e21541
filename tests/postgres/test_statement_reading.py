"""Who makes the token, read from statements as Postgres shows them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from harness.postgres import statement_reading
from harness.postgres.statement_reading import read_statement
from harness.postgres.token_writes import MOST_READ, Target

if TYPE_CHECKING:
    from harness.postgres.token_writes import Writer

COLUMNS = ("id", "name", "public_token", "require_auth")
LEADING = frozenset({("public", "bots"), ("public", "chatbots_2026")})  # a view of it, and a partition
TARGET = Target("public", "chatbots", "public_token", COLUMNS, LEADING)

BY_THE_DATABASE = [
    "insert into chatbots (name, require_auth) values ($1, $2) returning id, public_token",
    'INSERT INTO "public"."chatbots" ("name") VALUES ($1)',
    'insert into "chatbots" ("id", "name", "public_token") values (default, $1, default) returning "id"',
    "insert into chatbots (name, public_token) values ($1, gen_random_uuid())",
    "insert into chatbots (name, public_token) values ($1, public.uuid_generate_v4()::uuid)",
    "/* route: create */ insert into chatbots as c (name) -- all\n values ('a, (b)')",
    "INSERT INTO chatbots (name, public_token) VALUES (coalesce($1, 'x, y)'), DEFAULT)",
    "insert into Chatbots (Name) values ($1);",
]
BY_THE_APP = [
    "insert into chatbots (name, public_token) values ($1, $2)",
    'INSERT INTO chatbots ("public_token", name) VALUES ($1::uuid, $2)',
    "insert into public.chatbots (name, public_token, require_auth) values ('it''s', 'k3x9ab', false)",
    "insert into chatbots (name, public_token) values ($1, cast($2 as uuid))",
    "insert into chatbots (name, public_token) values ($1, null)",
]
ELSEWHERE = [
    "insert into other (name, public_token) values ($1, $2)",
    "insert into preview.chatbots (name, public_token) values ($1, $2)",
    'insert into "Chatbots" (name, public_token) values ($1, $2)',
    "select 'insert into chatbots'",
    "select * from chatbots where name = 'update chatbots set public_token'",
    "delete from chatbots where id = $1",
    "update chatbots set name = $1 where id = $2",
    "begin",
    "",
]
# Only a parser tells these.
PARSED: list[tuple[str, Writer | None]] = [
    ("with made as (insert into chatbots (name) values ($1) returning id) select id from made", "database"),
    ("with made as (insert into chatbots (name, public_token) values ($1, $2) returning *) select * from made", "app"),
    ("insert into chatbots default values", "database"),
    ("insert into chatbots values (default, $1)", "database"),
    ("insert into chatbots values (default, $1, $2, false)", "app"),
    ("insert into chatbots values (default, $1, default, false)", "database"),
    ("insert into chatbots (name) select name from imported", "database"),
    ("insert into chatbots (name, public_token) select name, md5(name)::uuid from imported", "app"),
    ("insert into chatbots (name, public_token) select name, gen_random_uuid() from imported", "database"),
    ("insert into chatbots (name, public_token) select name, token from imported", "unclear"),
    ("insert into chatbots select * from imported", "unclear"),
    (
        (
            "with t as (select $1 as name, gen_random_uuid() as token) "
            "insert into chatbots (name, public_token) select name, token from t"
        ),
        "database",
    ),
    (
        (
            "with t (name, token) as (select $1, md5($2)::uuid as token) "
            "insert into chatbots (name, public_token) select name, t.token from t"
        ),
        "app",
    ),
    ("insert into chatbots (name, public_token) values ($1, default), ($2, $3)", "app"),
    ("insert into chatbots (name, public_token) values ($1, default), ($2, default)", "database"),
    ("insert into chatbots (name, public_token) values ($1, coalesce($2, gen_random_uuid()))", "app"),
    ("insert into chatbots (name, public_token) values ($1, (select gen_random_uuid()))", "database"),
    ("insert into chatbots (name, public_token) values ($1, md5(random()::text)::uuid)", "app"),
    ("insert into chatbots (name) values ($1) on conflict (name) do update set public_token = $2", "app"),
    ("insert into chatbots (name) values ($1) on conflict do nothing", "database"),
    ("update chatbots set public_token = $1 where id = $2", "app"),
    ('update "public"."chatbots" as c set name = $1, public_token = gen_random_uuid() where id = $2', "database"),
    ("update chatbots set (name, public_token) = ($1, $2) where id = $3", "app"),
    ("update chatbots set (name, public_token) = (select $1, gen_random_uuid()) where id = $3", "database"),
    ("update chatbots set public_token = public_token, name = $1", None),
    (
        (
            "merge into chatbots c using (values ($1, $2)) v(n, t) on false "
            "when not matched then insert (name, public_token) values (v.n, $2::uuid)"
        ),
        "app",
    ),
    (
        "merge into chatbots c using (values ($1)) v(n) on false when not matched then insert (name) values (v.n)",
        "database",
    ),
    ("copy chatbots (name) from stdin", "database"),
    ("copy chatbots (name, public_token) from stdin", "app"),
    ("copy public.chatbots from stdin", "app"),
    ("copy chatbots to stdout", None),
    ("insert into bots (name, public_token) values ($1, $2::uuid || '')", "app"),
    ("insert into chatbots_2026 (name, public_token) select $1, $2", "app"),
    ('insert into "public"."chatbots" as "c" ("name","public_token") values ($1, upper($2)::uuid)', "app"),
    ("explain insert into chatbots (name, public_token) values ($1, $2)", "app"),
]


@pytest.fixture(params=[True, False], ids=["parser", "no parser"])
def parser(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Whether Postgres' own parser is installed."""
    monkeypatch.setattr(statement_reading, "is_parser_installed", lambda: request.param)
    return bool(request.param)


@pytest.mark.parametrize("statement", BY_THE_DATABASE)
def test_statement_leaves_the_token_to_the_database(statement: str, parser: bool) -> None:
    """The column is not named, or DEFAULT or a generator of the database is said for it."""
    reading = read_statement(statement, TARGET)
    assert (reading.writer, reading.inserts) == ("database", True)


@pytest.mark.parametrize("statement", BY_THE_APP)
def test_statement_gives_the_token_a_value(statement: str, parser: bool) -> None:
    """A parameter, a literal or NULL stands for the token."""
    reading = read_statement(statement, TARGET)
    assert (reading.writer, reading.inserts) == ("app", True)


@pytest.mark.parametrize("statement", ELSEWHERE)
def test_statement_writes_no_token(statement: str) -> None:
    """Another table, another column, or nothing is written."""
    reading = read_statement(statement, TARGET)
    assert (reading.writer, reading.inserts) == (None, False)


@pytest.mark.parametrize(("statement", "writer"), PARSED)
def test_parsed_statement(statement: str, writer: Writer | None) -> None:
    """Whatever is neither DEFAULT nor a generator of Postgres is the app's, in any statement."""
    assert read_statement(statement, TARGET).writer == writer


@pytest.mark.parametrize(("statement", "writer"), PARSED)
def test_without_a_parser_it_is_not_understood(
    statement: str, writer: Writer | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What may write the token is unclear, and never harmless."""
    monkeypatch.setattr(statement_reading, "is_parser_installed", lambda: False)
    assert read_statement(statement, TARGET).writer in ("unclear", writer)


@pytest.mark.parametrize(
    ("statement", "writer"),
    [
        ("insert into chatbots (name, require_auth) values ('" + "a" * 900, "database"),
        ("insert into chatbots (name, public_token) values ('" + "a" * 900, "unclear"),
        ("insert into chatbots (name, public_token) values ($1, $", "unclear"),
        ("insert into chatbots (name, pub", "unclear"),
        ("with a as (insert into chatbots (name) values ($1", "unclear"),
    ],
)
def test_statement_that_was_cut_off(statement: str, writer: Writer, parser: bool) -> None:
    """Its columns tell, where they are whole; whatever may stand behind the cut is unclear."""
    assert read_statement(statement, TARGET).writer == writer


def test_names_in_mixed_case_are_told_apart() -> None:
    """Quoted names keep their case, as in the catalog."""
    statement = 'INSERT INTO "app"."Chatbot" ("name","publicToken") VALUES ($1,$2)'
    assert read_statement(statement, Target("app", "Chatbot", "publicToken")).writer == "app"
    assert read_statement(statement, Target("app", "chatbot", "publicToken")).writer is None
    assert read_statement(statement, Target("public", "Chatbot", "publicToken")).writer is None


@pytest.mark.parametrize("statement", ["select make_chatbot($1)", "call public.make_chatbot($1, $2)"])
def test_calls_are_handed_on(statement: str, parser: bool) -> None:
    """A function may store the row: whoever knows the catalog follows it."""
    assert "make_chatbot" in {name for _, name in read_statement(statement, TARGET).calls}


@pytest.mark.parametrize(
    "piece", ["/*", "'", '"', "(", "$a$", "--", "insert into chatbots (", "a.", "with a as (", "a,"]
)
def test_reading_is_bounded(piece: str) -> None:
    """A statement that is made to be slow ends, and says nothing that it does not say."""
    statement = "insert into chatbots (" + piece * (MOST_READ // len(piece))
    assert read_statement(statement, TARGET).writer in (None, "unclear")


VIEW = Target("public", "bots", "link", (), frozenset({("public", "bots")}))


@pytest.mark.parametrize("installed", [True, False])
@pytest.mark.parametrize(
    ("statement", "writer"),
    [
        ("insert into bots (name, link) values ($1, $2)", "app"),
        ("insert into bots (name) values ($1)", "database"),
        ("insert into chatbots (name) values ($1) returning id", "database"),
        ("insert into chatbots (name, public_token) values ($1, $2)", "app"),
        ("insert into chatbots (name, link) values ($1, $2)", "database"),
        ("insert into bots (name, public_token) values ($1, $2)", "database"),
        ("insert into other (name, link) values ($1, $2)", None),
    ],
)
def test_a_view_has_a_name_of_its_own_for_the_token(
    monkeypatch: pytest.MonkeyPatch, statement: str, writer: Writer | None, *, installed: bool
) -> None:
    """It is told by that, and the table by its own; also where a view's name is a part of the table's."""
    if not installed:
        monkeypatch.setattr(statement_reading, "is_parser_installed", lambda: False)
    table = TARGET._replace(leading=frozenset())
    if not installed and writer is None:
        pytest.skip("what mentions the table is unclear without a parser")
    assert read_statement(statement, table, VIEW).writer == writer
