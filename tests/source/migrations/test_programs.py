"""Migrations that are programs: what Knex, node-pg-migrate, Sequelize, TypeORM, Kysely and others make of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from harness.errors import CouldNotTell
from tests.source.migrations.test_ordering import BACK, OLD, RIGHT, judge

if TYPE_CHECKING:
    from pathlib import Path

# Each file with the path that its tool expects; {default} and {type} are what is varied below.
KNEX_OLD = """exports.up = (knex) => knex.schema.createTable('chatbots', (table) => {
  table.increments('id').primary();
  table.string('public_token', 8).notNullable().unique();
  table.timestamps(true, true);
});
exports.down = (knex) => knex.schema.dropTable('chatbots');
"""
SEQUELIZE_OLD = """module.exports = {
  up: async (queryInterface, Sequelize) => {
    await queryInterface.createTable('chatbots', {
      id: { type: Sequelize.INTEGER, primaryKey: true, autoIncrement: true },
      public_token: { type: Sequelize.STRING(8), allowNull: false, unique: true },
    });
  },
  down: async (queryInterface) => { await queryInterface.dropTable('chatbots'); },
};
"""
PGM_OLD = """exports.shorthands = undefined;
exports.up = (pgm) => {
  pgm.createTable('chatbots', { id: 'id', public_token: { type: 'varchar(8)', notNull: true, unique: true } });
};
exports.down = (pgm) => { pgm.dropTable('chatbots'); };
"""
KYSELY_OLD = """import { Kysely, sql } from 'kysely'
export async function up(db: Kysely<any>): Promise<void> {
  await db.schema.createTable('chatbots')
    .addColumn('id', 'serial', (col) => col.primaryKey())
    .addColumn('public_token', 'varchar(8)', (col) => col.notNull().unique())
    .execute()
}
export async function down(db: Kysely<any>): Promise<void> { await db.schema.dropTable('chatbots').execute() }
"""
TYPEORM_OLD = """import { MigrationInterface, QueryRunner, Table } from "typeorm";
export class Init1690000000000 implements MigrationInterface {
  public async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.createTable(new Table({ name: "chatbots", columns: [
      { name: "id", type: "int", isPrimary: true, isGenerated: true, generationStrategy: "increment" },
      { name: "public_token", type: "varchar", length: "8", isUnique: true },
    ] }), true);
  }
  public async down(queryRunner: QueryRunner): Promise<void> { await queryRunner.dropTable("chatbots"); }
}
"""
PROGRAMS: dict[str, dict[str, str]] = {
    "knex_builder": {
        "migrations/20240101_a.js": KNEX_OLD,
        "migrations/20250101_b.js": """exports.up = async function (knex) {
  await knex.schema.alterTable('chatbots', (table) => {
    table.uuid('public_token').notNullable().defaultTo(knex.raw('gen_random_uuid()')).alter();
  });
};
exports.down = async function (knex) {
  await knex.schema.alterTable('chatbots', (table) => { table.string('public_token', 8).notNullable().alter(); });
};
""",
    },
    "knex_raw": {
        "migrations/20240101_a.js": KNEX_OLD,
        "migrations/20250101_b.js": f"exports.up = (knex) => knex.raw(`{RIGHT}`);\n"
        f"exports.down = (knex) => knex.raw(`{BACK}`);",
    },
    "knex_schema_raw_in_typescript": {
        "src/db/migrations/20240101_a.ts": KNEX_OLD.replace("exports.", "export const "),
        "src/db/migrations/20250101_b.ts": f"""import type {{ Knex }} from "knex";
export async function up(knex: Knex): Promise<void> {{
  await knex.schema.raw(`{RIGHT}`);
}}
export async function down(knex: Knex): Promise<void> {{ await knex.schema.raw(`{BACK}`); }}
""",
    },
    "knex_bindings": {
        "migrations/20240101_a.js": KNEX_OLD,
        "migrations/20250101_b.js": """exports.up = async (knex) => {
  await knex.raw('ALTER TABLE ?? ALTER COLUMN ?? TYPE uuid USING gen_random_uuid()', ['chatbots', 'public_token']);
  await knex.raw('ALTER TABLE :t: ALTER COLUMN :c: SET DEFAULT gen_random_uuid()', {
    t: 'chatbots', c: 'public_token',
  });
};
""",
    },
    "knex_new_column": {
        "migrations/20240101_a.js": KNEX_OLD,
        "migrations/20250101_b.js": """exports.up = async (knex) => {
  await knex.schema.table('chatbots', (t) => { t.uuid('token_new').notNullable().defaultTo(knex.fn.uuid()); });
  await knex.schema.table('chatbots', (t) => { t.dropColumn('public_token'); });
  await knex.schema.table('chatbots', (t) => { t.renameColumn('token_new', 'public_token'); });
};
""",
    },
    "knex_recreates": {
        "migrations/20240101_a.js": KNEX_OLD,
        "migrations/20250101_b.js": """exports.up = (knex) => knex.schema
  .dropTableIfExists('chatbots')
  .createTable('chatbots', function (t) {
    t.bigIncrements();
    t.specificType('public_token', 'uuid').defaultTo(knex.raw('uuid_generate_v4()'));
  });
""",
    },
    "knex_helper": {
        "migrations/20240101_a.js": KNEX_OLD,
        "migrations/20250101_b.js": f"""const TABLE = 'chatbots';
const SET_TYPE = `ALTER TABLE ${{TABLE}} ALTER COLUMN public_token TYPE uuid USING null`;
async function change(knex) {{
  await knex.raw(SET_TYPE);
  await knex.raw("ALTER TABLE " + TABLE + " ALTER public_token SET DEFAULT gen_random_uuid()");
}}
exports.up = async (knex) => {{ await knex.transaction(async (trx) => {{ await change(trx); }}); }};
exports.down = async (knex) => {{ await knex.raw(`{BACK}`); }};
""",
    },
    "node_pg_migrate": {
        "migrations/1690000000000_a.js": PGM_OLD,
        "migrations/1700000000000_b.js": """exports.up = (pgm) => {
  pgm.alterColumn('chatbots', 'public_token', { default: null });
  pgm.alterColumn('chatbots', 'public_token', { type: 'uuid', using: 'gen_random_uuid()' });
  pgm.alterColumn('chatbots', 'public_token', { default: pgm.func('gen_random_uuid()'), notNull: true });
};
exports.down = (pgm) => { pgm.alterColumn('chatbots', 'public_token', { type: 'text', default: null }); };
""",
    },
    "node_pg_migrate_new_column": {
        "migrations/1690000000000_a.js": PGM_OLD,
        "migrations/1700000000000_b.ts": """import { MigrationBuilder, PgLiteral } from "node-pg-migrate";
export async function up(pgm: MigrationBuilder): Promise<void> {
  pgm.dropColumns({ schema: "public", name: "chatbots" }, ["public_token"]);
  pgm.addColumns("chatbots", { public_token: { type: "uuid", default: new PgLiteral("gen_random_uuid()") } });
}
""",
    },
    "node_pg_migrate_sql": {
        "migrations/1690000000000_a.js": PGM_OLD,
        "migrations/1700000000000_b.mjs": f"export const up = (pgm) => {{ pgm.sql(`{RIGHT}`); }};",
    },
    "sequelize": {
        "migrations/20240101-a.js": SEQUELIZE_OLD,
        "migrations/20250101-b.js": """module.exports = {
  async up(queryInterface, Sequelize) {
    await queryInterface.changeColumn('chatbots', 'public_token', {
      type: 'UUID USING public_token::uuid', allowNull: false, defaultValue: Sequelize.literal('gen_random_uuid()'),
    });
  },
  async down(queryInterface, Sequelize) {
    await queryInterface.changeColumn('chatbots', 'public_token', { type: Sequelize.STRING(8) });
  },
};
""",
    },
    "sequelize_query": {
        "migrations/20240101-a.js": SEQUELIZE_OLD,
        "migrations/20250101-b.js": f"""module.exports = {{
  up: (queryInterface) => queryInterface.sequelize.transaction(async (transaction) => {{
    await queryInterface.sequelize.query(`{RIGHT}`, {{ transaction }});
  }}),
  down: (queryInterface) => queryInterface.sequelize.query(`{BACK}`),
}};
""",
    },
    "sequelize_new_column": {
        "migrations/20240101-a.js": SEQUELIZE_OLD,
        "migrations/20250101-b.js": """module.exports = { up: async ({ context: queryInterface }) => {
  await queryInterface.removeColumn('chatbots', 'public_token');
  await queryInterface.addColumn('chatbots', 'public_token', {
    type: DataTypes.UUID, defaultValue: sequelize.fn('gen_random_uuid'),
  });
} };
""",
    },
    "typeorm_query": {
        "src/migrations/1690000000000-Init.ts": TYPEORM_OLD,
        "src/migrations/1700000000000-Uuid.ts": """import { MigrationInterface, QueryRunner } from "typeorm";
export class Uuid1700000000000 implements MigrationInterface {
  name = 'Uuid1700000000000'
  public async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`ALTER TABLE "chatbots" DROP COLUMN "public_token"`);
    await queryRunner.query(`ALTER TABLE "chatbots" ADD "public_token" uuid NOT NULL DEFAULT uuid_generate_v4()`);
  }
  public async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`ALTER TABLE "chatbots" DROP COLUMN "public_token"`);
    await queryRunner.query(`ALTER TABLE "chatbots" ADD "public_token" character varying(8) NOT NULL`);
  }
}
""",
    },
    "typeorm_builder": {
        "src/migration/Init.ts": TYPEORM_OLD,
        "src/migration/Another.ts": """import { MigrationInterface, QueryRunner, TableColumn } from "typeorm";
export class Another1700000000000 implements MigrationInterface {
  public async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.changeColumn("chatbots", "public_token", new TableColumn({
      name: "public_token", type: "uuid", isUnique: true, default: "gen_random_uuid()",
    }));
  }
  public async down(): Promise<void> {}
}
""",
    },
    "typeorm_columns": {
        "src/migration/Init.ts": TYPEORM_OLD,
        "src/migration/Another.ts": """import { MigrationInterface, QueryRunner, TableColumn } from "typeorm";
export class Another1700000000000 implements MigrationInterface {
  public async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.dropColumns("chatbots", ["public_token"]);
    await queryRunner.addColumns("chatbots", [
      new TableColumn({ name: "public_token", type: "uuid", default: "gen_random_uuid()" }),
    ]);
  }
}
""",
    },
    "kysely": {
        "migrations/2024-01-01_a.ts": KYSELY_OLD,
        "migrations/2025-01-01_b.ts": """import { Kysely, sql } from 'kysely'
export async function up(db: Kysely<any>): Promise<void> {
  await db.schema.alterTable('chatbots')
    .alterColumn('public_token', (col) => col.setDataType(sql`uuid using gen_random_uuid()`)).execute()
  await db.schema.alterTable('chatbots')
    .alterColumn('public_token', (col) => col.setDefault(sql`gen_random_uuid()`)).execute()
}
export async function down(db: Kysely<any>): Promise<void> {
  await db.schema.alterTable('chatbots').alterColumn('public_token', (col) => col.dropDefault()).execute()
}
""",
    },
    "kysely_sql": {
        "migrations/2024-01-01_a.ts": KYSELY_OLD,
        "migrations/2025-01-01_b.ts": f"export const up = async (db) => {{ await sql`{RIGHT}`.execute(db) }}\n",
    },
    "mikro_orm": {
        "migrations/Migration20240101000000.ts": f"class A extends Migration {{\n"
        f"async up() {{ this.addSql('{OLD.strip()}'); }} }}",
        "migrations/Migration20250101000000.ts": f"class B extends Migration {{\n"
        f"  async up() {{ this.addSql(`{RIGHT}`); }}\n"
        f"  override async down() {{ this.addSql(`{BACK}`); }} }}",
    },
    "statements_in_a_list": {
        "migrations/20240101_a.js": KNEX_OLD,
        "migrations/20250101_b.js": """const STATEMENTS = [
  'ALTER TABLE chatbots ALTER public_token TYPE uuid USING null',
  'ALTER TABLE chatbots ALTER public_token SET DEFAULT gen_random_uuid()',
];
exports.up = async (knex) => { for (const statement of STATEMENTS) await knex.raw(statement); };
""",
    },
    "lines_that_are_joined": {
        "migrations/20240101_a.js": KNEX_OLD,
        "migrations/20250101_b.js": """exports.up = (knex) => knex.raw([
  'ALTER TABLE chatbots ALTER public_token TYPE uuid USING null,',
  '  ALTER public_token SET DEFAULT gen_random_uuid()',
].join('\\n'));
""",
    },
    "db_migrate": {
        "migrations/20240101-a.js": "exports.up = (db) => run(path.join(__dirname, 'sqls', '20240101-a-up.sql'));",
        "migrations/sqls/20240101-a-up.sql": OLD, "migrations/sqls/20240101-a-down.sql": "DROP TABLE chatbots;",
        "migrations/20250101-b.js": "exports.up = (db) => run(path.join(__dirname, 'sqls', '20250101-b-up.sql'));\n"
        "exports.down = (db) => run(path.join(__dirname, 'sqls', '20250101-b-down.sql'));",
        "migrations/sqls/20250101-b-up.sql": RIGHT, "migrations/sqls/20250101-b-down.sql": BACK,
    },
    "a_runner_of_ones_own": {
        "migrations/001.sql": OLD,
        "server/migrate.ts": f"export async function migrate(pool: Pool) {{\n  await pool.query(`{RIGHT}`);\n}}\n",
    },
    "a_list_of_migrations": {
        "src/migrations.ts": f"export const migrations = [\n  {{ id: 1, up: `{OLD}`, down: `DROP TABLE chatbots` }},\n"
        f"  {{ id: 2, up: `{RIGHT}`, down: `{BACK}` }},\n];\n",
    },
}  # fmt: skip


def without_change(case: str) -> dict[str, str]:
    """The files of a case with another column in the last of them."""
    files = dict(PROGRAMS[case])
    last = [path for path in files if not path.endswith(("a.js", "a.ts", "Init.ts", "001.sql"))]
    for path in last:
        if "a-up" not in path and "20240101" not in path:
            files[path] = files[path].replace("public_token", "other_token")
    return files


@pytest.mark.parametrize("case", PROGRAMS)
def test_program_leaves_a_uuid(case: str, tmp_path: Path) -> None:
    """What its way up sends is understood."""
    assert judge(tmp_path, PROGRAMS[case]) == []


CHANGES = sorted(set(PROGRAMS) - {"a_list_of_migrations", "knex_recreates"})


@pytest.mark.parametrize("case", CHANGES)
def test_program_without_its_change_is_wrong(case: str, tmp_path: Path) -> None:
    """The first migration alone leaves the old column, and its line is named."""
    found = judge(tmp_path, without_change(case))
    assert "which leaves chatbots.public_token with type varchar(8), no default" in found
    assert ":" in found[0]


@pytest.mark.parametrize("case", [case for case in CHANGES if "_raw" not in case])
def test_program_with_another_default_is_wrong(case: str, tmp_path: Path) -> None:
    """A generator of version 1 is none of version 4, however it is said."""
    files = {}
    for path, text in PROGRAMS[case].items():
        changed = text.replace("gen_random_uuid", "uuid_generate_v1").replace("uuid_generate_v4", "uuid_generate_v1")
        files[path] = changed.replace("knex.fn.uuid()", "knex.raw('uuid_generate_v1()')")
    found = judge(tmp_path, files)
    assert found[-1] == "which leaves chatbots.public_token with default uuid_generate_v1()"


@pytest.mark.parametrize(
    "up",
    [
        "await knex.raw(`ALTER TABLE chatbots ALTER COLUMN public_token TYPE ${kind()}`)",
        "for (const t of tables) await knex.raw(`ALTER TABLE ${t} ALTER COLUMN public_token TYPE text`)",
        "for (const [t, c] of [['chatbots', 'public_token']]) await knex.raw(`ALTER TABLE ${t} ALTER ${c} TYPE text`)",
        "await knex.schema.alterTable(tableOf('chatbots'), (t) => { t.text('x').alter(); })",
        "await alterColumns(pgm, { chatbots: ['public_token'] })",
        "await knex.schema.alterTable('chatbots', (t) => { t.uuid(nameOf('public_token')).alter(); })",
        "await knex.schema.alterTable('chatbots', (t) => { t.uuid('public_token').defaultTo(of(t)).alter(); })",
        "pgm.alterColumn('chatbots', 'public_token', options)",
        "await queryRunner.changeColumn('chatbots', 'public_token', columnOf('public_token'))",
    ],
)
def test_what_a_program_puts_together_is_not_guessed(up: str, tmp_path: Path) -> None:
    """It could not tell, and the line is named."""
    program = f"exports.up = async (knex, pgm) => {{\n  {up};\n}};\n"
    with pytest.raises(CouldNotTell, match=r"migrations/20250101_b\.js:2|not understood"):
        judge(tmp_path, {"migrations/20240101_a.js": KNEX_OLD, "migrations/20250101_b.js": program})


def test_code_that_is_nested_too_deeply_is_said(tmp_path: Path) -> None:
    """Rather than that the harness fails: nobody writes such a migration by hand."""
    program = f"exports.up = (knex) => alterAll('chatbots', {'[' * 3000}{']' * 3000});"
    with pytest.raises(CouldNotTell, match="nested too deeply to be read"):
        judge(tmp_path, {"migrations/20240101_a.js": KNEX_OLD, "migrations/20250101_b.js": program})


def test_a_token_that_is_made_once_is_a_constant(tmp_path: Path) -> None:
    """`defaultTo(randomUUID())` is evaluated when the migration runs."""
    up = "t.uuid('public_token').defaultTo(randomUUID()).alter()"
    program = f"exports.up = (knex) => knex.schema.alterTable('chatbots', (t) => {{ {up}; }});"
    found = judge(tmp_path, {"migrations/20240101_a.js": KNEX_OLD, "migrations/20250101_b.js": program})
    assert found[-1] == "which leaves chatbots.public_token with default 'randomUUID()'"


def test_alter_of_knex_says_the_column_anew(tmp_path: Path) -> None:
    """A later alter() that does not repeat the default drops it."""
    later = "exports.up = (k) => k.schema.alterTable('chatbots', (t) => { t.uuid('public_token').alter(); });"
    found = judge(tmp_path, {**PROGRAMS["knex_builder"], "migrations/20260101_c.js": f"// knex\n{later}"})
    assert found[-1] == "which leaves chatbots.public_token with no default"
    assert found[0].startswith("migrations/20260101_c.js:2: t.uuid('public_token').alter()")


def test_knex_sorts_names_as_text(tmp_path: Path) -> None:
    """10 runs before 2, as it would."""
    right = PROGRAMS["knex_builder"]["migrations/20250101_b.js"]
    back = "exports.up = (knex) => knex.schema.alterTable('chatbots', (t) => { t.text('public_token').alter(); });"
    files = {"migrations/1_a.js": KNEX_OLD, "migrations/10_b.js": right, "migrations/2_c.js": back}
    assert judge(tmp_path, files)[-1] == "which leaves chatbots.public_token with type text, no default"


def test_a_column_that_may_be_there_is_not_added_again(tmp_path: Path) -> None:
    """What `if (!(await knex.schema.hasColumn(..)))` guards does nothing to a column that an earlier migration made."""
    add = "await knex.schema.table('chatbots', (t) => { t.uuid('public_token').defaultTo(knex.fn.uuid()); });"
    guard = "!(await knex.schema.hasColumn('chatbots', 'public_token'))"
    program = f"exports.up = async (knex) => {{ if ({guard}) {{ {add} }} }};"
    found = judge(tmp_path, {"migrations/20240101_a.js": KNEX_OLD, "migrations/20250101_b.js": program})
    assert "which leaves chatbots.public_token with type varchar(8), no default" in found


RIGHT_ALREADY = """exports.up = (knex) => knex.schema.createTable('chatbots', (t) => {
  t.uuid('public_token').notNullable().defaultTo(knex.raw('gen_random_uuid()'));
});
"""


@pytest.mark.parametrize(
    "up",
    [
        "knex.schema.alterTable('chatbots', (t) => { t.unique(['public_token']); })",
        "knex.schema.alterTable('chatbots', (t) => { t.index('name'); t.dropUnique(['public_token'], 'old'); })",
        "knex.schema.table('chatbots', (t) => { t.foreign('owner_id').references('users.id'); t.timestamps(true); })",
        "knex.raw('CREATE UNIQUE INDEX CONCURRENTLY i ON chatbots (public_token)')",
        "queryInterface.addIndex('chatbots', { fields: ['public_token'], unique: true })",
        "pgm.createIndex('chatbots', ['public_token'], { unique: true })",
        "pgm.createConstraint('chatbots', 'u', { unique: ['public_token'] })",
        "pgm.dropConstraint('chatbots', 'u')",
        "db.schema.createIndex('i').on('chatbots').column('public_token').unique().execute()",
        "db.schema.alterTable('chatbots').addUniqueConstraint('u', ['public_token']).execute()",
        "queryRunner.createIndex('chatbots', new TableIndex({ columnNames: ['public_token'], isUnique: true }))",
        "queryRunner.createForeignKey('chatbots', new TableForeignKey({ columnNames: ['owner_id'] }))",
    ],
)
def test_indexes_and_constraints_leave_the_column_alone(up: str, tmp_path: Path) -> None:
    """A migration of nothing else is understood."""
    program = f"exports.up = async (knex, pgm, queryInterface, queryRunner, db) => {{\n  await {up};\n}};\n"
    assert judge(tmp_path, {"migrations/1_a.js": RIGHT_ALREADY, "migrations/2_b.js": program}) == []


@pytest.mark.parametrize(
    "up",
    [
        "knex.schema.alterTable('chatbots', (t) => { t.unique(['public_token']); t.frobnicate('public_token'); })",
        "knex.schema.alterTable('chatbots', (t) => { t.unique(['public_token']); alterToken(t); })",
        "pgm.createIndex('chatbots', 'public_token'), alterColumns(pgm, 'chatbots')",
    ],
)
def test_an_index_does_not_hide_what_is_not_understood(up: str, tmp_path: Path) -> None:
    """Whatever else a migration does."""
    program = f"exports.up = async (knex, pgm) => {{\n  await {up};\n}};\n"
    with pytest.raises(CouldNotTell, match="nothing of it was understood"):
        judge(tmp_path, {"migrations/1_a.js": RIGHT_ALREADY, "migrations/2_b.js": program})


@pytest.mark.parametrize(
    "up",
    [
        "knex.schema.alterTable('chatbots', () => { table.uuid('public_token').alter(); })",
        "db.schema.createTable('chatbots').addColumn().execute()",
    ],
)
def test_a_call_that_is_given_too_little_is_not_understood(up: str, tmp_path: Path) -> None:
    """It would fail when it runs."""
    program = f"exports.up = async (knex, db) => {{ await {up}; }}; // chatbots.public_token"
    with pytest.raises(CouldNotTell, match=r"20250101_b\.js:1"):
        judge(tmp_path, {"migrations/20240101_a.js": KNEX_OLD, "migrations/20250101_b.js": program})


ALTER = "knex.schema.alterTable({table}, (t) => {{ t.uuid('public_token').defaultTo(knex.fn.uuid()).alter(); }})"


def test_a_name_means_what_it_means_where_it_is_used(tmp_path: Path) -> None:
    """Another function may have one of the same name, whichever of them stands first."""
    other = "const others = () => { const TABLE = 'users'; return TABLE; };"
    up = f"exports.up = (knex) => {{ const TABLE = 'chatbots'; return {ALTER.format(table='TABLE')}; }};"
    program = f"{other}\n{up}\n"
    assert judge(tmp_path, {"migrations/20240101_a.js": KNEX_OLD, "migrations/20250101_b.js": program}) == []


def test_a_name_that_is_given_something_else_later_is_not_known(tmp_path: Path) -> None:
    """Its first value may be that of another table."""
    up = f"let table = 'users'; if (old) table = 'chatbots'; await {ALTER.format(table='table')};"
    program = f"exports.up = async (knex) => {{ {up} }}; // chatbots.public_token"
    with pytest.raises(CouldNotTell, match="the table's name is built at run time"):
        judge(tmp_path, {"migrations/20240101_a.js": KNEX_OLD, "migrations/20250101_b.js": program})


@pytest.mark.parametrize(
    ("imports", "helper"),
    [
        ("import { change } from '../src/change';", "export const change = (knex) => {alter};"),
        ("import change from '../src/change';", "export default async function (knex) {{ await {alter}; }}"),
        ("const { change } = require('../src/change');", "exports.change = (knex) => {alter};"),
        ("import { change } from '../src/change';", "export function* change(knex) {{ yield {alter}; }}"),
    ],
)
def test_a_function_of_another_file_is_followed(imports: str, helper: str, tmp_path: Path) -> None:
    """As one of the same file is; what it does is quoted where it stands."""
    files = {
        "migrations/20240101_a.js": KNEX_OLD,
        "migrations/20250101_b.ts": f"{imports}\nexports.up = (knex) => change(knex); // knex, chatbots.public_token",
    }
    right = {"src/change.ts": helper.format(alter=ALTER.format(table="'chatbots'"))}
    wrong = {"src/change.ts": right["src/change.ts"].replace("t.uuid", "t.text")}
    assert judge(tmp_path / "right", {**files, **right}) == []
    found = judge(tmp_path / "wrong", {**files, **wrong})
    assert found[0].startswith("src/change.ts:1: t.text('public_token')")


def test_columns_of_a_table_may_be_spread_and_pushed(tmp_path: Path) -> None:
    """Of TypeORM, whose columns are a list."""
    up = """const base = [{ name: "id", type: "int" }]; const columns = [...base];
    columns.push({ name: "public_token", type: "uuid", default: "gen_random_uuid()" });
    await queryRunner.createTable(new Table(/* all */ { name: "chatbots", columns }));"""
    program = f"class Init1690000000000 {{ async up(queryRunner) {{ {up} }} }}"
    assert judge(tmp_path, {"migrations/1690000000000-Init.ts": program}) == []
