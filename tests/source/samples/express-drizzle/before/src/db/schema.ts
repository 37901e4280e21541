import { boolean, pgTable, serial, text, timestamp, varchar } from "drizzle-orm/pg-core";
import { newToken } from "../lib/tokens.js";

export const chatbots = pgTable("chatbots", {
  id: serial("id").primaryKey(),
  name: text("name").notNull(),
  requireAuth: boolean("require_auth").notNull().default(false),
  publicToken: varchar("public_token", { length: 8 })
    .notNull()
    .unique()
    .$defaultFn(() => newToken()),
  createdAt: timestamp("created_at", { withTimezone: true }).notNull().defaultNow(),
});

export type Chatbot = typeof chatbots.$inferSelect;
