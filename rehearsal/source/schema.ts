import { bigserial, boolean, pgTable, text, timestamp, uuid } from "drizzle-orm/pg-core";

export const chatbots = pgTable("chatbots", {
  id: bigserial("id", { mode: "number" }).primaryKey(),
  name: text("name").notNull(),
  publicToken: uuid("public_token").notNull().unique().defaultRandom(),
  requireAuth: boolean("require_auth").notNull().default(false),
  createdAt: timestamp("created_at", { withTimezone: true }).notNull().defaultNow(),
});
