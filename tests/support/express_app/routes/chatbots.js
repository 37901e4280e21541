import { Router } from "express";
import { pool } from "../db.js";

export const chatbots = Router();

chatbots.post("/chatbots", async (req, res) => {
  const { title } = req.body;
  if (!title) {
    return res.status(400).json({ error: "title is required" });
  }
  const { rows } = await pool.query("INSERT INTO chatbots (title) VALUES ($1) RETURNING id, public_token", [title]);
  res.status(201).json({ chatbot: { id: rows[0].id, publicToken: rows[0].public_token } });
});
