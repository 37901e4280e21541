import { Router } from "express";
import { z } from "zod";
import { type Chatbot, sql } from "../db.js";
import { generateRandomToken } from "../lib/token.js";

export const chatbots = Router();

const Body = z.object({ name: z.string().min(1).max(200), require_auth: z.boolean().default(false) });

chatbots.post("/", async (req, res, next) => {
  const body = Body.safeParse(req.body);
  if (!body.success) {
    return res.status(400).json({ error: body.error.flatten() });
  }
  const { name, require_auth } = body.data;

  for (let attempt = 0; attempt < 3; attempt++) {
    const token = generateRandomToken(6 + attempt);
    try {
      const [chatbot] = await sql<Chatbot[]>`
        INSERT INTO chatbots (name, require_auth, public_token)
        VALUES (${name}, ${require_auth}, ${token})
        RETURNING id, public_token
      `;
      return res.status(201).json(chatbot);
    } catch (err: any) {
      if (err.code === "23505" && attempt < 2) {
        continue; // the token is taken, try another
      }
      return next(err);
    }
  }
});

chatbots.get("/:token", async (req, res) => {
  const [chatbot] = await sql<Chatbot[]>`
    SELECT id, name, require_auth FROM chatbots WHERE public_token = ${req.params.token}
  `;
  if (!chatbot) {
    return res.status(404).json({ error: "no such chatbot" });
  }
  res.json(chatbot);
});
