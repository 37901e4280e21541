const db = require("../db");

const body = {
  type: "object",
  required: ["title", "channel", "priority"],
  additionalProperties: false,
  properties: {
    title: { type: "string", minLength: 1, maxLength: 100 },
    channel: { type: "string", enum: ["web", "email"] },
    priority: { type: "integer", minimum: 1, maximum: 5 },
    note: { type: "string" },
  },
};

async function botRoutes(fastify) {
  fastify.addHook("preHandler", async (request, reply) => {
    if (!request.session.get("userId")) {
      return reply.code(401).send({ error: "sign in first" });
    }
  });

  fastify.get("/", async () => db("bots").select("id", "title").orderBy("id", "desc"));

  fastify.route({
    method: "POST",
    url: "/",
    schema: { body },
    handler: async (request, reply) => {
      const { title, channel, priority, note } = request.body;
      const [bot] = await db("bots")
        .insert({ title, channel, priority, note, created_by: request.session.get("userId") })
        .returning(["id", "public_token"]);
      return reply.code(201).send(bot);
    },
  });
}

module.exports = botRoutes;
