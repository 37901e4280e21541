"""All tables of a checkout: what migrations leave, and what schema files declare."""

from __future__ import annotations

import pytest

from harness.source.checkout import SOURCE
from harness.source.javascript.program import opened
from harness.source.migrations.tables import SourceTable, read_tables
from tests.support.apps import checkout_of


def tables(files: dict[str, str]) -> dict[str, SourceTable]:
    """The tables of a checkout with these files, by their names."""
    checkout = checkout_of(files)
    with opened(checkout.of(*SOURCE)) as program:
        return {table.name: table for table in read_tables(checkout, program)}


def shown(table: SourceTable) -> list[str]:
    """Each column with what an INSERT must know: ! where it must be named, * where it is the primary key."""
    return [f"{c.name}{'!' if c.not_null and not c.filled else ''}{'*' if c.primary else ''}" for c in table.columns]


@pytest.mark.parametrize(
    ("files", "name", "columns"),
    [
        (
            {"migrations/1.sql": "create table a (id serial primary key, b text not null, c int not null default 1, d text);"},
            "a",
            ["id*", "b!", "c", "d"],
        ),
        (
            {"migrations/1.sql": "create table a (id int, b text);", "migrations/2.sql": "alter table a add c text not null; alter table a drop b;"},
            "a",
            ["id", "c!"],
        ),
        ({"schema.sql": "create table app.a (id bigint generated always as identity, primary key (id));"}, "app.a", ["id*"]),
        (
            {"migrations/1_a.js": "exports.up = (knex) => knex.schema.createTable('a', (t) => { t.increments('id'); t.string('b').notNullable(); t.timestamp('c').notNullable().defaultTo(knex.fn.now()); });"},
            "a",
            ["id", "b!", "c"],
        ),
        (
            {"db/schema.ts": "import { pgSchema, serial, text } from 'drizzle-orm/pg-core'; const s = pgSchema('app'); export const a = s.table('a', { id: serial('id').primaryKey(), b: text('b_b').notNull() });"},
            "app.a",
            ["id*", "b_b!"],
        ),
        (
            {"schema.prisma": 'datasource db {\n provider = "postgresql"\n}\nmodel A {\n  id Int @id\n  b String\n  c C[]\n  @@schema("app")\n}\nmodel C {\n  id Int @id\n}\n'},
            "app.A",
            ["id!*", "b!"],
        ),
        (
            {"a.entity.ts": "import { Entity, Column, PrimaryGeneratedColumn } from 'typeorm'; @Entity({ name: 'a', schema: 'app' }) export class A { @PrimaryGeneratedColumn() id: number; @Column({ name: 'b_b' }) b: string; }"},
            "app.a",
            ["id*", "b_b"],
        ),
    ],
)  # fmt: skip
def test_a_table_is_known_with_its_columns(files: dict[str, str], name: str, columns: list[str]) -> None:
    """As the database would have it."""
    assert shown(tables(files)[name]) == columns


def test_what_is_no_table_is_none() -> None:
    """A call with a text and an object, in a file that speaks of Drizzle."""
    code = "import { pgTable } from 'drizzle-orm/pg-core'; request('/api', { publicToken: make() }); post('/x', { public_token: f() });"
    assert tables({"src/a.ts": code}) == {}


def test_a_name_that_an_orm_makes_is_not_guessed() -> None:
    """Its rules are its own: the table and the column have none here."""
    code = "import { Entity, Column } from 'typeorm'; @Entity() export class Bot { @Column() publicToken: string; }"
    (table,) = tables({"src/bot.ts": code}).values()
    assert (table.name, table.columns[0].name, table.columns[0].key) == ("", "", "publicToken")


def test_the_app_s_names_are_those_of_its_schema_file() -> None:
    """Beside migrations, which have the word on the columns; where two schema files differ, none has."""
    migration = {"migrations/1.sql": "create table bots (id serial primary key, public_token uuid, a_b text);"}
    drizzle = "import { pgTable, uuid, text } from 'drizzle-orm/pg-core'; export const bots = pgTable('bots', { KEY: uuid('public_token'), aB: text('a_b') });"
    one = tables({**migration, "src/a.ts": drizzle.replace("KEY", "token")})["bots"]
    assert [column.key for column in one.columns] == ["", "token", "aB"]
    two = tables(
        {**migration, "src/a.ts": drizzle.replace("KEY", "token"), "src/b.ts": drizzle.replace("KEY", "other")}
    )["bots"]
    assert [column.key for column in two.columns] == ["", "", "aB"]
