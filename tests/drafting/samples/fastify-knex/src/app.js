const Fastify = require("fastify");
const secureSession = require("@fastify/secure-session");
const botRoutes = require("./routes/bots");
const sessionRoutes = require("./routes/sessions");

function buildApp() {
  const app = Fastify({ logger: true });
  app.register(secureSession, { key: Buffer.from(process.env.SESSION_KEY, "hex") });
  app.get("/status", async () => ({ status: "up" }));
  app.register(sessionRoutes);
  app.register(botRoutes, { prefix: "/api/v2/bots" });
  return app;
}

module.exports = { buildApp };
