import { eq } from "drizzle-orm";
import { Router } from "express";
import { db, schema } from "../db/index.js";
import { newToken } from "../lib/tokens.js";

export const chatbots = Router();

async function insertChatbot(name: string, requireAuth: boolean) {
  let lastError: unknown;
  for (const _ of [1, 2, 3]) {
    try {
      const [row] = await db
        .insert(schema.chatbots)
        .values({ name, requireAuth, publicToken: newToken() })
        .returning({ id: schema.chatbots.id, public_token: schema.chatbots.publicToken });
      return row;
    } catch (error) {
      lastError = error;
      switch ((error as { code?: string }).code) {
        case "23505":
          continue;
        default:
          throw error;
      }
    }
  }
  throw lastError;
}

chatbots.post("/", async (req, res, next) => {
  try {
    res.status(201).json(await insertChatbot(req.body.name, req.body.require_auth ?? false));
  } catch (error) {
    next(error);
  }
});

chatbots.get("/:token", async (req, res) => {
  const found = await db.query.chatbots.findFirst({ where: eq(schema.chatbots.publicToken, req.params.token) });
  if (!found) {
    return res.sendStatus(404);
  }
  res.json({ id: found.id, name: found.name });
});
