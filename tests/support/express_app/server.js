import express from "express";
import { chatbots } from "./routes/chatbots.js";

const app = express();
app.use(express.json());

app.get("/healthz", (_req, res) => {
  res.json({ ok: true });
});
app.use("/api/v1", chatbots);

const server = app.listen(Number(process.env.PORT ?? 3000), "127.0.0.1", () => {
  console.log(server.address().port);
});
