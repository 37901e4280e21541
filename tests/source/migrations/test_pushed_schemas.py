"""A schema file whose change no migration makes: what a tool that compares would send, and that it may fail."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from harness.errors import CouldNotTell
from harness.source.checkout import read_checkout
from harness.source.migrations.checkers import wrong_after_migrations
from harness.source.migrations.reading import read_token
from tests.support.apps import claims_of

if TYPE_CHECKING:
    from pathlib import Path

DRIZZLE = {
    "shared/schema.ts": """
        import { pgTable, serial, text, uuid } from "drizzle-orm/pg-core";
        export const chatbots = pgTable("chatbots", {
          id: serial("id").primaryKey(), name: text("name"), publicToken: uuid("public_token").notNull().defaultRandom(),
        });"""
}
PRISMA = {
    "prisma/schema.prisma": """
        datasource db {
          provider = "postgresql"
        }
        model Chatbot {
          id          Int    @id @default(autoincrement())
          publicToken String @default(dbgenerated("gen_random_uuid()")) @map("public_token") @db.Uuid
          @@map("chatbots")
        }"""
}
TYPEORM = {
    "src/chatbot.ts": """
        import { Column, Entity, PrimaryGeneratedColumn } from "typeorm";
        @Entity("chatbots")
        export class Chatbot {
          @PrimaryGeneratedColumn() id: number;
          @Column({ type: "uuid", name: "public_token", default: () => "gen_random_uuid()" }) publicToken: string;
        }"""
}
PUSHED = {
    "drizzle": (DRIZZLE, 'drizzle-kit .*ALTER TABLE "chatbots" ALTER COLUMN "public_token" SET DATA TYPE uuid.*42804'),
    "prisma": (PRISMA, 'Prisma .*ALTER TABLE "chatbots" DROP COLUMN "public_token"'),
    "typeorm": (TYPEORM, "no migration"),
}


@pytest.mark.parametrize("tool", PUSHED)
def test_the_statement_that_would_be_sent_is_said(tool: str, tmp_path: Path) -> None:
    """It is not known to be wrong: the column may be a uuid already."""
    files, said = PUSHED[tool]
    assert claims_of(tmp_path, files, "migration", "schema") == {"migration": "unknown", "schema": "pass"}
    with pytest.raises(CouldNotTell, match=said):
        wrong_after_migrations(read_token(read_checkout(tmp_path), "chatbots", "public_token"))


@pytest.mark.parametrize("tool", ["drizzle", "prisma", "typeorm"])
def test_migrations_that_stop_before_the_schema_are_wrong(tool: str, tmp_path: Path) -> None:
    """They leave the text, whatever the schema file declares; what a push would send is said beside it."""
    old = "CREATE TABLE chatbots (id serial PRIMARY KEY, name text, public_token varchar(8) NOT NULL);\n"
    folder = {"drizzle": "drizzle/0000_a.sql", "prisma": "prisma/migrations/20240101000000_a/migration.sql"}
    files = {**PUSHED[tool][0], folder.get(tool, "migrations/1_a.sql"): old}
    assert claims_of(tmp_path, files, "migration", "schema") == {"migration": "fail", "schema": "pass"}


def test_a_supabase_app_whose_migrations_are_elsewhere_is_not_covered(tmp_path: Path) -> None:
    """They are made in its dashboard, or in another repository."""
    app = """
        import { createClient } from "@supabase/supabase-js";
        const supabase = createClient(url, key);
        export const create = (name) => supabase.from("chatbots").insert({ name }).select("id, public_token").single();"""
    assert claims_of(tmp_path, {"src/bots.ts": app}, "migration", "insert") == {
        "migration": "not covered",
        "insert": "pass",
    }


@pytest.mark.parametrize(
    "files",
    [
        {"src/bots.ts": "export const create = (n) => sql`INSERT INTO chatbots (name) VALUES (${n}) RETURNING *`;\n"},
        {
            "server/db.js": "exports.f = (n) => pool.query('INSERT INTO chatbots (name) VALUES ($1) RETURNING *', [n]);\n"
        },
        {"app/bots.ts": "export const make = (n) => knex('chatbots').insert({ name: n }).returning('*');\n"},
    ],
)
def test_an_app_of_its_own_database_without_any_migration_is_wrong(files: dict[str, str], tmp_path: Path) -> None:
    """The one that was asked for is missing."""
    assert claims_of(tmp_path, files, "migration") == {"migration": "fail"}


def test_migrations_that_never_touch_the_column_are_wrong(tmp_path: Path) -> None:
    """There are migrations, and the one that was asked for is missing."""
    files = {
        "migrations/1_users.sql": "CREATE TABLE users (id serial PRIMARY KEY);\n",
        "src/bots.ts": "export const create = (n) => sql`INSERT INTO chatbots (name) VALUES (${n}) RETURNING *`;\n",
    }
    assert claims_of(tmp_path, files, "migration") == {"migration": "fail"}
