"""Judgements of a column's default, on hand-written facts; `tests/postgres` has the same of a real Postgres."""

from __future__ import annotations

import time

import pytest

from harness.checkers.defaults import demand_proven, unproven_default, wrong_default, wrong_evaluations
from harness.errors import CouldNotTell
from harness.postgres.column_default import Default, Function
from harness.postgres.default import DefaultEvaluation
from tests.support.table_facts import CORE, RIGHT

OSSP = Function("public", "uuid_generate_v4", "uuid_generate_v4", "c", "uuid-ossp", "$libdir/uuid-ossp")
PGCRYPTO = Function("public", "gen_random_uuid", "pg_random_uuid", "c", "pgcrypto", "$libdir/pgcrypto")
IMPOSTOR = Function("public", "uuid_generate_v4", "select md5(now()::text)::uuid", "sql", "")
MD5 = CORE._replace(name="md5", source="md5_text")
NOW = CORE._replace(name="now", source="now")
LEFT = CORE._replace(name="left", source="text_left")
TO_VARCHAR = CORE._replace(name="varchar", source="varchar")


@pytest.mark.parametrize(
    ("expression", "functions"),
    [
        ("gen_random_uuid()", (CORE,)),
        ("uuidv4()", (CORE._replace(name="uuidv4"),)),
        ("uuid_generate_v4()", (OSSP,)),
        ("public.uuid_generate_v4()", (OSSP,)),
        ("extensions.uuid_generate_v4()", (OSSP._replace(schema="extensions"),)),
        ('"my-ext".uuid_generate_v4()', (OSSP._replace(schema="my-ext"),)),
        ("uuid_generate_v4()", (OSSP._replace(library="uuid-ossp"),)),
        ("gen_random_uuid()", (PGCRYPTO,)),
        ("renamed()", (OSSP._replace(name="renamed"),)),
        ("(gen_random_uuid())::text", (CORE,)),
        ("((uuid_generate_v4())::text)::uuid", (OSSP,)),
        ("(gen_random_uuid())::character varying(36)", (CORE, TO_VARCHAR)),
    ],
)
def test_a_database_generator_is_known_by_identity(expression: str, functions: tuple[Function, ...]) -> None:
    """In whatever schema, by whatever name, with a cast or without: what makes the value is the generator itself."""
    default = Default(expression, functions)
    assert wrong_default(default) is None
    assert unproven_default(default) is None


@pytest.mark.parametrize(
    ("expression", "functions", "want"),
    [
        ("uuidv7()", (CORE._replace(name="uuidv7", source="uuidv7"),), "default uuidv7()"),
        ("''::text", (), "default ''::text"),
        ("'0b7e6f0e-7c35-4b8e-9d2f-6a4c8f3a1b20'::uuid", (), "default '…'::uuid"),
        (
            "(md5((random())::text))::uuid",
            (MD5, CORE._replace(source="drandom")),
            "default (md5((random())::text))::uuid",
        ),
        ('"left"((gen_random_uuid())::text, 8)', (CORE, LEFT), None),
        ("COALESCE(NULL::uuid, gen_random_uuid())", (CORE,), None),
        ("(gen_random_uuid())::character varying(8)", (CORE, TO_VARCHAR), None),
        ("(uuid_generate_v4())::character(35)", (OSSP, TO_VARCHAR), None),
        (
            "uuid_generate_v4()",
            (IMPOSTOR,),
            "default uuid_generate_v4(), which calls public.uuid_generate_v4 (sql, of no extension)",
        ),
        (
            "public.gen_random_uuid()",
            (IMPOSTOR._replace(name="gen_random_uuid", source="begin return md5(now()); end", language="plpgsql"),),
            "default public.gen_random_uuid(), which calls public.gen_random_uuid (plpgsql, of no extension)",
        ),
        (
            "uuid_generate_v1()",
            (OSSP._replace(name="uuid_generate_v1", source="uuid_generate_v1"),),
            "default uuid_generate_v1(), which calls public.uuid_generate_v1 (of extension uuid-ossp)",
        ),
    ],
)
def test_what_is_proven_to_be_no_generator_is_wrong(
    expression: str, functions: tuple[Function, ...], want: str | None
) -> None:
    """A function of the right name whose text is no generator, one of another version, or anything around the call."""
    found = wrong_default(Default(expression, functions, named=(MD5, NOW)))
    assert found is not None
    assert found.startswith("default ")
    assert want in (None, found)


@pytest.mark.parametrize(
    ("functions", "why"),
    [
        ((OSSP._replace(extension="uuid_ossp_fork"),), "public.uuid_generate_v4 is not known, and has no text"),
        ((OSSP._replace(library="/tmp/uuid-ossp"),), "public.uuid_generate_v4 is not known, and has no text"),
        ((OSSP._replace(language="internal"),), "public.uuid_generate_v4 is not known, and has no text"),
        ((IMPOSTOR._replace(language="plpython3u"),), "public.uuid_generate_v4 is not known, and has no text"),
        ((IMPOSTOR._replace(source="select 'it''s'' || token"),), "the text of public.uuid_generate_v4 was not"),
        ((IMPOSTOR._replace(source="select token()"),), r"calls token\(\), which was not found"),
        ((IMPOSTOR._replace(source="select t from pool"),), "reads pool"),
        ((IMPOSTOR._replace(source="select a from generate_series(1, 2) a, pool"),), "reads pool"),
        ((IMPOSTOR._replace(settings=("role=other",)),), "the text of public.uuid_generate_v4 was not understood"),
        ((CORE._replace(source="query_to_xml"),), "is not known"),
    ],
)
def test_what_is_not_proven_cannot_be_told(functions: tuple[Function, ...], why: str) -> None:
    """Neither right nor wrong: the cause says why."""
    default = Default("uuid_generate_v4()", functions, named=(MD5, NOW, CORE._replace(name="generate_series")))
    assert wrong_default(default) is None
    with pytest.raises(CouldNotTell, match=why):
        demand_proven(RIGHT._replace(default=default))


def test_strings_of_a_function_are_not_shown() -> None:
    """They may hold a password, or somebody's token."""
    source = "begin perform dblink_exec('host=x password=hunter22', $$insert$$); return gen_random_uuid(); end"
    function = IMPOSTOR._replace(language="plpgsql", source=source)
    said = unproven_default(Default("uuid_generate_v4()", (function,), named=(CORE,)))
    assert said is not None
    assert "perform dblink_exec('…', '…'); return gen_random_uuid()" in said
    assert "hunter22" not in said


def test_no_default_is_said() -> None:
    """It is its own finding."""
    assert wrong_default(None) == "no default"
    assert unproven_default(None) is None


def test_values_that_are_no_good_are_counted() -> None:
    """By version, and by how many are the same."""
    assert wrong_evaluations(DefaultEvaluation(10, 10, 10, "x")) == []
    assert wrong_evaluations(DefaultEvaluation(10, 1, 4, "x")) == [
        "of 10 values that it makes 6 are not version 4 UUIDs, such as x",
        "of 10 values that it makes only 1 are distinct",
    ]


@pytest.mark.parametrize(
    "text",
    [
        "(" * 49_990,
        "::uuid" * 8_000,
        ";" * 49_990,
        "a." * 24_990,
        "'" * 49_990,
        "/*" * 24_000,
        "f(" * 24_000,
        "$a$" * 16_000,
    ],
    ids=["parentheses", "casts", "semicolons", "names", "quotes", "comments", "calls", "dollars"],
)
def test_a_hostile_text_is_read_in_linear_time(text: str) -> None:
    """As an expression, and as the body of a function; a fiftieth of the bound is usual."""
    began_s = time.monotonic()
    for default in (
        Default(text, (CORE,)),
        Default("uuid_generate_v4()", (IMPOSTOR._replace(source=f"select {text}"),), named=(CORE,) * 1000),
    ):
        assert wrong_default(default) is None or unproven_default(default) is None
    assert time.monotonic() - began_s < 10
