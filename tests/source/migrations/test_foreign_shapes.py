"""What stands beside the token in migrations and schema files of other people, and decides nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.apps import claims_of

if TYPE_CHECKING:
    from pathlib import Path

UUID = "t.uuid('public_token').notNullable().defaultTo(knex.raw('gen_random_uuid()'))"
MADE = f"knex.schema.createTable('chatbots', (t) => {{ t.increments('id'); {UUID}; {{more}} }})"


def knex(more: str = "", up: str = "", before: str = "") -> dict[str, str]:
    """A migration of Knex that makes the table, with this beside the token, behind it, and before it."""
    body = MADE.replace("{more}", more)
    return {
        "migrations/20240101_a.js": f"{before}exports.up = async (knex) => {{ await {body}; {up} }};\nexports.down = (k) => k;\n"
    }


RIGHT = {
    "knex.fn.now()": knex("t.timestamp('created_at').defaultTo(knex.fn.now());"),
    "knex.fn.now with a precision": knex("t.timestamp('created_at').defaultTo(knex.fn.now(6));"),
    "a default that is put together": knex("t.jsonb('settings').defaultTo(JSON.stringify(DEFAULTS));"),
    "a default of a constant elsewhere": knex(
        "t.string('plan').defaultTo(config.plans.free);", before="const config = require('../c');\n"
    ),
    "an index by raw": knex(
        up="await knex.raw('CREATE UNIQUE INDEX CONCURRENTLY chatbots_token ON chatbots (public_token)');"
    ),
    "an index by raw, in a template": knex(
        up="await knex.raw(`create index if not exists x on chatbots using hash (public_token)`);"
    ),
    "an index by raw, put together": knex(up="await knex.raw(`CREATE INDEX ${NAME} ON chatbots (public_token)`);"),
    "a comment that reads like SQL": knex(up="// ALTER TABLE chatbots ALTER COLUMN public_token TYPE text\n"),
    "a long comment that reads like SQL": knex(
        up="/* await knex.raw('ALTER TABLE chatbots DROP COLUMN public_token'); */"
    ),
    "a statement in a constant": {
        "migrations/20240101_a.js": "const SQL = `CREATE TABLE chatbots (id serial, public_token uuid DEFAULT gen_random_uuid())`;\n"
        "exports.up = (knex) => knex.raw(SQL);\n",
    },
    "a statement in a constant of a script": {
        "migrations/001_init.ts": "export const up = `CREATE TABLE chatbots (id serial, public_token uuid DEFAULT gen_random_uuid())`;\n"
        "await client.query(up);\n",
    },
    "a list of statements in a constant": {
        "src/db/migrations.ts": "const STEPS = ['CREATE TABLE chatbots (id serial, name text)',\n"
        "  'ALTER TABLE chatbots ADD COLUMN public_token uuid DEFAULT gen_random_uuid()'];\n"
        "for (const step of STEPS) await client.query(step);\nconsole.log(STEPS.length);\n",
    },
    "a SQL comment that reads like SQL": {
        "migrations/1_a.sql": "-- ALTER TABLE chatbots DROP COLUMN public_token;\n"
        "CREATE TABLE chatbots (id serial, public_token uuid DEFAULT gen_random_uuid());\n/* DROP TABLE chatbots; */\n",
    },
}
SQLITE = 'datasource db {\n  provider = "sqlite"\n  url = "file:dev.db"\n}\nmodel Local {\n  id Int @id\n}\n'
POSTGRES = """
    datasource db {
      provider = "postgresql"
    }
    model Chatbot {
      id          Int    @id
      publicToken String %s @map("public_token") %s
      @@map("chatbots")
    }"""
SHOULD = ('@default(dbgenerated("gen_random_uuid()"))', "@db.Uuid")


@pytest.mark.parametrize("shape", RIGHT)
def test_what_stands_beside_it_is_none_of_the_token(shape: str, tmp_path: Path) -> None:
    """The column is known, whatever else was not understood."""
    assert claims_of(tmp_path, RIGHT[shape], "migration") == {"migration": "pass"}


@pytest.mark.parametrize("default", ["makeToken()", "crypto.randomUUID()", "config.token"])
def test_the_tokens_own_default_must_be_understood(default: str, tmp_path: Path) -> None:
    """A constant that is made once, or what is not known."""
    files = knex()
    files = {path: text.replace("knex.raw('gen_random_uuid()')", default) for path, text in files.items()}
    assert claims_of(tmp_path, files, "migration")["migration"] in ("fail", "unknown")


@pytest.mark.parametrize(
    "elsewhere", ["mobile/prisma/schema.prisma", "prisma-local/schema.prisma", "packages/cache/cache.prisma"]
)
def test_a_schema_of_another_provider_elsewhere_blinds_nobody(elsewhere: str, tmp_path: Path) -> None:
    """Each file is of its own database."""
    files = {"prisma/schema.prisma": POSTGRES % SHOULD, elsewhere: SQLITE}
    assert claims_of(tmp_path / "right", files, "schema") == {"schema": "pass"}
    files = {"prisma/schema.prisma": POSTGRES % ("", ""), elsewhere: SQLITE}
    assert claims_of(tmp_path / "wrong", files, "schema") == {"schema": "fail"}


def test_models_of_a_schema_in_several_files_are_of_its_provider(tmp_path: Path) -> None:
    """The file that names the provider stands beside them, or above."""
    model = POSTGRES[POSTGRES.index("    model") :] % ("", "")
    head = 'datasource db {\n  provider = "sqlite"\n}\n'
    files = {"prisma/schema/base.prisma": head, "prisma/schema/models/bot.prisma": model}
    assert claims_of(tmp_path, files, "schema") == {"schema": "not covered"}


@pytest.mark.parametrize(
    "path",
    ["vitestSetup.ts", "src/vitest.setup.ts", "jest.setup.js", "jestSetup.ts", "src/setupTests.ts", "server/__mocks__/db.ts",
     "test-setup.ts", "src/testUtils.ts", "playwright.config.ts", "src/mocks.ts", "src/fakes/store.ts", "src/stubs/db.ts"],
)  # fmt: skip
def test_what_only_tests_use_stores_nothing(path: str, tmp_path: Path) -> None:
    """Set-up files, doubles and helpers of tests."""
    double = "import { randomUUID } from 'crypto';\nexport const f = () => db.insert(chatbots).values({ publicToken: randomUUID() });\n"
    create = "export const create = (n) => sql`INSERT INTO chatbots (name) VALUES (${n}) RETURNING id, public_token`;\n"
    assert claims_of(tmp_path, {"src/routes.ts": create, path: double}, "makes") == {"makes": "pass"}
