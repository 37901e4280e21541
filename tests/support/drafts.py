"""What is right of the apps that `init` is tried on, and how much of it a draft has: right, wrong, or left open."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from harness.drafting.draft import KEYS
from harness.drafting.reading import draft_of, read_draft
from harness.drafting.refusing import header_of, login_of
from harness.source.routes.facts import Doubt
from tests.support.apps import SAMPLES, checkout_of

if TYPE_CHECKING:
    from harness.drafting.draft import Draft
    from harness.source.routes.facts import Fact

OWN = Path(__file__).parents[1] / "drafting" / "samples"
Judged = Literal["right", "wrong", "open"]

_CHATBOTS = {
    "api.create": "/api/chatbots",
    "api.status": 201,
    "api.payload": {"name": "{name}"},
    "api.id": "id",
    "api.token": "public_token",
    "table.name": "chatbots",
    "table.id": "id",
    "table.label": "name",
    "table.token": "public_token",
}
_SAMPLE = {**_CHATBOTS, "ready.path": "/", "ready.revision": "commit"}
_LOGIN = {"path": "/api/auth/login", "json": ["email", "password"]}

# Each app with what it is made of, where it stands, and what is right. A key that is not here is not needed: the app
# has no login, or names no commit. `?` is a value that no file of the app tells: it has to be left open.
APPS: dict[str, tuple[str, Path, dict[str, object]]] = {
    "express-pg": ("Express, pg, SQL migrations", SAMPLES / "express-pg" / "after", _SAMPLE),
    "express-postgresjs": ("Express, postgres.js, zod", SAMPLES / "express-postgresjs" / "after", _SAMPLE),
    "express-drizzle": ("Express, Drizzle", SAMPLES / "express-drizzle" / "after", _SAMPLE),
    "express-prisma": ("Express, Prisma, a repository", SAMPLES / "express-prisma" / "after", _SAMPLE),
    "express-pg-api-key": (
        "Express in CommonJS, pg, an API key, other names",
        OWN / "express-pg-api-key",
        {
            "headers": {"x-api-key": ""},
            "ready.path": "/healthz",
            "ready.revision": "version",
            "api.create": "/v1/assistants",
            "api.status": 201,
            "api.payload": {"title": "{name}"},
            "api.id": "data.id",
            "api.token": "data.shareToken",
            "table.name": "assistants",
            "table.id": "assistant_id",
            "table.label": "title",
            "table.token": "share_token",
        },
    ),
    "express-drizzle-session": (
        "Express, Drizzle that is pushed, zod, a session",
        OWN / "express-drizzle-session",
        {
            **_CHATBOTS,
            "login": _LOGIN,
            "ready.path": "?",
            "api.payload": {"name": "{name}", "language": "en"},
            "api.id": "chatbot.id",
            "api.token": "chatbot.publicToken",
        },
    ),
    "next-prisma": (
        "Next.js route handlers, Prisma, zod, Auth.js",
        OWN / "next-prisma",
        {
            **_CHATBOTS,
            "login": "?",
            "ready.path": "/api/health",
            "ready.revision": "commit",
            "api.token": "publicToken",
        },
    ),
    "nest-typeorm": (
        "NestJS, TypeORM, class-validator, a session",
        OWN / "nest-typeorm",
        {
            **_CHATBOTS,
            "login": {"path": "/api/auth/login", "json": ["username", "password"]},
            "ready.path": "?",
            "api.payload": {"name": "{name}", "temperaturePercent": 0},
            "api.token": "publicToken",
        },
    ),
    "hono-kysely": (
        "Hono, Kysely, zod, a bearer token",
        OWN / "hono-kysely",
        {
            "headers": {"Authorization": "Bearer "},
            "ready.path": "/api/health",
            "api.create": "/api/bots",
            "api.status": 201,
            "api.payload": {"label": "{name}", "settings": {"model": "smoke", "maxTokens": 16}},
            "api.id": "id",
            "api.token": "token",
            "table.name": "bot",
            "table.id": "id",
            "table.label": "label",
            "table.token": "public_token",
        },
    ),
    "fastify-knex": (
        "Fastify, Knex, a JSON Schema, a session",
        OWN / "fastify-knex",
        {
            "login": {"path": "/sessions", "json": ["email", "password"]},
            "ready.path": "/status",
            "api.create": "/api/v2/bots",
            "api.status": 201,
            "api.payload": {"title": "{name}", "channel": "web", "priority": 1},
            "api.id": "id",
            "api.token": "public_token",
            "table.name": "bots",
            "table.id": "id",
            "table.label": "title",
            "table.token": "public_token",
        },
    ),
    "express-sequelize": (
        "Express in layers, Sequelize",
        OWN / "express-sequelize",
        {
            **_CHATBOTS,
            "ready.path": "/",
            "api.create": "/api/workspaces/default/chatbots",
            "api.id": "chatbot.id",
            "api.token": "chatbot.publicToken",
        },
    ),
    "next-supabase": (
        "Next.js, Supabase and its login",
        OWN / "next-supabase",
        {
            **_CHATBOTS,
            "login": "?",
            "ready.path": "?",
            "api.payload": {"name": "{name}", "workspaceId": "?"},
            "api.id": "data.id",
            "api.token": "data.public_token",
        },
    ),
}


@cache
def drafted(app: str) -> Draft:
    """What is drafted from an app's checkout alone."""
    return read_draft(APPS[app][1], None, None)


@cache
def judged(app: str) -> dict[str, Judged]:
    """Each key that an app needs, or that was drafted, and whether the draft has it right."""
    right, facts = APPS[app][2], drafted(app).facts
    return {key: _judge(key, facts.get(key), right.get(key)) for key in KEYS if key in right or key in facts}


def _judge(key: str, fact: Fact | None, right: object) -> Judged:
    if isinstance(fact, Doubt):
        return "open"
    return "right" if fact is not None and in_short(key, fact) == right else "wrong"


def in_short(key: str, fact: Fact) -> object:
    """The value of a fact, comparable to what is right."""
    assert not isinstance(fact, Doubt)
    if key == "login":
        path, fields = login_of(fact)
        return {"path": path, "json": [name for name, _ in fields]}
    return dict([header_of(fact)]) if key == "headers" else fact.value


TABLE = """
    CREATE TABLE chatbots (
        id serial PRIMARY KEY,
        name text NOT NULL,
        require_auth boolean NOT NULL DEFAULT false,
        public_token uuid NOT NULL DEFAULT gen_random_uuid()
    );
"""
STORES = (
    "const { rows } = await pool.query('INSERT INTO chatbots (name) VALUES ($1) RETURNING id, public_token', [name]);"
)


def facts_of(files: dict[str, str], table: str = TABLE) -> dict[str, Fact]:
    """What is read of an app with these files, and with this table, which its migrations make."""
    made = {"migrations/001.sql": table} if table else {}
    return draft_of(checkout_of({**made, **files}), None).facts


def told(facts: dict[str, Fact], *keys: str) -> dict[str, object]:
    """The values of some keys, `...` where they are left open; a key that there is not is left out."""
    return {key: ... if isinstance(facts[key], Doubt) else in_short(key, facts[key]) for key in keys if key in facts}
