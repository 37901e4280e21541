"""What the create's INSERT says of the token column, by statement and by ORM."""

from __future__ import annotations

import pytest

from checks.test_source_insert import test_source_insert as insert
from harness.errors import CouldNotTell
from harness.findings import last_finding
from tests.support.apps import ROUTE, analysed, analysed_files

FINE = {
    "RETURNING by name": "await sql`INSERT INTO chatbots (name) VALUES (${name}) RETURNING id, public_token`;",
    "RETURNING everything": "await pool.query('INSERT INTO chatbots (name) VALUES ($1) RETURNING *', [name]);",
    "RETURNING under another name": "await sql`INSERT INTO chatbots (name) VALUES (${n}) RETURNING public_token AS token`;",
    "DEFAULT": "await sql`INSERT INTO chatbots (name, public_token) VALUES (${n}, DEFAULT) RETURNING public_token`;",
    "DEFAULT VALUES": "await sql`INSERT INTO chatbots DEFAULT VALUES RETURNING *`;",
    "postgres.js's helper": "await sql`INSERT INTO chatbots ${sql({ name, require_auth })} RETURNING ${sql(columns)}`;",
    "columns in a constant": """
        const COLUMNS = "id, public_token";
        await pool.query(`INSERT INTO chatbots (name) VALUES ($1) RETURNING ${COLUMNS}`, [name]);""",
    "RETURNING the row as JSON": "await sql`INSERT INTO chatbots (name) VALUES (${n}) RETURNING row_to_json(chatbots) AS bot`;",
    "RETURNING an alias as JSON": "await sql`INSERT INTO chatbots AS c (name) VALUES (${n}) RETURNING to_jsonb(c)`;",
    "drizzle": "await db.insert(chatbots).values({ name }).returning();",
    "drizzle, named": "await db.insert(chatbots).values({ name }).returning({ token: chatbots.publicToken });",
    "drizzle, undefined": "await db.insert(chatbots).values({ name, publicToken: undefined }).returning();",
    "prisma": "await prisma.chatbot.create({ data: { name } });",
    "prisma's select": "await prisma.chatbot.create({ data: { name }, select: { id: true, publicToken: true } });",
    "prisma's select in a constant": "await prisma.chatbot.create({ data: { name }, select: FIELDS });",
    "knex": "await knex('chatbots').insert({ name }).returning(['id', 'public_token']);",
    "knex, typed": "const [b] = await knex<Bot>('chatbots').insert({ name }).returning(['id', 'public_token']);",
    "knex, a table of constants": """
        const TABLES = { bots: 'chatbots' };
        await knex(TABLES.bots).insert({ name }).returning(['id', 'public_token']);""",
    "knex's second argument": "await knex('chatbots').insert({ name }, ['id', 'public_token']);",
    "kysely": "await db.insertInto('chatbots').values({ name }).returning(['id', 'public_token']).execute();",
    "kysely's all": "await db.insertInto('chatbots').values({ name }).returningAll().executeTakeFirstOrThrow();",
    "supabase": "await supabase.from('chatbots').insert({ name }).select('id, public_token').single();",
    "sequelize": "await Chatbot.create({ name });",
    "typeorm": "await this.chatbotRepository.save({ name });",
    "objection": "await Chatbot.query().insert({ name }).returning('*');",
    "zapatos": "const row = await db.insert('chatbots', { name }).run(pool);",
    "a helper that is told the table": "await insertRow('chatbots', { name });",
    "a helper of the app that is told the table": """
        async function insertRow(table, row) {
          const { rows } = await pool.query(
            `INSERT INTO ${table} (${Object.keys(row)}) VALUES (${marks(row)}) RETURNING *`, Object.values(row));
          return rows[0];
        }
        await insertRow("chatbots", { name });""",
    "columns that are pushed": """
        const columns = ["name"]; const values = [name];
        if (owner) { columns.push("owner_id"); values.push(owner); }
        const marks = columns.map((_, i) => `$${i + 1}`).join(", ");
        await pool.query(`INSERT INTO chatbots (${columns.join(", ")}) VALUES (${marks}) RETURNING *`, values);""",
    "columns of a row": """
        const row = { name, require_auth };
        const columns = Object.keys(row).map((key) => `"${key}"`).join(", ");
        await pool.query(`INSERT INTO chatbots (${columns}) VALUES (${marks}) RETURNING *`, Object.values(row));""",
    "an entity that is filled and saved": """
        class Chatbot extends BaseEntity { publicToken: string; rename(name) { this.name = name; } }
        const bot = new Chatbot(); bot.name = name; await manager.save(bot);""",
    "an entity that is made and saved": "await repo.save(repo.create({ name }));".replace("repo", "chatbotRepository"),
    "a class and its row": "await manager.save(Chatbot, { name });",
    "a row that another was put into": """
        const row = { name }; Object.assign(row, { require_auth });
        await knex('chatbots').insert(row).returning('*');""",
    "what a schema lets through": """
        const schema = z.object({ name: z.string().default(() => "unnamed") });
        await db.insert(chatbots).values(schema.parse(req.body)).returning();""",
    "what a schema leaves out": """
        const schema = z.object({ name: z.string(), publicToken: z.string().default(() => f()) }).omit({ publicToken: true });
        await db.insert(chatbots).values(schema.parse(req.body)).returning();""",
    "what is left of a row": """
        const { publicToken, ...row } = { name, publicToken: req.body.token };
        await db.insert(chatbots).values(row).returning();""",
    "read again": """
        const { rows } = await pool.query("INSERT INTO chatbots (name) VALUES ($1) RETURNING id", [name]);
        const found = await pool.query("SELECT id, public_token FROM chatbots WHERE id = $1", [rows[0].id]);""",
}


@pytest.mark.parametrize("how", FINE)
def test_an_insert_that_leaves_the_token_out_and_returns_it_passes(how: str) -> None:
    """Each is recognised as the create, in its own way."""
    found = analysed(f"router.post('/', async (req, res) => {{ {FINE[how]} }});")
    assert len(found.creates) == 1, found
    insert(found)


def test_a_table_that_only_a_file_of_constants_names_is_known() -> None:
    """The file that stores says neither the table nor the column."""
    for tables in (
        "export const TABLES = Object.freeze({ bots: 'chatbots', docs: 'documents' });",
        "export const TABLES = { bots: 'chatbots', docs: 'documents' } as const;",
        "export enum TABLES { bots = 'chatbots', docs = 'documents' }",
    ):
        for create in (
            "knex(TABLES.bots).insert(row).returning('*')",
            "pool.query(`INSERT INTO ${TABLES.bots} (name) VALUES ($1) RETURNING *`, [row.name])",
        ):
            found = analysed_files(
                {
                    "src/tables.ts": tables,
                    "src/bots.ts": f'import {{ TABLES }} from "./tables.js";\nexport const create = (row) => {create};',
                }
            )
            assert [made.shown.partition(": ")[0] for made in found.creates] == ["src/bots.ts:2"], (tables, create)
            insert(found)


NAMED = {
    "a client's token": (
        "await sql`INSERT INTO chatbots (name, public_token) VALUES (${name}, ${token}) RETURNING id`;",
        "await sql`INSERT INTO chatbots (name, public_token)",
    ),
    "a call of the database": (
        "await sql`INSERT INTO chatbots (name, public_token) VALUES (${n}, gen_random_uuid()) RETURNING *`;",
        "INSERT INTO chatbots (name, public_token)",
    ),
    "null": ("await sql`INSERT INTO chatbots (name, public_token) VALUES (${name}, NULL) RETURNING *`;", "NULL"),
    "drizzle": ("await db.insert(chatbots).values({ name, publicToken: token }).returning();", "publicToken: token"),
    "prisma": ("const data = { name, publicToken };\nawait prisma.chatbot.create({ data });", "publicToken }"),
    "knex": ("await knex('chatbots').insert({ name, public_token: t }).returning('*');", "public_token: t"),
    "a row of a function": (
        "const row = (n) => ({ name: n, publicToken: f(n) });\nawait db.insert(chatbots).values(row(name)).returning();",
        "publicToken: f(n)",
    ),
    "Object.assign": (
        (
            "const row = { name };\nObject.assign(row, { public_token: t });\n"
            "await knex('chatbots').insert(row).returning('*');"
        ),
        "public_token: t",
    ),
    "lodash's assign": (
        (
            "const row = { name };\n_.assign(row, { name: 1 }, { public_token: t });\n"
            "await knex('chatbots').insert(row).returning('*');"
        ),
        "public_token: t",
    ),
    "a row that is replaced": (
        "let row = { name };\nrow = { ...row, public_token: t };\nawait knex('chatbots').insert(row).returning('*');",
        "public_token: t",
    ),
    "a schema's default": (
        (
            "const schema = z.object({ name: z.string(), publicToken: z.string().default(() => f()) }).strict();\n"
            "const body = schema.parse(req.body);\nawait db.insert(chatbots).values(body).returning();"
        ),
        "publicToken: z.string().default(",
    ),
    "a schema's default, asked safely": (
        (
            "const schema = z.object({ publicToken: z.string().default(() => f()) });\n"
            "const parsed = schema.safeParse(req.body);\nawait db.insert(chatbots).values(parsed.data).returning();"
        ),
        "publicToken: z.string().default(",
    ),
    "an extended schema's default": (
        (
            "const base = z.object({ name: z.string() });\n"
            "const schema = base.extend({ publicToken: z.string().default(() => f()) });\n"
            "const { data } = schema.safeParse(req.body);\n"
            "await db.insert(chatbots).values({ ...data, at: 1 }).returning();"
        ),
        "publicToken: z.string().default(",
    ),
    "joi's default": (
        (
            "const schema = Joi.object({ public_token: Joi.string().default(() => f()) });\n"
            "const { value } = schema.validate(req.body);\nawait knex('chatbots').insert(value).returning('*');"
        ),
        "public_token: Joi.string()",
    ),
    "yup's default": (
        (
            "const schema = yup.object().shape({ public_token: yup.string().default(() => f()) });\n"
            "await knex('chatbots').insert(await schema.validate(req.body)).returning('*');"
        ),
        "public_token: yup.string()",
    ),
    "valibot's default": (
        (
            "const schema = v.object({ publicToken: v.optional(v.string(), () => f()) });\n"
            "await db.insert(chatbots).values(v.parse(schema, req.body)).returning();"
        ),
        "publicToken: v.optional(",
    ),
    "a schema that demands it": (
        (
            "const schema = z.object({ name: z.string(), publicToken: z.string() });\n"
            "await db.insert(chatbots).values(schema.parse(req.body)).returning();"
        ),
        "publicToken: z.string()",
    ),
    "zapatos": ("await db.insert('chatbots', { name, public_token: t }).run(pool);", "public_token: t"),
    "a helper that is told the table": ("await insertRow('chatbots', { name, public_token: t });", "public_token: t"),
    "an entity that is filled": (
        "const bot = new Chatbot();\nbot.publicToken = t;\nawait manager.save(bot);",
        "bot.publicToken = t",
    ),
    "an entity that fills itself": (
        (
            "class Chatbot {\n@BeforeInsert()\nprepare() {\nthis.publicToken = f();\n}\n}\n"
            "const bot = new Chatbot(); await manager.save(bot);"
        ),
        "this.publicToken = f()",
    ),
    "an entity that is made and saved": (
        "await chatbotRepository.save(chatbotRepository.create({ name, publicToken: t }));",
        "publicToken: t",
    ),
    "an active record": ("await Chatbot.create({ name, publicToken: t }).save();", "publicToken: t"),
    "columns that are pushed": (
        (
            "const columns = ['name'];\nif (t) columns.push('public_token');\n"
            "await pool.query(`INSERT INTO chatbots (${columns.join(', ')}) VALUES (${marks}) RETURNING *`, values);"
        ),
        "INSERT INTO chatbots (${columns.join(', ')})",
    ),
    "columns that are spread": (
        (
            "const base = ['name'];\nconst columns = [...base, 'public_token'].map((c) => `\"${c}\"`).join(', ');\n"
            "await pool.query(`INSERT INTO chatbots (${columns}) VALUES (${marks}) RETURNING *`, values);"
        ),
        "INSERT INTO chatbots (${columns})",
    ),
    "columns of a row": (
        (
            "const row = { name, public_token: t };\nconst columns = Object.keys(row);\n"
            "await pool.query(`INSERT INTO chatbots (${columns.join()}) VALUES (${marks}) RETURNING *`, values);"
        ),
        "public_token: t",
    ),
    "postgres.js's helper": (
        "await sql`INSERT INTO chatbots ${sql({ name, public_token: t })} RETURNING *`;",
        "public_token: t",
    ),
}


@pytest.mark.parametrize("how", NAMED)
def test_an_insert_that_names_the_token_fails(how: str) -> None:
    """Whatever it gives it, but DEFAULT."""
    statement, shown = NAMED[how]
    with pytest.raises(AssertionError):
        insert(analysed(statement))
    said = last_finding()
    assert said is not None
    assert said.want == "an INSERT that does not name public_token, or says DEFAULT for it"
    assert said.have[0].startswith(f"{ROUTE}:")
    assert shown in said.have[0]
    assert said.have[0].endswith("(names public_token)")
    assert said.remedy == "take public_token out of the columns and of the values"


SILENT = {
    "no RETURNING": "await sql`INSERT INTO chatbots (name) VALUES (${name})`;",
    "RETURNING the id": "await sql`INSERT INTO chatbots (name) VALUES (${name}) RETURNING id`;",
    "drizzle": "await db.insert(chatbots).values({ name });",
    "drizzle's id": "await db.insert(chatbots).values({ name }).returning({ id: chatbots.id });",
    "prisma's select": "await prisma.chatbot.create({ data: { name }, select: { id: true } });",
    "prisma's omit": "await prisma.chatbot.create({ data: { name }, omit: { publicToken: true } });",
    "knex": "await knex('chatbots').insert({ name });",
    "knex's id": "await knex('chatbots').insert({ name }).returning('id');",
    "kysely": "await db.insertInto('chatbots').values({ name }).execute();",
    "supabase": "await supabase.from('chatbots').insert({ name });",
}


@pytest.mark.parametrize("how", SILENT)
def test_an_insert_that_does_not_return_the_token_fails(how: str) -> None:
    """The answer cannot hold it."""
    with pytest.raises(AssertionError):
        insert(analysed(SILENT[how]))
    said = last_finding()
    assert said is not None
    assert said.want == "RETURNING public_token, or what the ORM has for it"
    assert said.have[0].startswith(f"{ROUTE}:1: ")


def test_one_insert_that_returns_the_token_is_enough() -> None:
    """A bulk import next to the create route needs none."""
    found = analysed_files({"src/a.ts": FINE["drizzle"], "src/b.ts": SILENT["drizzle"]})
    assert len(found.creates) == 2
    insert(found)


def test_no_insert_could_not_be_told() -> None:
    """An ORM that is not known hides the create: nothing is claimed."""
    with pytest.raises(CouldNotTell, match="nothing that was read writes chatbots") as raised:
        insert(analysed("await chatbots.upload(req.body);"))
    assert "create route" in raised.value.remedy


def test_a_checkout_of_another_app_cannot_be_told() -> None:
    """Nothing was found in it, which proves nothing."""
    with pytest.raises(CouldNotTell, match="no file of the checkout speaks of chatbots or public_token"):
        insert(analysed("export const a = 1;"))


@pytest.mark.parametrize(
    "text",
    [
        "await sql`INSERT INTO chatbot_messages (body, public_token) VALUES (${b}, ${t})`;",
        "await prisma.chatbotMessage.create({ data: { publicToken: t } });",
        "await api.chatbots.create({ name, publicToken });",
        "await chatbotService.create({ publicToken: t });",
        "await db.update(chatbots).set({ name }).where(eq(chatbots.id, id));",
        "await db.select().from(chatbots);",
        "await db.insert(messages).values({ chatbotId });",
        "await axios.post('/api/chatbots', { name });",
        "const sql = 'DELETE FROM chatbots'; new Map().set('chatbots', 1);",
    ],
)
def test_what_stores_no_chatbot_is_no_create(text: str) -> None:
    """Another table, a client of the API, an update, a read."""
    assert analysed(text).creates == ()
