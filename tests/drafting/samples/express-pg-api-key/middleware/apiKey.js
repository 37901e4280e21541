const { timingSafeEqual } = require("crypto");

function requireApiKey(req, res, next) {
  const given = Buffer.from(req.get("x-api-key") || "");
  const wanted = Buffer.from(process.env.API_KEY);
  if (given.length !== wanted.length || !timingSafeEqual(given, wanted)) {
    return res.status(401).json({ error: "unauthorized" });
  }
  next();
}

module.exports = { requireApiKey };
