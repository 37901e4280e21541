const db = require("./db");
const { verify } = require("./passwords");

async function findUser(email, password) {
  const user = await db("users").where({ email }).first();
  return user && (await verify(password, user.password_hash)) ? user : undefined;
}

module.exports = { findUser };
