import postgres from "postgres";

const url = process.env.DATABASE_URL;
if (!url) {
  throw new Error("DATABASE_URL is not set");
}

export const sql = postgres(url, { max: 10, idle_timeout: 20 });

export interface Chatbot {
  id: number;
  name: string;
  require_auth: boolean;
  public_token: string;
  created_at: Date;
}
