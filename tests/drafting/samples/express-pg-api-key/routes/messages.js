const { Router } = require("express");
const db = require("../db");

const router = Router({ mergeParams: true });

router.post("/", async (req, res, next) => {
  try {
    const { rows } = await db.query("INSERT INTO messages (assistant_id, body) VALUES ($1, $2) RETURNING id", [
      req.params.id,
      req.body.body,
    ]);
    res.status(201).json(rows[0]);
  } catch (err) {
    next(err);
  }
});

module.exports = router;
