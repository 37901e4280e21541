"""The path of the create route, however a framework puts it together; what is not certain is left open."""

from __future__ import annotations

import pytest

from tests.support.drafts import STORES, facts_of, told

HANDLER = f"async (req, res) => {{ const {{ name }} = req.body; {STORES} res.status(201).json(rows[0]); }}"
POOL = 'import { Pool } from "pg"; export const pool = new Pool();'
EXPRESS = 'import express from "express"; import { pool } from "./db"; const app = express();'
ROUTER = 'import { Router } from "express"; import { pool } from "./db"; export const bots = Router();'
HONO = "const { name } = await c.req.json(); " + STORES + " return c.json(rows[0], 201);"
FASTIFY = "async (request, reply) => { const { name } = request.body; " + STORES + " return rows[0]; }"
NEXT = "{ const { name } = await request.json(); " + STORES + " return Response.json(rows[0], { status: 201 }); }"
NEST = (
    f"create(@Body() {{ name }}: Dto) {{ return this.store(name); }} async store(name) {{ {STORES} return rows[0]; }}"
)


def nest(controller: str, method: str = "@Post()", main: str = "") -> dict[str, str]:
    """An app of NestJS whose routes are decorated so."""
    text = f'import {{ pool }} from "./db"; class Dto {{ name: string; }}\n{controller}\nexport class Bots {{ {method} {NEST} }}'
    return {"src/bots.controller.ts": text, "src/main.ts": main}


def app(**files: str) -> dict[str, str]:
    """Files of `src/` by their names."""
    return {f"src/{name}.ts": text for name, text in files.items()}


KNOWN: dict[str, tuple[dict[str, str], str]] = {
    "on the app": (app(app=f"{EXPRESS} app.post('/api/bots', {HANDLER});"), "/api/bots"),
    "a router by name": (
        app(app=f"{EXPRESS} import {{ bots }} from './bots'; app.use('/v1/bots', bots);", bots=f"{ROUTER} bots.post('/', {HANDLER});"),
        "/v1/bots",
    ),
    "route() and a chain": (
        app(app=f"{EXPRESS} app.route('/bots').get((req, res) => res.json([])).post({HANDLER});"),
        "/bots",
    ),
    "routers in routers": (
        app(
            app=f"{EXPRESS} import {{ api }} from './api'; app.use('/api', api);",
            api="import { Router } from 'express'; import { bots } from './bots'; export const api = Router(); api.use('/x', bots);",
            bots=f"{ROUTER} bots.post('/bots', {HANDLER});",
        ),
        "/api/x/bots",
    ),
    "a function that is given the app": (
        app(
            app="import express from 'express'; import { setUp } from './bots'; setUp(express());",
            bots=f"import {{ pool }} from './db'; export function setUp(app) {{ app.post('/bots', {HANDLER}); }}",
        ),
        "/bots",
    ),
    "require() in use()": (
        {
            "app.js": "const express = require('express'); const app = express(); app.use('/api/bots', require('./bots'));",
            "bots.js": f"const router = require('express').Router(); const {{ pool }} = require('./src/db'); router.post('/', {HANDLER}); module.exports = router;",
        },
        "/api/bots",
    ),
    "a constant": (app(app=f"{EXPRESS} const BASE = '/api'; app.post(`${{BASE}}/bots`, {HANDLER});"), "/api/bots"),
    "within what the app puts around it": (
        app(app=f"{EXPRESS} const wrap = (f) => (q, s, n) => f(q, s, n).catch(n); app.post('/bots', wrap({HANDLER}));"),
        "/bots",
    ),
    "Koa with a prefix": (
        app(
            app="import Koa from 'koa'; import Router from '@koa/router'; import { pool } from './db'; const app = new Koa();"
            f"const r = new Router({{ prefix: '/v1' }}); r.post('/bots', async (ctx) => {{ const {{ name }} = ctx.request.body; {STORES}"
            " ctx.status = 201; ctx.body = rows[0]; }); app.use(r.routes());"
        ),
        "/v1/bots",
    ),
    "Hono with basePath and route()": (
        app(
            app="import { Hono } from 'hono'; import { bots } from './bots'; const app = new Hono().basePath('/v2').route('/bots', bots);",
            bots=f"import {{ Hono }} from 'hono'; import {{ pool }} from './db'; export const bots = new Hono().get('/', (c) => c.json([])).post('/', async (c) => {{ {HONO} }});",
        ),
        "/v2/bots",
    ),
    "Elysia": (
        app(
            app="import { Elysia } from 'elysia'; import { pool } from './db'; new Elysia({ prefix: '/api' })"
            f".post('/bots', async ({{ body, set }}) => {{ const {{ name }} = body; {STORES} set.status = 201; return rows[0]; }});"
        ),
        "/api/bots",
    ),
    "Fastify, a plugin with a prefix": (
        app(
            app="import Fastify from 'fastify'; import bots from './bots'; const app = Fastify(); app.register(bots, { prefix: '/bots' });",
            bots=f"import {{ pool }} from './db'; export default async function (fastify) {{ fastify.post('/', {FASTIFY}); }}",
        ),
        "/bots",
    ),
    "Fastify, route() with an object": (
        app(app=f"import Fastify from 'fastify'; import {{ pool }} from './db'; const app = Fastify(); app.route({{ method: ['POST'], url: '/bots', handler: {FASTIFY} }});"),
        "/bots",
    ),
    "Next.js, a route group": (
        {"src/app/(admin)/api/bots/route.ts": f"import {{ pool }} from '../../../../db'; export async function POST(request: Request) {NEXT}"},
        "/api/bots",
    ),
    "Next.js, within what the app puts around it": (
        {
            "src/app/api/bots/route.ts": "import { pool } from '../../../db'; const safe = (f) => async (q) => { try { return await f(q); } catch { return x; } };"
            f" export const POST = safe(async (request: Request) => {NEXT});"
        },
        "/api/bots",
    ),
    "Hono with OpenAPI": (
        app(
            app="import { OpenAPIHono, createRoute, z } from '@hono/zod-openapi'; import { pool } from './db'; const app = new OpenAPIHono();"
            f" const made = createRoute({{ method: 'post', path: '/bots', responses: {{}} }}); app.openapi(made, async (c) => {{ {HONO} }});"
        ),
        "/bots",
    ),
    "Next.js, pages": (
        {
            "pages/api/bots/index.ts": "import { pool } from '../../../src/db'; export default async function handler(req, res) {"
            f" if (req.method === 'POST') {{ const {{ name }} = req.body; {STORES} return res.status(201).json(rows[0]); }} }}"
        },
        "/api/bots",
    ),
    "SvelteKit": (
        {
            "src/routes/api/bots/+server.ts": "import { json } from '@sveltejs/kit'; import { pool } from '$lib/db';"
            f" export const POST = async ({{ request }}) => {{ const {{ name }} = await request.json(); {STORES} return json(rows[0], {{ status: 201 }}); }};"
        },
        "/api/bots",
    ),
    "Nuxt": (
        {
            "server/api/bots.post.ts": "import { pool } from '../../src/db'; export default defineEventHandler(async (event) => {"
            f" const {{ name }} = await readBody(event); {STORES} return rows[0]; }});"
        },
        "/api/bots",
    ),
    "NestJS with a prefix": (nest("@Controller('bots')", "@Post('new')", "app.setGlobalPrefix('api');"), "/api/bots/new"),
    "the one that is called like the table, among others": (
        app(app=f"{EXPRESS} app.post('/onboarding', {HANDLER}); app.post('/chatbots', {HANDLER}); app.post('/chatbots/import', {HANDLER});"),
        "/chatbots",
    ),
}  # fmt: skip
OPEN: dict[str, tuple[dict[str, str], str]] = {
    "two mounts": (
        app(app=f"{EXPRESS} import {{ bots }} from './bots'; app.use('/v1/bots', bots); app.use('/v2/bots', bots);", bots=f"{ROUTER} bots.post('/', {HANDLER});"),
        "several routes store a row: POST /v1/bots (src/bots.ts:1), POST /v2/bots (src/bots.ts:1)",
    ),
    "a part that varies": (app(app=f"{EXPRESS} app.post('/w/:workspace/bots', {HANDLER});"), "has a part that only you know"),
    "mounted by a loop": (
        {
            "app.js": "const express = require('express'); const app = express(); for (const f of files) app.use('/' + f, require('./' + f));",
            "bots.js": f"const router = require('express').Router(); const {{ pool }} = require('./src/db'); router.post('/', {HANDLER}); module.exports = router;",
        },
        "what its path begins with was not understood",
    ),
    "a version of NestJS": (nest("@Controller({ path: 'bots', version: '2' })"), "what its path begins with was not understood"),
    "versions of NestJS everywhere": (nest("@Controller('bots')", main="app.enableVersioning({});"), "was not understood"),
    "a base path that is a variable": (
        {
            "next.config.ts": "export default { basePath: process.env.BASE };",
            "app/api/bots/route.ts": f"import {{ pool }} from '../../../src/db'; export async function POST(request: Request) {NEXT}",
        },
        "was not understood",
    ),
    "a client that POSTs": (app(app="import axios from 'axios'; axios.post('/api/bots', { name: 'x' });"), "no POST route was seen"),
    "no code at all": ({}, "no POST route was seen"),
}  # fmt: skip


@pytest.mark.parametrize("name", KNOWN)
def test_a_path_is_put_together(name: str) -> None:
    """As the framework does it."""
    files, path = KNOWN[name]
    assert told(facts_of({"src/db.ts": POOL, **files}), "api.create") == {"api.create": path}


@pytest.mark.parametrize("name", OPEN)
def test_a_path_that_is_not_certain_is_left_open(name: str) -> None:
    """With the reason."""
    files, why = OPEN[name]
    fact = facts_of({"src/db.ts": POOL, **files})["api.create"]
    assert why in getattr(fact, "why", "it is known")


def test_what_does_not_depend_on_the_path_is_read_all_the_same() -> None:
    """Of the one route whose path is not known."""
    files, _ = OPEN["a part that varies"]
    facts = facts_of({"src/db.ts": POOL, **files})
    keys = ("api.status", "api.payload", "api.id", "api.token", "table.label")
    assert told(facts, *keys) == {
        "api.status": 201,
        "api.payload": {"name": "{name}"},
        "api.id": "id",
        "api.token": "public_token",
        "table.label": "name",
    }
