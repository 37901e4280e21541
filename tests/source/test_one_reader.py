"""Routes and migrations are read by one front end: what is understood in the one is understood in the other."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.source.checkout import read_checkout
from harness.source.migrations.checkers import wrong_after_migrations
from harness.source.migrations.reading import read_token
from tests.support.apps import ROUTE, analysed_files

HARNESS = Path(__file__).parents[2] / "harness"
OLD = "CREATE TABLE chatbots (id bigserial PRIMARY KEY, name text NOT NULL, public_token varchar(8) NOT NULL);\n"
# Each is an expression whose value is the table's name.
VALUES = {
    "a string": '"chatbots"',
    "brackets": '(("chatbots"))',
    "as const": '"chatbots" as const',
    "two types": '"chatbots" as unknown as Table',
    "satisfies": '"chatbots" satisfies Table',
    "a type assertion": '<Table>"chatbots"',
    "a const assertion": '<const>"chatbots"',
    "not null": '"chatbots"!',
    "await": 'await ("chatbots")',
    "an escape of two digits": r'"\x63hatbots"',
    "an escape of four digits": r'"\u0063hatbots"',
    "an escape of a code point": r'"\u{63}hatbots"',
    "an escape that changes nothing": r'"\chatbots"',
    "a line that goes on": '"chat\\\nbots"',
    "a template": "`chatbots`",
    "a template with an escape": r"`\x63hatbots`",
    "a template with a text": '`chat${"bots"}`',
    "a template with a comment": '`chat${/* ours */ "bots"}`',
    "a template with a sum": '`chat${"b" + "ots"}`',
    "a sum": '"chat" + "bots"',
    "a sum of many texts": '"c" + "h" + "a" + "t" + "b" + "o" + "t" + "s" + "" + "" + "" + ""',
    "a sum in brackets": '"chat" + ("bo" + ("ts" as const))',
    "joined": '["chat", "bots"].join("")',
    "joined, with a comment": '[/* ours */ "chat", "bots"].join(/* nothing */ "")',
    "joined, some spread": '[...["chat"], "bots"].join("")',
    "trimmed": '" chatbots ".trim()',
    "a member": '({ bots: "chatbots" }).bots',
    "a member by its name": '({ bots: "chatbots" })["bots"]',
    "a member of what is frozen": 'Object.freeze({ bots: "chatbots" }).bots',
    "a member whose key has an escape": r'({ "\x62ots": "chatbots" }).bots',
    "a member whose key is computed": '({ ["bots"]: "chatbots" }).bots',
}
# Each stands around an expression and does not change its value.
WRAPPERS = {
    "brackets": "({})",
    "as a type": "({} as Statement)",
    "satisfies": "({} satisfies Statement)",
    "a type assertion": "<Statement>{}",
    "not null": "{}!",
    "await": "await {}",
}
# Each makes a name `TABLE` stand for the table's; some need a file `src/names.ts`.
NAMES = {
    "a constant": ('const TABLE = "chatbots";', ""),
    "a name of a name": ('const BOTS = "chatbots"; const TABLE = BOTS;', ""),
    "a member of an enum": ('enum Names { Bots = "chatbots" } const TABLE = Names.Bots;', ""),
    "a static member": ('class Names { static bots = "chatbots"; } const TABLE = Names.bots;', ""),
    "pushed and joined": ('const parts = ["chat"]; parts.push("bots"); const TABLE = parts.join("");', ""),
    "an import": ('import { TABLE } from "../src/names";', 'export const TABLE = "chatbots";'),
    "an import by another name": ('import { BOTS as TABLE } from "../src/names";', 'export const BOTS = "chatbots";'),
    "an import of the default": ('import TABLE from "../src/names";', 'export default "chatbots";'),
    "an import of all": ('import * as n from "../src/names"; const TABLE = n.T;', 'export const T = "chatbots";'),
    "an import of what is required": (
        'import n = require("../src/names"); const TABLE = n.T;',
        'export const T = "chatbots";',
    ),
    "require": ('const { TABLE } = require("../src/names");', 'module.exports = { TABLE: "chatbots" };'),
    "a member of what is required": ('const TABLE = require("../src/names").T;', 'exports.T = "chatbots";'),
    "an enum of another file": (
        'import { N } from "../src/names"; const TABLE = N.Bots;',
        'export enum N { Bots = "chatbots" }',
    ),
}
# Each is a function {name} of these parameters with this body.
FUNCTIONS = {
    "a function": "function {name}({given}) {{ {body} }}",
    "an async function": "async function {name}({given}) {{ {body} }}",
    "a generator": "function* {name}({given}) {{ {body} }}",
    "a generator as a value": "const {name} = function* ({given}) {{ {body} }};",
    "an async generator": "async function* {name}({given}) {{ {body} }}",
    "a function as a value": "const {name} = function ({given}) {{ {body} }};",
    "an arrow": "const {name} = ({given}) => {{ {body} }};",
    "an arrow of a type": "const {name} = (({given}) => {{ {body} }}) as Helper;",
    "an arrow that satisfies a type": "const {name} = (({given}) => {{ {body} }}) satisfies Helper;",
    "an arrow that is asserted": "const {name} = <Helper>(({given}) => {{ {body} }});",
    "an arrow that is not null": "const {name} = (({given}) => {{ {body} }})!;",
    "a function that names its this": "function {name}(this: Context, {given}) {{ {body} }}",
    "a function with overloads": "function {name}(a: string): string; function {name}({given}) {{ {body} }}",
}


def stored(files: dict[str, str]) -> bool:
    """Whether the one INSERT of an app is seen, and that its token is a random value."""
    found = analysed_files(files)
    return len(found.creates) == 1 and len(found.reaching) == 1


def left(root: Path, files: dict[str, str]) -> list[str]:
    """What is wrong with the column after a migration of SQL that makes it, and these files."""
    for path, text in {"migrations/1_a.sql": OLD, **files}.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text, encoding="utf-8")
    return wrong_after_migrations(read_token(read_checkout(root), "chatbots", "public_token"))


def route(before: str, token: str = "nanoid()", table: str = "${TABLE}") -> str:
    """A route that stores a chatbot. It speaks of chatbots, so that it is looked at."""
    statement = f"`INSERT INTO {table} (name, public_token) VALUES ($1, $2)`"
    made = f"await pool.query({statement}, [name, {token}]);"
    return (
        f'// chatbots\nimport {{ nanoid }} from "nanoid";\n{before}\nrouter.post("/bots", async () => {{ {made} }});\n'
    )


def migration(before: str, up: str = "return change(knex, TABLE);", table: str = "TABLE") -> str:
    """A migration that makes the token a uuid. It speaks of public_token in chatbots, so that it is looked at."""
    alter = f"knex.schema.alterTable({table}, (t) => {{ t.uuid('public_token').defaultTo(knex.fn.uuid()).alter(); }})"
    return f"// knex, chatbots\n{before}\nexports.up = async (knex) => {{ await {alter}; }};\n"


@pytest.mark.parametrize("case", VALUES)
def test_a_value_is_known_in_a_route(case: str) -> None:
    """The INSERT names the table by it."""
    assert stored({ROUTE: route(f"const TABLE = {VALUES[case]};")})


@pytest.mark.parametrize("case", VALUES)
def test_a_value_is_known_in_a_migration(case: str, tmp_path: Path) -> None:
    """The call of Knex names the table by it, by a name and itself."""
    assert left(tmp_path, {"migrations/2_b.ts": migration(f"const TABLE = {VALUES[case]};")}) == []
    assert left(tmp_path, {"migrations/2_b.ts": migration("", table=VALUES[case])}) == []


@pytest.mark.parametrize("case", WRAPPERS)
def test_a_wrapper_changes_nothing_in_a_route(case: str) -> None:
    """It stands around the statement, the values, the token, or what catches a collision."""
    text, values = '"INSERT INTO chatbots (name, public_token) VALUES ($1, $2)"', "[name, nanoid()]"
    lines = '["INSERT INTO chatbots (name, public_token)", "VALUES ($1, $2)"]'
    head = 'import { nanoid } from "nanoid";\n'
    wrapped = WRAPPERS[case].format
    for call in (
        f"await pool.query({wrapped(text)}, {values});",
        f"const Q = {wrapped(text)}; await pool.query(Q, {wrapped(values)});",
        f"await pool.query({wrapped(lines)}.join(' '), {values});",
        f"const Q = {{ text: {wrapped(text)}, values: {wrapped(values)} }}; await pool.query(Q);",
        f"const row = {wrapped('{ name, public_token: nanoid() }')}; await knex('chatbots').insert({wrapped('row')});",
        f"await {wrapped('knex')}('chatbots').insert({{ public_token: {wrapped('nanoid')}() }});",
    ):
        assert stored({ROUTE: head + call}), call
    handler = wrapped('(async (e) => { if (e.code === "23505") return again(); throw e; })')
    insert = "pool.query('INSERT INTO chatbots (name) VALUES ($1)', [name])"
    assert len(analysed_files({ROUTE: f"await {insert}.catch({handler});"}).handlers) == 1
    answers = wrapped('{ chatbots_public_token_key: "taken" }')
    found = analysed_files({ROUTE: f"try {{ await {insert}; }} catch (e) {{ reply(({answers})[e.constraint]); }}"})
    assert len(found.handlers) == 1


@pytest.mark.parametrize("case", WRAPPERS)
def test_a_wrapper_changes_nothing_in_a_migration(case: str, tmp_path: Path) -> None:
    """It stands around the statement, what is called, or what Knex calls."""
    wrapped = WRAPPERS[case].format
    text = "'ALTER TABLE chatbots ALTER public_token TYPE uuid USING NULL, ALTER public_token SET DEFAULT gen_random_uuid()'"
    alter = "(t) => { t.uuid('public_token').defaultTo(knex.fn.uuid()).alter(); }"
    for number, up in enumerate(
        (
            f"knex.raw({wrapped(text)})",
            f"knex.schema.alterTable({wrapped(repr('chatbots'))}, {wrapped('(' + alter + ')')})",
            f"({wrapped('knex')}).schema.alterTable('chatbots', {alter})",
        )
    ):
        program = f"exports.up = async (knex) => {{ await {up}; }};"
        assert left(tmp_path / str(number), {"migrations/2_b.ts": program}) == [], up


@pytest.mark.parametrize("case", NAMES)
def test_a_name_is_known_in_a_route(case: str) -> None:
    """Whether it is declared in the file or imported."""
    before, names = NAMES[case]
    assert stored({"app/bots.ts": route(before), "src/names.ts": names})


@pytest.mark.parametrize("case", NAMES)
def test_a_name_is_known_in_a_migration(case: str, tmp_path: Path) -> None:
    """Whether it is declared in the file or imported."""
    before, names = NAMES[case]
    assert left(tmp_path, {"migrations/2_b.ts": migration(before), "src/names.ts": names}) == []


@pytest.mark.parametrize("case", FUNCTIONS)
def test_a_function_is_followed_in_a_route(case: str) -> None:
    """It makes the token, and another one answers what it is given."""
    make = FUNCTIONS[case].format(name="make", given="size = 8", body="return nanoid(size);")
    same = FUNCTIONS[case].format(name="same", given="a: string", body="return a;")
    assert stored({ROUTE: route(make, "make()", "chatbots")})
    assert stored({ROUTE: route(same, "same(nanoid())", "chatbots")})
    insert = 'await pool.query("INSERT INTO chatbots (public_token) VALUES ($1)", [a]);'
    save = FUNCTIONS[case].format(name="save", given="a: string", body=insert)
    assert stored({ROUTE: f'import {{ nanoid }} from "nanoid";\n{save}\nsave(nanoid());\n'})


@pytest.mark.parametrize("case", FUNCTIONS)
def test_a_function_is_followed_in_a_migration(case: str, tmp_path: Path) -> None:
    """It alters the table, or is what Knex calls to do so."""
    column = "t.uuid('public_token').defaultTo(knex.fn.uuid()).alter();"
    change = FUNCTIONS[case].format(
        name="change", given="knex: Knex", body=f"return knex.schema.alterTable('chatbots', (t) => {{ {column} }});"
    )
    up = "exports.up = async (knex) => { for await (const one of [change(knex)]) await one; };"
    assert left(tmp_path, {"migrations/2_b.ts": f"// knex, chatbots.public_token\n{change}\n{up}\n"}) == []
    called = FUNCTIONS[case].format(name="columns", given="t: Table", body=column)
    up = "exports.up = (knex) => knex.schema.alterTable('chatbots', columns);"
    assert left(tmp_path, {"migrations/2_b.ts": f"// knex, chatbots.public_token\n{called}\n{up}\n"}) == []


# JavaScript that the grammar of TypeScript does not take: `abstract` is a name in it.
NOT_TYPED = "abstract = 2;\n"


def test_the_grammar_of_javascript_gives_trees_of_the_same_shape_in_a_route() -> None:
    """A static field names the table, and a field of an entity is given a token."""
    names = 'class Names { static bots = "chatbots"; }\n'
    assert stored({"src/bots.js": NOT_TYPED + names + route("", table="${Names.bots}")})
    entity = 'import { nanoid } from "nanoid"; class Chatbot { publicToken = nanoid(); }'
    assert analysed_files({"src/chatbot.js": f"{NOT_TYPED}{entity} repository.save(new Chatbot());"}).reaching


def test_the_grammar_of_javascript_gives_trees_of_the_same_shape_in_a_migration(tmp_path: Path) -> None:
    """The way up is a field of a class."""
    alter = "(t) => { t.uuid('public_token').defaultTo(knex.fn.uuid()).alter(); }"
    up = f"up = (knex) => knex.schema.alterTable('chatbots', {alter});"
    down = "down = (knex) => knex.schema.dropTable('chatbots');"
    program = f"{NOT_TYPED}module.exports = class Change {{ {up} {down} }};"
    assert left(tmp_path, {"migrations/2_b.js": program}) == []


def test_one_module_parses_and_says_what_the_kinds_of_nodes_are() -> None:
    """What parses is imported once, and no reader keeps a list of wrappers or of functions of its own."""
    once = ('"as_expression"', '"satisfies_expression"', '"generator_function"', '"abstract_class_declaration"')
    for words in ("from tree_sitter import", *once):
        files = [path for path in HARNESS.rglob("*.py") if words in path.read_text(encoding="utf-8")]
        assert [path.relative_to(HARNESS).as_posix() for path in files] == ["source/javascript/syntax.py"], words
