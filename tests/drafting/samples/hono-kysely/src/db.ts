import { type Generated, Kysely, PostgresDialect } from "kysely";
import pg from "pg";

interface BotTable {
  id: Generated<string>;
  label: string;
  settings: string;
  tags: string;
  public_token: Generated<string>;
}

export const db = new Kysely<{ bot: BotTable }>({
  dialect: new PostgresDialect({ pool: new pg.Pool({ connectionString: process.env.DATABASE_URL }) }),
});
