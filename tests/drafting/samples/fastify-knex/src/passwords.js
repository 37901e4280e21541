const { scryptSync, timingSafeEqual } = require("crypto");

async function verify(password, stored) {
  const [salt, hash] = stored.split("$");
  return timingSafeEqual(scryptSync(password, salt, 32), Buffer.from(hash, "hex"));
}

module.exports = { verify };
