const { findUser } = require("../users");

module.exports = async function sessionRoutes(fastify) {
  fastify.post(
    "/sessions",
    {
      schema: {
        body: {
          type: "object",
          required: ["email", "password"],
          properties: { email: { type: "string", format: "email" }, password: { type: "string" } },
        },
      },
    },
    async (request, reply) => {
      const user = await findUser(request.body.email, request.body.password);
      if (!user) return reply.code(401).send({ error: "wrong email or password" });
      request.session.set("userId", user.id);
      return reply.code(204).send();
    },
  );
};
