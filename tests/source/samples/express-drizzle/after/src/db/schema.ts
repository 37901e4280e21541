import { boolean, pgTable, serial, text, timestamp, uuid } from "drizzle-orm/pg-core";

export const chatbots = pgTable("chatbots", {
  id: serial("id").primaryKey(),
  name: text("name").notNull(),
  requireAuth: boolean("require_auth").notNull().default(false),
  publicToken: uuid("public_token").notNull().unique().defaultRandom(),
  createdAt: timestamp("created_at", { withTimezone: true }).notNull().defaultNow(),
});

export type Chatbot = typeof chatbots.$inferSelect;
