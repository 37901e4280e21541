import { Router } from "express";
import { Pool } from "pg";

const pool = new Pool({ connectionString: process.env.DATABASE_URL });

export const routes = Router();

routes.post("/api/chatbots", async (request, response, next) => {
  const { name, require_auth: requireAuth = false } = request.body;
  if (typeof name !== "string" || !name.trim()) {
    return response.status(400).json({ error: "name is missing" });
  }
  try {
    const { rows } = await pool.query(
      "insert into chatbots (name, require_auth) values ($1, $2) returning id, name, public_token, require_auth",
      [name, requireAuth],
    );
    response.status(201).json(rows[0]);
  } catch (error) {
    next(error);
  }
});
