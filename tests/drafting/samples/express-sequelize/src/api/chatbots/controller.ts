import type { NextFunction, Request, Response } from "express";
import { Chatbot } from "../../models/chatbot";
import { toJson } from "./serializer";

export async function list(_req: Request, res: Response) {
  const found = await Chatbot.findAll({ limit: 100 });
  res.json({ items: found.map(toJson) });
}

export async function create(req: Request, res: Response, next: NextFunction) {
  try {
    if (typeof req.body.name !== "string" || !req.body.name.trim()) {
      res.status(400).json({ error: "name is missing" });
      return;
    }
    const chatbot = await Chatbot.create({ name: req.body.name.trim(), description: req.body.description });
    res.status(201).json({ chatbot: toJson(chatbot) });
  } catch (error) {
    next(error);
  }
}

export async function duplicate(req: Request, res: Response, next: NextFunction) {
  try {
    const original = await Chatbot.findByPk(req.params.id, { rejectOnEmpty: true });
    const copy = await Chatbot.create({ name: `${original.name} (copy)`, description: original.description });
    res.status(201).json({ chatbot: toJson(copy) });
  } catch (error) {
    next(error);
  }
}
