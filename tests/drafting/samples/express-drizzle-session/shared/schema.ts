import { boolean, integer, json, pgTable, serial, text, timestamp, uuid, varchar } from "drizzle-orm/pg-core";

export const sessions = pgTable("sessions", {
  sid: varchar("sid").primaryKey(),
  sess: json("sess").notNull(),
  expire: timestamp("expire").notNull(),
});

export const users = pgTable("users", {
  id: serial("id").primaryKey(),
  email: text("email").notNull().unique(),
  passwordHash: text("password_hash").notNull(),
  resetToken: text("reset_token"),
});

export const chatbots = pgTable("chatbots", {
  id: serial("id").primaryKey(),
  ownerId: integer("owner_id")
    .notNull()
    .references(() => users.id),
  name: text("name").notNull(),
  language: text("language").notNull(),
  greeting: text("greeting"),
  requireAuth: boolean("require_auth").notNull().default(false),
  publicToken: uuid("public_token").notNull().unique().defaultRandom(),
  createdAt: timestamp("created_at").notNull().defaultNow(),
});

export type User = typeof users.$inferSelect;
export type Chatbot = typeof chatbots.$inferSelect;
export type NewChatbot = typeof chatbots.$inferInsert;
