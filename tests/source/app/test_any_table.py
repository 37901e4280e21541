"""Functions and classes that store rows of any table: whose row it is stands where they are called.

Each is tried with a value of the app's (what stands in «..») and without it; a token of another table is always given.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.apps import GIVES_A_TOKEN, LEAVES_IT, claims_of, claims_with_and_without

if TYPE_CHECKING:
    from pathlib import Path

CODE = 'import { code } from "./lib";\n'
PUT_TOGETHER = """`INSERT INTO ${WHERE} (${Object.keys(row).join(", ")})
    VALUES (${Object.keys(row).map((_, i) => `$${i + 1}`).join(", ")}) RETURNING *`, Object.values(row)"""
CLASSES = {
    "a field": (
        "class Repo { async insert(row) { const [made] = await this.db(this.table).insert(row).returning('*'); return made; } }",
        "class TABLEs extends Repo { table = 'NAME'; add(row) { return this.insert(row); } }",
        "new TABLEs().add(ROW)",
    ),
    "a getter": (
        "class Repo { store(row) { return this.knex.insert(row).into(this.tableName).returning('*'); } }",
        "class TABLEs extends Repo { get tableName() { return 'NAME'; } async add(row) { return this.store(row); } }",
        "new TABLEs().add(ROW)",
    ),
    "a static field": (
        "class Dao { static async insert(row) { return (await knex(this.tableName).insert(row).returning('*'))[0]; } }",
        "class TABLEs extends Dao { static tableName = 'NAME'; }",
        "TABLEs.insert(ROW)",
    ),
    "a constructor": (
        f"class Repo {{ constructor(db, table) {{ this.db = db; this.table = table; }}\n"
        f"  create(row) {{ return this.db.one({PUT_TOGETHER.replace('WHERE', 'this.table')}); }} }}",
        "class TABLEs extends Repo { constructor(db) { super(db, 'NAME'); } add(row) { return this.create(row); } }",
        "new TABLEs(db).add(ROW)",
    ),
    "what it is made with": (
        "class Repo<T> { constructor(private knex, private table: string) {}\n"
        "  async create(row: Partial<T>) { return (await this.knex(this.table).insert(row, '*'))[0]; } }",
        "const TABLEs = new Repo<TABLE>(knex, 'NAME');",
        "TABLEs.create(ROW)",
    ),
    "by way of another method": (
        "class Repo { insert(row) { return this.db(this.table).insert(row).returning('*'); }\n"
        "  create(row) { return this.insert({ ...row, at: new Date() }); } }",
        "class TABLEs extends Repo { table = 'NAME'; add(row) { return this.create(row); } }",
        "new TABLEs().add(ROW)",
    ),
    "what a class is made with": (
        "class Store { constructor(private sql, private table: string) {}\n"
        "  put(row) { return this.sql`insert into ${this.sql(this.table)} ${this.sql(row)} returning *`; } }",
        "class TABLEs { constructor(private rows: Rows) {} add(row) { return this.rows.put(row); } }",
        "new TABLEs(new Store(sql, 'NAME')).add(ROW)",
    ),
    "a delegate of Prisma": (
        "class Repo<D> { constructor(protected delegate) {} create(data) { return this.delegate.create({ data }); } }",
        "class TABLEs extends Repo<TABLE> { constructor(prisma) { super(prisma.VARIABLE); } add(row) { return this.create(row); } }",
        "new TABLEs(prisma).add(ROW)",
    ),
    "names of pg-format": (
        "class Store { constructor(private name: string) {} create(row) { return pool.query(format(\n"
        "  'INSERT INTO %I (%I) VALUES (%L) RETURNING *', this.name, Object.keys(row), Object.values(row))); } }",
        "const TABLEs = new Store('NAME');",
        "TABLEs.create(ROW)",
    ),
}
FUNCTIONS = {
    "two parameters": (
        "const put = async (table, row) => (await knex(table).insert(row).returning('*'))[0];",
        "put('NAME', ROW)",
    ),
    "postgres.js": (
        "const put = (table, rows) => sql`insert into ${sql(table)} ${sql(rows)} returning *`;",
        "put('NAME', [ROW])",
    ),
    "a statement": (
        f"const put = (table, row) => pool.query({PUT_TOGETHER.replace('WHERE', 'table')});",
        "put('NAME', ROW)",
    ),
    "one object": (
        f"const put = (pool, {{ table, row }}) => pool.query({PUT_TOGETHER.replace('WHERE', 'table')});",
        "put(pool, { table: 'NAME', row: ROW })",
    ),
    "a class that it answers": (
        "const model = (table) => class { static async create(row) { return (await db(table).insert(row, ['*']))[0]; } };\n"
        "const Bot = model('chatbots'); const Link = model('shares');",
        "MODELS",
    ),
    "what it answers": (
        "const crud = (table) => ({ create: async (row) => (await db(table).insert(row).returning('*'))[0] });\n"
        "const chatbotRows = crud('chatbots'); const shareRows = crud('shares');",
        "VARIABLERows.create(ROW)",
    ),
}


def put(text: str, table: str, row: str) -> str:
    """A text for one of two tables."""
    model = {"chatbots": "Chatbot", "shares": "Share"}[table]
    text = text.replace("MODELS", {"chatbots": "Bot.create(ROW)", "shares": "Link.create(ROW)"}[table])
    text = text.replace("NAME", table).replace("VARIABLE", model.lower()).replace("TABLE", model)
    return text.replace("ROW", row)


@pytest.mark.parametrize("how", CLASSES)
def test_a_class_for_each_table_stores_rows_by_the_one_that_it_extends(how: str, tmp_path: Path) -> None:
    """Of which nothing but its objects says which table it is."""
    base, extending, call = CLASSES[how]
    files = {
        "src/base.ts": f"export {base}",
        "src/bots.ts": 'import { Repo, Dao, Store } from "./base";\nexport ' + put(extending, "chatbots", ""),
        "src/shares.ts": 'import { Repo, Dao, Store } from "./base";\nexport ' + put(extending, "shares", ""),
        "src/add.ts": CODE
        + 'import { Chatbots } from "./bots"; import { Store } from "./base";\n'
        + f"export const add = (name) => {put(call, 'chatbots', '{ name«, public_token: code()» }')};",
        "src/share.ts": CODE
        + 'import { Shares } from "./shares"; import { Store } from "./base";\n'
        + f"export const share = (bot) => {put(call, 'shares', '{ bot, public_token: code() }')};",
    }
    assert claims_with_and_without(tmp_path, files) == (GIVES_A_TOKEN, LEAVES_IT)


@pytest.mark.parametrize("how", FUNCTIONS)
def test_a_function_stores_rows_of_the_table_that_it_is_given(how: str, tmp_path: Path) -> None:
    """Also where it answers the functions that do."""
    function, call = FUNCTIONS[how]
    text = f"""{CODE}{function}
        export const add = (name) => {put(call, "chatbots", "{ name«, public_token: code()» }")};
        export const share = (bot) => {put(call, "shares", "{ bot, public_token: code() }")};"""
    assert claims_with_and_without(tmp_path, {"src/add.ts": text}) == (GIVES_A_TOKEN, LEAVES_IT)


@pytest.mark.parametrize("row", ["...row«, public_token: code()»", "name: row.name«, public_token: String(code())»"])
def test_a_class_for_any_table_may_make_the_token_itself(row: str, tmp_path: Path) -> None:
    """In the row that it stores, whatever it is given. A method that only stores another table is none of this one's."""
    base = f"""{CODE}
        export class Repo {{ constructor(private table: string) {{}}
          insert(row) {{ return knex(this.table).insert({{ {row} }}).returning("*"); }}
          share(row) {{ return knex(this.table).insert({{ ...row, public_token: code() }}).returning("*"); }} }}"""
    use = """
        import { Repo } from "./base"; const bots = new Repo("chatbots"); const shares = new Repo("shares");
        export const add = (name) => bots.insert({ name }); export const share = (bot) => shares.share({ bot });"""
    files = {"src/base.ts": base, "src/add.ts": use}
    assert claims_with_and_without(tmp_path, files) == (GIVES_A_TOKEN, LEAVES_IT)


STORE_NOTHING = {
    "a page": "const insert = (table, row) => document.querySelector(table).append(row);",
    "a request": "function insert(table, row) { return fetch(`/api/${table}`, { method: 'POST', body: JSON.stringify(row) }); }",
    "by way of another": "const send = (path, row) => post(path, row);\nfunction insert(table, row) { return send(table, row); }",
}


@pytest.mark.parametrize("how", STORE_NOTHING)
def test_a_function_that_stores_nothing_is_none_of_any_table(how: str, tmp_path: Path) -> None:
    """Whatever it is called: a front end beside a server in another language. One with a statement in it stores."""
    call = "export const add = (name) => insert('chatbots', { name });"
    files = {"app/bot.rb": "class Bot; end", "web/add.js": f"{STORE_NOTHING[how]}\n{call}"}
    assert set(claims_of(tmp_path / "a", files, "makes", "insert").values()) == {"unknown"}
    stores = "const insert = (table, row) => sql`insert into ${sql(table)} ${sql(row)} returning *`;"
    files["web/add.js"] = f"{stores}\n{call}"
    assert set(claims_of(tmp_path / "b", files, "makes", "insert").values()) == {"pass"}


MODELS = {
    "TypeORM": """
        @Entity("chatbots") export class Chatbot { @Column() name: string; @Column({ name: "public_token" }) publicToken: string; }
        @Entity("spaces") export class Space { @OneToMany(() => Chatbot, (b) => b.space, { cascade: true }) chatbots: Chatbot[];
          @OneToMany(() => Chatbot, (b) => b.home) helpers: Chatbot[]; }""",
    "Objection": """
        export class Chatbot extends Model { static tableName = "chatbots"; }
        export class Space extends Model { static tableName = "spaces";
          static relationMappings = { bots: { relation: Model.HasManyRelation, modelClass: Chatbot, join: {} } }; }""",
    "Sequelize": """
        export const Chatbot = sequelize.define("Chatbot", { publicToken: { type: DataTypes.UUID, field: "public_token" } }, { tableName: "chatbots" });
        export const Space = sequelize.define("Space", {}, { tableName: "spaces" }); Space.hasMany(Chatbot, { as: "bots" });""",
}
ROW = "{ name«, publicToken: code()» }"
CASCADES = {
    "save of a list": ("TypeORM", f"getRepository(Space).save({{ name, chatbots: [{ROW}] }})"),
    "save of a relation by another name": ("TypeORM", f"getRepository(Space).save({{ name, helpers: [{ROW}] }})"),
    "save of an object of the class": (
        "TypeORM",
        "(() => { const bot = new Chatbot(); «bot.publicToken = code();» const space = new Space(); space.chatbots = [bot];"
        " return getRepository(Space).save(space); })()",
    ),
    "insertGraph": (
        "Objection",
        f"Space.query().insertGraph({{ name, bots: [{ROW}] }})".replace("publicToken", "public_token"),
    ),
    "insertGraph of several": (
        "Objection",
        f"Space.query().insertGraph([{{ name, bots: [{ROW}] }}])".replace("publicToken", "public_token"),
    ),
    "include": ("Sequelize", f"Space.create({{ name, bots: [{ROW}] }}, {{ include: ['bots'] }})"),
    "include of a model": (
        "Sequelize",
        f"Space.create({{ name, bots: [{ROW}] }}, {{ include: [{{ model: Chatbot, as: 'bots' }}] }})",
    ),
}


@pytest.mark.parametrize("how", CASCADES)
def test_rows_that_are_stored_with_one_of_another_table_are_all_that_stores(how: str, tmp_path: Path) -> None:
    """By relations of TypeORM, of Objection and of Sequelize, whatever their names; each claim can tell."""
    orm, call = CASCADES[how]
    text = f'{CODE}import {{ Space, Chatbot }} from "./models";\nexport const add = (name) => {call};'
    given, left = claims_with_and_without(tmp_path, {"src/models.ts": MODELS[orm], "src/add.ts": text})
    assert left == LEAVES_IT
    assert given == GIVES_A_TOKEN
