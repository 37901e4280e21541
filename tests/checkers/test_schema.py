"""Judgements of what the catalog says, on hand-written facts: triggers, index, kind of table."""

from typing import Any

import pytest

from harness.checkers.overriding import demand_readable, overriding
from harness.checkers.schema import extraordinary, is_unique_by, shortcomings
from harness.errors import CouldNotTell
from harness.postgres.table import Rule, TableFacts, Trigger
from tests.support.table_facts import RIGHT, RIGHT_INDEX

# --- what overrides it ------------------------------------------------------------------------------------------------


def with_trigger(
    source: str, *, column: str = "public_token", before: bool = True, instead: bool = False
) -> TableFacts:
    trigger = Trigger("make_token", before, instead, "make_token()", source)
    return RIGHT._replace(token_column=column, triggers=(trigger,))


@pytest.mark.parametrize(
    "source",
    [
        "BEGIN NEW.public_token := gen(); RETURN NEW; END",
        "BEGIN new.public_token = gen(); RETURN new; END",
        "BEGIN NEW . public_token:=gen(); RETURN NEW; END",
        "BEGIN\n  NEW.public_token\n    := gen();\n  RETURN NEW;\nEND",
        'BEGIN NEW."public_token" := gen(); RETURN NEW; END',
        "BEGIN NEW.PUBLIC_TOKEN := gen(); RETURN NEW; END",
        "BEGIN SELECT gen() INTO NEW.public_token; RETURN NEW; END",
        "BEGIN SELECT gen() INTO STRICT NEW.public_token; RETURN NEW; END",
        "BEGIN SELECT a, b INTO NEW.name, NEW.public_token; RETURN NEW; END",
        'BEGIN SELECT a INTO new."public_token" FROM t; RETURN NEW; END',
        "BEGIN NEW := jsonb_populate_record(NEW, jsonb_build_object('public_token', gen())); RETURN NEW; END",
        "BEGIN NEW := NEW #= hstore('public_token', gen()); RETURN NEW; END",
        "BEGIN NEW = NEW #= ('public_token=>' || gen())::hstore; RETURN NEW; END",
        """BEGIN NEW := jsonb_populate_record(NEW, '{"public_token": "x"}'); RETURN NEW; END""",
        "BEGIN RETURN jsonb_populate_record(NEW, jsonb_build_object('public_token', gen())); END",
        "BEGIN SELECT * FROM jsonb_populate_record(NEW, '{\"public_token\": 1}') INTO NEW; RETURN NEW; END",
        "BEGIN EXECUTE 'select gen()' INTO NEW.public_token; RETURN NEW; END",
        "BEGIN INSERT INTO used VALUES (gen()) RETURNING token INTO NEW.public_token; RETURN NEW; END",
        "BEGIN LOOP NEW.public_token = gen(); EXIT; END LOOP; RETURN NEW; END",
        "BEGIN IF a THEN x := 1; ELSE NEW.public_token = gen(); END IF; RETURN NEW; END",
        "BEGIN -- the old way\n NEW.public_token = gen(); RETURN NEW; END",
        "BEGIN x := '--'; NEW.public_token := gen(); RETURN NEW; END",
        "BEGIN IF TG_OP = 'INSERT' THEN NEW.public_token := gen(); END IF; RETURN NEW; END",
        "BEGIN IF TG_OP = 'UPDATE' THEN x := 1; ELSIF TG_OP = 'INSERT' THEN NEW.public_token := gen(); END IF; END",
        """TD["new"]["public_token"] = gen()\nreturn "MODIFY\"""",
    ],
)
def test_a_trigger_that_sets_the_token_offends(source: str) -> None:
    """In each of the ways in which plpgsql assigns."""
    assert overriding(with_trigger(source)) == ["trigger make_token calls make_token(), which sets public_token"]


@pytest.mark.parametrize(
    "source",
    [
        "BEGIN NEW.updated_at := now(); RETURN NEW; END",
        "BEGIN NEW.public_token_hash := md5(NEW.name); RETURN NEW; END",
        "BEGIN NEW.name := NEW.public_token; RETURN NEW; END",
        "BEGIN IF NEW.public_token = '' THEN RAISE 'no token'; END IF; RETURN NEW; END",
        "BEGIN IF NEW.name IS NULL AND\n   NEW.public_token = OLD.public_token THEN RAISE 'x'; END IF; RETURN NEW; END",
        "BEGIN x := (NEW.public_token = OLD.public_token); RETURN NEW; END",
        "BEGIN ASSERT NEW.public_token != ''; RETURN NEW; END",
        "BEGIN PERFORM pg_notify('made', NEW.public_token::text); RETURN NEW; END",
        "BEGIN INSERT INTO log (token) VALUES (NEW.public_token); RETURN NEW; END",
        "BEGIN INSERT INTO log (name, token) VALUES (NEW.name, NEW.public_token); RETURN NEW; END",
        "BEGIN INSERT\n  INTO log SELECT NEW.name, NEW.public_token; RETURN NEW; END",
        "BEGIN SELECT id INTO x FROM t WHERE matches(y, NEW.public_token); RETURN NEW; END",
        "BEGIN PERFORM pg_notify('made', jsonb_build_object('public_token', NEW.public_token)::text); RETURN NEW; END",
        "BEGIN\n  -- NEW.public_token := gen();\n  RETURN NEW; END",
        "BEGIN /* NEW.public_token := gen();\n */ RETURN NEW; END",
        "BEGIN -- don't\n RETURN NEW; END -- NEW.public_token := gen();",
        "BEGIN IF NEW.public_token IS NULL THEN RAISE 'no token'; END IF; RETURN NEW; END",
        "BEGIN SELECT name INTO NEW.name FROM t WHERE public_token = NEW.public_token; RETURN NEW; END",
        "BEGIN RETURN NEW; END",
        "tsvector_update_trigger",
        "BEGIN IF TG_OP = 'UPDATE' THEN NEW.public_token := OLD.public_token; END IF; RETURN NEW; END",
        "BEGIN IF TG_OP = 'UPDATE' THEN NEW.public_token := gen(); END IF; RETURN NEW; END",
        "BEGIN NEW.public_token := OLD.public_token; RETURN NEW; END",
        "BEGIN NEW.public_token := coalesce(NEW.public_token, gen()); RETURN NEW; END",
        "BEGIN IF NEW.public_token IS NULL THEN NEW.public_token := gen(); END IF; RETURN NEW; END",
        "",
    ],
)
def test_a_trigger_that_leaves_the_token_alone_does_not_offend(source: str) -> None:
    """Reading it, setting other columns, and columns whose names only begin alike are nobody's business."""
    assert overriding(with_trigger(source)) == []


@pytest.mark.parametrize("source", ["BEGIN RETURN made(NEW); END", "BEGIN NEW := app.made(NEW); RETURN NEW; END"])
def test_a_trigger_that_hands_the_row_on_cannot_be_told(source: str) -> None:
    """Another function makes the row: whether it sets the token is not to be read here."""
    with pytest.raises(CouldNotTell, match=r"make_token \(make_token\(\)\)"):
        demand_readable(with_trigger(source))
    demand_readable(with_trigger("BEGIN NEW.a := f(1); RETURN NEW; END"))
    populated = "BEGIN RETURN jsonb_populate_record(NEW, '{\"a\": 1}'); END"
    demand_readable(with_trigger(populated))


def test_a_trigger_counts_only_where_it_can_change_the_row() -> None:
    """AFTER INSERT sees the row as it is stored; INSTEAD OF stands in a view's way."""
    source = "BEGIN NEW.public_token := gen(); RETURN NEW; END"
    assert overriding(with_trigger(source, before=False)) == []
    assert overriding(with_trigger(source, before=False, instead=True)) != []


def test_a_columns_name_is_not_a_pattern() -> None:
    """Dots and brackets in a name are themselves."""
    assert overriding(with_trigger("NEW.publicXtoken := 1", column="public.token")) == []
    assert overriding(with_trigger('NEW."public.token" := 1', column="public.token")) != []
    assert overriding(with_trigger("NEW.x := 1", column="to(ken[")) == []


ANOTHER = Rule("elsewhere", True, "CREATE RULE elsewhere AS ON INSERT TO chatbots DO INSTEAD NOTHING")
LOG = Rule("log", False, "CREATE RULE log AS ON INSERT TO chatbots DO INSERT INTO log VALUES (new.public_token)")
ROTATE = Rule("rotate", False, "CREATE RULE rotate AS ON INSERT TO chatbots DO UPDATE chatbots SET public_token = 'x'")


def test_rules_and_generated_columns_offend() -> None:
    """Each is named."""
    assert overriding(RIGHT._replace(insert_rules=(ANOTHER, LOG, ROTATE), token_generated="s")) == [
        "rule elsewhere rewrites INSERT",
        "rule rotate rewrites INSERT",
        "column public_token is GENERATED ALWAYS AS",
    ]
    assert overriding(RIGHT) == []


# --- the index --------------------------------------------------------------------------------------------------------


def test_the_right_index_guarantees_uniqueness() -> None:
    """It has no shortcoming."""
    assert shortcomings(RIGHT_INDEX) == []
    assert is_unique_by(RIGHT_INDEX)


@pytest.mark.parametrize(
    ("but", "want"),
    [
        ({"unique": False}, ["not unique"]),
        ({"valid": False}, ["invalid"]),
        ({"ready": False}, ["not ready"]),
        ({"live": False}, ["being dropped"]),
        ({"immediate": False}, ["deferrable"]),
        ({"key_columns": 2}, ["of several columns"]),
        ({"key_columns": 2, "leads_with_token": False}, ["of several columns"]),
        ({"partial": True}, ["partial"]),
        ({"expressions": True, "leads_with_token": False}, ["on an expression"]),
        ({"leads_with_token": False}, ["on an expression"]),
        ({"unique": False, "immediate": False}, ["not unique"]),
        ({"valid": False, "ready": False, "partial": True}, ["invalid", "not ready", "partial"]),
    ],
)
def test_each_shortcoming_of_an_index_is_named(but: dict[str, Any], want: list[str]) -> None:
    """By the full predicate of pg_index; one is enough to guarantee nothing."""
    index = RIGHT_INDEX._replace(**but)
    assert shortcomings(index) == want
    assert not is_unique_by(index)


# --- the table --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("but", "want"),
    [
        ({}, []),
        ({"relkind": "p"}, []),
        ({"relkind": "v"}, ["a view"]),
        ({"relkind": "m"}, ["a materialized view"]),
        ({"relkind": "f"}, ["a foreign table"]),
        ({"relpersistence": "u"}, ["unlogged: a crash empties it"]),
        ({"relpersistence": "t"}, ["temporary"]),
        ({"is_partition_of": "all_bots"}, ["only a partition of all_bots"]),
        ({"children": ("a", "b")}, ["inherited by a, b: its unique index does not reach their rows"]),
        ({"parents": ("base",)}, []),
        (
            {"parents": ("base",), "token_inherited": True},
            ["inherits its token column from base: no index spans both"],
        ),
        ({"relkind": "f", "children": ("a",)}, ["a foreign table", "inherited by a: its unique index"]),
    ],
)
def test_what_makes_a_table_extraordinary_is_named(but: dict[str, Any], want: list[str]) -> None:
    """An ordinary or partitioned permanent table has nothing to say."""
    found = extraordinary(RIGHT._replace(**but))
    assert len(found) == len(want)
    assert all(said.startswith(begin) for said, begin in zip(found, want, strict=True))


def test_names_in_remedies_can_be_pasted() -> None:
    """Quoted as SQL wants them, whatever they are made of."""
    odd = RIGHT._replace(name='Chat"bots', token_column="Token")
    assert (odd.in_sql, odd.token_in_sql) == ('"public"."Chat""bots"', '"Token"')
