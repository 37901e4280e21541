const { Router } = require("express");
const db = require("../db");

const router = Router();

router.get("/", async (req, res, next) => {
  try {
    const { rows } = await db.query("SELECT assistant_id, title FROM assistants ORDER BY assistant_id DESC LIMIT 50");
    res.json({ data: rows });
  } catch (err) {
    next(err);
  }
});

router.post("/", async (req, res, next) => {
  const { title, model } = req.body;
  if (!title) {
    return res.status(400).json({ error: "title is required" });
  }
  try {
    const result = await db.query(
      "INSERT INTO assistants (title, model) VALUES ($1, COALESCE($2, 'small')) RETURNING assistant_id, share_token",
      [title, model]
    );
    const row = result.rows[0];
    res.status(201).json({ data: { id: row.assistant_id, shareToken: row.share_token } });
  } catch (err) {
    next(err);
  }
});

module.exports = router;
