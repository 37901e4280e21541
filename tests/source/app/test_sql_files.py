"""Statements of `.sql` files that code loads, and functions of the database that code calls.

Each is tried with a value of the app's (what stands in «..») and without it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.apps import GIVES_A_TOKEN, LEAVES_IT, analysed_files, claims_of, claims_with_and_without

if TYPE_CHECKING:
    from pathlib import Path

QUERY = "INSERT INTO chatbots (name«, public_token»)\nVALUES ($1«, $2»)\nRETURNING id, public_token;\n"
NAMED = QUERY.replace("$1", ":name!").replace("$2", ":token!")
OF_A_SHARE = "INSERT INTO shares (bot, public_token) VALUES ($1, $2);\n"
CODE = 'import { code } from "./lib";\n'
LOADED = {
    "read": {
        "src/sql/create.sql": QUERY,
        "src/add.ts": CODE
        + """const create = readFileSync(path.join(__dirname, "sql", "create.sql"), "utf8");
             export const add = async (name) => (await pool.query(create, [name«, code()»])).rows[0];""",
    },
    "read when it is asked": {
        "db/insert.sql": QUERY,
        "src/add.ts": CODE
        + """export async function add(name) {
               const text = await readFile(new URL("../db/insert.sql", import.meta.url), "utf8");
               return pool.query(text, [name«, code()»]); }""",
    },
    "with values by their names": {
        "db/insert.sql": QUERY.replace("$1", "$name").replace("$2", "$token"),
        "src/add.ts": CODE
        + """const text = await Deno.readTextFile(`${root}/db/insert.sql`);
             export const add = (name) => client.queryObject({ text, args: { name«, token: code()» } });""",
    },
    "imported": {
        "src/create.sql": QUERY,
        "src/add.ts": CODE
        + """import create from "./create.sql?raw";
             export const add = (name) => db.query({ text: create, values: [name«, code()»] });""",
    },
    "a file of pg-promise": {
        "src/sql/bots/add.sql": "INSERT INTO ${schema:name}.chatbots(name«, public_token»)\n"
        "VALUES(${name}«, ${token}»)\nRETURNING *",
        "src/sql/index.ts": """
            const sql = (file) => new QueryFile(join(__dirname, file), { minify: true });
            export const bots = { add: sql("bots/add.sql"), find: sql("bots/find.sql") };""",
        "src/add.ts": CODE
        + 'import { bots } from "./sql";\nexport const add = (name) => db.one(bots.add, { name«, token: code()» });',
    },
    "by a helper that adds the suffix": {
        "src/queries/create_chatbot.sql": QUERY,
        "src/queries/load.ts": "export const load = (name) => fs.readFileSync(path.resolve(__dirname, `${name}.sql`), 'utf-8');",
        "src/add.ts": CODE
        + 'import { load } from "./queries/load";\n'
        + 'export const add = (name) => pool.query(load("create_chatbot"), [name«, code()»]);',
    },
    "one of two that are called alike": {
        "sql/bots/insert.sql": QUERY,
        "sql/shares/insert.sql": OF_A_SHARE,
        "src/add.ts": CODE
        + """const load = (file) => readFileSync(resolve(__dirname, "../sql", file), "utf8");
             const queries = { bot: load("bots/insert.sql"), share: load("shares/insert.sql") };
             export const add = (name) => pool.query(queries.bot, [name«, code()»]);
             export const share = (bot) => pool.query(queries.share, [bot, code()]);""",
    },
    "a query of pgtyped": {
        "src/bots.sql": f"/* @name InsertBot */\n{NAMED}\n/* @name InsertShare */\n{OF_A_SHARE}",
        "src/add.ts": CODE
        + """import { insertBot, insertShare } from "./bots.queries";
             export const add = (name) => insertBot.run({ name«, token: code()» }, client);
             export const share = (bot) => insertShare.run({ bot, token: code() }, client);""",
    },
    "typed SQL of Prisma": {
        "prisma/sql/createBot.sql": QUERY,
        "src/add.ts": CODE
        + """import { createBot } from "@prisma/client/sql";
             export const add = (name) => prisma.$queryRawTyped(createBot(name«, code()»));""",
    },
    "one of a folder": {
        "src/sql/bots.insert.sql": QUERY,
        "src/sql/index.ts": """
            export const statements = Object.fromEntries(readdirSync(__dirname).filter((file) => file.endsWith(".sql"))
              .map((file) => [file.replace(".sql", ""), readFileSync(join(__dirname, file), "utf8")]));""",
        "src/add.ts": CODE
        + 'import { statements } from "./sql";\n'
        + 'export const add = (name) => pool.query(statements["bots.insert"], [name«, code()»]);',
    },
    "rows of pgtyped": {
        "src/bots.sql": "/* @name insertBots\n @param bots -> ((name«, publicToken»)...) */\n"
        "INSERT INTO chatbots (name«, public_token») VALUES :bots RETURNING id, public_token;",
        "src/add.ts": CODE
        + """import { insertBots } from "./bots.queries";
             export const add = (names) => insertBots.run({ bots: names.map((name) => ({ name«, publicToken: code()» })) }, client);""",
    },
    "a query of sqlc": {
        "db/bots.sql": f"-- name: CreateBot :one\n{NAMED}\n-- name: CreateShare :one\n{OF_A_SHARE}",
        "src/add.ts": CODE
        + """import { createBot, createShare } from "./gen/bots_sql";
             export const add = (name) => createBot(pool, { name«, token: code()» });
             export const share = (bot) => createShare(pool, { bot, token: code() });""",
    },
}


@pytest.mark.parametrize("how", LOADED)
def test_a_statement_in_a_file_is_read_where_code_loads_it(how: str, tmp_path: Path) -> None:
    """By its path, by its name, or by what a tool makes of it."""
    assert claims_with_and_without(tmp_path, LOADED[how]) == (GIVES_A_TOKEN, LEAVES_IT)


CREATE = {
    "src/create.ts": "export const add = (name) => sql`INSERT INTO chatbots (name) VALUES (${name}) RETURNING *`;\n"
}
WRONG = "INSERT INTO chatbots (name, public_token) VALUES ($1, $2) RETURNING *;\n"
NOT_USED = {
    "nothing loads it": {"src/sql/old.sql": WRONG},
    "a schema with a row": {
        "db/schema.sql": f"CREATE TABLE chatbots (id serial);\n{WRONG}",
        "src/boot.ts": 'export const boot = () => pool.query(readFileSync("db/schema.sql", "utf8"));',
    },
    "a function that nothing calls": {
        "migrations/2.sql": f"CREATE FUNCTION copy_bot(text, text) RETURNS SETOF chatbots LANGUAGE sql AS $$ {WRONG} $$;"
    },
}


@pytest.mark.parametrize("how", NOT_USED)
def test_a_statement_in_a_file_that_no_code_uses_counts_for_nothing(how: str, tmp_path: Path) -> None:
    """Beside a create that leaves the token to Postgres."""
    said = claims_of(tmp_path, {**CREATE, **NOT_USED[how]}, "makes", "insert")
    assert said == {"makes": "pass", "insert": "pass"}


@pytest.mark.parametrize("server", ["server/main.go", "server/main.py", "app/models/bot.rb", "app/Bot.php"])
def test_a_statement_that_another_language_loads_is_not_read_for_code_that_is_called_alike(
    server: str, tmp_path: Path
) -> None:
    """A front end has a function by the query's name, which sends a request."""
    files = {
        server: "q.CreateChatbot(name, token())",
        "db/query.sql": f"-- name: CreateChatbot :one\n{WRONG}",
        "web/api.ts": """export const createChatbot = (name) => fetch("/chatbots", { method: "POST", body: name });
            export const submit = async (name) => (await createChatbot(name)).public_token;""",
    }
    assert set(claims_of(tmp_path, files, "makes", "left", "handles", "insert").values()) == {"unknown"}


BODY = "INSERT INTO chatbots (name«, public_token») VALUES (p_name«, p_token») RETURNING *;"
MADE = f"CREATE OR REPLACE FUNCTION new_bot(p_name text, p_token text) RETURNS SETOF chatbots LANGUAGE sql AS $$\n{BODY}\n$$;"
IN_PLPGSQL = """CREATE FUNCTION public.new_bot(p_name text, p_token text DEFAULT '') RETURNS chatbots LANGUAGE plpgsql AS $fn$
DECLARE made chatbots; «token uuid := p_token::uuid;»
BEGIN
  INSERT INTO visits (who) VALUES (p_token);
  INSERT INTO chatbots (name«, public_token») VALUES (p_name«, coalesce(token, gen_random_uuid())») RETURNING * INTO made;
  RETURN made;
END $fn$;"""
CALLED = {
    "a statement": (MADE, 'pool.query("SELECT * FROM new_bot($1, $2)", [name, code()])'),
    "a template": (IN_PLPGSQL, "prisma.$queryRaw`SELECT id, public_token FROM new_bot(${name}, ${code()})`"),
    "names of arguments": (MADE, 'db.one("SELECT * FROM new_bot(p_token => $2, p_name => $1)", [name, code()])'),
    "replacements": (
        IN_PLPGSQL,
        'sequelize.query("SELECT new_bot(:name, :token)", { replacements: { name, token: code() } })',
    ),
    "rpc of Supabase": (IN_PLPGSQL, 'supabase.rpc("new_bot", { p_name: name, p_token: code() })'),
    "func of pg-promise": (MADE, 'db.func("new_bot", [name, code()])'),
}


@pytest.mark.parametrize("how", CALLED)
def test_a_function_of_the_database_stores_what_code_gives_it(how: str, tmp_path: Path) -> None:
    """Where its INSERT gives that to the token; the same value in another column is none."""
    made, call = CALLED[how]
    files = {"migrations/2.sql": made, "src/add.ts": f"{CODE}export const add = (name) => {call};"}
    assert claims_with_and_without(tmp_path, files) == (GIVES_A_TOKEN, LEAVES_IT)


def test_a_function_may_be_made_in_a_migration_of_code_and_by_a_later_one_again(tmp_path: Path) -> None:
    """The last definition counts."""
    files = {
        "migrations/1_fn.js": f"exports.up = (knex) => knex.raw(`{MADE}`);\n",
        "src/add.ts": CODE + 'export const add = (name) => knex.raw("select * from new_bot(?, ?)", [name, code()]);',
    }
    assert claims_with_and_without(tmp_path, files) == (GIVES_A_TOKEN, LEAVES_IT)
    wrong = MADE.replace("«", "").replace("»", "")
    right = "INSERT INTO chatbots (name) VALUES (p_name) RETURNING *;"
    later = f"DROP FUNCTION new_bot;\nCREATE FUNCTION new_bot(p_name text, p_token text) RETURNS SETOF chatbots AS $$ {right} $$;"
    files |= {"migrations/1_fn.js": f"exports.up = (knex) => knex.raw(`{wrong}`);\n", "migrations/2.sql": later}
    assert claims_with_and_without(tmp_path / "later", files) == (LEAVES_IT, LEAVES_IT)


def test_the_way_back_of_a_migration_makes_no_function(tmp_path: Path) -> None:
    """Neither `down` of a program nor that of dbmate."""
    wrong, right = (
        MADE.translate(str.maketrans("", "", "«»")),
        "INSERT INTO chatbots (name) VALUES (p_name) RETURNING *;",
    )
    up = f"CREATE OR REPLACE FUNCTION new_bot(p_name text, p_token text) RETURNS SETOF chatbots AS $$ {right} $$;"
    use = {"src/add.ts": CODE + 'export const add = (name) => db.one("SELECT * FROM new_bot($1, $2)", [name, code()]);'}
    program = f"exports.up = (knex) => knex.raw(`{up}`);\nexports.down = (knex) => knex.raw(`{wrong}`);\n"
    dbmate = f"-- migrate:up\n{up}\n-- migrate:down\n{wrong}\n"
    for path, text in (("migrations/1.js", program), ("db/migrations/1.sql", dbmate)):
        files = {**use, path: text}
        assert claims_with_and_without(tmp_path / path.replace("/", "_"), files) == (LEAVES_IT, LEAVES_IT), path


ELSEWHERE = "BEGIN INSERT INTO members (mail) VALUES (p_name); EXCEPTION WHEN unique_violation THEN NULL; END;"
HANDLED = "EXCEPTION WHEN unique_violation THEN RETURN new_bot(p_name, p_token);"


@pytest.mark.parametrize(
    ("handler", "call", "said"),
    [
        ("", "db.one('SELECT * FROM new_bot($1, $2)', [name, ''])", "pass"),
        (ELSEWHERE, "db.one('SELECT * FROM new_bot($1, $2)', [name, ''])", "pass"),
        ("EXCEPTION WHEN check_violation THEN RAISE;", "db.one('SELECT * FROM new_bot($1, $2)', [name, ''])", "pass"),
        (HANDLED, "db.one('SELECT * FROM new_bot($1, $2)', [name, ''])", "fail"),
        (
            "",
            "db.one('SELECT * FROM new_bot($1, $2)', [name, '']).catch((e) => e.code === '23505' && add(name))",
            "fail",
        ),
    ],
)
def test_a_collision_may_be_handled_in_the_function_or_where_it_is_called(
    handler: str, call: str, said: str, tmp_path: Path
) -> None:
    """Both guard the INSERT of the function."""
    body = f"BEGIN INSERT INTO chatbots (name) VALUES (p_name) RETURNING * INTO made; RETURN made; {handler} END"
    made = f"CREATE FUNCTION new_bot(p_name text, p_token text) RETURNS chatbots LANGUAGE plpgsql AS $$ {body} $$;"
    files = {"migrations/2.sql": made, "src/add.ts": f"export const add = (name) => {call};"}
    assert claims_of(tmp_path, files, "handles") == {"handles": said}


def test_a_finding_in_a_file_quotes_its_line() -> None:
    """As it stands there, also of a function in a migration of code."""
    use = 'import { readFileSync } from "fs";\nexport const add = () => pool.query(readFileSync("a.sql"), [1, 2]);'
    found = analysed_files({"a.sql": f"-- adds\n{WRONG}", "src/add.ts": use})
    assert [create.shown for create in found.creates] == [f"a.sql:2: {WRONG.strip()}"]
    made = f"exports.up = (knex) => knex.raw(`\n{MADE.replace('«', '').replace('»', '')}`);\n"
    use = 'export const add = () => knex.raw("select new_bot(?, ?)", [1, 2]);'
    found = analysed_files({"migrations/1.js": made, "src/add.ts": use})
    assert [create.shown.split(": INSERT")[0] for create in found.creates] == ["migrations/1.js:3"]
