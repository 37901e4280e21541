"""Migrations that Postgres always refuses, whatever is stored: they leave the column as it was."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.apps import claims_of

if TYPE_CHECKING:
    from pathlib import Path

OLD = {
    "migrations/0001_init.sql": "CREATE TABLE chatbots (id bigserial PRIMARY KEY, name text, age integer, made timestamptz,"
    " public_token varchar(8) NOT NULL);\n"
}
SET_DEFAULT = "ALTER TABLE chatbots ALTER COLUMN public_token SET DEFAULT gen_random_uuid();\n"


def sql(statement: str) -> dict[str, str]:
    """The old table, and this statement before the one that sets the default."""
    return {**OLD, "migrations/0002_uuid.sql": f"{statement};\n{SET_DEFAULT}"}


def knex(body: str) -> dict[str, str]:
    """The same by Knex."""
    return {
        "migrations/20240101_a.js": "exports.up = (knex) => knex.schema.createTable('chatbots', (t) => {\n"
        "  t.increments('id'); t.string('public_token', 8).notNullable(); });\n",
        "migrations/20250101_b.js": f"exports.up = async (knex) => {{ {body} }};\nexports.down = () => {{}};\n",
    }


def pgm(body: str) -> dict[str, str]:
    """The same by node-pg-migrate."""
    return {
        "migrations/1700000000000_a.js": "exports.up = (pgm) => {\n"
        "  pgm.createTable('chatbots', { id: 'id', public_token: { type: 'varchar(8)', notNull: true } }); };\n",
        "migrations/1710000000000_b.js": f"exports.up = (pgm) => {{ {body} }};\nexports.down = () => {{}};\n",
    }


def sequelize(body: str) -> dict[str, str]:
    """The same by Sequelize."""
    return {
        "migrations/20240101-a.js": "module.exports = { up: async (queryInterface, Sequelize) => {\n"
        "  await queryInterface.createTable('chatbots', { id: { type: Sequelize.INTEGER, primaryKey: true },\n"
        "    public_token: { type: Sequelize.STRING(8), allowNull: false } }); }, down: async () => {} };\n",
        "migrations/20250101-b.js": "module.exports = { up: async (queryInterface, Sequelize) => {\n"
        f"  {body} }}, down: async () => {{}} }};\n",
    }


def kysely(body: str) -> dict[str, str]:
    """The same by Kysely."""
    head = "import { Kysely, sql } from 'kysely'\n"
    return {
        "migrations/2024-01-01_a.ts": f"{head}export async function up(db: Kysely<any>) {{\n"
        "  await db.schema.createTable('chatbots').addColumn('id', 'serial', (c) => c.primaryKey())\n"
        "    .addColumn('public_token', 'varchar(8)', (c) => c.notNull()).execute() }\n",
        "migrations/2025-01-01_b.ts": f"{head}export async function up(db: Kysely<any>) {{ {body} }}\n",
    }


def typeorm(body: str) -> dict[str, str]:
    """The same by TypeORM."""
    head = "import { MigrationInterface, QueryRunner, Table, TableColumn } from 'typeorm';\n"
    return {
        "migrations/1700000000000-A.ts": f"{head}export class A1700000000000 implements MigrationInterface {{\n"
        "  async up(q: QueryRunner) { await q.query('CREATE TABLE chatbots (id serial, public_token varchar(8) NOT NULL)'); } }\n",
        "migrations/1710000000000-B.ts": f"{head}export class B1710000000000 implements MigrationInterface {{\n"
        f"  async up(q: QueryRunner) {{ {body} }} }}\n",
    }


UUID_OF_SEQUELIZE = "allowNull: false, defaultValue: Sequelize.literal('gen_random_uuid()') });"
REFUSED = {
    "no USING": sql("ALTER TABLE chatbots ALTER COLUMN public_token TYPE uuid"),
    "no USING, as drizzle-kit has it": {
        "drizzle/0000_a.sql": 'CREATE TABLE "chatbots" ("id" serial PRIMARY KEY, "public_token" varchar(8) NOT NULL);\n',
        "drizzle/0001_b.sql": 'ALTER TABLE "chatbots" ALTER COLUMN "public_token" SET DATA TYPE uuid;--> statement-breakpoint\n'
        'ALTER TABLE "chatbots" ALTER COLUMN "public_token" SET DEFAULT gen_random_uuid();',
    },
    "no USING, in one statement": sql(
        "ALTER TABLE chatbots ALTER public_token DROP DEFAULT, ALTER public_token TYPE uuid, ALTER public_token SET DEFAULT"
        " gen_random_uuid()"
    ),
    "USING a number": sql("ALTER TABLE chatbots ALTER COLUMN public_token TYPE uuid USING age"),
    "USING what counts": sql("ALTER TABLE chatbots ALTER COLUMN public_token TYPE uuid USING length(public_token)"),
    "USING a time": sql("ALTER TABLE chatbots ALTER COLUMN public_token TYPE uuid USING now()"),
    "USING a text": sql("ALTER TABLE chatbots ALTER COLUMN public_token TYPE uuid USING md5(public_token)"),
    "USING the column": sql("ALTER TABLE chatbots ALTER COLUMN public_token TYPE uuid USING public_token"),
    "USING another column": sql("ALTER TABLE chatbots ALTER COLUMN public_token TYPE uuid USING name"),
    "USING a boolean": sql("ALTER TABLE chatbots ALTER COLUMN public_token TYPE uuid USING (public_token IS NULL)"),
    "USING a sum of texts": sql("ALTER TABLE chatbots ALTER COLUMN public_token TYPE uuid USING public_token || '-'"),
    "USING a text after all": sql(
        "ALTER TABLE chatbots ALTER COLUMN public_token TYPE uuid USING public_token::uuid::text"
    ),
    "USING a column that is not there": sql(
        "ALTER TABLE chatbots ALTER COLUMN public_token TYPE uuid USING token::uuid"
    ),
    "a cast of a number": sql("ALTER TABLE chatbots ALTER COLUMN public_token TYPE uuid USING age::uuid"),
    "knex.raw": knex(
        "await knex.raw('ALTER TABLE chatbots ALTER COLUMN public_token TYPE uuid');"
        "await knex.raw('ALTER TABLE chatbots ALTER COLUMN public_token SET DEFAULT gen_random_uuid()');"
    ),
    "knex: a column is dropped and made in one callback": knex(
        "await knex.schema.alterTable('chatbots', (t) => { t.dropColumn('public_token');"
        " t.uuid('public_token').notNullable().defaultTo(knex.raw('gen_random_uuid()')); });"
    ),
    "knex: a column is renamed and made in one callback": knex(
        "await knex.schema.table('chatbots', (t) => { t.renameColumn('public_token', 'old_token');"
        " t.uuid('public_token').notNullable().defaultTo(knex.fn.uuid()); });"
    ),
    "knex: the type stays": knex(
        "await knex.schema.alterTable('chatbots', (t) => {"
        " t.uuid('public_token').defaultTo(knex.raw('gen_random_uuid()')).alter({ alterType: false }); });"
    ),
    "node-pg-migrate": pgm(
        "pgm.alterColumn('chatbots', 'public_token', { type: 'uuid', default: pgm.func('gen_random_uuid()') });"
    ),
    "node-pg-migrate, twice": pgm(
        "pgm.alterColumn('chatbots', 'public_token', { type: 'uuid' });"
        "pgm.alterColumn('chatbots', 'public_token', { default: pgm.func('gen_random_uuid()') });"
    ),
    "node-pg-migrate: a text as the default": pgm(
        "pgm.dropColumn('chatbots', 'public_token'); pgm.addColumn('chatbots', { public_token: { type: 'uuid', default:"
        " 'gen_random_uuid()' } });"
    ),
    "sequelize": sequelize(
        "await queryInterface.changeColumn('chatbots', 'public_token', { type: Sequelize.UUID, " + UUID_OF_SEQUELIZE
    ),
    "sequelize by DataTypes": sequelize(
        "await queryInterface.changeColumn('chatbots', 'public_token', { type: DataTypes.UUID, " + UUID_OF_SEQUELIZE
    ),
    "kysely": kysely(
        "await db.schema.alterTable('chatbots').alterColumn('public_token', (c) => c.setDataType('uuid')).execute();"
        "await db.schema.alterTable('chatbots').alterColumn('public_token', (c) => c.setDefault(sql`gen_random_uuid()`)).execute();"
    ),
    "kysely by sql": kysely(
        "await sql`alter table chatbots alter column public_token type uuid`.execute(db);"
        "await sql`alter table chatbots alter column public_token set default gen_random_uuid()`.execute(db);"
    ),
    "typeorm by a query": typeorm(
        "await q.query(`ALTER TABLE chatbots ALTER COLUMN public_token TYPE uuid`);"
        "await q.query(`ALTER TABLE chatbots ALTER COLUMN public_token SET DEFAULT gen_random_uuid()`);"
    ),
}
RUNS = {
    "USING a cast": sql("ALTER TABLE chatbots ALTER COLUMN public_token TYPE uuid USING public_token::uuid"),
    "USING a generator": sql("ALTER TABLE chatbots ALTER COLUMN public_token TYPE uuid USING gen_random_uuid()"),
    "USING a cast of what counts": sql(
        "ALTER TABLE chatbots ALTER COLUMN public_token TYPE uuid USING md5(public_token)::uuid"
    ),
    "USING a case": sql(
        "ALTER TABLE chatbots ALTER COLUMN public_token TYPE uuid USING CASE WHEN public_token ~ '^[0-9a-f-]{36}$'"
        " THEN public_token::uuid ELSE gen_random_uuid() END"
    ),
    "USING nothing": sql("ALTER TABLE chatbots ALTER COLUMN public_token TYPE uuid USING NULL"),
    "USING a literal": sql(
        "ALTER TABLE chatbots ALTER COLUMN public_token TYPE uuid USING 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'"
    ),
    "USING a function of the app": sql(
        "CREATE FUNCTION as_uuid(t text) RETURNS uuid LANGUAGE sql AS 'select md5(t)::uuid';\n"
        "ALTER TABLE chatbots ALTER COLUMN public_token TYPE uuid USING as_uuid(public_token)"
    ),
    "USING uuid-ossp": sql(
        "ALTER TABLE chatbots ALTER COLUMN public_token TYPE uuid USING uuid_generate_v5(uuid_ns_url(), public_token)"
    ),
    "USING nullif": sql(
        "ALTER TABLE chatbots ALTER COLUMN public_token TYPE uuid USING nullif(public_token, '')::uuid"
    ),
    "knex's alter, which says USING": knex(
        "await knex.schema.alterTable('chatbots', (t) => {"
        " t.uuid('public_token').notNullable().defaultTo(knex.raw('gen_random_uuid()')).alter(); });"
    ),
    "knex: two callbacks": knex(
        "await knex.schema.alterTable('chatbots', (t) => { t.dropColumn('public_token'); })"
        ".alterTable('chatbots', (t) => { t.uuid('public_token').notNullable().defaultTo(knex.raw('gen_random_uuid()')); });"
    ),
    "knex: two calls, one after the other": knex(
        "return knex.schema.table('chatbots', (t) => { t.dropColumn('public_token'); }).then(() =>"
        " knex.schema.table('chatbots', (t) => { t.uuid('public_token').defaultTo(knex.fn.uuid()); }));"
    ),
    "knex: made, dropped and renamed in one callback": knex(
        "await knex.schema.alterTable('chatbots', (t) => { t.uuid('new_token').defaultTo(knex.fn.uuid());"
        " t.dropColumn('public_token'); t.renameColumn('new_token', 'public_token'); });"
    ),
    "node-pg-migrate, using": pgm(
        "pgm.alterColumn('chatbots', 'public_token', { type: 'uuid', using: 'public_token::uuid',"
        " default: pgm.func('gen_random_uuid()'), notNull: true });"
    ),
    "sequelize with the clause in the type": sequelize(
        "await queryInterface.changeColumn('chatbots', 'public_token', { type: 'UUID USING public_token::uuid', "
        + UUID_OF_SEQUELIZE
    ),
    "sequelize with a cast in the type": sequelize(
        "await queryInterface.changeColumn('chatbots', 'public_token', { type: 'UUID USING CAST(\"public_token\" AS UUID)', "
        + UUID_OF_SEQUELIZE
    ),
    "sequelize by a query": sequelize(
        "await queryInterface.sequelize.query('ALTER TABLE chatbots ALTER COLUMN public_token TYPE uuid USING public_token::uuid');"
        "await queryInterface.sequelize.query('ALTER TABLE chatbots ALTER COLUMN public_token SET DEFAULT gen_random_uuid()');"
    ),
    "kysely with the clause in the type": kysely(
        "await db.schema.alterTable('chatbots').alterColumn('public_token', (c) => c.setDataType(sql`uuid using public_token::uuid`))"
        ".alterColumn('public_token', (c) => c.setDefault(sql`gen_random_uuid()`)).execute();"
    ),
    "kysely: dropped and made in one": kysely(
        "await db.schema.alterTable('chatbots').dropColumn('public_token')"
        ".addColumn('public_token', 'uuid', (c) => c.notNull().defaultTo(sql`gen_random_uuid()`)).execute();"
    ),
    "typeorm's changeColumn, which drops and adds": typeorm(
        "await q.changeColumn('chatbots', 'public_token', new TableColumn({ name: 'public_token', type: 'uuid',"
        " default: 'gen_random_uuid()' }));"
    ),
}


@pytest.mark.parametrize("shape", REFUSED)
def test_what_postgres_refuses_does_not_change_the_column(shape: str, tmp_path: Path) -> None:
    """The deploy would fail, or leave the text: whichever tool sends it."""
    assert claims_of(tmp_path, REFUSED[shape], "migration") == {"migration": "fail"}


def test_a_column_of_unknown_type_without_using_is_doubtful(tmp_path: Path) -> None:
    """Where no file makes the table: Postgres refuses it for text, and takes it for what is a uuid already."""
    files = {"migrations/0009_uuid.sql": f"ALTER TABLE chatbots ALTER COLUMN public_token TYPE uuid;\n{SET_DEFAULT}"}
    assert claims_of(tmp_path, files, "migration") == {"migration": "unknown"}


@pytest.mark.parametrize("shape", RUNS)
def test_what_postgres_takes_changes_it(shape: str, tmp_path: Path) -> None:
    """Whether it stumbles on what is stored, a preflight says."""
    assert claims_of(tmp_path, RUNS[shape], "migration") == {"migration": "pass"}
