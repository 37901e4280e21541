"""What goes around the token's default, on hand-written facts: triggers, what they call, rules, other defaults."""

from __future__ import annotations

import time

import pytest

from harness.checkers import overriding as judged
from harness.checkers.overriding import demand_readable, overriding
from harness.checkers.trigger_sources import hides_new, sets_new, sets_stored
from harness.errors import CouldNotTell
from harness.postgres import statement_reading
from harness.postgres.column_default import Default, Function
from harness.postgres.table import CalledFunction, Leading, OwnDefault, Rule, TableFacts, Trigger
from harness.postgres.table_queries import MOST
from tests.support.table_facts import CORE, RIGHT, RIGHT_DEFAULT

OWN = Function("public", "secure_uuid", "select md5(now()::text)::uuid", "sql", "")
NAMED = tuple(CORE._replace(name=name, source=source) for name, source in (("md5", "md5_text"), ("now", "now")))
VIEW = Leading("public", "bots", "public_token")
FACTS = RIGHT._replace(columns=("id", "name", "public_token"), leading=(VIEW,))


@pytest.fixture
def no_parser(monkeypatch: pytest.MonkeyPatch) -> None:
    """Postgres' own parser is not installed."""
    monkeypatch.setattr(judged, "is_parser_installed", lambda: False)
    monkeypatch.setattr(statement_reading, "is_parser_installed", lambda: False)


def function(name: str, body: str, arguments: tuple[str, ...] = (), language: str = "plpgsql") -> CalledFunction:
    """A function as FACTS has it; without arguments it is a trigger's."""
    head = f"CREATE OR REPLACE FUNCTION public.{name}"
    takes = ", ".join(f"{argument} bigint" for argument in arguments)
    returns = " RETURNS void" if arguments else " RETURNS trigger"
    definition = f"{head}({takes})\n{returns}\n LANGUAGE {language}\nAS $function${body}$function$\n"
    return CalledFunction(
        f"{name}({', '.join('bigint' for _ in arguments)})", "public", name, language, arguments, definition
    )


def fired(body: str, *others: CalledFunction, when: str = "after", relation: str = "", token: str = "") -> TableFacts:
    """Facts with one trigger of this body."""
    trigger = Trigger(
        "t", when == "before", when == "instead", "f()", body, when == "after", relation, "plpgsql", token
    )
    return FACTS._replace(triggers=(trigger,), called=(function("f", body), *others))


# --- defaults of views and partitions ---------------------------------------------------------------------------------


def test_default_of_a_view_or_partition_offends_unless_it_is_a_generator() -> None:
    """Each different one is said once, with how many have it."""
    wrong, right = Default("secure_uuid()", (OWN,), named=NAMED), RIGHT_DEFAULT
    facts = FACTS._replace(
        own_defaults=(
            OwnDefault("bots", "v", 1, wrong),
            OwnDefault("chatbots_1", "r", 3, wrong),
            OwnDefault("old_bots", "v", 1, right),
            OwnDefault("chatbots_9", "p", 1, Default("'x'::text", ())),
        )
    )
    said = "secure_uuid(), which calls public.secure_uuid (sql, of no extension)"
    assert overriding(facts) == [
        f"view bots gives public_token a default of its own: {said}",
        f"partition chatbots_1 (and 2 more) gives public_token a default of its own: {said}",
        "partition chatbots_9 gives public_token a default of its own: 'x'::text",
    ]
    demand_readable(facts)


def test_default_of_a_view_whose_functions_prove_nothing_cannot_be_told() -> None:
    """It is named, with what is known of the function."""
    opaque = OWN._replace(name="act", source="BEGIN PERFORM dblink_exec('secret'); RETURN gen_random_uuid(); END")
    own = OwnDefault("bots", "v", 1, Default("act()", (opaque._replace(language="plpgsql"),), named=(CORE,)))
    facts = FACTS._replace(own_defaults=(own,))
    assert overriding(facts) == []
    with pytest.raises(
        CouldNotTell, match=r"view bots: public.act calls dblink_exec\(\), which was not found"
    ) as raised:
        demand_readable(facts)
    assert "secret" not in str(raised.value)


def test_more_than_is_read_cannot_be_told() -> None:
    """Nothing is left out in silence."""
    own = OwnDefault("chatbots_1", "r", MOST + 1, RIGHT_DEFAULT)
    with pytest.raises(CouldNotTell, match="more than 100 defaults of partitions and views"):
        demand_readable(FACTS._replace(own_defaults=(own,)))
    rules = tuple(Rule(f"r{n}", False, "CREATE RULE r AS ON INSERT TO chatbots DO NOTHING") for n in range(MOST + 1))
    with pytest.raises(CouldNotTell, match="more than 100 rules"):
        demand_readable(FACTS._replace(insert_rules=rules))


# --- the whole row ----------------------------------------------------------------------------------------------------

HIDDEN = [
    "BEGIN NEW := jsonb_populate_record(NEW, fields_of(NEW.name)); RETURN NEW; END",
    "BEGIN NEW := jsonb_populate_record(NEW, settings); RETURN NEW; END",
    "BEGIN NEW := json_populate_record(NEW, json_build_object(key, 1)); RETURN NEW; END",
    "BEGIN NEW := jsonb_populate_record(NEW, to_jsonb(NEW) || fields); RETURN NEW; END",
    "BEGIN NEW := jsonb_populate_record(NEW, jsonb_set(to_jsonb(NEW), path, '1')); RETURN NEW; END",
    "BEGIN RETURN pg_catalog.jsonb_populate_record(NEW, (SELECT fields FROM settings)); END",
    "BEGIN SELECT * FROM jsonb_populate_record(NEW, fields) INTO NEW; RETURN NEW; END",
    "BEGIN SELECT (jsonb_populate_record(NEW, fields)).* INTO NEW; RETURN NEW; END",
    "BEGIN NEW := NEW #= hstore(key, 'x'); RETURN NEW; END",
    "BEGIN NEW := NEW #= fields; RETURN NEW; END",
    "BEGIN NEW = NEW #= ('a=>' || value)::hstore; RETURN NEW; END",
    "BEGIN NEW := made(NEW); RETURN NEW; END",
    "BEGIN r := NEW; r.x := 1; RETURN r; END",
    "BEGIN NEW := r; RETURN NEW; END",
    "BEGIN SELECT * INTO NEW FROM templates; RETURN NEW; END",
]
TOLD = [
    "BEGIN NEW := jsonb_populate_record(NEW, '{\"a\": 1}'); RETURN NEW; END",
    "BEGIN NEW := jsonb_populate_record(NEW, jsonb_build_object('a', f(x, 'y;'), 'b', 2)); RETURN NEW; END",
    "BEGIN NEW := jsonb_populate_record(NEW, to_jsonb(NEW) || jsonb_build_object('a', 1)); RETURN NEW; END",
    "BEGIN NEW := jsonb_populate_record(NEW, jsonb_set(to_jsonb(NEW), '{a}', '1')); RETURN NEW; END",
    "BEGIN RETURN jsonb_populate_record(NEW, '{\"a\": 1}'::jsonb); END",
    "BEGIN SELECT * FROM jsonb_populate_record(NEW, '{\"a\": 1}') INTO NEW; RETURN NEW; END",
    "BEGIN NEW := NEW #= hstore('a', f(x)); RETURN NEW; END",
    "BEGIN NEW := NEW #= 'a=>1'::hstore; RETURN NEW; END",
    "BEGIN RETURN COALESCE(NEW, OLD); END",
    "BEGIN RETURN CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END; END",
    "BEGIN IF TG_OP = 'DELETE' THEN RETURN OLD; END IF; RETURN NULL; END",
    "BEGIN INSERT INTO log SELECT NEW.*; RETURN NEW; END",
    "BEGIN NEW.a := f(1); RETURN NEW; END",
]


@pytest.mark.parametrize("source", HIDDEN)
@pytest.mark.parametrize("when", ["before", "instead"])
def test_row_whose_fields_are_not_named_cannot_be_told(source: str, when: str) -> None:
    """The trigger is named, with what to do."""
    facts = FACTS._replace(triggers=(Trigger("t", when == "before", when == "instead", "f()", source),))
    assert overriding(facts) == []
    with pytest.raises(CouldNotTell, match=r"trigger t \(f\(\)\).*set its columns by name"):
        demand_readable(facts)


@pytest.mark.parametrize("source", TOLD)
def test_row_whose_fields_are_named_is_told(source: str) -> None:
    """Keys that are written out, and are not the token's, set other columns."""
    facts = FACTS._replace(triggers=(Trigger("t", True, False, "f()", source),))
    assert overriding(facts) == []
    demand_readable(facts)


def test_row_that_is_stored_is_handed_on_by_a_view() -> None:
    """INSTEAD OF INSERT returns what the table's default made."""
    returned = "BEGIN INSERT INTO chatbots (name) VALUES (NEW.name) RETURNING {} INTO {}; RETURN NEW; END"
    for what, into in [("id, public_token", "NEW.id, NEW.public_token"), ("*", "NEW")]:
        facts = fired(returned.format(what, into), when="instead", relation="bots")
        assert overriding(facts) == []
        demand_readable(facts)


# --- what functions write ---------------------------------------------------------------------------------------------

UPDATE = "BEGIN UPDATE chatbots SET public_token = gen_random_uuid() WHERE id = NEW.id; RETURN NULL; END"
ROTATED = function("rotated", "UPDATE chatbots SET public_token = gen_random_uuid() WHERE id = made", ("made",), "sql")
HARMLESS = [
    "BEGIN UPDATE chatbots SET name = 'x' WHERE public_token = NEW.public_token; RETURN NULL; END",
    "BEGIN UPDATE others SET public_token = gen_random_uuid(); RETURN NULL; END",
    "BEGIN INSERT INTO log (token) VALUES (NEW.public_token); RETURN NULL; END",
    "BEGIN INSERT INTO chatbots (name) VALUES ('child'); RETURN NULL; END",
    "BEGIN IF TG_OP = 'UPDATE' THEN UPDATE chatbots SET public_token = gen_random_uuid(); END IF; RETURN NULL; END",
    "BEGIN PERFORM pg_notify('made', NEW.public_token::text); RETURN NULL; END",
]


def test_update_after_an_insert_offends() -> None:
    """By the trigger's own function, or by one that it calls, on the table or on a view of it."""
    said = ["trigger t calls f(), which updates public_token"]
    assert overriding(fired(UPDATE)) == said
    assert overriding(fired(UPDATE.replace("chatbots", "public.bots"))) == said
    assert overriding(fired("BEGIN PERFORM rotated(NEW.id); RETURN NULL; END", ROTATED)) == said
    through = function("through", "BEGIN PERFORM rotated(made); END", ("made",))
    assert overriding(fired("BEGIN PERFORM public.through(NEW.id); RETURN NULL; END", through, ROTATED)) == said


@pytest.mark.usefixtures("no_parser")
def test_update_after_an_insert_offends_without_a_parser() -> None:
    """The words of the statement tell it."""
    said = ["trigger t calls f(), which updates public_token"]
    assert overriding(fired(UPDATE)) == said
    assert overriding(fired("BEGIN PERFORM rotated(NEW.id); RETURN NULL; END", ROTATED)) == said


@pytest.mark.parametrize("body", HARMLESS)
def test_what_leaves_the_token_alone_is_harmless(body: str) -> None:
    """Other columns, other tables, other events."""
    assert overriding(fired(body)) == []
    demand_readable(fired(body))


def test_trigger_of_a_view_is_judged_by_what_it_inserts() -> None:
    """A value of its own offends; what NEW holds is the view's default, which is judged by itself."""
    insert = "BEGIN INSERT INTO chatbots (name, public_token) VALUES (NEW.name, {}); RETURN NEW; END"
    made = fired(insert.format("md5(NEW.name)::uuid"), when="instead", relation="bots")
    assert overriding(made) == ["trigger t on bots calls f(), which gives a value to public_token"]
    for value in ("NEW.public_token", "coalesce(NEW.public_token, gen_random_uuid())", "DEFAULT"):
        facts = fired(insert.format(value), when="instead", relation="bots")
        assert overriding(facts) == []
        demand_readable(facts)
    renamed = fired(insert.format("NEW.share_token"), when="instead", relation="bots", token="share_token")
    demand_readable(renamed)


@pytest.mark.parametrize(
    "body",
    [
        "DECLARE v uuid; BEGIN INSERT INTO chatbots (name, public_token) VALUES (NEW.name, v); RETURN NEW; END",
        "BEGIN EXECUTE format('update %I set %I = 1', TG_TABLE_NAME, TG_ARGV[0]); RETURN NEW; END",
        "BEGIN EXECUTE TG_ARGV[0] USING NEW; RETURN NEW; END",
        "BEGIN EXECUTE 'insert into ' || TG_TABLE_NAME || ' values ($1)' USING NEW.id; RETURN NEW; END",
    ],
)
def test_what_is_not_understood_cannot_be_told(body: str) -> None:
    """A value that somebody handed on, or a statement that is built at run time."""
    assert overriding(fired(body)) == []
    with pytest.raises(CouldNotTell, match=r"not understood: trigger t \(f\(\)\)"):
        demand_readable(fired(body))


@pytest.mark.parametrize(
    "body",
    [
        "BEGIN EXECUTE format('insert into audit.log select ($1).%I', TG_ARGV[0]) USING NEW; RETURN NEW; END",
        "BEGIN EXECUTE format('select ($1).%I', TG_ARGV[0]) USING NEW; RETURN NEW; END",
        "BEGIN EXECUTE 'update chatbots set name = $1' USING NEW.name; RETURN NEW; END",
    ],
)
def test_statement_that_is_put_together_for_another_table_is_harmless(body: str) -> None:
    """As those of audit triggers are."""
    assert overriding(fired(body)) == []
    demand_readable(fired(body))


# --- rules ------------------------------------------------------------------------------------------------------------

RULE = "CREATE RULE r AS\n    ON INSERT TO public.bots DO INSTEAD  "


@pytest.mark.parametrize(
    ("action", "offends"),
    [
        ("INSERT INTO chatbots (name)\n  VALUES (new.name);", False),
        ("INSERT INTO chatbots (name, public_token)\n  VALUES (new.name, new.public_token);", False),
        ("NOTHING;", False),
        ("INSERT INTO chatbots (name, public_token)\n  VALUES (new.name, secure_uuid());", True),
        ("UPDATE chatbots SET public_token = gen_random_uuid();", True),
    ],
)
def test_rule_of_a_view_is_judged_by_what_it_does(action: str, offends: bool) -> None:
    """One that leaves the token to the default is as good as an INSERT of the app."""
    facts = FACTS._replace(insert_rules=(Rule("r", True, RULE + action, "bots"),))
    assert overriding(facts) == (["rule r on bots rewrites INSERT, and gives public_token a value"] if offends else [])
    demand_readable(facts)


def test_rule_that_is_not_understood_cannot_be_told() -> None:
    """It is named."""
    read = "INSERT INTO chatbots (name, public_token)  SELECT name, token FROM templates;"
    for definition in (RULE + read, ""):
        facts = FACTS._replace(insert_rules=(Rule("r", True, definition, "bots"),))
        with pytest.raises(CouldNotTell, match="not understood: rule r on bots"):
            demand_readable(facts)


@pytest.mark.usefixtures("no_parser")
def test_rule_without_a_parser() -> None:
    """The usual INSERT is read; a value of another kind cannot be told, and the remedy says what would."""
    usual = Rule("r", True, f"{RULE}INSERT INTO chatbots (name)\n  VALUES (new.name);", "bots")
    demand_readable(FACTS._replace(insert_rules=(usual,)))
    made = Rule("r", True, f"{RULE}INSERT INTO chatbots (public_token)\n  VALUES (f());", "bots")
    with pytest.raises(CouldNotTell, match=r"rule r on bots.*pip install 'chatbots-smoke\[source\]'"):
        demand_readable(FACTS._replace(insert_rules=(made,)))


# --- hostile sources --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "piece",
    [
        "/* ",
        "'",
        "return ",
        "new := ",
        "update chatbots set ",
        "if new.a is null then ",
        "into a, ",
        "(",
        "begin new = (",
        "tg_op = 'INSERT' new.public_token := old.x; ",
        "jsonb_build_object('a', ",
        "new #= ",
        "return jsonb_populate_record(",
    ],
)
def test_reading_is_linear(piece: str) -> None:
    """100,000 characters of anything are read at once."""
    source = piece * (100_000 // len(piece))
    began = time.process_time()
    sets_new(source, "public_token", instead_of=True)
    hides_new(source, instead_of=True)
    sets_stored(source, "public_token", frozenset({"chatbots"}))
    assert time.process_time() - began < 5
