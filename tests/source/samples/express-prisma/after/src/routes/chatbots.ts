import { Router } from "express";
import { ChatbotRepository } from "../repositories/chatbots.js";

export const chatbots = Router();
const repository = new ChatbotRepository();

chatbots.post("/", async (req, res, next) => {
  try {
    const chatbot = await repository.create({ name: req.body.name, requireAuth: Boolean(req.body.require_auth) });
    res.status(201).json({ id: chatbot.id, public_token: chatbot.publicToken });
  } catch (error) {
    next(error);
  }
});
