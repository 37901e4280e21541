import { serve } from "@hono/node-server";
import { Hono } from "hono";
import { bearerAuth } from "hono/bearer-auth";
import { logger } from "hono/logger";
import { bots } from "./bots";

const app = new Hono().basePath("/api");

app.use(logger());
app.get("/health", (c) => c.json({ ok: true }));
app.use("/bots/*", bearerAuth({ token: process.env.API_TOKEN! }));
app.route("/bots", bots);

serve({ fetch: app.fetch, port: Number(process.env.PORT ?? 8787) });
