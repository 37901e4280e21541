import { zValidator } from "@hono/zod-validator";
import { Hono } from "hono";
import { z } from "zod";
import { db } from "./db";

const NewBot = z.object({
  label: z.string().min(1),
  settings: z.object({ model: z.string(), maxTokens: z.number().int().min(16).max(4096) }),
  tags: z.array(z.string()).default([]),
});

export const bots = new Hono();

bots.get("/:id", async (c) => {
  const bot = await db.selectFrom("bot").selectAll().where("id", "=", c.req.param("id")).executeTakeFirst();
  return bot ? c.json(bot) : c.json({ error: "not found" }, 404);
});

bots.post("/", zValidator("json", NewBot), async (c) => {
  const { label, settings, tags } = c.req.valid("json");
  const bot = await db
    .insertInto("bot")
    .values({ label, settings: JSON.stringify(settings), tags: JSON.stringify(tags) })
    .returning(["id", "public_token"])
    .executeTakeFirstOrThrow();
  return c.json({ id: bot.id, token: bot.public_token }, 201);
});
