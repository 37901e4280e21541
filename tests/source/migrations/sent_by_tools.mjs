// Writes sent_by_tools.json: what tools send for the bodies of migrations below. In an empty folder:
//   npm install knex node-pg-migrate sequelize kysely drizzle-kit drizzle-orm pg \
//     @prisma/schema-engine-wasm @prisma/adapter-pg
//   cp .../sent_by_tools.mjs . && DATABASE_URL=.. node sent_by_tools.mjs > .../sent_by_tools.json
// What drizzle-kit pushes is asked in that database, whose table chatbots it makes and drops.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import * as prismaEngine from "@prisma/schema-engine-wasm/schema_engine_bg";
import * as kyselyModule from "kysely";
import { MigrationBuilder, PgLiteral } from "node-pg-migrate";

const require = createRequire(import.meta.url);
const version = (name) => require(`./node_modules/${name}/package.json`).version;
const knex = require("knex")({ client: "pg" });
const drizzleKit = require("drizzle-kit/api");
const drizzleCore = require("drizzle-orm/pg-core");
const { Client } = require("pg");
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
  // Of these, the column as the schema file declares it after the change; before it is a text of 8 characters.
  "drizzle-kit": {
    uuid: 'uuid("public_token").notNull().defaultRandom()',
    uuid_alone: 'uuid("public_token").notNull()',
    of_the_client: 'uuid("public_token").notNull().$defaultFn(() => crypto.randomUUID())',
    text: 'text("public_token").notNull()',
    text_default: 'text("public_token").default("x")',
    default_only: 'varchar("public_token", { length: 8 }).notNull().default(sql`left(gen_random_uuid()::text, 8)`)',
  },
  prisma: {
    uuid: 'String @default(dbgenerated("gen_random_uuid()")) @map("public_token") @db.Uuid',
    uuid_alone: 'String @map("public_token") @db.Uuid',
    of_the_client: 'String @default(uuid()) @map("public_token") @db.Uuid',
    text: 'String @map("public_token")',
    default_only: 'String @default("x") @map("public_token") @db.VarChar(8)',
    nullable: 'String? @map("public_token") @db.VarChar(8)',
  },
};
const PACKAGES = { prisma: "@prisma/schema-engine-wasm" };

const drizzleTable = (column) => {
  const publicToken = run(column, { ...drizzleCore, sql: require("drizzle-orm").sql });
  return { chatbots: drizzleCore.pgTable("chatbots", { id: drizzleCore.serial("id").primaryKey(), publicToken }) };
};
const DRIZZLE_BEFORE = 'varchar("public_token", { length: 8 }).notNull()';
const PRISMA_BEFORE = 'String @map("public_token") @db.VarChar(8)';
const prismaSchema = (field) => ({
  files: [
    {
      path: "schema.prisma",
      content: `datasource db {\n  provider = "postgresql"\n}\nmodel Chatbot {\n  id Int @id @default(autoincrement())\n  publicToken ${field}\n  @@map("chatbots")\n}\n`,
    },
  ],
});

async function startedPrisma() {
  const bytes = readFileSync(new URL("./node_modules/@prisma/schema-engine-wasm/schema_engine_bg.wasm", import.meta.url));
  const module = new WebAssembly.Module(bytes);
  const names = WebAssembly.Module.imports(module).map((one) => one.module);
  const instance = new WebAssembly.Instance(module, Object.fromEntries(names.map((name) => [name, prismaEngine])));
  prismaEngine.__wbg_set_wasm(instance.exports);
  instance.exports.__wbindgen_start();
  const { PrismaPg } = require("@prisma/adapter-pg");
  const { bindMigrationAwareSqlAdapterFactory } = require("@prisma/driver-adapter-utils");
  const database = bindMigrationAwareSqlAdapterFactory(new PrismaPg({ connectionString: process.env.DATABASE_URL }));
  const datamodel = prismaSchema(PRISMA_BEFORE).files[0];
  return prismaEngine.SchemaEngine.new({ datamodels: [[datamodel.path, datamodel.content]] }, () => {}, database);
}

// What `drizzle-kit push` sends, and what Postgres says to it: it compares with the database itself.
async function pushedByDrizzle(column) {
  const client = new Client({ connectionString: process.env.DATABASE_URL });
  await client.connect();
  await client.query("CREATE TABLE chatbots (id serial PRIMARY KEY, public_token varchar(8) NOT NULL)");
  await client.query("INSERT INTO chatbots (public_token) VALUES ('ab12cd34')");
  const write = process.stdout.write;
  process.stdout.write = () => true; // it draws a spinner
  const { drizzle } = require("drizzle-orm/node-postgres");
  const pushed = await drizzleKit.pushSchema(drizzleTable(column), drizzle(client));
  process.stdout.write = write;
  const refused = await pushed.apply().then(() => null, (error) => error.cause?.code ?? error.code);
  await client.query("DROP TABLE chatbots");
  await client.end();
  return { sent: pushed.statementsToExecute, warnings: pushed.warnings, refused };
}

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
  "drizzle-kit": async (body) => {
    const before = drizzleKit.generateDrizzleJson(drizzleTable(DRIZZLE_BEFORE));
    return drizzleKit.generateMigration(before, drizzleKit.generateDrizzleJson(drizzleTable(body), before.id));
  },
  prisma: async (body) => {
    const [from, to] = [PRISMA_BEFORE, body].map((field) => ({ tag: "schemaDatamodel", ...prismaSchema(field) }));
    const filters = { externalTables: [], externalEnums: [] };
    const asked = { from, to, script: true, exitCode: null, shadowDatabaseUrl: null, filters };
    return [(await prisma.diff(asked)).stdout];
  },
};
const prisma = await startedPrisma();
const found = {};
for (const [tool, bodies] of Object.entries(BODIES)) {
  found[tool] = { version: version(PACKAGES[tool] ?? tool), migrations: {} };
  for (const [name, body] of Object.entries(bodies)) found[tool].migrations[name] = { body, sent: await sent[tool](body) };
}
found["drizzle-kit"].pushed = await pushedByDrizzle(BODIES["drizzle-kit"].uuid);
console.log(JSON.stringify(found, null, 1));
process.exit(0); // Prisma's engine keeps its connection
