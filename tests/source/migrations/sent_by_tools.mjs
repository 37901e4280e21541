// Writes sent_by_tools.json: what tools send for the bodies of migrations below. In an empty folder:
//   npm install knex node-pg-migrate sequelize kysely
//   cp .../sent_by_tools.mjs . && node sent_by_tools.mjs > .../sent_by_tools.json
import { createRequire } from "node:module";
import * as kyselyModule from "kysely";
import { MigrationBuilder, PgLiteral } from "node-pg-migrate";

const require = createRequire(import.meta.url);
const version = (name) => require(`./node_modules/${name}/package.json`).version;
const knex = require("knex")({ client: "pg" });
const { Sequelize, DataTypes } = require("sequelize");
const { Kysely, PostgresAdapter, PostgresQueryCompiler, PostgresIntrospector, DummyDriver, sql } = kyselyModule;

const UUID = "t.uuid('public_token').notNullable().defaultTo(knex.raw('gen_random_uuid()'))";
const BODIES = {
  knex: {
    alter: `knex.schema.alterTable('chatbots', (t) => { ${UUID}.alter(); })`,
    alter_keeps_type: `knex.schema.alterTable('chatbots', (t) => { ${UUID}.alter({ alterType: false }); })`,
    alter_keeps_null: `knex.schema.alterTable('chatbots', (t) => { t.uuid('public_token').defaultTo(knex.fn.uuid()).alter({ alterNullable: false }); })`,
    drop_and_add: `knex.schema.alterTable('chatbots', (t) => { t.dropColumn('public_token'); ${UUID}; })`,
    rename_and_add: `knex.schema.alterTable('chatbots', (t) => { t.renameColumn('public_token', 'old'); ${UUID}; })`,
    add_drop_rename: `knex.schema.alterTable('chatbots', (t) => { t.uuid('fresh').defaultTo(knex.fn.uuid()); t.dropColumn('public_token'); t.renameColumn('fresh', 'public_token'); })`,
    chained: `knex.schema.alterTable('chatbots', (t) => { t.dropColumn('public_token'); }).alterTable('chatbots', (t) => { ${UUID}; })`,
    drop_nullable: `knex.schema.alterTable('chatbots', (t) => { t.setNullable('public_token'); })`,
    alter_default: `knex.schema.alterTable('chatbots', (t) => { t.string('public_token').defaultTo('x').alter(); })`,
    alter_twice: `knex.schema.alterTable('chatbots', (t) => { t.text('public_token').alter(); ${UUID}.alter(); })`,
    rename_last: `knex.schema.alterTable('chatbots', (t) => { t.renameColumn('public_token', 'old'); t.text('public_token').alter(); })`,
  },
  "node-pg-migrate": {
    alter: "pgm.alterColumn('chatbots', 'public_token', { type: 'uuid', using: 'public_token::uuid', default: pgm.func('gen_random_uuid()'), notNull: true })",
    without_using: "pgm.alterColumn('chatbots', 'public_token', { type: 'uuid', default: pgm.func('gen_random_uuid()') })",
    default_dropped: "pgm.alterColumn('chatbots', 'public_token', { type: 'uuid', using: 'gen_random_uuid()', default: null })",
    only_default: "pgm.alterColumn('chatbots', 'public_token', { default: 'x' })",
    nullable: "pgm.alterColumn('chatbots', 'public_token', { allowNull: true })",
    add: "pgm.dropColumn('chatbots', 'public_token'); pgm.addColumn('chatbots', { public_token: { type: 'uuid', default: new PgLiteral('gen_random_uuid()'), notNull: true } })",
    add_text_default: "pgm.dropColumn('chatbots', 'public_token'); pgm.addColumn('chatbots', { public_token: { type: 'uuid', default: 'gen_random_uuid()' } })",
    shorthand: "pgm.dropColumn('chatbots', 'public_token'); pgm.addColumns('chatbots', { public_token: 'uuid' })",
    rename: "pgm.renameColumn('chatbots', 'public_token', 'old'); pgm.addColumn('chatbots', { public_token: { type: 'uuid', default: pgm.func('gen_random_uuid()') } })",
  },
  sequelize: {
    change: "queryInterface.changeColumn('chatbots', 'public_token', { type: Sequelize.UUID, allowNull: false, defaultValue: Sequelize.literal('gen_random_uuid()') })",
    using: "queryInterface.changeColumn('chatbots', 'public_token', { type: 'UUID USING public_token::uuid', allowNull: false, defaultValue: Sequelize.literal('gen_random_uuid()') })",
    using_cast: "queryInterface.changeColumn('chatbots', 'public_token', { type: 'UUID USING CAST(\"public_token\" AS UUID)', defaultValue: Sequelize.fn('gen_random_uuid') })",
    client_default: "queryInterface.changeColumn('chatbots', 'public_token', { type: 'UUID USING public_token::uuid', defaultValue: Sequelize.UUIDV4 })",
    text: "queryInterface.changeColumn('chatbots', 'public_token', { type: Sequelize.STRING(36), defaultValue: 'x' })",
    type_alone: "queryInterface.changeColumn('chatbots', 'public_token', Sequelize.TEXT)",
  },
  kysely: {
    type: "db.schema.alterTable('chatbots').alterColumn('public_token', (c) => c.setDataType('uuid'))",
    using: "db.schema.alterTable('chatbots').alterColumn('public_token', (c) => c.setDataType(sql`uuid using public_token::uuid`))",
    using_and_default: "db.schema.alterTable('chatbots').alterColumn('public_token', (c) => c.setDataType(sql`uuid using public_token::uuid`)).alterColumn('public_token', (c) => c.setDefault(sql`gen_random_uuid()`))",
    default_dropped: "db.schema.alterTable('chatbots').alterColumn('public_token', (c) => c.dropDefault()).alterColumn('public_token', (c) => c.dropNotNull())",
    drop_and_add: "db.schema.alterTable('chatbots').dropColumn('public_token').addColumn('public_token', 'uuid', (c) => c.notNull().defaultTo(sql`gen_random_uuid()`))",
    add_and_drop: "db.schema.alterTable('chatbots').addColumn('public_token', 'uuid', (c) => c.defaultTo(sql`gen_random_uuid()`)).dropColumn('public_token')",
  },
};

const run = (body, given) => new Function(...Object.keys(given), `return ${body.replace(/;\s*(?=pgm)/g, ", ")}`)(...Object.values(given));
const sent = {
  knex: (body) => run(body, { knex }).toSQL().map((query) => query.sql),
  "node-pg-migrate": (body) => {
    const pgm = new MigrationBuilder({}, {}, false, console);
    run(body, { pgm, PgLiteral });
    return [pgm.getSql()];
  },
  sequelize: async (body) => {
    const found = [];
    const client = new Sequelize("postgres://localhost/x", { logging: false });
    client.query = async (query) => (found.push(query), [[], 0]);
    await run(body, { queryInterface: client.getQueryInterface(), Sequelize, DataTypes });
    return found;
  },
  kysely: (body) => {
    const db = new Kysely({
      dialect: {
        createAdapter: () => new PostgresAdapter(),
        createDriver: () => new DummyDriver(),
        createIntrospector: (of) => new PostgresIntrospector(of),
        createQueryCompiler: () => new PostgresQueryCompiler(),
      },
    });
    return [run(body, { db, sql }).compile().sql];
  },
};
const found = {};
for (const [tool, bodies] of Object.entries(BODIES)) {
  found[tool] = { version: version(tool), migrations: {} };
  for (const [name, body] of Object.entries(bodies)) found[tool].migrations[name] = { body, sent: await sent[tool](body) };
}
console.log(JSON.stringify(found, null, 1));
