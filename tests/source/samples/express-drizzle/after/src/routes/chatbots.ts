import { eq } from "drizzle-orm";
import { Router } from "express";
import { db, schema } from "../db/index.js";

export const chatbots = Router();

chatbots.post("/", async (req, res, next) => {
  try {
    const [row] = await db
      .insert(schema.chatbots)
      .values({ name: req.body.name, requireAuth: req.body.require_auth ?? false })
      .returning({ id: schema.chatbots.id, public_token: schema.chatbots.publicToken });
    res.status(201).json(row);
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
