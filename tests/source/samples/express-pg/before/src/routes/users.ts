import { Router } from "express";
import { query } from "../db.js";

export const users = Router();

users.post("/", async (req, res, next) => {
  try {
    const [user] = await query<{ id: string }>("INSERT INTO users (email) VALUES ($1) RETURNING id", [req.body.email]);
    res.status(201).json(user);
  } catch (err: any) {
    if (err?.code === "23505" && err.constraint === "users_email_key") {
      return res.status(409).json({ error: "this address is registered already" });
    }
    next(err);
  }
});
