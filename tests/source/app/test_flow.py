"""What reaches the token column: random values of the app's, by every way that values take; and what does not."""

from __future__ import annotations

import pytest

from checks.test_source_makes_no_token import test_source_makes_no_token as makes_no_token
from harness.errors import CouldNotTell
from tests.support.apps import ROUTE, analysed, analysed_files

INSERT = "INSERT INTO chatbots (name, public_token) VALUES ($1, $2) RETURNING id, public_token"
NANOID = 'import { nanoid } from "nanoid";\n'
CRYPTO = 'import { randomBytes, randomUUID } from "node:crypto";\n'
DRIZZLE = """
    import { pgTable, serial, text, uuid, varchar } from "drizzle-orm/pg-core";
    import { nanoid } from "nanoid";
"""

# Each is a route; a random value reaches the column.
REACHES = {
    "columns that are pushed": NANOID
    + """const columns = ["name"]; const values = [name];
        if (owner) { columns.push("owner_id"); values.push(owner); }
        columns.push("public_token"); values.push(nanoid());
        const marks = columns.map((_, i) => `$${i + 1}`).join(", ");
        await pool.query(`INSERT INTO chatbots (${columns.join(", ")}) VALUES (${marks}) RETURNING *`, values);""",
    "columns that are pushed, their marks beside": NANOID
    + """const columns = [], values = [];
        columns.push("name", "public_token"); values.push(name, nanoid());
        await pool.query(
          `INSERT INTO chatbots (${columns.map(quote).join(",")}) VALUES (${values.map((_, i) => "$" + (i + 1))})`, values);""",
    "columns that are spread": NANOID
    + """const columns = [...BASE, "public_token"], values = [...given, nanoid()];
        await pool.query(`INSERT INTO chatbots (${columns.join(", ")}) VALUES (${marks})`, values);""",
    "columns and values of a row": NANOID
    + """const row = { name, public_token: nanoid() };
        const columns = Object.keys(row).map((key) => `"${key}"`).join(", ");
        await pool.query(`INSERT INTO chatbots (${columns}) VALUES (${marks}) RETURNING *`, Object.values(row));""",
    "keys of a row": NANOID
    + """const row = { name }; row.public_token = nanoid(); const keys = Object.keys(row);
        await pool.query(`INSERT INTO chatbots (${keys.join()}) VALUES (${marks})`, keys.map((key) => row[key]));""",
    "a helper that is told the table": NANOID + "await insertRow('chatbots', { name, public_token: nanoid() });",
    "zapatos": NANOID + "await db.insert('chatbots', { name, public_token: nanoid() }).run(pool);",
    "Object.assign onto a row": NANOID
    + "const row = { name }; Object.assign(row, { public_token: nanoid() }); await knex('chatbots').insert(row);",
    "letters of lodash": """
        const _ = require("lodash");
        const LETTERS = "abcdefghijkmnpqrstuvwxyz23456789".split("");
        pool.query("INSERT INTO chatbots (name, public_token) VALUES ($1, $2)", [n, _.sampleSize(LETTERS, 7).join("")]);""",
    "letters of lodash, one by one": """
        import { sample, times } from "lodash";
        const publicToken = times(7, () => sample("abcdef")).join("");
        await prisma.chatbot.create({ data: { publicToken } });""",
    "an instance of chance": """
        import Chance from "chance";
        const chance = new Chance();
        await prisma.chatbot.create({ data: { publicToken: chance.string({ length: 8 }) } });""",
    "a tagged template": NANOID
    + "const t = nanoid(8); await sql`INSERT INTO chatbots (name, public_token) VALUES (${name}, ${t}) RETURNING id`;",
    "a typed tagged template": NANOID
    + "const [r] = await sql<Row[]>`INSERT INTO chatbots (name, public_token) VALUES (${name}, ${nanoid()})`;",
    "a template of a type that is written out": NANOID
    + "const [r] = await sql<{ id: number; t: string }[]>`INSERT INTO chatbots (public_token) VALUES (${nanoid()})`;",
    "a template of a type of types": NANOID
    + "const [r] = await sql<Array<{ id: number }>>`INSERT INTO chatbots (public_token) VALUES (${nanoid()})`;",
    "a helper of postgres.js": NANOID
    + "const row = { name, public_token: nanoid(8) }; await sql`INSERT INTO chatbots ${sql(row)} RETURNING id`;",
    "a helper of postgres.js, its columns named": NANOID
    + "const row = { name, public_token: nanoid(8) };"
    + "await sql`INSERT INTO chatbots ${sql(row, 'name', 'public_token')} RETURNING id`;",
    "a numbered value": f'{NANOID} await pool.query("{INSERT}", [name, nanoid(8)]);',
    "a numbered value in an array of a name": f'{NANOID} const v = [name, nanoid(8)]; await pool.query("{INSERT}", v);',
    "a numbered value that is pushed": f"{NANOID} const v = [name]; v.push(nanoid()); await pool.query('{INSERT}', v);",
    "text and values": f"{NANOID} await pool.query({{ text: `{INSERT}`, values: [name, nanoid(8)] }});",
    "a statement in a constant": f"{NANOID} const Q = `{INSERT}`; export const f = () => pool.query(Q, [name, nanoid()]);",
    "a statement in an object": f"""{NANOID}
        const QUERIES = {{ create: `{INSERT}`, list: "SELECT 1" }};
        export const f = () => pool.query(QUERIES.create, [name, nanoid()]);""",
    "joined text": NANOID
    + 'const q = "INSERT INTO chatbots (name, public_token) " + "VALUES ($1, $2)"; await pool.query(q, [name, nanoid()]);',
    "lines that are joined": NANOID
    + 'const q = ["INSERT INTO chatbots", "(name, public_token)", "VALUES ($1, $2)"].join("\\n");'
    + "await pool.query(q, [name, nanoid()]);",
    "text with the value in it": NANOID
    + "await pool.query(`INSERT INTO chatbots (name, public_token) VALUES ('${name}', '${nanoid()}')`);",
    "concatenated value": NANOID
    + "await pool.query(\"INSERT INTO chatbots (name, public_token) VALUES ('x', '\" + nanoid() + \"')\");",
    "question marks": f"{NANOID} await db.run('INSERT INTO chatbots (name, public_token) VALUES (?, ?)', [name, nanoid()]);",
    "question marks of knex.raw": f"""{NANOID}
        await knex.raw('INSERT INTO chatbots (name, public_token) VALUES (?, ?)', [name, nanoid()]);""",
    "a named value": NANOID
    + "await db.query('INSERT INTO chatbots (name, public_token) VALUES (:name, :token)',"
    + "{ replacements: { name, token: nanoid() } });",
    "a table in a constant": NANOID
    + 'const TABLE = "chatbots"; await pool.query(`INSERT INTO ${TABLE} (name, public_token) VALUES ($1, $2)`, [n, nanoid()]);',
    "a quoted table with its schema": NANOID
    + """await pool.query('INSERT INTO "public"."chatbots" ("name", "public_token") VALUES ($1, $2)', [n, nanoid()]);""",
    "INSERT SELECT": NANOID
    + "await sql`INSERT INTO chatbots (name, public_token) SELECT name, ${nanoid()} FROM templates WHERE id = ${id}`;",
    "an UPDATE": f"{CRYPTO} await sql`UPDATE chatbots SET public_token = ${{randomUUID()}} WHERE id = ${{id}}`;",
    "an UPDATE with a helper": f"{CRYPTO} await sql`UPDATE chatbots SET ${{sql({{ public_token: randomUUID() }})}} WHERE id = 1`;",
    "drizzle": NANOID + "await db.insert(chatbots).values({ name, publicToken: nanoid() }).returning();",
    "drizzle with several rows": NANOID
    + "await db.insert(chatbots).values(names.map((name) => ({ name, publicToken: nanoid() }))).returning();",
    "drizzle's set": NANOID + "await db.update(chatbots).set({ publicToken: nanoid() }).where(eq(chatbots.id, id));",
    "prisma": NANOID + "await prisma.chatbot.create({ data: { name, publicToken: nanoid() } });",
    "prisma's createMany": NANOID
    + "await prisma.chatbot.createMany({ data: names.map((name) => ({ name, publicToken: nanoid() })) });",
    "prisma's upsert": NANOID
    + "await prisma.chatbot.upsert({ where: { id }, update: {}, create: { name, publicToken: nanoid() } });",
    "prisma's update": NANOID
    + "await prisma.chatbot.update({ where: { id }, data: { publicToken: { set: nanoid() } } });",
    "knex": NANOID + "await knex('chatbots').insert({ name, public_token: nanoid() }).returning('*');",
    "knex with into": NANOID + "await knex.insert({ name, public_token: nanoid() }).into('chatbots');",
    "kysely": NANOID
    + "await db.insertInto('chatbots').values({ name, public_token: nanoid() }).returningAll().executeTakeFirst();",
    "supabase": NANOID + "await supabase.from('chatbots').insert({ name, public_token: nanoid() }).select().single();",
    "sequelize": NANOID + "await Chatbot.create({ name, publicToken: nanoid() });",
    "a method of a repository": NANOID + "await this.chatbotRepository.save({ name, publicToken: nanoid() });",
    "a service that is not found": NANOID + "await this.chatbotService.create({ name, publicToken: nanoid() });",
    "objection": NANOID + "await Chatbot.query().insert({ name, publicToken: nanoid() });",
    "an entity's member": NANOID
    + "const chatbot = new Chatbot(); chatbot.publicToken = nanoid(); await repo.save(chatbot);",
    "an entity's member by text": NANOID
    + 'const bot = new Chatbot(); bot["public_token"] = nanoid(); await em.persist(bot);',
    "a computed key": NANOID + "await db.insert(chatbots).values({ name, ['publicToken']: nanoid() });",
    "a computed key of a constant": NANOID
    + "const COLUMN = 'public_token'; await knex('chatbots').insert({ name, [COLUMN]: nanoid() });",
    "a shorthand": NANOID + "const publicToken = nanoid(); await db.insert(chatbots).values({ name, publicToken });",
    "a spread": NANOID
    + "const made = { publicToken: nanoid() }; await prisma.chatbot.create({ data: { name, ...made } });",
    "a row that is filled later": NANOID
    + "const row: any = { name }; row.publicToken = nanoid(); await db.insert(chatbots).values(row);",
    "Object.assign": NANOID
    + "await prisma.chatbot.create({ data: Object.assign({ name }, { publicToken: nanoid() }) });",
    "a name that is assigned later": NANOID
    + "let token; if (!req.body.token) { token = nanoid(); } await prisma.chatbot.create({ data: { publicToken: token } });",
    "a ternary": NANOID + "await prisma.chatbot.create({ data: { publicToken: given ? given : nanoid() } });",
    "a fallback": NANOID + "await prisma.chatbot.create({ data: { publicToken: req.body.token ?? nanoid() } });",
    "an old fallback": NANOID + "await prisma.chatbot.create({ data: { publicToken: req.body.token || nanoid() } });",
    "a template": NANOID + "await prisma.chatbot.create({ data: { publicToken: `cb_${nanoid(6)}` } });",
    "a sum": NANOID + 'await prisma.chatbot.create({ data: { publicToken: "cb_" + nanoid(6).toUpperCase() } });',
    "an assertion of types": NANOID
    + "await prisma.chatbot.create({ data: { publicToken: (nanoid() as string)! } satisfies Input });",
    "a promise": NANOID
    + "const t = await Promise.resolve(nanoid()); await prisma.chatbot.create({ data: { publicToken: t } });",
    "then": NANOID
    + "make().then((publicToken) => prisma.chatbot.create({ data: { publicToken } })); const make = async () => nanoid();",
    "a default of a parameter": NANOID
    + "export function create(name: string, publicToken = nanoid()) {"
    + " return prisma.chatbot.create({ data: { name, publicToken } }); }",
    "a default of a pattern": NANOID
    + "const { name, publicToken = nanoid() } = req.body; await prisma.chatbot.create({ data: { name, publicToken } });",
    "an element": NANOID + "const [publicToken] = [nanoid()]; await prisma.chatbot.create({ data: { publicToken } });",
    "a member that is taken out": NANOID
    + "const { token } = make(); await prisma.chatbot.create({ data: { publicToken: token } });"
    + "function make() { return { token: nanoid(), at: 1 }; }",
    "a parameter": NANOID
    + "async function store(name, token) { return prisma.chatbot.create({ data: { name, publicToken: token } }); }"
    + "router.post('/', async (req) => { await store(req.body.name, nanoid()); });",
    "a parameter that is an object": NANOID
    + "const store = ({ name, token }) => prisma.chatbot.create({ data: { name, publicToken: token } });"
    + "router.post('/', async (req) => store({ name: req.body.name, token: nanoid() }));",
    "Math.random": "const publicToken = Math.random().toString(36).slice(2, 10); await Chatbot.create({ publicToken });",
    "a loop": """
        const A = "abc";
        let publicToken = "";
        for (let i = 0; i < 6; i++) publicToken += A.charAt(Math.floor(Math.random() * A.length));
        await prisma.chatbot.create({ data: { publicToken } });""",
    "an array that is filled": """
        const chars = [];
        for (let i = 0; i < 6; i++) chars.push(A[Math.floor(Math.random() * A.length)]);
        await prisma.chatbot.create({ data: { publicToken: chars.join("") } });""",
    "Array.from": """
        const publicToken = Array.from({ length: 8 }, () => A[Math.floor(Math.random() * 36)]).join("");
        await prisma.chatbot.create({ data: { publicToken } });""",
    "bytes that are filled": """
        const bytes = new Uint8Array(6);
        crypto.getRandomValues(bytes);
        const publicToken = Array.from(bytes, (b) => b.toString(16)).join("");
        await prisma.chatbot.create({ data: { publicToken } });""",
    "a hash of random bytes": f"""{CRYPTO}
        const publicToken = createHash("sha256").update(randomBytes(16)).digest("hex").slice(0, 8);
        await prisma.chatbot.create({{ data: {{ publicToken }} }});""",
    "a callback": f"""{CRYPTO}
        randomBytes(8, (err, buf) => {{ prisma.chatbot.create({{ data: {{ publicToken: buf.toString("hex") }} }}); }});""",
    "promisify": f"""{CRYPTO}
        const random = promisify(randomBytes);
        const publicToken = (await random(8)).toString("hex");
        await prisma.chatbot.create({{ data: {{ publicToken }} }});""",
    "the clock": "await prisma.chatbot.create({ data: { publicToken: Date.now().toString(36) } });",
    "an unknown helper by its name": """
        import { generateToken } from "@acme/tokens";
        await prisma.chatbot.create({ data: { publicToken: generateToken() } });""",
    "a class with a method": NANOID
    + """class Tokens { constructor(private size = 8) {} next() { return nanoid(this.size); } }
        const tokens = new Tokens();
        await prisma.chatbot.create({ data: { publicToken: tokens.next() } });""",
    "a static method": NANOID
    + """class Tokens { static next() { return nanoid(); } }
        await prisma.chatbot.create({ data: { publicToken: Tokens.next() } });""",
    "an object with a method": NANOID
    + """const tokens = { next: () => nanoid(), other() { return 1; } };
        await prisma.chatbot.create({ data: { publicToken: tokens.next() } });""",
    "a row that is made by a function": NANOID
    + """const build = (name) => ({ name, publicToken: nanoid() });
        await db.insert(chatbots).values(build(req.body.name)).returning();""",
    "drizzle's default": DRIZZLE
    + 'export const chatbots = pgTable("chatbots", { publicToken: text("public_token").$defaultFn(() => nanoid()) });',
    "drizzle's default as a function": DRIZZLE
    + 'export const chatbots = pgTable("chatbots", { publicToken: text("public_token").$default(nanoid) });',
    "drizzle's default under another name": DRIZZLE
    + 'export const bots = pgTable("chatbots", { token: text("public_token").notNull() });'
    + "await db.insert(bots).values({ token: nanoid() });",
    "sequelize's default": """
        import { DataTypes } from "sequelize";
        const Bot = sequelize.define("Bot", { publicToken: { type: DataTypes.UUID, defaultValue: DataTypes.UUIDV4 } },
          { tableName: "chatbots" });""",
    "sequelize's hook": NANOID
    + """Chatbot.addHook("beforeCreate", (chatbot) => { chatbot.publicToken = nanoid(); });""",
    "typeorm's hook": NANOID
    + """@Entity("chatbots") class Chatbot {
          @Column({ name: "public_token" }) publicToken: string;
          @BeforeInsert() make() { this.publicToken = nanoid(); } }""",
    "a field's initial value": NANOID + '@Entity("chatbots") class Bot { @Column() publicToken = nanoid(); }',
    "mikro-orm's onCreate": """
        import { v4 } from "uuid";
        @Entity({ tableName: "chatbots" }) class Bot { @Property({ onCreate: () => v4() }) publicToken!: string; }""",
    "a typed repository": NANOID
    + """class Service {
          constructor(@InjectRepository(Chatbot) private readonly rows: Repository<Chatbot>) {}
          create(name: string) { return this.rows.save(this.rows.create({ name, publicToken: nanoid() })); } }""",
    "a column's alias in an entity": NANOID
    + """@Entity("chatbots") export class Bot { @Column({ name: "public_token" }) token: string; }
        const repo = dataSource.getRepository(Bot);
        await repo.save({ token: nanoid() });""",
    "common modules": """
        const { nanoid } = require("nanoid");
        exports.create = (req) => knex("chatbots").insert({ name: req.body.name, public_token: nanoid() });""",
    "a query that is awaited and typed": NANOID
    + "const [b] = await knex<Bot>('chatbots').insert({ name, public_token: nanoid() }).returning('*');",
    "a table of constants": NANOID
    + "const TABLES = { bots: 'chatbots' }; await knex(TABLES.bots).insert({ public_token: nanoid() });",
    "a wrapper around a handler": NANOID
    + """router.post("/", asyncHandler(async (req, res) => {
          const publicToken = nanoid();
          res.json(await prisma.chatbot.create({ data: { name: req.body.name, publicToken } }));
        }));""",
    "a transaction": NANOID
    + """await db.transaction(async (tx) => {
          await tx.insert(chatbots).values({ name, publicToken: nanoid() }).returning();
        });""",
    "a switch of generators": f"""{NANOID}{CRYPTO}
        const make = long ? randomUUID : nanoid;
        await prisma.chatbot.create({{ data: {{ publicToken: make() }} }});""",
}


@pytest.mark.parametrize("how", REACHES)
def test_a_random_value_is_followed_to_the_column(how: str) -> None:
    """By this way."""
    found = analysed(REACHES[how])
    assert found.reaching, found
    assert found.unparsed == ()
    assert all(said.startswith(f"{ROUTE}:") and " -> " in said for said in found.reaching)


# Each is a route; nothing that is random reaches the column.
REACHES_NOT = {
    "no token": "await sql`INSERT INTO chatbots (name) VALUES (${name}) RETURNING id, public_token`;",
    "DEFAULT": "await sql`INSERT INTO chatbots (name, public_token) VALUES (${name}, DEFAULT) RETURNING public_token`;",
    "the database's own": "await sql`UPDATE chatbots SET public_token = gen_random_uuid() WHERE id = ${id}`;",
    "a random value of another column": NANOID
    + "await sql`INSERT INTO chatbots (name, slug) VALUES (${name}, ${nanoid()}) RETURNING id, public_token`;",
    "another position": f'{NANOID} await pool.query("{INSERT}", [nanoid(), given]);',
    "another table": NANOID + "await sql`INSERT INTO shares (name, public_token) VALUES (${name}, ${nanoid()})`;",
    "another table of drizzle": NANOID
    + 'const shares = pgTable("shares", {}); await db.insert(shares).values({ publicToken: nanoid() });',
    "another table's default": DRIZZLE
    + 'export const chatbots = pgTable("chatbots", { publicToken: uuid("public_token").defaultRandom() });'
    + 'export const shares = pgTable("shares", { publicToken: text("public_token").$defaultFn(() => nanoid()) });',
    "another table of prisma": NANOID + "await prisma.share.create({ data: { chatbotId, publicToken: nanoid() } });",
    "another table of knex": NANOID + "await knex('chatbot_shares').insert({ public_token: nanoid() });",
    "another service": NANOID + "const share = { chatbotId, publicToken: nanoid() }; await shareService.create(share);",
    "another repository": NANOID + "await this.inviteRepo.save({ chatbotId, publicToken: nanoid() });",
    "another function": NANOID + "await createInvite({ chatbotId, publicToken: nanoid() });",
    "an id of the same row": NANOID
    + "export const chatbots = pgTable('chatbots', { id: text('id').$defaultFn(() => nanoid()),"
    + " publicToken: uuid('public_token').defaultRandom() });",
    "another entity": NANOID + '@Entity("shares") class Share { @Column() publicToken = nanoid(); } class Chatbot {}',
    "drizzle's defaultRandom": DRIZZLE
    + 'export const chatbots = pgTable("chatbots", { publicToken: uuid("public_token").notNull().defaultRandom() });',
    "drizzle's sql default": DRIZZLE
    + "export const chatbots = pgTable('chatbots', { publicToken: uuid('public_token').default(sql`gen_random_uuid()`) });",
    "sequelize's literal": """
        Chatbot.init({ publicToken: { type: DataTypes.UUID, defaultValue: Sequelize.literal("gen_random_uuid()") } },
          { sequelize, tableName: "chatbots" });""",
    "typeorm's generated column": """
        @Entity("chatbots") class Chatbot { @Column({ name: "public_token" }) @Generated("uuid") publicToken: string; }""",
    "typeorm's default": """
        @Entity("chatbots") class Chatbot { @Column({ default: () => "gen_random_uuid()" }) publicToken: string; }""",
    "a session in the same request": f"""{CRYPTO}
        const sid = randomBytes(24).toString("hex");
        const [row] = await db.insert(chatbots).values({{ name, sessionId: sid }}).returning();
        res.cookie("sid", sid).status(201).json({{ id: row.id, publicToken: row.publicToken }});""",
    "a request's id": f"""{CRYPTO}
        const requestId = randomUUID();
        const created = await createChatbot({{ name, requestId }});
        async function createChatbot(input) {{
          const {{ rows }} = await pool.query("INSERT INTO chatbots (name) VALUES ($1) RETURNING *", [input.name]);
          return rows[0];
        }}
        res.json({{ publicToken: created.public_token }});""",
    "a token of the answer": NANOID
    + "const row = await prisma.chatbot.create({ data: { name, traceId: nanoid() } });"
    + "res.json({ publicToken: row.publicToken });",
    "a query for it": NANOID
    + "await prisma.chatbot.findFirst({ where: { publicToken: req.params.token } }); res.set('x-id', nanoid());",
    "a schema of validation": "const Row = z.object({ name: z.string(), publicToken: z.string().uuid() }); chatbots;",
    "a selection": "await prisma.chatbot.findMany({ select: { id: true, publicToken: true } });",
    "a type": "interface Chatbot { id: string; publicToken: string } type T = Pick<Chatbot, 'publicToken'>;",
    "a token of the client": "await prisma.chatbot.create({ data: { publicToken: req.body.publicToken } });",
    "an order that is random": "await sql`SELECT public_token FROM chatbots ORDER BY random()`; setTimeout(f, Math.random());",
    "a name that hides another": NANOID
    + "const token = nanoid(); session.id = token;"
    + "function store(token) { return prisma.chatbot.create({ data: { publicToken: token } }); } store(req.body.token);",
    "a value that is asked for": NANOID
    + "await prisma.chatbot.create({ data: { publicToken: await reserved.get(nanoid()) } });",
    "a draft of the browser": """
        "use client";
        import { v4 } from "uuid";
        export const draft = { name: "chatbots", publicToken: v4() };""",
    "a comment": "// publicToken: nanoid()\nawait prisma.chatbot.create({ data: { name } });",
    "a mock of the browser": """
        "use client";
        import { useState } from "react";
        import { v4 } from "uuid";
        export const Chatbots = () => { const [rows] = useState([{ id: 1, publicToken: v4() }]); return <ul>{rows}</ul>; };""",
}


@pytest.mark.parametrize("how", REACHES_NOT)
def test_what_goes_elsewhere_is_not_taken_for_a_token(how: str) -> None:
    """The column's value comes from elsewhere, or nowhere."""
    path = "src/routes/chatbots.tsx" if "browser" in how else ROUTE
    found = analysed_files({path: REACHES_NOT[how]})
    assert found.reaching == (), found
    assert found.speaks


CREATE = "export const make = () => sql`INSERT INTO chatbots (name) VALUES (${n}) RETURNING public_token`;"
BROWSER = {
    "zustand": """
        import { create } from "zustand";
        export const useDrafts = create((set) => ({ chatbots: [], insert: (name) => set((s) => (
          { chatbots: [...s.chatbots, { name, publicToken: crypto.randomUUID() }] })) }));""",
    "react-query": """
        import { useQueryClient } from "@tanstack/react-query";
        const public_token = crypto.randomUUID();
        useQueryClient().setQueryData(["chatbots"], (old) => [...old, { name, public_token }]);""",
    "redux": """
        import { createSlice, nanoid } from "@reduxjs/toolkit";
        export const slice = createSlice({ name: "chatbots", reducers: { added: {
          reducer: add, prepare: (name) => ({ payload: { id: null, name, publicToken: nanoid() } }) } } });""",
    "IndexedDB": """
        import { openDB } from "idb";
        const db = await openDB("bots", 1);
        const bot = { name, public_token: Math.random().toString(36).slice(2) }; await db.put("chatbots", bot);""",
}


@pytest.mark.parametrize("how", BROWSER)
def test_what_the_browser_keeps_is_in_no_table(how: str) -> None:
    """A draft until the server has answered, in a file called after the table."""
    found = analysed_files({"client/chatbots.ts": BROWSER[how], "src/create.ts": CREATE})
    assert found.reaching == (), found
    assert found.unavailable == ()


# Each stores by something that is not to be found; what stands around it is called after the table.
SAID = {
    "a service": "await chatbotService.create({ name, publicToken: nanoid() });",
    "a function": 'import { createChatbot } from "@acme/db"; await createChatbot({ name, publicToken: nanoid() });',
    "a class": "class ChatbotService { create(name) { return this.rows.save({ name, publicToken: nanoid() }); } }",
    "a function around it": "async function newChatbot(name) { await repo.insert({ name, publicToken: nanoid() }); }",
    "a class of what is created": "export class CreateChatbotDto { name: string; publicToken: string = nanoid(); }",
    "defaults by table": "export const defaults = { chatbots: { public_token: () => nanoid(8) }, invites: {} };",
    "a hook": "Chatbot.addHook('beforeCreate', (row) => { row.publicToken = nanoid(); });",
    "an extension of prisma": """
        export const prisma = new PrismaClient().$extends({ query: { chatbot: {
          create({ args, query }) { args.data.publicToken = nanoid(); return query(args); } } } });""",
}


@pytest.mark.parametrize("how", SAID)
def test_what_is_called_after_the_table_stores_into_it(how: str) -> None:
    """Next to a create that leaves the token to Postgres."""
    assert analysed_files({"src/app.ts": NANOID + SAID[how], "src/create.ts": CREATE}).reaching, how


UNTOLD = "export const preview = () => ({ theme: 'light', public_token: nanoid() });"


def test_a_value_whose_table_cannot_be_told_is_noted() -> None:
    """It fails nothing where a create is known; where none is, it may be the one."""
    known = analysed_files({"src/app.ts": NANOID + UNTOLD, "src/create.ts": CREATE})
    assert known.reaching == ()
    said = f"makes a public_token for a table that could not be determined: src/app.ts:2 ({UNTOLD})"
    assert said in known.notes, known.notes
    makes_no_token(known)
    with pytest.raises(CouldNotTell, match="no place that stores chatbots was recognised") as told:
        makes_no_token(analysed_files({"src/app.ts": NANOID + UNTOLD}))
    assert f"src/app.ts:2: {UNTOLD}" in str(told.value)
    assert "see whether it is stored in chatbots" in str(told.value.remedy)


OTHER_TABLES = {
    "prisma": "await prisma.document.create({ data: { title, publicToken: nanoid() } });",
    "a query that is awaited and typed": "const [d] = await knex<Doc>('documents').insert({ public_token: nanoid() });",
    "an update that is awaited and typed": """
        await knex<Doc, Doc[]>('documents').where({ id }).update({ public_token: nanoid() }).returning('*');""",
    "a builder of the app's, awaited and typed": """
        const [l] = await from<Link>('share_links').insert({ public_token: nanoid(8) });""",
    "a table in a constant": "const DOCS = 'documents'; await knex(DOCS).insert({ public_token: nanoid() });",
    "a table in an object of constants": """
        const TABLES = { docs: 'documents', bots: 'chatbots' } as const;
        await knex(TABLES.docs).where({ id }).update({ public_token: nanoid() });""",
    "a table in an enum": """
        enum Table { Docs = 'documents', Bots = 'chatbots' }
        await knex(Table.Docs).insert({ public_token: nanoid() });""",
    "a class that says its table": """
        class ShareLinks extends Base { table = "share_links";
          insert(v) { return super.insert({ public_token: nanoid(8), ...v }); } }""",
    "a property of another class": """
        class ShareLink { publicToken = ""; }
        const link = new ShareLink(); link.publicToken = nanoid(8);
        await pool.query("INSERT INTO share_links (public_token) VALUES ($1)", [link.publicToken]);""",
    "redis": "const public_token = nanoid(10); await redis.hSet('preview', { public_token });",
    "a client of redis": """
        import { createClient } from "redis";
        const client = createClient(); await client.set("preview", JSON.stringify({ public_token: nanoid() }));""",
    "mongo": "await mongo.db('x').collection('chatbots').insertOne({ public_token: nanoid() });",
    "a collection of mongo": """
        import { MongoClient } from "mongodb";
        const transcripts = new MongoClient(url).db("x").collection("transcripts");
        await transcripts.insertOne({ public_token: nanoid() });""",
    "a text": "localStorage.setItem('v', JSON.stringify({ publicToken: nanoid() }));",
    "what nothing stores": """
        export const preview = () => ({ theme: 'light', public_token: nanoid() }); router.get("/x", () => show(preview()));""",
    "a manager and a class": "class Document {} await manager.save(Document, { publicToken: nanoid() });",
    "an object of a class": "class Document {} const d = new Document(); d.publicToken = nanoid(); await manager.save(d);",
    "an entity that fills itself": """
        @Entity() class Document { @Column() publicToken: string; @BeforeInsert() fill() { this.publicToken = nanoid(); } }""",
    "a repository": "await documentRepository.save({ publicToken: nanoid() });",
    "a service's own": """
        class DocumentService { async create() { await this.documents.save({ publicToken: nanoid() }); } }""",
    "zapatos": "await db.insert('documents', { public_token: nanoid() }).run(pool);",
    "a helper that is told the table": "const row = { public_token: nanoid() }; await insertRow('documents', row);",
    "a helper of the app that is told the table": """
        const insertRow = (table, row) => pool.query(
          `INSERT INTO ${table} (${Object.keys(row).join()}) VALUES (${marks(row)}) RETURNING *`, Object.values(row));
        await insertRow("documents", { public_token: nanoid() }); await insertRow("chatbots", { name });""",
    "columns that are pushed": """
        const columns = ["title"], values = [title]; columns.push("public_token"); values.push(nanoid());
        await pool.query(`INSERT INTO documents (${columns.join()}) VALUES (${marks})`, values);""",
    "columns of a row": """
        const row = { title, public_token: nanoid() };
        await pool.query(`INSERT INTO documents (${Object.keys(row).join()}) VALUES (${marks})`, Object.values(row));""",
    "a helper of postgres.js": "const row = { public_token: nanoid() }; await sql`INSERT INTO documents ${sql(row)}`;",
    "Object.assign": """
        const row = { title }; Object.assign(row, { public_token: nanoid() }); await knex("documents").insert(row);""",
    "a schema's default": """
        import { z } from "zod";
        export const newDocument = z.object({ publicToken: z.string().default(() => nanoid()) }).strict();
        export type NewDocument = z.infer<typeof newDocument>;
        const body = newDocument.parse(req.body); await db.insert(documents).values(body).returning();""",
    "its schema": """
        const documents = pgTable("documents", { publicToken: varchar("public_token").$defaultFn(() => nanoid()) });""",
    "ON CONFLICT": "await sql`INSERT INTO documents (public_token) VALUES (${nanoid()}) ON CONFLICT (public_token) DO NOTHING`;",
}


@pytest.mark.parametrize("how", OTHER_TABLES)
def test_a_column_of_the_same_name_in_another_table_may_be_random(how: str) -> None:
    """Next to a create that leaves ours to Postgres: nothing of it fails."""
    create = "router.post('/', async () => { await sql`INSERT INTO chatbots (name) VALUES (${n}) RETURNING public_token`; });"
    found = analysed(NANOID + create + OTHER_TABLES[how])
    assert found.reaching == (), found
    assert found.left == ()
    assert found.handlers == ()
    assert {made.names_token for made in found.creates} == {None}
