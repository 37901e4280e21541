import { Router } from "express";
import { z } from "zod";
import { type Chatbot, sql } from "../db.js";

export const chatbots = Router();

const Body = z.object({ name: z.string().min(1).max(200), require_auth: z.boolean().default(false) });

chatbots.post("/", async (req, res, next) => {
  const body = Body.safeParse(req.body);
  if (!body.success) {
    return res.status(400).json({ error: body.error.flatten() });
  }
  const { name, require_auth } = body.data;

  try {
    const [chatbot] = await sql<Chatbot[]>`
      INSERT INTO chatbots (name, require_auth)
      VALUES (${name}, ${require_auth})
      RETURNING id, public_token
    `;
    res.status(201).json(chatbot);
  } catch (err) {
    next(err);
  }
});

chatbots.get("/:token", async (req, res) => {
  const token = z.string().uuid().safeParse(req.params.token);
  if (!token.success) {
    return res.status(404).json({ error: "no such chatbot" });
  }
  const [chatbot] = await sql<Chatbot[]>`
    SELECT id, name, require_auth FROM chatbots WHERE public_token = ${token.data}
  `;
  if (!chatbot) {
    return res.status(404).json({ error: "no such chatbot" });
  }
  res.json(chatbot);
});
