"""The payload: the fields that a route needs, by a schema, a class, or by what its code refuses."""

from __future__ import annotations

import pytest

from tests.support.drafts import STORES, facts_of, told

TABLE = """
    CREATE TABLE chatbots (
        id serial PRIMARY KEY, name {type} NOT NULL, config jsonb NOT NULL, note text, size integer NOT NULL,
        require_auth boolean NOT NULL DEFAULT false, public_token uuid NOT NULL DEFAULT gen_random_uuid()
    );
"""
HEAD = """
import express from "express";
import { z } from "zod";
import { pool } from "./db";
const app = express();
"""


def payload(before: str, body: str, type_: str = "text", **files: str) -> object:
    """The payload of a route of Express that begins so; `...` where it is left open."""
    more = {f"src/{name}.ts": text for name, text in files.items()}
    text = (
        f"{HEAD}\n{before.replace('ROUTE', '')}\napp.post('/bots', {body} {STORES} res.status(201).json(rows[0]); }});"
    )
    facts = facts_of({"src/app.ts": text, **more}, TABLE.replace("{type}", type_))
    return told(facts, "api.payload")["api.payload"]


PARSES = "async (req, res) => { const { name } = Schema.parse(req.body);"
KNOWN: dict[str, tuple[str, str, object]] = {
    "zod": (
        "const Schema = z.object({ name: z.string(), kind: z.enum(['a', 'b']), n: z.number().int().min(3), on: z.boolean(),"
        " mail: z.string().email(), at: z.string().datetime(), list: z.array(z.string()), some: z.array(z.number()).min(1),"
        " o: z.object({ x: z.literal('y'), z: z.string().optional() }), r: z.record(z.string()), no: z.string().nullish(),"
        " d: z.string().default('x') });",
        PARSES,
        {
            "name": "{name}", "kind": "a", "n": 3, "on": False, "mail": "smoke@example.com", "at": "2030-01-01T00:00:00Z",
            "list": [], "some": [1], "o": {"x": "y"}, "r": {},
        },
    ),
    "zod, put together": (
        "const Base = z.object({ name: z.string(), a: z.string(), b: z.string() });"
        "const Schema = Base.omit({ a: true }).extend({ c: z.number() }).partial({ b: true }).strict();",
        PARSES,
        {"name": "{name}", "c": 1},
    ),
    "zod, by a check before it": (
        "const check = (schema) => (req, res, next) => { schema.parse({ body: req.body }); next(); };"
        "const Schema = z.object({ body: z.object({ name: z.string(), tone: z.string() }), params: z.object({}) });",
        "check(Schema), async (req, res) => { const { name } = req.body;",
        {"name": "{name}", "tone": "smoke"},
    ),
    "zod, by a validator": (
        "const validate = (schema) => (req, res, next) => { schema.parse({ body: req.body }); next(); };"
        "const Schema = z.object({ body: z.object({ name: z.string(), tone: z.string() }), params: z.object({}) });",
        "validate(Schema), async (req, res) => { const { name } = req.body;",
        {"name": "{name}", "tone": "smoke"},
    ),
    "an enum of the app": (
        "enum Tone { Formal = 'formal', Casual = 'casual' } const Schema = z.object({ name: z.string(), tone: z.nativeEnum(Tone) });",
        PARSES,
        {"name": "{name}", "tone": "formal"},
    ),
    "what is refused, and NOT NULL columns": (
        "",
        "async (req, res) => { const { name, size, note, extra = 1 } = req.body; if (!name || typeof req.body.config !== 'object') return res.status(400).end();",
        {"name": "{name}", "size": 1, "config": {}},
    ),
    "what is thrown": (
        "",
        "async (req, res) => { const name = req.body.name?.trim(); if (req.body.name == null) throw new BadRequest();",
        {"name": "{name}"},
    ),
    "another name than the column's": (
        "",
        "async (req, res) => { const { botName } = req.body; if (!botName) throw new E(); const name = botName.trim();",
        {"botName": "{name}"},
    ),
    "another name than the column's, by a schema": (
        "const Schema = z.object({ botName: z.string(), kind: z.string() });",
        "async (req, res) => { const parsed = Schema.safeParse(req.body); const { botName: name } = parsed.data;",
        {"botName": "{name}", "kind": "smoke"},
    ),
    "a body that may be missing": ("", "async (req, res) => { const { name, size } = req.body ?? {};", {"name": "{name}", "size": 1}),
    "a type beside it": ("", "async (req, res) => { const { name } = req.body as { name: string };", {"name": "{name}"}),
}  # fmt: skip
OPEN: dict[str, tuple[str, str, str]] = {
    "an id that must exist": ("const Schema = z.object({ name: z.string(), teamId: z.string() });", PARSES, "text"),
    "a credential": ("const Schema = z.object({ name: z.string(), apiKey: z.string() });", PARSES, "text"),
    "a pattern": ("const Schema = z.object({ name: z.string(), slug: z.string().regex(/^[a-z]+$/) });", PARSES, "text"),
    "a rule of its own": ("const Schema = z.object({ name: z.string() }).refine((v) => v.name !== 'x');", PARSES, "text"),
    "a short name by the schema": ("const Schema = z.object({ name: z.string().max(20) });", PARSES, "text"),
    "a short name by the column": ("const Schema = z.object({ name: z.string() });", PARSES, "varchar(12)"),
    "no text that is the label": ("const Schema = z.object({ size: z.number() });", PARSES, "text"),
    "another library": ("import Joi from 'joi'; const Schema = Joi.object({ name: Joi.string() });", PARSES, "text"),
    "a chain of express-validator": (
        "import { body } from 'express-validator';",
        "body('name').isLength({ min: 3 }), body('kind').isIn(['x']), async (req, res) => { const { name } = req.body;",
        "text",
    ),
    "another library, by a check before it": (
        "import * as v from 'valibot'; const Schema = v.object({ name: v.string(), kind: v.string() });"
        " const check = (schema) => (req, res, next) => next();",
        "check(Schema), async (req, res) => { const { name } = req.body;",
        "text",
    ),
    "passed on as a whole": ("", "async (req, res) => { const name = make(req.body);", "text"),
    "a field without a column": ("", "async (req, res) => { const { name, captcha } = req.body;", "text"),
    "two schemas": (
        "const Schema = z.object({ name: z.string() }); const Other = z.object({ name: z.string(), b: z.string() });",
        "async (req, res) => { const { name } = Schema.parse(req.body); Other.parse(req.body);",
        "text",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", KNOWN)
def test_a_payload_is_what_the_route_needs(name: str) -> None:
    """Each field that must be there, with a value that it takes; the name stands where the label is stored."""
    before, body, expected = KNOWN[name]
    assert payload(before, body) == expected


@pytest.mark.parametrize("name", OPEN)
def test_a_payload_that_is_not_certain_is_left_open(name: str) -> None:
    """Better none than one that answers 400 on every POST."""
    before, body, type_ = OPEN[name]
    assert payload(before, body, type_) is ...


def test_drizzle_zod_needs_what_the_table_needs() -> None:
    """NOT NULL columns without a default, but those that are left out, by the names of the schema."""
    schema = """
    import { pgTable, serial, text, uuid, boolean } from "drizzle-orm/pg-core";
    import { createInsertSchema } from "drizzle-zod";
    export const chatbots = pgTable("chatbots", {
      id: serial("id").primaryKey(), name: text("name").notNull(), systemPrompt: text("system_prompt").notNull(),
      ownerName: text("owner_name").notNull(), requireAuth: boolean("require_auth").default(false).notNull(),
      publicToken: uuid("public_token").defaultRandom().notNull(),
    });
    export const insertChatbot = createInsertSchema(chatbots).omit({ ownerName: true });
    """
    route = """
    import express from "express";
    import { chatbots, insertChatbot } from "@shared/schema";
    import { db } from "./db";
    const app = express();
    app.post("/bots", async (req, res) => {
      const [bot] = await db.insert(chatbots).values(insertChatbot.parse(req.body)).returning();
      res.json(bot);
    });
    """
    facts = facts_of({"shared/schema.ts": schema, "server/app.ts": route}, table="")
    assert told(facts, "api.payload", "api.token") == {
        "api.payload": {"name": "{name}", "systemPrompt": "smoke"},
        "api.token": "publicToken",
    }


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ("@IsString() name: string; @IsInt() @Min(2) size: number; @IsOptional() note?: string;", {"name": "{name}", "size": 2}),
        ("@IsString() name: string; @IsIn(['x', 'y']) kind: string; @IsEmail() to: string;", {"name": "{name}", "kind": "x", "to": "smoke@example.com"}),
        ("name: string; size?: number; on: boolean;", {"name": "{name}", "on": False}),
        ("@IsString() name: string; @Matches(/x/) code: string;", ...),
        ("@IsString() @MaxLength(10) name: string;", ...),
        ("@IsString() name: string; @IsUUID() team: string;", ...),
    ],
)  # fmt: skip
def test_a_class_says_what_nestjs_wants(fields: str, expected: object) -> None:
    """By its decorators, else by its types."""
    text = f"""
    import {{ Body, Controller, Post }} from "@nestjs/common"; import {{ pool }} from "./db";
    class Dto {{ {fields} }}
    @Controller("bots")
    export class Bots {{ @Post() async create(@Body() dto: Dto) {{ const {{ name }} = dto; {STORES} return rows[0]; }} }}
    """
    assert told(facts_of({"src/bots.ts": text}), "api.payload") == {"api.payload": expected}


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        (
            "{ type: 'object', required: ['name', 'kind'], properties: { name: { type: 'string' }, kind: { enum: ['x'] }, n: { type: 'integer' } } }",
            {"name": "{name}", "kind": "x"},
        ),
        ("{ type: 'object', required: ['name'], properties: { name: { type: 'string' } }, allOf: [{}] }", ...),
        ("{ type: 'object', required: ['name', 'p'], properties: { name: { type: 'string' }, p: { type: 'string', pattern: 'x' } } }", ...),
        ("Type.Object({ name: Type.String() })", ...),
    ],
)  # fmt: skip
def test_a_json_schema_says_what_fastify_wants(schema: str, expected: object) -> None:
    """What it requires; another library's schema is left open."""
    text = f"""
    import Fastify from "fastify"; import {{ Type }} from "@sinclair/typebox"; import {{ pool }} from "./db";
    const app = Fastify();
    app.post("/bots", {{ schema: {{ body: {schema} }} }}, async (request, reply) => {{ const {{ name }} = request.body; {STORES} return rows[0]; }});
    """
    assert told(facts_of({"src/app.ts": text}), "api.payload") == {"api.payload": expected}
