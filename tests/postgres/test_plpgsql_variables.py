"""Who makes a token that a PL/pgSQL function holds in a variable before it inserts it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from harness.postgres.statement_reading import read_function
from harness.postgres.token_writes import Target

if TYPE_CHECKING:
    from harness.postgres.token_writes import Writer

TARGET = Target("public", "chatbots", "public_token", ("id", "name", "public_token"))
INSERT = "insert into chatbots (name, public_token) values (p_name, v);"
BY_THE_DATABASE = {
    "declared": f"declare v uuid := gen_random_uuid(); begin {INSERT} end",
    "declared with default": f"declare v uuid default uuid_generate_v4(); begin {INSERT} end",
    "declared with an equals sign": f"declare v uuid = gen_random_uuid(); begin {INSERT} end",
    "a constant": f"declare v constant uuid := public.uuid_generate_v4(); begin {INSERT} end",
    "assigned": f"declare v uuid; begin v := gen_random_uuid(); {INSERT} end",
    "assigned with an equals sign": f"declare v uuid; begin v = gen_random_uuid(); {INSERT} end",
    "in other cases": f"declare V uuid; begin v := gen_random_uuid(); {INSERT.replace('v)', 'V)')} end",
    "quoted": (
        'declare "Token" uuid; begin "Token" := gen_random_uuid(); '
        'insert into chatbots (name, public_token) values (p_name, "Token"); end'
    ),
    "selected": f"declare v uuid; begin select gen_random_uuid() into v; {INSERT} end",
    "selected strictly": f"declare v uuid; begin select gen_random_uuid() into strict v; {INSERT} end",
    "handed on": f"declare w uuid := gen_random_uuid(); v uuid; begin v := w; {INSERT} end",
    "declared by another one": f"declare w uuid := gen_random_uuid(); v uuid := w; begin {INSERT} end",
    "cast": f"declare v uuid; begin v := gen_random_uuid()::uuid; {INSERT} end",
    "in a block of its own": f"begin declare v uuid := gen_random_uuid(); begin {INSERT} end; end",
    "before an if": f"declare v uuid; begin v := gen_random_uuid(); if p_name <> '' then {INSERT} end if; end",
    "in the branch that inserts": (
        f"declare v uuid; begin if p_name <> '' then v := gen_random_uuid(); {INSERT} end if; end"
    ),
    "before a loop": (f"declare v uuid; begin v := gen_random_uuid(); for i in 1..2 loop {INSERT} end loop; end"),
    "in a block with a handler": (
        f"declare v uuid; begin v := gen_random_uuid(); {INSERT} exception when others then raise; end"
    ),
    "a parameter that is given another value": (
        "begin p_token := gen_random_uuid(); insert into chatbots (name, public_token) values (p_name, p_token); end"
    ),
}
BY_THE_APP = {
    "made of something else": f"declare v uuid; begin v := md5(random()::text)::uuid; {INSERT} end",
    "declared of something else": f"declare v uuid := md5(p_name)::uuid; begin {INSERT} end",
    "a parameter": f"declare v uuid; begin v := p_token; {INSERT} end",
    "a parameter where it is declared": f"declare v uuid := p_token; begin {INSERT} end",
    "handed on from a parameter": f"declare w uuid := p_token; v uuid; begin v := w; {INSERT} end",
    "selected from a parameter": f"declare v uuid; begin select p_token into v; {INSERT} end",
    "a parameter or the generator": f"declare v uuid := coalesce(p_token, gen_random_uuid()); begin {INSERT} end",
    "a fixed one": f"declare v uuid := '0b7e6f0e-7c35-4b8e-9d2f-6a4c8f3a1b20'; begin {INSERT} end",
    "the parameter itself": "begin insert into chatbots (name, public_token) values (p_name, p_token); end",
    "the parameter, before it is given another value": (
        "begin insert into chatbots (name, public_token) values (p_name, p_token); p_token := gen_random_uuid(); end"
    ),
}
UNCLEAR = {
    "never assigned": f"declare v uuid; begin {INSERT} end",
    "assigned afterwards": f"declare v uuid; begin {INSERT} v := gen_random_uuid(); end",
    "assigned twice": f"declare v uuid; begin v := gen_random_uuid(); v := p_token; {INSERT} end",
    "declared and assigned": f"declare v uuid := gen_random_uuid(); begin v := p_token; {INSERT} end",
    "assigned in a branch": f"declare v uuid; begin if p_name = '' then v := gen_random_uuid(); end if; {INSERT} end",
    "assigned in the other branch": (
        f"declare v uuid; begin if p_name = '' then v := gen_random_uuid(); else {INSERT} end if; end"
    ),
    "assigned in a branch of a case": (
        f"declare v uuid; begin case p_name when 'a' then v := gen_random_uuid(); else {INSERT} end case; end"
    ),
    "assigned in a loop": (f"declare v uuid; begin for i in 1..0 loop v := gen_random_uuid(); end loop; {INSERT} end"),
    "assigned later in the loop": (
        f"declare v uuid; begin for i in 1..2 loop {INSERT} v := gen_random_uuid(); end loop; end"
    ),
    "assigned in a block with a handler": (
        "declare v uuid; begin begin perform 1 / 0; v := gen_random_uuid(); exception when others then null; end; "
        f"{INSERT} end"
    ),
    "inserted by the handler": (
        f"declare v uuid; begin v := gen_random_uuid(); perform 1 / 0; exception when others then {INSERT} end"
    ),
    "the name of two": (f"declare v uuid := gen_random_uuid(); begin declare v uuid; begin {INSERT} end; end"),
    "brought back by a call": (f"declare v uuid; begin v := gen_random_uuid(); call other(v); {INSERT} end"),
    "fetched besides": (
        "declare v uuid; c cursor for select public_token from other; "
        f"begin v := gen_random_uuid(); open c; fetch c into v; {INSERT} end"
    ),
    "executed into": f"declare v uuid; begin v := gen_random_uuid(); execute 'select 1' into v; {INSERT} end",
    "returned into": (
        f"declare v uuid; begin v := gen_random_uuid(); update other set a = 1 returning b into v; {INSERT} end"
    ),
    "the variable of a loop": (
        f"declare v uuid := gen_random_uuid(); a uuid[]; begin foreach v in array a loop {INSERT} end loop; end"
    ),
    "selected from a table": f"declare v uuid; begin select gen_random_uuid() into v from other; {INSERT} end",
    "selected where something holds": (
        f"declare v uuid; begin select gen_random_uuid() into v where p_name = ''; {INSERT} end"
    ),
    "selected with another": (f"declare v uuid; i int; begin select gen_random_uuid(), 1 into v, i; {INSERT} end"),
    "an element": f"declare v uuid[]; begin v[1] := gen_random_uuid(); {INSERT.replace('v)', 'v[1])')} end",
    "a field of a row": (
        f"declare r record; begin select gen_random_uuid() as v into r; {INSERT.replace('v)', 'r.v)')} end"
    ),
    "a field that is called as a variable is": (
        "declare v uuid := gen_random_uuid(); r record; "
        f"begin select p_token as v into r; {INSERT.replace('v)', 'r.v)')} end"
    ),
    "where a column may come first": (
        f"\n#variable_conflict use_column\ndeclare v uuid := gen_random_uuid(); begin {INSERT} end"
    ),
    "put together": (
        "declare v uuid := gen_random_uuid(); begin "
        "execute 'insert into chatbots (name, public_token) values ($1, $2)' using p_name, v; end"
    ),
}
CASES: list[tuple[str, str, Writer]] = [
    *((name, body, "database") for name, body in BY_THE_DATABASE.items()),
    *((name, body, "app") for name, body in BY_THE_APP.items()),
    *((name, body, "unclear") for name, body in UNCLEAR.items()),
]


@pytest.mark.parametrize(("name", "body", "writer"), CASES, ids=[f"{writer}-{name}" for name, _, writer in CASES])
def test_a_variable_holds_what_it_was_given(name: str, body: str, writer: Writer) -> None:
    """Where it was given something at one place, and the INSERT is certain to follow; else nobody says."""
    definition = (
        "CREATE OR REPLACE FUNCTION public.create_chatbot(p_name text, p_token uuid)\n RETURNS void\n"
        f" LANGUAGE plpgsql\nAS $function${body}$function$\n"
    )
    assert read_function(definition, "plpgsql", frozenset({"p_name", "p_token"}), TARGET).writer == writer, name


def test_a_variable_that_is_returned_is_one_as_well() -> None:
    """An OUT parameter is handed over by nobody."""
    definition = (
        "CREATE OR REPLACE FUNCTION public.create_chatbot(p_name text, OUT made uuid)\n RETURNS uuid\n"
        " LANGUAGE plpgsql\nAS $function$begin made := gen_random_uuid(); "
        "insert into chatbots (name, public_token) values (p_name, made); end$function$\n"
    )
    assert read_function(definition, "plpgsql", frozenset({"p_name", "made"}), TARGET).writer == "database"


def test_a_body_that_is_nested_without_end_is_unclear() -> None:
    """It is read to a bound."""
    body = "begin if true then " * 200 + INSERT + " end if; end;" * 200
    definition = f"CREATE FUNCTION f(p_name text)\n RETURNS void\n LANGUAGE plpgsql\nAS $function${body}$function$"
    assert read_function(definition, "plpgsql", frozenset({"p_name"}), TARGET).writer == "unclear"
