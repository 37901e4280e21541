import { Pool, type QueryResultRow } from "pg";

const pool = new Pool({ connectionString: process.env.DATABASE_URL, max: 10 });

pool.on("error", (err) => console.error("idle client", err));

export async function query<T extends QueryResultRow>(text: string, values: unknown[] = []): Promise<T[]> {
  const result = await pool.query<T>(text, values);
  return result.rows;
}
