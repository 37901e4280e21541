import { Router } from "express";
import { createChatbot } from "../services/chatbots.js";

export const chatbots = Router();

chatbots.post("/", async (req, res, next) => {
  const { name, require_auth: requireAuth = false } = req.body ?? {};
  if (typeof name !== "string" || name === "") {
    return res.status(400).json({ error: "name is required" });
  }
  try {
    const chatbot = await createChatbot({ name, requireAuth: Boolean(requireAuth) });
    res.status(201).json(chatbot);
  } catch (err) {
    next(err);
  }
});
