"""Where an answer holds id and token, and its status."""

from __future__ import annotations

import pytest

from tests.support.drafts import TABLE, facts_of, told

KEYS = ("api.status", "api.id", "api.token")
DRIZZLE = """
import { pgTable, serial, text, uuid } from "drizzle-orm/pg-core";
export const chatbots = pgTable("chatbots", {
  id: serial("id").primaryKey(), name: text("name").notNull(), publicToken: uuid("public_token").notNull().defaultRandom(),
});
"""
PRISMA = """
datasource db {
  provider = "postgresql"
}
model Chatbot {
  id Int @id @default(autoincrement())
  name String
  publicToken String @default(dbgenerated("gen_random_uuid()")) @map("public_token") @db.Uuid
  @@map("chatbots")
}
"""
SQL = "const result = await pool.query('INSERT INTO chatbots (name) VALUES ($1) RETURNING {what}', [req.body.name]);"


def answered(code: str, **files: str) -> tuple[object, ...]:
    """Status, id and token of a route of Express with this code; `...` for what is left open."""
    text = f"""
    import express from "express";
    import {{ db, pool, prisma, sql, knex, supabase }} from "./db";
    import {{ chatbots }} from "./schema";
    {files.pop("before", "")}
    const app = express();
    app.post("/bots", async (req, res, next) => {{ {code} }});
    """
    more = {f"{name.replace('__', '/').replace('_', '.')}": content for name, content in files.items()}
    facts = facts_of({"src/app.ts": text, "src/schema.ts": DRIZZLE, "schema.prisma": PRISMA, **more}, TABLE)
    return tuple(told(facts, *KEYS).values())


KNOWN: dict[str, tuple[str, tuple[object, ...]]] = {
    "a row": (SQL.format(what="id, public_token") + "res.status(201).json(result.rows[0]);", (201, "id", "public_token")),
    "another name in SQL": (
        SQL.format(what='id AS "botId", public_token AS token') + "res.json(result.rows[0]);",
        (200, "botId", "token"),
    ),
    "all columns": (SQL.format(what="*") + "res.status(201).send({ data: result.rows[0] });", (201, "data.id", "data.public_token")),
    "taken apart": (
        "const { rows: [bot] } = await pool.query('INSERT INTO chatbots (name) VALUES ($1) RETURNING *', [req.body.name]);"
        " const { id, public_token: token } = bot; res.status(201).json({ id, token });",
        (201, "id", "token"),
    ),
    "a tagged template": (
        "const [bot] = await sql`INSERT INTO chatbots ${sql(req.body, 'name')} RETURNING id, public_token`; res.json({ bot });",
        (200, "bot.id", "bot.public_token"),
    ),
    "Drizzle, by the names of the schema": (
        "const [bot] = await db.insert(chatbots).values({ name: req.body.name }).returning(); res.json(bot);",
        (200, "id", "publicToken"),
    ),
    "Drizzle, by names of its own": (
        "const [bot] = await db.insert(chatbots).values({ name: req.body.name }).returning({ key: chatbots.id, t: chatbots.publicToken }); res.json(bot);",
        (200, "key", "t"),
    ),
    "Prisma": ("res.status(201).json(await prisma.chatbot.create({ data: { name: req.body.name } }));", (201, "id", "publicToken")),
    "Knex": (
        "const [bot] = await knex('chatbots').insert({ name: req.body.name }).returning(['id', 'public_token']); res.json({ ok: true, result: bot });",
        (200, "result.id", "result.public_token"),
    ),
    "Supabase": (
        "const { data, error } = await supabase.from('chatbots').insert({ name: req.body.name }).select('id, token:public_token').single();"
        " if (error) return res.status(500).json({ error }); return res.status(201).json(data);",
        (201, "id", "token"),
    ),
    "spread, with more beside it": (
        "const bot = await prisma.chatbot.create({ data: { name: req.body.name } }); res.status(201).json({ ...bot, url: `/e/${bot.publicToken}` });",
        (201, "id", "publicToken"),
    ),
    "a status before it": (
        "const bot = await prisma.chatbot.create({ data: { name: req.body.name } }); res.status(201); res.json(bot);",
        (201, "id", "publicToken"),
    ),
    "a status by its name": (
        "const bot = await prisma.chatbot.create({ data: { name: req.body.name } }); res.status(StatusCodes.CREATED).json(bot);",
        (201, "id", "publicToken"),
    ),
    "statusCode": (
        "const bot = await prisma.chatbot.create({ data: { name: req.body.name } }); res.statusCode = 201; res.json(bot);",
        (201, "id", "publicToken"),
    ),
    "one that is there already is another answer": (
        "const found = await prisma.chatbot.findFirst({}); if (found) return res.json({ found: true });"
        "const bot = await prisma.chatbot.create({ data: { name: req.body.name } }); res.status(201).json(bot);",
        (201, "id", "publicToken"),
    ),
}  # fmt: skip
OPEN: dict[str, tuple[str, tuple[object, ...]]] = {
    "no token in it": (SQL.format(what="id") + "res.status(201).json(result.rows[0]);", (201, ..., ...)),
    "a status that is computed": (
        "const bot = await prisma.chatbot.create({ data: { name: req.body.name } }); res.status(code()).json(bot);",
        (..., "id", "publicToken"),
    ),
    "a function of nobody knows whom": (
        "const bot = await prisma.chatbot.create({ data: { name: req.body.name } }); res.status(201).json(present(bot));",
        (201, ..., ...),
    ),
    "two shapes": (
        "const bot = await prisma.chatbot.create({ data: { name: req.body.name } });"
        " if (req.query.full) return res.status(201).json({ bot }); res.status(201).json(bot);",
        (201, ..., ...),
    ),
    "a select that leaves it out": (
        "const bot = await prisma.chatbot.create({ data: { name: req.body.name }, select: { id: true } }); res.json(bot);",
        (200, ..., ...),
    ),
    "what an INSERT answers without RETURNING": (
        "const bot = await db.insert(chatbots).values({ name: req.body.name }); res.status(201).json(bot);",
        (201, ..., ...),
    ),
    "an omit that leaves it out": (
        "const bot = await prisma.chatbot.create({ data: { name: req.body.name }, omit: { publicToken: true } }); res.json(bot);",
        (200, ..., ...),
    ),
    "an answer by a helper": (
        "const bot = await prisma.chatbot.create({ data: { name: req.body.name } }); created(res, bot);",
        (..., ..., ...),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", [*KNOWN, *OPEN])
def test_an_answer_is_read_as_far_as_it_is_certain(name: str) -> None:
    """Status, id and token."""
    code, expected = {**KNOWN, **OPEN}[name]
    assert answered(code) == expected


def test_a_mapper_of_the_app_is_followed() -> None:
    """What it returns is what is answered."""
    code = "const bot = await prisma.chatbot.create({ data: { name: req.body.name } }); res.status(201).json({ bot: view(bot) });"
    before = "const view = (b) => ({ key: b.id, link: b.publicToken });"
    assert answered(code, before=before) == (201, "bot.key", "bot.link")
    assert answered(code, before="const view = (b) => ({ id: b.id, link: b.publicToken });") == (
        201,
        "bot.id",
        "bot.link",
    )


def test_a_model_that_says_what_it_is_as_json_is_left_open() -> None:
    """Its columns are not what it answers."""
    code = "const bot = await prisma.chatbot.create({ data: { name: req.body.name } }); res.status(201).json(bot);"
    model = "export class Chatbot {\n  toJSON() { return { key: this.id }; }\n}"
    assert answered(code, src__model_ts=model) == (201, ..., ...)


@pytest.mark.parametrize("what", ["const sql = postgres({ transform: postgres.camel });", "new CamelCasePlugin();"])
def test_rows_that_are_renamed_on_their_way_are_left_open(what: str) -> None:
    """Their columns are not what the statement says."""
    code = SQL.format(what="id, public_token") + "res.status(201).json(result.rows[0]);"
    assert answered(code, src__more_ts=what) == (201, ..., ...)


def test_what_changes_all_answers_of_nestjs_leaves_them_open() -> None:
    """An interceptor may put them into an envelope."""
    code = SQL.format(what="id, public_token") + "res.status(201).json(result.rows[0]);"
    assert answered(code, src__main_ts="app.useGlobalInterceptors(new Envelope());") == (201, ..., ...)
