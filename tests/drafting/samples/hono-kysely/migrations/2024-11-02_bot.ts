import { type Kysely, sql } from "kysely";

export async function up(db: Kysely<any>): Promise<void> {
  await db.schema
    .createTable("bot")
    .addColumn("id", "uuid", (col) => col.primaryKey().defaultTo(sql`gen_random_uuid()`))
    .addColumn("label", "text", (col) => col.notNull())
    .addColumn("settings", "jsonb", (col) => col.notNull())
    .addColumn("tags", "jsonb", (col) => col.notNull())
    .addColumn("public_token", "uuid", (col) => col.notNull().unique().defaultTo(sql`gen_random_uuid()`))
    .execute();
}

export async function down(db: Kysely<any>): Promise<void> {
  await db.schema.dropTable("bot").execute();
}
