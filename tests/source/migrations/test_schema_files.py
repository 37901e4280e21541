"""Schema files of ORMs, and dumps: what they declare of the token column, and whether that agrees."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from harness.errors import CouldNotTell, NotCovered
from harness.source.checkout import read_checkout
from harness.source.migrations.checkers import wrong_declarations
from harness.source.migrations.reading import read_token
from tests.source.migrations.test_ordering import OLD, RIGHT

if TYPE_CHECKING:
    from pathlib import Path


def judge(root: Path, files: dict[str, str]) -> list[str]:
    """What is wrong with what the files of a checkout declare."""
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text, encoding="utf-8")
    return wrong_declarations(read_token(read_checkout(root), "chatbots", "public_token"))


def drizzle(column: str, before: str = "", table: str = 'pgTable("chatbots", {') -> dict[str, str]:
    """A schema of Drizzle with this property."""
    head = 'import { pgTable, uuid, text, serial, sql } from "drizzle-orm/pg-core";\n'
    ends = "}));" if "({" in table else "});"
    body = f'export const chatbots = {table}\n  id: serial("id"),\n  {column},\n{ends}\n'
    return {"src/db/schema.ts": head + before + body}


def prisma(field: str, mapped: str = '@@map("chatbots")', model: str = "Chatbot") -> dict[str, str]:
    """A schema of Prisma with this field."""
    text = 'datasource db {\n  provider = "postgresql"\n}\n'
    return {"prisma/schema.prisma": f"{text}model {model} {{\n  id Int @id\n  {field}\n\n  {mapped}\n}}\n"}


def typeorm(decorator: str, entity: str = '@Entity("chatbots")') -> dict[str, str]:
    """An entity of TypeORM with this decorator on the token."""
    head = 'import { Column, Entity, Generated, PrimaryGeneratedColumn } from "typeorm";\n'
    body = f"  @PrimaryGeneratedColumn() id!: number;\n  {decorator}\n  publicToken!: string;\n"
    return {"src/entities/Chatbot.ts": f"{head}{entity}\nexport class Chatbot {{\n{body}}}\n"}


def sequelize(column: str, options: str = "{ sequelize, tableName: 'chatbots' }") -> dict[str, str]:
    """A model of Sequelize with this column."""
    head = "const { DataTypes, Sequelize, Model } = require('sequelize');\nclass Chatbot extends Model {}\n"
    return {"models/chatbot.js": f"{head}Chatbot.init({{\n  {column},\n}}, {options});\n"}


AGREE = {
    "drizzle": drizzle('publicToken: uuid("public_token").notNull().unique().defaultRandom()'),
    "drizzle_sql": drizzle('publicToken: uuid("public_token").default(sql`gen_random_uuid()`).notNull()'),
    "drizzle_other_schema": drizzle('t: uuid("public_token").default(sql`extensions.uuid_generate_v4()`)'),
    "drizzle_sql_raw": drizzle('t: uuid("public_token").default(sql.raw("uuid_generate_v4()"))'),
    "drizzle_casing": drizzle("publicToken: uuid().defaultRandom()"),
    "drizzle_snake_key": drizzle("public_token: uuid().defaultRandom().notNull()"),
    "drizzle_callback": drizzle(
        "publicToken: t.uuid().defaultRandom()", table='pgTable("chatbots", (t) => ({'
    ),
    "drizzle_schema": drizzle('t: uuid("public_token").defaultRandom()', table='pgSchema("app").table("chatbots", {'),
    "drizzle_helper": drizzle(
        't: token("public_token").notNull()', "const token = (name: string) => uuid(name).defaultRandom();\n"
    ),
    "drizzle_constant": drizzle("publicToken: token", 'const token = uuid("public_token").defaultRandom();\n'),
    "drizzle_spread": drizzle("...shared", 'const shared = { publicToken: uuid("public_token").defaultRandom() };\n'),
    "drizzle_custom_type": drizzle(
        't: id("public_token").default(sql`gen_random_uuid()`)',
        'const id = customType<{ data: string }>({ dataType() { return "uuid"; } });\n',
    ),
    "drizzle_creator": drizzle(
        't: uuid("public_token").defaultRandom()',
        "const createTable = pgTableCreator((name) => `${name}`);\n",
        'createTable("chatbots", {',
    ),
    "drizzle_expression": drizzle('t: uuid("public_token").default(sql`(gen_random_uuid())::uuid`)'),
    "prisma": prisma('t String @unique @default(dbgenerated("gen_random_uuid()")) @map("public_token") @db.Uuid'),
    "prisma_snake": prisma('public_token String @default(dbgenerated("uuid_generate_v4()")) @db.Uuid // text'),
    "prisma_named": prisma('t String @db.Uuid @default(dbgenerated("gen_random_uuid()")) @map(name: "public_token")'),
    "prisma_model_is_the_table": prisma(
        'public_token String @default(dbgenerated("gen_random_uuid()")) @db.Uuid', "", "chatbots"
    ),
    "prisma_several_files": {
        **prisma('public_token String @default(dbgenerated("gen_random_uuid()")) @db.Uuid'),
        "prisma/user.prisma": "model User {\n  public_token String\n  @@map(\"users\")\n}\n",
    },
    "typeorm": typeorm("@Column({ name: 'public_token', type: 'uuid', default: () => 'gen_random_uuid()' })"),
    "typeorm_first_argument": typeorm('@Column("uuid", { name: "public_token", default: () => "uuid_generate_v4()" })'),
    "typeorm_generated": typeorm("@Column({ name: 'public_token' })\n  @Generated('uuid')"),
    "typeorm_generated_option": typeorm("@Column({ type: 'uuid', generated: 'uuid' })"),
    "typeorm_named_entity": typeorm("@Column({ type: 'uuid', generated: 'uuid' })", '@Entity({ name: "chatbots" })'),
    "mikro_orm": {
        "src/Chatbot.ts": 'import { Entity, Property } from "@mikro-orm/core";\n@Entity({ tableName: "chatbots" })\n'
        'export class Chatbot {\n  @Property({ type: "uuid", defaultRaw: "gen_random_uuid()" })\n'
        "  publicToken!: string;\n}\n"
    },
    "sequelize": sequelize(
        "public_token: { type: DataTypes.UUID, allowNull: false, defaultValue: Sequelize.literal('gen_random_uuid()') }"
    ),
    "sequelize_fn": sequelize("publicToken: { type: DataTypes.UUID, defaultValue: sequelize.fn('gen_random_uuid') }"),
    "sequelize_field": sequelize(
        "token: { field: 'public_token', type: DataTypes.UUID, defaultValue: literal('uuid_generate_v4()') }"
    ),
    "sequelize_define": {
        "models/chatbot.js": "module.exports = (sequelize, DataTypes) => sequelize.define('Chatbot', { public_token:{\n"
        "  type: DataTypes.UUID, defaultValue: sequelize.literal('gen_random_uuid()') } }, { underscored: true });\n"
    },
    "dump": {"migrations/1.sql": OLD, "migrations/2.sql": RIGHT, "db/schema.sql": OLD + RIGHT},
    "structure": {
        "db/migrate/1.sql": OLD,
        "db/structure.sql": "SELECT pg_catalog.set_config('search_path', '', false);\nCREATE TABLE public.chatbots (\n"
        "    id bigint NOT NULL,\n    public_token uuid DEFAULT gen_random_uuid() NOT NULL\n);\n"
        "ALTER TABLE ONLY public.chatbots\n    ADD CONSTRAINT k UNIQUE (public_token);\n",
    },
    "made_by_code": {
        "src/db.ts": "await pool.query(`CREATE TABLE IF NOT EXISTS chatbots (\n  id serial,\n"
        "  public_token uuid NOT NULL DEFAULT gen_random_uuid()\n)`);\n"
    },
}  # fmt: skip


@pytest.mark.parametrize("case", AGREE)
def test_schema_file_agrees(case: str, tmp_path: Path) -> None:
    """It declares a uuid that Postgres makes."""
    assert judge(tmp_path, AGREE[case]) == []


@pytest.mark.parametrize("case", AGREE)
def test_schema_file_with_another_generator_does_not(case: str, tmp_path: Path) -> None:
    """The same file, saying version 1 or nothing: the column was found for certain."""
    changes = (
        ("gen_random_uuid", "uuid_generate_v1"), ("uuid_generate_v4", "uuid_generate_v1"),
        (".defaultRandom()", ""), ("generated: 'uuid'", ""), ("@Generated('uuid')", ""),
    )  # fmt: skip
    files = {}
    for path, text in AGREE[case].items():
        for old, new in changes:
            text = text.replace(old, new)
        files[path] = text
    found = judge(tmp_path, files)
    assert found
    assert all("no default" in line or "uuid_generate_v1()" in line for line in found)


DISAGREE = {
    "drizzle_text": (drizzle('publicToken: text("public_token").notNull()'), "(type text, no default)"),
    "drizzle_no_default": (drizzle('publicToken: uuid("public_token").notNull()'), "(no default)"),
    "drizzle_fn": (
        drizzle('publicToken: uuid("public_token").$defaultFn(() => crypto.randomUUID())'),
        "the app makes the value: $defaultFn(() => crypto.randomUUID())",
    ),
    "drizzle_both": (
        drizzle('publicToken: uuid("public_token").defaultRandom().$defaultFn(() => nanoid())'),
        "the app makes the value: $defaultFn(() => nanoid())",
    ),
    "drizzle_old_fn": (drizzle('t: uuid("public_token").$default(newId)'), "the app makes the value: $default(newId)"),
    "drizzle_constant": (drizzle('t: uuid("public_token").default(crypto.randomUUID())'), "the app makes the value"),
    "drizzle_md5": (drizzle('t: uuid("public_token").default(sql`md5(random()::text)::uuid`)'), "default md5(random()"),
    "prisma_text": (prisma('publicToken String @map("public_token")'), "(type text, no default)"),
    "prisma_uuid": (
        prisma('public_token String @default(uuid()) @db.Uuid'),
        "the app makes the value: @default(uuid()) is made by Prisma's client",
    ),
    "prisma_uuid_4": (prisma('public_token String @default(uuid(4)) @db.Uuid'), "@default(uuid(4)) is made by"),
    "prisma_cuid": (prisma('public_token String @default(cuid())'), "@default(cuid()) is made by Prisma's client"),
    "prisma_nanoid": (prisma('public_token String @default(nanoid(8))'), "@default(nanoid(8)) is made by"),
    "prisma_no_native_type": (
        prisma('public_token String @default(dbgenerated("gen_random_uuid()"))'), "(type text)"
    ),
    "typeorm_text": (typeorm("@Column({ name: 'public_token' })"), "(type character varying, no default)"),
    "typeorm_no_default": (typeorm("@Column('uuid')"), "(no default)"),
    "typeorm_constant": (typeorm("@Column({ type: 'uuid', default: 'x' })"), "(default 'x')"),
    "sequelize_v4": (
        sequelize("public_token: { type: DataTypes.UUID, defaultValue: DataTypes.UUIDV4 }"),
        "the app makes the value: DataTypes.UUIDV4",
    ),
    "sequelize_function": (
        sequelize("public_token: { type: DataTypes.UUID, defaultValue: () => randomUUID() }"),
        "the app makes the value: () => randomUUID()",
    ),
    "sequelize_string": (sequelize("public_token: { type: DataTypes.STRING(8) }"), "(type varchar(8), no default)"),
    "sequelize_bare": (sequelize("public_token: DataTypes.STRING"), "(type varchar(255), no default)"),
    "dump": (
        {"migrations/1.sql": OLD, "migrations/2.sql": RIGHT, "schema.sql": OLD},
        "schema.sql:1: CREATE TABLE chatbots (id",
    ),
    "made_by_code": (
        {"migrations/1.sql": OLD, "migrations/2.sql": RIGHT, "src/db.js": f"await pool.query(`{OLD}`);\n"},
        "(type varchar(8), no default)",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", DISAGREE)
def test_schema_file_disagrees(case: str, tmp_path: Path) -> None:
    """One finding, with file, line, text and what is wrong with it."""
    files, said = DISAGREE[case]
    found = judge(tmp_path, files)
    assert len(found) == 1
    assert said in found[0]
    assert found[0].split(":")[0] in files
    assert found[0].split(":")[1].isdecimal()


NOTHING = {
    "none": {"src/app.js": "db.query('SELECT public_token FROM chatbots')"},
    "another_table": drizzle('publicToken: text("public_token")', table='pgTable("users", {'),
    "another_column": drizzle('publicToken: text("legacy_token")'),
    "types_of_kysely": {"src/db.ts": "export interface Database { chatbots: { public_token: Generated<string> } }"},
    "mysql": {"s.ts": 'import { t } from "drizzle-orm/mysql-core";\nt.table("chatbots", { public_token: text() });'},
    "prisma_comment": prisma("// public_token String @default(cuid())"),
    "prisma_another_model": prisma("public_token String @default(cuid())", '@@map("users")'),
    "base_that_migrations_alter": {"db/init.sql": OLD, "migrations/1.sql": RIGHT},
    "in_a_test": {"tests/schema.sql": OLD, "app.js": "chatbots"},
}  # fmt: skip


@pytest.mark.parametrize("case", NOTHING)
def test_nothing_is_declared(case: str, tmp_path: Path) -> None:
    """No schema file of Postgres declares this column, so that the claim is not covered."""
    with pytest.raises(NotCovered, match=r"no schema file declares chatbots\.public_token"):
        judge(tmp_path, NOTHING[case])


@pytest.mark.parametrize(
    "files",
    [
        drizzle("publicToken: tokenColumn('public_token').notNull()", 'import { tokenColumn } from "./columns";\n'),
        drizzle('publicToken: uuid("public_token").default(generator)', 'import { generator } from "./columns";\n'),
        prisma("public_token String @default(dbgenerated()) @db.Uuid"),
    ],
)
def test_what_stands_elsewhere_is_not_guessed(files: dict[str, str], tmp_path: Path) -> None:
    """Where type or default are imported, nothing is claimed."""
    with pytest.raises(CouldNotTell, match=r"not understood of what is declared: .*:\d+: ") as told:
        judge(tmp_path, files)
    assert told.value.remedy


@pytest.mark.parametrize("made", ["export const token = () => {made};", "export function token() {{ return {made}; }}"])
def test_a_helper_of_another_file_is_followed(made: str, tmp_path: Path) -> None:
    """As one of the same file is."""
    imports = 'import { token } from "./columns";\n'
    right = {"src/db/columns.ts": made.format(made='uuid("public_token").defaultRandom()')}
    wrong = {"src/db/columns.ts": made.format(made='text("public_token")')}
    assert judge(tmp_path / "right", {**drizzle("publicToken: token().notNull()", imports), **right}) == []
    found = judge(tmp_path / "wrong", {**drizzle("publicToken: token().notNull()", imports), **wrong})
    assert found == ["src/db/schema.ts:5: publicToken: token().notNull() (type text, no default)"]


def test_an_entity_may_be_an_abstract_class(tmp_path: Path) -> None:
    """Which the entities of several tables extend, of one that is named."""
    files = typeorm('@Column({ name: "public_token", type: "varchar" })')
    files["src/entities/Chatbot.ts"] = files["src/entities/Chatbot.ts"].replace("export class", "export abstract class")
    assert len(judge(tmp_path, files)) == 1
