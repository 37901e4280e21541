"""Ways of storing a row, and of giving its token a value, that are particular to one ORM or one style.

Each is tried with a value of the app's, and the same without it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.apps import claims_of

if TYPE_CHECKING:
    from pathlib import Path

LIB = "export const code = () => Math.random().toString(36).slice(2, 10);\n"
CREATE = "export const add = (name) => sql`INSERT INTO chatbots (name) VALUES (${name}) RETURNING id, public_token`;\n"
ENTITY = """
    import { Entity, Column } from "typeorm"; import { code } from "./lib";
    @Entity("chatbots") export class Chatbot {
      @Column() name: string; @Column({ name: "public_token", type: "uuid" }) publicToken: string;
      HOOK
    }"""
# `VALUE` is a member of a row, `HOOK` what gives it one; of what is right they are left out.
HOOKS = {
    "an entity's own hook": ("@BeforeInsert() fill() { this.publicToken ??= code(); }", ENTITY),
    "or, if there is none": ("@BeforeInsert() fill() { this.publicToken ||= code(); }", ENTITY),
    "a subscriber": (
        "event.entity.publicToken = code();",
        """import { code } from "./lib"; import { Chatbot } from "./entity";
        export class Filling implements EntitySubscriberInterface { beforeInsert(event: InsertEvent<Chatbot>) { HOOK } }""",
    ),
    "a subscriber by what it implements": (
        "event.entity.publicToken = code();",
        """import { code } from "./lib"; import { Chatbot } from "./entity";
        export class Filling implements EntitySubscriberInterface<Chatbot> { beforeInsert(event) { HOOK } }""",
    ),
    "a class that the table's is made of": (
        "$beforeInsert() { this.public_token = code(); }",
        """const { code } = require("./lib"); const { Model } = require("objection");
        class Base extends Model { HOOK }
        class Chatbot extends Base { static tableName = "chatbots"; }""",
    ),
    "a setter of Sequelize": (
        'Chatbot.addHook("beforeValidate", (bot) => { bot.setDataValue("publicToken", code()); });',
        """const { code } = require("./lib");
        module.exports = (sequelize) => { class Chatbot extends Model {}
          Chatbot.init({ publicToken: { type: DataTypes.UUID, field: "public_token" } }, { sequelize, tableName: "chatbots" });
          HOOK return Chatbot; };""",
    ),
    "a schema of MikroORM": (
        ", onCreate: () => code()",
        """import { code } from "./lib"; export const schema = new EntitySchema({ name: "Chatbot", tableName: "chatbots",
          properties: { id: { primary: true }, publicToken: { type: "uuid", fieldName: "public_token" HOOK } } });""",
    ),
    "a hook of AdonisJS": (
        "bot.publicToken = string.random(8);",
        """import string from "@adonisjs/core/helpers/string"; import { BaseModel, beforeCreate } from "@adonisjs/lucid/orm";
        export default class Chatbot extends BaseModel { static table = "chatbots"; declare publicToken: string;
          @beforeCreate() static fill(bot: Chatbot) { HOOK } }""",
    ),
    "columns in a callback": (
        ".$defaultFn(() => code())",
        """import { code } from "./lib"; const token = () => text("public_token")HOOK;
        export const chatbots = pgTable("chatbots", (t) => ({ name: t.text(), publicToken: token() }));""",
    ),
}


@pytest.mark.parametrize("how", HOOKS)
def test_a_hook_that_fills_the_token_is_seen(how: str, tmp_path: Path) -> None:
    """Next to a create that leaves it to Postgres."""
    hook, text = HOOKS[how]
    files = {"src/lib.ts": LIB, "src/create.ts": CREATE, "src/model.ts": text.replace("HOOK", hook)}
    assert claims_of(tmp_path / "wrong", files, "makes") == {"makes": "fail"}
    files["src/model.ts"] = text.replace("HOOK", "")
    assert claims_of(tmp_path / "right", files, "makes", "insert") == {"makes": "pass", "insert": "pass"}


def test_a_hook_of_another_table_is_none_of_this_one(tmp_path: Path) -> None:
    """Nor is that of a class which no class of the table is made of."""
    other = """import { code } from "./lib"; import { Share } from "./share";
        export class Filling implements EntitySubscriberInterface<Share> {
          beforeInsert(event: InsertEvent<Share>) { event.entity.publicToken = code(); } }
        class Base extends Model { $beforeInsert() { this.public_token = code(); } }
        class Share extends Base { static tableName = "shares"; }
        share.setDataValue("publicToken", code());"""
    files = {"src/lib.ts": LIB, "src/create.ts": CREATE, "src/share.ts": other}
    assert claims_of(tmp_path, files, "makes") == {"makes": "pass"}


STORES = {
    "a relation of Objection": """
        import { code } from "./lib"; class Chatbot extends Model { static tableName = "chatbots"; }
        class Space extends Model { static relationMappings = { bots: { relation: Model.HasManyRelation, modelClass: Chatbot } }; }
        export const add = (space, name) => space.$relatedQuery("bots").insert({ name VALUE }).returning("*");""",
    "a relation of Objection, of a row by its id": """
        import { code } from "./lib"; class Chatbot extends Model { static tableName = "chatbots"; }
        class Space extends Model { static relationMappings = () => ({ bots: { relation: Model.HasManyRelation, modelClass: Chatbot } }); }
        export const add = (id, name) => Space.relatedQuery("bots").for(id).insert({ name VALUE }).returning("*");""",
    "a relation of Objection, and the row again": """
        import { code } from "./lib"; class Chatbot extends Model { static tableName = "chatbots"; }
        class Space extends Model { static get relationMappings() { return { bots: { relation: Model.HasManyRelation, modelClass: Chatbot } }; } }
        export const add = (space, trx, name) => space.$relatedQuery("bots", trx).insertAndFetch({ name VALUE });""",
    "an association of Sequelize with one": """
        import { code } from "./lib"; Workspace.hasOne(Chatbot);
        export class Spaces { async add(name) { const bot = await this.workspace.createChatbot({ name VALUE }); return bot.publicToken; } }""",
    "an association of Sequelize by another name": """
        import { code } from "./lib"; Workspace.hasMany(Chatbot, { as: "bots" });
        export const add = async (space, name) => (await space.createBot({ name VALUE })).publicToken;""",
    "an association of Sequelize": """
        import { code } from "./lib"; Workspace.hasMany(Chatbot);
        export const add = async (space, name) => (await space.createChatbot({ name VALUE })).publicToken;""",
    "helpers of pg-promise": """
        import { code } from "./lib"; const set = new pgp.helpers.ColumnSet(COLUMNS, { table: "chatbots" });
        export const add = (name) => db.one(pgp.helpers.insert({ name VALUE }, set) + " RETURNING id, public_token");""",
    "helpers of pg-promise, by the name": """
        import { code } from "./lib";
        export const add = (name) => db.one(`${pgp.helpers.insert({ name VALUE }, null, "chatbots")} RETURNING *`);""",
    "a repository that is handed on": """
        import { code } from "./lib";
        const rows = (db) => ({ insert: async (row) => (await db.insert(row, ["id", "public_token"]).into("chatbots"))[0] });
        const service = ({ store }) => ({ create: (name) => store.insert({ name VALUE }) });
        export const add = service({ store: rows(knex) }).create;""",
    "a repository that a class is made with": """
        import { code } from "./lib";
        class Rows { insert(row) { return knex("chatbots").insert(row).returning(["id", "public_token"]); } }
        class Service { constructor(store) { this.store = store; } create(name) { return this.store.insert({ name VALUE }); } }
        export const add = (name) => new Service(new Rows()).create(name);""",
    "a builder": """
        import { code } from "./lib";
        class Row { row = {}; named(name) { this.row.name = name; return this; } made() { FILL return this; } build() { return { ...this.row }; } }
        export const add = async (name) =>
          (await db("chatbots").insert(new Row().named(name).made().build(), ["id", "public_token"]))[0];""",
    "functions one by one": """
        import { code } from "./lib"; const row = R.pipe(R.pick(["name"]), (one) => PUT);
        export const add = (body) => knex("chatbots").insert(row(body)).returning("*");""",
    "a row that MikroORM flushes": """
        import { code } from "./lib"; import { Chatbot } from "./model";
        export const add = async (name) => { const bot = em.create(Chatbot, { name VALUE }); await em.flush(); return bot; };""",
    "a generator that waits": """
        import { code } from "./lib"; const made = Effect.sync(() => ({ PLAIN }));
        export const add = (name) => Effect.gen(function* () { const row = yield* made;
          return yield* sql`INSERT INTO chatbots ${sql({ name, ...row })} RETURNING id, public_token`; });""",
}


@pytest.mark.parametrize("how", STORES)
def test_a_row_is_stored_and_its_token_named(how: str, tmp_path: Path) -> None:
    """With a value of the app's, three claims hold or do not; without it, all four do."""
    named = "publicToken" if "Sequelize" in how or "MikroORM" in how else "public_token"
    filled = STORES[how].replace("FILL", "this.row.public_token = code();")
    filled = (
        filled.replace("PUT", 'R.assoc("public_token", code(), one)')
        .replace("VALUE", f", {named}: code()")
        .replace("PLAIN", f"{named}: code()")
    )
    wrong = {"src/lib.ts": LIB, "src/add.ts": filled.replace("COLUMNS", '["name", "public_token"]')}
    said = claims_of(tmp_path / "wrong", wrong, "makes", "insert", "left")
    assert said == {"makes": "fail", "insert": "fail", "left": "pass"}
    left = (
        STORES[how]
        .replace("FILL", "")
        .replace("PUT", "one")
        .replace("VALUE", "")
        .replace("PLAIN", "")
        .replace("COLUMNS", '["name"]')
    )
    right = {"src/add.ts": left.replace('import { code } from "./lib";', "")}
    assert claims_of(tmp_path / "right", right, "makes", "insert", "left", "handles") == dict.fromkeys(
        ("makes", "insert", "left", "handles"), "pass"
    )


CASCADES = {
    "a list": "await getRepository(Workspace).save({ name, chatbots: [{ name, publicToken: code() }] });",
    "one": "await getRepository(Workspace).save({ name, chatbot: { name, publicToken: code() } });",
    "of a map": "await workspaceRepo.save({ name, chatbots: names.map((name) => ({ name, publicToken: code() })) });",
}


@pytest.mark.parametrize("how", CASCADES)
def test_a_row_is_stored_with_one_of_another_table(how: str, tmp_path: Path) -> None:
    """Next to a create that leaves its token to Postgres; a row of a third table is not the table's."""
    head = '@Entity("workspaces") class Workspace {}\nimport { code } from "./lib";\n'
    files = {"src/lib.ts": LIB, "src/create.ts": CREATE, "src/space.ts": head + CASCADES[how]}
    assert claims_of(tmp_path / "wrong", files, "makes") == {"makes": "fail"}
    files["src/space.ts"] = head + CASCADES[how].replace("chatbot", "invite")
    assert claims_of(tmp_path / "right", files, "makes") == {"makes": "pass"}


BESIDE = {
    "TypeORM": """
        @Entity("chatbots") class Chatbot { @OneToMany(() => Invite, (one) => one.bot) invites: Invite[]; }
        getRepository(Chatbot).save({ name, invites: [{ publicToken: code() }] });""",
    "Objection": """
        class Chatbot extends Model { static tableName = "chatbots";
          static relationMappings = { invites: { relation: Model.HasManyRelation, modelClass: Invite } }; }
        Chatbot.query().insertGraph({ name, invites: [{ publicToken: code() }] });""",
    "Sequelize": """
        Chatbot.hasMany(Invite, { as: "invites" });
        Chatbot.create({ name, invites: [{ publicToken: code() }] }, { include: ["invites"] });""",
}


@pytest.mark.parametrize("how", BESIDE)
def test_a_row_of_another_table_that_is_stored_with_a_chatbot_has_a_token_of_its_own(how: str, tmp_path: Path) -> None:
    """By a relation to that table; the chatbot's own token is another."""
    head = 'import { code } from "./lib"; import { Invite } from "./invite";\n'
    files = {"src/lib.ts": LIB, "src/create.ts": CREATE, "src/space.ts": head + BESIDE[how]}
    assert claims_of(tmp_path / "right", files, "makes") == {"makes": "pass"}
    files["src/space.ts"] = head + BESIDE[how].replace("{ name, invites", "{ name, publicToken: code(), invites")
    assert claims_of(tmp_path / "wrong", files, "makes") == {"makes": "fail"}


KEPT = {
    "a map of the class": "this.rows.set(bot.id, bot); return bot;",
    "a list of the class": "this.list.push(bot); return bot;",
}


@pytest.mark.parametrize("how", KEPT)
@pytest.mark.parametrize("made", ["", "export const store = process.env.URL ? new Real() : new InMemory();"])
def test_what_is_only_kept_in_memory_is_not_stored(how: str, made: str, tmp_path: Path) -> None:
    """Also where its class is made, and the row has the type of the table's."""
    store = f"""
        import {{ randomUUID }} from "node:crypto";
        class InMemory {{ private rows = new Map<number, Chatbot>(); private list: Chatbot[] = [];
          create(name: string) {{
            const bot: Chatbot = {{ id: 1, name, publicToken: randomUUID() }};
            {KEPT[how]} }} }}
        {made}"""
    files = {"src/store.ts": store, "src/create.ts": CREATE}
    assert claims_of(tmp_path / "right", files, "makes") == {"makes": "pass"}
    files["src/store.ts"] = store.replace(KEPT[how], f"repository.save(bot); {KEPT[how]}")
    assert claims_of(tmp_path / "wrong", files, "makes") == {"makes": "fail"}


EXPORTS = {
    "exports": "exports.createToken = () => require('crypto').randomBytes(4).toString('hex');",
    "module.exports": "module.exports.createToken = function createToken() { return Math.random().toString(36); };",
    "a list of exports": "module.exports = { createToken: () => Math.random().toString(36) };",
}


@pytest.mark.parametrize("how", EXPORTS)
def test_an_exported_generator_that_only_tests_use_is_left_behind(how: str, tmp_path: Path) -> None:
    """One that the app uses is not, by whatever name it imports it."""
    test = "const { createToken } = require('./token'); test('x', () => expect(createToken()).toBeTruthy());"
    files = {"src/token.js": EXPORTS[how], "src/token.test.js": test, "src/create.js": CREATE}
    assert claims_of(tmp_path / "left", files, "left") == {"left": "fail"}
    for use in (
        "const { createToken } = require('./token'); login(createToken());",
        "const token = require('./token'); login(token.createToken());",
        "import { createToken as made } from './token'; login(made());",
    ):
        files["src/login.js"] = use
        assert claims_of(tmp_path / "used", files, "left") == {"left": "pass"}, use


UNSAFE = """
    import { code } from "./lib"; export const add = (name) => prisma.$queryRawUnsafe<Row[]>(
      "INSERT INTO chatbots (name, public_token) VALUES ($1, $2) RETURNING id, public_token", name, GIVEN);"""


FORMAT = """
    import { code } from "./lib"; export const add = (name) => pool.query(format(
      "INSERT INTO chatbots (name, public_token) VALUES (%L, %L) RETURNING id, public_token", name, GIVEN));"""


STATEMENT = '"INSERT INTO chatbots (name, public_token) VALUES ($1, $2) RETURNING id, public_token"'
EXECUTED = f"""
    import {{ code }} from "./lib"; export const add = (name) => prisma.$executeRawUnsafe({STATEMENT}, name, GIVEN);"""
OF_AN_ARRAY = FORMAT.replace("format(", "format.withArray(").replace("name, GIVEN", "[name, GIVEN]")
HELD = f"""
    import {{ code }} from "./lib"; const text = {STATEMENT};
    export const add = (name) => prisma.$queryRawUnsafe(text, name, GIVEN);"""


@pytest.mark.parametrize("text", [UNSAFE, FORMAT, EXECUTED, OF_AN_ARRAY, HELD])
@pytest.mark.parametrize(("value", "said"), [("code()", "fail"), ("body.token", "pass")])
def test_values_that_are_given_one_by_one_are_followed(text: str, value: str, said: str, tmp_path: Path) -> None:
    """To Prisma's raw statements, and to pg-format."""
    files = {"src/lib.ts": LIB, "src/add.ts": text.replace("GIVEN", value), "src/other.ts": "login(code());"}
    assert claims_of(tmp_path, files, "makes") == {"makes": said}


NAMELESS = "import { randomBytes } from 'crypto';\nexport default (n = 4) => randomBytes(n).toString('hex');\n"


def test_a_generator_without_a_name_is_called_as_its_file_is(tmp_path: Path) -> None:
    """It is left behind where no file of the app, and no page, imports it or names it."""
    files = {"src/generate-token.js": NAMELESS, "src/create.js": CREATE}
    assert claims_of(tmp_path / "left", files, "left") == {"left": "fail"}
    for use in ("import make from './generate-token'; login(make());", "login(generateToken());"):
        assert claims_of(tmp_path / "used", {**files, "src/login.js": use}, "left") == {"left": "pass"}, use
    page = {"src/App.vue": "<script setup>const draft = generateToken()</script>"}
    assert claims_of(tmp_path / "page", {**files, **page}, "left") == {"left": "pass"}
    session = {"src/session.js": NAMELESS, "src/create.js": CREATE}
    assert claims_of(tmp_path / "other", session, "left") == {"left": "pass"}


def test_what_only_hands_a_random_value_on_is_no_generator(tmp_path: Path) -> None:
    """A function that puts it into a queue beside what stores rows, for who knows whom."""
    queue = 'const queue = new Queue("a");\nexport const enqueue = (name) => queue.add("b", { name, id: nanoid() });\n'
    files = {"src/create.js": 'import { nanoid } from "nanoid";\n' + queue + CREATE}
    assert claims_of(tmp_path, files, "left") == {"left": "pass"}


RETRIES = {
    "options": "pRetry(run, { shouldRetry: (error) => error.code === 'P2002' })",
    "a callback": "retry(run, (error) => error.code === 'P2002')",
    "a method": "run().catch((error) => { if (error.code === 'P2002') return run(); throw error; })",
}


@pytest.mark.parametrize("how", RETRIES)
def test_a_retry_that_is_handed_what_stores_the_row_handles_its_collision(how: str, tmp_path: Path) -> None:
    """One that is only handed what stores another table does not."""
    helper = f"export const again = (run) => {RETRIES[how]};\n"
    use = 'import { again } from "./again";\nexport const add = (name) => again(() => prisma.chatbot.create({ data: { name } }));\n'
    wrong = {"src/again.ts": helper, "src/add.ts": use}
    assert claims_of(tmp_path / "wrong", wrong, "handles") == {"handles": "fail"}
    right = {"src/again.ts": helper, "src/add.ts": use.replace("chatbot", "user"), "src/create.ts": CREATE}
    assert claims_of(tmp_path / "right", right, "handles") == {"handles": "pass"}
